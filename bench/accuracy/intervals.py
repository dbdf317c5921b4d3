"""Do 90 % intervals cover 90 %? As the models have them, and calibrated on earlier origins.

Calibration sees the pasts only: rolling origins over about the last year before the test, spread so
that every season is among them. Counts are judged by the randomised PIT."""
import glob
import json
import os
import subprocess

from accuracy.competitions import Series, m3_monthly, m4_series
from accuracy.shared import ROOT, Broken, Promises, rows_in, save, skipped

PROGRAM = os.environ.get("INTERVAL_BENCH") or os.path.join(
    ROOT, "build/release/bin/interval_bench")
LOW, HIGH = 0.88, 0.92


def measure(series, origins, stride, kinds):
    """[figures of each kind raw and calibrated], by interval_bench."""
    lines = "".join(one.line() + "\n" for one in series)
    done = subprocess.run([PROGRAM, str(origins), str(stride), *kinds], input=lines,
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Broken("interval_bench: exit status %d" % done.returncode)
    return [json.loads(line) for line in done.stdout.splitlines()]


def histogram(shares):
    """The PIT in 20 bins; a flat one is ten times 1 dot high."""
    marks = "_.:-=+*#%@"
    return "".join(marks[min(len(marks) - 1, int(share * 20 * 4 + 0.5))] for share in shares)


def judge(name, series, plan, kinds, counts):
    """`plan`: origins, periods between them, and what they are in words."""
    origins, stride, words = plan
    rows = measure(series, origins, stride, kinds)
    print("\n==== intervals, %s: %d series, %d ahead, calibrated on %s" %
          (name, len(series), len(series[0].then), words))
    print("\n  %-26s%-12s%8s%9s%9s%9s  %s" % ("KIND", "WAY", "COVER90", "BY PIT", "MSIS", "sCRPS",
                                              "PIT (flat: ====)"))
    for row in rows:
        print("  %-26s%-12s%8.3f%9.3f%9.3f%9.4f  %s" %
              (row["kind"], row["way"], row["coverage"], row["coverage_pit"], row["msis"],
               row["scaled_crps"], histogram(row["pit"])))
    promises = Promises("intervals_" + name)
    figure = "coverage_pit" if counts else "coverage"
    for row in rows:
        if row["way"] == "calibrated":
            promises.within("%s: calibrated 90%% interval covers" % row["kind"], row[figure],
                            LOW, HIGH)
    save([("%s_coverage90_%s_%s" % (name, row["way"], row["kind"]), row[figure], "share")
          for row in rows])
    return promises.broken


def run_intervals_m3_monthly(data):
    if not data or not os.path.isdir(os.path.join(data, "competitions/m3")):
        return skipped("intervals_m3_monthly")
    series, _ = m3_monthly(data)
    return judge("m3_monthly", series, (4, 3, "4 origins, 3 months apart"),
                 ("theta_dynamic_optimised", "auto"), False)


def run_intervals_m4_weekly(data):
    folder = os.path.join(data, "competitions/m4")
    if not data or not os.path.isdir(folder):
        return skipped("intervals_m4_weekly")
    return judge("m4_weekly", m4_series(folder, "weekly", 1),
                 (4, 13, "4 origins, 13 weeks apart"), ("theta_dynamic_optimised", "auto"), False)


def run_intervals_store_item(data):
    """The last four weeks of every item of six stores."""
    found = glob.glob(os.path.join(data, "retail/store_item_demand/*.csv.gz"))
    if not data or not found:
        return skipped("intervals_store_item")
    values = {}
    for row in rows_in(found[0]):
        if row[0] != "date":
            values.setdefault((row[1], row[2]), []).append((row[0], row[3]))
    series = []
    for key in sorted(values):
        y = [value for _, value in sorted(values[key])]
        series.append(Series("%s-%s" % key, 7, y[:-28], y[-28:]))
    return judge("store_item", series, (13, 28, "13 origins, 4 weeks apart"),
                 ("theta_dynamic_optimised", "seasonal_naive"), True)


def run_intervals_m5_monthly(data):
    """Five stores, from an item's first sale on; the first and the last month are not whole."""
    found = sorted(glob.glob(os.path.join(data, "retail/m5/m5_monthly_*.csv.gz")))
    if not data or not found:
        return skipped("intervals_m5_monthly")
    series = []
    for path in found:
        values = {}
        for row in rows_in(path):
            if row[0] != "item_id":
                values.setdefault((row[3], row[0]), []).append((row[5], row[6]))
        for key in sorted(values):
            y = [str(int(float(value))) for _, value in sorted(values[key])][1:-1]
            past, then = y[:-6], y[-6:]
            while past and past[0] == "0":
                past.pop(0)
            if len(past) >= 36:  # two seasons at the oldest origin
                series.append(Series("%s-%s" % key, 12, past, then))
    return judge("m5_monthly", series, (4, 3, "4 origins, 3 months apart"),
                 ("theta_dynamic_optimised", "tsb_optimised"), True)


RUNS = (run_intervals_m3_monthly, run_intervals_m4_weekly, run_intervals_store_item,
        run_intervals_m5_monthly)
