. "$(dirname "$0")/_case.sh"
# What was changed on record is found, wherever it was changed; a torn last line is no error.
project
echo 'deployments: {daily: {schedule: daily, stale_days_max: 36500}}' >> almanac.yaml
committed
cp "$ALMANAC_SOURCE/tests/golden/forest/model_simple.txt" model.txt
echo 'predictions: {folder: log, rate: 1}' > serve.yaml
"$ALMANAC" serve --development --port 0 --workers 1 --model model.txt 2> serve.log &
server=$!
trap 'kill $server 2> /dev/null' EXIT
for _ in $(seq 300); do grep -q listening serve.log && break; sleep 0.1; done
base=$(sed -n 's/.*\(http:[^,]*\),.*/\1/p' serve.log)
ask() {
    curl -sS -o /dev/null -H 'Content-Type: application/json' -H "X-Request-ID: $1" -d "$3" \
        "$base$2" || exit 99
}
ask model /v1/models/model:predict '{"instances": [[100.25, 1], [700, 0.1]]}'
ask run /api/v1/predictions/demand '{"node": "sku_1", "horizon": 2}'
kill $server
wait $server
cat > change.py << 'END'
import json
import sys

line, place, value = int(sys.argv[1]), sys.argv[2].split("/"), json.loads(sys.argv[3])
lines = open("log/predictions-00000001.ndjson").read().splitlines()
record = json.loads(lines[line])
at = record
for step in place[:-1]:
    at = at[int(step) if isinstance(at, list) else step]
last = int(place[-1]) if isinstance(at, list) else place[-1]
assert at[last] != value, at
at[last] = value
lines[line] = json.dumps(record)
open("changed.ndjson", "w").write("\n".join(lines) + "\n")
END
replay() { almanac replay changed.ndjson --model model.txt "$@"; echo "status $?"; }
while read -r change; do
    echo "== $change"
    eval "python3 change.py $change" && replay
done << 'END'
0 answers/1/0 0.4
0 rows/0/0 1e3
0 columns/0 '"X3"'
0 answers/1 '[0.1, 0.2]'
0 model_hash '"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"'
1 reply/predictions/1/value 0.125
1 reply/predictions/1/quantiles '{}'
1 reply/run/run_id '"another"'
1 reply/model_version '"demand-2"'
1 request/horizon 3
1 request/node '"sku_2"'
1 request/horizon 3000
1 served_by '"previous"'
1 version '"demand-2"'
1 model_hash '"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"'
1 run '"no-such-run"'
1 route '"/api/v1/models/train"'
1 route 7
1 v 1
END
echo '== torn'
{ cat log/predictions-00000001.ndjson; printf '{"v":2,"time":"20'; } > changed.ndjson
replay
echo '== nonsense in between'
{ echo nonsense; cat log/predictions-00000001.ndjson; } > changed.ndjson
replay --json --quiet
echo '== nothing'
: > changed.ndjson
replay
replay --request-id none
almanac replay no-such-file
echo "status $?"
