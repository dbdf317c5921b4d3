"""A system of two boosted models as scikit-learn runs it, written as a scorer folder, with what it
answers.

    python3 generate.py        (scikit-learn 1.9.1, LightGBM 4.7.0, XGBoost 3.2.0; writes here)

Three classes, -1, 0, 1. LightGBM's columns go through a RobustScaler, both models through isotonic
calibration of each class against the others, and a logistic regression on their out-of-fold
probabilities makes the answer. XGBoost's floats become doubles before anything is fitted on them,
because scikit-learn would go on in float. rows.csv has the columns in another order and one more;
expected.csv has, per row: class, its probabilities, and both models' calibrated probabilities.
"""
import json
import os

import lightgbm
import numpy as np
import xgboost
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import RobustScaler

HERE = os.path.dirname(os.path.abspath(__file__))
LABELS = [-1, 0, 1]
LIGHT = ["momentum", "spread", "volume", "gap"]
XG = ["gap", "volatility", "momentum"]
COLUMNS = ["volatility", "unused", "gap", "volume", "momentum", "spread"]
draw = np.random.default_rng(11)


def make(count):
    x = draw.normal(size=(count, len(COLUMNS))).round(3) * [1, 1, 2, 50, 1, 0.1]
    signal = x[:, 4] + 0.4 * x[:, 2] + 0.5 * draw.normal(size=count) * (1 + abs(x[:, 0]))
    y = np.digitize(signal, [-0.5, 0.6])
    x[draw.random(x.shape) < 0.04] = np.nan
    return x, y


def of(x, names):
    return x[:, [COLUMNS.index(name) for name in names]]


def isotonic(p, y):
    """One calibrator per class, against the others."""
    return [IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p[:, k], y == k)
            for k in range(3)]


def calibrated(models, p):
    q = np.column_stack([m.predict(p[:, k]) for k, m in enumerate(models)])
    total = q.sum(1, keepdims=True)
    return np.where(total > 0, q / np.where(total > 0, total, 1), 1 / 3)


def write(name, value):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        json.dump(value, file, separators=(",", ":"))
        file.write("\n")


def write_csv(name, header, rows):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        file.write(",".join(header) + "\n")
        for row in rows:
            file.write(",".join("" if np.isnan(v) else repr(float(v)) for v in row) + "\n")


def write_isotonic(name, models):
    write(name, {"kind": "isotonic", "class_count": 3,
                 "classes": [{"x": m.X_thresholds_.tolist(), "y": m.y_thresholds_.tolist()}
                             for m in models]})


def main():
    train, target = make(600)
    held, held_target = make(300)
    x, _ = make(200)
    scaler = RobustScaler().fit(of(train, LIGHT))
    light = lightgbm.train({"objective": "multiclass", "num_class": 3, "num_leaves": 5,
                            "verbose": -1, "num_threads": 1, "deterministic": True,
                            "force_col_wise": True},
                           lightgbm.Dataset(scaler.transform(of(train, LIGHT)), target,
                                            feature_name=LIGHT), 6)
    xg = xgboost.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 3,
                        "nthread": 1}, xgboost.DMatrix(of(train, XG), target), 5)

    def says(rows):
        return (light.predict(scaler.transform(of(rows, LIGHT))),
                xg.predict(xgboost.DMatrix(of(rows, XG))).astype(np.float64))
    calibrators = [isotonic(p, held_target) for p in says(held)]

    def members(rows):
        return np.hstack([calibrated(c, p) for c, p in zip(calibrators, says(rows))])
    stacker = LogisticRegression(C=10, max_iter=1000).fit(members(held), held_target)

    light.save_model(os.path.join(HERE, "light.txt"))
    xg.save_model(os.path.join(HERE, "xg.ubj"))
    write("light_scaler.json", {"center": scaler.center_.tolist(),
                                "scale": scaler.scale_.tolist()})
    write_isotonic("light_calibrator.json", calibrators[0])
    write_isotonic("xg_calibrator.json", calibrators[1])
    coefficient = np.hstack([stacker.coef_, stacker.intercept_[:, None]])
    write("stacker.json", {"classes": 3, "models": 2, "coefficient": coefficient.ravel().tolist()})
    write("scorer.json", {
        "almanac_scorer": 1, "task": "classes", "labels": LABELS,
        "horizons": [{"name": "next", "members": [
            {"name": "light", "model": "light.txt", "scaler": "light_scaler.json",
             "calibrator": "light_calibrator.json"},
            {"name": "xg", "model": "xg.ubj", "columns": XG, "calibrator": "xg_calibrator.json"}],
            "combination": {"kind": "stacker", "file": "stacker.json"}}]})
    p = members(x)
    answer = stacker.predict_proba(p)
    classes = np.array(LABELS)[answer.argmax(1)]
    write_csv("rows.csv", COLUMNS, x)
    write_csv("expected.csv", ["class", *(f"p_{k}" for k in LABELS),
                               *(f"{m}_{k}" for m in ("light", "xg") for k in LABELS)],
              np.column_stack([classes, answer, p]))


main()
