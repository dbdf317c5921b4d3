. "$(dirname "$0")/_case.sh"
# Every reason is one line.
mkdir s && cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" s
printf 'X1,X2\n100,1\n' > rows.csv
almanac predict --model s rows.csv
echo '{"almanac_scorer":1,"task":"value","horizons":[],"colour":1}' > s/scorer.json
almanac predict --model s rows.csv
echo '{"almanac_scorer":1,"task":"value","horizons":[{"name":"h","members":[
{"name":"m","model":"model_simple.txt"}]}]}' > s/scorer.json
almanac predict --model s rows.csv --raw
almanac predict --model s/model_simple.txt rows.csv --members
printf 'X1\n100\n' > rows.csv
almanac predict --model s rows.csv
