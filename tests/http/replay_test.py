#!/usr/bin/env python3
"""Every answer of the product is on record, computed ones too, and all of them are made again bit
for bit: beside the service, after it, and with the events of days before. What was changed since is
found, and what is not there is said."""
import datetime
import json
import os
import shutil
import subprocess
import tempfile

from _service import (ALARMS, ALMANAC, SECOND_RELEASE, Service, _made, check, days_moved_to,
                      eventually, finish, today)

DAY = today() # stays what it is when midnight passes
SETTINGS = {"listen": {"workers": 2}, "predictions": {"folder": "log", "rate": 1}}
PREDICT = "/api/v1/predictions/"
# Routes whose models have no time: somebody below answers, deterministically.
ROUTES = """
deployments:
  daily: {schedule: daily, previous: true, deadline_ms: 60000}
  before: {schedule: daily, previous: true, deadline_ms: 60000,
           shares: {model: 0, previous: 1, batch: 0, rule: 0}}
  run: {schedule: daily, deadline_ms: 60000, shares: {model: 0, previous: 0, batch: 1, rule: 0}}
  rule: {schedule: daily, deadline_ms: 60000, shares: {model: 0, previous: 0, batch: 0, rule: 1}}
  cold: {schedule: daily, online: false, deadline_ms: 60000}
policies:
  steady: {applies_to: forecasts, max_change: 0.05}
"""


def project(folder):
    """Two releases, both with a run whose days begin today."""
    return _made(folder, days_moved_to(DAY, ROUTES) + "committed" + SECOND_RELEASE)


def is_computed(service):
    """The features of both runs are there."""
    body = {"route": "daily", "node": "sku_1", "scenarios": [{"name": "x"}]}
    return all(eventually(lambda: service.post("/api/v1/whatif", asked).status == 200)
               for asked in (body, {**body, "model_version": "demand-1"}))


def questions():
    """(path, body, steps that may answer) of everything that can be asked."""
    sold = {"historical_sales": [{"date": str(DAY - datetime.timedelta(1)), "value": 31}]}
    for sku in ("sku_1", "sku_2"):
        for route, by in (("daily", "model"), ("before", "previous"), ("run", "batch"),
                          ("rule", "rule"), ("cold", "batch")):
            own = {"route": route, "node": sku}
            made = {**own, "purpose": "what_if", "features": sold}
            yield PREDICT + "demand", {**made, "features": {}}, by
            yield PREDICT + "demand", {**made, "granularity": "week", "interval": 0.9}, by
            if by == "rule":
                continue
            yield (PREDICT + "stockout", {**made, "purpose": "stockout_check",
                                          "stock": {"on_hand": 60}}, by)
            yield (PREDICT + "optimize", {**made, "purpose": "emergency_replenishment",
                                          "lead_time_days": 2, "service_level": 0.9,
                                          "on_hand": 7}, by)
            if by != "batch":
                yield ("/api/v1/whatif", {
                    **own, "stock": {"on_hand": 60}, "features": sold,
                    "order": {"lead_time_days": 2, "service_level": 0.9},
                    "scenarios": [{"name": "more", "demand_factor": 1.5},
                                  {"name": "less", "stock": {"on_hand": 3}}]}, by)
        yield PREDICT + "demand", {"route": "daily", "node": sku}, "batch"
        yield (PREDICT + "optimize", {"route": "daily", "node": sku, "lead_time_days": 2,
                                      "service_level": 0.9, "on_hand": 7}, "batch")
        yield (PREDICT + "demand", {"route": "daily", "node": sku, "model_version": "demand-1",
                                    "purpose": "what_if", "features": sold}, "model")


def ask_all(service):
    asked = 0
    for path, body, by in questions():
        answer = service.post(path, body)
        if check(answer.status == 200, path, body, answer):
            check(answer.json()["served_by"] == by, path, body, answer.json()["served_by"],
                  answer.json().get("misses"))
        asked += 1
    items = [body for path, body, _ in questions() if path.endswith("demand")]
    batch = service.post(PREDICT + "demand/batch", {"requests": items})
    check(batch.json()["answered"] == len(items), batch)
    return asked + len(items)


def replay(folder, *files):
    """Counts and the rows of what is not equal."""
    files = files or sorted(os.path.join("log", name)
                            for name in os.listdir(os.path.join(folder, "log")))
    done = subprocess.run([ALMANAC, "replay", *files, "--json"], cwd=folder, capture_output=True,
                          text=True)
    check(not [alarm for alarm in ALARMS if alarm in done.stderr], done.stderr)
    check(done.returncode in (0, 9), done.returncode, done.stderr)
    body = json.loads(done.stdout)
    return body, [row for row in body["results"] if row["result"] != "equal"]


