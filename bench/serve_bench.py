"""The service beside the bare HTTP library and FastAPI, in one run: `bench/run serve`.

    python serve_bench.py BUILD/bin FOLDER

One server core, one core for the load, loopback, keep-alive. The model is a LightGBM forest of 500
trees and 31 leaves over 40 features; requests differ; a signed token is verified, limits and
records are on. The bare library reads the same bytes and sends the same ones back. Prints one
{"name","value","unit"} a line; docs/benchmarks.md explains them. Needs the `openssl` command for
the token and the Python package lightgbm for the forest."""
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
OWN_ROUNDS = 9  # of the event loop on a core of its own
SECONDS = float(os.environ.get("BENCH_SERVE_SECONDS", "5"))
CONNECTIONS = 16
COLUMNS = 40
COLD_STARTS = 11
INFER = "/v2/models/model/infer"


def put(name, value, unit):
    print(json.dumps({"name": name, "value": float(f"{value:.6g}"), "unit": unit}), flush=True)


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


def may_be_realtime():
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        return True
    except PermissionError:
        return False


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


def write_settings(name, realtime):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"listen:\n  realtime: {str(realtime).lower()}\n"
                   "access:\n  tokens:\n    keys: jwks.json\n    issuer: bench\n"
                   "    audience: almanac\n  limits:\n    requests_per_minute: 1000000\n")
    return path


