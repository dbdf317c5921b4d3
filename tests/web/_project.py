"""A small project with everything that the dashboard shows: two crossed hierarchies with an
attribute in each, stock, two releases, and a run of both."""
import datetime
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))

from _service import ALMANAC  # noqa: E402

# Sales end yesterday: what is computed online must not lie far behind the clock.
TODAY = datetime.datetime.now(datetime.timezone.utc).date()
START, END, LAST = TODAY - datetime.timedelta(396), TODAY, TODAY + datetime.timedelta(13)
SKUS = {"apple": "fruit", "pear": "fruit", "leek": "roots", "beet": "roots"}
STORES = {"Bonn": "west", "Mainz": "west", "Jena": "east"}

YAML = """almanac: 1
name: grocer
sources:
  sales:
    files: data/sales.csv
    time: date
    keys: [sku, store]
    columns: {date: date, sku: text, store: text, units: {type: i64, min: 0}}
  skus:
    files: data/skus.csv
    keys: [sku]
    columns: {sku: text, range: text}
  stores:
    files: data/stores.csv
    keys: [store]
    columns: {store: text, region: text}
  plan:
    files: data/plan.csv
    time: date
    keys: [sku]
    known_in_advance: true
    columns: {date: date, sku: text, price: {type: f64, min: 0}, promotion: i64}
  stock:
    files: data/stock.csv
    time: date
    keys: [sku, store]
    known_in_advance: true
    columns: {date: date, sku: text, store: text, on_hand: {type: i64, nullable: true},
              receipts: {type: i64, min: 0}}
series:
  source: sales
  keys: [sku, store]
  frequency: day
  target: units
  counts: true
  missing: zero
  columns:
    price: {source: plan}
    promotion: {source: plan}
  attributes:
    range: {source: skus, key: sku}
    region: {source: stores, key: store}
hierarchy:
  - {level: total, by: []}
  - {level: region, by: [region]}
  - {level: store, by: [store]}
  - {level: range, by: [range]}
features:
  - {name: last, op: lag, column: units, age: 0, scaled: true}
  - {name: mean_7, op: mean, column: units, window: 7, scaled: true}
  - {name: mean_28, op: mean, column: units, window: 28, scaled: true}
  - {name: lag_14, op: lag, column: units, lag: 14, scaled: true}
  - {name: weekday, op: weekday}
  - {name: step, op: step}
  - {name: price, op: value, column: price}
  - {name: promotion, op: value, column: promotion}
models:
  demand:
    horizon: 14
    quantiles: [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    candidates: [gbm]
    seed: 1
    gbm: {trees: 60, leaves: 8, leaf_rows_min: 5, learning_rate: 0.2}
stock: {source: stock, on_hand: on_hand, receipts: receipts}
schedules:
  daily: {model: demand, alias: production, requires: [sales], beside: [previous]}
deployments:
  daily: {schedule: daily, previous: true, stale_days_max: 36500, deadline_ms: 5000}
"""


def days(end=END):
    day = START
    while day < end:
        yield day
        day += datetime.timedelta(1)


def planned(i):
    """Price and promotion of a day."""
    return 4 if i // 9 % 3 == 0 else 5, 1 if i % 11 == 4 else 0


def tables():
    series = [(sku, store) for sku in SKUS for store in STORES]
    sales, state = ["date,sku,store,units"], 7
    for number, day in enumerate(days()):
        price, promotion = planned(number)
        for i, (sku, store) in enumerate(series):
            state = (state * 1103515245 + 12345) % (1 << 31)
            units = (3 + 2 * i) * (13 if day.weekday() > 4 else 10) // 10 + state % 5
            units = units * (3 if promotion else 1) + (4 if price == 4 else 0)
            sales.append(f"{day},{sku},{store},{units}")
    # From plenty to nothing, so that every severity is there.
    stock = ["date,sku,store,on_hand,receipts"]
    stock += [f"{END - datetime.timedelta(1)},{sku},{store},{(3 + 2 * i) * (1 + 6 * (i % 9))},0"
              for i, (sku, store) in enumerate(series)]
    stock.append(f"{LAST},apple,Bonn,,12")
    plan = ["date,sku,price,promotion"]
    plan += [f"{day},{sku},%d,%d" % planned(number) for number, day in
             enumerate(days(LAST + datetime.timedelta(1))) for sku in SKUS]
    return {"sales": sales, "stock": stock, "plan": plan,
            "skus": ["sku,range"] + [f"{k},{v}" for k, v in SKUS.items()],
            "stores": ["store,region"] + [f"{k},{v}" for k, v in STORES.items()]}


class Maker:
    def __init__(self, folder):
        self.folder = folder
        self.env = {**os.environ, "HOME": folder, "USER": "tester", "LC_ALL": "C", "TZ": "UTC",
                    "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_DATE": "2024-02-01T00:00:00Z",
                    "GIT_COMMITTER_DATE": "2024-02-01T00:00:00Z", "NO_COLOR": "1"}

    def run(self, *command):
        made = subprocess.run(command, cwd=self.folder, env=self.env, text=True,
                              capture_output=True)
        if made.returncode:
            raise RuntimeError(" ".join(command) + "\n" + made.stdout + made.stderr)
        return made.stdout

    def almanac(self, *arguments):
        return self.run(ALMANAC, *arguments)

    def commit(self, message):
        self.run("git", "add", "-A")
        self.run("git", "-c", "user.name=tester", "-c", "user.email=tester@example.org", "commit",
                 "-qm", message)

    def release(self, name, snapshot):
        """Trained, compared, approved, promoted."""
        self.almanac("train", "demand", "--snapshot", snapshot, "--quiet")
        self.almanac("models", "compare", name, "--quiet")
        self.almanac("models", "approve", name, "--why", "read and accepted", "--quiet")
        self.almanac("models", "promote", name, "--alias", "production", "--why", "better",
                     "--quiet")


def make(folder):
    """The project in `folder`, with demand-1, then demand-2, and a run of both."""
    maker = Maker(folder)
    os.makedirs(os.path.join(folder, "data"))
    for name, lines in tables().items():
        with open(os.path.join(folder, "data", name + ".csv"), "w") as file:
            file.write("\n".join(lines) + "\n")
    with open(os.path.join(folder, "almanac.yaml"), "w") as file:
        file.write(YAML)
    with open(os.path.join(folder, ".gitignore"), "w") as file:
        file.write(".almanac/\nserve.yaml\n")
    maker.run("git", "init", "-q", ".")
    maker.commit("project")
    snapshot = json.loads(maker.almanac("snapshot", "--start", str(START), "--end", str(END),
                                        "--json"))["snapshot"]
    maker.release("demand-1", snapshot)
    with open(os.path.join(folder, "almanac.yaml"), "w") as file:
        file.write(YAML.replace("seed: 1", "seed: 2"))
    maker.commit("another seed, another release")
    maker.release("demand-2", snapshot)
    maker.almanac("run", "--snapshot", snapshot, "--quiet")
    return folder
