#!/usr/bin/env python3
"""Trains LightGBM and XGBoost models of many kinds and compares our explanations with theirs.

    venv/bin/python tests/golden/forest/compare_contributions.py [ROWS]      default: 10000 for each

with the packages of generate_explanations.py. ALMANAC_BUILD names the folder of the built programs
(ninja contributions_bench). Strict contributions must have the library's bits; printed are the
values that differ and the processor time of both, on one thread. Of fewer rows, XGBoost's
interactions and shap's interventional values (100 rows of background) are compared to 1e-5 of the
magnitudes. Exit status 1 when something differs.
"""
import os
import subprocess
import sys
import tempfile
import time

import lightgbm as lgb
import numpy as np
import shap
import xgboost as xgb

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BENCH = os.path.join(ROOT, os.environ.get("ALMANAC_BUILD", "build/release"),
                     "bin/contributions_bench")
ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
FEATURES, CATEGORICAL = 12, (3, 7)
FEW, BACKGROUND = 300, 100  # shap takes a sample of more than 100


def data(rng, n, categorical):
    x = rng.normal(size=(n, FEATURES))
    x[:, 1] = np.round(x[:, 1], 1)
    x[:, 2] = np.where(rng.random(n) < 0.6, 0, x[:, 2])
    for j in CATEGORICAL if categorical else ():
        x[:, j] = rng.integers(0, 40, n)
    z = x[:, 0] + np.sin(3 * x[:, 1]) + x[:, 2] * x[:, 4] + x[:, 3] % 3 + 0.3 * x[:, 5] ** 2
    x[rng.random(x.shape) < 0.08] = np.nan
    return x.astype(np.float32).astype(float), z + rng.normal(size=n) * 0.2


def label(kind, z, rng):
    return {"real": z, "binary": (z > 1).astype(float), "class": np.digitize(z, [0, 1, 2]),
            "count": rng.poisson(np.exp(np.clip(z / 3, -2, 2))).astype(float)}[kind]


def ours(folder, model, rows, way, background=None):
    paths = [os.path.join(folder, name) for name in ("rows", "out", "background")]
    rows.tofile(paths[0])
    command = [BENCH, model, paths[0], paths[1], way]
    if background is not None:
        background.tofile(paths[2])
        command.append(paths[2])
    seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return np.fromfile(paths[1]), seconds


def timed(call):
    start = time.process_time()
    return np.asarray(call(), dtype=float), time.process_time() - start


def report(name, what, mine, theirs, seconds, tolerance):
    mine, theirs = mine.reshape(len(theirs), -1), theirs.reshape(len(theirs), -1)
    size = np.abs(theirs).sum(axis=1, keepdims=True)
    wrong = int((np.abs(mine - theirs) > tolerance * size).sum())
    if tolerance == 0:
        wrong = int(((mine.view("u8") != theirs.view("u8")) & ~(np.isnan(mine) & np.isnan(theirs)))
                    .sum())
    print(f"{name:26} {what:15} {len(mine):6} rows: {wrong} of {mine.size} values differ; "
          f"{seconds[0] / len(mine) * 1e6:8.1f} us/row, theirs {seconds[1] / len(mine) * 1e6:8.1f}",
          flush=True)
    return wrong


