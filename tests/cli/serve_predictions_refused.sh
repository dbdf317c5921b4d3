. "$(dirname "$0")/_case.sh"
# A prediction log that cannot be kept is told before anybody is served.
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
echo text > file
echo 'predictions: {folder: file}' > serve.yaml
almanac serve --model model.txt --port 0 --settings serve.yaml --quiet
echo "status $?"
echo 'predictions: {folder: log, rate: 2}' > serve.yaml
almanac serve --model model.txt --port 0 --settings serve.yaml --quiet
echo "status $?"
