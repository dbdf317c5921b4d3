. "$(dirname "$0")/_case.sh"
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
echo 'pandas_categorical:[["blue", "red"]]' >> model.txt
printf 'X1,X2\n100,1\n' > rows.csv
almanac predict --model model.txt rows.csv --raw --category-codes
almanac predict --model model.txt rows.csv --raw
