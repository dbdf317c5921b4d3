. "$(dirname "$0")/_case.sh"
# Explanations in SQL are JSON: text in a table and in CSV, values with --json. An empty statement
# is not a missing one.
project; committed
ask() { almanac predictions query --model production --date 2024-02-01 --quiet "$@"; }
one="SELECT node, explanation FROM predictions WHERE level = 'series' ORDER BY node LIMIT 1"
ask --sql "$one" --format csv | python3 -c '
import csv, json, sys
print([line["feature"] for line in json.loads(list(csv.DictReader(sys.stdin))[0]["explanation"])])'
ask --sql "$one" --json | python3 -c '
import json, sys
print([line["feature"] for line in json.load(sys.stdin)["rows"][0]["explanation"]])'
ask --sql "SELECT count(*) AS n, sum(forecast_horizon) AS h FROM predictions"
ask --sql ' '
