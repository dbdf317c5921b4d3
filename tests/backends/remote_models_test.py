#!/usr/bin/env python3
"""`almanac predict` with remote members against servers on loopback, written from the protocols.

The servers here share no code with almanac: KServe v2, TensorFlow Serving and TorchServe from their
documentation, in Python's standard library. Then what servers do wrong: slow, busy, gone, cut off,
huge, of another shape, with another certificate.
"""
import csv
import http.server
import io
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ALMANAC = os.environ["ALMANAC"]
ROWS = [[1, 2, 4], [0.5, -1, 0], [-3, 0.25, 8]]
failures = []


def line(row):
    return [10 + row[0] - 2 * row[1] + row[2] / 2, -4 + row[0] / 4 + 3 * row[1] - row[2]]


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = {}

    def log_message(self, *_):
        pass

    def reply(self, status, value, headers=()):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parts = self.path.strip("/").split("/")
        fault = parts.pop(0)
        count = self.state[fault] = self.state.get(fault, 0) + 1
        handler = getattr(self, "fault_" + fault, None)
        if handler is None or not handler(count):
            self.answer(parts, request)

    def answer(self, parts, request):
        if parts[0] == "v2":
            assert parts[1:3] == ["models", "line"] and parts[-1] == "infer", parts
            tensor = request["inputs"][0]
            count, columns = tensor["shape"]
            assert tensor["datatype"] in ("FP32", "FP64") and tensor["name"] == "rows"
            assert len(tensor["data"]) == count * columns
            rows = [tensor["data"][i * columns:(i + 1) * columns] for i in range(count)]
            data = [value for row in rows for value in line(row)]
            self.reply(200, {"model_name": "line", "model_version": parts[-2] if len(parts) > 4
                             else "1", "outputs": [{"name": "y", "shape": [count, 2],
                                                    "datatype": "FP64", "data": data}]})
        elif parts[0] == "v1" and "inputs" in request:
            self.reply(200, {"outputs": [line(row) for row in request["inputs"]]})
        else:
            assert parts[0] in ("v1", "predictions"), parts
            assert parts[-1] in ("line:predict", "line", "7", "7:predict"), parts
            self.reply(200, {"predictions": [line(row) for row in request["instances"]]})

    # Each returns True when it has answered itself.
    def fault_slow(self, _count):
        time.sleep(100)
        return True

    def fault_once(self, count):
        if count == 1:
            self.reply(503, {"error": "loading"}, [("Retry-After", "0")])
            return True

    def fault_always(self, _count):
        self.reply(503, {"error": "down\nfor good"})
        return True

    def fault_cut(self, _count):
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b'{"predictions": [')
        self.close_connection = True
        return True

    def fault_shape(self, _count):
        self.reply(200, {"predictions": [[1, 2, 3]] * len(ROWS)})
        return True

    def fault_nan(self, _count):
        self.reply(200, b'{"predictions": [[NaN, 1], [1, 1], [1, 1]]}')
        return True

    def fault_huge(self, _count):
        self.reply(200, b'{"predictions": [' + b" " * 200000 + b"]}")
        return True

    def fault_token(self, _count):
        given = self.headers["Authorization"]
        if given != "Bearer open-sesame":
            self.reply(403, {"error": "who is " + str(given) + "?"})
            return True


def start(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # clients that go away are what is tested
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def predict(folder, url, environment=None, **remote):
    document = {"protocol": "tensorflow_serving", "url": url, "model": "line", "version": None,
                "outputs": 2, "deadline_ms": 60000, **remote}
    scorer = {"almanac_scorer": 1, "task": "value", "horizons": [
        {"name": name, "members": [{"name": "m", "columns": ["a", "b", "c"], "output": i,
                                    "remote": document}]} for i, name in enumerate(["p", "q"])]}
    with open(os.path.join(folder, "scorer.json"), "w") as file:
        json.dump(scorer, file)
    with open(os.path.join(folder, "rows.csv"), "w") as file:
        file.write("a,b,c\n" + "".join(",".join(map(str, row)) + "\n" for row in ROWS))
    began = time.monotonic()
    done = subprocess.run([ALMANAC, "predict", "--model", ".", "rows.csv"], cwd=folder,
                          capture_output=True, text=True, timeout=300,
                          env={**os.environ, "http_proxy": "http://127.0.0.1:9",
                               **(environment or {})})
    return done, time.monotonic() - began


def check(what, condition, done):
    if not condition:
        failures.append(f"{what}: exit {done.returncode}\n{done.stdout}{done.stderr}")


def right(what, folder, url, **more):
    done, _ = predict(folder, url, **more)
    rows = list(csv.reader(io.StringIO(done.stdout)))[1:]
    got = [[float(value) for value in row] for row in rows]
    check(what, done.returncode == 0 and got == [line(row) for row in ROWS], done)
    check(what, "remote" in done.stderr, done)


def wrong(what, folder, url, says, longest_s=60.0, **more):
    done, seconds = predict(folder, url, **more)
    check(what, done.returncode != 0 and says in done.stderr and not done.stdout, done)
    check(what, "Traceback" not in done.stderr and "open-sesame" not in done.stderr, done)
    check(f"{what} took {seconds:.1f} s", seconds < longest_s, done)


def protocols(folder, base):
    kserve = {"protocol": "kserve_v2", "input": "rows"}
    right("kserve", folder, base + "/fine", **kserve)
    right("kserve, version", folder, base + "/fine", version="7", output="y", datatype="FP64",
          **kserve)
    right("tensorflow, rows", folder, base + "/fine")
    right("tensorflow, columns", folder, base + "/fine", by_column=True)
    right("torchserve", folder, base + "/fine", protocol="torchserve", version="7")


def faults(folder, base):
    right("503, then an answer", folder, base + "/once")
    wrong("503 for good", folder, base + "/always", "(3 attempts): status 503: down")
    wrong("slow", folder, base + "/slow", "no answer within 300 ms", deadline_ms=300)
    wrong("cut off", folder, base + "/cut", "model line at " + base + "/cut: ")
    wrong("shape", folder, base + "/shape", "answer 1: it is no list of 2 numbers")
    wrong("NaN", folder, base + "/nan", "the answer")
    wrong("huge", folder, base + "/huge", "more than 102400 bytes", response_kib_max=100)
    right("token", folder, base + "/token", environment={"T": "open-sesame"},
          token={"environment": "T"})
    wrong("another token", folder, base + "/token", "status 403", environment={"T": "guess"},
          token={"environment": "T"})
    wrong("token repeated", folder, base + "/token", "repeats the token",
          environment={"T": "x-open-sesame"}, token={"environment": "T"})
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        wrong("dead port", folder, f"http://127.0.0.1:{nobody.getsockname()[1]}", "attempts): ")


def certificates(folder):
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    port = start(context)
    right("own authority", folder, f"https://127.0.0.1:{port}/fine", ca_file=certificate)
    says = "the server's certificate is not for this host"
    wrong("unknown authority", folder, f"https://127.0.0.1:{port}/fine", says)
    wrong("another host", folder, f"https://localhost:{port}/fine", says, ca_file=certificate)


def main():
    with tempfile.TemporaryDirectory() as folder:
        base = f"http://127.0.0.1:{start()}"
        protocols(folder, base)
        faults(folder, base)
        certificates(folder)
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


main()
