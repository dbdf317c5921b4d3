"""The service beside the bare HTTP library and FastAPI, in one run: `bench/run serve`.

    python serve_bench.py BUILD/bin FOLDER

One server core, one core for the load, loopback, keep-alive. The model is a LightGBM forest of 500
trees and 31 leaves over 40 features; requests differ; a signed token is verified, limits and
records are on. Prints one {"name","value","unit"} a line; docs/benchmarks.md explains them. Needs
the `openssl` command for the token and the Python package lightgbm for the forest."""
import base64
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

PROGRAMS, FOLDER = sys.argv[1:3]
HERE = os.path.dirname(os.path.abspath(__file__))
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
ROUNDS = 3
SECONDS = float(os.environ.get("BENCH_SERVE_SECONDS", "5"))
CONNECTIONS = 16
COLUMNS = 40
COLD_STARTS = 11
INFER = "/v2/models/model/infer"


def put(name, value, unit):
    print(json.dumps({"name": name, "value": float(f"{value:.6g}"), "unit": unit}), flush=True)


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


def train():
    """The forest, once."""
    path = os.path.join(FOLDER, "model.txt")
    if not os.path.exists(path):
        import lightgbm
        import numpy
        random = numpy.random.default_rng(1)
        rows = random.uniform(-100, 100, (20000, COLUMNS))
        target = (rows[:, 0] * (rows[:, 1] > 0) + 10 * numpy.sin(rows[:, 2] / 20) +
                  rows[:, 3:9].sum(1))
        lightgbm.train({"objective": "regression", "num_leaves": 31, "num_threads": 1, "seed": 1,
                        "deterministic": True, "verbose": -1},
                       lightgbm.Dataset(rows, target), 500).save_model(path + ".new")
        os.replace(path + ".new", path)
    return path


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words, given=b""):
    return subprocess.run(["openssl", *words], input=given, stdout=subprocess.PIPE, check=True,
                          stderr=subprocess.DEVNULL).stdout


def make_token():
    """A key, its set for the server, and a token signed with it (EdDSA)."""
    key = os.path.join(FOLDER, "key.pem")
    openssl("genpkey", "-algorithm", "ed25519", "-out", key)
    public = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")[-32:]
    with open(os.path.join(FOLDER, "jwks.json"), "w", encoding="utf-8") as file:
        json.dump({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1", "alg": "EdDSA",
                             "use": "sig", "x": base64url(public)}]}, file)
    head = base64url(json.dumps({"alg": "EdDSA", "kid": "1", "typ": "JWT"}).encode())
    claims = base64url(json.dumps({"iss": "bench", "aud": "almanac", "sub": "load",
                                   "exp": int(time.time()) + 86400,
                                   "scope": "almanac:admin"}).encode())
    signed = f"{head}.{claims}".encode()
    message = os.path.join(FOLDER, "message")
    with open(message, "wb") as file:
        file.write(signed)
    signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message)
    return f"{signed.decode()}.{base64url(signature)}"


def write_settings():
    path = os.path.join(FOLDER, "serve.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("access:\n  tokens:\n    keys: jwks.json\n    issuer: bench\n"
                   "    audience: almanac\n  limits:\n    requests_per_minute: 1000000\n")
    return path


