. "$(dirname "$0")/_case.sh"
# A model of statistical forecasters, from the check to a run, what it stored, and the proof.
project
python3 - << 'END'
text = open("almanac.yaml").read()
first = text.index("models:\n")
last = text.index("schedules:\n")
open("almanac.yaml", "w").write(text[:first] + """models:
  demand:
    method: statistical
    horizon: 28
    quantiles: [0.05, 0.5, 0.95]
    kinds:
      smooth: [theta_dynamic_optimised]
      erratic: [count]
      aggregate: [ets, level]
""" + text[last:])
END
almanac check --quiet; echo "check $?"
committed
almanac predictions query --model production --run "$run" --columns node,method,fallback --steps 1 \
    --format csv 2> /dev/null
almanac rebuild demand-1 --quiet; echo "rebuild $?"
almanac models show demand-1 --json | python3 -c '
import json, sys
kinds = json.load(sys.stdin)["report"]["kinds"]
print({name: [cell["kind"] for cell in cells] for name, cells in sorted(kinds.items())})'
almanac backtest demand --snapshot "$snap" 2> /dev/null | grep -o '^smooth *fast *[0-9]* *[a-z_]*'
