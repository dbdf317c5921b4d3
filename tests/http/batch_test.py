#!/usr/bin/env python3
"""Batches over the wire: arrays and lines against the single answers, a limit that a batch cannot
walk around, clients that read slowly or go away, a stop in the middle, and memory that does not
grow with the number of lines."""
import gzip
import http.client
import json
import os
import socket
import sys
import time

from _service import PATIENCE, SOURCE, Service, check, eventually, finish, project

# Stock-out risk needs a stock position, which this project does not have: it is refused.
KINDS = {"demand": {"node": "sku_1", "horizon": 7},
         "stockout": {"node": "sku_1"},
         "optimize": {"node": "sku_1", "lead_time_days": 3, "service_level": 0.9,
                      "on_hand": 30}}
LINES = {"Content-Type": "application/x-ndjson"}
ROUTE = "deployments: {daily: {schedule: daily, stale_days_max: 36500, deadline_ms: 10000}}\n"


def path(kind):
    return f"/api/v1/predictions/{kind}/batch"


def lines_of(items):
    return "".join(json.dumps(item) + "\n" for item in items).encode()


def read_lines(body):
    check(body.endswith(b"\n"), "a reply in lines ends with one", body[-100:])
    return [json.loads(line) for line in body.splitlines()]


def same_as_single(service):
    for kind, item in KINDS.items():
        single = service.post(f"/api/v1/predictions/{kind}", item)
        key = "problem" if kind == "stockout" else "answer"
        check(single.status == (404 if kind == "stockout" else 200), kind, single)
        items = [item, {**item, "node": "nobody"}, item]
        answer = service.post(path(kind), {"requests": items})
        check(answer.status == 200 and answer.type == "application/json", kind, answer)
        check(answer.headers.get("transfer-encoding") == "chunked", kind, "in pieces")
        reply = answer.json()
        check([one["index"] for one in reply["results"]] == [0, 1, 2], kind, reply)
        for one in (reply["results"][0], reply["results"][2]):
            want, got = single.json(), one[key]
            for moving in ("age_s", "age_days", "late", "instance", "request_id", "trace_id"):
                want.pop(moving, None), got.pop(moving, None)
            check(got == want, kind, "as the single answer", got, want)
        check(reply["results"][1]["problem"]["status"] == 404, kind, reply["results"][1])
        answered = 2 if key == "answer" else 0
        check((reply["answered"], reply["refused"]) == (answered, 3 - answered), kind, reply)
        answer = service.ask("POST", path(kind), LINES, lines_of(items) + b"{nonsense\n")
        check(answer.type == "application/x-ndjson", kind, answer)
        got = read_lines(answer.body)
        check([one.get("line") for one in got] == [1, 2, 3, 4, None], kind, got)
        check(got[0][key] == got[2][key], kind, "lines agree")
        check(got[3]["problem"]["status"] == 400, kind, got[3])
        check(got[4] == {"answered": answered, "refused": 4 - answered, "degraded": 0}, kind,
              got[4])
        packed = service.ask("POST", path(kind), {**LINES, "Accept-Encoding": "gzip"},
                             lines_of(items))
        check(packed.headers.get("content-encoding") == "gzip", kind, packed)
        check(len(read_lines(packed.body)) == 4, kind, "packed lines")


