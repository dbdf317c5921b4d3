#!/usr/bin/env python3
"""Writes the xgb_v* fixtures of this folder: what versions of XGBoost from 0.90 to 3.2 save and say.

    python -m venv venv && venv/bin/pip install --no-deps xgboost==1.7.6 numpy==1.26.4 scipy==1.11.4
    venv/bin/python tests/golden/forest/generate_xgboost_versions.py

The version that is installed writes its own fixtures, xgb_v17_<case>.json and so on: a model in
each format that it can save, and the rows with its own margins. The versions of the fixtures in
this folder are those of VERSIONS. The .rows are laid out as generate_xgboost.py says.

All values of the training data are multiples of 1/8, so every threshold, whatever the version and
the tree method, is a multiple of 1/16: rows lie on all of them and one float and one double beside.
--rows N --to FOLDER --all writes N rows of every case instead; compare_models.py compares the
command with the library on as many as one likes.
"""
import argparse
import inspect
import os

import numpy as np
import xgboost as xgb

VERSIONS = ("0.90", "1.0.2", "1.3.3", "1.7.6", "2.0.3", "2.1.4", "3.0.5", "3.1.2", "3.2.0")
FOLDER = os.path.dirname(os.path.abspath(__file__))
FEATURES = 4
CATEGORICAL = (1, 3)
EXPLAINED = 10
# Of older versions the cases that are kept here; --all writes all of them.
KEPT = ("logistic", "dart", "linear", "linear_softprob", "linear_logistic", "linear_targets",
        "targets", "category", "wide", "wide_parallel")
VERSION = tuple(int(part) for part in xgb.__version__.split(".")[:2])
SHORT = "v" + "".join(str(part) for part in VERSION)
SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 1e-45, -7e-46, 1e-35, 3.4028234663852886e38, -1e38, np.nan]
CATEGORIES = [0, 1, 2, 3, 7, 11, 12, 31, 32, 63, 64, 300, 16777215, -1, -0.5, 0.9, 2.7, np.nan]


def training_data(rng, categorical, n=400):
    x = np.round(rng.normal(size=(n, FEATURES)) * 8) / 8
    for j in categorical:
        x[:, j] = rng.integers(0, 12, n)
    z = x[:, 0] + np.sin(2 * x[:, 1]) + x[:, 2] ** 2 + rng.normal(size=n) * 0.3
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, z


def labels(kind, z, rng):
    return {"real": z, "unit": 1 / (1 + np.exp(-z)), "binary": (z > 1).astype(float),
            "class": np.digitize(z, [0, 1.5]).astype(float), "positive": np.exp(z / 3),
            "count": rng.poisson(np.exp(np.clip(z / 3, -2, 2))).astype(float),
            "rank": np.digitize(z, [0, 1.5]).astype(float),
            "binary_rank": (z > 1).astype(float),
            "three_binary": np.stack([z > 1, z > 0, np.cos(z) > 0.9], 1).astype(float),
            "time": np.where(z > 0.5, 1, -1) * np.exp(z / 3),
            "three": np.stack([z, 1 - z**2, np.cos(z)], 1)}[kind]


def value(rng, categorical):
    if rng.random() < 0.2:
        return rng.choice(CATEGORIES if categorical else SPECIAL)
    if categorical:
        return float(rng.integers(0, 13))
    t = float(rng.integers(-48, 49)) / 16
    single = np.float32(t)
    return [t, t, float(np.nextafter(single, np.float32(np.inf))),
            float(np.nextafter(single, np.float32(-np.inf))), float(np.nextafter(t, np.inf)),
            float(np.nextafter(t, -np.inf)), t + 0.01][rng.integers(0, 7)]


def hostile_rows(count, categorical, seed=99):
    rng = np.random.default_rng(seed)
    return np.array([[value(rng, j in categorical) for j in range(FEATURES)]
                     for _ in range(count)])


def matrix(rows, categorical):
    with np.errstate(over="ignore"):
        if not categorical:
            return xgb.DMatrix(rows, missing=np.nan)
    types = ["c" if j in categorical else "q" for j in range(FEATURES)]
    return xgb.DMatrix(rows, feature_types=types, enable_categorical=True)


