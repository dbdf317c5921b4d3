#!/usr/bin/env python3
"""Writes the *.explained fixtures of this folder: what shap and XGBoost say about models in it.

    python -m venv venv
    venv/bin/pip install shap==0.51.0 lightgbm==4.7.0 xgboost-cpu==3.2.0 numpy==2.2.6
    venv/bin/python tests/golden/forest/generate_explanations.py

<model>.explained holds, little endian, six u64 (rows, features, outputs, background rows, 1 with
interventional values, 1 with interactions), then f64: the rows, the background, and where they are
there
- interventional values: shap.TreeExplainer(model, background, feature_perturbation=
  "interventional"), rows x outputs x (features + 1), the last is the library's mean raw score;
- interactions: rows x outputs x (features + 1)^2: of LightGBM shap's shap_interaction_values, of
  XGBoost the library's pred_interactions (a float recursion).
Rows are floats off the thresholds, because shap compares in its own way; XGBoost's have missing
values. shap does not know categories, so a model with them has interactions only.
"""
import os

import lightgbm as lgb
import numpy as np
import shap
import xgboost as xgb

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROWS, BACKGROUND = 6, 30
VERSIONS = {shap: "0.51.0", lgb: "4.7.0", xgb: "3.2.0"}


def write(name, rows, background, outputs, values, interactions):
    with open(os.path.join(FOLDER, name + ".explained"), "wb") as file:
        np.array([len(rows), rows.shape[1], outputs, len(background), values is not None,
                  interactions is not None], dtype="<u8").tofile(file)
        for part in (rows, background, values, interactions):
            if part is not None:
                np.asarray(part, dtype="<f8").tofile(file)


def raw_scores(model, rows, outputs):
    if isinstance(model, lgb.Booster):
        return model.predict(rows, raw_score=True).reshape(len(rows), outputs)
    return model.predict(xgb.DMatrix(rows), output_margin=True).reshape(len(rows), outputs)


def interventional(model, rows, background, outputs):
    explainer = shap.TreeExplainer(model, background, feature_perturbation="interventional")
    values = np.asarray(explainer.shap_values(rows, check_additivity=False), dtype=float)
    if values.ndim == 2:
        values = values[:, :, None]
    out = np.empty((len(rows), outputs, rows.shape[1] + 1))
    out[:, :, :-1] = values.transpose(0, 2, 1)
    # shap forgets that XGBoost's classes have base scores of their own.
    out[:, :, -1] = raw_scores(model, background, outputs).astype(float).mean(axis=0)
    # On some old models shap is not even additive; those are no judge.
    assert np.allclose(out.sum(axis=2), raw_scores(model, rows, outputs), atol=1e-5)
    return out


def framed(values, expected, rows, outputs):
    """shap's rows x features x features (x outputs) with the expected value in a corner."""
    values = np.asarray(values, dtype=float)
    if values.ndim == 3:
        values = values[:, :, :, None]
    features = rows.shape[1]
    out = np.zeros((len(rows), outputs, features + 1, features + 1))
    out[:, :, :-1, :-1] = values.transpose(0, 3, 1, 2)
    out[:, :, -1, -1] = np.broadcast_to(np.atleast_1d(expected), (outputs,))
    return out


def lightgbm_model(name):
    booster = lgb.Booster(model_file=os.path.join(FOLDER, name))
    rng = np.random.default_rng(3)
    thresholds = {}
    for tree in booster.dump_model()["tree_info"]:
        stack = [tree["tree_structure"]]
        while stack:
            node = stack.pop()
            if "split_feature" in node:
                thresholds.setdefault(node["split_feature"], []).append(node["threshold"])
                stack += [node["left_child"], node["right_child"]]
    features, outputs = booster.num_feature(), booster.num_model_per_iteration()
    sample = np.zeros((ROWS + BACKGROUND, features))
    for j in range(features):
        near = np.array(thresholds.get(j, [0.0]))
        scale = np.ptp(near) / 10 + np.abs(near).mean() / 100 + 1e-3
        sample[:, j] = rng.choice(near, len(sample)) + rng.normal(size=len(sample)) * scale
    sample = sample.astype(np.float32).astype(float)
    rows, background = sample[:ROWS], sample[ROWS:]
    by_path = shap.TreeExplainer(booster)
    interactions = framed(by_path.shap_interaction_values(rows), by_path.expected_value, rows,
                          outputs)
    write(name, rows, background, outputs, interventional(booster, rows, background, outputs),
          interactions)


def xgboost_model(name, categorical=()):
    booster = xgb.Booster(model_file=os.path.join(FOLDER, name))
    rng = np.random.default_rng(4)
    features = booster.num_features()
    sample = rng.normal(size=(ROWS + BACKGROUND, features))
    for j in categorical:
        sample[:, j] = rng.integers(0, 42, len(sample))
    sample[rng.random(sample.shape) < 0.1] = np.nan
    sample = sample.astype(np.float32).astype(float)
    rows, background = sample[:ROWS], sample[ROWS:]
    types = ["c" if j in categorical else "q" for j in range(features)]
    data = xgb.DMatrix(rows, feature_types=types, enable_categorical=True)
    interactions = booster.predict(data, pred_interactions=True, strict_shape=True)
    outputs = interactions.shape[1]
    values = None if categorical else interventional(booster, rows, background, outputs)
    write(name, rows, background, outputs, values, interactions)


def main():
    for module, version in VERSIONS.items():
        if module.__version__ != version:
            raise SystemExit(f"this needs {module.__name__} {version}, not {module.__version__}")
    lightgbm_model("lg_breast_cancer.txt")
    lightgbm_model("lg_rf_iris.model")
    xgboost_model("xgb_squared.json")
    xgboost_model("xgb_softprob.json")
    xgboost_model("xgb_lossguide.ubj")
    xgboost_model("xgb_category.json", (2, 4))


main()
