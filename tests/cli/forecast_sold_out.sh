. "$(dirname "$0")/_case.sh"
# What was sold out is a lower bound to count and missing to others; and refusals of the columns.
python3 - << 'END'
with open("shop.csv", "w") as out, open("many.csv", "w") as many:
    out.write("unique_id,ds,y,out,left\n")
    many.write("unique_id,ds,y,out,left\n")
    x = 12345
    for i in range(40):
        for t in range(60):
            x = (1103515245 * x + 12345) % 2**31
            demand = (x >> 16) % 7
            stock = 2 + (x >> 20) % 8
            sold, left = min(demand, stock), max(stock - demand, 0)
            line = f"s{i},{t},{sold},{int(left == 0)},{left}\n"
            many.write(line)
            if i < 2:
                out.write(line if i == 0 else f"s1,{t},{demand},,1\n")
END
plain='--season 1 --horizon 5 --check 2'
for method in auto count; do
    almanac forecast shop.csv --sold-out out $plain --method $method --output $method.csv --quiet
    almanac forecast shop.csv --stock left $plain --method $method --output $method.s.csv --quiet
    cmp $method.csv $method.s.csv
    almanac forecast shop.csv --sold-out out $plain --method $method --json |
        grep -o '"sold_out_[^{]*"first"'
done
almanac forecast shop.csv --sold-out out $plain --method count 2>&1 > /dev/null | sed -n 4,10p
almanac forecast shop.csv --stock left $plain --method theta 2>&1 > /dev/null | sed -n 4,10p
# Bounds say more than what was sold, and than what is left when they are left out.
mean() { python3 -c "import csv, sys; rows = list(csv.DictReader(open('m.csv')))
print(round(sum(float(row['count']) for row in rows) / len(rows), 1))"; }
for how in '--sold-out out' ''; do
    almanac forecast many.csv $how $plain --method count --output m.csv 2>&1 |
        grep -A1 -E '^method'
    mean
done
awk -F, '$4 != 1' many.csv > left_out.csv
almanac forecast left_out.csv $plain --freq 1 --method count --output m.csv --quiet && mean
try() { almanac forecast shop.csv "$@"; echo "$?"; }
try --sold-out out --stock left
try --sold-out missing
try --sold-out left
sed -i '9s/,[^,]*$/,few/' shop.csv
try --stock left
printf 'ds,a,b,out\n1,1,2,0\n2,1,2,0\n' > wide.csv
almanac forecast wide.csv --sold-out out
echo $?
