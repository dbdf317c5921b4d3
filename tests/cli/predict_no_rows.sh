. "$(dirname "$0")/_case.sh"
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
almanac predict --model model.txt rows.csv
