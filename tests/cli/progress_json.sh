. "$(dirname "$0")/_case.sh"
# For a program that starts almanac: progress as lines of JSON, into a pipe too.
project; commit; snap=$(snapshot --quiet)
ALMANAC_PROGRESS=json almanac train demand --snapshot "$snap" --json 2>&1 > /dev/null |
    python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
print(len(lines) > 0, all(sorted(line) == ["done", "stage", "total"] for line in lines))
print({"stage": "backtest", "done": 6, "total": 6} in lines)'
ALMANAC_PROGRESS=yes almanac check
