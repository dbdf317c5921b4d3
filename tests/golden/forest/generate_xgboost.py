#!/usr/bin/env python3
"""Writes the xgb_* fixtures of this folder: small XGBoost models and what XGBoost says about rows.

    python -m venv venv && venv/bin/pip install xgboost-cpu==3.2.0 numpy==2.4.6
    venv/bin/python tests/golden/forest/generate_xgboost.py

With xgboost-cpu==2.1.4, one of the last that could, it writes the xgb_binary_* fixtures instead.

xgb_<case>.json, .ubj or .model is the model as the library saves it (or an older spelling of it that the
library reads). xgb_<case>.rows holds, little endian, six u64 (rows, features, outputs, trees, rows
with contributions, rows with leaves), then the rows (f64), the margins (f32), the contributions
(f32, the first rows) and the leaves (i32, the first rows).

Every row is hostile in every feature: on each threshold, beside it by one float and by one double,
half way between two floats, zeros of both signs, denormals, infinities, missing, beyond float, odd
categories. Margins come from Booster.inplace_predict, which takes float64 and infinities; those of
DART from a DMatrix without infinities, because inplace_predict adds DART's trees in another order.
"""
import json
import os

import numpy as np
import xgboost as xgb

VERSION = "3.2.0"
BINARY_VERSION = "2.1.4"
FOLDER = os.path.dirname(os.path.abspath(__file__))
FEATURES = 5
CATEGORICAL = (2, 4)
CONTRIBUTION_ROWS = 24
LEAF_ROWS = 100
SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 1e-45, 7e-46, -7e-46, 1.1754943508222875e-38, 1e-35, -1e-35,
           3.4028234663852886e38, 3.4028235677973366e38, 1e300, -1e300, np.nan]
ODD_CATEGORIES = [-1, -0.5, -0.0, 0.9, 0.99999999, 2.7, 15.999999999, 31, 32, 63, 64, 254, 255,
                  254.99999999, 256, 16777215, 16777216, 2.0**31, 2.0**32, -2.0**31, 1e300, np.nan,
                  -1e-46]
INFINITIES = [np.inf, -np.inf]


def training_data(rng, categorical, n=1500):
    x = rng.normal(size=(n, FEATURES))
    for j in categorical:
        x[:, j] = rng.integers(0, 40, n)
    z = x[:, 0] + np.sin(3 * x[:, 1]) + (x[:, 2] % 3 if categorical else x[:, 2] ** 2)
    z = z + rng.normal(size=n) * 0.3
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, z


def labels(kind, z, rng):
    return {"real": z, "binary": (z > 1).astype(float),
            "class": np.digitize(z, [0, 1, 2]).astype(float), "positive": np.exp(z / 3),
            "count": rng.poisson(np.exp(np.clip(z / 3, -2, 2))).astype(float),
            "two": np.stack([z, 1 - z**2], 1)}[kind]


def model_of(document):
    booster = document["learner"]["gradient_booster"]
    return booster["model"] if "model" in booster else booster["gbtree"]["model"]


def thresholds(document):
    found = {}
    for tree in model_of(document)["trees"]:
        for node, child in enumerate(tree["left_children"]):
            if child != -1 and not tree["split_type"][node]:
                found.setdefault(tree["split_indices"][node], set()).add(
                    float(np.float32(tree["split_conditions"][node])))
    return found


def beside(t):
    single, low = np.float32(t), np.nextafter(np.float32(t), np.float32(-np.inf))
    middle = (float(low) + t) / 2
    return [t, float(np.nextafter(single, np.float32(np.inf))), float(low),
            np.nextafter(t, np.inf), np.nextafter(t, -np.inf), middle,
            np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf)]


