. "$(dirname "$0")/_case.sh"
# Choices among the candidates of a class of demand: learned from many series, the same with any
# number of threads, refused with the remedy where there are few; by each series' own past.
python3 - << 'END'
with open("many.csv", "w") as many, open("rare.csv", "w") as rare:
    many.write("unique_id,ds,y\n")
    rare.write("unique_id,ds,y\n")
    x = 12345
    for name in range(110):
        level = 50
        for t in range(24):
            x = (1103515245 * x + 12345) % 2**31
            level += (x >> 16) % 7 - 3 if name % 2 else 0
            many.write(f"s{name},{t},{level + (x >> 20) % 3}\n")
    for t in range(40):
        x = (1103515245 * x + 12345) % 2**31
        rare.write(f"part,{t},{1 + (x >> 18) % 2 if (x >> 16) % 3 == 0 else 0}\n")
END
plain='--horizon 3 --paths 0'
learned="almanac forecast many.csv --method learned $plain"
$learned --check 1 --threads 1 --output a.csv --reasons 2>&1 |
    grep -A1 -E '^(method|check)'
$learned --check 1 --threads 2 --output b.csv --reasons --quiet
cmp a.csv b.csv
cut -d, -f8,9 a.csv | sort | uniq -c
$learned --check 1 --json | grep -o '"learned":\[[^]]*\]'
$learned --check 16 --output c.csv 2>&1 |
    grep -A1 -E '^check'
head -400 many.csv > few.csv
almanac forecast few.csv --method learned
echo $?
for method in best weighted median; do
    almanac forecast rare.csv $plain --check 0 --method $method --output d.csv 2>&1 |
        sed -n '/^method/,/^intervals/p'
done
almanac forecast rare.csv $plain --check 0 --method best --json |
    grep -o '"demand":"[a-z]*"\|"method":"ses",[^}]*'
