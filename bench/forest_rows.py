"""Rows and labels of real sales for the benchmarks of forests: 40 features, float32.

    demand  daily sales of the store-item demand set: lags, windows, calendar, store and item
    m5      monthly sales of the M5 set: lags, windows, price, hierarchy

DATA is a folder with retail/store_item_demand and retail/m5, as their sources publish them
(columns: docs/benchmarks.md). Without it, rows are generated like those of inference_bench.
Features of a step see what was known the step before. Rows are in the order of the series.
"""
import glob
import os

import numpy as np
import polars as pl

COLUMNS = 40


def shifted(values, steps):
    """The matrix (series x time) `steps` later; what is not known yet is 0."""
    out = np.zeros_like(values)
    out[:, steps:] = values[:, :-steps]
    return out


def window(values, size, what):
    """A statistic of the `size` steps before each step."""
    views = np.lib.stride_tricks.sliding_window_view(values, size, axis=1)
    out = np.zeros_like(values)
    out[:, size:] = what(views, axis=2)[:, :-1]
    return out


def table(columns, label, first):
    """Columns (series x time each) from time `first` on, as rows in the order of the series."""
    if len(columns) != COLUMNS:
        raise ValueError(f"{len(columns)} features, {COLUMNS} are needed")
    x = np.stack([np.broadcast_to(c, label.shape)[:, first:] for c in columns], axis=2)
    return x.reshape(-1, COLUMNS).astype(np.float32), label[:, first:].ravel()


def demand(data):
    sales = pl.concat([pl.read_csv(path, try_parse_dates=True) for path in sorted(
        glob.glob(os.path.join(data, "retail/store_item_demand/*.csv.gz")))])
    sales = sales.sort("store", "item", "date")
    keys = sales.select("store", "item").unique(maintain_order=True)
    y = sales["sales"].to_numpy().astype(np.float64).reshape(len(keys), -1)
    days = sales["date"][:y.shape[1]]
    columns = [shifted(y, k) for k in (1, 2, 3, 4, 5, 6, 7, 14, 21, 28, 35, 42, 56, 91, 182, 364,
                                       365)]
    columns += [window(y, k, np.mean) for k in (7, 14, 28, 56, 91, 182, 365)]
    columns += [window(y, k, np.std) for k in (7, 14, 28, 56, 91)]
    columns += [window(y, k, f) for k in (7, 28) for f in (np.min, np.max)]
    columns += [part.to_numpy()[None, :].astype(float) for part in (
        days.dt.weekday(), days.dt.day(), days.dt.month(), days.dt.week(),
        days.dt.ordinal_day())]
    columns += [keys[name].to_numpy()[:, None].astype(float) for name in ("store", "item")]
    return table(columns, y, 700)


def m5_prices(data, months):
    calendar = pl.read_csv(os.path.join(data, "retail/m5/m5_calendar.csv"))
    weeks = calendar.select("wm_yr_wk", month=pl.col("date").str.slice(0, 7)).unique()
    prices = pl.concat([pl.read_csv(path) for path in sorted(
        glob.glob(os.path.join(data, "retail/m5/m5_sell_prices_*.csv.gz")))])
    prices = prices.join(weeks, on="wm_yr_wk").group_by("store_id", "item_id", "month").agg(
        pl.col("sell_price").mean())
    return prices.filter(pl.col("month").is_in(months))


def m5(data):
    sales = pl.concat([pl.read_csv(path) for path in sorted(
        glob.glob(os.path.join(data, "retail/m5/m5_monthly_*.csv.gz")))])
    sales = sales.with_columns(pl.col("month").str.slice(0, 7))
    sales = sales.join(m5_prices(data, sales["month"].unique().to_list()),
                       on=["store_id", "item_id", "month"], how="left")
    sales = sales.sort("store_id", "item_id", "month").with_columns(pl.col("sell_price")
                                                                    .fill_null(0))
    keys = sales.select("store_id", "dept_id", "cat_id", "item_id").unique(maintain_order=True)
    y = sales["sales"].to_numpy().astype(np.float64).reshape(len(keys), -1)
    price = sales["sell_price"].to_numpy().reshape(y.shape)
    code = {name: np.unique(keys[name].to_numpy(), return_inverse=True)[1] for name in
            ("store_id", "dept_id", "cat_id", "item_id")}
    columns = [shifted(y, k) for k in (*range(1, 13), 13, 24)]
    columns += [window(y, k, np.mean) for k in (3, 6, 12, 24)]
    columns += [window(y, k, np.std) for k in (3, 6, 12)]
    columns += [window(y, k, f) for k in (3, 6, 12) for f in (np.min, np.max)]
    columns += [window((y == 0).astype(float), k, np.mean) for k in (6, 12)]
    time = np.arange(y.shape[1])[None, :]
    columns += [time % 12, time, price, price / np.maximum(window(price, 12, np.mean), .01)]
    columns += [code[name][:, None] for name in ("store_id", "dept_id", "cat_id")]
    for name in ("store_id", "dept_id", "item_id"):
        total = np.zeros((code[name].max() + 1, y.shape[1]))
        np.add.at(total, code[name], y)
        columns.append(shifted(total[code[name]], 1))
    columns.append(np.cumsum(price > 0, axis=1))
    return table(columns, y, 24)


def generated(_data):
    """As inference_bench makes them: a row repeats the row above but for four columns."""
    rng = np.random.default_rng(1)
    x = np.floor(rng.random((20000, COLUMNS)) * 100000) / 1000
    for f in range(COLUMNS - 4):
        x[:, f] = x[::28, f].repeat(28)[:len(x)]
    y = rng.integers(0, 1000, len(x)) / 20
    for f in range(COLUMNS):
        y += x[:, f] if f % 3 == 0 else np.where(x[:, f] > 50, f, x[:, f] * x[:, f // 2] / 100)
    return x.astype(np.float32), y
