. "$(dirname "$0")/_case.sh"
project; replace almanac.yaml 1,99 'model: demand' 'model: demnd'; almanac check
