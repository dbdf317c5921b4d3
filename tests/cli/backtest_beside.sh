. "$(dirname "$0")/_case.sh"
project; snapshot --quiet > /dev/null
almanac backtest --snapshot cab9 --quiet --beside drift,theta_dynamic |
    grep -E 'drift|theta|: ' | cut -c1-60
almanac backtest --snapshot cab9 --beside drfit
