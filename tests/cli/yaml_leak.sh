. "$(dirname "$0")/_case.sh"
project; replace almanac.yaml 1,99 'lag: 7,' 'lag: 3,'; almanac check
