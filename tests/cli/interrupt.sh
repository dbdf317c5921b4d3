. "$(dirname "$0")/_case.sh"
# A signal while a command waits (here for a pipe that nobody writes) ends it within seconds, with
# the status of the error table, and what was there stays whole.
project; snapshot --quiet
rm data/sales.csv; mkfifo data/sales.csv
"$ALMANAC" snapshot --start 2023-01-01 --end 2024-02-01 & pid=$!
sleep 0.5; kill -INT $pid; wait $pid; code=$?
almanac doctor --quiet > /dev/null && echo whole
exit $code
