#!/usr/bin/env python3
"""Writes the cb_* fixtures of this folder: small CatBoost models and what CatBoost says about rows.

    python -m venv venv && venv/bin/pip install catboost==1.2.10 numpy==2.4.6 pandas==3.1.1
    venv/bin/python tests/golden/forest/generate_catboost.py

cb_<case>.cbm and .json is the model as the library saves it. cb_<case>.rows holds, little endian, six
u64 (rows, features, outputs, trees, rows with contributions, rows with leaves), then the rows (f64),
the raw scores (f64), the contributions (f64, the first rows) and the leaves (i32, the first rows).

Every row is hostile in every feature: on each border, beside it by one float and by one double, half
way between two floats, zeros of both signs, denormals, infinities, missing, beyond float. Categories
are whole numbers, which the library takes as their decimal text; some were never seen.

The library does not keep the treatment of NaN when it reads its JSON back, so all scores come from
the model as it was trained. Its contributions add up for symmetric trees only, so only those count.
"""
import json
import os

import catboost
import numpy as np
import pandas as pd

VERSION = "1.2.10"
FOLDER = os.path.dirname(os.path.abspath(__file__))
NAMES = ["a", "b", "c", "d", "e"]
CATEGORICAL = ["c", "e"]
ROWS = 160
CONTRIBUTION_ROWS = 24
LEAF_ROWS = 20
SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 1e-45, 7e-46, -7e-46, 1.1754943508222875e-38,
           3.4028234663852886e38, 3.4028235677973366e38, 1e300, -1e300, np.nan, np.inf, -np.inf]


def training_data(rng, categorical, missing, n=1500):
    x = pd.DataFrame({name: rng.normal(size=n) for name in NAMES})
    x["b"] = x["b"].round(1)
    if categorical:
        x["c"] = rng.integers(0, 5, n)
        x["e"] = rng.integers(-3, 40, n) * 1000003
    z = x["a"] + np.sin(3 * x["b"]) + (x["c"] % 3 if categorical else x["c"] ** 2)
    z = (z + x["e"] % 5 / 3 if categorical else z) + rng.normal(size=n) * 0.3
    for name in ("a", "b", "d") if missing else ():
        x.loc[rng.random(n) < 0.1, name] = np.nan
    return x, z.to_numpy()


def labels(kind, z, rng):
    return {"real": z, "binary": (z > 1).astype(int), "class": np.digitize(z, [0, 1, 2]),
            "positive": np.exp(z / 3), "two": np.stack([z, 1 - z**2], 1),
            "count": rng.poisson(np.exp(np.clip(z / 3, -2, 2))).astype(float)}[kind]


def beside(border):
    with np.errstate(over="ignore"):
        single = np.float32(border)
        up, low = (float(np.nextafter(single, np.float32(way))) for way in (np.inf, -np.inf))
    middle = (low + border) / 2
    return [border, up, low, np.nextafter(border, np.inf), np.nextafter(border, -np.inf), middle,
            np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf)]


def hostile_rows(model, x, categorical, rng):
    borders = dict(zip((i for i, name in enumerate(NAMES)
                        if not (categorical and name in CATEGORICAL)),
                       model.get_borders().values()))
    columns = {}
    for i, name in enumerate(NAMES):
        if categorical and name in CATEGORICAL:
            seen = x[name].unique()
            odd = [-1, 7, 10**6, 10**15 + 7, -10**17, 2**31, 123456789012345, 2**53]
            columns[name] = rng.choice(np.concatenate([seen, odd]).astype(np.int64), ROWS)
            continue
        near = [v for border in borders[i] for v in beside(float(border))]
        if len(near) > ROWS - len(SPECIAL):
            near = list(rng.choice(near, ROWS - len(SPECIAL), replace=False))
        values = np.array(near + SPECIAL)
        more = rng.choice(values, ROWS - len(values))
        columns[name] = rng.permutation(np.concatenate([values, more]))
    return pd.DataFrame(columns)


def pool_of(x, y=None, categorical=False):
    return catboost.Pool(x, y, cat_features=CATEGORICAL if categorical else None)


def save(model, name, kinds, pool):
    for kind in kinds:
        path = os.path.join(FOLDER, f"cb_{name}.{kind}")
        if kind == "json":
            model.save_model(path, format="json", pool=pool)
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
            with open(path, "w", encoding="utf-8") as file:
                json.dump(document, file, separators=(",", ":"))
        else:
            model.save_model(path)


def write(model, name, rows, categorical, explain):
    data = pool_of(rows, categorical=categorical)
    raw = np.asarray(model.predict(data, prediction_type="RawFormulaVal")).reshape(len(rows), -1)
    with open(os.path.join(FOLDER, f"cb_{name}.rows"), "wb") as file:
        np.array([len(rows), len(NAMES), raw.shape[1], model.tree_count_,
                  CONTRIBUTION_ROWS if explain else 0, LEAF_ROWS], dtype="<u8").tofile(file)
        rows.to_numpy(dtype="<f8").tofile(file)
        raw.astype("<f8").tofile(file)
        if explain:
            first = pool_of(rows.iloc[:CONTRIBUTION_ROWS], categorical=categorical)
            model.get_feature_importance(first, type="ShapValues").astype("<f8").tofile(file)
        first = pool_of(rows.iloc[:LEAF_ROWS], categorical=categorical)
        model.calc_leaf_indexes(first).astype("<i4").tofile(file)


