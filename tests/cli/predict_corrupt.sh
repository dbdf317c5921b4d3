. "$(dirname "$0")/_case.sh"
head -c 700 "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" > model.txt
printf 'X1,X2\n1,2\n' > rows.csv
almanac predict --model model.txt rows.csv
