#!/usr/bin/env python3
"""Makes the ONNX models of this folder and what they answer (see README.md).

    pip install onnx==1.23.2 numpy==2.4.6
    tests/golden/onnx/generate_graphs.py

Expected numbers come from onnx.reference, which is numpy and not the runtime that is tested; those
of nodes/ from the test data that the onnx package carries.
"""
import os

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh
from onnx.backend.test.loader import load_model_tests
from onnx.reference import ReferenceEvaluator

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20260101)
NODES = """test_gemm_all_attributes test_gru_defaults test_gru_with_initial_bias
test_layer_normalization_2d_axis1 test_lstm_defaults test_lstm_with_initial_bias
test_lstm_with_peepholes test_matmul_2d test_relu test_sigmoid test_simple_rnn_defaults
test_softmax_axis_1 test_tanh""".split()


def value(name, shape, kind=T.FLOAT):
    return h.make_tensor_value_info(name, kind, shape)


def constant(name, array, kind=np.float32):
    return nh.from_array(np.asarray(array, dtype=kind), name)


def weights(*shape):
    return rng.normal(size=shape) / np.sqrt(shape[-1])


def model(nodes, inputs, outputs, constants=(), domains=()):
    graph = h.make_graph(nodes, "graph", inputs, outputs, list(constants))
    opsets = [h.make_opsetid("", 17)] + [h.make_opsetid(d, 1) for d in domains]
    return h.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="almanac-tests")


def save(name, made):
    with open(os.path.join(HERE, name + ".onnx"), "wb") as file:
        file.write(made.SerializeToString())
    return made


# Numbers with few bits, so that every sum is exact in float: backends must agree to the last bit.
LINEAR = [constant("w", [[1, -2, 0.5], [0.25, 3, -1]]), constant("b", [10, -4])]


def linear(name, rows="N", columns=3, result="y", width=2):
    return save(name, model([h.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)],
                            [value("x", [rows, columns])], [value(result, [rows, width])], LINEAR))


def windows():
    nodes = [h.make_node("Gather", ["x", "last"], ["step"], axis=1),
             h.make_node("Gemm", ["step", "w", "b"], ["y"], transB=1)]
    return save("linear_windows", model(nodes, [value("x", ["N", "T", 3])], [value("y", ["N", 2])],
                                        LINEAR + [constant("last", -1, np.int64)]))


def mlp():
    constants = [constant("w1", weights(8, 4)), constant("b1", weights(8)),
                 constant("w2", weights(3, 8)), constant("b2", weights(3))]
    nodes = [h.make_node("Gemm", ["x", "w1", "b1"], ["a"], transB=1),
             h.make_node("Relu", ["a"], ["r"]),
             h.make_node("Gemm", ["r", "w2", "b2"], ["l"], transB=1),
             h.make_node("Softmax", ["l"], ["p"], axis=1)]
    return nodes, constants


def recurrent(op, gates):
    units, features = 5, 3
    constants = [constant("w", weights(1, gates * units, features)),
                 constant("r", weights(1, gates * units, units)),
                 constant("b", weights(1, 2 * gates * units)), constant("v", weights(1, units)),
                 constant("c", [0.1]), constant("axes", [0], np.int64)]
    nodes = [h.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
             h.make_node(op, ["t", "w", "r", "b"], ["", "last"], hidden_size=units),
             h.make_node("Squeeze", ["last", "axes"], ["s"]),
             h.make_node("Gemm", ["s", "v", "c"], ["y"], transB=1)]
    return save(op.lower(), model(nodes, [value("x", ["N", "T", features])],
                                  [value("y", ["N", 1])], constants))


def columns():
    nodes = [h.make_node("Cast", ["region"], ["r"], to=T.FLOAT),
             h.make_node("Concat", ["age", "income", "r"], ["x"], axis=1),
             h.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)]
    return save("columns", model(nodes, [value("age", ["N", 1]), value("income", ["N", 1]),
                                         value("region", ["N", 1], T.INT64)],
                                 [value("y", ["N", 2])], LINEAR))


