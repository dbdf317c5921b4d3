. "$(dirname "$0")/_case.sh"
# Advice comes from the paths of the committed run: the same whatever the threads, and more service
# is never less stock.
project; committed
advise() { almanac optimize sku_1 --model production --date 2024-02-01 "$@"; }
advise --lead-time 3 --service-level 0.95 --on-hand 30 --on-order 2:5
echo
advise --lead-time 2:0.5,4:0.5 --review 2 --holding-cost 0.1 --shortage-cost 2 --order-cost 10 \
    --on-hand 0 --multiple 12 --maximum 24
for service in 0.5 0.9 0.99; do
    advise --lead-time 3 --fill-rate $service --on-hand 4 --json --threads 1 > $service.json
    advise --lead-time 3 --fill-rate $service --on-hand 4 --json --threads 2 | cmp - $service.json
done
python3 - << 'END'
import json
answers = [json.load(open(f"{s}.json")) for s in (0.5, 0.9, 0.99)]
points = [a["reorder_point"] for a in answers]
assert points == sorted(points) and points[0] < points[2], points
assert all(a["order"] == int(a["order"]) >= a["order_up_to"] - 4 for a in answers), answers
assert all(a["cost"] is None and a["run_id"].startswith("run-") for a in answers), answers
print("orders of whole units, more for more service")
END
