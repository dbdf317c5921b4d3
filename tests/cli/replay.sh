. "$(dirname "$0")/_case.sh"
# A service keeps what it answers, by every protocol; all of it is made again, bit for bit.
project
python3 - << 'END'
text = open("almanac.yaml").read()
source = """sources:
  stock: {files: data/stock.csv, time: date, keys: [sku], known_in_advance: true,
          columns: {date: date, sku: text, on_hand: f64, due: f64}}
"""
text = text.replace("sources:\n", source, 1).replace(
    "hierarchy:", "stock: {source: stock, on_hand: on_hand, receipts: due}\n\nhierarchy:")
text += "deployments: {daily: {schedule: daily, stale_days_max: 36500}}\n"
open("almanac.yaml", "w").write(text)
END
printf 'date,sku,on_hand,due\n2024-01-31,sku_1,12,0\n2024-02-02,sku_1,0,5\n' > data/stock.csv
committed
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
sed 's/0.3584987837673016/0.3584987/' model.txt > other.txt
almanac import model.txt --name simple --why test --quiet > /dev/null
cat > serve.yaml << 'END'
predictions: {folder: log, rate: 1}
cache: {mib: 1}
END
"$ALMANAC" serve --development --port 0 --workers 1 --model other.txt --release simple-1 \
    2> serve.log &
server=$!
trap 'kill $server 2> /dev/null' EXIT
for _ in $(seq 300); do grep -q listening serve.log && break; sleep 0.1; done
python3 - << 'END'
import json
import re
import urllib.request

base = re.search(r"http://[^,]*", open("serve.log").read()).group()


def ask(path, body):
    headers = {"Content-Type": "application/json", "Authorization": "Bearer not-for-any-log",
               "X-Request-ID": "r-" + re.split("[/:]", path)[-1]}
    request = urllib.request.Request(base + path, json.dumps(body).encode(), headers)
    reply = urllib.request.urlopen(request)
    return reply.headers, json.load(reply)


rows = [[100.25, 1], [700, 0.1], [None, -3e-7]]
infer = {"inputs": [{"name": "input", "shape": [3, 2], "datatype": "FP64", "data": rows}]}
for _ in range(2):
    print(ask("/v2/models/simple/infer", infer)[0]["Cache-Status"])
ask("/v2/models/other/versions/1/infer", infer)
ask("/v1/models/simple:predict", {"instances": [{"X1": 2.5, "X2": 7}]})
demand = "/api/v1/predictions/demand"
ask(demand, {"node": "sku_1", "horizon": 3, "granularity": "week"})
ask(demand, {"product_id": "sku_2", "model_version": "demand-1", "interval": 0.9})
# Items of a batch are on record one by one, with what the batch says for all of them.
ask(demand + "/batch", {"requests": [{"node": "sku_1"}, {"node": "total"}, {"node": "none"},
                                     {"node": "sku_2", "horizon": 2}],
                        "defaults": {"horizon": 5, "granularity": "week"}})
ask("/api/v1/predictions/stockout", {"node": "sku_1"})
ask("/api/v1/predictions/optimize", {"node": "sku_1", "lead_time_days": 3, "service_level": 0.9,
                                     "on_hand": 30, "on_order": [{"day": 2, "units": 5}]})
text = urllib.request.urlopen(base + "/metrics").read().decode()
for line in text.splitlines():
    if re.match(r"almanac_(cache_(hits|misses)_total|predictions_recorded)", line):
        print(line)
END
kill $server
wait $server
echo "status $?"
log=log/predictions-00000001.ndjson
wc -l < $log
grep -c not-for-any-log $log
almanac replay $log 2>&1
echo "status $?"
almanac replay $log --model any=other.txt --request-id r-infer --json --quiet
