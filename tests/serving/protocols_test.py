#!/usr/bin/env python3
"""Every protocol of `almanac serve` gives the numbers that `almanac predict` prints for the same
rows, to the last digit, while the model is loaded again and again."""
import csv
import io
import json
import os
import struct
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

from _server import ALMANAC, Server

MODEL = os.path.join("tests", "golden", "forest", "lgb_multiclass.txt")


def features():
    with open(MODEL) as file:
        for line in file:
            if line.startswith("feature_names="):
                return line.split("=", 1)[1].split()
    raise AssertionError("no names")


def ask(url, body=None, **headers):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def predicted(rows, names):
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([["" if v is None else repr(v) for v in row] for row in rows])
        file.flush()
        text = subprocess.run([ALMANAC, "predict", "--model", MODEL, file.name], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return [[float(v) for v in row] for row in list(csv.reader(io.StringIO(text)))[1:]]


def check_answers(url, rows, names, expected):
    count, width = len(rows), len(names)
    flat = [v for row in rows for v in row]
    tensor = {"name": "input", "shape": [count, width], "datatype": "FP64", "data": flat}
    status, headers, body = ask(url + "/v2/models/m/infer", {"inputs": [tensor]})
    assert status == 200, body
    assert "unapproved" in headers["X-Almanac-Notice"]
    reply = json.loads(body)
    assert reply["parameters"]["approved"] is False
    outputs = {o["name"]: o for o in reply["outputs"]}
    assert outputs["probability"]["data"] == [v for row in expected for v in row]

    head = json.dumps({"inputs": [{"name": "input", "shape": [count, width], "datatype": "FP64",
                                   "parameters": {"binary_data_size": 8 * len(flat)}}],
                       "outputs": [{"name": "probability", "parameters": {"binary_data": True}}]})
    binary = b"".join(struct.pack("<d", float("nan") if v is None else v) for v in flat)
    status, headers, body = ask(url + "/v2/models/m/versions/1/infer", head.encode() + binary,
                                Inference_Header_Content_Length=str(len(head)))
    assert status == 200, body
    size = int(headers["Inference-Header-Content-Length"])
    values = struct.unpack("<%dd" % (count * len(expected[0])), body[size:])
    assert list(values) == [v for row in expected for v in row]

    records = [dict(zip(names, row)) for row in rows]
    for path, sent in (("/invocations", {"dataframe_records": records}),
                       ("/invocations", {"dataframe_split": {"columns": names, "data": rows}}),
                       ("/v1/models/m:predict", {"instances": rows})):
        status, _, body = ask(url + path, sent, Content_Type="application/json")
        assert status == 200, body
        assert json.loads(body)["predictions"] == expected, path


def check_reloading(url, rows, expected):
    failures = []

    def reload():
        for _ in range(20):
            status, _, body = ask(url + "/v2/repository/models/m/load", b"{}")
            if status not in (200, 409):
                failures.append(body)

    threads = [threading.Thread(target=reload) for _ in range(2)]
    for thread in threads:
        thread.start()
    asked = 0
    while any(thread.is_alive() for thread in threads) or asked < 50:
        _, _, body = ask(url + "/v1/models/m:predict", {"instances": rows[:3]})
        assert json.loads(body)["predictions"] == expected[:3], body
        asked += 1
    assert not failures, failures


def main():
    names = features()
    rows = [[((i * 37 + k * 11) % 97) / 13 - 3 if (i + k) % 9 else None
             for k in range(len(names))] for i in range(300)]
    expected = predicted(rows, names)
    with Server("--model", "m=" + MODEL) as url:
        check_answers(url, rows, names, expected)
        check_reloading(url, rows, expected)
        status, _, body = ask(url + "/v2/models/m/stats")
        assert status == 200 and json.loads(body)["model_stats"][0]["inference_count"] >= 0
        status, _, body = ask(url + "/v2/repository/models/m/unload", b"")
        assert status == 200, body
        status, _, body = ask(url + "/v1/models/m:predict", {"instances": rows[:1]})
        assert status == 503 and "unloaded" in json.loads(body)["error"], body


if __name__ == "__main__":
    main()
