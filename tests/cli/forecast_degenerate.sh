. "$(dirname "$0")/_case.sh"
# Every series has an answer or says why there is none.
python3 - << 'END'
series = {"constant": [7] * 30, "one": [3], "zero": [0] * 30, "spike": [0] * 20 + [99] + [0] * 9,
          "huge": [1e300] * 10 + [2e300] * 10, "alternating": [1, -1] * 15, "missing": [""] * 10,
          "two": [1, 2], "late": [""] * 20 + [5]}
with open("odd.csv", "w") as out:
    out.write("unique_id,ds,y\n")
    for name, values in series.items():
        for i, value in enumerate(values):
            out.write(f"{name},{i},{value}\n")
END
almanac forecast odd.csv --season 4 --horizon 1 --method theta \
    --output - --reasons
