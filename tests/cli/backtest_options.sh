. "$(dirname "$0")/_case.sh"
# Options that the project file has too, and what cannot be.
project; snapshot --quiet > /dev/null
origins() {
    almanac backtest --snapshot cab9 --json --quiet "$@" |
        python3 -c 'import json, sys; print(*json.load(sys.stdin)["origins"]["scored"])'
}
origins
origins --origins 2 --stride 30 --refit once
almanac backtest --snapshot cab9 --quiet > as_the_project.txt
almanac backtest --snapshot cab9 --quiet --origins 3 --stride 14 --refit 3 --gap 0 --restart |
    cmp - as_the_project.txt && echo "the same as the project says"
almanac backtest --snapshot cab9 --origins 50
almanac backtest --snapshot cab9 --stride 90
almanac backtest --snapshot cab9 --stride 0
almanac backtest --snapshot cab9 --gap 30
almanac backtest --snapshot cab9 --refit often
almanac backtest --snapshot cab9 --restart --no-resume
cd .. && bars_project && bars_snapshot --quiet > /dev/null
almanac backtest --snapshot "$(bars_snapshot --quiet)" --gap 3
