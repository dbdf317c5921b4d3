. "$(dirname "$0")/_case.sh"
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
echo X1,X2 > rows.csv
almanac predict --model model.txt rows.csv
almanac predict --model model.txt rows.csv --json --quiet
