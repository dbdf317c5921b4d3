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
    lines = "\n".join(["kinds " + " ".join(kinds)] + [one.line() for one in series]) + "\n"
    done = subprocess.run([PROGRAM, str(origins), str(stride)], input=lines,
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Broken("interval_bench: exit status %d" % done.returncode)
    return [json.loads(line) for line in done.stdout.splitlines()]


def measure_origins(origins, plan, kinds):
    """`origins`: the series as they were at each origin of the test. Each calibrates on what was
    before it; the figures are means over the origins, which have equally many values."""
    rows = [measure(series, plan[0], plan[1], kinds) for series in origins]
    out = []
    for same in zip(*rows):
        row = dict(same[0])
        for figure in ("coverage", "coverage_pit", "msis", "scaled_crps", "stock_cost",
                       "fill_rate"):
            row[figure] = sum(one[figure] for one in same) / len(same)
        row["pit"] = [sum(bins) / len(same) for bins in zip(*(one["pit"] for one in same))]
        out.append(row)
    return out


def histogram(shares):
    """A mark per bin of the PIT: "_" nothing, "=" as much as in a flat one, "@" twice that."""
    marks = "_.:-=+*#%@"
    return "".join(marks[min(len(marks) - 1, int(share * 20 * 4 + 0.5))] for share in shares)


def judge(name, origins, plan, kinds, counts):
    """`origins`: the series as they were at each origin of the test. `plan`: origins to calibrate
    on, periods between them, and what they are in words."""
    words = plan[2]
    series = origins[0]
    rows = measure_origins(origins, plan, kinds)
    print("\n==== intervals, %s: %d series, %d ahead from %d origins, each calibrated on %s" %
          (name, len(series), len(series[0].then), len(origins), words))
    print("\n  %-26s%-12s%8s%9s%9s%9s  %s" % ("KIND", "WAY", "COVER90", "BY PIT", "MSIS", "sCRPS",
                                              "PIT (flat: =)"))
    for row in rows:
        print("  %-26s%-12s%8.3f%9.3f%9.3f%9.4f  %s" %
              (row["kind"], row["way"], row["coverage"], row["coverage_pit"], row["msis"],
               row["scaled_crps"], histogram(row["pit"])))
    for row in rows:
        if counts and row["way"] == "raw":
            print("  %s: a stock by its paths costs %.3f per unit sold, %.1f %% of them at once" %
                  (row["kind"], row["stock_cost"], 100 * row["fill_rate"]))
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
    return judge("m3_monthly", [series], (4, 3, "4 origins, 3 months apart"),
                 ("theta_dynamic_optimised", "auto"), False)


def run_intervals_m4_weekly(data):
    folder = os.path.join(data, "competitions/m4")
    if not data or not os.path.isdir(folder):
        return skipped("intervals_m4_weekly")
    return judge("m4_weekly", [m4_series(folder, "weekly", 1)],
                 (4, 13, "4 origins, 13 weeks apart"), ("theta_dynamic_optimised", "auto"), False)


def run_intervals_store_item(data):
    """Four weeks of every item of six stores, from origins over a year: these series rise and fall
    together with the year, so one origin alone is one case, however many series it has."""
    found = glob.glob(os.path.join(data, "retail/store_item_demand/*.csv.gz"))
    if not data or not found:
        return skipped("intervals_store_item")
    values = {}
    for row in rows_in(found[0]):
        if row[0] != "date":
            values.setdefault((row[1], row[2]), []).append((row[0], row[3]))
    values = {key: [value for _, value in sorted(rows)] for key, rows in values.items()}
    origins = [[Series("%s-%s" % key, 7, y[:end - 28], y[end - 28:end])
                for key, y in sorted(values.items())]
               for end in range(1826, 1826 - 365, -56)]
    return judge("store_item", origins, (13, 28, "13 origins, 4 weeks apart"),
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
    return judge("m5_monthly", [series], (4, 3, "4 origins, 3 months apart"),
                 ("theta_dynamic_optimised", "tsb_optimised"), True)


RUNS = (run_intervals_m3_monthly, run_intervals_m4_weekly, run_intervals_store_item,
        run_intervals_m5_monthly)
