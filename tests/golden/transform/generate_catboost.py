#!/usr/bin/env python3
"""Writes catboost.txt beside it, as generate.py does for the other libraries.

    python3 generate_catboost.py          with catboost 1.2.10

The models are stubs: a JSON model whose only tree is a leaf that holds the raw scores.
"""
import json
import os
import tempfile

import catboost
import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
SCORES = [0.0, -0.0, 1.0, -1.0, 0.1, -2.75, 3.3333333333333335, 17.5, -17.5, 36.7, -40.0, 88.0,
          -88.5, 89.0, -100.0, 300.25, -300.25, 1e-9, -1e-300]
TRIPLES = [(0.0, 0.0, 0.0), (1.0, 2.0, 3.0), (-0.1, 0.2, -0.3), (50.0, -50.0, 49.9),
           (300.0, 299.0, 0.0), (0.3, 0.3, 0.1)]
PAIRS = [(0.0, 0.0), (1.5, -1.0), (-2.0, 0.3), (7.0, 20.25)]
ONE = {"RMSE": "RawFormulaVal", "MAE": "RawFormulaVal", "Quantile": "RawFormulaVal",
       "MAPE": "RawFormulaVal", "Focal": "Probability", "RMSPE": "RawFormulaVal",
       "LogCosh": "RawFormulaVal", "Lq": "RawFormulaVal", "Huber": "RawFormulaVal",
       "Expectile": "RawFormulaVal", "LogLinQuantile": "RawFormulaVal", "Poisson": "Exponent",
       "Tweedie": "Exponent",
       "Logloss": "Probability", "CrossEntropy": "Probability"}
MANY = {"MultiClass": "Probability", "MultiClassOneVsAll": "Probability",
        "MultiLogloss": "Probability", "MultiCrossEntropy": "Probability",
        "MultiRMSE": "RawFormulaVal"}
ROWS = numpy.arange(24.0).reshape(24, 1)


def labels(loss, count):
    if loss in ("MultiClass", "MultiClassOneVsAll"):
        return numpy.arange(24) % count
    if loss in MANY:
        return numpy.stack([numpy.arange(24) // (i + 1) % 2 for i in range(count)], 1)
    return numpy.arange(24) % 2


def stub(loss, row, folder):
    parameters = {"Tweedie": ":variance_power=1.5", "Lq": ":q=3", "Huber": ":delta=1",
                  "Expectile": ":alpha=0.3", "Focal": ":focal_alpha=0.3;focal_gamma=2.0"}.get(loss, "")
    model = catboost.CatBoost({"iterations": 1, "depth": 1, "verbose": 0, "thread_count": 1,
                               "allow_writing_files": False, "loss_function": loss + parameters})
    model.fit(ROWS, labels(loss, len(row)))
    path = os.path.join(folder, "model.json")
    model.save_model(path, format="json")
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    document["oblivious_trees"] = [{"leaf_values": list(row), "leaf_weights": [24], "splits": []}]
    document["scale_and_bias"] = [1, [0] * len(row)]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    model.load_model(path, format="json")
    return model


def texts(values):
    return " ".join(f"{value:.17g}" for value in values)


def main():
    asked = [(loss, how, [(score,) for score in SCORES]) for loss, how in ONE.items()]
    asked += [(loss, how, TRIPLES) for loss, how in MANY.items()]
    asked += [("RMSEWithUncertainty", "RMSEWithUncertainty", PAIRS)]
    with open(os.path.join(HERE, "catboost.txt"), "w", encoding="utf-8") as file, \
            tempfile.TemporaryDirectory() as folder:
        file.write(f"# catboost {catboost.__version__}, tests/golden/transform/"
                   "generate_catboost.py\n")
        for loss, how, rows in asked:
            for row in rows:
                out = numpy.ravel(stub(loss, row, folder).predict(ROWS[:1], prediction_type=how))
                if len(row) == 1 and how == "Probability":
                    out = out[1:]  # of the second class
                file.write(f"{loss}|{texts(row)}|{texts(out)}\n")


if __name__ == "__main__":
    main()
