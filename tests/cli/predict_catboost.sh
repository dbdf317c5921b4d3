. "$(dirname "$0")/_case.sh"
cp "$ALMANAC_SOURCE/tests/golden/forest/catboost_regressor.cbm" regressor.cbm
cp "$ALMANAC_SOURCE/tests/golden/forest/cb_one_hot.cbm" one_hot.cbm
printf 'a,b,c,d\n2,4,6,8\n1,4,50,60\n' > rows.csv
printf 'a,b,c,d,e\n0.5,1,2,,3000009\n' > categories.csv
almanac predict --model regressor.cbm rows.csv
almanac predict --model regressor.cbm rows.csv --contributions --raw
almanac predict --model one_hot.cbm categories.csv --category-codes
almanac predict --model one_hot.cbm categories.csv
