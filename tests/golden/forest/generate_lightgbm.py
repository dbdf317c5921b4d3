#!/usr/bin/env python3
"""Writes the lgb_* fixtures of this folder: small LightGBM models and what LightGBM says about rows.

    python -m venv venv && venv/bin/pip install lightgbm==4.7.0 numpy==2.4.6 scipy
    venv/bin/python tests/golden/forest/generate_lightgbm.py

With lightgbm==3.3.5 (and 2.3.1) and numpy==1.26.4 it writes the few fixtures lgb_v33_* (lgb_v23_*).

lgb_<case>.txt is the model without what follows its trees. lgb_<case>.rows holds, little endian,
six u64 (rows, features, outputs, trees, rows with leaves, 0), then the rows (f64), the raw scores
(f64), what predict() returns (f64) and the leaves (i32, the first rows). Rows lie on the model's
own thresholds and one double beside them, and hold zeros of both signs, LightGBM's zero and its
neighbours, denormals, infinities, NaN and odd categories.

--rows N --to FOLDER writes N rows of each model instead; compare_models.py compares the command with
the library on as many as one likes.
"""
import argparse
import os

import lightgbm as lgb
import numpy as np

VERSIONS = {"4.7.0": "", "3.3.5": "v33_", "2.3.1": "v23_"}
FOLDER = os.path.dirname(os.path.abspath(__file__))
FEATURES = 5
CATEGORICAL = [2, 4]
FOLLOWED = 30
ZERO = 1.0000000180025095e-35
SPECIAL = [0.0, -0.0, ZERO, -ZERO, 1.0000000180025097e-35, -1.0000000180025097e-35, 1e-36, 5e-324,
           -5e-324, 1e300, -1e300, np.inf, -np.inf, np.nan, np.nan]
CATEGORIES = [-1, -0.5, -0.999, 0.5, 2.7, 11, 12, 31, 32, 63, 64, 300, 2.0**31, 2.0**31 - 0.5,
              -2.0**31, 1e300, np.inf, -np.inf, np.nan, np.nan, ZERO]


def training_data(categorical, n=1200):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(n, FEATURES))
    for j in CATEGORICAL if categorical else []:
        x[:, j] = rng.integers(0, 40, n)
    z = x[:, 0] + np.sin(3 * x[:, 1]) + (x[:, 2] % 3 if categorical else x[:, 2] ** 2)
    z = z + rng.normal(size=n) * 0.3
    x[rng.random(x.shape) < 0.08] = np.nan
    x[rng.random(x.shape) < 0.08] = 0.0
    return x, z, rng


def labels(kind, z, rng):
    return {"real": z, "binary": (z > 1).astype(float), "unit": 1 / (1 + np.exp(-z)),
            "class": np.digitize(z, [0, 2]).astype(float), "positive": np.exp(z / 3),
            "count": rng.poisson(np.exp(np.clip(z / 3, -2, 2))).astype(float),
            "rank": np.digitize(z, [0, 1, 2]).astype(float)}[kind]


def thresholds(text):
    found, feature = {}, []
    for line in text.split("\n"):
        if line.startswith("split_feature="):
            feature = line.split("=")[1].split()
        if line.startswith("threshold="):
            for j, t in zip(feature, line.split("=")[1].split()):
                found.setdefault(int(j), []).append(float(t))
    return found


def hostile_rows(text, categorical, count):
    rng = np.random.default_rng(99)
    found, columns = thresholds(text), []
    for j in range(FEATURES):
        if categorical and j in CATEGORICAL:
            pool = list(range(42)) + CATEGORIES
        else:
            pool = [v for t in found.get(j, [0.0])
                    for v in (t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf))]
            pool += SPECIAL + list(rng.normal(size=12))
        columns.append(rng.choice(np.array(pool, dtype=float), count))
    return np.stack(columns, 1)


