. "$(dirname "$0")/_case.sh"
# Every kind of contribution of one model; each line sums to its raw score.
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
printf 'X1,X2\n100,1\n700,3\n,2\n' > rows.csv
printf 'X2,X1\n1,100\n2,700\n3,\n4,350\n' > training.csv
show() { echo "-- $*"; almanac predict --model model.txt rows.csv --raw "$@"; }
show --contributions --quiet
show --contributions --strict --quiet
show --contributions --background training.csv
show --contributions --background training.csv --background-sample 2
show --interactions --quiet
show --contributions --background training.csv --json --quiet --block 1
