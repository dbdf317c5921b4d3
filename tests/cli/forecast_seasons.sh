. "$(dirname "$0")/_case.sh"
# Several seasons: those that each series has, said in the head; or a refusal with the remedy.
python3 - << 'END'
with open("two.csv", "w") as out:
    out.write("unique_id,ds,y\n")
    x = 12345
    for name, count in ("long", 240), ("short", 40):
        for t in range(count):
            x = (1103515245 * x + 12345) % 2**31
            out.write(f"{name},{t},{20 + 3 * (t % 4) + (t % 24) + (x >> 16) % 3}\n")
END
plain='--horizon 6 --paths 0'
almanac forecast two.csv --season 24,4 $plain --threads 1 --output a.csv --reasons 2>&1 |
    grep -A1 -E '^(season|method)'
almanac forecast two.csv --season 4,24 $plain --threads 2 --output b.csv --reasons --quiet
cmp a.csv b.csv
cut -d, -f1,8,9 a.csv | uniq
almanac forecast two.csv --season 4,24 $plain --json | grep -o '"seasons".*"horizon":6'
for season in 4,24,4 4,1 4, 500,600 2,3,4,5,6,7,8 4,x; do
    almanac forecast two.csv --season $season
    echo $?
done
almanac forecast two.csv --season 4,24 --method theta
echo $?
