. "$(dirname "$0")/_case.sh"
# From another library's file to a promoted release that answers: expected outputs are checked, kept
# and compared with.
project; commit
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
printf 'X1,X2\n100,1\n700,3\n' > rows.csv
almanac predict --model model.txt rows.csv --quiet 2> /dev/null | paste -d, rows.csv - > check.csv
almanac import model.txt --name simple --expected check.csv --why 'model of May'
almanac import model.txt --name simple --expected check.csv --why again --quiet
almanac predict --release simple-1 rows.csv 2>&1 > /dev/null
almanac models compare simple-1
almanac models approve simple-1 --why fine --quiet
almanac models promote simple-1 --alias live --why first --quiet
almanac predict --release live rows.csv 2>&1
almanac predict --release live rows.csv --json --quiet
