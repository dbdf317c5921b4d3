"""Rare demand of car parts: the forecasters of it, one year ahead, and what is said of quantiles.

The forecast that nothing is sold stands beside all: scaled absolute errors reward it."""
import json
import os
import subprocess

from accuracy.shared import ROOT, Broken, Promises, rows_in, save, skipped

PROGRAM = os.environ.get("COUNT_BENCH") or os.path.join(ROOT, "build/release/bin/count_bench")
COLUMNS = (("RMSSE", "rmsse"), ("MASE12", "mase"), ("BIAS", "bias"), ("PIN.9", "pinball_90"),
           ("PIN.95", "pinball_95"), ("PIN.99", "pinball_99"), ("COVER90", "coverage_90"))
OWN = "count_common"


def lines_of(rows, steps, season):
    """Rows of a wide file: a name, then values; an empty one is not known. The last `steps` are the
    test. Series without any known value in one of the two are left out."""
    for name, *values in rows:
        values = [value or "-" for value in values]
        past, then = values[:-steps], values[-steps:]
        if set(past) != {"-"} and set(then) != {"-"}:
            yield "series %s %d %d %s %d %s" % (name, season, len(past), " ".join(past), steps,
                                                " ".join(then))


def measure(lines):
    """{method: figures}, by count_bench."""
    done = subprocess.run([PROGRAM], input="\n".join(lines) + "\n", stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise Broken("count_bench: exit status %d" % done.returncode)
    return {row["method"]: row for row in map(json.loads, done.stdout.splitlines())}


def print_table(name, rows):
    print("\n==== %s: %d series\n\n  %-20s" % (name, rows[OWN]["series"], "METHOD") +
          "".join("%9s" % title for title, _ in COLUMNS) + "  SERIES/S")
    for method, row in rows.items():
        cells = ("%9s" % ("-" if row.get(key) is None else "%.4f" % row[key])
                 for _, key in COLUMNS)
        print("  %-20s%s%10.0f" % (method, "".join(cells), row["series"] / row["seconds"]))


def run_carparts(data):
    path = os.path.join(data, "inventory/carparts_monthly_a.csv.gz")
    if not data or not os.path.isfile(path):
        return skipped("carparts")
    rows = measure(lines_of(list(rows_in(path))[1:], 12, 12))
    print_table("car parts, 12 months ahead", rows)
    own = rows[OWN]
    promises = Promises("carparts")
    promises.below("%s: RMSSE, against ses" % OWN, own["rmsse"], rows["ses"]["rmsse"])
    promises.below("%s: RMSSE, against the forecast of nothing" % OWN, own["rmsse"],
                   rows["zero"]["rmsse"])
    promises.within("%s: bias, units a month" % OWN, own["bias"], -0.05, 0.05)
    promises.within("%s: coverage of the 90%% interval (randomised PIT)" % OWN,
                    own["coverage_90"], 0.88, 0.92)
    for level in ("pinball_90", "pinball_95", "pinball_99"):
        value, method = min((row[level], method) for method, row in rows.items()
                            if not method.startswith("count"))
        promises.below("%s: %s, against the best other (%s)" % (OWN, level, method), own[level],
                       value)
    save([("carparts_%s_%s" % (key, method), row[key], unit)
          for method, row in rows.items()
          for key, unit in (("rmsse", "ratio"), ("bias", "units"), ("pinball_95", "units"))] +
         [("carparts_coverage90", own["coverage_90"], "share")])
    return promises.broken


def run_jewelry(data):
    """Not tuned on: weekly sales of jewellery, none of them zero, 12 weeks ahead."""
    path = os.path.join(data, "inventory/jewelry_weekly.csv.gz")
    if not data or not os.path.isfile(path):
        return skipped("jewelry")
    print_table("jewellery, 12 weeks ahead", measure(lines_of(list(rows_in(path))[1:], 12, 1)))
    return 0


def run_m5_items(data):
    """Not tuned on: every fifth item of one store, 6 months ahead without the first and the last
    month, which are not whole. Months before the first sale are not known: not on sale yet."""
    path = os.path.join(data, "retail/m5/m5_monthly_CA_1.csv.gz")
    if not data or not os.path.isfile(path):
        return skipped("m5_items")
    items = {}
    for row in list(rows_in(path))[1:]:
        items.setdefault(row[0], []).append((row[5], row[6]))
    rows = []
    for name, months in list(items.items())[::5]:
        values = ["%g" % float(value) for _, value in sorted(months)[1:-1]]
        first = next((t for t, value in enumerate(values) if value != "0"), len(values))
        rows.append([name, *[""] * first, *values[first:]])
    print_table("M5 monthly, items of store CA_1, 6 months ahead", measure(lines_of(rows, 6, 12)))
    return 0


RUNS = (run_carparts, run_jewelry, run_m5_items)
