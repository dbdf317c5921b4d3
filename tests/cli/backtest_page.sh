. "$(dirname "$0")/_case.sh"
# The page has a chart of every level and of every class, and the ranks of levels of two nodes.
project; snapshot --quiet > /dev/null
almanac backtest --snapshot cab9 --quiet --beside theta --html page.html > /dev/null
for part in 'Error of every method by step' 'Mean ranks of the methods' 'forecast distributions'; do
    grep -c "$part" page.html
done
mkdir folder
almanac backtest --snapshot cab9 --html folder
