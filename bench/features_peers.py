"""ns per feature value of the peers: coreforecast, mlforecast (Polars) and Polars over().

    features_peers.py SERIES REPEATS [panel_37 | core]
                               one JSON object {"name","value","unit"} per line

Processor time. `_first` is the first use in this process, with the memory that it has to be given:
what a program pays that computes its features once. `_warm` is the best repeat after it.
The same 30 features as features_bench: 18 lags, and rolling statistics over the same windows. The
peers have no rolling sum everywhere, so the three sums are rolling means here. A window is used
from its first value on (min_samples 1). `panel_37` has two more lags and five features of the
calendar, and mlforecast is called with its defaults, which drop the rows that lack a lag. `core`:
coreforecast alone. Threads are set by the caller's environment.
"""
import json
import sys
import time

import numpy as np
import polars as pl
from coreforecast.grouped_array import GroupedArray
from coreforecast import lag_transforms as core
from mlforecast import MLForecast
from mlforecast import lag_transforms as ml

PERIODS = 1826
LAGS = list(range(1, 19))
MEANS = [7, 14, 28, 56, 112, 365]
STDS = [7, 14, 28]
# In place of sums: other windows, because mlforecast refuses the same transform twice.
EXTRA = [8, 15, 29]
COUNT = len(LAGS) + len(MEANS) + len(STDS) + len(EXTRA)
MORE_LAGS = [19, 20]
CALENDAR = ["weekday", "day", "ordinal_day", "week", "month"]
COUNT_37 = COUNT + len(MORE_LAGS) + len(CALENDAR)


def make_values(series):
    rng = np.random.default_rng(1)
    return rng.integers(0, 20000, size=series * PERIODS) // 100


def run_core(values, series):
    grouped = GroupedArray(values, np.arange(0, (series + 1) * PERIODS, PERIODS, dtype=np.int32), 1)
    transforms = [core.Lag(lag) for lag in LAGS]
    transforms += [core.RollingMean(1, n, 1) for n in MEANS + EXTRA]
    transforms += [core.RollingStd(1, n, 1) for n in STDS]
    start = time.process_time()
    columns = [t.transform(grouped) for t in transforms]
    elapsed = time.process_time() - start
    assert len(columns) == COUNT
    return elapsed


def run_mlforecast(frame, more=False):
    rolling = [ml.RollingMean(n, 1) for n in MEANS + EXTRA] + [ml.RollingStd(n, 1) for n in STDS]
    forecast = MLForecast(models=[], freq="1d", lags=LAGS + (MORE_LAGS if more else []),
                          lag_transforms={1: rolling}, date_features=CALENDAR if more else None,
                          num_threads=1)
    start = time.process_time()
    if more:  # as users call it: rows that lack a lag are dropped
        out = forecast.preprocess(frame, static_features=[])
    else:
        out = forecast.preprocess(frame, static_features=[], dropna=False)
    elapsed = time.process_time() - start
    dropped = len(set(frame["unique_id"])) * max(MORE_LAGS) if more else 0
    assert out.width == frame.width + (COUNT_37 if more else COUNT)
    assert out.height == frame.height - dropped
    return elapsed


def run_polars(frame, more=False):
    y = pl.col("y")
    lags = LAGS + (MORE_LAGS if more else [])
    features = [y.shift(lag).over("unique_id").alias(f"lag{lag}") for lag in lags]
    features += [getattr(pl.col("ds").dt, name)().alias(name) for name in CALENDAR if more]
    features += [y.shift(1).rolling_mean(n, min_samples=1).over("unique_id").alias(f"mean{n}")
                 for n in MEANS + EXTRA]
    features += [y.shift(1).rolling_std(n, min_samples=1).over("unique_id").alias(f"std{n}")
                 for n in STDS]
    start = time.process_time()
    out = frame.with_columns(features)
    elapsed = time.process_time() - start
    assert out.width == frame.width + (COUNT_37 if more else COUNT)
    return elapsed


def main():
    series = int(sys.argv[1])
    values = make_values(series).astype(np.float64)
    days = np.datetime64("2013-01-01") + np.arange(PERIODS)
    frame = pl.DataFrame({
        "unique_id": np.repeat(np.arange(series), PERIODS),
        "ds": np.tile(days, series),
        "y": values,
    })
    if sys.argv[3:] == ["panel_37"]:
        runs = (("mlforecast_panel_37", COUNT_37, lambda: run_mlforecast(frame, True)),
                ("polars_panel_37", COUNT_37, lambda: run_polars(frame, True)))
    elif sys.argv[3:] == ["core"]:
        runs = (("coreforecast", COUNT, lambda: run_core(values, series)),)
    else:
        runs = (("coreforecast", COUNT, lambda: run_core(values, series)),
                ("mlforecast", COUNT, lambda: run_mlforecast(frame)),
                ("polars", COUNT, lambda: run_polars(frame)))
    for name, count, run in runs:
        times = [run() for _ in range(1 + int(sys.argv[2]))]
        for kind, seconds in (("first", times[0]), ("warm", min(times[1:]))):
            value = seconds * 1e9 / (len(values) * count)
            print(json.dumps({"name": f"features_{name}_{series}x{PERIODS}_{kind}",
                              "value": round(value, 3), "unit": "ns/value"}), flush=True)


main()
