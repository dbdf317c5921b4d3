. "$(dirname "$0")/_case.sh"
project; rm data/sales.csv; almanac check; snapshot
