"""How soon a rollback, and a promotion, answers: `bench/run serve` (rollback_ms).

    python serve_rollback.py BUILD/bin FOLDER

A server of one event loop answers demand at 70% of the rate that it reaches, with signed tokens,
limits and a committed run of each of two releases. `almanac models rollback` and `promote`, each a
process of its own, move the alias to and fro; a client on a connection of its own asks all the time
and notes when the first answer of the other release has come.

Measured from three moments. `rollback_ms`: from the entry being in the ledger, which is when SQLite
takes its journal away (the kernel tells: inotify). Then the journal's folder is synced, before
anybody else may read the entry: `rollback_from_ack_ms` is from the command saying that it is done,
and may be negative. `rollback_from_order_ms`: from the time that the entry itself bears, before it
is written. The project lies in FOLDER, so its disk counts. After a rollback the run of the release
before is in memory; a promotion (`promotion_ms`, the same) loads the run of its release first.
Prints one {"name","value","unit"} a line."""
import ctypes
import json
import os
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS, FOLDER = os.path.abspath(sys.argv[1]), sys.argv[2]
os.environ["ALMANAC"] = os.path.join(PROGRAMS, "almanac")
sys.path.insert(0, os.path.join(HERE, "..", "tests", "http"))
import _tokens
from _service import Service, two_releases

CORES = sorted(os.sched_getaffinity(0))
ROUNDS = int(os.environ.get("BENCH_ROLLBACKS", "100"))
SHARE = 0.7
CONNECTIONS = 16
IN_DELETE = 0x200
DEMAND = "/api/v1/predictions/demand"
NODES = ("sku_1", "sku_2", "sku_3", "total")


def put(name, value, unit):
    print(json.dumps({"name": name, "value": float(f"{value:.6g}"), "unit": unit}), flush=True)


