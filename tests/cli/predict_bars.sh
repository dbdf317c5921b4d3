. "$(dirname "$0")/_case.sh"
# Raw bars of two symbols in turn, answered beside the rows' times; the same from a compressed file
# and by another name of a column; Parquet goes out and comes back in.
cp -r "$ALMANAC_SOURCE/tests/golden/signal" . && golden=signal
head -42 "$golden/bars.csv" > bars.csv
almanac predict --model "$golden" bars.csv --members --quiet | sed -n '1,3p;40,42p' |
    sed -E 's/(0\.[0-9]{6})[0-9]+/\1/g'
almanac predict --model "$golden" bars.csv > answers.csv
sed '1s/time/when/' bars.csv | gzip > bars.csv.gz
almanac predict --model "$golden" bars.csv.gz --bars time=when --block 3 --quiet 2> notes |
    sed '1s/when/time/' | cmp - answers.csv && cat notes
almanac predict --model "$golden" bars.csv --output answers.parquet
almanac predict --model "$golden" bars.csv --json --quiet 2> notes |
    grep -o '"class":[^,]*,' | sort | uniq -c | sed 's/^ *//'
head -c 4 answers.parquet && echo