class Server:
    """A process on the server's core; `port` once it listens."""

    def __init__(self, command, find_port):
        self.child = subprocess.Popen(command, preexec_fn=pinned(SERVER_CORE), cwd=FOLDER,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        self.port = find_port(self.child)

    def cpu_seconds(self):
        """Processor time of all its threads so far."""
        with open(f"/proc/{self.child.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def loops(self):
        """Files that tell how long its event loops waited for a processor that others had."""
        tasks = f"/proc/{self.child.pid}/task"
        found = []
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/comm", encoding="ascii") as file:
                if file.read().startswith(("http", "MHD")):
                    found += ["--schedstat", f"{tasks}/{task}/schedstat"]
        return found

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


def bare(reply):
    return Server([os.path.join(PROGRAMS, "serve_bare_bench"), *reply],
                  lambda child: int(child.stdout.readline()))


def port_of_note(child):
    for line in child.stderr:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if found:
            return int(found.group(1))
    sys.exit("serve_bench.py: almanac serve did not start")


def almanac(model, settings, *words):
    return Server([os.path.join(PROGRAMS, "almanac"), "serve", "--model", model, "--settings",
                   settings, "--port", "0", "--workers", "1", *words], port_of_note)


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


def load(port, path, *words, token=None, connections=CONNECTIONS):
    header = ["--header", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(
        [os.path.join(PROGRAMS, "serve_load_bench"), "--port", str(port), "--path", path,
         "--connections", str(connections), "--seconds", str(SECONDS), "--columns",
         str(COLUMNS), *words, *header],
        stdout=subprocess.PIPE, text=True, check=True, preexec_fn=pinned(LOAD_CORE))
    result = json.loads(done.stdout)
    if result["errors"]:
        sys.exit(f"serve_bench.py: {result['errors']} errors of {result['requests']} requests")
    return result


def timed_load(server, path, *words, **how):
    """The same, and `cpu_us`: processor time of the server for each answer."""
    before = server.cpu_seconds()
    result = load(server.port, path, *words, **how)
    result["cpu_us"] = 1e6 * (server.cpu_seconds() - before) / result["answers"]
    return result


def ask(port, path, body, token):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST" if body else "GET", path, body,
                       {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"serve_bench.py: {answer.status} {answer.read()}")
    return answer.getheaders(), answer.read().decode()


def one_row():
    return json.dumps({"inputs": [{"name": "input", "shape": [1, COLUMNS], "datatype": "FP64",
                                   "data": [1.5] * COLUMNS}]})


def reply_of(model, settings, token):
    """What the service sends for one row, as the bare library is told to."""
    with almanac(model, settings) as server:
        headers, body = ask(server.port, INFER, one_row(), token)
    words = [body]
    for name, value in headers:
        if name not in ("Date", "Content-Length", "Connection"):
            words += [name, value]
    return words


def cold_starts(model, settings, token):
    times = []
    for _ in range(COLD_STARTS):
        start = time.monotonic()
        with almanac(model, settings) as server:
            ask(server.port, INFER, one_row(), token)
            times.append(1000 * (time.monotonic() - start))
    put("serve_cold_start_ms", statistics.median(times), "ms")


def median_of(rounds, key):
    return statistics.median([result[key] for result in rounds])


def median_ratio(ours, theirs, key):
    return statistics.median([a[key] / b[key] for a, b in zip(ours, theirs)])


def closed_rounds(model, settings, token, reply, has_fastapi):
    """Requests a second, servers in turn; ours and theirs."""
    theirs, ours, fast = [], [], []
    for _ in range(ROUNDS):
        with bare(reply) as server:
            theirs.append(timed_load(server, INFER, token=token))
        with almanac(model, settings) as server:
            ours.append(timed_load(server, INFER, token=token))
        if has_fastapi:
            with fastapi(model) as server:
                fast.append(timed_load(server, "/predict", "--form", "instances"))
    put("serve_predictions_per_second", median_of(ours, "rate"), "1/s")
    put("serve_cpu_us", median_of(ours, "cpu_us"), "us")
    put("bare_requests_per_second", median_of(theirs, "rate"), "1/s")
    put("bare_cpu_us", median_of(theirs, "cpu_us"), "us")
    put("serve_vs_bare_http", median_ratio(ours, theirs, "rate"), "ratio")
    put("serve_vs_bare_http_cpu", 1 / median_ratio(ours, theirs, "cpu_us"), "ratio")
    if has_fastapi:
        put("fastapi_requests_per_second", median_of(fast, "rate"), "1/s")
        put("serve_vs_fastapi", median_ratio(ours, fast, "rate"), "ratio")
    return median_of(ours, "rate"), median_of(theirs, "rate")


def put_latency(who, name, result):
    put(f"{who}_median_ms_{name}", result["median_us"] / 1000, "ms")
    put(f"{who}_p95_ms_{name}", result["p95_us"] / 1000, "ms")
    put(f"{who}_p99_ms_{name}", result["p99_us"] / 1000, "ms")
    put(f"{who}_p999_ms_{name}", result["p999_us"] / 1000, "ms")
    if result["calm_p99_us"] > 0:  # else the machine was never calm
        put(f"{who}_calm_p99_ms_{name}", result["calm_p99_us"] / 1000, "ms")
    put(f"{who}_standstill_ms_{name}", result["standstill_ms"], "ms")
    put(f"{who}_disturbed_{name}", result["disturbed"], "ratio")


def stolen_seconds():
    """Processor time that the machine below gave to other machines, of the server's core."""
    with open("/proc/stat", encoding="ascii") as file:
        for line in file:
            fields = line.split()
            if fields[0] == f"cpu{SERVER_CORE}":
                return int(fields[8]) / os.sysconf("SC_CLK_TCK")
    sys.exit("serve_bench.py: /proc/stat does not know the server's core")


def reload_for(port, token, seconds):
    """Loads the model again and again; how often (at most 250, the status of a process)."""
    count = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ask(port, "/v2/repository/models/model/load", "{}", token)
        count += 1
        time.sleep(.2)
    return min(count, 250)


def shared_rounds(model, settings, token, reply, rates):
    """Ours and the bare library at the same share of what each can do, beside what else runs."""
    stolen = stolen_seconds()
    with bare(reply) as server:
        theirs = load(server.port, INFER, "--rate", str(.7 * rates[1]), *server.loops(),
                      token=token)
    put_latency("bare", "at_70pct_shared", theirs)
    with almanac(model, settings) as server:
        ours = load(server.port, INFER, "--rate", str(.7 * rates[0]), *server.loops(),
                    token=token)
    put_latency("serve", "at_70pct_shared", ours)
    put("serve_p99_over_bare_at_70pct_shared", ours["p99_us"] / theirs["p99_us"], "ratio")
    put("serve_stolen_ms_at_70pct_shared", 1000 * (stolen_seconds() - stolen), "ms")


def own_rounds(model, token, rate):
    """Ours when its core is its own (a real-time event loop), quiet and with swaps."""
    realtime = may_be_realtime()
    put("serve_realtime", realtime, "")
    settings = write_settings("own.yaml", realtime)
    words = ["--rate", str(.7 * rate)]
    quiet, swapped = [], []
    swaps = 0
    for _ in range(OWN_ROUNDS):
        with almanac(model, settings) as server:
            quiet.append(load(server.port, INFER, *words, *server.loops(), token=token))
            child = os.fork()
            if child == 0:
                os.sched_setaffinity(0, {LOAD_CORE})
                os._exit(reload_for(server.port, token, SECONDS))
            swapped.append(load(server.port, INFER, *words, token=token))
            swaps += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for name, rounds in (("at_70pct", quiet), ("with_swaps", swapped)):
        put_latency("serve", name, {key: median_of(rounds, key) for key in rounds[0]})
        for end, choose in (("least", min), ("most", max)):
            put(f"serve_{end}_p99_ms_{name}",
                choose(result["p99_us"] for result in rounds) / 1000, "ms")
    put("serve_p99_swaps_over_quiet", median_of(swapped, "p99_us") / median_of(quiet, "p99_us"),
        "ratio")
    put("serve_swaps", swaps, "")


def counters(port, token):
    _, body = ask(port, "/v2/models/model/stats", None, token)
    stats = json.loads(body)["model_stats"][0]
    parts = stats["inference_stats"]
    return (stats["execution_count"], parts["compute_input"]["ns"], parts["compute_infer"]["ns"],
            parts["compute_output"]["ns"])


def batch_rounds(model, settings, token):
    """Rows a second in requests of 100, as JSON and as bytes, and where the time goes."""
    with almanac(model, settings) as server:
        for form, name in (("oip", "batch_100"), ("binary", "binary_batch_100")):
            before = counters(server.port, token)
            result = timed_load(server, INFER, "--rows", "100", "--form", form, token=token)
            after = counters(server.port, token)
            put(f"serve_{name}_predictions_per_second", 100 * result["rate"], "1/s")
            put(f"serve_{name}_cpu_us", result["cpu_us"], "us")
            requests = after[0] - before[0]
            for i, part in enumerate(("read", "score", "write"), 1):
                put(f"serve_{name}_{part}_us", (after[i] - before[i]) / 1000 / requests, "us")


def joined_rounds(settings, token):
    """Windows of a net, one a request, on 64 connections: with and without --batch."""
    net = os.path.join(FOLDER, "net")
    subprocess.run([os.path.join(PROGRAMS, "serve_net_bench"), net], check=True)
    results = {"alone": [], "joined": []}
    for _ in range(ROUNDS):
        for name, words in (("alone", []), ("joined", ["--batch", "net"])):
            with almanac(f"net={net}", settings, *words) as server:
                results[name].append(timed_load(
                    server, "/v2/models/net/infer", "--steps", "64", "--form", "binary",
                    token=token, connections=64))
    for name, rounds in results.items():
        put(f"serve_net_{name}_per_second", median_of(rounds, "rate"), "1/s")
        put(f"serve_net_{name}_cpu_us", median_of(rounds, "cpu_us"), "us")
    put("serve_net_joined_over_alone", median_ratio(results["joined"], results["alone"], "rate"),
        "ratio")


def steadiness():
    """How steady the server's core is without any server: see steadiness_bench.c."""
    told = json.loads(subprocess.run([os.path.join(PROGRAMS, "steadiness_bench"), str(SECONDS)],
                                     stdout=subprocess.PIPE, check=True, text=True,
                                     preexec_fn=pinned(SERVER_CORE)).stdout)
    put("machine_slow_share", told["slow_share"], "ratio")
    put("machine_slow_episodes", told["episodes"], "")
    put("machine_longest_slow_episode_ms", told["longest_ms"], "ms")


def main():
    os.makedirs(FOLDER, exist_ok=True)
    model, token, settings = train(), make_token(), write_settings("serve.yaml", False)
    try:
        import fastapi as _
        import uvicorn as _
        has_fastapi = True
    except ImportError:
        has_fastapi = False
    reply = reply_of(model, settings, token)
    rates = closed_rounds(model, settings, token, reply, has_fastapi)
    steadiness()
    shared_rounds(model, settings, token, reply, rates)
    own_rounds(model, token, rates[0])
    batch_rounds(model, settings, token)
    joined_rounds(settings, token)
    cold_starts(model, settings, token)


main()
