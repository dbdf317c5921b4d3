"""The LSTM of sequence_bench for the peers: weights, ONNX graphs, and PyTorch's own time.

    sequence_peers.py FOLDER    writes weights.f32, lstm_1.onnx, lstm_64.onnx, step.onnx
    sequence_peers.py --torch   prints PyTorch's microseconds a step as JSON lines; needs torch,
                                which the venv of the peers does not have (gigabytes)

128 units, 40 features, float32. Weights are drawn here, uniform in +-1/sqrt(128).
"""
import json
import os
import sys
import time

import numpy as np

UNITS, FEATURES, STEPS = 128, 40, 64


def weights():
    """W (features x 4 units), U (units x 4 units), b in the order i f g o, and a head."""
    rng = np.random.default_rng(7)
    bound = UNITS ** -0.5
    shapes = ((FEATURES, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,), (UNITS,), (1,))
    return [rng.uniform(-bound, bound, shape).astype(np.float32) for shape in shapes]


def write(folder):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    w, u, b, head, head_b = weights()
    np.concatenate([part.ravel() for part in (w, u, b, head, head_b)]).tofile(
        os.path.join(folder, "weights.f32"))

    def gates(part):
        """From i f g o in columns to ONNX's i o f c in rows."""
        i, f, g, o = np.split(part, 4, axis=-1)
        return np.ascontiguousarray(np.concatenate([i, o, f, g], axis=-1).T)[None]

    constants = [numpy_helper.from_array(gates(w), "W"), numpy_helper.from_array(gates(u), "R"),
                 numpy_helper.from_array(np.concatenate(
                     [gates(b)[0], np.zeros(4 * UNITS, np.float32)])[None], "B")]

    def tensor(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    for file, steps, batch in (("lstm_1", STEPS, 1), ("lstm_64", STEPS, 64), ("step", 1, 1)):
        streams = file == "step"
        inputs = [tensor("x", steps, batch, FEATURES)]
        outputs = [tensor("h_after", 1, batch, UNITS)]
        if streams:
            inputs += [tensor("h", 1, 1, UNITS), tensor("c", 1, 1, UNITS)]
            outputs += [tensor("c_after", 1, 1, UNITS)]
        node = helper.make_node("LSTM", ["x", "W", "R", "B"] + (["", "h", "c"] if streams else []),
                                ["", "h_after"] + (["c_after"] if streams else []),
                                hidden_size=UNITS)
        graph = helper.make_graph([node], file, inputs, outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
        model.ir_version = 8
        onnx.save(model, os.path.join(folder, file + ".onnx"))


def print_median(name, call, steps):
    times = []
    for _ in range(9):
        start, used, done = time.process_time(), 0, 0
        while used < 0.02:
            call()
            done += steps
            used = time.process_time() - start
        times.append(used / done)
    print(json.dumps({"name": name, "value": sorted(times)[4] * 1e6, "unit": "us/step"}))


def measure_torch():
    import torch
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    lstm = torch.nn.LSTM(FEATURES, UNITS)
    one, many = torch.randn(STEPS, 1, FEATURES), torch.randn(STEPS, 64, FEATURES)
    step, state = torch.randn(1, 1, FEATURES), (torch.zeros(1, 1, UNITS),) * 2
    print_median("lstm_128x40_batch_1_torch", lambda: lstm(one), STEPS)
    print_median("lstm_128x40_batch_64_torch", lambda: lstm(many), STEPS * 64)
    print_median("lstm_128x40_stream_torch", lambda: lstm(step, state), 1)


if sys.argv[1:] == ["--torch"]:
    measure_torch()
elif len(sys.argv) == 2:
    write(sys.argv[1])
else:
    sys.exit("usage: sequence_peers.py FOLDER | --torch")
