"""Mixed load on a running service while everything about it changes: `make soak`.

    [ALMANAC=build/asan-ubsan/bin/almanac] python3 tests/soak/_soak.py [SECONDS [CLIENTS]]

Clients send the requests of _mix.py over kept connections; beside them models are loaded and
unloaded, releases promoted and rolled back by other processes, a model file and a committed run are
damaged, the folder of the prediction store and the provider's keys go away and come back, and
connections are left in the middle of everything.

Claims: the process lives and ends as it was told; each request has one well-formed reply with its
own id and a status that its kind may have; each answer with 200 says who gave it; what /metrics
counts is what the clients saw; memory is the same after the first sixth and at the end.

What is held from the heap is exact. Resident are also pages that the allocator keeps for the next
load of a run, more or fewer each time, so the least of the first three and of the last three looks
at it are compared."""
import http.server
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../http"))
import _tokens
from _mix import MIX
from _service import (ALMANAC, SOURCE, Connection, Service, check, eventually, finish,
                      read_metrics, skip, two_releases)

MODEL = os.path.join(SOURCE, "tests/golden/forest/lgb_multiclass.txt")
STEPS = {"model", "previous", "batch", "rule"}
RESTS = 6  # times at which nothing is at work and memory is looked at; the first ends warming up
FLAT = 0.02  # by how much memory may have grown
IS_SANITIZED = any(name in ALMANAC for name in ("asan", "tsan", "hostile"))


class Provider:
    """Its key set over HTTP, which can be switched off."""

    def __init__(self, text):
        outer = self
        self.is_up = True

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if not outer.is_up:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


# ---- what an answer says ----

def label_faults(kind, answer):
    """Why an answer with 200 is not labelled; empty: it is."""
    if kind.label == "notice":
        return [] if "unapproved" in answer.headers.get("x-almanac-notice", "") else ["no notice"]
    if kind.label == "batch":
        return [fault for item in items(answer) for fault in product_faults(item)]
    told = answer.json()
    if kind.label == "oip":
        has = told.get("model_version") and told.get("parameters", {}).get("approved") is False
        return [] if has else ["no version or notice"]
    return product_faults(told)


def items(answer):
    """Answers of a batch, in either form."""
    is_lines = answer.type == "application/x-ndjson"
    told = ([json.loads(line) for line in answer.body.splitlines()] if is_lines
            else answer.json()["results"])
    return [item["answer"] for item in told if "answer" in item]


def product_faults(told):
    found = [] if told.get("served_by") in STEPS else ["served_by"]
    found += [] if isinstance(told.get("reason"), str) and told["reason"] else ["reason"]
    found += [key for key in ("route", "asked_release") if not told.get(key)]
    found += [key for key in ("degraded", "late") if not isinstance(told.get(key), bool)]
    found += [key for key in ("age_days", "age_s", "misses", "run", "problem") if key not in told]
    if told.get("served_by") != "rule" and not told.get("model_version"):
        found.append("model_version")
    if told.get("degraded") != bool(told.get("misses")):
        found.append("degraded without a miss, or a miss that is not told")
    return found


def faults(kind, answer, name):
    if answer.headers.get("x-request-id") != name:
        return [f"the reply of another request: {answer.headers.get('x-request-id')}"]
    if not answer.is_whole:
        return ["torn"]
    if answer.status not in kind.statuses:
        return [f"status {answer.status}"]
    if answer.status >= 400:
        told = answer.json()
        is_problem = (answer.type == "application/problem+json" and told["status"] == answer.status
                      and told["request_id"] == name and (told.get("detail") or told["title"])
                      and (answer.status != 503 or "retry-after" in answer.headers))
        return [] if is_problem else ["no problem"]
    return label_faults(kind, answer) if kind.label else []


# ---- clients ----

