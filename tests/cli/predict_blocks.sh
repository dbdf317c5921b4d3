. "$(dirname "$0")/_case.sh"
# The same bytes for any block, packed or not, into a file or not.
cp "$ALMANAC_SOURCE/tests/golden/forest/lgmulticlass.model" model.txt
{ printf 'label'; printf ',Column_%d' $(seq 0 27); echo
  tr '\t' , < "$ALMANAC_SOURCE/tests/golden/forest/multiclass_test.tsv"; } > rows.csv
almanac predict --model model.txt rows.csv --quiet > all.csv 2> /dev/null
for block in 1 7 1000; do
    almanac predict --model model.txt rows.csv --block $block --output $block.csv 2> /dev/null
    cmp all.csv $block.csv && echo same
done
gzip rows.csv
almanac predict --model model.txt rows.csv.gz 2> notes | cmp - all.csv && echo same
head -1 all.csv; wc -l < all.csv; tail -1 notes
