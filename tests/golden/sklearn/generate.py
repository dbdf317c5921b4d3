#!/usr/bin/env python3
"""Calibrators and scalers of scikit-learn as almanac reads them, and what they answer.

    python -m venv venv && venv/bin/pip install scikit-learn==1.9.1 numpy==2.4.6
    venv/bin/python tests/golden/sklearn/generate.py

<case>.json is written by the lines of src/model/import/sklearn_ensemble.h; <case>.txt has a row and
its answer on a line each, in turn.
"""
import json
import os
import warnings

import numpy as np
import sklearn
from sklearn.calibration import CalibratedClassifierCV, _SigmoidCalibration
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import RobustScaler
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")
FOLDER = os.path.dirname(os.path.abspath(__file__))
NAMES = ("X_thresholds_", "y_thresholds_", "increasing_", "out_of_bounds", "a_", "b_", "coef_",
         "intercept_", "classes_", "center_", "scale_")


def describe(model):
    found = {n: getattr(model, n) for n in NAMES if hasattr(model, n)}
    found = {n: v.tolist() if hasattr(v, "tolist") else v for n, v in found.items()}
    return {"library": "scikit-learn", "version": sklearn.__version__,
            "class": type(model).__name__, **found}


def write(name, described, rows, answers):
    with open(os.path.join(FOLDER, f"{name}.json"), "w") as file:
        json.dump(described, file)
        file.write("\n")
    with open(os.path.join(FOLDER, f"{name}.txt"), "w") as file:
        for row, answer in zip(rows, answers):
            for values in (row, answer):
                print(*(repr(float(v)) for v in np.atleast_1d(values)), file=file)


def main():
    rng = np.random.default_rng(3)
    score = rng.normal(size=300).round(2)
    y = (score + rng.normal(size=300) > 0).astype(int)
    asked = np.concatenate([np.linspace(-4, 4, 60), score[:40]])
    two = np.column_stack([1 - asked, asked])
    iso = IsotonicRegression(out_of_bounds="clip").fit(score, y)
    write("isotonic", describe(iso), two, iso.predict(asked))
    platt = _SigmoidCalibration().fit(score, y)
    write("sigmoid", describe(platt), two, platt.predict(asked))
    logistic = LogisticRegression().fit(score.reshape(-1, 1), y)
    write("logistic", describe(logistic), two, logistic.predict_proba(asked.reshape(-1, 1))[:, 1])

    x = rng.normal(size=(300, 3))
    classes = np.digitize(x[:, 0] + rng.normal(size=300), [-0.6, 0.6])
    base = DecisionTreeClassifier(max_depth=4, random_state=1).fit(x, classes)
    fresh = rng.normal(size=(80, 3))
    for method in ("isotonic", "sigmoid"):
        model = CalibratedClassifierCV(FrozenEstimator(base), method=method).fit(x, classes)
        inside = model.calibrated_classifiers_[0].calibrators
        write(f"classes_{method}", [describe(c) for c in inside], base.predict_proba(fresh),
              model.predict_proba(fresh))

    rows = rng.normal(size=(101, 4)) * [1, 100, 1e-3, 0]
    rows[3, 0] = np.nan
    for name, options in (("scaler", {}), ("scaler_uncentred", {"with_centering": False}),
                          ("scaler_unscaled", {"with_scaling": False})):
        scaler = RobustScaler(**options).fit(rows)
        write(name, describe(scaler), rows[:20], scaler.transform(rows[:20]))


if __name__ == "__main__":
    main()
