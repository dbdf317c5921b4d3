"""mlforecast with LightGBM: from a trained model and a Parquet file to 28-day means in Parquet.

    means_peer.py fit  SALES.parquet FOLDER          trains once (not timed)
    means_peer.py {recursive|direct} SALES.parquet FOLDER OUT.parquet

Features, trees and leaves are those of bench/panel/almanac.yaml; Polars frames, one thread.
`recursive` is one model whose lags of 28 and more need no predicted value; `direct` has a model for
every step, so features are computed once. The input has a row for every day (`dense`).
"""
import os
import sys

import lightgbm as lgb
import polars as pl
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean, RollingStd

STEPS = 28


def forecaster(first_lag):
    rolling = [RollingMean(n, 1) for n in (7, 14, 28, 56)] + [RollingStd(n, 2) for n in (7, 28, 56)]
    model = lgb.LGBMRegressor(n_estimators=500, num_leaves=31, learning_rate=0.03, n_jobs=1,
                              min_child_samples=100, verbosity=-1)
    lags = [first_lag + back for back in (0, 7, 14, 21, 28, 336)]
    return MLForecast(models={"mean": model}, freq="1d", lags=lags,
                      lag_transforms={first_lag: rolling}, date_features=["weekday", "month"],
                      num_threads=1)


def read_sales(path):
    return pl.read_parquet(path).select(
        (pl.col("sku") + "|" + pl.col("store")).alias("unique_id"),
        pl.col("date").alias("ds"), pl.col("units").cast(pl.Float64).alias("y"))


def fit(path, folder):
    frame = read_sales(path)
    ids = frame["unique_id"].unique().sort().head(100)
    frame = frame.filter(pl.col("unique_id").is_in(ids.implode()))
    os.makedirs(folder, exist_ok=True)
    single = forecaster(STEPS)
    single.fit(frame, static_features=[])
    single.save(os.path.join(folder, "recursive"))
    # The cost of a prediction does not depend on how many rows trained the 28 models.
    direct = forecaster(1)
    direct.fit(frame.filter(pl.col("ds") >= pl.col("ds").max() - pl.duration(days=500)),
               static_features=[], max_horizon=STEPS)
    direct.save(os.path.join(folder, "direct"))


def predict(kind, path, folder, out):
    model = MLForecast.load(os.path.join(folder, kind))
    means = model.predict(STEPS, new_df=read_sales(path))
    means.write_parquet(out)


if sys.argv[1] == "fit":
    fit(sys.argv[2], sys.argv[3])
else:
    predict(*sys.argv[1:5])