def fit(params, label, categorical, rounds):
    rng = np.random.default_rng(3)
    x, z = training_data(rng, categorical)
    y = labels(label, z, rng)
    data = matrix(x, categorical)
    data.set_label(np.abs(y) if params.get("objective") == "survival:aft" else y)
    if params.get("objective") == "survival:aft":
        data.set_float_info("label_lower_bound", np.abs(y))
        data.set_float_info("label_upper_bound", np.abs(y) * 1.5)
    if label.endswith("rank"):
        data.set_group([20] * (len(y) // 20))
    shape = {} if params.get("booster") == "gblinear" else {"max_depth": 2}
    return xgb.train({"nthread": 1, "seed": 7, "eta": 0.4, **shape, **params}, data, rounds)


SOFT = {"objective": "multi:softprob", "num_class": 3}
LINEAR = {"booster": "gblinear", "updater": "coord_descent", "lambda": 0.01}
TREES = {"booster": "gbtree"}
# case, first version, parameters, label, categorical, rounds
CASES = [
    ("logistic", (0, 90), {"objective": "binary:logistic"}, "binary", (), 3),
    ("softprob", (0, 90), SOFT, "class", (), 2),
    # Before, DART's sums were others (3.2 gives its own on such files), or dropped trees.
    ("dart", (1, 7), {"booster": "dart", "rate_drop": 0.5, "one_drop": 1}, "real", (), 4),
    ("linear", (0, 90), LINEAR, "real", (), 4),
    ("linear_logistic", (0, 90), {**LINEAR, "objective": "binary:logistic"}, "binary", (), 4),
    ("linear_softprob", (0, 90), {**LINEAR, **SOFT}, "class", (), 4),
    ("linear_poisson", (1, 7), {**LINEAR, "objective": "count:poisson", "base_score": 1.7},
     "count", (), 4),
    ("linear_targets", (1, 7), LINEAR, "three", (), 4),
    ("targets", (1, 7), TREES, "three", (), 2),
    ("category", (1, 7), {"tree_method": "hist", "max_cat_to_onehot": 3}, "real", CATEGORICAL, 3),
    ("wide", (2, 0), {"tree_method": "hist", "multi_strategy": "multi_output_tree"}, "three", (),
     3),
    ("wide_softprob", (2, 0), {"tree_method": "hist", "multi_strategy": "multi_output_tree",
                               **SOFT}, "class", (), 3),
    ("wide_parallel", (2, 0), {"tree_method": "hist", "multi_strategy": "multi_output_tree",
                               "num_parallel_tree": 2, "subsample": 0.6}, "three", (), 2),
    ("quantiles", (2, 0), {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9],
                           "tree_method": "hist"}, "real", (), 2),
]
# Objectives that the newest version alone shows.
NEWEST = [
    ("reg_logistic", {"objective": "reg:logistic"}, "unit"),
    ("pseudohuber", {"objective": "reg:pseudohubererror"}, "real"),
    ("squaredlog", {"objective": "reg:squaredlogerror"}, "positive"),
    ("cox", {"objective": "survival:cox"}, "time"),
    ("rank_pairwise", {"objective": "rank:pairwise"}, "rank"),
    ("rank_ndcg", {"objective": "rank:ndcg"}, "rank"),
    ("rank_map", {"objective": "rank:map"}, "binary_rank"),
    ("absolute_targets", {"objective": "reg:absoluteerror"}, "three"),
    ("base_vector", {"objective": "binary:logistic"}, "three_binary"),
]


def kinds(name):
    if VERSION < (1, 0):
        return ["model"]
    if VERSION < (1, 6):
        return ["json", "model"] if "linear" in name or name == "logistic" else ["json"]
    return ["ubj", "json"] if VERSION >= (3, 2) and name in ("linear", "linear_softprob", "wide") \
        else ["ubj"]


def raw_of(booster, kind):
    if "raw_format" in inspect.signature(booster.save_raw).parameters:
        return bytes(booster.save_raw("deprecated" if kind == "model" else kind))
    path = os.path.join("/tmp", f"generate_xgboost_versions.{os.getpid()}.{kind}")
    booster.save_model(path)
    with open(path, "rb") as file:
        raw = file.read()
    os.remove(path)
    return raw


def count_trees(booster, params, data):
    linear = params.get("booster") == "gblinear"
    return 0 if linear else booster.predict(data, pred_leaf=True)[0].size


def write(folder, name, booster, params, categorical, count):
    rows = hostile_rows(count, categorical)
    margins = booster.predict(matrix(rows, categorical), output_margin=True).reshape(count, -1)
    linear, wide = params.get("booster") == "gblinear", "multi_strategy" in params
    trees = count_trees(booster, params, matrix(rows, categorical))
    # Wide leaves have no contributions; those of older versions are another float recursion.
    explained = 0 if wide else EXPLAINED
    followed = 0 if linear or VERSION < (1, 3) else min(count, 30)
    with open(os.path.join(folder, f"xgb_{SHORT}_{name}.rows"), "wb") as file:
        np.array([count, FEATURES, margins.shape[1], trees, explained, followed],
                 dtype="<u8").tofile(file)
        rows.astype("<f8").tofile(file)
        margins.astype("<f4").tofile(file)
        if explained:
            data = matrix(rows[:explained], categorical)
            booster.predict(data, pred_contribs=True).astype("<f4").tofile(file)
        if followed:
            leaves = booster.predict(matrix(rows[:followed], categorical), pred_leaf=True)
            leaves.astype("<i4").reshape(followed, trees).tofile(file)
    for kind in kinds(name):
        with open(os.path.join(folder, f"xgb_{SHORT}_{name}.{kind}"), "wb") as file:
            file.write(raw_of(booster, kind))
        print(f'{{"{SHORT}_{name}", "{kind}"}},')


def write_names(folder, count):
    """Categories with names, which 3.1 and later keep in `cats`: rows hold their numbers."""
    import pandas  # pylint: disable=import-outside-toplevel

    def frame(values):
        columns = {}
        for j in range(FEATURES):
            if j in CATEGORICAL:
                words = [f"word {i}" for i in range(12)]
                codes = [-1 if np.isnan(v) else int(v) for v in values[:, j]]
                columns[f"n{j}"] = pandas.Categorical.from_codes(codes, words)
            else:
                columns[f"n{j}"] = values[:, j]
        return xgb.DMatrix(pandas.DataFrame(columns), enable_categorical=True)

    rng = np.random.default_rng(3)
    x, z = training_data(rng, CATEGORICAL)
    data = frame(x)
    data.set_label(z)
    booster = xgb.train({"nthread": 1, "max_depth": 3, "eta": 0.4, "max_cat_to_onehot": 3}, data, 3)
    rows = hostile_rows(count, ())
    for j in CATEGORICAL:
        rows[:, j] = rng.integers(0, 12, count)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    with open(os.path.join(folder, f"xgb_{SHORT}_names.rows"), "wb") as file:
        leaves = booster.predict(frame(rows[:30]), pred_leaf=True)
        np.array([count, FEATURES, 1, 3, EXPLAINED, len(leaves)], dtype="<u8").tofile(file)
        rows.astype("<f8").tofile(file)
        booster.predict(frame(rows), output_margin=True).astype("<f4").tofile(file)
        booster.predict(frame(rows[:EXPLAINED]), pred_contribs=True).astype("<f4").tofile(file)
        leaves.astype("<i4").tofile(file)
    with open(os.path.join(folder, f"xgb_{SHORT}_names.ubj"), "wb") as file:
        file.write(raw_of(booster, "ubj"))


def cases():
    for name, first, params, label, categorical, rounds in CASES:
        if VERSION >= first and not (name == "linear_targets" and VERSION < (1, 7)):
            yield name, params, label, categorical, rounds
    for name, params, label in NEWEST if VERSION >= (3, 2) else []:
        yield name, params, label, (), 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--to", default=FOLDER)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--names", action="store_true", help="with pandas: xgb_v*_names too")
    options = parser.parse_args()
    if xgb.__version__ not in VERSIONS:
        raise SystemExit(f"not one of {VERSIONS}: {xgb.__version__}")
    for name, params, label, categorical, rounds in cases():
        if VERSION < (3, 2) and name not in KEPT and not options.all:
            continue
        booster = fit(params, label, categorical, rounds)
        write(options.to, name, booster, params, categorical, options.rows)
    if VERSION >= (3, 1) and options.names:
        write_names(options.to, options.rows)


if __name__ == "__main__":
    main()