def hostile_rows(document, categorical, infinite, rng):
    infinities = INFINITIES if infinite else []
    columns, found = [], thresholds(document)
    for j in range(FEATURES):
        if j in categorical:
            values = list(range(45)) + ODD_CATEGORIES + infinities
        else:
            values = [v for t in sorted(found.get(j, ())) for v in beside(t)] + SPECIAL + infinities
        values = np.array(values, dtype=float)
        columns.append(values[rng.permutation(len(values))])
    count = max(len(column) for column in columns)
    rows = np.empty((count, FEATURES))
    for j, column in enumerate(columns):
        more = rng.choice(column, count - len(column)) if len(column) < count else []
        rows[:, j] = np.concatenate([column, more])
    # The first rows have no infinities, so that a DMatrix takes them.
    return rows[np.argsort(np.isinf(float32(rows)).any(axis=1), kind="stable")]


def float32(rows):
    with np.errstate(over="ignore"):
        return rows.astype(np.float32)


def matrix(rows, categorical):
    if not categorical:
        return xgb.DMatrix(rows)
    types = ["c" if j in categorical else "q" for j in range(FEATURES)]
    return xgb.DMatrix(rows, feature_types=types, enable_categorical=True)


def write(name, kind, raw, categorical, dart):
    booster = xgb.Booster()
    booster.load_model(bytearray(raw))
    document = json.loads(bytes(booster.save_raw("json")))
    rng = np.random.default_rng(99)
    rows = hostile_rows(document, categorical, not dart, rng)
    if dart:
        rows = rows[~np.isinf(float32(rows)).any(axis=1)]
        margins = booster.predict(matrix(rows, categorical), output_margin=True)
    else:
        margins = booster.inplace_predict(rows, predict_type="margin")
    margins = margins.reshape(len(rows), -1)
    finite = int((~np.isinf(float32(rows)).any(axis=1)).sum())
    trees = len(model_of(document)["trees"])
    wide = any(int(t["tree_param"]["size_leaf_vector"]) > 1 for t in model_of(document)["trees"])
    explained = 0 if wide else min(CONTRIBUTION_ROWS, finite)
    followed = min(LEAF_ROWS, finite)
    with open(os.path.join(FOLDER, f"xgb_{name}.{kind}"), "wb") as file:
        file.write(raw)
    with open(os.path.join(FOLDER, f"xgb_{name}.rows"), "wb") as file:
        np.array([len(rows), FEATURES, margins.shape[1], trees, explained, followed],
                 dtype="<u8").tofile(file)
        rows.astype("<f8").tofile(file)
        margins.astype("<f4").tofile(file)
        if explained:
            data = matrix(rows[:explained], categorical)
            booster.predict(data, pred_contribs=True).astype("<f4").tofile(file)
        leaves = booster.predict(matrix(rows[:followed], categorical), pred_leaf=True)
        leaves.astype("<i4").reshape(followed, trees).tofile(file)


def fit(params, label="real", categorical=(), rounds=6):
    rng = np.random.default_rng(1)
    x, z = training_data(rng, categorical)
    data = matrix(x, categorical)
    y = labels(label, z, rng)
    data.set_label(y)
    if params.get("objective") == "survival:aft":
        data.set_float_info("label_lower_bound", y)
        data.set_float_info("label_upper_bound", y * 1.5)
    return xgb.train({"nthread": 1, "seed": 7, "eta": 0.3, "max_depth": 3, **params}, data, rounds)


