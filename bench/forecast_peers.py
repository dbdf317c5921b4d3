"""Our statistical forecasters beside statsforecast: series a second and accuracy, one thread.

    forecast_peers.py PROGRAM DATA [WHAT..]
                               one JSON object {"name","value","unit"} per line

PROGRAM is competition_bench, which makes and scores our forecasts and scores those made here. DATA
is the folder of the reference data sets; a set that is not there is left out, and said so on
standard error. WHAT names some of the comparisons of PAIRS, or `stl`: decompositions beside those
of statsmodels, by the program stl_bench that lies beside PROGRAM. Ours are found by name among the
kinds that PROGRAM has; where there is none, the peer is measured alone.

Processor time. Both get the same series one after the other as an array, forecast the same number
of steps, and keep nothing: statsforecast's models are called themselves, without the tables around
them, which would only add. What they do once per process (imports, the first two series) comes
before the measure. Ours is measured before and after the peer, and the mean of both counts.

A peer that is slow gets every k-th series only; ours then gets the same. The figure `_series` says
how many, and `_series_of` of how many. BENCH_FULL=1: all series to all. Accuracy is that of the
same series.
"""
import csv
import glob
import gzip
import json
import os
import subprocess
import sys
import time
import warnings

import numpy as np
from statsforecast import models as peers
from statsmodels.tsa.seasonal import STL

FULL = os.environ.get("BENCH_FULL") == "1"


