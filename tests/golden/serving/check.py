#!/usr/bin/env python3
"""Real clients against a running server; run by hand where they are installed.

    almanac serve --development --model m=tests/golden/forest/lgb_multiclass.txt --port 3003 &
    python3 check.py http://127.0.0.1:3003

tritonclient[http]: health, metadata, index, binary and JSON tensors, statistics, unload and load.
MLflow: its scoring client. Prints one line for each.
"""
import sys

import numpy as np
import pandas as pd
import tritonclient.http as http
from mlflow.pyfunc.scoring_server.client import ScoringServerClient


def triton(host):
    client = http.InferenceServerClient(host)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("m")
    facts = client.get_model_metadata("m")
    columns = facts["inputs"][0]["parameters"]["columns"]
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert client.get_model_repository_index()[0]["state"] == "READY"
    rows = np.linspace(-2, 2, 3 * len(columns)).reshape(3, -1)
    answers = []
    for binary in (True, False):
        tensor = http.InferInput("input", list(rows.shape), "FP64")
        tensor.set_data_from_numpy(rows, binary_data=binary)
        wanted = [http.InferRequestedOutput(name, binary_data=binary)
                  for name in ("class", "probability", "confidence")]
        reply = client.infer("m", [tensor], outputs=wanted, request_id="7", model_version="1")
        assert reply.get_response()["id"] == "7"
        answers.append([reply.as_numpy(o.name()) for o in wanted])
    for one, other in zip(*answers):
        assert np.array_equal(one, other) and len(one) == 3
    assert answers[0][1].shape == (3, len(facts["outputs"][1]["parameters"]["labels"]))
    tensors = []
    for i, name in enumerate(columns):
        tensor = http.InferInput(name, [3], "FP64")
        tensor.set_data_from_numpy(rows[:, i].copy())
        tensors.append(tensor)
    assert np.array_equal(client.infer("m", tensors).as_numpy("probability"), answers[0][1])
    assert client.get_inference_statistics("m")["model_stats"][0]["inference_count"] >= 9
    client.unload_model("m")
    assert not client.is_model_ready("m")
    client.load_model("m")
    assert client.is_model_ready("m")
    return columns, rows, answers[0][1]


def main():
    url = sys.argv[1]
    columns, rows, expected = triton(url.split("//", 1)[1])
    print("tritonclient: the same bits in every form")
    host, port = url.split("//", 1)[1].rsplit(":", 1)
    client = ScoringServerClient(host, int(port))
    client.ping()
    found = client.invoke(pd.DataFrame(rows, columns=columns)).get_predictions()
    assert np.array_equal(found.to_numpy(), expected)
    frame = pd.DataFrame(rows, columns=columns)
    frame.iloc[1, 2] = np.nan
    assert len(client.invoke(frame).get_predictions()) == 3
    print("MLflow: the same bits")


if __name__ == "__main__":
    main()
