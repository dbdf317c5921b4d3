"""What prometheus_client shows for a few meters, in both formats.

    python3 generate.py            (prometheus_client 0.26.0; writes text.txt and openmetrics.txt here)
    python3 generate.py check      (parses an OpenMetrics exposition from standard input, strictly)
    python3 generate.py check-text (the same for the text format 0.0.4)

src/monitor/prometheus_test.c counts the same and compares: comment lines and keys as they are,
values as numbers (the client writes 3.0, almanac writes 3). The client sorts labels by name, so the
meters here have theirs in that order, and before "le". Its parsers stand beside its writer: both
forms are read back before they are written.
"""
import os
import sys

from prometheus_client import (CollectorRegistry, Counter, Gauge, Histogram, Info,
                               disable_created_metrics, exposition)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

HERE = os.path.dirname(os.path.abspath(__file__))
BOUNDS = [.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5,
          10]


def fill(registry):
    requests = Counter("t_requests_total", 'With "quotes", a \\ and\na line.', ["method", "path"],
                       registry=registry)
    requests.labels("GET", "/a").inc(3)
    requests.labels("POST", '/"b"').inc(1)
    requests.labels("POST", "/\\c\nd").inc(9007199254740991)
    requests.labels("", "ü€").inc(2)
    busy = Counter("t_busy_seconds_total", "Seconds.", registry=registry, unit="seconds")
    busy.inc(12.345678901)
    temperature = Gauge("t_temperature", "Degrees.", ["at"], registry=registry)
    for at, value in (("a", -1.5), ("b", float("nan")), ("c", float("inf")), ("d", float("-inf")),
                      ("e", 1e300), ("f", 0.1)):
        temperature.labels(at).set(value)
    Gauge("t_open", "Open.", registry=registry).set(-3)
    Info("t_build", "Build.", registry=registry).info({"commit": "abc", "version": "1.2"})
    latency = Histogram("t_latency_seconds", "Latency.", ["a"], registry=registry, buckets=BOUNDS,
                        unit="seconds")
    for value in (.00005, .000051, .0002, .3, 1, 10, 10.000000001):
        latency.labels("x").observe(value)
    latency.labels("y")
    size = Histogram("t_size_bytes", "Size.", registry=registry, buckets=[1, 1024, 1048576],
                     unit="bytes")
    for value in (0, 1, 2, 2000000):
        size.observe(value)


def main():
    if sys.argv[1:] in (["check"], ["check-text"]):
        parse = parse_openmetrics if sys.argv[1] == "check" else parse_text
        families = list(parse(sys.stdin.read()))
        print(len(families), "families,", sum(len(f.samples) for f in families), "samples")
        return
    disable_created_metrics()
    registry = CollectorRegistry()
    fill(registry)
    for name, write, parse in (("text.txt", exposition.generate_latest, parse_text),
                               ("openmetrics.txt", openmetrics.generate_latest,
                                parse_openmetrics)):
        text = write(registry)
        assert list(parse(text.decode()))
        with open(os.path.join(HERE, name), "wb") as file:
            file.write(text)


main()
