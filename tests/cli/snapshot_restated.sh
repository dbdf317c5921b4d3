. "$(dirname "$0")/_case.sh"
# A changed value is another snapshot; the first one stays.
project; a=$(snapshot --quiet); replace data/sales.csv 9 ",[0-9]*$" ",77"
b=$(snapshot --quiet)
test "$a" != "$b" && COLUMNS=200 almanac snapshot list |
    tail -n +2 | cut -d" " -f1 | diff - <(echo "$a"; echo "$b") &&
echo both
