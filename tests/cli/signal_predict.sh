. "$(dirname "$0")/_case.sh"
# A release scores bars with the columns of the project's source, and says who let it in.
bars_trained
almanac predict --release swing-1 prices.csv --output a.csv
almanac models compare swing-1 --quiet && almanac models approve swing-1 --why fine --quiet &&
    almanac models promote swing-1 --alias live --why first --quiet || exit 99
almanac predict --release live prices.csv --output b.csv
cmp a.csv b.csv && head -1 a.csv && wc -l < a.csv && cut -d, -f1 a.csv | sort | uniq -c
sed 's/close/last/' prices.csv > other.csv
almanac predict --release live other.csv
almanac predict --release live other.csv --bars close=last --output c.csv
cmp a.csv c.csv && echo same
almanac predict --release live prices.csv --json | cut -c1-46
