#!/usr/bin/env python3
"""Writes the folders beside this file with MLflow, and keeps of each only what almanac reads.

    python -m venv venv
    venv/bin/pip install mlflow==3.17.2 lightgbm==4.7.0 xgboost-cpu==3.2.0 onnx==1.23.2 \
        onnxruntime==1.32.0 skl2onnx==1.20.0 scikit-learn==1.9.1
    venv/bin/python tests/golden/mlflow/generate.py

Kept are MLmodel as it was written and the model file that it names.
"""
import os
import shutil
import tempfile
import warnings

import lightgbm
import mlflow
import numpy as np
import xgboost
import yaml
from skl2onnx import to_onnx
from sklearn.tree import DecisionTreeRegressor

warnings.filterwarnings("ignore")
FOLDER = os.path.dirname(os.path.abspath(__file__))


def keep(name, save):
    with tempfile.TemporaryDirectory() as parent:
        folder = os.path.join(parent, "model")
        save(folder)
        target = os.path.join(FOLDER, name)
        os.makedirs(target, exist_ok=True)
        with open(os.path.join(folder, "MLmodel")) as file:
            data = yaml.safe_load(file)["flavors"][name]["data"]
        for file in ("MLmodel", data):
            shutil.copy(os.path.join(folder, file), os.path.join(target, file))
        print(name, data, os.listdir(folder))


def main():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    y = x[:, 0] + x[:, 1]
    light = lightgbm.train({"num_leaves": 4, "verbose": -1}, lightgbm.Dataset(x, y), 2)
    keep("lightgbm", lambda folder: mlflow.lightgbm.save_model(light, folder, input_example=x[:2]))
    boosted = xgboost.train({"max_depth": 2}, xgboost.DMatrix(x, y), 2)
    keep("xgboost", lambda folder: mlflow.xgboost.save_model(boosted, folder))
    tree = to_onnx(DecisionTreeRegressor(max_depth=2).fit(x, y), x[:1])
    keep("onnx", lambda folder: mlflow.onnx.save_model(tree, folder))


if __name__ == "__main__":
    main()
