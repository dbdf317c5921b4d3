. "$(dirname "$0")/_case.sh"
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
printf 'X1,X2\n1,2\n3,high\n' > rows.csv
almanac predict --model model.txt rows.csv --output out.csv; code=$?; ls -A; exit $code