class Server:
    """A process on the server's core; `port` once it listens."""

    def __init__(self, command, find_port):
        self.child = subprocess.Popen(command, preexec_fn=pinned(SERVER_CORE), cwd=FOLDER,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        self.port = find_port(self.child)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def bare():
    return Server([os.path.join(PROGRAMS, "serve_bare_bench")],
                  lambda child: int(child.stdout.readline()))


def port_of_note(child):
    for line in child.stderr:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if found:
            return int(found.group(1))
    sys.exit("serve_bench.py: almanac serve did not start")


def almanac(model, settings):
    return Server([os.path.join(PROGRAMS, "almanac"), "serve", "--model", model, "--settings",
                   settings, "--port", "0", "--workers", "1"], port_of_note)


def fastapi(model):
    def wait(_):
        for _ in range(300):
            try:
                http.client.HTTPConnection("127.0.0.1", 3199, timeout=1).connect()
                return 3199
            except OSError:
                time.sleep(.1)
        sys.exit("serve_bench.py: FastAPI did not start")
    return Server([sys.executable, os.path.join(HERE, "serve_peer.py"), model, "3199"], wait)


def load(port, path, *words, token=None, seconds=SECONDS):
    header = ["--header", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(
        [os.path.join(PROGRAMS, "serve_load_bench"), "--port", str(port), "--path", path,
         "--connections", str(CONNECTIONS), "--seconds", str(seconds), "--columns",
         str(COLUMNS), *words, *header],
        stdout=subprocess.PIPE, text=True, check=True, preexec_fn=pinned(LOAD_CORE))
    result = json.loads(done.stdout)
    if result["errors"]:
        sys.exit(f"serve_bench.py: {result['errors']} errors of {result['requests']} requests")
    return result


def first_answer(port, body, token):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", INFER, body, {"Content-Type": "application/json",
                                             "Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"serve_bench.py: {answer.status} {answer.read()}")
    answer.read()


def cold_starts(model, settings, token):
    body = json.dumps({"inputs": [{"name": "input", "shape": [1, COLUMNS], "datatype": "FP64",
                                   "data": [1.5] * COLUMNS}]})
    times = []
    for _ in range(COLD_STARTS):
        start = time.monotonic()
        with almanac(model, settings) as server:
            first_answer(server.port, body, token)
            times.append(1000 * (time.monotonic() - start))
    put("serve_cold_start_ms", statistics.median(times), "ms")


def closed_rounds(model, settings, token, has_fastapi):
    """Requests a second, servers in turn."""
    rates = {"bare": [], "serve": [], "fastapi": []}
    for _ in range(ROUNDS):
        with bare() as server:
            rates["bare"].append(load(server.port, "/")["rate"])
        with almanac(model, settings) as server:
            rates["serve"].append(load(server.port, INFER, token=token)["rate"])
        if has_fastapi:
            with fastapi(model) as server:
                answered = load(server.port, "/predict", "--form", "instances")
                rates["fastapi"].append(answered["rate"])
    ours = statistics.median(rates["serve"])
    put("serve_predictions_per_second", ours, "1/s")
    put("bare_requests_per_second", statistics.median(rates["bare"]), "1/s")
    put("serve_vs_bare_http", statistics.median(
        [a / b for a, b in zip(rates["serve"], rates["bare"])]), "ratio")
    if has_fastapi:
        put("fastapi_requests_per_second", statistics.median(rates["fastapi"]), "1/s")
        put("serve_vs_fastapi", statistics.median(
            [a / b for a, b in zip(rates["serve"], rates["fastapi"])]), "ratio")
    return ours


def put_latency(name, result):
    put(f"serve_median_ms_{name}", result["median_us"] / 1000, "ms")
    put(f"serve_p95_ms_{name}", result["p95_us"] / 1000, "ms")
    put(f"serve_p99_ms_{name}", result["p99_us"] / 1000, "ms")
    put(f"serve_p999_ms_{name}", result["p999_us"] / 1000, "ms")


def reload_for(port, token, seconds):
    """Loads the model again and again; how often."""
    count = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/v2/repository/models/model/load", "{}",
                           {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"serve_bench.py: load: {answer.status}")
        count += 1
        time.sleep(.2)
    return count


def open_rounds(model, settings, token, rate):
    with almanac(model, settings) as server:
        words = ["--rate", str(rate)]
        quiet = load(server.port, INFER, *words, token=token)
        put_latency("at_70pct", quiet)
        child = os.fork()
        if child == 0:
            os.sched_setaffinity(0, {LOAD_CORE})
            reload_for(server.port, token, SECONDS)
            os._exit(0)
        swapped = load(server.port, INFER, *words, token=token)
        os.waitpid(child, 0)
        put_latency("with_swaps", swapped)
        put("serve_p99_swaps_over_quiet", swapped["p99_us"] / quiet["p99_us"], "ratio")
        batch = load(server.port, INFER, "--rows", "100", token=token)
        put("serve_batch_100_predictions_per_second", 100 * batch["rate"], "1/s")


def main():
    os.makedirs(FOLDER, exist_ok=True)
    model, token, settings = train(), make_token(), write_settings()
    try:
        import fastapi as _
        import uvicorn as _
        has_fastapi = True
    except ImportError:
        has_fastapi = False
    ours = closed_rounds(model, settings, token, has_fastapi)
    open_rounds(model, settings, token, .7 * ours)
    cold_starts(model, settings, token)


main()
