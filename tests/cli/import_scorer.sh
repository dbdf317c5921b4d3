. "$(dirname "$0")/_case.sh"
# A scorer is kept with all its files: the folder may go, the release answers with the same bytes.
project; commit
cp -r "$ALMANAC_SOURCE/tests/golden/scorer" best
almanac predict --model best best/rows.csv --quiet 2> /dev/null > answers.csv
paste -d, best/rows.csv answers.csv > check.csv
cp best/rows.csv rows.csv
almanac import best/ --name signal --expected check.csv --why 'from research'
rm -r best
almanac predict --release signal-1 rows.csv 2> notes | cmp - answers.csv && echo same
cat notes
almanac models compare signal-1
sed '2s/[^,]*$/0.5/' check.csv > wrong.csv
cp -r "$ALMANAC_SOURCE/tests/golden/scorer" best
almanac import best --name signal --expected wrong.csv --why test
rm best/xg.ubj
almanac import best --name signal --why test
