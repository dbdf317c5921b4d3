#!/usr/bin/env python3
"""Writes lightgbm.txt and xgboost.txt beside it: raw scores and what the library makes of them.

    python3 generate.py          with lightgbm 4.7.0 and xgboost-cpu 3.2.0

A line is `objective | raw scores of one row | predictions of that row`. The models are stubs: one
constant leaf per class holds the raw score, so that any score can be asked for (LightGBM), or the
score is given as base margin to a booster without a split (XGBoost).
"""
import os

import lightgbm
import numpy
import xgboost

HERE = os.path.dirname(os.path.abspath(__file__))
SCORES = [0.0, -0.0, 1.0, -1.0, 0.1, -2.75, 3.3333333333333335, 17.5, -17.5, 36.7, -40.0, 88.0,
          -88.5, 89.0, -100.0, 709.5, -745.0, 1e-9, -1e-300, 1e300]
TRIPLES = [(0.0, 0.0, 0.0), (1.0, 2.0, 3.0), (-0.1, 0.2, -0.3), (50.0, -50.0, 49.9),
           (1000.0, 999.0, -1000.0), (0.3, 0.3, 0.1)]
ONE = ["regression", "regression sqrt", "regression_l1", "regression_l1 sqrt", "huber",
       "huber sqrt", "fair", "fair sqrt", "poisson", "quantile alpha:0.9",
       "quantile alpha:0.9 sqrt", "mape", "mape sqrt", "gamma", "tweedie",
       "binary sigmoid:1", "binary sigmoid:0.7", "binary sigmoid:1.00001", "binary sigmoid:2e-05",
       "binary sigmoid:12345.678", "binary sigmoid:0.123457", "cross_entropy",
       "cross_entropy_lambda", "lambdarank", "rank_xendcg", "mse", "l2", "mae", "xentropy",
       "xentlambda", "custom", ""]
THREE = ["multiclass num_class:3", "multiclassova num_class:3 sigmoid:1.5"]


def stub(objective, row):
    head = ["tree", "version=v4", f"num_class={len(row)}",
            f"num_tree_per_iteration={len(row)}", "label_index=0", "max_feature_idx=0"]
    head += [f"objective={objective}"] if objective else []
    head += ["feature_names=x", "feature_infos=[0:1]", ""]
    trees = [f"Tree={i}\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nsplit_gain=\nthreshold=\n"
             f"decision_type=\nleft_child=\nright_child=\nleaf_value={value!r}\nleaf_weight=0\n"
             f"leaf_count=1\ninternal_value=\ninternal_weight=\ninternal_count=\nis_linear=0\n"
             f"shrinkage=1\n\n" for i, value in enumerate(row)]
    return "\n".join(head) + "\n" + "\n".join(trees) + "\nend of trees\n"


def texts(values):
    return " ".join(f"{value:.17g}" for value in values)


def write_lightgbm(file):
    for objective in ONE + THREE:
        for row in TRIPLES if objective in THREE else [(score,) for score in SCORES]:
            booster = lightgbm.Booster(model_str=stub(objective, row))
            out = numpy.ravel(booster.predict(numpy.zeros((1, 1))))
            file.write(f"{objective}|{texts(row)}|{texts(out)}\n")


def write_xgboost(file):
    one = ["reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror",
           "reg:logistic", "binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson",
           "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft", "rank:pairwise",
           "rank:ndcg", "rank:map"]
    for objective in one + ["multi:softprob", "multi:softmax"]:
        many = objective.startswith("multi:")
        rows = numpy.array(TRIPLES if many else [[score] for score in SCORES if score < 1e30],
                           dtype=numpy.float32)
        label = numpy.arange(len(rows)) % (3 if many else 2)
        data = xgboost.DMatrix(numpy.zeros((len(rows), 1), dtype=numpy.float32), label=label)
        data.set_base_margin(rows)
        params = {"objective": objective, "base_score": 0.5}
        params.update({"num_class": 3} if many else {})
        booster = xgboost.train(params, data, num_boost_round=0)
        margin = booster.predict(data, output_margin=True).reshape(len(rows), -1)
        assert (margin == rows).all(), objective
        out = booster.predict(data).reshape(len(rows), -1)
        for row, made in zip(margin, out):
            file.write(f"{objective}|{texts(row)}|{texts(made)}\n")


def main():
    for name, version, write in (("lightgbm", lightgbm.__version__, write_lightgbm),
                                 ("xgboost", xgboost.__version__, write_xgboost)):
        with open(os.path.join(HERE, name + ".txt"), "w", encoding="utf-8") as file:
            file.write(f"# {name} {version}, tests/golden/transform/generate.py\n")
            write(file)


if __name__ == "__main__":
    main()