class Client(threading.Thread):
    """One connection at a time. `seen` counts (route, method, status) of whole replies."""

    def __init__(self, soak, number):
        super().__init__(daemon=True)
        self.soak, self.number, self.random = soak, number, random.Random(number)
        self.connection, self.asked = None, 0
        self.seen, self.kinds, self.gone, self.steps = Counter(), Counter(), 0, Counter()

    def run(self):
        while not self.soak.is_over.is_set():
            if self.soak.is_quiet.is_set():
                self.leave()
                self.soak.resting.release()
                self.soak.go_on.wait()
                continue
            kind = self.random.choices(MIX, self.soak.shares)[0]
            try:
                self.one(kind)
            except Exception as error:  # whatever it is, it is a finding
                self.soak.fail(kind, repr(error))
                self.leave()
        self.leave()

    def leave(self):
        if self.connection:
            check(not self.connection.taken, "more than was asked for", self.connection.taken[:200])
            self.connection.close()
            self.connection = None

    def request(self, kind, name):
        body = kind.body(self.random) if callable(kind.body) else kind.body
        body = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"{kind.method} {kind.target} HTTP/1.1", "Host: localhost",
                 "X-Request-ID: " + name]
        headers = {**({"Content-Type": "application/json"} if body else {}), **kind.headers}
        headers.update(self.soak.credentials(kind.who, self.number))
        lines += [f"{key}: {value}" for key, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")

    def one(self, kind):
        self.asked += 1
        name = f"soak-{self.number}-{self.asked}"
        self.connection = self.connection or Connection(self.soak.service)
        text = self.request(kind, name)
        if kind.hangs_up:
            self.hang_up(text)
            return
        self.connection.send(text)
        answer = self.connection.answer()
        if answer is None:
            self.soak.fail(kind, "no reply")
            self.leave()
            return
        for fault in faults(kind, answer, name):
            self.soak.fail(kind, fault, answer)
        self.kinds[kind] += 1
        self.seen[(str(kind.target).partition("?")[0], kind.method, answer.status)] += 1
        if kind.label == "product" and answer.status == 200:
            self.steps[(kind.method, answer.json()["served_by"], answer.json()["degraded"])] += 1
        if kind.label == "batch" and answer.status == 200:
            for item in items(answer):
                self.steps[(kind.method, item["served_by"], item["degraded"])] += 1
        if answer.headers.get("connection") == "close" or self.random.random() < .01:
            self.leave()

    def hang_up(self, text):
        """In the middle of the request, or before the reply is read."""
        self.gone += 1
        self.connection.send(text[:self.random.randint(1, len(text))])
        self.connection.close()
        self.connection = None


# ---- what happens meanwhile ----

class Disturbance(threading.Thread):
    """Calls `act` again and again with pauses of about so long, and `mend` at the end."""

    def __init__(self, soak, seconds, act, mend=None):
        super().__init__(daemon=True)
        self.soak, self.seconds, self.act, self.mend, self.count = soak, seconds, act, mend, 0
        self.random = random.Random(act.__name__)

    def run(self):
        while not self.soak.is_over.wait(self.seconds * self.random.uniform(.5, 1.5)):
            if not self.soak.is_quiet.is_set():
                self.act()
                self.count += 1
        if self.mend:
            self.mend()


class Soak:
    def __init__(self, seconds, clients):
        self.seconds, self.work = seconds, tempfile.TemporaryDirectory(prefix="almanac-soak-")
        self.folder = two_releases(self.work.name)
        with open(os.path.join(self.folder, "almanac.yaml"), "a", encoding="utf-8") as file:
            # Time enough on a busy machine; deadlines have tests of their own.
            file.write("deployments:\n"
                       "  daily: {schedule: daily, previous: true, stale_days_max: 36500,"
                       " deadline_ms: 10000}\n"
                       "  old: {schedule: daily, stale_days_max: 1, deadline_ms: 10000}\n")
        self.key = _tokens.Key(self.folder, "EdDSA", "soak")
        self.provider = Provider(_tokens.key_set(self.key).encode())
        self.spare = os.path.join(self.folder, "spare.txt")
        shutil.copy(MODEL, self.spare)
        self.runs = os.path.join(self.folder, ".almanac/predictions")
        self.is_over, self.is_quiet, self.go_on = (threading.Event() for _ in range(3))
        self.resting, self.found, self.lock = threading.Semaphore(0), Counter(), threading.Lock()
        self.shares = [kind.share for kind in MIX]
        self.tokens = [self.key.token(sub=f"client-{i}", scope="almanac:predictor",
                                      exp=int(time.time()) + 86400) for i in range(clients)]
        self.admin = {"Authorization": "Bearer " + self.key.token(
            sub="operator", scope="almanac:admin", exp=int(time.time()) + 86400)}
        self.service = self.make_service()
        self.clients = [Client(self, i) for i in range(clients)]
        self.own = Counter()  # requests of the disturbances, by (route, method, status)

    def make_service(self):
        many = {"requests_per_minute": 1000000, "failures_per_minute": 1000000}
        with open(os.path.join(SOURCE, "tests/golden/access/api_keys.json")) as file:
            golden = json.load(file)
        record = golden["keys"][0]
        self.api_key, record["roles"], record["note"] = record["note"], ["predictor"], "soak"
        settings = {"listen": {"workers": 2}, "limits": {"request_seconds": 10}, "access": {
            "tokens": {"keys": self.provider.url, "issuer": _tokens.ISSUER,
                       "audience": [_tokens.AUDIENCE], "refresh_seconds": 1, "retry_seconds": 1,
                       "deadline_ms": 500},
            "api_keys": {"file": "keys.json", "checks_per_minute": 100000}, "limits": many}}
        service = Service(settings, ("--model", f"m={MODEL},spare={self.spare}"),
                          {"LOG_LEVEL": "warn"}, self.folder)
        service.write("keys.json", json.dumps(golden))
        return service

    def credentials(self, who, number):
        return {"token": {"Authorization": "Bearer " + self.tokens[number]},
                "key": {"X-API-Key": self.api_key}, "none": {},
                "bad": {"Authorization": "Bearer " + self.tokens[number][:-8] + "AAAAAAAA"}}[who]

    def fail(self, kind, what, answer=None):
        with self.lock:
            self.found[f"{kind.method} {kind.target}: {what}"] += 1
            if sum(self.found.values()) < 20:
                print("finding:", kind.method, kind.target, what, answer or "", flush=True)

    # -- disturbances --

    def operate(self, target, *statuses):
        answer = self.service.post(target, {}, self.admin)
        with self.lock:
            self.own[(target, "POST", answer.status)] += 1
        check(answer.status in statuses, target, answer)

    def load_again(self):
        self.operate("/v2/repository/models/m/load", 200, 409)

    def unload_and_load(self):
        self.operate("/v2/repository/models/spare/unload", 200, 409)
        time.sleep(.05)
        self.operate("/v2/repository/models/spare/load", 200, 409, 500)  # it may be damaged

    def damage_model(self):
        """A file that is no model any more: what is loaded goes on answering."""
        with open(self.spare + ".bad", "wb") as file:
            file.write(b"tree\nversion=v4\nnothing")
        os.replace(self.spare + ".bad", self.spare)
        self.operate("/v2/repository/models/spare/load", 400, 409, 500)
        self.mend_model()

    def mend_model(self):
        shutil.copy(MODEL, self.spare + ".new")
        os.replace(self.spare + ".new", self.spare)
        self.operate("/v2/repository/models/spare/load", 200, 409)

    def move(self):
        """To the release before, or back."""
        with self.ledger:
            self.order()
    ledger = threading.Lock()

    def order(self):
        words = [["rollback"], ["promote", "demand-2"]][self.moves % 2]
        done = subprocess.run([ALMANAC, "models", *words, "--alias", "production", "--why", "soak",
                               "--who", "soak", "--quiet"], cwd=self.folder, capture_output=True)
        self.moves += done.returncode == 0
        check(done.returncode == 0, "models", words, done.stderr.decode()[-300:])
    moves = 0

    def take_store_away(self):
        with self.store:
            os.rename(self.runs, self.runs + ".away")
            time.sleep(.5)
            os.rename(self.runs + ".away", self.runs)
    store = threading.Lock()  # one misfortune of it at a time

    def damage_run(self):
        """A release is promoted while what its run is read from is damaged: the release before
        answers, until the run is tried again."""
        with self.store, self.ledger:
            while self.moves % 2 == 0:
                self.order()
                time.sleep(.1)
            whole = {}
            for path in self.fan_files():
                with open(path, "r+b") as file:
                    whole[path] = file.read()
                    file.seek(200)
                    file.write(b"damaged")
            self.order()
            time.sleep(1)
            for path, text in whole.items():
                with open(path, "r+b") as file:
                    file.write(text)

    def fan_files(self):
        found = []
        for place, _, names in os.walk(os.path.join(self.folder, ".almanac/objects")):
            for path in (os.path.join(place, name) for name in names):
                with open(path, "rb") as file:
                    found += [path] if file.read(4) == b"PAR1" else []
        return found

    def provider_down(self):
        self.provider.is_up = False
        time.sleep(2)
        self.provider.is_up = True

    def strange_heads(self):
        """What is no HTTP, or two things at once, over connections of its own."""
        for text in (b"\0\1\2\3\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /livez HTTP/1.1\r\n\r\n",
                     b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 5000 + b"\r\n"):
            with self.service.connect() as connection:
                connection.send(text)
                while connection.more() and b"\r\n\r\n" not in connection.taken:
                    pass
                check(re.match(rb"HTTP/1.1 [4-5]\d\d |$", connection.taken), "a strange head",
                      text[:40], connection.taken[:200])

    def disturbances(self):
        slow = max(self.seconds / 8, 5)  # the run is tried again after half a minute
        return [Disturbance(self, .5, self.load_again),
                Disturbance(self, 1.5, self.unload_and_load),
                Disturbance(self, 7, self.damage_model, self.mend_model),
                Disturbance(self, 2, self.move),
                Disturbance(self, 5, self.take_store_away),
                Disturbance(self, slow, self.damage_run),
                Disturbance(self, 6, self.provider_down),
                Disturbance(self, 3, self.strange_heads)]

    # -- the whole --

    def rest(self):
        """Everybody stops; what is held and resident when nothing is at work."""
        self.go_on.clear()
        self.is_quiet.set()
        for _ in self.clients:
            self.resting.acquire()
        time.sleep(3)
        metrics = self.scrape()
        with open(f"/proc/{self.service.process.pid}/status", encoding="ascii") as file:
            resident = int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) * 1024
        self.is_quiet.clear()
        self.go_on.set()
        return metrics, resident

    def scrape(self):
        answer = self.service.ask("GET", "/metrics", self.admin)
        with self.lock:
            self.own[("/metrics", "GET", answer.status)] += 1
        return read_metrics(answer.body.decode())

    def run(self):
        with self.service as service:
            everybody = self.clients + self.disturbances()
            for thread in everybody:
                thread.start()
            rests = []
            while len(rests) < RESTS and self.lives_for(self.seconds / RESTS):
                rests.append(self.rest())
            alive = len(rests) == RESTS
            self.is_over.set()
            for thread in everybody:
                thread.join(120)
            check(alive and service.process.poll() is None, "the process lives",
                  service.text[-3000:])
            self.compare(rests)
            self.agree(self.scrape())
            self.tell(everybody)
        for what, count in self.found.most_common():
            check(False, count, "x", what)

    def lives_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.service.process.poll() is None:
            time.sleep(.2)
        return self.service.process.poll() is None

    def compare(self, rests):
        held = [values["almanac_heap_held_bytes"] for values, _ in rests]
        files = [values["process_open_fds"] for values, _ in rests]
        resident = [bytes_ for _, bytes_ in rests]
        print("resident", ", ".join(f"{value / 1e6:.1f}" for value in resident),
              "MB; held from the heap", ", ".join(f"{value / 1e6:.2f}" for value in held), "MB")
        check(held[-1] <= held[0] * (1 + FLAT) + 65536, "what is held grows", held)
        # A minute does not say much about pages; a sanitizer keeps what is freed for a while.
        if self.seconds >= 300 and not IS_SANITIZED:
            check(min(resident[3:]) <= min(resident[:3]) * (1 + FLAT), "resident memory grows",
                  resident)
        check(files[-1] <= files[0] + 4, "files stay open", files)

    def agree(self, metrics):
        """Counters beside what was seen. Clients that hung up make their route uncertain."""
        gone = {kind.target for kind in MIX if kind.hangs_up}
        seen = Counter(self.own)
        for client in self.clients:
            seen.update(client.seen)
        by = Counter()
        for (target, method, status), count in seen.items():
            route = "none" if status == 405 else self.route_of(target)
            by[(route, method, str(status))] += count
        by[("/metrics", "GET", "200")] -= 1  # the scrape itself is counted when it is over
        told = Counter()
        for series, value in metrics.items():
            found = re.fullmatch(r'almanac_http_requests_total\{route="(.*)",method="(.*)",'
                                 r'status="(.*)"\}', series)
            if found:
                told[found.groups()] += int(value)
        for which in sorted(set(by) | set(told)):
            is_ours = which[0] not in gone and which[0] != "none"
            check(not is_ours or by[which] == told[which], "counted", which, told[which], "seen",
                  by[which])
        self.agree_steps(metrics)

    def agree_steps(self, metrics):
        for step in sorted(STEPS - {"model"}):
            counted = sum(value for series, value in metrics.items()
                          if series.startswith("almanac_predictions_total")
                          and f'served_by="{step}"' in series)
            seen = sum(count for client in self.clients
                       for (method, by, _), count in client.steps.items()
                       if by == step and method == "POST")
            check(counted == seen, "predictions by", step, "counted", counted, "seen", seen)
        counted = sum(value for series, value in metrics.items()
                      if series.startswith("almanac_fallbacks_total"))
        seen = sum(count for client in self.clients
                   for (method, _, degraded), count in client.steps.items()
                   if degraded and method == "POST")
        check(counted == seen, "fallbacks counted", counted, "seen", seen)

    def route_of(self, target):
        paths = self.__dict__.setdefault("paths", list(json.loads(
            self.service.ask("GET", "/openapi.json").body)["paths"]))
        fitting = [path for path in paths
                   if re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/:]+", re.escape(path)), target)]
        return min(fitting, key=lambda path: path.count("{")) if fitting else "none"

    def tell(self, everybody):
        kinds, steps = Counter(), Counter()
        for client in self.clients:
            kinds.update(client.kinds)
            steps.update(client.steps)
        print(f"{sum(kinds.values())} replies to {sum(c.asked for c in self.clients)} requests, "
              f"{sum(c.gone for c in self.clients)} hung up;",
              ", ".join(f"{thread.act.__name__} {thread.count}" for thread in everybody
                        if isinstance(thread, Disturbance)))
        print("steps:", ", ".join(f"{by}{' (degraded)' if degraded else ''} {count}"
                                  for (_, by, degraded), count in sorted(steps.items())))
        never = [f"{kind.method} {kind.target}" for kind in MIX
                 if not kinds[kind] and not kind.hangs_up]
        check(self.seconds < 60 or not never, "never asked", never)
        errors = Counter(re.sub(r"[0-9a-f]{8,}|\d+", "N", line.get("message", ""))[:120]
                         + f" {line.get('route', '')} {line.get('status', '')}"
                         for line in self.service.lines() if line.get("level") == "error")
        for line, count in errors.most_common(12):
            print(f"logged as an error, {count} times: {line}")


# What ctest tells sanitizers (cmake/alm_tests.cmake).
SANITIZERS = {"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
              "LSAN_OPTIONS": f"suppressions={SOURCE}/cmake/lsan.supp:print_suppressions=0",
              "UBSAN_OPTIONS": "print_stacktrace=1"}


def main(seconds, clients):
    for name, value in SANITIZERS.items():
        os.environ.setdefault(name, value)
    if not _tokens.is_there():
        skip("no openssl command")
    Soak(seconds, clients).run()
    finish()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 600,
         int(sys.argv[2]) if len(sys.argv) > 2 else 6)
