#!/usr/bin/env python3
"""Writes the onnx_* fixtures of this folder: small tree ensembles and what onnxruntime says of rows.

    python -m venv venv
    venv/bin/pip install onnx==1.23.2 onnxruntime==1.32.0 skl2onnx==1.20.0 onnxmltools==1.16.0 \
        scikit-learn==1.9.1 lightgbm==4.7.0 xgboost==3.2.0 numpy==2.4.6
    venv/bin/python tests/golden/forest/generate_onnx.py [--rows N] [--into FOLDER]

onnx_<case>.onnx is the model as the converter writes it, or one made node by node: every branch
mode, missing values on both sides, nodes and trees in no order. onnx_<case>.rows holds, little
endian, seven u64 (rows, features, outputs, trees, precision, predictions a row, column of them that
is ours), then the rows (f64), the raw scores (f64) and the predictions (f64). Precision: 0 our score
is the float, 1 our double rounds to that float, 2 our score is the double.

The raw score is the result of the same model with post_transform NONE, by onnxruntime with one
thread; of two classes with one score it is the second column. Every row is hostile in every feature:
on each threshold, beside it by one float and by one double, half way between two floats, zeros,
denormals, infinities, missing, beyond float. --rows adds that many rows drawn from these values, for
a larger comparison:

    generate_onnx.py --rows 100000 --into FOLDER && build/release/bin/onnx_conformance_test FOLDER
"""
import argparse
import os
import warnings

import lightgbm
import numpy as np
import onnx
import onnxmltools
import onnxruntime
import xgboost
from onnx import TensorProto, helper, numpy_helper
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import (ExtraTreesRegressor, GradientBoostingClassifier,
                              GradientBoostingRegressor, RandomForestClassifier,
                              RandomForestRegressor)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

warnings.filterwarnings("ignore")
FEATURES = 5
SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 1e-45, 7e-46, -7e-46, 1.1754943508222875e-38, 1e-35, -1e-35,
           3.4028234663852886e38, 3.4028235677973366e38, 1e300, -1e300, np.nan, np.nan, np.inf,
           -np.inf, 1.0, 2.0, 3.0, 2.5]
MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def training_data(categorical=False, n=600):
    rng = np.random.default_rng(11)
    x = rng.normal(size=(n, FEATURES)).astype(np.float32)
    if categorical:
        x[:, 2] = rng.integers(0, 9, n)
    z = x[:, 0] + np.sin(3 * x[:, 1]) + (x[:, 2] % 3 if categorical else x[:, 2] ** 2)
    return x, z.astype(float), np.digitize(z, [0, 1, 2]), (z > 1).astype(int)


# ---- models of converters ----

def sklearn_models():
    x, z, classes, binary = training_data()
    small = {"max_depth": 4, "random_state": 1}
    few = {"n_estimators": 6, **small}
    both = np.stack([z, 1 - z], 1)
    yield "tree", DecisionTreeRegressor(**small).fit(x, z), "f"
    yield "tree_double", DecisionTreeRegressor(**small).fit(x, z), "d"
    yield "tree_classes", DecisionTreeClassifier(**small).fit(x, classes), "f"
    yield "forest", RandomForestRegressor(**few).fit(x, z), "f"
    yield "forest_binary", RandomForestClassifier(**few).fit(x, binary), "f"
    yield "forest_classes", RandomForestClassifier(**few).fit(x, classes), "f"
    yield "forest_classes_double", RandomForestClassifier(**few).fit(x, classes), "d"
    yield "extra_targets", ExtraTreesRegressor(**few).fit(x, both), "f"
    yield "extra_targets_double", ExtraTreesRegressor(**few).fit(x, both), "d"
    yield "boosted", GradientBoostingRegressor(**few).fit(x, z), "f"
    yield "boosted_double", GradientBoostingRegressor(**few).fit(x, z), "d"
    yield "boosted_binary", GradientBoostingClassifier(**few).fit(x, binary), "f"
    yield "boosted_classes", GradientBoostingClassifier(**few).fit(x, classes), "f"


