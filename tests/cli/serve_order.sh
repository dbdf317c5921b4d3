. "$(dirname "$0")/_case.sh"
# The service gives the advice of `almanac optimize`, number by number, and the run's own demand.
project; committed
cat >> almanac.yaml << 'END'
deployments: {daily: {schedule: daily, stale_days_max: 36500}}
END
"$ALMANAC" serve --development --port 0 --workers 1 2> serve.log &
server=$!
trap 'kill $server 2> /dev/null' EXIT
for _ in $(seq 300); do grep -q listening serve.log && break; sleep 0.1; done
almanac optimize sku_1 --model production --date 2024-02-01 --lead-time 3 --review 2 \
    --service-level 0.9 --on-hand 30 --on-order 2:5 --json > advice.json
almanac predictions query sku_1 --model production --date 2024-02-01 --steps 1-3 --format json \
    > rows.json
python3 - << 'END'
import json
import re
import urllib.error
import urllib.request

base = re.search(r"http://[^,]*", open("serve.log").read()).group()


def ask(path, body):
    request = urllib.request.Request(base + path, json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    try:
        return json.load(urllib.request.urlopen(request))
    except urllib.error.HTTPError as error:
        return json.load(error)


terms = {"node": "sku_1", "lead_time_days": 3, "review_days": 2, "service_level": 0.9,
         "on_hand": 30, "on_order": [{"day": 2, "units": 5}]}
served = ask("/api/v1/predictions/optimize", terms)
told = json.load(open("advice.json"))
for key in ("order", "reorder_point", "safety_stock", "order_up_to", "policy", "position",
            "expected_demand", "cycle_service", "stockout_before_arrival"):
    assert served[key] == told[key], (key, served[key], told[key])
for key, where, name in (("stockout_probability", "with_order", "stockout_probability"),
                         ("shortage_without", "without_order", "shortage"),
                         ("days_of_cover", "with_order", "days_of_cover")):
    assert served[where][name] == told[key], key
assert served["served_by"] == "batch" and served["run"]["run_id"] == told["run_id"], served

demand = ask("/api/v1/predictions/demand", {"node": "sku_1", "horizon": 3})
rows = json.load(open("rows.json"))["rows"]
assert [p["value"] for p in demand["predictions"]] == [row["mean"] for row in rows], demand

# Weeks: the interval of a sum of days lies inside the sum of their intervals, because good and bad
# days do not all come together. A week cut to one day is that day; an aggregate has no paths.
days = ask("/api/v1/predictions/demand", {"node": "sku_1", "horizon": 6})["predictions"]
weeks = ask("/api/v1/predictions/demand",
            {"node": "sku_1", "horizon": 6, "granularity": "week"})["predictions"]
assert [w["days"] for w in weeks] == [4, 2], weeks
for week, of in zip(weeks, (days[:4], days[4:])):
    low, high = (sum(d["confidence_interval"][end] for d in of) for end in ("low", "high"))
    assert low < week["confidence_interval"]["low"] < week["value"], week
    assert week["value"] < week["confidence_interval"]["high"] < high, week
one = ask("/api/v1/predictions/demand",
          {"node": "sku_1", "horizon": 1, "granularity": "week"})["predictions"][0]
assert one["confidence_interval"] == days[0]["confidence_interval"], one
total = ask("/api/v1/predictions/demand",
            {"node": "total", "horizon": 6, "granularity": "week"})["predictions"]
assert total[0]["confidence_interval"] is None, total

for body, status, text in (({**terms, "lead_time_days": 300}, 409, "days"),
                           ({**terms, "service_level": 2}, 400, "/service_level"),
                           ({**terms, "node": "sku_none"}, 404, "sku_none"),
                           ({**terms, "fill_rate": 0.5}, 400, "two goals"),
                           ({**terms, "surprise": 1}, 400, "surprise")):
    problem = ask("/api/v1/predictions/optimize", body)
    assert problem["status"] == status and text in problem["detail"], problem
print("the same advice over HTTP")
END
kill $server
wait $server
echo "status $?"
