. "$(dirname "$0")/_case.sh"
# Within an ulp of the exact sigmoid, with bits that do not depend on the CPU.
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
printf 'X1,X2\n100,1\n700,3\n' > rows.csv
almanac predict --model model.txt rows.csv --fast --quiet
almanac predict --model model.txt rows.csv --fast --raw --quiet
