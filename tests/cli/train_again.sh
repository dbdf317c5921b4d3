. "$(dirname "$0")/_case.sh"
# The same inputs give the same bundle and so the same release, with any number of threads. That is
# said in a line, without the whole backtest again.
project; trained
almanac train demand --snapshot "$snap" --quiet --threads 3 --who other --why again
almanac models list --json | grep -o "\"release\"" | wc -l
almanac train demand --snapshot "$snap"
almanac train demand --snapshot "$snap" --json | grep -o '"existed":true'