def refused():
    x, y = value("x", ["N", 3]), value("y", ["N", 3])
    made = linear("external")
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = T.EXTERNAL
    tensor.external_data.add(key="location", value="secret.bin")
    save("external", made)
    body = h.make_graph([h.make_node("Identity", ["go"], ["again"]),
                         h.make_node("Identity", ["s"], ["t"])], "body",
                        [value("i", [], T.INT64), value("go", [], T.BOOL), value("s", ["N", 3])],
                        [value("again", [], T.BOOL), value("t", ["N", 3])])
    save("loop", model([h.make_node("Loop", ["", "yes", "x"], ["y"], body=body)], [x], [y],
                       [constant("yes", True, np.bool_)]))
    save("random", model([h.make_node("RandomUniformLike", ["x"], ["y"])], [x], [y]))
    save("custom", model([h.make_node("Mystery", ["x"], ["y"], domain="example")], [x], [y],
                         domains=["example"]))
    save("unknown", model([h.make_node("Mystery", ["x"], ["y"])], [x], [y]))
    made = model([h.make_node("Twice", ["x"], ["y"], domain="own")], [x], [y], domains=["own"])
    made.functions.append(h.make_function("own", "Twice", ["a"], ["b"],
                                          [h.make_node("Add", ["a", "a"], ["b"])],
                                          [h.make_opsetid("", 17)]))
    save("function", made)
    save("text", model([h.make_node("Identity", ["x"], ["y"])], [value("x", ["N", 1], T.STRING)],
                       [value("y", ["N", 1], T.STRING)]))
    save("mismatch", model([h.make_node("MatMul", ["x", "w"], ["y"])], [x], [value("y", ["N", 2])],
                           [constant("w", weights(4, 2))]))
    save("logarithm", model([h.make_node("Log", ["x"], ["y"])], [x], [y]))
    made = model(mlp()[0] + [h.make_node("ArgMax", ["p"], ["k"], axis=1, keepdims=0),
                             h.make_node("ZipMap", ["p"], ["maps"], domain="ai.onnx.ml",
                                         classlabels_int64s=[0, 1, 2])],
                 [value("x", ["N", 4])], [value("k", ["N"], T.INT64)], mlp()[1], ["ai.onnx.ml"])
    maps = h.make_value_info("maps", h.make_sequence_type_proto(h.make_map_type_proto(
        T.INT64, h.make_tensor_type_proto(T.FLOAT, []))))
    made.graph.output.append(maps)
    save("zipmap", made)
    save("two", model([h.make_node("Relu", ["x"], ["y"]), h.make_node("Tanh", ["x"], ["z"])], [x],
                      [y, value("z", ["N", 3])]))
    linear("fixed_four", rows=4)
    # A window of 2^62 steps, and an output of which nobody knows the width before it runs.
    last = [h.make_node("Shape", ["x"], ["s"]), h.make_node("Gather", ["s", "two"], ["last"]),
            h.make_node("Concat", ["minus", "last"], ["to"], axis=0),
            h.make_node("Reshape", ["x", "to"], ["y"])]
    save("endless", model(last, [value("x", ["N", 1 << 62, 4])], [value("y", ["M", "K"])],
                          [constant("two", [2], np.int64), constant("minus", [-1], np.int64)]))


def numbers(array):
    return " ".join(repr(float(v)) for v in np.asarray(array).ravel())


def write_answers(cases):
    """name, rows, numbers of all inputs row by row, numbers of the answers: four lines a case."""
    with open(os.path.join(HERE, "answers.txt"), "w") as file:
        for name, made, feed, result in cases:
            got = ReferenceEvaluator(made).run([result], feed)[0]
            count = len(got)
            rows = np.concatenate([v.reshape(count, -1) for v in feed.values()], axis=1)
            file.write(f"{name}\n{count}\n{numbers(rows)}\n{numbers(got)}\n")


def write_nodes():
    """name; inputs; of each input shape and numbers; shape and numbers of the last output."""
    with open(os.path.join(HERE, "nodes.txt"), "w") as file:
        for case in load_model_tests(kind="node"):
            if case.name not in NODES:
                continue
            made = case.model
            inputs, outputs = case.data_sets[0]
            with open(os.path.join(HERE, "nodes", case.name + ".onnx"), "wb") as target:
                target.write(made.SerializeToString())
            count = len(made.graph.input)
            assert len(inputs) == count and len(outputs) == len(made.graph.output)
            tensors = [np.asarray(t) for t in inputs] + [np.asarray(outputs[-1])]
            file.write(f"{case.name}\n{count}\n")
            for tensor in tensors:
                tensor = tensor.astype(np.float32)  # the model says so; numpy went on in double
                file.write(" ".join(map(str, tensor.shape)) + "\n" + numbers(tensor) + "\n")


def main():
    rows = lambda n, f: rng.normal(size=(n, f)).astype(np.float32)
    steps = rng.normal(size=(7, 6, 3)).astype(np.float32)
    nodes, constants = mlp()
    x, p = value("x", ["N", 4]), value("p", ["N", 3])
    cases = [
        ("linear", linear("linear"), {"x": rows(5, 3)}, "y"),
        ("linear_windows", windows(), {"x": steps}, "y"),
        ("mlp", save("mlp", model(nodes, [x], [p], constants)), {"x": rows(40, 4)}, "p"),
        ("lstm", recurrent("LSTM", 4), {"x": steps}, "y"),
        ("gru", recurrent("GRU", 3), {"x": steps}, "y"),
        ("columns", columns(), {"age": rows(6, 1), "income": rows(6, 1),
                                "region": rng.integers(0, 9, size=(6, 1))}, "y"),
        ("label", save("label", model(
            nodes + [h.make_node("ArgMax", ["p"], ["k"], axis=1, keepdims=0)], [x],
            [value("k", ["N"], T.INT64), p], constants)), {"x": rows(9, 4)}, "p"),
        ("open", linear("open", width=None), {"x": rows(3, 3)}, "y"),
        ("one", linear("one", rows=1), None, "y"),
        ("double", save("double", model(
            [h.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)], [value("x", ["N", 3], T.DOUBLE)],
            [value("y", ["N", 2], T.DOUBLE)],
            [constant("w", weights(2, 3), np.float64), constant("b", weights(2), np.float64)])),
         {"x": rng.normal(size=(4, 3))}, "y"),
        ("missing", save("missing", model(
            [h.make_node("IsNaN", ["x"], ["m"]), h.make_node("Where", ["m", "zero", "x"], ["z"]),
             h.make_node("Gemm", ["z", "w", "b"], ["y"], transB=1)], [value("x", ["N", 3])],
            [value("y", ["N", 2])], LINEAR + [constant("zero", 0.0)])),
         {"x": rows(4, 3)}, "y"),
    ]
    write_answers([c for c in cases if c[2] is not None])
    refused()
    write_nodes()


main()
