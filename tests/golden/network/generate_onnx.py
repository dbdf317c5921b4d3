"""Recurrent nets with the outputs that ONNX defines, as text: onnx_recurrent.txt.

    python3 generate_onnx.py FOLDER > onnx_recurrent.txt       (onnx 1.23.2, numpy 2.4.6)

FOLDER holds one-node models with their data (test_lstm_defaults/model.onnx, ...) as the ONNX
project publishes them; their weights are all alike, so cases with random weights are added, whose
outputs are those of onnx.reference. A case is its name, `kind units flags batch steps features`,
then one line each for X (batch x steps x features), W, R, B, P as almanac lays them out (network.h:
k-major, gates i f g o or r z n) and the last hidden values (batch x units).
"""
import os
import sys

import numpy
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

PUBLISHED = ("lstm_defaults", "lstm_with_initial_bias", "lstm_with_peepholes", "gru_defaults",
             "gru_with_initial_bias")
LSTM = (0, 2, 3, 1)  # ONNX gates i o f c -> i f g o
GRU = (1, 0, 2)      # ONNX gates z r h -> r z n


def rows(matrix, order):
    """(gates x units) x inputs -> inputs x gates x units, gates reordered."""
    gates = numpy.split(matrix, len(order))
    return numpy.concatenate([gates[g] for g in order]).T


def show(name, node, inputs, hidden):
    lstm = node.op_type == "LSTM"
    order = LSTM if lstm else GRU
    units = inputs["R"].shape[2]
    after = any(a.name == "linear_before_reset" and a.i for a in node.attribute)
    peephole = "P" in inputs
    flags = int(peephole) if lstm else int(not after)
    x = numpy.transpose(inputs["X"], (1, 0, 2))
    bias = inputs.get("B", numpy.zeros((1, 2 * len(order) * units), numpy.float32))[0]
    first, second = numpy.split(bias, 2)
    first = numpy.concatenate([numpy.split(first, len(order))[g] for g in order])
    second = numpy.concatenate([numpy.split(second, len(order))[g] for g in order])
    parts = [x, rows(inputs["W"][0], order), rows(inputs["R"][0], order)]
    if lstm:
        parts.append(first + second)
        i, o, f = numpy.split(inputs["P"][0], 3) if peephole else [numpy.zeros(0)] * 3
        parts.append(numpy.concatenate([i, f, o]))
    else:
        parts += [first, second]
    print(name)
    print("lstm" if lstm else "gru", units, flags, *x.shape)
    for values in parts + [hidden.reshape(x.shape[0], units)]:
        print(*(repr(float(v)) for v in numpy.asarray(values, numpy.float32).ravel()))


def published(folder, name):
    case = os.path.join(folder, "test_" + name)
    node = onnx.load(os.path.join(case, "model.onnx")).graph.node[0]

    def tensor(file):
        with open(os.path.join(case, "test_data_set_0", file), "rb") as data:
            return numpy_helper.to_array(onnx.TensorProto.FromString(data.read()))
    inputs = {n: tensor(f"input_{k}.pb") for k, n in enumerate(node.input)}
    show(name, node, inputs, tensor("output_0.pb"))


def random(name, kind, seed, **options):
    draw = numpy.random.default_rng(seed)
    peephole = options.pop("peephole", False)
    steps, batch, features, units = 7, 2, 3, 4
    gates = 4 if kind == "LSTM" else 3
    shapes = {"X": (steps, batch, features), "W": (1, gates * units, features),
              "R": (1, gates * units, units), "B": (1, 2 * gates * units)}
    if peephole:
        shapes["P"] = (1, 3 * units)
    inputs = {n: draw.uniform(-1, 1, s).astype(numpy.float32) for n, s in shapes.items()}
    names = ["X", "W", "R", "B"] + (["", "", "", "P"] if peephole else [])
    node = helper.make_node(kind, names, ["", "Y_h"], hidden_size=units, **options)
    values = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s)
              for n, s in shapes.items()]
    out = helper.make_tensor_value_info("Y_h", onnx.TensorProto.FLOAT, (1, batch, units))
    model = helper.make_model(helper.make_graph([node], name, values, [out]),
                              opset_imports=[helper.make_opsetid("", 14)])
    show(name, node, inputs, ReferenceEvaluator(model).run(None, inputs)[0])


for case in PUBLISHED:
    published(sys.argv[1], case)
random("lstm_random", "LSTM", 1)
random("lstm_peepholes_random", "LSTM", 2, peephole=True)
random("gru_reset_after_random", "GRU", 3, linear_before_reset=1)
random("gru_reset_before_random", "GRU", 4, linear_before_reset=0)
