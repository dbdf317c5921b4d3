. "$(dirname "$0")/_case.sh"
almanac keys add --file keys.json --role predictor,boss