def converted_models():
    for name, model, kind in sklearn_models():
        kind = FloatTensorType if kind == "f" else DoubleTensorType
        yield name, convert_sklearn(model, initial_types=[("X", kind([None, FEATURES]))])
    x, z, classes, binary = training_data()
    x[::7, 0] = np.nan
    types = [("X", ToolsFloat([None, FEATURES]))]
    light = {"n_estimators": 6, "num_leaves": 12, "verbose": -1, "deterministic": True,
             "force_col_wise": True, "num_threads": 1}
    yield "lgbm", onnxmltools.convert_lightgbm(
        lightgbm.LGBMRegressor(**light).fit(x, z), initial_types=types)
    yield "lgbm_binary", onnxmltools.convert_lightgbm(
        lightgbm.LGBMClassifier(**light).fit(x, binary), initial_types=types)
    yield "lgbm_classes", onnxmltools.convert_lightgbm(
        lightgbm.LGBMClassifier(**light).fit(x, classes), initial_types=types)
    xc, zc, _, _ = training_data(True)
    yield "lgbm_category", onnxmltools.convert_lightgbm(
        lightgbm.LGBMRegressor(max_cat_to_onehot=1, cat_smooth=1, min_data_per_group=5, **light)
        .fit(xc, zc, categorical_feature=[2]), initial_types=types)
    deep = {"n_estimators": 6, "max_depth": 4, "random_state": 1, "n_jobs": 1}
    yield "xgb", onnxmltools.convert_xgboost(
        xgboost.XGBRegressor(**deep).fit(x, z), initial_types=types)
    yield "xgb_binary", onnxmltools.convert_xgboost(
        xgboost.XGBClassifier(**deep).fit(x, binary), initial_types=types)
    yield "xgb_classes", onnxmltools.convert_xgboost(
        xgboost.XGBClassifier(**deep).fit(x, classes), initial_types=types)


# ---- models made node by node ----

class Grown:
    """Random trees over the modes; nodes as dictionaries, leaves with weights per output."""

    def __init__(self, seed, trees, depth, outputs, single, sparse, modes=MODES):
        self.rng = np.random.default_rng(seed)
        self.outputs, self.single, self.sparse, self.modes = outputs, single, sparse, modes
        self.nodes = []
        for t in range(trees):
            self.count = 0
            self.grow(t, 0 if t % 5 == 4 else depth)

    def number(self, value):
        return float(np.float32(value)) if self.single else float(value)

    def threshold(self):
        odd = [0.0, -0.0, 1e-45, np.inf, -np.inf, 3.4028234663852886e38, -3.4028234663852886e38]
        if self.rng.random() < 0.12:
            return odd[self.rng.integers(len(odd))]
        if self.rng.random() < 0.3:
            return float(self.rng.integers(0, 4))
        return self.number(self.rng.normal())

    def grow(self, tree, depth):
        node = {"tree": tree, "id": self.count}
        self.count += 1
        self.nodes.append(node)
        if depth == 0 or (depth < 3 and self.rng.random() < 0.15):
            drawn = self.rng.normal(size=self.outputs)
            kept = [i for i in range(self.outputs) if self.rng.random() >= self.sparse]
            node.update(mode="LEAF", weights=[(i, self.number(drawn[i])) for i in kept])
            return node
        node.update(mode=self.modes[self.rng.integers(len(self.modes))],
                    feature=int(self.rng.integers(FEATURES)), value=self.threshold(),
                    missing=int(self.rng.random() < 0.4))
        node["yes"] = self.grow(tree, depth - 1)["id"]
        node["no"] = self.grow(tree, depth - 1)["id"]
        return node


def tensor(name, values, single):
    dtype = np.float32 if single else np.float64
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