def fit(params, label, categorical, rounds):
    x, z, rng = training_data(categorical)
    y = labels(label, z, rng)
    params = {"num_leaves": 7, "min_data_in_leaf": 20, "learning_rate": 0.3, "seed": 3,
              "num_threads": 1, "deterministic": True, "verbose": -1, "min_data_per_group": 10,
              "cat_smooth": 1, **params}
    known = ("linear_tree", "zero_as_missing", "use_missing")
    data = lgb.Dataset(x, y, categorical_feature=CATEGORICAL if categorical else [],
                       group=[20] * (len(y) // 20) if label == "rank" else None,
                       params={"verbose": -1, **{k: params[k] for k in known if k in params}})
    return lgb.train(params, data, rounds)


def write(folder, name, booster, categorical, count):
    text = booster.model_to_string()
    text = text[:text.index("end of trees")] + "end of trees\n"
    booster = lgb.Booster(model_str=text + "\nfeature_importances:\n\nparameters:\nend of parameters\n")
    rows = hostile_rows(text, categorical, count)
    raw = booster.predict(rows, raw_score=True).reshape(count, -1)
    predicted = np.asarray(booster.predict(rows)).reshape(count, -1)
    trees = booster.num_trees()
    followed = min(FOLLOWED, count)
    leaves = np.asarray(booster.predict(rows[:followed], pred_leaf=True)).reshape(followed, trees)
    with open(os.path.join(folder, f"lgb_{name}.txt"), "w") as file:
        file.write(text)
    with open(os.path.join(folder, f"lgb_{name}.rows"), "wb") as file:
        np.array([count, FEATURES, raw.shape[1], trees, followed, 0], dtype="<u8").tofile(file)
        for values in (rows, raw, predicted):
            values.astype("<f8").tofile(file)
        leaves.astype("<i4").tofile(file)
    print(f'"{name}",')


RF = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.8}
LINEAR = {"linear_tree": True}
CLASSES = {"objective": "multiclass", "num_class": 3}
# case, parameters, label, categorical
CASES = [
    ("binary", {"objective": "binary", "sigmoid": 0.7}, "binary", False),
    ("multiclass", CLASSES, "class", False),
    ("multiclassova", {"objective": "multiclassova", "num_class": 3, "sigmoid": 1.3}, "class",
     False),
    ("cross_entropy", {"objective": "cross_entropy"}, "unit", False),
    ("cross_entropy_lambda", {"objective": "cross_entropy_lambda"}, "unit", False),
    ("poisson", {"objective": "poisson"}, "count", False),
    ("gamma", {"objective": "gamma"}, "positive", False),
    ("tweedie", {"objective": "tweedie", "tweedie_variance_power": 1.3}, "positive", False),
    ("sqrt", {"objective": "regression", "reg_sqrt": True}, "real", False),
    ("l1", {"objective": "regression_l1"}, "real", False),
    ("huber", {"objective": "huber", "alpha": 0.8}, "real", False),
    ("fair", {"objective": "fair", "fair_c": 0.9}, "real", False),
    ("quantile", {"objective": "quantile", "alpha": 0.3}, "real", False),
    ("mape", {"objective": "mape"}, "positive", False),
    ("lambdarank", {"objective": "lambdarank"}, "rank", False),
    ("rank_xendcg", {"objective": "rank_xendcg", "objective_seed": 2}, "rank", False),
    ("rf_binary", {"objective": "binary", **RF}, "binary", False),
    ("rf_category", {"objective": "regression", **RF}, "real", True),
    ("dart", {"objective": "regression", "boosting": "dart", "drop_rate": 0.5}, "real", False),
    ("goss", {"objective": "regression", "data_sample_strategy": "goss"}, "real", False),
    ("category", {"objective": "regression"}, "real", True),
    ("category_onehot", {"objective": "binary", "max_cat_to_onehot": 100}, "binary", True),
    ("category_missing", {"objective": "regression", "use_missing": False}, "real", True),
    ("zero_missing", {"objective": "regression", "zero_as_missing": True}, "real", False),
    ("no_missing", {"objective": "regression", "use_missing": False}, "real", False),
    ("linear", {"objective": "regression", **LINEAR}, "real", False),
    ("linear_binary", {"objective": "binary", **LINEAR}, "binary", False),
    ("linear_multiclass", {**CLASSES, **LINEAR}, "class", False),
    ("linear_category", {"objective": "regression", **LINEAR}, "real", True),
    ("linear_poisson", {"objective": "poisson", **LINEAR}, "count", False),
    ("linear_quantile", {"objective": "quantile", "alpha": 0.7, **LINEAR}, "real", False),
    ("linear_rf", {"objective": "regression", **RF, **LINEAR}, "real", False),
    ("linear_dart", {"objective": "regression", "boosting": "dart", "drop_rate": 0.5, **LINEAR},
     "real", False),
]
OLD = ("binary", "multiclass", "rf_category", "category", "linear", "linear_category", "dart")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=90)
    parser.add_argument("--to", default=FOLDER)
    options = parser.parse_args()
    if lgb.__version__ not in VERSIONS:
        raise SystemExit(f"not one of {list(VERSIONS)}: {lgb.__version__}")
    prefix = VERSIONS[lgb.__version__]
    for name, params, label, categorical in CASES:
        if prefix and (name not in OLD or (prefix == "v23_" and "linear" in name)):
            continue
        write(options.to, prefix + name, fit(params, label, categorical, 3), categorical,
              options.rows)


if __name__ == "__main__":
    main()
