"""The whole way of a request, and many clients at once: `bench/run clients`, `make soak-clients`.

    python serve_clients.py BUILD/bin FOLDER

A hundred clients, each with a token and a connection of its own, ask for demand 500 times a minute
each, as often as the limit lets them, for ten minutes (BENCH_CLIENTS_SECONDS): tokens verified,
limits counted, features made from the online state, the model asked (every second request; else
the committed run), the answer written, counted and, one of ten, put on record. No request may be
refused or lost, and nothing may stand in for the model. Times are from when a request was due.
BENCH_CLIENTS_PATIENT=yes: no answer is too late, and so few clients that no queue is full, for a
test that shares its machine.
Prints one {"name","value","unit"} a line; exit status 1 when there was an error."""
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS, FOLDER = os.path.abspath(sys.argv[1]), sys.argv[2]
os.environ["ALMANAC"] = os.path.join(PROGRAMS, "almanac")
sys.path.insert(0, os.path.join(HERE, "..", "tests", "http"))
import _tokens
from _service import Service, eventually, project_of_today, read_metrics, total

SECONDS = float(os.environ.get("BENCH_CLIENTS_SECONDS", "600"))
PATIENT = os.environ.get("BENCH_CLIENTS_PATIENT") == "yes"
ROUTE = "deployments: {daily: {schedule: daily, deadline_ms: 60000}}\n"
CLIENTS, PER_MINUTE, FIRST = 30 if PATIENT else 100, 500, 10000
DEMAND = "/api/v1/predictions/demand"
CORES = sorted(os.sched_getaffinity(0))


def put(name, value, unit):
    print(json.dumps({"name": name, "value": float(f"{value:.6g}"), "unit": unit}), flush=True)


def bodies():
    """Different requests: nodes, days, periods, intervals."""
    asked = [{"node": node, "horizon": days, **more}
             for node in ("sku_1", "sku_2", "sku_3", "total") for days in range(1, 8)
             for more in ({}, {"granularity": "week"}, {"interval": 0.9},
                          {"model_version": "production"})]
    computed = [{"node": node, "horizon": days, "features": {}, "purpose": "what_if"}
                for node in ("sku_1", "sku_2", "sku_3") for days in range(1, 8)]
    mixed = [one for pair in zip(asked, (computed * len(asked))[:len(asked)]) for one in pair]
    return "".join(json.dumps(one) + "\n" for one in mixed)


def is_computing(service, token):
    """Is the online state of the run there, so that a model answers?"""
    answer = service.post(DEMAND, {"node": "sku_1", "features": {}, "purpose": "what_if"},
                          {"Authorization": "Bearer " + token})
    return answer.json().get("served_by") == "model"


def make_service(folder):
    if PATIENT:
        with open(os.path.join(folder, "almanac.yaml"), "a") as file:
            file.write(ROUTE)
    service = Service({"listen": {"workers": 1}, **({"limits": {"queue_ms": 0}} if PATIENT else {}),
                       "predictions": {"folder": "record", "rate": 0.1},
                       "access": {
        "tokens": {"keys": "keys.json", "issuer": _tokens.ISSUER,
                   "audience": [_tokens.AUDIENCE]},
        "limits": {"requests_per_minute": PER_MINUTE}}}, (), {"LOG_LEVEL": "info"}, folder)
    key = _tokens.Key(folder, "EdDSA", "bench")
    service.write("keys.json", _tokens.key_set(key))
    tokens = [key.token(sub=f"client-{i}", scope="almanac:predictor", exp=int(time.time()) + 86400)
              for i in range(CLIENTS)]
    service.write("tokens", "\n".join(tokens) + "\n")
    service.write("bodies", bodies())
    return service, key


def ask_all(service):
    words = [os.path.join(PROGRAMS, "serve_load_bench"), "--port", str(service.port), "--path",
             DEMAND, "--connections", str(CLIENTS), "--bodies",
             os.path.join(service.folder, "bodies"), "--tokens",
             os.path.join(service.folder, "tokens"), "--rate", str(CLIENTS * PER_MINUTE / 60),
             "--seconds", str(SECONDS), "--skip", "0", "--first", str(FIRST), "--pause", "yes"]
    os.sched_setaffinity(0, {CORES[-1]})
    told = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True).stdout)
    os.sched_setaffinity(0, set(CORES))
    return told


def main():
    with tempfile.TemporaryDirectory(dir=FOLDER) as work:
        service, key = make_service(project_of_today(work))
        os.sched_setaffinity(0, {CORES[0]})
        service.start()
        os.sched_setaffinity(0, set(CORES))
        warm = key.token(sub="warm", scope="almanac:predictor", exp=int(time.time()) + 86400)
        if not eventually(lambda: is_computing(service, warm), 30):
            sys.exit("serve_clients.py: no model answers")
        def scrape():
            return read_metrics(service.get("/metrics", {
                "Authorization": "Bearer " + key.token(sub="scraper")}).body.decode())

        before = scrape()
        told = ask_all(service)
        after = scrape()
        service.signal()
        service.wait()

    def grown(name, **labels):
        return total(after, name, **labels) - total(before, name, **labels)

    counted = grown("almanac_http_requests_total", route=DEMAND, status="200")
    fallen = grown("almanac_fallbacks_total")
    put("clients", CLIENTS, "")
    put("clients_requests", told["requests"], "")
    put("clients_computed", grown("almanac_predictions_total", served_by="model"), "")
    put("clients_recorded", grown("almanac_predictions_recorded_total"), "")
    put("clients_fallbacks", fallen, "")
    put("clients_seconds", told["seconds"], "s")
    put("clients_errors", told["errors"], "")
    for name, start in (("demand_10000", "first_"), ("clients", "")):
        for level in ("median", "p95", "p99", "p999", "max"):
            put(f"{name}_{level}_ms", told[f"{start}{level}_us"] / 1000, "ms")
    others = grown("almanac_http_requests_total", route=DEMAND) - counted
    # The last ones may still have been on their way when the load ended.
    if told["errors"] or others or fallen or not 0 <= counted - told["requests"] <= CLIENTS:
        sys.exit(f"serve_clients.py: {told['errors']} errors; {others} refused, {counted} "
                 f"answered, {fallen} by a stand-in")


main()
