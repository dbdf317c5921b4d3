. "$(dirname "$0")/_case.sh"
project; replace almanac.yaml 1,99 horizon: horizn:; almanac check
