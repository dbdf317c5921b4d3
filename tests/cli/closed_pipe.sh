. "$(dirname "$0")/_case.sh"
# A reader that has seen enough ends the command without a word; a full disk is told.
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
python3 -c "
print('X1,X2')
for i in range(200000): print(f'{i},{i}')" > rows.csv
{ almanac predict --model model.txt rows.csv --quiet; echo "status $?" >&2; } | head -n 1
almanac predict --model model.txt rows.csv --quiet > /dev/full
echo "status $?" >&2