def old_attributes(grown, shuffled):
    nodes = list(grown.nodes)
    if shuffled:  # the last tree first; roots come first, as onnxruntime needs it
        order = np.random.default_rng(3).permutation(len(nodes))
        nodes = sorted((nodes[i] for i in order), key=lambda n: (-n["tree"], n["id"] > 0))
    leaf = [(n, w) for n in nodes if n["mode"] == "LEAF" for w in n["weights"]]
    out = {
        "nodes_treeids": [n["tree"] for n in nodes], "nodes_nodeids": [n["id"] for n in nodes],
        "nodes_modes": [n["mode"] for n in nodes],
        "nodes_featureids": [n.get("feature", 0) for n in nodes],
        "nodes_truenodeids": [n.get("yes", 0) for n in nodes],
        "nodes_falsenodeids": [n.get("no", 0) for n in nodes],
        "nodes_missing_value_tracks_true": [n.get("missing", 0) for n in nodes],
    }
    values = [n.get("value", 0.0) for n in nodes]
    if grown.single:
        out["nodes_values"] = values
    else:
        out["nodes_values_as_tensor"] = tensor("values", values, False)
    return out, leaf


def graph_of(nodes, single, outputs, opset):
    kind = TensorProto.FLOAT if single else TensorProto.DOUBLE
    result = TensorProto.DOUBLE if opset == 5 and not single else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "trees", [helper.make_tensor_value_info("X", kind, [None, FEATURES])],
        [helper.make_tensor_value_info("Y", result, [None, outputs])])
    return helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", opset)])


def regressor(grown, base=None, shuffled=False, x="X", **more):
    out, leaf = old_attributes(grown, shuffled)
    out.update(target_treeids=[n["tree"] for n, _ in leaf],
               target_nodeids=[n["id"] for n, _ in leaf], target_ids=[w[0] for _, w in leaf],
               n_targets=grown.outputs, **more)
    weights = [w[1] for _, w in leaf]
    if grown.single:
        out["target_weights"] = weights
    else:
        out["target_weights_as_tensor"] = tensor("weights", weights, False)
    if base is not None and grown.single:
        out["base_values"] = base
    elif base is not None:
        out["base_values_as_tensor"] = tensor("base", base, False)
    return helper.make_node("TreeEnsembleRegressor", [x], ["Y"], domain="ai.onnx.ml", **out)


def ensemble_5(grown, transform, aggregate):
    inner = [n for n in grown.nodes if n["mode"] != "LEAF"]
    leaf = [n for n in grown.nodes if n["mode"] == "LEAF"]
    place = {(n["tree"], n["id"]): (i, 0) for i, n in enumerate(inner)}
    place.update({(n["tree"], n["id"]): (i, 1) for i, n in enumerate(leaf)})
    out = {"tree_roots": [place[(t, 0)][0] for t in sorted({n["tree"] for n in inner})]}
    for side in ("yes", "no"):
        found = [place[(n["tree"], n[side])] for n in inner]
        name = "true" if side == "yes" else "false"
        out[f"nodes_{name}nodeids"] = [i for i, _ in found]
        out[f"nodes_{name}leafs"] = [l for _, l in found]
    out.update(
        nodes_featureids=[n["feature"] for n in inner],
        nodes_modes=numpy_helper.from_array(
            np.array([MODES.index(n["mode"]) for n in inner], np.uint8), "modes"),
        nodes_splits=tensor("splits", [n["value"] for n in inner], grown.single),
        nodes_missing_value_tracks_true=[n["missing"] for n in inner],
        leaf_targetids=[n["weights"][0][0] for n in leaf],
        leaf_weights=tensor("weights", [n["weights"][0][1] for n in leaf], grown.single),
        n_targets=grown.outputs, post_transform=transform, aggregate_function=aggregate)
    return helper.make_node("TreeEnsemble", ["X"], ["Y"], domain="ai.onnx.ml", **out)


class OneTarget(Grown):
    """Leaves of TreeEnsemble 5 have one weight; trees are more than a leaf."""

    def grow(self, tree, depth):
        node = super().grow(tree, max(depth, 1) if self.count == 0 else depth)
        if node["mode"] == "LEAF":
            target = int(self.rng.integers(self.outputs))
            node["weights"] = [(target, self.number(self.rng.normal()))]
        return node


