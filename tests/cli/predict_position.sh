. "$(dirname "$0")/_case.sh"
cp "$ALMANAC_SOURCE/tests/golden/forest/tiniest_single_tree.txt" model.txt
printf 'a,b,c\n0.1,0.2,0.3\n0.9,0.8,0.7\n' > rows.csv
almanac predict --model model.txt rows.csv