def resident(service):
    with open(f"/proc/{service.process.pid}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))


def begin(service, body, read=0):
    """A connection that has asked for a reply in lines."""
    connection = service.connect()
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.send(f"POST {path('demand')} HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                    f"application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body)
    while len(connection.taken) < read and connection.more():
        pass
    return connection


def memory_does_not_grow(service, sanitized):
    """10,000 and 40,000 lines: the body, and no more than a piece of the reply."""
    item = {"node": "sku_1"}
    service.ask("POST", path("demand"), LINES, lines_of([item] * 10))
    before, grown = resident(service), {}
    for count in (10000, 40000):
        body = lines_of([item] * count)
        with begin(service, body) as connection:
            sizes, taken, rest = [], 0, b""
            while not rest.endswith(b"\r\n0\r\n\r\n"):
                connection.taken = b""
                if not check(connection.more(), count, "the reply is whole"):
                    break
                taken, rest = taken + len(connection.taken), (rest + connection.taken)[-2000:]
                sizes.append(resident(service) if len(sizes) % 50 == 0 else sizes[-1])
            grown[count] = max(sizes) - before - len(body)
            print(f"{count} lines: body {len(body)} bytes, reply {taken} bytes, "
                  f"resident {grown[count]:+} bytes above the body")
            check(b'"answered":%d,"refused":0' % count in rest, count, "all are answered", rest)
            check(taken > 50 * len(body), "the reply is much larger", taken)
    for count, size in grown.items():
        # A piece and what the allocator keeps; a sanitizer keeps what was freed for a while.
        check(size < (8 << 20) * (64 if sanitized else 1), count, "lines took", size)


def slow_and_gone(service):
    """Who reads slowly gets all of it, others are answered meanwhile; who goes away is dropped."""
    body = lines_of([{"node": "sku_1"}] * 2000)
    with begin(service, body, read=1000) as slow:
        gone = begin(service, body, read=1000)
        gone.close()
        times = []
        for _ in range(20):
            start = time.monotonic()
            check(service.get("/livez").status == 200, "others are answered")
            times.append(time.monotonic() - start)
            slow.more()
        print(f"/livez beside two batches: {max(times) * 1e3:.1f} ms at most")
        check(eventually(lambda: service.metrics()["almanac_http_requests_in_flight"] <= 2),
              "the one that went away is over")
        while not slow.taken.endswith(b"\r\n0\r\n\r\n") and slow.more():
            pass
        answer = slow.answer()
        check(answer and len(read_lines(answer.body)) == 2001, "the slow one gets all of it")


def limits(folder):
    """500 a minute are 10,000 items of demand: what the buckets count, and what is refused. They
    are filled so slowly that a busy machine changes nothing."""
    with open(os.path.join(SOURCE, "tests/golden/access/api_keys.json")) as file:
        golden = json.load(file)
    record = golden["keys"][0]
    key, record["roles"], record["note"] = record["note"], ["predictor"], "batches"
    service = Service({"access": {"api_keys": {"file": "keys.json"},
                                  "limits": {"requests_per_minute": 1, "burst": 60}}},
                      options=(), folder=folder)
    service.write("keys.json", json.dumps(golden))
    headers = {"X-API-Key": key}

    def left(answer):
        return int(answer.headers["ratelimit"].split("r=")[1].split(";")[0])

    with service:
        item = KINDS["demand"]
        answer = service.post(path("demand"), {"requests": [item] * 400}, headers)
        check(answer.status == 200 and answer.json()["answered"] == 400, answer)
        check(39 <= left(answer) <= 41, "400 items are 20 requests", answer)
        answer = service.post(path("optimize"), {"requests": [KINDS["optimize"]] * 40}, headers)
        check(answer.status == 200 and 29 <= left(answer) <= 32, "40 advices are 10", answer)
        answer = service.ask("POST", path("demand"), {**LINES, **headers}, lines_of([item] * 1000))
        check(answer.status == 429 and int(answer.headers["retry-after"]) >= 10, "no room", answer)
        check(answer.type == "application/problem+json", answer)
        check(answer.raw.lower().count(b"\nratelimit:") == 1, "one header", answer)
        check(28 <= left(answer) <= 32, "what was refused took one", answer)
        answer = service.ask("POST", path("demand"), {**LINES, **headers}, lines_of([item] * 1201))
        check(answer.status == 413 and "retry-after" not in answer.headers, "never", answer)
        check("61 requests" in answer.json()["detail"], answer)
        answer = service.post(path("demand"), {"requests": [item] * 20}, headers)
        check(answer.status == 200 and answer.json()["answered"] == 20, "a small one goes", answer)
        answer = service.post(path("demand"), {"requests": [item]})
        check(answer.status == 401, "without a key", answer)


def stops(folder):
    """SIGTERM in the middle of a reply: it is sent to its end, or cut off where no time is left."""
    body = lines_of([{"node": "sku_1"}] * 4000)
    for seconds in (60, 0):
        service = Service({"limits": {"drain_seconds": seconds}}, folder=folder)
        with service:
            connection = begin(service, body, read=5000)
            service.signal()
            check(eventually(lambda: "stopping" in service.text), "it stops")
            if seconds:
                check(service.process.poll() is None, "it waits for the reply")
            else:
                check(service.wait() == 0, "it does not wait", service.status)
            raw = b""
            while True:
                connection.taken = b""
                piece = connection.more()
                raw = (raw + piece)[-1000:]
                if not piece or raw.endswith(b"\r\n0\r\n\r\n"):
                    break
            is_whole = raw.endswith(b"\r\n0\r\n\r\n") and b'"answered":4000' in raw
            check(is_whole == bool(seconds), "whole, or seen to be cut off", raw[-200:])
            connection.close()
            check(service.wait() == 0, "exit status", service.status)


def ordinary_client(service):
    """What http.client makes of it, line by line."""
    client = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)
    client.request("POST", path("demand"), gzip.compress(lines_of([KINDS["demand"]] * 300)),
                   {**LINES, "Content-Encoding": "gzip"})
    response = client.getresponse()
    got = [json.loads(line) for line in response]
    check(len(got) == 301 and got[-1]["answered"] == 300, "lines by http.client", len(got))
    client.close()


def main():
    service = Service({"listen": {"workers": 1}})
    service.folder = project(service.folder)
    with open(os.path.join(service.folder, "almanac.yaml"), "a") as file:
        file.write(ROUTE)
    with service:
        same_as_single(service)
        ordinary_client(service)
        memory_does_not_grow(service, "asan" in os.environ.get("ALMANAC", "") or
                             "tsan" in os.environ.get("ALMANAC", ""))
        slow_and_gone(service)
        limits(service.folder)
        stops(service.folder)
    finish()


if __name__ == "__main__":
    sys.exit(main())
