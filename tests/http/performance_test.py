#!/usr/bin/env python3
"""What releases were worth: figures of the backtest as the registry has them, and committed
predictions against the days that have come since, computed again here from the files. Then the
whole picture of the service, by who asks."""
import csv
import json
import os
import subprocess
from datetime import date, timedelta

from _service import ALMANAC, SOURCE, Service, check, eventually, finish, project

PERFORMANCE = "/api/v1/models/performance"
START, RUNS, END = "2023-01-01", ["2024-02-01", "2024-02-03"], "2024-02-05"
WAIT = 120  # it looks every ten seconds


def almanac(service, *arguments):
    made = subprocess.run([ALMANAC, *arguments], cwd=service.folder, capture_output=True, text=True,
                          check=False)
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr)
    return made.stdout.strip()


def snapshot(service, end):
    return almanac(service, "snapshot", "--start", START, "--end", end, "--quiet")


def demand(service):
    """{(level, node, day): units}; a day without a row is a zero."""
    sold = {}
    with open(os.path.join(service.folder, "data/sales.csv")) as file:
        for row in csv.DictReader(file):
            for key in (("series", row["sku"]), ("total", "total")):
                at = (*key, row["date"])
                sold[at] = sold.get(at, 0) + int(row["units"])
    return sold


def expected(service, runs):
    """Figures by level over the runs of these dates, up to the end of the newest snapshot."""
    sold, pairs = demand(service), {}
    for day in runs:
        rows = json.loads(almanac(service, "predictions", "query", "--model", "demand-1", "--date",
                                  day, "--format", "json"))["rows"]
        for row in rows:
            if row["target_date"] < END:
                y = sold.get((row["level"], row["node"], row["target_date"]), 0)
                pairs.setdefault(row["level"], []).append((y, row["mean"], row["q05"], row["q95"]))
    figures = {}
    for level, of in pairs.items():
        total = sum(y for y, *_ in of)
        figures[level] = {
            "pairs": len(of),
            "wape": sum(abs(f - y) for y, f, *_ in of) / total,
            "bias": sum(f - y for y, f, *_ in of) / total,
            "rmse": (sum((f - y) ** 2 for y, f, *_ in of) / len(of)) ** .5,
            "mape": sum(abs(f - y) / y for y, f, *_ in of if y) / sum(1 for y, *_ in of if y),
            "coverage": sum(low <= y <= high for y, _, low, high in of) / len(of)}
    return figures


def compare(told, want):
    got = {one["level"]: one for one in told["levels"]}
    check(set(got) == set(want), "levels", got, want)
    for level, figures in want.items():
        for name, value in figures.items():
            # Both sum up some dozens of doubles, in another order.
            check(abs(got[level][name] - value) <= 1e-9 * max(1, abs(value)), level, name,
                  got[level][name], value)


def damage_run(service, day):
    """Writes nonsense over the file that the run of this date is read from."""
    folder = os.path.join(service.folder, ".almanac/objects")
    files = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]
    digest = None
    for file in files:
        with open(file, "rb") as data:
            text = data.read()
        if b'"fan_object"' in text and f'"prediction_date":"{day}"'.encode() in text:
            digest = json.loads(text)["fan_object"]
    damaged = [file for file in files if digest and file.replace("/", "").endswith(digest)]
    check(len(damaged) == 1, "the file of the run of", day, digest)
    os.chmod(damaged[0], 0o600)
    with open(damaged[0], "wb") as file:
        file.write(b"nonsense")


def told(service):
    return service.get(PERFORMANCE).json()["models"][0]


