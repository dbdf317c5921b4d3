. "$(dirname "$0")/_case.sh"
# Intervals of many series are as wide as errors were, or the model's; forecasts are the same.
python3 - << 'END'
with open("noise.csv", "w") as out:
    out.write("unique_id,ds,y\n")
    x = 12345
    for i in range(60):
        for t in range(40):
            x = (1103515245 * x + 12345) % 2**31
            out.write(f"s{i},{t},{(x >> 16) % 100}\n")
END
almanac forecast noise.csv --season 1 --horizon 4 --method naive --threads 1 --output a.csv
almanac forecast noise.csv --season 1 --horizon 4 --method naive --threads 2 --output b.csv --quiet
almanac forecast noise.csv --season 1 --horizon 4 --method naive --intervals model --output m.csv
cmp a.csv b.csv
cut -d, -f1-3 a.csv > a3.csv; cut -d, -f1-3 m.csv > m3.csv; cmp a3.csv m3.csv
head -5 a.csv m.csv
almanac forecast noise.csv --intervals wide
echo $?