def expect_equal(folder, answers):
    body, others = replay(folder)
    check(body["answers"] == answers and body["equal"] == answers, body["answers"], body["equal"],
          answers, others[:5])


def tell(service):
    """A sale of today, and a correction of yesterday."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    told = service.post("/api/v1/events", [
        {"id": "today", "kind": "sale", "product_id": "sku_1", "day": str(DAY), "quantity": 7},
        {"id": "late", "kind": "sale", "product_id": "sku_1", "quantity": 50, "known_at": now,
         "day": str(DAY - datetime.timedelta(1))}])
    check(told.status == 200 and told.json()["stored"] == 2, told)


def records(folder):
    for name in sorted(os.listdir(os.path.join(folder, "log"))):
        with open(os.path.join(folder, "log", name)) as file:
            yield from map(json.loads, file)


def changed(folder, record, change):
    """The record with something otherwise, in a file of its own."""
    record = json.loads(json.dumps(record))
    change(record)
    with open(os.path.join(folder, "changed.ndjson"), "w") as file:
        file.write(json.dumps(record, separators=(",", ":")) + "\n")
    body, others = replay(folder, "changed.ndjson")
    return body, (others or [{"why": ""}])[0]["why"]


def what_is_different(folder):
    """After the events; sku_1 of the route `daily`, which the correction moves."""
    computed = [record for record in records(folder)
                if record["served_by"] == "model" and record["route"] == PREDICT + "demand" and
                record["reply"]["node"] == "sku_1" and record["request"].get("features") == {}]
    last = computed[-1]
    check(computed[0]["state"][0]["events"] < last["state"][0]["events"] == 3, last["state"])
    check(computed[0]["reply"]["predictions"] != last["reply"]["predictions"], "events move it")

    def no_events(record):
        record["state"][0]["events"] = 1

    def other_number(record):
        record["reply"]["predictions"][2]["value"] += 1e-9

    def other_model(record):
        record["model_hash"] = "00" * 32

    def other_version(record):
        record["version"] = record["reply"]["model_version"] = "demand-1"

    def before_the_run(record):
        record["state"][0]["end"] = "2020-01-01"

    def more_events(record):
        record["state"][0]["events"] = 99

    for change, part in ((no_events, "now it is"), (other_number, "/predictions/2/value"),
                         (other_model, "model hash"), (other_version, "no state"),
                         (before_the_run, "no such state"), (more_events, "were counted then")):
        body, why = changed(folder, last, change)
        check(body["different"] == 1 and part in why, change.__name__, body, why)

    def no_run(record):
        record["state"][0]["line"] = "run-0000000000000000"

    def moved(record):
        record["state"][0].update(line="", end="", events=0)

    body, why = changed(folder, last, moved)
    check(body["not_replayable"] == 1 and "state is not on record" in why, body, why)
    body, why = changed(folder, last, no_run)
    check(body["not_replayable"] == 1 and "not in the prediction store" in why, body, why)
    return last


def what_became_of_the_log(folder, last):
    events = os.path.join(folder, ".almanac", "events")
    kept = events + ".kept"
    shutil.copytree(events, kept)
    segment = next(os.path.join(events, name) for name in sorted(os.listdir(events))
                   if name.endswith(".events"))
    with open(segment, "r+b") as file:
        text = file.read()
        at = text.index(b'"quantity":50') + len(b'"quantity":')
        file.seek(at)
        file.write(b"9")
    body, why = changed(folder, last, lambda record: None)
    check(body["different"] == 1 and "log of events" in why, body, why)
    shutil.rmtree(events)
    body, why = changed(folder, last, lambda record: None)
    check(body["not_replayable"] == 1, body, why)
    os.rename(kept, events)
    body, why = changed(folder, last, lambda record: None)
    check(body["equal"] == 1, body, why)


def what_became_of_the_model(folder, last):
    """A byte of it is another."""
    name = last["model_hash"]
    path = os.path.join(folder, ".almanac", "objects", name[:2], name[2:])
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    body, why = changed(folder, last, lambda record: None)
    check(body["different"] == 1 and name[:12] in why, body, why)


with tempfile.TemporaryDirectory() as scratch:
    home = project(scratch)
    count = 0
    with Service(SETTINGS, folder=home) as running:
        check(is_computed(running), "it is computed", running.text[-2000:])
        count += 2 + ask_all(running) # with the two what-ifs that were answered before
        tell(running)
        count += ask_all(running)
    expect_equal(home, count)
    with Service(SETTINGS, folder=home) as running: # its lines are opened anew
        check(is_computed(running), "it is computed again", running.text[-2000:])
        count += 2 + ask_all(running)
        eventually(lambda: sum(1 for _ in records(home)) == count)
        expect_equal(home, count) # beside it
    newest = what_is_different(home)
    what_became_of_the_log(home, newest)
    what_became_of_the_model(home, newest)
finish()