SOFTPROB = {"objective": "multi:softprob", "num_class": 4, "max_depth": 2}
DART = {"booster": "dart", "rate_drop": 0.5}
# case, format, parameters, arguments of fit
CASES = [
    ("squared", "json", {}, {}),
    ("squared", "ubj", {}, {}),
    ("squared_base", "ubj", {"base_score": -3.25}, {}),
    ("absolute", "ubj", {"objective": "reg:absoluteerror"}, {}),
    ("quantiles", "json", {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9],
                           "max_depth": 2}, {}),
    ("logistic", "json", {"objective": "binary:logistic"}, {"label": "binary"}),
    ("logistic_half", "ubj", {"objective": "binary:logistic", "base_score": 0.5},
     {"label": "binary"}),
    ("logitraw", "ubj", {"objective": "binary:logitraw"}, {"label": "binary"}),
    ("hinge", "ubj", {"objective": "binary:hinge"}, {"label": "binary"}),
    ("softprob", "json", SOFTPROB, {"label": "class", "rounds": 4}),
    ("softmax", "ubj", {**SOFTPROB, "objective": "multi:softmax", "base_score": 0.25},
     {"label": "class", "rounds": 4}),
    ("poisson", "json", {"objective": "count:poisson"}, {"label": "count"}),
    ("tweedie", "ubj", {"objective": "reg:tweedie", "tweedie_variance_power": 1.3},
     {"label": "positive"}),
    ("gamma", "ubj", {"objective": "reg:gamma", "base_score": 2.5}, {"label": "positive"}),
    ("aft", "ubj", {"objective": "survival:aft"}, {"label": "positive"}),
    ("dart", "json", DART, {}),
    ("dart", "ubj", DART, {}),
    ("dart_softprob", "ubj", {**DART, **SOFTPROB}, {"label": "class", "rounds": 4}),
    ("category", "json", {"max_cat_to_onehot": 4}, {"categorical": CATEGORICAL}),
    ("category", "ubj", {"max_cat_to_onehot": 4}, {"categorical": CATEGORICAL}),
    ("category_onehot", "ubj", {"max_cat_to_onehot": 100}, {"categorical": CATEGORICAL}),
    ("parallel", "json", {"num_parallel_tree": 3, "subsample": 0.6}, {"rounds": 2}),
    ("parallel_softprob", "ubj", {"num_parallel_tree": 2, "subsample": 0.6, **SOFTPROB},
     {"label": "class", "rounds": 2}),
    ("lossguide", "ubj", {"grow_policy": "lossguide", "max_leaves": 300, "max_depth": 0,
                          "min_child_weight": 0}, {"rounds": 2}),
    ("pruned", "json", {"tree_method": "exact", "gamma": 8.0, "max_depth": 6}, {"rounds": 4}),
    ("targets", "ubj", {"max_depth": 2}, {"label": "two"}),
    ("wide_leaves", "json", {"multi_strategy": "multi_output_tree"}, {"label": "two"}),
    ("wide_leaves", "ubj", {"multi_strategy": "multi_output_tree"}, {"label": "two"}),
    ("stumps", "ubj", {"max_depth": 1}, {}),
    ("leaf_only", "json", {"gamma": 1e9}, {}),
]


BINARY_CASES = [
    ("binary_logistic", {"objective": "binary:logistic"}, {"label": "binary"}),
    ("binary_dart_softprob", {**DART, **SOFTPROB}, {"label": "class", "rounds": 3}),
    ("binary_targets", {"max_depth": 2, "num_parallel_tree": 2, "subsample": 0.6},
     {"label": "two", "rounds": 2}),
]


def write_old_spelling():
    """A file as 1.x wrote it: one base score, no cats, no iteration_indptr."""
    booster = fit({"objective": "binary:logistic"}, label="binary", rounds=3)
    document = json.loads(bytes(booster.save_raw("json")))
    learner = document["learner"]
    document["version"] = [1, 6, 2]
    learner["learner_model_param"] = {"base_score": "3.1E-1", "num_class": "0", "num_feature": "5",
                                      "num_target": "1"}
    model = model_of(document)
    del model["cats"], model["iteration_indptr"]
    for tree in model["trees"]:
        tree["default_left"] = [bool(v) for v in tree["default_left"]]
        tree["tree_param"]["size_leaf_vector"] = "0"
    write("old_spelling", "json", json.dumps(document).encode(), (), False)


def main():
    if xgb.__version__ == BINARY_VERSION:
        for name, params, arguments in BINARY_CASES:
            raw = bytes(fit(params, **arguments).save_raw("deprecated"))
            write(name, "model", raw, (), params.get("booster") == "dart")
        return
    if xgb.__version__ != VERSION:
        raise SystemExit(f"this needs xgboost-cpu {VERSION}, not {xgb.__version__}")
    for name, kind, params, arguments in CASES:
        booster = fit(params, **arguments)
        write(name, kind, bytes(booster.save_raw(kind)), arguments.get("categorical", ()),
              params.get("booster") == "dart")
    write_old_spelling()


main()
