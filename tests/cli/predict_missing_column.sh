. "$(dirname "$0")/_case.sh"
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
printf 'x1,id\n1,2\n' > rows.csv
almanac predict --model model.txt rows.csv
