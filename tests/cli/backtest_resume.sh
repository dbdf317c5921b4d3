. "$(dirname "$0")/_case.sh"
# Where the result cannot be written, or the process is killed, the same command goes on.
project; snapshot --quiet > /dev/null
backtest() { almanac backtest --snapshot cab9 --json "$@"; }
kept() { find .almanac/backtest -type f | wc -l; }
backtest --quiet > whole.json
echo "$(kept) files are left"
backtest --quiet > /dev/full 2> /dev/null
echo "$(kept) files are kept"
rm .almanac/backtest/*/scores-000003
backtest > again.json
cmp whole.json again.json && echo "the same, $(kept) files are left"

backtest --quiet > /dev/full 2> /dev/null
for file in .almanac/backtest/*/record-000001 .almanac/backtest/*/fit-final; do
    printf x >> "$file"
done
backtest > again.json
cmp whole.json again.json && echo "the same, $(kept) files are left"

backtest --quiet --origins 15 --refit every --no-resume > whole.json
echo "$(kept) files are left"
"$ALMANAC" backtest --snapshot cab9 --json --quiet --origins 15 --refit every > /dev/null &
until ls .almanac/backtest/*/record-00001* > files 2> /dev/null; do :; done
kill -9 $! && wait $! 2> /dev/null
[ "$(kept)" -gt 0 ] && echo "files are kept"
backtest --quiet --origins 15 --refit every > again.json
cmp whole.json again.json && echo "the same, $(kept) files are left"
