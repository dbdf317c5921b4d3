. "$(dirname "$0")/_case.sh"
# A project that cannot be read is said so, before anybody looks for settings beside it.
project
echo 'listen: {port: 0}' > serve.yaml
echo 'almanach: 1' >> almanac.yaml
almanac serve --model "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt"
