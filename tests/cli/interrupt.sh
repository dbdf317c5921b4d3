. "$(dirname "$0")/_case.sh"
# A signal while a command waits (here for a pipe that nobody writes) ends it within seconds, with
# the status of the error table, and what was there stays whole.
project; snapshot --quiet
rm data/sales.csv; mkfifo data/sales.csv
"$ALMANAC" snapshot --start 2023-01-01 --end 2024-02-01 & pid=$!
# Until its handler is there a background process of this shell ignores the signal: send it again
# when the command has not ended within its two seconds of grace.
for try in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.5; kill -INT $pid
    for tenth in {1..30}; do kill -0 $pid 2> /dev/null || break 2; sleep 0.1; done
done
wait $pid; code=$?
almanac doctor --quiet > /dev/null && echo whole
exit $code