class Chain(Grown):
    """Sets as a converter writes them: EQ nodes on one feature whose true branches are one node.
    Of nodes that disagree about NaN onnxruntime asks the first only, or the first two where the
    first number is 0; so the others never send it to the true branch alone."""

    def grow(self, tree, depth):
        sets = int(self.rng.integers(2, 5))
        missing = self.rng.random(2) < 0.4
        missing[1] = missing[1] if tree % 2 == 0 else missing[0]
        node = [{"tree": tree, "id": i, "mode": "BRANCH_EQ", "feature": 0, "yes": sets,
                 "no": i + 1 if i + 1 < sets else sets + 3, "value": float(2 * i + tree % 2),
                 "missing": int(missing[min(i, 1)])} for i in range(sets)]
        node.append({"tree": tree, "id": sets, "mode": "BRANCH_LT", "feature": 1, "value": 0.5,
                     "missing": tree % 2, "yes": sets + 1, "no": sets + 2})
        node += [{"tree": tree, "id": sets + i, "mode": "LEAF",
                  "weights": [(0, self.number(self.rng.normal()))]} for i in (1, 2, 3)]
        self.nodes += node
        return node[0]


def made_models():
    for single in (True, False):
        tail = "" if single else "_double"
        g = Grown(1, 12, 5, 1, single, 0.1)
        yield "modes" + tail, graph_of([regressor(g, [0.25])], single, 1, 3)
        g = Grown(2, 12, 5, 3, single, 0.3)
        yield "modes_targets" + tail, graph_of([regressor(g, [0.1, 0.0, -7.0], True)], single, 3, 3)
        g = Grown(3, 7, 4, 1, single, 0)
        yield "average" + tail, graph_of([regressor(g, aggregate_function="AVERAGE")], single, 1, 3)
        g = OneTarget(4, 9, 4, 1, single, 0)
        yield "five" + tail, graph_of([ensemble_5(g, 0, 1)], single, 1, 5)
        g = OneTarget(5, 9, 4, 3, single, 0)
        yield "five_targets" + tail, graph_of([ensemble_5(g, 2, 1)], single, 3, 5)
        g = OneTarget(6, 9, 4, 1, single, 0)
        yield "five_average" + tail, graph_of([ensemble_5(g, 0, 0)], single, 1, 5)
    g = Grown(7, 8, 4, 1, True, 0)
    cast = helper.make_node("Cast", ["X"], ["F"], to=TensorProto.FLOAT)
    yield "cast_to_float", graph_of([cast, regressor(g, x="F")], False, 1, 3)
    g = Grown(8, 8, 4, 1, False, 0)
    cast = helper.make_node("Cast", ["X"], ["D"], to=TensorProto.DOUBLE)
    yield "cast_to_double", graph_of([cast, regressor(g, x="D")], True, 1, 3)
    yield "equal_sets", graph_of([regressor(Chain(11, 12, 1, 1, True, 0))], True, 1, 3)
    g = Grown(9, 3, 8, 1, True, 0, ["BRANCH_EQ"])
    yield "equal_chain", graph_of([regressor(g)], True, 1, 3)
    g = Grown(10, 2, 9, 1, True, 0)
    yield "deep", graph_of([regressor(g)], True, 1, 3)


# ---- rows ----

def ensemble_of(model):
    return next(n for n in model.graph.node if n.op_type.startswith("TreeEnsemble"))


def attribute(node, *names):
    for a in node.attribute:
        if a.name in names:
            value = helper.get_attribute_value(a)
            return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value
    return None


def beside(t):
    with np.errstate(over="ignore"):
        single = np.float32(t)
        low = np.nextafter(single, np.float32(-np.inf))
        middle = (float(low) + float(single)) / 2
        return [t, float(single), float(np.nextafter(single, np.float32(np.inf))), float(low),
                np.nextafter(t, np.inf), np.nextafter(t, -np.inf), middle,
                np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf)]


