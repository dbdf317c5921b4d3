. "$(dirname "$0")/_case.sh"
project; commit; snapshot --quiet > /dev/null; almanac train demnd --snapshot cab9
