. "$(dirname "$0")/_case.sh"
project; snapshot --quiet > /dev/null; almanac backtest --snapshot cab9 --json --quiet | cut -c1-1
almanac models list
