"""Choices among the candidates of a class of demand: weights that many series teach, weights by the
series' own past, their median, the best one; beside the automatic forecaster.

The pasts alone teach weights: forecasts of the last part are learned one horizon before it. `auto`
and the candidates were chosen on pasts of M3, M4 and the car parts; nothing on those of M1."""
import json
import os
import subprocess

from accuracy.carparts import lines_of as demand_lines
from accuracy.competitions import Series, lines_of, m3_monthly, m4_series
from accuracy.shared import ROOT, Broken, Promises, rows_in, save, skipped

PROGRAM = os.environ.get("SELECTOR_BENCH") or os.path.join(
    ROOT, "build/release/bin/selector_bench")


def measure(lines):
    """{method: figures} and verdicts, by selector_bench."""
    done = subprocess.run([PROGRAM], input="\n".join(lines) + "\n", stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise Broken("selector_bench: exit status %d" % done.returncode)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return ({row["method"]: row for row in rows if "method" in row},
            [row["verdict"] for row in rows if "verdict" in row])


def judge(promises, name, lines, rare=False):
    """Prints the table, and saves it. Of rare demand absolute errors reward a forecast of nothing,
    so squared ones count."""
    rows, verdicts = measure(lines)
    print("\n==== %s: %d series\n\n  %-12s%10s%10s%10s%10s%12s" %
          (name, rows["auto"]["series"], "METHOD", "sMAPE", "MASE", "RMSSE", "BIAS", "SERIES/S"))
    for method, row in rows.items():
        print("  %-12s%10.3f%10.4f%10.4f%10.4f%12.1f" %
              (method, row["smape"], row["mase"], row["rmsse"], row["bias"],
               row["series"] / row["seconds"]))
    for verdict in verdicts:
        print("  " + verdict)
    score = "rmsse" if rare else "mase"
    promises.below("%s: %s of learned, against auto" % (name, score.upper()),
                   rows["learned"][score], rows["auto"][score])
    save([("selection_%s_%s_%s" % (name.lower().replace(" ", "_"), method, key), row[key], unit)
          for method, row in rows.items()
          for key, unit in (("smape", "percent"), ("mase", "ratio"), ("rmsse", "ratio"))])


def run_selection_m3_monthly(data):
    if not data or not os.path.isdir(os.path.join(data, "competitions/m3")):
        return skipped("selection_m3_monthly")
    series, _ = m3_monthly(data)
    promises = Promises("selection_m3_monthly")
    judge(promises, "M3 monthly", lines_of(series, {}))
    return promises.broken


def run_selection_m4_weekly(data):
    folder = os.path.join(data, "competitions/m4")
    if not data or not os.path.isdir(folder):
        return skipped("selection_m4_weekly")
    promises = Promises("selection_m4_weekly")
    judge(promises, "M4 weekly",
          [line.replace(" 1 ", " 52/1 ", 1)
           for line in lines_of(m4_series(folder, "weekly", 1), {})])
    return promises.broken


def run_selection_m1(data):
    path = os.path.join(data, "competitions/m1/m1.csv.gz")
    if not data or not os.path.isfile(path):
        return skipped("selection_m1")
    groups = {}
    for row in rows_in(path):
        if row[0] != "series_id":
            groups.setdefault(row[2].lower(), []).append(
                Series(row[0], row[3], row[7].split(), row[8].split()))
    promises = Promises("selection_m1")
    for group, series in groups.items():
        judge(promises, "M1 " + group, lines_of(series, {}))
    return promises.broken


def run_selection_carparts(data):
    path = os.path.join(data, "inventory/carparts_monthly_a.csv.gz")
    if not data or not os.path.isfile(path):
        return skipped("selection_carparts")
    promises = Promises("selection_carparts")
    judge(promises, "car parts", list(demand_lines(list(rows_in(path))[1:], 12, 12)), rare=True)
    return promises.broken


RUNS = (run_selection_m3_monthly, run_selection_m4_weekly, run_selection_m1,
        run_selection_carparts)