def rows_in(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


# ---- the sets: [(id, seasons, lag of the scale, past, what came then)] ----

def m3_monthly(data):
    return [(row[0], [12], 12, row[7].split(), row[8].split())
            for row in rows_in(os.path.join(data, "competitions/m3/m3_monthly.csv.gz"))
            if row[0] != "series_id"]


def m4_weekly(data, season=1):
    folder = os.path.join(data, "competitions/m4")
    then = {row[0]: [v for v in row[1:] if v]
            for row in rows_in(os.path.join(folder, "weekly_test.csv"))}
    return [(row[0], [season], 1, [v for v in row[1:] if v], then[row[0]])
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
            out.append((row[0], [12], 12, y[:-12], y[-12:]))
    return out


def store_item(data, seasons=(7, 365), steps=28):
    """Daily sales of 300 items and stores over five years; the last four weeks."""
    found = sorted(glob.glob(os.path.join(data, "retail/store_item_demand/*.csv.gz")))
    if not found:
        raise FileNotFoundError(2, "", "retail/store_item_demand")
    sales = {}
    for row in rows_in(found[0]):
        if row[0] != "date":
            sales.setdefault("%s-%s" % (row[1], row[2]), []).append((row[0], row[3]))
    out = []
    for key, days in sales.items():
        y = [value for _, value in sorted(days)]
        out.append((key, list(seasons), 7, y[:-steps], y[-steps:]))
    return out


def store_item_7(data):
    return store_item(data, (7,))


WEEK = 336


def electricity(data, origins=24, weeks=26):
    """A week of half-hourly demand from 24 origins in the last year, after 26 weeks each."""
    path = os.path.join(data, "hierarchy/vic_elec_half_hourly.csv.gz")
    y = [row[1] for row in rows_in(path) if row[0] != "Time"]
    out = []
    for i in range(origins):
        origin = len(y) - (2 * (origins - i) + 1) * WEEK
        out.append((f"origin-{i}", [48, WEEK], WEEK, y[origin - weeks * WEEK:origin],
                    y[origin:origin + WEEK]))
    return out


# ---- the comparisons ----

def one(model):
    """With the longest season."""
    return lambda seasons: model(season_length=seasons[-1])


def several(model):
    return lambda seasons: model(season_length=seasons)


def none(model, **options):
    return lambda _: model(**options)


ARIMA = ("auto_arima", "arima")
CES = ("auto_ces", "ces")
DOT = ("theta_dynamic_optimised",)
# what, set, our kind (the first there is; none: the peer alone), the peer, series of a short run
PAIRS = [
    ("ets", m3_monthly, ("ets",), one(peers.AutoETS), 1428),
    ("theta", m3_monthly, ("theta",), one(peers.Theta), 1428),
    ("dot", m3_monthly, DOT, one(peers.DynamicOptimizedTheta), 1428),
    ("auto_theta", m3_monthly, ("theta_automatic",), one(peers.AutoTheta), 300),
    ("ces", m3_monthly, CES, one(peers.AutoCES), 1428),
    ("arima", m3_monthly, ARIMA, one(peers.AutoARIMA), 120),
    ("mstl", m3_monthly, ("mstl",), several(peers.MSTL), 300),
    ("ets", m4_weekly, ("ets",), one(peers.AutoETS), 359),
    ("dot", m4_weekly, DOT, one(peers.DynamicOptimizedTheta), 60),
    ("ces", m4_weekly, CES, one(peers.AutoCES), 359),
    ("arima", m4_weekly, ARIMA, one(peers.AutoARIMA), 60),
    ("mstl", m4_weekly_52, ("mstl",), several(peers.MSTL), 180),
    ("dot", m4_weekly_52, DOT, one(peers.DynamicOptimizedTheta), 60),
    ("seasonal_naive", m4_weekly_52, ("seasonal_naive",), one(peers.SeasonalNaive), 359),
    ("mstl", store_item, ("mstl",), several(peers.MSTL), 60),
    ("seasonal_naive", store_item, ("seasonal_naive",), one(peers.SeasonalNaive), 60),
    ("dot", store_item_7, DOT, one(peers.DynamicOptimizedTheta), 60),
    ("seasonal_naive", store_item_7, ("seasonal_naive",), one(peers.SeasonalNaive), 60),
    ("mstl", electricity, ("mstl",), several(peers.MSTL), 12),
    ("seasonal_naive", electricity, ("seasonal_naive",), one(peers.SeasonalNaive), 12),
    ("croston", carparts, ("croston_optimised",), none(peers.CrostonOptimized), 1500),
    ("croston_classic", carparts, ("croston",), none(peers.CrostonClassic), 1500),
    ("sba", carparts, ("sba", "croston_sba"), none(peers.CrostonSBA), 1500),
    ("tsb", carparts, ("tsb",), none(peers.TSB, alpha_d=.1, alpha_p=.1), 1500),
    ("adida", carparts, ("adida",), none(peers.ADIDA), 1500),
    ("imapa", carparts, ("imapa",), none(peers.IMAPA), 1500),
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
        values = [(np.array(past, dtype=float), seasons, len(then))
                  for _, seasons, _, past, then in series]
        self.failed = 0
        for y, seasons, steps in values[:2]:
            self.forecast(make(seasons), y, steps)
        self.failed = 0
        start = time.process_time()
        self.means = [self.forecast(make(seasons), y, steps) for y, seasons, steps in values]
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


def compare(program, kind, what, name, make, every, count):
    series = spread(every, count)
    lines = ["series %s %s/%d %d %s %d %s" % (key, ",".join(map(str, seasons)), lag, len(past),
                                              " ".join(past), len(then), " ".join(then))
             for key, seasons, lag, past, then in series]
    # Of a peer alone it still scores the forecasts; the quickest kind runs beside.
    before = ours(program, [kind or "naive"], lines)
    peer = Peer(make, series)
    lines += ["forecast statsforecast %s %s" % (row[0], " ".join(map(repr, map(float, mean))))
              for row, mean in zip(series, peer.means)]
    after = ours(program, [kind or "naive"], lines)
    emit(f"forecast_{name}_series", len(series), "series")
    emit(f"forecast_{name}_series_of", len(every), "series")
    report_method(f"forecast_{name}_statsforecast", after["statsforecast"], peer.seconds)
    emit(f"forecast_{name}_statsforecast_gave_up", peer.failed, "series")
    if kind:
        seconds = (before[kind]["seconds"] + after[kind]["seconds"]) / 2
        report_method(f"forecast_{name}_almanac", after[kind], seconds)
        emit(f"statsforecast_{what}_speedup", peer.seconds / seconds if seconds else None, "x")


# ---- decompositions ----

# set, season (the set's last one), series of a short run
DECOMPOSED = [(m3_monthly, 300), (m4_weekly_52, 40), (electricity, 1)]


def decompose(program, name, series):
    """STL with the usual options beside statsmodels, plain and robust; the results compared."""
    series = [row for row in series if len(row[3]) >= 2 * row[1][-1]]
    lines = ["series %s %d %d %s" % (key, seasons[-1], len(past), " ".join(past))
             for key, seasons, _, past, _ in series]
    values = [(np.array(past, dtype=float), seasons[-1]) for _, seasons, _, past, _ in series]
    found = {}
    for kind in ("plain", "robust"):
        STL(values[0][0], period=values[0][1], robust=kind == "robust").fit()
        seconds = season = trend = 0.
        for y, period in values:
            start = time.process_time()
            parts = STL(y, period=period, robust=kind == "robust").fit()
            seconds += time.process_time() - start
            season += np.abs(parts.seasonal).sum()
            trend += np.abs(parts.trend).sum()
        found[kind] = (seconds, season, trend)
    emit(f"stl_{name}_series", len(series), "series")
    for kind, row in ours(program, [], lines).items():
        seconds, season, trend = found[kind]
        emit(f"stl_{name}_{kind}_statsmodels_series_per_s", len(series) / seconds, "1/s")
        emit(f"stl_{name}_{kind}_almanac_series_per_s", len(series) / row["seconds"], "1/s")
        emit(f"statsmodels_stl_{name}_{kind}_speedup", seconds / row["seconds"], "x")
        emit(f"stl_{name}_{kind}_difference", max(abs(row["season"] / season - 1),
                                                  abs(row["trend"] / trend - 1)), "ratio")


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
                series, count)
    for make_set, count in DECOMPOSED:
        if not asked or "stl" in asked:
            try:
                series = spread(make_set(data), count)
            except OSError:
                continue
            decompose(program.replace("competition_bench", "stl_bench"), make_set.__name__, series)


main()