def compare(library, name, params, kind, categorical, folder):
    rng = np.random.default_rng(sum(map(ord, name)))
    x, z = data(rng, 4000, categorical)
    rows, _ = data(rng, ROWS, categorical)
    y = label(kind, z, rng)
    path = os.path.join(folder, "model")
    types = ["c" if categorical and j in CATEGORICAL else "q" for j in range(FEATURES)]

    def matrix(values, **more):
        return xgb.DMatrix(values, feature_types=types, enable_categorical=True, nthread=1, **more)

    if library == "lightgbm":
        dataset = lgb.Dataset(x, y, categorical_feature=list(CATEGORICAL) if categorical else [])
        booster = lgb.train({"verbose": -1, "num_threads": 1, "seed": 3, **params}, dataset, 60)
        booster.save_model(path)
        theirs = timed(lambda: booster.predict(rows, pred_contrib=True, num_threads=1))
    else:
        booster = xgb.train({"nthread": 1, "seed": 3, **params}, matrix(x, label=y), 60)
        booster.save_model(path + ".ubj")
        os.replace(path + ".ubj", path)
        ready = matrix(rows)
        theirs = timed(lambda: booster.predict(ready, pred_contribs=True))
    mine = ours(folder, path, rows, "strict")
    yield report(name, "strict", mine[0], theirs[0], (mine[1], theirs[1]), 0)
    few = rows[:FEW]
    if library == "xgboost":
        ready = matrix(few)
        theirs = timed(lambda: booster.predict(ready, pred_interactions=True))
        mine = ours(folder, path, few, "interactions")
        yield report(name, "interactions", mine[0], theirs[0], (mine[1], theirs[1]), 1e-5)
    # What shap does not know: categories, DART, parallel trees, LightGBM's other rules for missing
    # values; several outputs are in the fixtures.
    unknown = {"num_parallel_tree", "zero_as_missing", "use_missing", "booster"} & set(params)
    if not categorical and kind != "class" and not unknown:
        background = x[:BACKGROUND]
        explainer = shap.TreeExplainer(booster, background, feature_perturbation="interventional")
        theirs = timed(lambda: explainer.shap_values(few, check_additivity=False))
        mine = ours(folder, path, few, "interventional", background)
        values = mine[0].reshape(len(few), -1)[:, :-1].copy()
        yield report(name, "interventional", values, theirs[0], (mine[1], theirs[1]), 1e-5)


def cases():
    yield "lightgbm", "lgb default", {}, "real", False
    yield "lightgbm", "lgb categories", {"min_data_per_group": 5}, "real", True
    yield "lightgbm", "lgb zero_as_missing", {"zero_as_missing": True}, "real", False
    yield "lightgbm", "lgb no missing", {"use_missing": False}, "real", False
    yield "lightgbm", "lgb binary", {"objective": "binary"}, "binary", True
    yield "lightgbm", "lgb classes", {"objective": "multiclass", "num_class": 4}, "class", True
    yield "lightgbm", "lgb poisson", {"objective": "poisson"}, "count", False
    yield "lightgbm", "lgb dart", {"boosting": "dart"}, "real", False
    yield ("lightgbm", "lgb forest", {"boosting": "rf", "bagging_freq": 1,
                                      "bagging_fraction": 0.6}, "real", False)
    yield "lightgbm", "lgb 255 leaves", {"num_leaves": 255, "min_data_in_leaf": 2}, "real", False
    yield "xgboost", "xgb default", {}, "real", False
    yield "xgboost", "xgb depth 3", {"max_depth": 3}, "real", False
    yield "xgboost", "xgb depth 10", {"max_depth": 10}, "real", False
    yield "xgboost", "xgb categories", {"max_cat_to_onehot": 5}, "real", True
    yield "xgboost", "xgb logistic", {"objective": "binary:logistic"}, "binary", False
    yield "xgboost", "xgb classes", {"objective": "multi:softprob", "num_class": 4}, "class", True
    yield "xgboost", "xgb poisson", {"objective": "count:poisson"}, "count", False
    yield "xgboost", "xgb dart", {"booster": "dart", "rate_drop": 0.3}, "real", False
    yield ("xgboost", "xgb lossguide", {"grow_policy": "lossguide", "max_leaves": 60,
                                        "max_depth": 0}, "real", False)
    yield "xgboost", "xgb parallel", {"num_parallel_tree": 3, "subsample": 0.5}, "real", False


def main():
    with tempfile.TemporaryDirectory() as folder:
        wrong = sum(w for case in cases() for w in compare(*case, folder))
    print(f"{wrong} values differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
