. "$(dirname "$0")/_case.sh"
# Prices, promotions and events of docs/forecast.md: what they are worth, and what their plan moves.
export COLUMNS=80
cp "$ALMANAC_SOURCE/examples/forecast/promotions.csv" .
ask() { almanac forecast "$@" --regressors price,promotion,event --threads 1; }
ask promotions.csv --html page.html --output a.csv
grep -o '<svg class="effect"' page.html | wc -l
# The plan in a file of its own is the same plan.
cut -d, -f1-3 promotions.csv | grep -v ',$' > sales.csv
cut -d, -f1,2,4- promotions.csv > plan.csv
almanac forecast sales.csv --regressors price,promotion,event --future plan.csv --threads 2 \
    --output b.csv --quiet
cmp a.csv b.csv
# The promotion in the harbour on day 10, 2024-08-07, is called off.
sed 's/^\(2024-08-07,harbour,,[0-9.]*\),yes,/\1,no,/' promotions.csv > other.csv
for method in auto arima; do
    ask promotions.csv --method $method --json > one.json
    ask other.csv --method $method --json > two.json
    python3 - << 'END'
import json

one, two = (json.load(open(name)) for name in ("one.json", "two.json"))
assert [(c["column"], c["kind"], c["known"], c["lag"]) for c in one["regressors"]] == [
    ("price", "number", "in_advance", 0), ("promotion", "number", "in_advance", 0),
    ("event", "indicators", "in_advance", 0)]
assert {s["effects_with"] for s in one["series"]} == {"ARIMA(0,1,1)(0,1,1)[7]"} or \
    one["method"] == "arima", one["series"]
name = one["method"] if one["method"] != "auto" else "forecast"
for a, b in zip(one["series"], two["series"], strict=True):
    effect = {e["name"]: e for e in a["effects"]}
    moved = [y[name] - x[name] for x, y in zip(a["forecast"], b["forecast"], strict=True)]
    harbour = a["unique_id"] == "harbour"
    worth = effect["promotion"]
    true = 22 if harbour else 9
    assert abs(worth["coefficient"] - true) < 3 * worth["standard_error"] < 3, worth
    assert abs(moved[9] + harbour * worth["coefficient"]) < 1e-9, moved
    assert not any(moved[:9] + moved[10:]), moved
    assert effect["event=fair" if not harbour else "event=strike"]["reason"] == "constant"
print(one["method"], "moves day 10 and no other")
END
done
