#!/usr/bin/env python3
"""What an attacker may send: heads and bodies without end, requests that two servers read
differently, addresses that point elsewhere, JSON that hurts. The service answers or closes, stays
as small as it was, and goes on."""
import gzip
import json
import re
import socket
import tempfile
import time

import _document
from _service import MODEL, Answer, Service, check, columns, eventually, finish, project

HEAD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = b"GET /metrics?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
PROBLEM = "application/problem+json"


def statuses(raw):
    """Of all replies in what came back."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", raw)]


def smuggling(service):
    """Nothing behind a request of unclear length is taken for a request; the connection ends."""
    lengths = [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\n"
        b"Content-Length: 6", b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 5, 5",
        b"Content-Length: +5", b"Content-Length: -5", b"Content-Length: 0x5", b"Content-Length: 5x",
        b"Content-Length: 99999999999999999999999", b"Content-Length : 5", b"Content-Length:",
        b"Transfer-Encoding : chunked", b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        b"Transfer-Encoding: identity", b" Transfer-Encoding: chunked", b"X: a\rContent-Length: 5",
        b"Host: other", b"no colon", b"X y: z", b"X\0y: z", b"X: \x01",
    ]
    for fields in lengths:
        raw = service.raw(b"POST /livez HTTP/1.1\r\nHost: localhost\r\n" + fields +
                          b"\r\n\r\n0\r\n\r\n" + SMUGGLED)
        found = statuses(raw)
        check(set(found) <= {400, 413}, fields, "is refused", raw[:300])
        check(b"almanac_" not in raw, fields, "smuggles nothing")
    version = b"POST /livez HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    check(statuses(service.raw(version + SMUGGLED)) == [400], "no chunks in HTTP/1.0")
    # A body that is refused before it is read: what is in it is not a request either.
    body = SMUGGLED + b"x" * 10
    for size in (len(body), 70000):
        raw = service.raw(b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
                          b"Connection: close\r\n\r\n" % size + body.ljust(size, b"x"))
        check(statuses(raw)[:1] == [405] and b"almanac_" not in raw, "a refused body", raw[:300])
    raw = service.raw(b"POST /livez HTTP/1.1\r\nHost: localhost\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(SMUGGLED) + SMUGGLED +
                      b"\r\n0\r\n\r\n")
    check(statuses(raw) == [405], "a refused body in chunks", raw[:300])


def line_ends_and_versions(service):
    with service.connect() as connection:
        connection.send(HEAD + b"\r\n" + HEAD + b"X: 1\r\n\r\n" +
                        b"HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" + HEAD + b"\r\n")
        for is_head in (False, False, True, False):
            answer = connection.answer(is_head)
            check(answer and answer.status == 200, "each request of a pipeline", answer)
            check(answer.body == (b"" if is_head else b"ok\n"), "has its reply", answer)
    raw = service.raw(b"GET /livez HTTP/1.1\nHost: localhost\nConnection: close\n\n")
    check(statuses(raw) in ([200], [400]), "LF alone is a line end or an error", raw)
    raw = service.raw(b"\r\n\r\n" + HEAD + b"Connection: close\r\n\r\n")
    check(statuses(raw) == [200], "empty lines before a request", raw)
    raw = service.raw(b"GET /livez HTTP/1.0\r\n\r\n")
    check(statuses(raw) == [200], "HTTP/1.0 ends by itself", raw)
    with service.connect() as connection:
        connection.send(b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
        check(connection.answer().status == 200, "or goes on where asked to")
        check(connection.answer().status == 200, "again")
    for line in (b"GET /livez HTTP/2.0", b"GET /livez HTTP/0.9", b"GET /livez",
                 b"GET /livez FTP/1.1", b"\x16\x03\x01\x02\x00\x01", b"GET /li vez HTTP/1.1",
                 b" GET /livez HTTP/1.1"):
        raw = service.raw(line + b"\r\nHost: localhost\r\n\r\n")
        check(not raw or statuses(raw)[0] >= 400, line, "is refused", raw)
    raw = service.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    check(not raw or statuses(raw)[0] >= 400, "HTTP/2 by heart is refused", raw)
    raw = service.raw(b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n")
    check(statuses(raw)[0] == 400, "HTTP/1.1 without Host", raw)


def addresses(service):
    cases = {
        "/livez": 200, "/live%7a": 200, "/livez?a=%zz&&&==": 200, "http://localhost/livez": 200,
        "HTTPS://other:1/livez?x=/y": 200, "http://localhost": 200, "/": 200, "//livez": 404,
        "/livez/": 404, "/livez/.": 404, "/./livez": 404, "/x/../livez": 404, "/../livez": 404,
        "/%2e%2e/livez": 404, "/%2flivez": 404, "/livez%2f": 404, "/livez%00": 404, "/livez%0": 404,
        "/li%76%65z%": 404, "/livez;a=b": 404, "/livez%20": 404, "/LIVEZ": 404, "*": 404,
        "livez": 404,
        "/api%2fv1%2fmetrics": 404, "/..%2f..%2f..%2fetc%2fpasswd": 404, "/\xff\xfe": 404,
        "/%ff": 404, "/%c0%ae%c0%ae/etc/passwd": 404, "/livez#x": 404, "/" + "a/" * 2000: 404,
        "http://localhost/../etc/passwd": 404, "file:///etc/passwd": 404, "/\\..\\livez": 404,
        "/<script>alert(1)</script>": 404, "/%0d%0aSet-Cookie:%20a=b": 404,
    }
    for target, status in cases.items():
        answer = service.ask("GET", target)
        check(answer.status == status, target[:80], "gives", answer.status)
        check("set-cookie" not in answer.headers, "nothing is injected", answer.headers)
        if status == 404:
            check(answer.type == PROBLEM and answer.json()["status"] == 404, "a problem", answer)
    for method, status in (("TRACE", 405), ("CONNECT", 405), ("BREW", 501), ("get", 501),
                           ("DELETE", 405), ("OPTIONS", 405), ("PATCH", 405)):
        answer = service.ask(method, "/livez")
        check(answer.status == status, method, answer)
        check(status != 405 or answer.headers.get("allow") == "GET, HEAD", "Allow", answer)


def heads(service):
    fields = b"".join(b"X-%d: a\r\n" % i for i in range(100))
    raw = service.raw(HEAD + fields + b"\r\n")
    check(statuses(raw) == [431], "a hundred fields", raw[:200])
    long = "a" * 20000
    for target, fields, status in (("/" + long, {}, 414), ("/livez?" + long, {}, 414),
                                   ("/v2/models/" + long + "/ready", {}, 414),
                                   ("/livez", {"X-Long": long}, 431)):
        answer = service.ask("GET", target, fields)
        check(answer.status == status and answer.type == PROBLEM, target[:20], "too long", answer)
        check(answer.json()["status"] == status, "as a problem", answer)
    # What does not even fit into the HTTP library's memory is refused by it.
    raw = service.raw(HEAD + b"X: " + b"a" * (1 << 20) + b"\r\n\r\n")
    check(not raw or statuses(raw) == [431], "a huge field", raw[:200])
    raw = service.raw(b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    check(not raw or statuses(raw) == [414], "a huge address", raw[:200])
    answer = service.get("/livez", {"X-Request-ID": "a\tb" + "c" * 100})
    check(re.fullmatch("[0-9a-f]{16}", answer.headers.get("x-request-id", "")), "an id is plain")
    answer = service.get("/nothing", {"X-Request-ID": "mine-1", "traceparent":
                                      "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"})
    check(answer.headers.get("x-request-id") == "mine-1", "a plain one comes back", answer)
    check(answer.json()["request_id"] == "mine-1" and answer.json()["trace_id"] == "ab" * 16,
          "in the problem, too", answer)


def bodies(service):
    too_large = (1 << 20) + 1
    for extra in (b"", b"Expect: 100-continue\r\n"):
        with service.connect() as connection:
            connection.send(HEAD + b"Content-Length: %d\r\n" % too_large + extra + b"\r\n")
            answer = connection.answer()
            check(answer and answer.status == 413, "refused by its length", answer)
            check(answer and answer.type == PROBLEM, "as a problem", answer)
            service.seen.append(("GET", "/livez", answer))
            check(connection.is_closed(), "and the connection ends")
    with service.connect() as connection:
        connection.send(HEAD + b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        answer = connection.answer()
        check(answer and answer.status == 400, "refused instead of 100 Continue", answer)
    for target, operation in posts(service):
        with service.connect() as connection:
            connection.send(b"POST %s HTTP/1.1\r\nHost: localhost\r\n"
                            b"Content-Type: application/json\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n" % target.encode())
            piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
            for _ in range(20):
                connection.send(piece)
            connection.send(b"0\r\n\r\n")
            answer = connection.answer()
            check(answer is None or answer.status == 413, target, "refused while it grows", answer)


def posts(service):
    """Operations with a JSON body: target (values filled in) and what the document says of it."""
    return [(_document.target_of(path), operation)
            for path, method, operation in _document.operations(service.get("/openapi.json").json())
            if method == "POST" and "application/json" in
            operation.get("requestBody", {}).get("content", {})]


def json_that_hurts(service):
    deep = 10000
    cases = {
        "nothing": b"", "not JSON": b"{", "two values": b"{} {}",
        "deep arrays": b"[" * deep + b"]" * deep,
        "deep objects": b'{"a":' * deep + b"1" + b"}" * deep, "open arrays": b"[" * deep,
        "invalid UTF-8": b'{"a":"\xff\xfe"}', "a lone surrogate": b'{"a":"\\ud800"}',
        "overlong UTF-8": b'{"a":"\xc0\xae"}', "NaN": b'{"a":NaN}', "Infinity": b'{"a":-Infinity}',
        "1e400": b'{"a":1e400}', "a huge integer": b'{"a":' + b"9" * 400 + b"}",
        "duplicate keys": b'{"inputs":[],"inputs":[]}', "NUL": b'{"a":"\\u0000"}',
        "a NUL byte": b'{"a\0":1}',
        "a byte order mark": b"\xef\xbb\xbf{}", "UTF-16": '{"a":1}'.encode("utf-16"),
        "comments": b'{/* */"a":1}', "a trailing comma": b'{"a":1,}', "single quotes": b"{'a':1}",
        "a number": b"1", "null": b"null",
        "many keys": json.dumps({str(i): i for i in range(20000)}).encode(),
    }
    for target, operation in posts(service):
        is_optional = not operation["requestBody"]["required"]
        for name, body in cases.items():
            if is_optional and not body:
                continue
            answer = service.post(target, body)
            check(400 <= answer.status < 500, target, name, "is the client's fault", answer)
        if "application/octet-stream" not in operation["requestBody"]["content"]:
            answer = service.ask("POST", target, {"Content-Type": "image/png"}, b"\x89PNG")
            check(answer.status in (400, 415), target, "wants JSON", answer)
        for coding, status in (("gzip", 400), ("br", 415), ("gzip, gzip", 415)):
            answer = service.post(target, b"{}", {"Content-Encoding": coding})
            check(answer.status == status, target, coding, answer)
    bomb = gzip.compress(b" " * (64 << 20))
    for target, _ in posts(service):
        answer = service.post(target, bomb, {"Content-Encoding": "gzip"})
        check(answer.status == 413, target, "a bomb of gzip", answer)
    for flat in (True, False):  # a valid request that is as large as it may be, and one row more
        rows = 2000
        data = [0.5] * (rows * len(columns())) if flat else [[0.5] * len(columns())] * rows
        asked = {"inputs": [{"name": "input", "shape": [rows, len(columns())], "datatype": "FP64",
                             "data": data}]}
        check(service.post("/v2/models/m/infer", asked).status == 200, "many rows")
        asked["inputs"][0]["shape"][0] = 10 ** 15
        answer = service.post("/v2/models/m/infer", asked)
        check(answer.status in (400, 413), "more rows than there are", answer)


def slow_senders():
    """A head, a body and an idle connection each end in time; others are served meanwhile."""
    with Service({"limits": {"request_seconds": 2}, "listen": {"workers": 1}}) as service:
        start = time.monotonic()
        slow = {"nothing": b"", "half a line": b"GET /liv", "half a head": HEAD,
                "half a body": HEAD + b"Content-Length: 10\r\n\r\nabc",
                "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01"}
        connections = {name: service.connect() for name in slow}
        for name, data in slow.items():
            connections[name].send(data)
        kept = service.connect()
        kept.send(HEAD + b"\r\n")
        check(kept.answer().status == 200, "an ordinary request")
        dripped = HEAD + b"X: " + b"a" * 1000
        for i in range(len(HEAD), len(dripped)):  # a byte every now and then does not help
            if not connections["half a head"].send(dripped[i:i + 1]):
                break
            time.sleep(0.1)
            if i % 10 == 0:
                check(service.get("/livez").status == 200, "others are served meanwhile")
            if time.monotonic() - start > 40:
                break
        check(time.monotonic() - start < 40, "dripping is cut off")
        for name, connection in {**connections, "idle": kept}.items():
            check(connection.is_closed(), name, "is cut off")
        metrics = service.metrics()
        check(sum(value for name, value in metrics.items() if 'timed_out' in name) >= 6,
              "and counted", {n: v for n, v in metrics.items() if "connection" in n})


def who_hangs_up_is_forgotten(service):
    """In the head, in the body, after an exchange: nothing is kept until the time is over."""
    texts = (b"G", b"GET /livez HTT", b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A",
             b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    before = service.metrics()["process_open_fds"]
    for i in range(40):
        with service.connect() as connection:
            if i % 2:
                connection.send(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
                check(connection.answer().status == 200, "an exchange before")
            connection.send(texts[i % len(texts)])
    check(eventually(lambda: service.metrics()["process_open_fds"] <= before + 3, 12),
          "connections are closed", before, service.metrics()["process_open_fds"])
    with service.connect() as connection:  # who only says that no more comes gets his reply
        connection.send(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        connection.socket.shutdown(socket.SHUT_WR)
        check(Answer(connection.rest()).status == 200, "half closed")


def many_small_values(folder):
    """A body of the usual limit with millions of values takes a small multiple of its bytes."""
    with Service({"listen": {"workers": 1}}, ["--development", "--model", MODEL],
                 folder=folder) as service:
        before = memory(service, "VmHWM")
        for item in (b"1,", b"[],", b'{"":{}},'):
            body = b'{"a":[' + item * ((16_000_000 - 20) // len(item)) + b"1]}"
            for target, _ in posts(service):
                answer = service.post(target, body)
                check(answer.status in (400, 413), target, item, "is refused", answer)
        stays_small(service, before, "VmHWM")


def memory(service, what):
    with open(f"/proc/{service.process.pid}/status") as file:
        return int(re.search(rf"{what}:\s+(\d+)", file.read())[1])


def stays_small(service, before, what="VmRSS"):
    peak = memory(service, what)
    # AddressSanitizer keeps up to 256 MiB of freed memory to itself.
    with open(f"/proc/{service.process.pid}/maps", encoding="utf-8") as file:
        kept = 256 * 1024 if "libasan" in file.read() else 0
    check(peak - before < 200_000 + kept, "memory grew by", peak - before, "KiB")


def main():
    slow_senders()
    settings = {"limits": {"body_mib": 1, "request_seconds": 20}, "listen": {"workers": 2}}
    with tempfile.TemporaryDirectory() as folder, \
            Service(settings, ["--development", "--model", MODEL], {"LOG_LEVEL": "debug"},
                    project(folder)) as service:
        before = memory(service, "VmRSS")
        smuggling(service)
        line_ends_and_versions(service)
        addresses(service)
        heads(service)
        bodies(service)
        json_that_hurts(service)
        who_hangs_up_is_forgotten(service)
        stays_small(service, before)
        check(service.get("/livez").status == 200, "it goes on")
        check(eventually(lambda: service.metrics()["almanac_http_requests_in_flight"] == 1),
              "nothing is left at work")
        check(not [line for line in service.lines() if line.get("status", 0) >= 500
                   and line["status"] != 501], "no error of the server")
        document = service.get("/openapi.json").json()
        for fault in _document.undocumented(document, service.seen):
            check(False, fault)
        service.stop()
        many_small_values(service.folder)
    finish()


main()
