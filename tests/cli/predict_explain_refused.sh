. "$(dirname "$0")/_case.sh"
# What does not go together is said before anything is written.
golden=$ALMANAC_SOURCE/tests/golden/forest
cp "$golden/model_simple.txt" model.txt
printf 'X1,X2\n100,1\n' > rows.csv
refuse() { almanac predict --model model.txt rows.csv "$@" > out; echo "status $?"; cat out; }
refuse --strict
refuse --background rows.csv
refuse --contributions --strict --background rows.csv
refuse --contributions --interactions
refuse --contributions --background-sample 5
refuse --contributions --background rows.csv --background-sample 0
refuse --contributions --background rows.csv --background-sample 70000
refuse --contributions --background none.csv
mkdir s && cp model.txt s
echo '{"almanac_scorer":1,"task":"value","horizons":[{"name":"h","members":[
{"name":"m","model":"model.txt"}]}]}' > s/scorer.json
almanac predict --model s rows.csv --interactions
almanac predict --model s rows.csv --contributions --background rows.csv
almanac predict --model s rows.csv --fast
