. "$(dirname "$0")/_case.sh"
# A plan that is known in advance: a promotion on day 10 moves day 10 of its series and no other,
# and a run refuses a plan that does not reach its horizon, by column, series and day.
project
python3 - << 'END'
import csv
import datetime

first = datetime.date(2023, 1, 1)
rows = list(csv.DictReader(open("data/sales.csv")))
with open("data/plan.csv", "w") as plan:
    plan.write("date,sku,promotion\n")
    for day in range(396 + 14):
        for sku in ("sku_1", "sku_2", "sku_3"):
            on = int(day % 11 == 4 and day < 396)
            plan.write(f"{first + datetime.timedelta(day)},{sku},{on}\n")
with open("data/sales.csv", "w") as sales:
    sales.write("date,sku,units\n")
    for row in rows:
        day = (datetime.date.fromisoformat(row["date"]) - first).days
        units = int(row["units"]) * (3 if day % 11 == 4 else 1)
        sales.write(f"{row['date']},{row['sku']},{units}\n")
text = open("almanac.yaml").read()
text = text.replace("# What is forecast", """  plan:
    files: data/plan.csv
    time: date
    keys: [sku]
    known_in_advance: true
    columns: {date: date, sku: text, promotion: i64}

# What is forecast""")
text = text.replace("  missing: zero ", """  columns:
    promotion: {source: plan}
  missing: zero """)
text = text.replace("  - {name: step, op: step}", """  - {name: step, op: step}
  - {name: promotion, op: value, column: promotion}""")
text = text.replace("  - {name: lag_7, op: lag, column: units, lag: 7, scaled: true}",
                    "  - {name: lag_14, op: lag, column: units, lag: 14, scaled: true}")
text = text.replace("horizon: 7", "horizon: 14")
text = text.replace("candidates: [statistical, gbm, blend]", """candidates: [gbm]
    gbm: {trees: 60, leaves: 8, leaf_rows_min: 5, learning_rate: 0.2}""")
open("almanac.yaml", "w").write(text)
END
committed
ask() { almanac predictions query --model production --run "$1" --json "$2" > "$3" 2> /dev/null; }
for node in sku_1 sku_2 total; do ask "$run" "$node" "before_$node.json"; done
# Day 10 of the horizon is 2024-02-10.
sed -i 's/^2024-02-10,sku_1,0$/2024-02-10,sku_1,1/' data/plan.csv
run=$(almanac run --snapshot "$(snapshot --quiet)" --supersede "$run" --reason promotion --quiet)
for node in sku_1 sku_2 total; do ask "$run" "$node" "after_$node.json"; done
python3 - << 'END'
import json


def means(name):
    rows = json.load(open(name))["rows"]
    return [row["mean"] for row in sorted(rows, key=lambda row: row["target_date"])]


moved = {}
for node in ("sku_1", "sku_2", "total"):
    before, after = means(f"before_{node}.json"), means(f"after_{node}.json")
    assert len(before) == len(after) == 14
    moved[node] = [b - a for a, b in zip(before, after)]
# A promotion triples what is sold; the forest has to have learned half of that at least.
assert moved["sku_1"][9] > means("before_sku_1.json")[9], moved["sku_1"]
assert not any(moved["sku_1"][:9] + moved["sku_1"][10:]), moved["sku_1"]
assert not any(moved["sku_2"]), moved["sku_2"]
assert abs(moved["total"][9] - moved["sku_1"][9]) < 1e-9 * means("after_total.json")[9]
print("day 10 moved, and no other")
END
almanac features --json | python3 -c 'import json, sys
for column in json.load(sys.stdin)["columns"]:
    print(*column.values())'
# The plan of one series ends two days early.
sed -i '/^2024-02-1[34],sku_2,/d' data/plan.csv
short=$(snapshot --quiet)
almanac run --snapshot "$short" --supersede "$run" --reason 'shorter plan'
echo "status $?"
sed -i 's/promotion: {source: plan}/promotion: {source: plan, optional: true}/' almanac.yaml
almanac run --snapshot "$short" --supersede "$run" --reason 'shorter plan' --dry-run --quiet
echo "status $?"
