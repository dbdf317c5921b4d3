#!/usr/bin/env python3
"""Trains CatBoost models of many kinds and compares `almanac predict --raw` with them, bit by bit.

    venv/bin/python tests/golden/forest/compare_catboost.py [ROWS]      default: 100000 for each

with the packages of generate_catboost.py. ALMANAC names the command. Rows are on every border, one
float and one double beside it, half way between floats, zeros, denormals, infinities, missing.
Exit status 1 when a score differs.
"""
import os
import subprocess
import sys
import tempfile

import catboost
import numpy as np
import pandas as pd

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
ALMANAC = os.environ.get("ALMANAC", os.path.join(ROOT, "build/release/bin/almanac"))
ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 1e-45, -7e-46, 1.1754943508222875e-38, 3.4028234663852886e38,
           3.4028235677973366e38, 1e300, -1e300, np.inf, -np.inf, np.nan]
NAMES = list("abcdef")
CATEGORIES = ["c", "f"]


def numbers(rng, n):
    x = pd.DataFrame(rng.normal(size=(n, 6)), columns=NAMES)
    x["b"] = x["b"].round(1)
    x["d"] = np.exp(5 * x["d"])
    x["e"] *= 1e-38
    return x


def with_categories(rng, n):
    x = numbers(rng, n)
    x["c"] = rng.integers(0, 5, n)
    x["f"] = rng.integers(-5, 60, n) * 1000003
    return x


def hostile(model, names, rng):
    columns = {}
    for i, name in enumerate(names):
        border = np.asarray(model.get_borders()[i], dtype=np.float32)
        with np.errstate(over="ignore"):
            up, low = (np.nextafter(border, np.float32(way)) for way in (np.inf, -np.inf))
        near = [border, up, low, (border.astype(float) + low) / 2, (border.astype(float) + up) / 2]
        near = np.concatenate([v.astype(float) for v in near])
        near = np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf),
                               SPECIAL])
        column = np.where(rng.random(ROWS) < 0.3, rng.normal(size=ROWS), rng.choice(near, ROWS))
        column[:len(near)] = rng.permutation(near)[:ROWS]
        columns[name] = column
    return columns


def label(kind, x, rng):
    z = x["a"] + np.sin(3 * x["b"]) + x["c"] % 3 + rng.normal(size=len(x)) * 0.2
    return {"real": z, "binary": (z > 1).astype(int), "class": np.digitize(z, [0, 1, 2]),
            "count": rng.poisson(np.exp(np.clip(z / 3, -2, 2))), "positive": np.exp(z / 3),
            "two": np.stack([z, 1 - z**2], 1)}[kind]


def answers(path, rows, folder):
    csv = os.path.join(folder, "rows.csv")
    rows.to_csv(csv, index=False)
    out = subprocess.run([ALMANAC, "predict", "--model", path, csv, "--raw", "--category-codes"],
                         check=True, capture_output=True, text=True).stdout
    lines = out.splitlines()[1:]
    return np.array([[float(v) for v in line.split(",")] for line in lines])


def compare(name, params, kind, categorical, missing, folder):
    rng = np.random.default_rng(sum(map(ord, name)))
    x = (with_categories if categorical else numbers)(rng, 3000)
    y = label(kind, x, rng)
    names = [n for n in NAMES if not (categorical and n in CATEGORIES)]
    for column in names if missing else ():
        x.loc[rng.random(len(x)) < 0.1, column] = np.nan
    cats = CATEGORIES if categorical else None
    model = catboost.CatBoost({"iterations": 60, "depth": 6, "random_seed": 3, "verbose": 0,
                               "allow_writing_files": False, **params})
    model.fit(catboost.Pool(x, y, cat_features=cats))
    rows = with_categories(rng, ROWS) if categorical else numbers(rng, ROWS)
    for column, values in hostile(model, names, rng).items() if not categorical else ():
        rows[column] = values
    expected = np.asarray(model.predict(catboost.Pool(rows, cat_features=cats),
                                        prediction_type="RawFormulaVal")).reshape(ROWS, -1)
    for suffix in ("cbm",) if categorical else ("cbm", "json"):
        path = os.path.join(folder, f"model.{suffix}")
        model.save_model(path, format=suffix)
        ours = answers(path, rows, folder)
        wrong = int((ours.view("u8") != expected.astype(float).view("u8")).any(axis=1).sum())
        print(f"{name:24} {suffix:4} {ROWS} rows, {model.tree_count_} trees: {wrong} differ",
              flush=True)
        yield wrong


def cases():
    for depth in range(1, 11):
        yield f"depth {depth}", {"depth": depth}, "real", False, True
    for policy in ("SymmetricTree", "Depthwise", "Lossguide"):
        for mode in ("Min", "Max"):
            yield f"{policy} {mode}", {"grow_policy": policy, "nan_mode": mode}, "real", False, True
        yield (f"{policy} classes", {"grow_policy": policy, "loss_function": "MultiClass"}, "class",
               False, True)
        yield (f"{policy} one-hot", {"grow_policy": policy, "one_hot_max_size": 255}, "real", True,
               False)
        yield f"{policy} statistics", {"grow_policy": policy}, "binary", True, False
    for count in (32, 254, 1000):
        yield (f"borders {count}", {"border_count": count, "iterations": 300}, "real", False, True)
    yield "forbidden", {"nan_mode": "Forbidden"}, "real", False, False
    for loss, kind in (("Logloss", "binary"), ("MultiClassOneVsAll", "class"), ("MAE", "real"),
                       ("MultiRMSE", "two"), ("Poisson", "count"), ("Quantile:alpha=0.9", "real"),
                       ("Tweedie:variance_power=1.5", "positive"), ("RMSEWithUncertainty", "real")):
        yield loss, {"loss_function": loss}, kind, False, True
    yield ("combinations", {"max_ctr_complexity": 4, "one_hot_max_size": 12}, "real", True, False)


def main():
    with tempfile.TemporaryDirectory() as folder:
        wrong = sum(w for case in cases() for w in compare(*case, folder))
    print(f"{wrong} scores differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
