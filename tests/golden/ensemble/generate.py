"""What scikit-learn makes of some made-up probabilities: ensemble.json.

    python3 generate.py > ensemble.json        (scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1)

Probabilities have two decimals, so that many are equal.
"""
import json
import warnings

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.preprocessing import RobustScaler

warnings.filterwarnings("ignore")
draw = np.random.default_rng(7)
ROWS, CLASSES, MODELS = 240, 3, 2

truth = draw.dirichlet([1, 1.5, 0.7], ROWS)
label = np.array([draw.choice(CLASSES, p=row) for row in truth])
weight = draw.uniform(0.2, 2, ROWS).round(3)


def sharpened(power):
    p = truth ** power
    p = (p / p.sum(1, keepdims=True)).round(2)
    p[:, 0] = (1 - p[:, 1] - p[:, 2]).round(2)
    return np.clip(p, 0, 1)


p = sharpened(2.2)
other = sharpened(0.6)
out = {"label": label.tolist(), "weight": weight.tolist(), "probability": p.ravel().tolist(),
       "other": other.ravel().tolist(), "isotonic": [], "platt": [], "beta": []}
for k in range(CLASSES):
    y = (label == k).astype(float)
    iso = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(p[:, k], y, weight)
    out["isotonic"].append(iso.predict(np.linspace(0, 1, 41)).tolist())
    platt = _SigmoidCalibration().fit(p[:, k], y, weight)
    out["platt"].append([platt.a_, platt.b_])
    x = np.clip(p[:, k], 1e-15, 1 - 1e-15)
    features = np.column_stack([np.log(x), -np.log1p(-x)])
    beta = LogisticRegression(C=np.inf, tol=1e-13, max_iter=100000, solver="newton-cg").fit(
        features, y, weight)
    out["beta"].append([*beta.coef_[0], beta.intercept_[0]])
logs = np.log(np.clip(p, 1e-15, 1 - 1e-15))
out["temperature"] = minimize_scalar(
    lambda s: -(weight * log_softmax(s * logs, axis=1)[np.arange(ROWS), label]).sum(),
    bounds=(0.01, 20), method="bounded", options={"xatol": 1e-12}).x
stack = np.column_stack([p, other])
meta = LogisticRegression(C=2.0, tol=1e-13, max_iter=100000, solver="newton-cg").fit(stack, label)
out["stack"] = np.column_stack([meta.coef_, meta.intercept_]).ravel().tolist()
out["log_loss"] = log_loss(label, np.clip(p, 1e-15, 1), sample_weight=weight, labels=[0, 1, 2])
out["brier"] = float(np.average(((p - np.eye(CLASSES)[label]) ** 2).sum(1), weights=weight))
rows = draw.normal(size=(57, 4)) * [1, 100, 1e-3, 0]
rows[3, 0] = rows[10, 1] = rows[11, 1] = np.nan
scaler = RobustScaler().fit(rows)
out["rows"] = [None if np.isnan(v) else v for v in rows.ravel().tolist()]
out["center"], out["scale"] = scaler.center_.tolist(), scaler.scale_.tolist()
print(json.dumps(out))
