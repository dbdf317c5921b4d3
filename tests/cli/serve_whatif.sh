. "$(dirname "$0")/_case.sh"
# What is computed is what was committed when nothing is otherwise, and a promotion or a price moves
# the demand of its day. The project has a plan that is known in advance.
# Its sales end today, because a state that is computed from must not be much older than the clock;
# days still to close after midnight lie behind the end of the snapshot.
project
python3 - << 'END'
import csv
import datetime

rows = list(csv.DictReader(open("data/sales.csv")))
old = datetime.date(2023, 1, 1)
first = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(399)
with open("data/plan.csv", "w") as plan:
    plan.write("date,sku,price,promotion\n")
    for day in range(400 + 14):
        date = first + datetime.timedelta(day)
        for sku in ("sku_1", "sku_2", "sku_3"):
            low = day // 9 % 3 == 0
            plan.write(f"{date},{sku},{4 if low else 5},{1 if day % 11 == 4 else 0}\n")
with open("data/sales.csv", "w") as sales:
    sales.write("date,sku,units\n")
    for row in rows:
        day = (datetime.date.fromisoformat(row["date"]) - old).days
        units = int(row["units"]) * (3 if day % 11 == 4 else 1) + (2 if day // 9 % 3 == 0 else 0)
        sales.write(f"{first + datetime.timedelta(day)},{row['sku']},{units}\n")
text = open("almanac.yaml").read()
text = text.replace("# What is forecast", """  plan:
    files: data/plan.csv
    time: date
    keys: [sku]
    known_in_advance: true
    columns: {date: date, sku: text, price: {type: f64, min: 0}, promotion: i64}

# What is forecast""")
text = text.replace("  missing: zero ", """  columns:
    price: {source: plan}
    promotion: {source: plan}
    unread: {source: plan, column: promotion}
  missing: zero """)
text = text.replace("  - {name: step, op: step}", """  - {name: step, op: step}
  - {name: price, op: value, column: price}
  - {name: promotion, op: value, column: promotion}""")
text = text.replace("candidates: [statistical, gbm, blend]", """candidates: [gbm]
    gbm: {trees: 60, leaves: 8, leaf_rows_min: 5, learning_rate: 0.2}""")
text += "deployments: {daily: {schedule: daily, stale_days_max: 36500, deadline_ms: 5000,\n"
text += "                      purposes: [markdown]}}\n"
open("almanac.yaml", "w").write(text)
open("start", "w").write(str(first))
open("end", "w").write(str(first + datetime.timedelta(400)))
END
snapshot() { almanac snapshot --start "$(cat start)" --end "$(cat end)" "$@"; }
committed
echo 'predictions: {folder: log, rate: 1}' > serve.yaml
"$ALMANAC" serve --development --port 0 --workers 1 2> serve.log &
server=$!
trap 'kill $server 2> /dev/null' EXIT
for _ in $(seq 300); do grep -q listening serve.log && break; sleep 0.1; done
python3 - << 'END'
import datetime
import json
import re
import time
import urllib.error
import urllib.request

base = re.search(r"http://[^,]*", open("serve.log").read()).group()


def ask(path, body):
    request = urllib.request.Request(base + "/api/v1/" + path, json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    try:
        return json.load(urllib.request.urlopen(request))
    except urllib.error.HTTPError as error:
        return json.load(error)


# What is computed from is opened in a thread of its own.
now = {"node": "sku_1", "features": {}, "purpose": "what_if"}
for _ in range(300):
    computed = ask("predictions/demand", now)
    if computed["served_by"] == "model":
        break
    time.sleep(0.1)

# ---- nothing is otherwise: the committed forecast, number by number
committed = ask("predictions/demand", {"node": "sku_1"})
assert committed["served_by"] == "batch" and not committed["computed"], committed
assert committed["computation"] is None
assert computed["served_by"] == "model" and computed["computed"], computed
assert computed["run"] is None and computed["model_version"] == "demand-1"
assert computed["computation"]["inputs"] == [] and computed["computation"]["label"] is None
for one, other in zip(computed["predictions"], committed["predictions"], strict=True):
    for key in ("timestamp", "value", "quantiles", "confidence_interval"):
        assert one[key] == other[key], (one, other)
assert computed["model_metrics"] == committed["model_metrics"] != None
week = ask("predictions/demand", {**now, "granularity": "week"})["predictions"]
assert all(period["quantiles"] for period in week), week
days = [p["timestamp"] for p in committed["predictions"]]
today = datetime.date.fromisoformat(days[0]) - datetime.timedelta(1)
before = [str(today - datetime.timedelta(n)) for n in range(9)]

# ---- purposes
for body, status, text in ((dict(now, purpose="resale"), 403, "not approved"),
                           ({"node": "sku_1", "features": {}}, 400, "needs a purpose"),
                           (dict(now, node="total"), 404, "total"),
                           (dict(now, features={"events": [{"column": "promo", "date": days[0]}]}),
                            400, "known: price, promotion, unread")):
    problem = ask("predictions/demand", body)
    assert problem["status"] == status and text in problem["detail"], problem
assert ask("predictions/demand", dict(now, purpose="markdown"))["computed"]

# ---- sales that the service does not know
sold = ask("predictions/demand", {**now, "features": {"historical_sales": [
    {"date": before[1], "value": 90}, {"date": before[0], "value": 80}]}})
assert sold["computation"]["inputs"] == [{"input": "historical_sales", "days": 2,
                                          "effect": "2 replaced, 0 added"}], sold
assert sold["predictions"] != computed["predictions"]
problem = ask("predictions/demand", {**now, "features": {"historical_sales": [
    {"date": days[1], "value": 9}]}})
assert problem["status"] == 400 and "in the future" in problem["detail"], problem

# ---- scenarios
stock = {"on_hand": 60, "on_order": [{"day": 3, "units": 10}]}
terms = {"lead_time_days": 2, "review_days": 2, "service_level": 0.9}
answer = ask("whatif", {"node": "sku_1", "stock": stock, "order": terms, "scenarios": [
    {"name": "same"},
    {"name": "promotion", "promotion": [{"date": days[2]}]},
    {"name": "cheaper", "price": 4},
    {"name": "unread", "events": [{"column": "unread", "date": days[2]}]},
    {"name": "known", "price_data": [{"date": days[2], "value": 5}]},
    {"name": "more", "demand_factor": 1.5},
    {"name": "later", "order": {"lead_time_days": 4}},
    {"name": "surer", "order": {"service_level": 0.99}},
    {"name": "empty", "stock": {"on_hand": 0}}]})
assert answer["computed"] and answer["advice"].startswith("computed, not done"), answer
base_case = answer["base"]
same, promotion, cheaper, unread, known, more, later, surer, empty = answer["scenarios"]
assert [p["value"] for p in base_case["predictions"]] == \
    [p["value"] for p in committed["predictions"]]
for scenario in (same, unread):
    for key in base_case:
        assert scenario[key] == base_case[key], key
    assert not any(scenario["difference"]["demand_by_day"]), scenario
assert same["no_effect"][0]["change"] == "nothing"
assert unread["no_effect"] == [{"change": "unread",
                                "reason": "no feature of the model reads this column"}], unread
assert known["no_effect"] == [{"change": "price", "reason":
                               "the values are those that are known anyway"}], known
by_day = promotion["difference"]["demand_by_day"]
assert by_day[2] > 3 and not any(by_day[:2] + by_day[3:]), by_day
assert promotion["difference"]["stockout_probability"] >= 0 and not promotion["no_effect"]
assert cheaper["difference"]["demand"] > 3 and not cheaper["no_effect"], cheaper["difference"]
assert abs(more["demand"] - 1.5 * base_case["demand"]) < 1e-9 * more["demand"]
assert later["demand"] == base_case["demand"] and later["difference"]["reorder_point"] > 0
assert surer["difference"]["order"] >= 0 and surer["difference"]["reorder_point"] >= 0
assert empty["stockout"]["probability"] == 1 and empty["difference"]["order"] > 0

# ---- risk and order of the same paths
risk = ask("predictions/stockout", {"node": "sku_1", "stock": stock, "features": {},
                                    "purpose": "stockout_check"})
assert risk["computed"] and risk["probability_by_day"] == \
    base_case["stockout"]["probability_by_day"], risk
total = sum(line["contribution"] for line in risk["drivers"])
assert abs(total - risk["demand"]) < 1e-6 * risk["demand"], risk["drivers"]
counted = ask("predictions/stockout", {"node": "sku_1", "stock": stock})
assert not counted["computed"] and counted["probability_by_day"] == risk["probability_by_day"]
order = ask("predictions/optimize", {"node": "sku_1", **stock, **terms, "features": {},
                                     "purpose": "emergency_replenishment"})
for key in ("order", "reorder_point", "safety_stock", "order_up_to", "position"):
    assert order[key] == base_case["order"][key], key
assert order["computed"] and order["served_by"] == "model"

# ---- a scenario that makes no sense is named
for scenario, status, text in (({"events": [{"column": "promo", "date": days[0]}]}, 400,
                                "scenario 1 (odd): the project has no column 'promo'"),
                               ({"order": {"lead_time_days": 6}}, 409, "scenario 1 (odd)"),
                               ({"order": {"fill_rate": 0.9, "service_level": 0.9}}, 400,
                                "scenario 1: service_level and fill_rate are two goals"),
                               ({"price_data": [{"date": before[8], "value": 1}]}, 200, ""),
                               ({"surprise": 1}, 400, "surprise")):
    problem = ask("whatif", {"node": "sku_1", "stock": stock, "order": terms,
                             "scenarios": [{"name": "odd", **scenario}]})
    assert problem.get("status", 200) == status, problem
    assert text in problem.get("detail", ""), problem
print("computed, committed and supposed agree where they should")
END
kill $server
wait $server
echo "status $?"
# All of it is on record, by its address; what was computed is not made again.
python3 - << 'END'
import glob
import json

records = [json.loads(line) for name in glob.glob("log/*.ndjson") for line in open(name)]
whatif = [record for record in records if record["route"] == "/api/v1/whatif"]
assert len(whatif) == 2, len(whatif)
assert len(whatif[0]["request"]["scenarios"]) == len(whatif[0]["reply"]["scenarios"]) == 9
assert {record["served_by"] for record in whatif} == {"model"} and not whatif[0]["run"]
END
almanac replay log/*.ndjson --json > replay.json
python3 -c 'import json; made = json.load(open("replay.json"))
assert made["different"] == made["not_replayable"] == 0 and made["equal"] == 10, made'
