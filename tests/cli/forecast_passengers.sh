. "$(dirname "$0")/_case.sh"
# The first minute (docs/forecast.md): nothing but a file, in a terminal that has more than ASCII.
export LC_ALL=C.UTF-8 COLUMNS=80
cp "$ALMANAC_SOURCE/examples/forecast/passengers.csv" .
almanac forecast passengers.csv --html page.html
grep -o '<svg class="fan"' page.html | wc -l
# A list of sales: what is not there was not sold.
printf 'date,sku,units\n2024-01-01,a,2\n2024-01-04,a,2\n2024-01-02,b,6\n2024-01-08,b,6\n' > s.csv
almanac forecast s.csv --method mean --horizon 1 --paths 0 --output - --quiet
almanac forecast s.csv --method mean --horizon 1 --paths 0 --output - --quiet --zero-gaps
