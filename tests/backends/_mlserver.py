#!/usr/bin/env python3
"""The KServe v2 client against MLServer, by hand: not part of the test suite, for its 60 packages.

    python3 -m venv v && v/bin/pip install mlserver==1.7.1
    ALMANAC=build/release/bin/almanac v/bin/python tests/backends/_mlserver.py
"""
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

MODEL = '''
import numpy
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Line(MLModel):
    async def load(self):
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        x = NumpyCodec.decode_input(payload.inputs[0])
        y = x @ numpy.array([[1, 0.25], [-2, 3], [0.5, -1]], dtype=x.dtype)
        y = y + numpy.array([10, -4], dtype=x.dtype)
        return InferenceResponse(model_name=self.name, model_version=self.version,
                                 outputs=[NumpyCodec.encode_output("y", y)])
'''
PORT = 18321
ROWS = [[1, 2, 4], [0.5, -1, 0], [-3, 0.25, 8]]


def write(folder, name, content):
    with open(os.path.join(folder, name), "w") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))


def wait_ready():
    for _ in range(120):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/v2/models/line/ready", timeout=1)
            return
        except OSError:
            time.sleep(0.5)
    sys.exit("MLServer did not get ready")


def predict(folder, **remote):
    document = {"protocol": "kserve_v2", "url": f"http://127.0.0.1:{PORT}", "model": "line",
                "version": "v7", "input": "rows", "outputs": 2, "deadline_ms": 20000, **remote}
    write(folder, "scorer.json", {"almanac_scorer": 1, "task": "value", "horizons": [
        {"name": "h", "members": [{"name": "m", "columns": ["a", "b", "c"], "remote": document}]}]})
    write(folder, "rows.csv", "a,b,c\n" + "".join(",".join(map(str, r)) + "\n" for r in ROWS))
    return subprocess.run([os.path.abspath(os.environ["ALMANAC"]), "predict", "--model", ".",
                           "rows.csv"], cwd=folder, capture_output=True, text=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "line_model.py", MODEL)
        write(folder, "settings.json", {"host": "127.0.0.1", "http_port": PORT,
                                        "grpc_port": PORT + 1, "metrics_port": PORT + 2,
                                        "parallel_workers": 0})
        write(folder, "model-settings.json", {"name": "line", "implementation": "line_model.Line",
                                              "parameters": {"version": "v7"}})
        server = subprocess.Popen([os.path.join(os.path.dirname(sys.executable), "mlserver"),
                                   "start", folder], env={**os.environ, "PYTHONPATH": folder})
        try:
            wait_ready()
            for datatype in ("FP32", "FP64"):
                done = predict(folder, datatype=datatype)
                got = [float(row[0]) for row in list(csv.reader(io.StringIO(done.stdout)))[1:]]
                assert got == [10 + r[0] - 2 * r[1] + r[2] / 2 for r in ROWS], (done, got)
            done = predict(folder, model="other")
            assert done.returncode == 4 and "status 404" in done.stderr, done
            print(done.stderr)
            done = predict(folder, version="v8")
            assert done.returncode != 0 and "v8" in done.stderr, done
            print(done.stderr)
        finally:
            server.terminate()
            server.wait()
    print("MLServer: right")


main()
