. "$(dirname "$0")/_case.sh"
# Every reason is one line, and a file that was asked for is not there.
cp -r "$ALMANAC_SOURCE/tests/golden/signal" . && golden=signal
try() {
    almanac predict --model "$golden" --quiet --output out.csv "$@" 2>&1 | grep -v "^unapproved"
}
head -9 "$golden/bars.csv" > bars.csv
sed 's/,volume,/,amount,/' bars.csv > names.csv; try names.csv
(cat bars.csv; sed -n 3p bars.csv) > again.csv; try again.csv
sed '4s/09:35/25:35/' bars.csv > time.csv; try time.csv
sed '5s/-01 /-01,/' bars.csv > fields.csv; try fields.csv
try bars.csv --group sector
try bars.csv --bars date=time
try bars.csv --bars time=when
try bars.csv --contributions
try "$golden/light.txt"
cp -r signal s; sed -i 's/rsi(close, 7)/rsi(close, 8)/' s/plan.json
almanac predict --model s bars.csv
sed -i 's/rsi(close, 8)/rsi(close,7)/' s/plan.json
almanac predict --model s bars.csv
rm s/plan.json; almanac predict --model s bars.csv
almanac predict --model signal again.csv --output out.parquet --quiet
test ! -e out.csv && test ! -e out.parquet && ls -A
