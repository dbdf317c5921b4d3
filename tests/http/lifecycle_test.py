#!/usr/bin/env python3
"""How the service begins and ends: ports and addresses, readiness, what a first and a second signal
do, what becomes of requests that are at work."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

from _service import ALMANAC, PATIENCE, Service, check, eventually, finish

SLOW = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab"


def begin_slowly(service):
    """A request of which the body is not whole: it is at work until more comes."""
    connection = service.connect()
    connection.send(SLOW)
    check(eventually(lambda: in_flight(service) >= 2), "the slow request is at work")
    return connection


def in_flight(service):
    metrics = service.metrics()
    return metrics.get("almanac_http_requests_in_flight", 0)


def signals_drain():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Service({"limits": {"drain_seconds": 30}}) as service:
            check(service.get("/livez").status == 200, "live")
            check(service.get("/readyz").status == 200, "ready")
            slow = begin_slowly(service)
            kept = [service.connect() for _ in range(3)]
            for connection in kept:
                connection.send(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                check(connection.answer().status == 200, "ready over a kept connection")
            service.signal(number)
            check(eventually(lambda: "stopping" in service.text), "it says that it stops")
            kept[0].send(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = kept[0].answer()
            check(answer and answer.status == 503, "not ready while it drains", answer)
            check(answer and answer.headers.get("connection") == "close", "says goodbye", answer)
            check(answer and answer.type == "application/problem+json", "as a problem", answer)
            kept[1].send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = kept[1].answer()
            check(answer and answer.status == 200, "live while it drains", answer)
            check(eventually(lambda: is_refused(service)), "nobody new gets in")
            check(service.process.poll() is None, "it waits for the request at work")
            slow.send(b"cd")
            answer = slow.answer()
            check(answer and answer.status == 400, "the request at work is answered", answer)
            check(answer and answer.is_whole, "wholly")
            start = time.monotonic()
            check(service.wait() == 0, "exit status", service.status)
            check(time.monotonic() - start < 20, "and it ends without waiting for the limit")
            check(kept[2].is_closed(), "idle connections end")


def is_refused(service):
    try:
        socket.create_connection((service.host, service.port), 1).close()
    except ConnectionRefusedError:
        return True
    except OSError:  # not yet: it was slow
        pass
    return False


def draining_is_bounded():
    with Service({"limits": {"drain_seconds": 1}}) as service:
        slow = begin_slowly(service)
        service.signal()
        start = time.monotonic()
        check(service.wait() == 0, "exit status", service.status)
        took = time.monotonic() - start
        check(0.5 < took < PATIENCE / 2, "it waits as long as it was told", took)
        check(slow.is_closed(), "and ends the request")


def a_second_signal_ends_it_at_once():
    with Service({"limits": {"drain_seconds": 3600}}) as service:
        begin_slowly(service)
        service.signal()
        check(eventually(lambda: "stopping" in service.text), "it says that it stops")
        service.signal()
        start = time.monotonic()
        check(service.wait() not in (0, None), "exit status", service.status)
        check(service.status > 0, "no crash", service.status)
        check(time.monotonic() - start < 30, "at once")
        check("interrupted" in service.text, service.text)


def refuses(options, *words, env=None, settings="listen: {workers: 1}\n"):
    """The command ends by itself, with a message that has these words."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "serve.yaml"), "w") as file:
            file.write(settings)
        result = subprocess.run(
            [ALMANAC, "serve", "--settings", "serve.yaml"] + options, cwd=folder,
            env={**{k: v for k, v in os.environ.items() if k != "PORT"}, **(env or {})},
            capture_output=True, text=True, timeout=PATIENCE)
    text = result.stderr + result.stdout
    check(0 < result.returncode < 126, *options, result.returncode, text)
    for word in words:
        check(word in text, "says", word, text)
    check(text.count("\n") <= 3, "in few lines", text)


def ports_and_addresses():
    with Service() as service:
        refuses(["--development", "--port", str(service.port)], str(service.port), "127.0.0.1",
                "already in use")
        check(service.get("/livez").status == 200, "the first one goes on")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Service(env={"PORT": str(port)}) as service:
        check(service.port != port, "--port is stronger than PORT")
    by_variable = Service({"listen": {"port": 1}}, env={"PORT": str(port)})
    by_variable.start(port=None)
    check(by_variable.port == port, "PORT is stronger than the settings", by_variable.port)
    by_variable.stop()
    refuses(["--development"], "PORT", "a17", env={"PORT": "a17"})
    refuses(["--development"], "70000", env={"PORT": "70000"})
    refuses(["--development", "--port", "-1"], "-1")
    refuses(["--development", "--address", "127.0.0.x"], "127.0.0.x")
    refuses(["--development", "--address", "0.0.0.0", "--port", "0"], "loopback")
    refuses(["--development", "--address", "::", "--port", "0"], "loopback")
    refuses(["--port", "0"], "access")
    refuses(["--port", "0"], "serve.yaml:1", settings="acces: {}\n")
    refuses(["--port", "0", "--development"], "tls", settings="tls: {certificate: a.pem}\n")


def a_port_is_free_again_at_once():
    """A restart must not wait for connections of the past (TIME_WAIT)."""
    with Service() as service:
        service.get("/livez")
        port = service.port
    again = Service()
    again.start(port=str(port))
    check(again.get("/livez").status == 200, "listens there again")
    again.stop()


def ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        print("no IPv6 here")
        return
    with Service(options=["--development", "--address", "::1"], host="::1") as service:
        check(service.get("/livez").status == 200, "live over IPv6")
        check(service.get("/metrics").status == 200, "and this machine is known as such")
        check(re.search(r"http://\[::1\]:\d+", service.text), service.text)


def more_connections_than_the_soft_limit_of_files():
    limited = ["bash", "-c", "ulimit -Sn 64 && exec \"$@\"", "bash"]
    with Service(options=["--development", "--workers", "1"], prefix=limited) as service:
        many = [service.connect() for _ in range(150)]
        for connection in many:
            connection.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answers = [connection.answer() for connection in many]
        check(all(answer and answer.status == 200 for answer in answers), "all are answered")
        for connection in many:
            connection.close()


def full_means_waiting():
    """What is above the limit of connections waits, and is answered when one ends."""
    settings = {"limits": {"connections": 8, "request_seconds": 60}, "listen": {"workers": 1}}
    with Service(settings) as service:
        many = [service.connect() for _ in range(20)]
        for connection in many:
            connection.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for connection in many:
            answer = connection.answer()
            check(answer and answer.status == 200, "answered in its turn", answer)
            connection.close()


signals_drain()
draining_is_bounded()
a_second_signal_ends_it_at_once()
ports_and_addresses()
a_port_is_free_again_at_once()
ipv6()
more_connections_than_the_soft_limit_of_files()
full_means_waiting()
finish()
