. "$(dirname "$0")/_case.sh"
# No project, no git, no snapshot: a model file and rows, in any order of the columns.
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
printf 'X2,id,X1\n1,a,100\n3,b,700\n,c,\n' > rows.csv
almanac predict --model model.txt rows.csv; ls -A
