. "$(dirname "$0")/_case.sh"
# A plan that is missing is refused with series, column and time; what cannot be meant, with why.
cp "$ALMANAC_SOURCE/examples/forecast/promotions.csv" .
try() { almanac forecast "$@" --quiet; echo "$?"; }
head -n 470 promotions.csv > short.csv
try short.csv --regressors price,promotion
try short.csv --regressors price,promotion --horizon 21 --output out.csv
sed 's/^2024-05-05,harbour,\([0-9]*\),[0-9.]*/2024-05-05,harbour,\1,/' promotions.csv > hole.csv
try hole.csv --regressors price
sed -E "s/^(2024-05-05,harbour,[0-9]*),[0-9.]*/\1,cheap/" promotions.csv > text.csv
try text.csv --regressors price
try promotions.csv --regressors weather
try promotions.csv --regressors price --observed price
try promotions.csv --future plan.csv
try promotions.csv --regressors price --method croston
try promotions.csv --regressors price --future promotions.csv --output promotions.csv
printf 'ds,holiday\n2024-05-01,Labour Day\n' > holidays.csv
try promotions.csv --value units --holidays holidays.csv --horizon 200
