#!/usr/bin/env python3
"""Requests as real clients write them, for the tests of http/protocol/.

    python3 capture.py    with tritonclient[http] 2.73.0, mlflow-skinny and pandas installed

Writes <name>.request (the body's bytes) and, of those with binary tensors, <name>.length (the
value of Inference-Header-Content-Length). The columns are f0 to f4; the values are small fractions,
exact in FP32 as well. README.md has the versions that the stored files were made with.
"""
import os

import numpy as np
import pandas as pd
import tritonclient.http as http
from mlflow.utils.proto_json_utils import dump_input_data

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = np.array([[0.5, -1.25, 3.0, 0.0, 2.5], [np.nan, 7.75, -0.5, 1.0, -4.0],
                 [100.0, 0.125, 0.25, -8.0, 0.0]])
TYPE = {"FP64": np.float64, "FP32": np.float32, "INT32": np.int32}


def save(name, body, length=None):
    with open(os.path.join(HERE, name + ".request"), "wb") as file:
        file.write(body)
    if length is not None:
        with open(os.path.join(HERE, name + ".length"), "w") as file:
            file.write(str(length))


def tensor(name, array, datatype, binary):
    made = http.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array.astype(TYPE[datatype]), binary_data=binary)
    return made


def triton(name, inputs, **more):
    body, length = http.InferenceServerClient.generate_request_body(inputs, **more)
    save(name, body, length)


def main():
    whole = np.nan_to_num(ROWS)
    triton("triton_binary", [tensor("input", ROWS, "FP64", True)], request_id="42")
    triton("triton_float", [tensor("input", ROWS, "FP32", True)])
    triton("triton_json", [tensor("input", whole, "FP64", False)], request_id="a/b",
           outputs=[http.InferRequestedOutput("prediction", binary_data=False)], priority=2,
           timeout=5000000)
    triton("triton_mixed", [tensor("f%d" % i, whole[:, i], "FP64", i % 2 == 0) for i in range(5)],
           outputs=[http.InferRequestedOutput("prediction", binary_data=True)])
    triton("triton_columns", [tensor("f%d" % i, whole[:, [i]], "FP32", True)
                              for i in (4, 2, 0, 1, 3)])
    windows = np.arange(3 * 4 * 2, dtype=np.float64).reshape(3, 4, 2) / 8
    triton("triton_windows", [tensor("input", whole, "FP64", True),
                              tensor("windows", windows, "FP64", False)])

    frame = pd.DataFrame(ROWS, columns=["f%d" % i for i in range(5)])
    save("mlflow_frame", dump_input_data(frame).encode())
    save("mlflow_array", dump_input_data(whole).encode())
    save("mlflow_csv", frame.to_csv(index=False).encode())


if __name__ == "__main__":
    main()
