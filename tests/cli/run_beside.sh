. "$(dirname "$0")/_case.sh"
# A schedule with a release beside commits two runs, and says so in one JSON document.
project; promoted; replace almanac.yaml 1,99 "window: 28" "window: 21"; commit
almanac train --snapshot "$snap" --quiet
almanac models compare demand-2 --quiet
almanac models approve demand-2 --why fine --quiet
echo '    beside: [demand-2]' >> almanac.yaml
almanac run --snapshot "$snap" --json | python3 -c '
import json, sys
run = json.load(sys.stdin)
print(run["model_version"], [beside["model_version"] for beside in run["beside"]])'
almanac run --snapshot "$snap" --quiet | wc -l
