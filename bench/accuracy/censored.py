"""Demand that is sold out on some days: what a forest and `almanac forecast` make of it.

`censored` needs no data: its demand is drawn, so that its mean is known. `carparts_command` is the
command on car parts, whose counts have parameters in common."""
import csv
import json
import math
import os
import subprocess
import tempfile

from accuracy.shared import PROGRAM, ROOT, Broken, Promises, rows_in, save, skipped

BENCH = os.environ.get("CENSORED_BENCH") or os.path.join(ROOT, "build/release/bin/censored_bench")
STEPS = 12


def ran(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Broken("%s: exit status %d" % (os.path.basename(command[0]), done.returncode))
    return done.stdout


def run_censored(data):
    """Bias and WAPE against the mean that demand was drawn with, over two draws of 400 series."""
    _ = data
    figures = {}
    for seed in ("1", "2"):
        for row in map(json.loads, ran([BENCH, "400", seed]).splitlines()[1:]):
            figures.setdefault((row["labels"], row["features"]), []).append(row)
    mean = {way: {key: sum(row[key] for row in rows) / len(rows) for key in ("bias", "wape")}
            for way, rows in figures.items()}
    print("\n==== sold-out days, drawn demand\n\n  %-10s%-10s%9s%9s" % (
        "LABELS", "FEATURES", "BIAS", "WAPE"))
    for (labels, features), row in mean.items():
        print("  %-10s%-10s%9.4f%9.4f" % (labels, features, row["bias"], row["wape"]))
    whole, own = mean["demand", "demand"], mean["imputed", "imputed"]
    promises = Promises("censored")
    promises.within("imputed: bias, beside that of demand itself", own["bias"] - whole["bias"],
                    -0.03, 0.03)
    promises.below("imputed: WAPE, against sales taken for demand", own["wape"],
                   mean["sales", "sales"]["wape"])
    promises.below("imputed: WAPE, against sold-out days left out", own["wape"],
                   mean["masked", "masked"]["wape"])
    save([("censored_%s_%s" % (key, labels), row[key], "ratio")
          for (labels, features), row in mean.items() if labels == features
          for key in ("bias", "wape")])
    return promises.broken


def rmsse_of(past, then, forecast):
    first = next((t for t, y in enumerate(past) if y), len(past))
    steps = [(b - a) ** 2 for a, b in zip(past[first:], past[first + 1:])
             if a is not None and b is not None]
    errors = [(f - y) ** 2 for f, y in zip(forecast, then) if y is not None]
    if not steps or not sum(steps) or not errors:
        return None
    return math.sqrt(sum(errors) / len(errors) / (sum(steps) / len(steps)))


def run_carparts_command(data):
    """RMSSE 12 months ahead of `almanac forecast --method count`."""
    path = os.path.join(data, "inventory/carparts_monthly_a.csv.gz")
    if not data or not os.path.isfile(path):
        return skipped("carparts_command")
    header, *rows = rows_in(path)
    rows = [row for row in rows if any(row[1:-STEPS]) and any(row[-STEPS:])]
    with tempfile.TemporaryDirectory() as folder:
        past, out = os.path.join(folder, "past.csv"), os.path.join(folder, "out.csv")
        with open(past, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(row[:-STEPS] for row in [header, *rows])
        ran([PROGRAM, "forecast", past, "--method", "count", "--horizon", str(STEPS), "--check",
             "0", "--output", out, "--quiet"])
        forecasts = {}
        for row in list(rows_in(out))[1:]:
            forecasts.setdefault(row[0], []).append(float(row[2]))
    values = {row[0]: [float(value) if value else None for value in row[1:]] for row in rows}
    scores = [rmsse_of(v[:-STEPS], v[-STEPS:], forecasts[name]) for name, v in values.items()]
    scores = [score for score in scores if score is not None]
    rmsse = sum(scores) / len(scores)
    promises = Promises("carparts_command")
    promises.below("RMSSE of %d series, against each by itself" % len(scores), rmsse, 0.602)
    save([("carparts_command_rmsse", rmsse, "ratio")])
    return promises.broken


RUNS = (run_censored, run_carparts_command)