def make(name, kinds, params, label="real", categorical=False, missing=True, scale=None,
         explain=False, rounds=6):
    rng = np.random.default_rng(1)
    x, z = training_data(rng, categorical, missing)
    pool = pool_of(x, labels(label, z, rng), categorical)
    model = catboost.CatBoost({"iterations": rounds, "depth": 3, "random_seed": 7, "verbose": 0,
                               "thread_count": 1, "allow_writing_files": False, **params})
    model.fit(pool)
    if scale:
        model.set_scale_and_bias(*scale)
    save(model, name, kinds, pool)
    write(model, name, hostile_rows(model, x, categorical, rng), categorical, explain)


BOTH = ("cbm", "json")
WIDE = {"depth": 2, "iterations": 4}
COUNTS = {"one_hot_max_size": 4, "max_ctr_complexity": 3, "depth": 4}
# case, formats, parameters, arguments of make
CASES = [
    ("symmetric", BOTH, {}, {"explain": True}),
    ("nan_max", BOTH, {"nan_mode": "Max", "depth": 4}, {"explain": True}),
    ("no_nan", ("cbm",), {}, {"missing": False}),
    ("forbidden", ("cbm",), {"nan_mode": "Forbidden"}, {"missing": False}),
    ("stumps", ("cbm",), {"depth": 1}, {"explain": True}),
    ("deep", ("cbm",), {"depth": 10}, {"rounds": 2, "explain": True}),
    ("borders", ("cbm",), {"depth": 4, "border_count": 1000, "random_strength": 30,
                           "ignored_features": [1, 2, 3, 4]}, {"rounds": 100}),
    ("depthwise", BOTH, {"grow_policy": "Depthwise", "depth": 5, "nan_mode": "Max"}, {}),
    ("lossguide", ("cbm",), {"grow_policy": "Lossguide", "max_leaves": 400, "depth": 12,
                             "min_data_in_leaf": 1}, {"rounds": 2}),
    ("scaled", BOTH, {}, {"scale": (1.7, [-0.3])}),
    ("negative_scale", ("cbm",), {}, {"scale": (-2.5, [0.0])}),
    ("logloss", ("cbm",), {"loss_function": "Logloss"}, {"label": "binary"}),
    ("multiclass", BOTH, {"loss_function": "MultiClass", **WIDE},
     {"label": "class", "explain": True}),
    ("multiclass_deep", ("cbm",), {"loss_function": "MultiClass", "depth": 9},
     {"label": "class", "rounds": 1}),
    ("multiclass_lossguide", BOTH, {"loss_function": "MultiClass", "grow_policy": "Lossguide",
                                    "depth": 4}, {"label": "class", "rounds": 3}),
    ("multirmse", BOTH, {"loss_function": "MultiRMSE", **WIDE}, {"label": "two"}),
    ("multiclass_scaled", ("cbm",), {"loss_function": "MultiClass", **WIDE},
     {"label": "class", "scale": (1.25, [0.5, 0.0, -0.25, 1.0])}),
    ("poisson", ("cbm",), {"loss_function": "Poisson"}, {"label": "count"}),
    ("quantile", ("cbm",), {"loss_function": "Quantile:alpha=0.9"}, {}),
    ("tweedie", ("json",), {"loss_function": "Tweedie:variance_power=1.4"}, {"label": "positive"}),
    ("one_hot", BOTH, {"one_hot_max_size": 255, "depth": 4},
     {"categorical": True, "explain": True, "rounds": 12}),
    ("one_hot_lossguide", ("cbm",), {"one_hot_max_size": 255, "grow_policy": "Lossguide",
                                     "depth": 5}, {"categorical": True, "rounds": 8}),
    ("counts", BOTH, {}, {"categorical": True, "rounds": 10}),
    ("counts_combined", ("cbm",), COUNTS, {"categorical": True, "rounds": 40}),
    ("counts_classes", ("cbm",), {"loss_function": "MultiClass"},
     {"categorical": True, "label": "class", "rounds": 8}),
    ("counts_borders", ("cbm",), {**COUNTS, "simple_ctr": ["Borders:TargetBorderCount=4"],
                                  "combinations_ctr": ["Borders:TargetBorderCount=4"]},
     {"categorical": True, "rounds": 10}),
    ("counts_buckets", ("cbm",), {**COUNTS, "simple_ctr": ["Buckets:TargetBorderCount=3"],
                                  "combinations_ctr": ["Buckets:TargetBorderCount=3"]},
     {"categorical": True, "rounds": 10}),
    ("counts_means", ("cbm",),
     {**COUNTS, "simple_ctr": ["BinarizedTargetMeanValue:TargetBorderCount=3"],
      "combinations_ctr": ["BinarizedTargetMeanValue:TargetBorderCount=3"]},
     {"categorical": True, "rounds": 10}),
]


def write_refused():
    """Two small models whose trees ask for texts and for embeddings."""
    rng = np.random.default_rng(8)
    sides = rng.integers(0, 2, 60)
    frame = pd.DataFrame({"a": rng.normal(size=60),
                          "t": ["good word" if side else "bad thing" for side in sides],
                          "e": list(rng.normal(size=(60, 2)) + 3 * sides[:, None])})
    for name, columns, kind in (("text", ["a", "t"], {"text_features": ["t"]}),
                                ("embedding", ["a", "e"], {"embedding_features": ["e"]})):
        pool = catboost.Pool(frame[columns], sides, **kind)
        model = catboost.CatBoost({"iterations": 2, "depth": 2, "verbose": 0, "random_seed": 3,
                                   "loss_function": "Logloss", "allow_writing_files": False})
        model.fit(pool)
        model.save_model(os.path.join(FOLDER, f"cb_{name}.cbm"))


def main():
    if catboost.__version__ != VERSION:
        raise SystemExit(f"this needs catboost {VERSION}, not {catboost.__version__}")
    for name, kinds, params, arguments in CASES:
        make(name, kinds, params, **arguments)
    write_refused()


main()
