#!/usr/bin/env python3
"""/metrics of a running service: both formats parse, counters rise by what was asked, labels stay
few whatever a client asks for, `promtool check metrics` agrees where there is one."""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading

from _service import (MODEL, Service, check, eventually, finish, inference, project,
                      read_metrics, total)

REQUESTS = "almanac_http_requests_total"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def families(text):
    """{name: type}; a series outside its family's lines is a fault."""
    found, current = {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            check(name not in found, name, "is declared once")
            found[name], current = kind, name
        elif line and not line.startswith("#"):
            check(current and line.startswith(current), "a line of no family", line)
    return found


def two_scrapes(service):
    first = read_metrics(service.get("/metrics").body.decode())
    for _ in range(7):
        service.get("/livez")
    service.ask("HEAD", "/livez")
    service.get("/nothing")
    service.get("/no/thing/else")
    service.ask("DELETE", "/livez")
    service.ask("BREW", "/livez")
    second = read_metrics(service.get("/metrics").body.decode())

    def rise(**labels):
        return total(second, REQUESTS, **labels) - total(first, REQUESTS, **labels)
    check(rise(route="/livez", method="GET", status="200") == 7, "GET", rise(route="/livez"))
    check(rise(route="/livez", method="HEAD") == 1, "HEAD", rise(route="/livez"))
    check(rise(route="none", status="404") == 2, "nothing there", rise(route="none"))
    check(rise(method="other", status="501") == 1, "another method")
    check(rise(route="/metrics") == 1, "the scrape before", rise(route="/metrics"))
    for name in first:
        if "_total" in name or "_count" in name or "_bucket" in name:
            check(second.get(name, -1) >= first[name], name, "does not fall")
    seconds = "almanac_http_request_duration_seconds"
    check(total(second, seconds + "_count", route="/livez") -
          total(first, seconds + "_count", route="/livez") == 8, "durations")
    check(total(second, seconds + "_sum", route="/livez") > 0, "take time")
    check(total(second, "almanac_http_requests_in_flight") == 1, "this one is at work")
    return second


def labels_stay_few(service):
    before = len(service.metrics())
    for i in range(200):
        service.ask(f"METHOD{i}", f"/path{i}?query={i}", {"X-Request-ID": f"id-{i}"})
    after = service.metrics()
    check(len(after) <= before + 5, "series", before, len(after))
    check(not [name for name in after if "path1" in name or "METHOD" in name or "id-1" in name],
          "nothing of a client's words")


def both_formats(service):
    plain = service.get("/metrics")
    open_metrics = service.get("/metrics", OPENMETRICS)
    check(plain.headers["content-type"].startswith("text/plain; version=0.0.4"), plain.headers)
    check(open_metrics.headers["content-type"].startswith("application/openmetrics-text;"),
          open_metrics.headers)
    check(open_metrics.body.endswith(b"# EOF\n") and b"# EOF" not in plain.body, "ends")
    check(len(families(plain.body.decode())) > 10, "families")
    read_metrics(open_metrics.body.decode())
    for name, kind in families(plain.body.decode()).items():
        check(re.fullmatch(r"(almanac|process)_[a-z0-9_]+", name), name)
        check((kind == "counter") == name.endswith("_total"), name, kind)
    packed = service.get("/metrics", {"Accept-Encoding": "gzip"})
    check(packed.headers.get("content-encoding") == "gzip", "is packed", packed.headers)
    read_metrics(packed.body.decode())
    check(service.get("/api/v1/metrics").status == 200, "the same of the API")
    if shutil.which("promtool"):
        for answer in (plain,):
            result = subprocess.run(["promtool", "check", "metrics"], input=answer.body,
                                    capture_output=True)
            check(result.returncode == 0, "promtool:", result.stdout + result.stderr)


def many_at_once(service):
    """Nothing is lost or counted twice when several workers count."""
    before = total(service.metrics(), REQUESTS, route="/livez")

    def client():
        connection = service.client()
        for _ in range(200):
            connection.request("GET", "/livez")
            answer = connection.getresponse()
            check(answer.status == 200 and answer.read() == b"ok\n", "answered")
        connection.close()
    threads = [threading.Thread(target=client) for _ in range(8)]
    scraper = threading.Thread(target=lambda: [service.metrics() for _ in range(20)])
    for thread in threads + [scraper]:
        thread.start()
    for thread in threads + [scraper]:
        thread.join()
    check(eventually(lambda: total(service.metrics(), REQUESTS, route="/livez") == before + 1600),
          "every request counts once", total(service.metrics(), REQUESTS, route="/livez") - before)
    check(eventually(lambda: service.metrics()["almanac_http_open_connections"] == 1), "all closed",
          service.metrics())


def answers_and_models(service):
    """What answered, by which step, and what is loaded."""
    def seen(name, **labels):
        return total(service.metrics(), "almanac_" + name, **labels)
    for _ in range(3):
        service.post("/v2/models/m/infer", inference())
    check(seen("predictions_total", model="m", version="1", served_by="model") == 3, "rows")
    check(seen("prediction_duration_seconds_count", model="m", served_by="model") == 3, "calls")
    check(seen("model_info", model="m", version="1", approved="false") == 1, "what is loaded")
    service.post("/v2/repository/models/m/load", {})
    service.post("/v2/repository/models/none/load", {})
    check(seen("model_loads_total", result="done") == 1, "a load")
    check(seen("model_loads_total", result="failed") == 1, "and one that failed")
    check(seen("model_load_duration_seconds_count") == 1, "which takes time")
    check(seen("predictions_total", model="m") == 3, "loading again changes no counter")
    service.post("/v2/repository/models/m/unload", {})
    check(seen("model_unloads_total") == 1 and seen("model_info") == 0 and
          seen("predictions_total") == 0, "what is gone is not shown")
    asked = {"node": "sku_1", "horizon": 2}
    check(service.post("/api/v1/predictions/demand", asked).json()["served_by"] == "batch", "fresh")
    answer = service.post("/api/v1/predictions/demand", {**asked, "route": "old"}).json()
    check(answer["served_by"] == "rule" and answer["reason"] == "too_old", "too old", answer)
    service.post("/api/v1/predictions/demand", {"node": "sku_none"})
    service.get("/api/v1/predictions/sku_1?model_version=demand-1&route=daily")
    check(seen("predictions_total", model="demand", served_by="batch") == 1, "the committed run")
    check(seen("predictions_total", model="demand", served_by="rule") == 1, "the rule")
    check(seen("fallbacks_total", route="/api/v1/predictions/demand", reason="too_old") == 1,
          "a fallback")
    check(seen("predictions_total") == 2 and seen("fallbacks_total") == 1, "and nothing else")
    check(answer["clamped"] == 2 and seen("clamps_total", policy="none") == 4,
          "numbers that a policy changed", answer, seen("clamps_total"))
    breakers = {name: value for name, value in service.metrics().items() if "breaker" in name}
    check(len(breakers) == 4 and not any(breakers.values()), "breakers of two routes", breakers)


def breakers(folder):
    """A member that nobody answers: its breaker opens, and is gone with the model."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    remote = {"protocol": "kserve_v2", "url": f"http://127.0.0.1:{port}", "model": "far",
              "version": None, "input": "rows", "outputs": 1, "deadline_ms": 500, "retries_max": 0,
              "breaker_failures": 2, "breaker_open_ms": 3600000}
    member = {"name": "away", "columns": ["a", "b"], "remote": remote}
    os.makedirs(folder)
    with open(os.path.join(folder, "scorer.json"), "w", encoding="utf-8") as file:
        json.dump({"almanac_scorer": 1, "task": "value",
                   "horizons": [{"name": "h", "members": [member]}]}, file)
    row = {"inputs": [{"name": "input", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}
    with Service(options=("--development", "--model", f"r={folder}")) as service:
        def state():
            found = [value for name, value in service.metrics().items() if "breaker" in name]
            return found[0] if len(found) == 1 else found
        # A load tries a row; whether the server answers it is not asked.
        service.post("/v2/models/r/infer", row)
        answer = service.post("/v2/models/r/infer", row)
        check(answer.status >= 500, "nobody answers", answer)
        check(state() == 2, "an open breaker", state())
        check(total(service.metrics(), "almanac_breaker_state", model="r", version="1",
                    backend="away") == 2, "of this member")
        service.post("/v2/repository/models/r/load", {})
        service.post("/v2/repository/models/r/unload", {})
        check(state() == [], "of what is loaded only", state())


with Service({"listen": {"workers": 3}}) as running:
    two_scrapes(running)
    labels_stay_few(running)
    both_formats(running)
    many_at_once(running)
    logged = [line for line in running.lines() if line.get("message") == "request"]
    check(logged and all(line["status"] >= 400 for line in logged), "refused requests are logged")
    check(all(set(line) >= {"time", "level", "request_id", "trace_id", "route", "seconds"}
              for line in logged), "with these members", logged[:1])
    check(not [line for line in logged if "query=" in str(line) or "/path" in str(line)],
          "and nothing of the address")
with tempfile.TemporaryDirectory() as folder:
    place = project(folder)
    with open(os.path.join(place, "almanac.yaml"), "a", encoding="utf-8") as file:
        file.write("deployments: {daily: {schedule: daily, stale_days_max: 36500},"
                   " old: {schedule: daily, stale_days_max: 1}}\n"
                   "policies: {none: {applies_to: forecasts, max: 0.0001}}\n")
    with Service({"listen": {"workers": 2}}, ("--development", "--model", MODEL),
                 folder=place) as running:
        running_asks = running.post
        running.post = lambda target, body: running_asks(
            target, {"route": "daily", **body} if "/predictions/" in target else body)
        answers_and_models(running)
    breakers(os.path.join(folder, "away"))
finish()
