. "$(dirname "$0")/_case.sh"
# Values at two horizons; a scaler takes no infinite number, and half an answer is none.
golden=$ALMANAC_SOURCE/tests/golden/forest
mkdir two && cp "$golden/model_simple.txt" two
echo '{"center": [0, 1], "scale": [0.1, 4]}' > two/scaler.json
cat > two/scorer.json <<END
{"almanac_scorer": 1, "task": "value", "horizons": [
 {"name": "1", "members": [{"name": "m", "model": "model_simple.txt"}]},
 {"name": "7", "members": [{"name": "m", "model": "model_simple.txt", "scaler": "scaler.json"}]}]}
END
printf 'X1,X2\n100,1\n700,3\n,\n' > rows.csv
almanac predict --model two rows.csv --members 2> /dev/null
printf '1,inf\n' >> rows.csv
almanac predict --model two rows.csv --json --block 2