def performance(service):
    answer = service.get(PERFORMANCE)
    check(answer.status == 200, answer)
    model = answer.json()["models"][0]
    check(model["model_version"] == "demand-1" and model["routes"] == ["daily"], model)
    levels = {one["level"] for one in model["backtest"]}
    check(levels == {"series", "total"} and model["backtest_reason"] is None, model)
    check(model["realised"] is None and model["realised_reason"], "nothing has come yet", model)
    check(eventually(lambda: "newest snapshot ends before 2024-02-01" in
                     told(service)["realised_reason"], WAIT), "it has looked", told(service))
    check(service.get(PERFORMANCE + "?model_version=production").json()["models"] ==
          [told(service)], "by an alias")
    check(service.get(PERFORMANCE + "?model_version=demand-9").status == 404, "no such release")
    check(service.get(PERFORMANCE + "?model_version=").status in (400, 404), "an empty name")
    # Two days later: a snapshot, a run from it; then two more days have come.
    almanac(service, "run", "--snapshot", snapshot(service, RUNS[1]), "--quiet")
    newest = snapshot(service, END)
    check(eventually(lambda: (told(service)["realised"] or {}).get("snapshot_id") == newest, WAIT),
          "it is compared", told(service))
    realised = told(service)["realised"]
    check(realised["runs"] == 2 and realised["problem"] is None, realised)
    check((realised["first"], realised["last"]) ==
          (RUNS[0], str(date.fromisoformat(END) - timedelta(1))), "days", realised)
    check(abs(realised["interval"] - .9) < 1e-12, realised)
    check(realised["levels"][0]["level"] == "series", "series first", realised)
    want = expected(service, RUNS)
    check(want["series"]["pairs"] == 3 * (4 + 2) and want["total"]["pairs"] == 6, "pairs", want)
    compare(realised, want)
    # A run that cannot be read is left out, and said.
    damage_run(service, RUNS[0])
    newest = snapshot(service, "2024-02-04")  # ends earlier: the newest is the one that ends last
    almanac(service, "run", "--snapshot", newest, "--quiet")
    check(eventually(lambda: (told(service)["realised"] or {}).get("problem"), WAIT), "it is told",
          told(service))
    realised = told(service)["realised"]
    check("cannot be loaded" in realised["problem"] and realised["runs"] == 2, realised)
    compare(realised, expected(service, [RUNS[1], "2024-02-04"]))


def health(folder):
    with open(os.path.join(SOURCE, "tests/golden/access/api_keys.json")) as file:
        golden = json.load(file)
    keys = {}
    for record, roles in zip(golden["keys"], (["viewer"], ["predictor"])):
        keys[roles[0]], record["roles"], record["note"] = record["note"], roles, "health"
        record.pop("models", None)
    service = Service({"access": {"api_keys": {"file": "keys.json"},
                                  "limits": {"requests_per_minute": 20}}}, (), folder=folder)
    service.write("keys.json", json.dumps(golden))
    with service:
        for _ in range(30):  # anybody, as often as he likes
            answer = service.get("/api/v1/health")
            check(answer.status == 200 and answer.json() == {"status": "degraded"}, answer)
        answer = service.get("/api/v1/health", {"X-API-Key": keys["viewer"]})
        check(answer.status == 200 and "ratelimit" in answer.headers, answer)
        whole = answer.json()
        check(whole["status"] == "degraded" and "days old" in whole["reasons"][0], whole)
        check(whole["routes"][0]["state"] == "stale" and whole["routes"][0]["run_id"], whole)
        check(whole["server"]["workers"] >= 1 and whole["server"]["requests"] >= 1, whole)
        check(whole["memory"]["resident_bytes"] > 1 << 20, whole)
        check(whole["stores"]["problem"] is None and whole["jobs"] == [], whole)
        answer = service.get("/api/v1/health", {"X-API-Key": "alm_nonsense"})
        check(answer.status == 401, "wrong credentials are told", answer)
    with Service(options=("--development",), folder=folder) as service:
        check("routes" in service.get("/api/v1/health").json(), "development sees everything")


def main():
    service = Service({"listen": {"workers": 1}})
    service.folder = project(service.folder)
    with service:
        performance(service)
        health(service.folder)
    finish()


main()
