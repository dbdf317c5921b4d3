. "$(dirname "$0")/_case.sh"
project; replace data/sales.csv 5 ",[0-9]*$" ",many"; snapshot; code=$?
cat .almanac/rejected/refused.csv; exit $code