def columns_of(node):
    values = attribute(node, "nodes_values", "nodes_values_as_tensor", "nodes_splits")
    features = attribute(node, "nodes_featureids")
    columns = []
    for j in range(FEATURES):
        found = sorted({float(v) for f, v in zip(features, values) if f == j})
        columns.append(np.array([v for t in found for v in beside(t)] + SPECIAL))
    return columns


def hostile_rows(node, more):
    rng = np.random.default_rng(99)
    columns = columns_of(node)
    count = max(len(c) for c in columns) + more
    rows = np.empty((count, FEATURES))
    for j, column in enumerate(columns):
        first = column[rng.permutation(len(column))]
        rest = rng.choice(column, count - len(column))
        if more:  # every fourth one is an ordinary number
            rest = np.where(rng.random(len(rest)) < 0.25, rng.normal(size=len(rest)), rest)
        rows[:, j] = np.concatenate([first, rest])
    return rows


# ---- onnxruntime ----

def run(model, rows):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    single = model.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT
    with np.errstate(over="ignore"):
        data = rows.astype(np.float32) if single else rows
    return np.asarray(session.run(None, {model.graph.input[0].name: data})[0])


def only_scores(model, raw):
    """The model with the scores of its ensemble as the one output; raw: before post_transform."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    node = ensemble_of(copy)
    if raw:
        for a in node.attribute:
            if a.name == "post_transform":
                a.CopyFrom(helper.make_attribute("post_transform",
                                                 0 if a.type == onnx.AttributeProto.INT else "NONE"))
    keep = []
    for n in copy.graph.node:
        keep.append(n)
        if n is node:
            break
    nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in keep]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    kind = TensorProto.FLOAT
    if node.op_type == "TreeEnsemble" and len(attribute(nodes[-1], "leaf_weights")):
        double = attribute(nodes[-1], "leaf_weights").dtype == np.float64
        kind = TensorProto.DOUBLE if double else kind
    del copy.graph.output[:]
    copy.graph.output.append(
        helper.make_tensor_value_info(nodes[-1].output[-1], kind, [None, None]))
    return copy


def write(folder, name, model, more):
    node = ensemble_of(model)
    rows = hostile_rows(node, more)
    raw = run(only_scores(model, True), rows)
    made = run(only_scores(model, False), rows)
    raw, made = raw.reshape(len(rows), -1), made.reshape(len(rows), -1)
    column = 0
    ids = attribute(node, "class_ids")
    if ids is not None and raw.shape[1] == 2 and len(set(ids)) == 1:
        raw, made = raw[:, 1:], made[:, 1:]
    trees = attribute(node, "tree_roots")
    trees = len(trees) if trees is not None else len(set(attribute(node, "nodes_treeids")))
    base = attribute(node, "base_values", "base_values_as_tensor")
    base = [] if base is None else list(base)[-raw.shape[1]:]
    double = model.graph.input[0].type.tensor_type.elem_type == TensorProto.DOUBLE
    for n in model.graph.node:
        if n.op_type == "Cast" and n.input[0] == "X":
            double = attribute(n, "to") == TensorProto.DOUBLE
    precision = 2 if raw.dtype == np.float64 else 1 if double else 0
    onnx.save(model, os.path.join(folder, f"onnx_{name}.onnx"))
    with open(os.path.join(folder, f"onnx_{name}.rows"), "wb") as file:
        np.array([len(rows), FEATURES, raw.shape[1], trees + sum(b != 0 for b in base), precision,
                  made.shape[1], column], dtype="<u8").tofile(file)
        rows.astype("<f8").tofile(file)
        raw.astype("<f8").tofile(file)
        made.astype("<f8").tofile(file)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--into", default=os.path.dirname(os.path.abspath(__file__)))
    options = parser.parse_args()
    os.makedirs(options.into, exist_ok=True)
    for name, model in list(converted_models()) + list(made_models()):
        write(options.into, name, model, options.rows)
        print(name, [n.op_type for n in model.graph.node])


if __name__ == "__main__":
    main()
