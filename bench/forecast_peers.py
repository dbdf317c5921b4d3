"""Our statistical forecasters beside statsforecast: series a second and accuracy, one thread.

    forecast_peers.py PROGRAM DATA [WHAT..]
                               one JSON object {"name","value","unit"} per line

PROGRAM is competition_bench, which makes and scores our forecasts and scores those made here. DATA
is the folder of the reference data sets; a set that is not there is left out, and said so on
standard error. WHAT names some of the comparisons of PAIRS. Ours are found by name among the kinds
that PROGRAM has; where there is none, the peer is measured alone.

Processor time. Both get the same series one after the other as an array, forecast the same number
of steps, and keep nothing: statsforecast's models are called themselves, without the tables around
them, which would only add. What they do once per process (imports, the first two series) comes
before the measure. Ours is measured before and after the peer, and the mean of both counts.

A peer that is slow gets every k-th series only; ours then gets the same, and the figure `_series`
says how many. BENCH_FULL=1: all series to all. Accuracy is that of the same series.
"""
import csv
import gzip
import json
import os
import subprocess
import sys
import time
import warnings

import numpy as np
from statsforecast import models as peers

FULL = os.environ.get("BENCH_FULL") == "1"


def rows_in(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


# ---- the sets: [(id, season, lag of the scale, past, what came then)] ----

def m3_monthly(data):
    return [(row[0], 12, 12, row[7].split(), row[8].split())
            for row in rows_in(os.path.join(data, "competitions/m3/m3_monthly.csv.gz"))
            if row[0] != "series_id"]


def m4_weekly(data, season=1):
    folder = os.path.join(data, "competitions/m4")
    then = {row[0]: [v for v in row[1:] if v]
            for row in rows_in(os.path.join(folder, "weekly_test.csv"))}
    return [(row[0], season, 1, [v for v in row[1:] if v], then[row[0]])
            for row in rows_in(os.path.join(folder, "weekly_train.csv.gz"))]


def m4_weekly_52(data):
    return m4_weekly(data, 52)


def carparts(data):
    """The last 12 months are to be forecast; what is not known counts as 0, as in published
    tables of these series; those that sold nothing before are left out."""
    out = []
    for row in rows_in(os.path.join(data, "inventory/carparts_monthly_a.csv.gz")):
        y = [v or "0" for v in row[1:]]
        if row[0] != "series" and any(float(v) for v in y[:-12]):
            out.append((row[0], 12, 12, y[:-12], y[-12:]))
    return out


# ---- the comparisons ----

# what, set, our kind (the first there is; None: the peer alone), the peer, series of a short run
PAIRS = [
    ("ets", m3_monthly, ("ets",), lambda m: peers.AutoETS(season_length=m), 1428),
    ("theta", m3_monthly, ("theta",), lambda m: peers.Theta(season_length=m), 1428),
    ("dot", m3_monthly, ("theta_dynamic_optimised",),
     lambda m: peers.DynamicOptimizedTheta(season_length=m), 1428),
    ("auto_theta", m3_monthly, (), lambda m: peers.AutoTheta(season_length=m), 300),
    ("ces", m3_monthly, ("auto_ces", "ces"), lambda m: peers.AutoCES(season_length=m), 1428),
    ("arima", m3_monthly, ("auto_arima", "arima"), lambda m: peers.AutoARIMA(season_length=m), 200),
    ("ets", m4_weekly, ("ets",), lambda m: peers.AutoETS(season_length=m), 359),
    ("dot", m4_weekly, ("theta_dynamic_optimised",),
     lambda m: peers.DynamicOptimizedTheta(season_length=m), 60),
    ("ces", m4_weekly, ("auto_ces", "ces"), lambda m: peers.AutoCES(season_length=m), 359),
    ("arima", m4_weekly, ("auto_arima", "arima"), lambda m: peers.AutoARIMA(season_length=m), 90),
    ("mstl", m4_weekly_52, ("mstl",), lambda m: peers.MSTL(season_length=m), 120),
    ("seasonal_naive", m4_weekly_52, ("seasonal_naive",),
     lambda m: peers.SeasonalNaive(season_length=m), 359),
    ("croston", carparts, ("croston_optimised", "croston"), lambda m: peers.CrostonOptimized(),
     1500),
    ("croston_classic", carparts, ("croston_classic",),
     lambda m: peers.CrostonClassic(), 1500),
    ("sba", carparts, ("sba", "croston_sba"), lambda m: peers.CrostonSBA(), 1500),
    ("tsb", carparts, ("tsb",), lambda m: peers.TSB(alpha_d=.1, alpha_p=.1), 1500),
    ("adida", carparts, ("adida",), lambda m: peers.ADIDA(), 1500),
    ("imapa", carparts, ("imapa",), lambda m: peers.IMAPA(), 1500),
]
# The set whose ratio has no name of its own: statsforecast_WHAT_speedup.
MAIN = {"mstl": m4_weekly_52, "seasonal_naive": m4_weekly_52, "croston": carparts,
        "croston_classic": carparts, "sba": carparts, "tsb": carparts, "adida": carparts,
        "imapa": carparts}


def emit(name, value, unit):
    if value is not None:
        print(json.dumps({"name": name, "value": float(f"{value:.6g}"), "unit": unit}), flush=True)


def spread(series, count):
    """About `count` of them, equally far apart."""
    return series if FULL or len(series) <= count else series[::-(-len(series) // count)]


def ours(program, kinds, lines):
    """{method: figures} of our kinds, and of the forecasts among the lines."""
    lines = [" ".join(["kinds", *kinds]), *lines] if kinds else lines
    done = subprocess.run([program], input="".join(line + "\n" for line in lines),
                          text=True, stdout=subprocess.PIPE, check=True)
    rows = map(json.loads, done.stdout.splitlines())
    return {row["method"]: row for row in rows if "method" in row}


def kinds_of(program):
    return set(ours(program, [], []))


class Peer:
    """Forecasts of one model for all series, and the seconds they took."""

    def __init__(self, make, series):
        values = [(np.array(past, dtype=float), season, len(then))
                  for _, season, _, past, then in series]
        self.failed = 0
        for y, season, steps in values[:2]:
            self.forecast(make(season), y, steps)
        self.failed = 0
        start = time.process_time()
        self.means = [self.forecast(make(season), y, steps) for y, season, steps in values]
        self.seconds = time.process_time() - start

    def forecast(self, model, y, steps):
        """Of a series that the model gives up on: the newest value, as a user falls back."""
        try:
            mean = np.asarray(model.forecast(y=y, h=steps)["mean"], dtype=float)
            if np.isfinite(mean).all():
                return mean
        except Exception:  # whatever a model raises
            pass
        self.failed += 1
        return np.full(steps, y[-1])


def report_method(name, row, seconds):
    emit(f"{name}_series_per_s", row["series"] / seconds if seconds else None, "1/s")
    for metric, unit in (("smape", "percent"), ("mase", "ratio"), ("rmsse", "ratio"),
                         ("bias", "ratio")):
        emit(f"{name}_{metric}", row[metric], unit)


def compare(program, kind, what, name, make, series):
    lines = ["series %s %d/%d %d %s %d %s" % (key, season, lag, len(past), " ".join(past),
                                              len(then), " ".join(then))
             for key, season, lag, past, then in series]
    # Of a peer alone it still scores the forecasts; the quickest kind runs beside.
    before = ours(program, [kind or "naive"], lines)
    peer = Peer(make, series)
    lines += ["forecast statsforecast %s %s" % (row[0], " ".join(map(repr, map(float, mean))))
              for row, mean in zip(series, peer.means)]
    after = ours(program, [kind or "naive"], lines)
    emit(f"forecast_{name}_series", len(series), "series")
    report_method(f"forecast_{name}_statsforecast", after["statsforecast"], peer.seconds)
    emit(f"forecast_{name}_statsforecast_gave_up", peer.failed, "series")
    if kind:
        seconds = (before[kind]["seconds"] + after[kind]["seconds"]) / 2
        report_method(f"forecast_{name}_almanac", after[kind], seconds)
        emit(f"statsforecast_{what}_speedup", peer.seconds / seconds if seconds else None, "x")


def main():
    program, data, asked = sys.argv[1], sys.argv[2], sys.argv[3:]
    warnings.simplefilter("ignore")
    have = kinds_of(program)
    for what, make_set, candidates, make, count in PAIRS:
        place = make_set.__name__
        kind = next((name for name in candidates if name in have), None)
        if asked and what not in asked:
            continue
        if candidates and not kind:
            print(f"  {what}: the peer alone, there is no kind of that name", file=sys.stderr)
        try:
            series = make_set(data)
        except OSError as problem:
            print(f"  {what}, {place}: not measured: {problem.filename} is not there",
                  file=sys.stderr)
            continue
        main_set = MAIN.get(what, m3_monthly) is make_set
        compare(program, kind, what if main_set else f"{what}_{place}", f"{place}_{what}", make,
                spread(series, count))


main()
