. "$(dirname "$0")/_case.sh"
project; replace almanac.yaml 1,99 'horizon: 7' 'horizon: many'; almanac check