class Journal(threading.Thread):
    """The moments at which the registry's journal went."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init()
        if self.fd < 0 or self.libc.inotify_add_watch(self.fd, folder.encode(), IN_DELETE) < 0:
            sys.exit("serve_rollback.py: inotify is not there")
        self.gone = []
        self.start()

    def run(self):
        while True:
            data = os.read(self.fd, 4096)
            at = time.time()
            if b"registry.db-journal" in data:
                self.gone.append(at)


class Asker:
    """One connection; answers are told by their release."""

    def __init__(self, port, token):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = b'{"node": "sku_1", "horizon": 7}'
        self.request = (f"POST {DEMAND} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/"
                        f"json\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}"
                        "\r\n\r\n").encode() + body

    def ask(self):
        """(release, when its answer had come)"""
        self.socket.sendall(self.request)
        text = b""
        while True:
            text += self.socket.recv(65536)
            head, end, rest = text.partition(b"\r\n\r\n")
            size = re.search(rb"Content-Length: (\d+)", head)
            if end and len(rest) >= int(size[1]):
                break
        at = time.time()
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit("serve_rollback.py: " + text.decode())
        return re.search(rb'"model_version":"([^"]*)"', rest)[1].decode(), at


def load_words(port, folder):
    return [os.path.join(PROGRAMS, "serve_load_bench"), "--port", str(port), "--path", DEMAND,
            "--connections", str(CONNECTIONS), "--bodies", os.path.join(folder, "bodies"),
            "--tokens", os.path.join(folder, "tokens")]


def load(words, seconds, *more):
    os.sched_setaffinity(0, {CORES[-1]})
    child = subprocess.Popen(words + ["--seconds", str(seconds), *more], stdout=subprocess.PIPE,
                             text=True)
    os.sched_setaffinity(0, set(CORES))
    return child


class Order(threading.Thread):
    """Moves the alias, by a process of its own; `entry` of the ledger, `done` when it said so."""

    def __init__(self, folder, to):
        super().__init__()
        words = {"demand-1": ["rollback", "demand-1"], "demand-2": ["promote", "demand-2"]}[to]
        self.command = [os.environ["ALMANAC"], "models", *words, "--alias", "production", "--why",
                        "measured", "--who", "bench", "--json"]
        self.folder, self.done, self.status = folder, None, None
        self.start()

    def run(self):
        child = subprocess.Popen(self.command, cwd=self.folder, stdout=subprocess.PIPE)
        text = os.read(child.stdout.fileno(), 65536)
        self.done = time.time()
        text += child.stdout.read()
        self.status = child.wait()


def written(folder):
    """The time that the newest entry bears, in seconds."""
    registry = sqlite3.connect(f"file:{folder}/.almanac/registry.db?mode=ro", uri=True)
    try:
        newest = registry.execute("SELECT at FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
        return newest[0] / 1e6
    finally:
        registry.close()


def measure(folder, asker, journal):
    """{name: sorted milliseconds}"""
    found = {}
    release, _ = asker.ask()
    for i in range(2 * ROUNDS):
        to = "demand-1" if release == "demand-2" else "demand-2"
        before = len(journal.gone)
        order = Order(folder, to)
        limit = time.time() + 60
        while release != to and time.time() < limit:
            release, at = asker.ask()
        order.join()
        while len(journal.gone) == before and time.time() < limit:
            time.sleep(0.001)
        if release != to or order.status or len(journal.gone) == before:
            late = time.time() - (order.done or limit)
            sys.exit(f"serve_rollback.py: round {i}: {release} {late:.1f} s after the order was "
                     f"done, status {order.status}")
        what = "rollback" if to == "demand-1" else "promotion"
        for name, start in ((what, journal.gone[before]), (what + "_from_ack", order.done),
                            (what + "_from_order", written(folder))):
            found.setdefault(name, []).append(1000 * (at - start))
        time.sleep(0.01 + 0.001 * (i * 7 % 10))  # at another moment of its looking each time
    return {name: sorted(values) for name, values in found.items()}


def put_distribution(name, values):
    put(f"{name}_ms", statistics.median(values), "ms")
    for level in (.9, .99):
        put(f"{name}_p{100 * level:.0f}_ms", values[min(len(values) - 1, int(level * len(values)))],
            "ms")
    put(f"{name}_min_ms", values[0], "ms")
    put(f"{name}_max_ms", values[-1], "ms")


def main():
    with tempfile.TemporaryDirectory(dir=FOLDER) as work:
        run(two_releases(work))


def run(folder):
    many = {"requests_per_minute": 1000000}
    service = Service({"listen": {"workers": 1}, "access": {"tokens": {
        "keys": "keys.json", "issuer": _tokens.ISSUER, "audience": [_tokens.AUDIENCE]},
        "limits": many}}, (), {"LOG_LEVEL": "error"}, folder)
    key = _tokens.Key(folder, "EdDSA", "bench")
    service.write("keys.json", _tokens.key_set(key))
    tokens = [key.token(sub=f"client-{i}", scope="almanac:predictor") for i in range(20)]
    service.write("tokens", "\n".join(tokens) + "\n")
    service.write("bodies", "".join(json.dumps({"node": node, "horizon": days}) + "\n"
                                    for node in NODES for days in range(1, 8)))
    with open(os.path.join(folder, "almanac.yaml"), "a", encoding="utf-8") as file:
        file.write("deployments: {daily: {schedule: daily, stale_days_max: 36500}}\n")
    os.sched_setaffinity(0, {CORES[0]})
    service.start()
    os.sched_setaffinity(0, set(CORES))
    words = load_words(service.port, folder)
    rate = json.loads(load(words, 3).communicate()[0])["rate"]
    put("rollback_closed_requests_per_second", rate, "1/s")
    asker = Asker(service.port, tokens[0])
    loaded = load(words, 600, "--rate", str(SHARE * rate), "--pause", "yes")
    time.sleep(1)
    try:
        found = measure(folder, asker, Journal(os.path.join(folder, ".almanac")))
    finally:
        loaded.terminate()
        service.signal()
        service.wait()
        sys.stderr.write("".join(line + "\n" for line in service.text.splitlines()
                                 if '"error"' in line)[:2000])
    for name, values in found.items():
        put_distribution(name, values)


main()
