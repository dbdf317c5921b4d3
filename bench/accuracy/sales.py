"""Monthly sales of five M5 stores, scored as that competition scores: WRMSSE over twelve levels.

The competition's series are daily, and of ten stores, so its figures are no yardstick for these:
the table says how forecasters stand to each other, bottom-up and each node by itself."""
import glob
import json
import os
import subprocess

from accuracy.shared import ROOT, Broken, Promises, rows_in, save, skipped

PROGRAM = os.environ.get("WEIGHTED_BENCH") or os.path.join(
    ROOT, "build/release/bin/weighted_bench")
# The competition's levels 1 to 11; the twelfth are the series.
LEVELS = ("total", "state", "store", "cat", "dept", "state_cat", "state_dept", "store_cat",
          "store_dept", "item", "item_state")
KINDS = ("naive", "seasonal_naive", "theta_dynamic_optimised", "tsb_optimised")
STEPS = 6


def prices(folder):
    """{(store, item): mean price of the newest weeks of the training part}; months are summed from
    days, so the weights take a month's units at the price of its last four weeks."""
    out = {}
    for path in sorted(glob.glob(os.path.join(folder, "m5_sell_prices_*.csv.gz"))):
        for store, item, week, price in rows_in(path):
            if store != "store_id" and 11532 <= int(week) <= 11535:  # September 2015
                out.setdefault((store, item), []).append(float(price))
    return {key: sum(values) / len(values) for key, values in out.items()}


def nodes_of(row):
    item, dept, cat, store, state = row
    return ("all", state, store, cat, dept, state + "|" + cat, state + "|" + dept,
            store + "|" + cat, store + "|" + dept, item, item + "|" + state)


def lines_of(folder):
    price = prices(folder)
    series = {}
    for path in sorted(glob.glob(os.path.join(folder, "m5_monthly_*.csv.gz"))):
        for row in rows_in(path):
            if row[0] != "item_id":
                series.setdefault(tuple(row[:5]), []).append((row[5], str(int(float(row[6])))))
    lines = ["kinds " + " ".join(KINDS), "levels " + " ".join(LEVELS)]
    for key in sorted(series):
        y = [value for _, value in sorted(series[key])][1:-1]  # the first and last are not whole
        past, then = y[:-STEPS], y[-STEPS:]
        money = int(past[-1]) * price.get((key[3], key[0]), 0.0)
        lines.append("leaf %.6f %s" % (money, " ".join(nodes_of(key))))
        lines.append("series %s-%s 12 %d %s %d %s" % (key[3], key[0], len(past), " ".join(past),
                                                      len(then), " ".join(then)))
    return lines


def run_m5_monthly(data):
    folder = os.path.join(data, "retail/m5")
    if not data or not os.path.isdir(folder):
        return skipped("m5_monthly")
    done = subprocess.run([PROGRAM], input="\n".join(lines_of(folder)) + "\n",
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Broken("weighted_bench: exit status %d" % done.returncode)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    print("\n==== M5 monthly, five stores: %d series, %d months ahead, WRMSSE by level\n" %
          (rows[0]["series"], STEPS))
    heads = "".join("%7s" % ("L%d" % (i + 1)) for i in range(12))
    print("  %-26s%-11s%s%8s" % ("KIND", "SUMS", heads, "MEAN"))
    for row in rows:
        print("  %-26s%-11s" % (row["kind"], row["way"]) +
              "".join("%7.3f" % value for value in row["levels"]) + "%8.4f" % row["wrmsse"])
    figure = {(row["kind"], row["way"]): row["wrmsse"] for row in rows}
    promises = Promises("m5_monthly")
    for way in ("bottom_up", "own"):
        promises.below("theta_dynamic_optimised, %s: WRMSSE, against naive" % way,
                       figure["theta_dynamic_optimised", way], figure["naive", way])
    save([("m5_monthly_wrmsse_%s_%s" % key, value, "ratio") for key, value in figure.items()])
    return promises.broken


RUNS = (run_m5_monthly,)
