. "$(dirname "$0")/_case.sh"
project; commit
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
printf 'X1,X2,prediction\n100,1,0.5731282609335557\n700,3,0.6\n' > check.csv
almanac import model.txt --name simple --expected check.csv --why test
almanac import model.txt --name simple --tolerance 0.1 --why test
almanac import model.txt --name simple --expected check.csv --tolerance ten --why test
almanac import model.txt --name 'not a name' --why test
almanac import model.txt --name simple
printf '\200\004.' > rows.pkl; almanac import rows.pkl --name simple --why test
almanac import model.txt --name simple --expected nowhere.csv --why test
almanac models list
almanac import model.txt --name simple --expected check.csv --tolerance 0.1 --why test --quiet
almanac import model.txt --name plain --why test --quiet
almanac models compare plain-1
