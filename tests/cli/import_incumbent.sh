. "$(dirname "$0")/_case.sh"
# Two imported models beside the same expected outputs; a run takes neither, and what was trained
# here has no model file.
project
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
trained
sed 's/0.3584987837673016/0.3584987/; s/0.41213915936587919/0.5/' model.txt > other.txt
printf 'X1,X2\n100,1\n700,3\n' > rows.csv
almanac predict --model model.txt rows.csv --quiet 2> /dev/null | paste -d, rows.csv - > check.csv
almanac import model.txt --name simple --expected check.csv --why test --quiet
almanac import other.txt --name simple --why test --quiet
almanac models compare simple-2 --against simple-1 --dry-run
almanac models compare simple-1 --against simple-2 --json --dry-run
almanac models compare simple-1 --against simple-1
almanac models compare simple-1 --against demand-1
almanac predict --release demand-1 rows.csv
almanac predict --model model.txt --release simple-1 rows.csv
almanac predict rows.csv
almanac run --snapshot "$snap" --release simple-1 --dry-run
