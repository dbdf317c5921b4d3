. "$(dirname "$0")/_case.sh"
cp "$ALMANAC_SOURCE/tests/golden/forest/tiniest_single_tree.txt" model.txt
printf 'id,a,b,c\n1,0.1,0.2,0.3\n' > rows.csv
almanac predict --model model.txt rows.csv
