#!/usr/bin/env python3
"""Events over the wire, and a service that is killed while they come: what was acknowledged is
there after every start, once, with the sequence that was told."""
import datetime
import http.client
import json
import os
import random
import signal
import subprocess
import tempfile
import threading
import time

from _service import (ALARMS, ALMANAC, PATIENCE, Service, check, eventually, finish,
                      project_of_today, today, total)

KILLS = 22
EVENTS = "/api/v1/events"
DAY = today() # stays what it is when midnight passes
random.seed(5)


def sale(identity, sku=1, quantity=1, **more):
    return {"id": identity, "kind": "sale", "product_id": f"sku_{sku}", "day": str(DAY),
            "quantity": quantity, **more}


def is_followed(service):
    """503 until the features of the run are there; then it is known that there is no such series.
    What the log has is a duplicate before that."""
    return eventually(lambda: service.post(EVENTS, sale("nobody's", 9)).status == 404)


# ---- answers ----

def answers(service):
    check(is_followed(service), "events are taken", service.text[-1000:])
    check(service.post(EVENTS, sale("first")).json()["stored"] == 1, "the first one")
    first = service.post(EVENTS, sale("a", 2, 3))
    told = first.json()["events"][0]
    check(first.status == 200 and told["outcome"] == "stored" and told["sequence"] == 2, first)
    again = service.post(EVENTS, sale("a", 2, 3.0)).json()
    check(again["duplicates"] == 1 and again["events"][0]["sequence"] == 2, again)
    other = service.post(EVENTS, sale("a", 2, 4))
    check(other.status == 409 and "other content" in other.json()["detail"], other)
    by_keys = {**sale("b"), "keys": {"sku": "sku_2"}}
    del by_keys["product_id"]
    many = service.post(EVENTS, [by_keys, sale("c", 9), sale("a", 2, 4), sale("d"), sale("d"),
                                 sale("e", values={"price": 1})])
    body = many.json()
    check(many.status == 404 and many.type == "application/problem+json", many)
    check([event["outcome"] for event in body["events"]] ==
          ["stored", "refused", "refused", "stored", "duplicate", "refused"], body)
    check([event.get("status") for event in body["events"]] == [None, 404, 409, None, None, 400],
          body)
    check(body["pointer"] == "/1" and body["stored"] == 2 and body["refused"] == 3, body)
    later = DAY + datetime.timedelta(3)
    yesterday = DAY - datetime.timedelta(1)
    for value, status, part in (
            (sale("f", day=str(later)), 400, "future"),
            (sale("g", day=str(yesterday)), 400, "known_at"),
            (sale("h", kind="receipt"), 400, "stock"),
            (sale("i", warehouse_id="w"), 400, "keys"),
            (sale("j", known_at="2100-01-01T00:00:00Z"), 400, "future"),
            (sale("k", quantity=-1), 400, "/quantity"),
            (sale("l", surprise=1), 400, "surprise"),
            (sale(""), 400, "/id"),
            (sale("x" * 200), 400, "/id"),
            ([sale("m"), {"id": "n"}], 400, "/1"),
            ([], 400, "items"), ([sale(f"o{i}") for i in range(1001)], 400, "items"),
            ("text", 400, "array")):
        answer = service.post(EVENTS, value)
        check(answer.status == status and part in answer.json()["detail"], value, answer)
    late = sale("p", known_at=datetime.datetime.now(datetime.timezone.utc).isoformat())
    check(service.post(EVENTS, {**late, "day": str(yesterday)}).status == 200, "told late")
    metrics = service.metrics()
    check(total(metrics, "almanac_events_total", result="accepted") == 5, metrics)
    check(total(metrics, "almanac_queue_depth", queue="events") == 0, metrics)
    return {"first": 1, "a": 2, "b": 3, "d": 4, "p": 5}


# ---- kills ----

class Sender(threading.Thread):
    """Posts arrays of new events until the other side is gone."""

    def __init__(self, service, name):
        super().__init__(daemon=True)
        self.port, self.prefix = service.port, name
        self.sent, self.told = {}, {} # by id: the event, and the sequence that was acknowledged

    def run(self):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            while True:
                number = len(self.sent)
                events = [sale(f"{self.prefix}-{number + i}", 1 + i % 3, 1 + i)
                          for i in range(random.randint(1, 20))]
                self.sent.update((event["id"], event) for event in events)
                client.request("POST", EVENTS, json.dumps(events),
                               {"Content-Type": "application/json"})
                answer = client.getresponse()
                body = json.loads(answer.read())
                if not check(answer.status == 200, "an answer of", answer.status, body):
                    return
                self.told.update((event["id"], event["sequence"]) for event in body["events"])
        except (OSError, http.client.HTTPException, ValueError):
            pass # killed


def post_again(service, sent, told):
    """What was told is there under that sequence, once. What was on its way may be there or not,
    and is told now."""
    events, before = list(sent.values()), max(told.values())
    for at in range(0, len(events), 1000):
        for event in service.post(EVENTS, events[at:at + 1000]).json()["events"]:
            known = told.setdefault(event["id"], event.get("sequence"))
            check(event.get("sequence") == known, event, known)
            check(event["outcome"] == "duplicate" or known > before, event)


def kill(service):
    service.signal(signal.SIGKILL)
    service.wait()
    check(not [alarm for alarm in ALARMS if alarm in service.text], service.text[-2000:])
    service.text = ""
    del service.port


def kill_once(service, number, sent, told):
    senders = [Sender(service, f"{number}-{name}") for name in "xy"]
    for sender in senders:
        sender.start()
    time.sleep(random.uniform(0.005, 0.15))
    kill(service)
    for sender in senders:
        sender.join(PATIENCE)
        sent.update(sender.sent)
        told.update(sender.told)
    acknowledged = sum(len(sender.told) for sender in senders)
    if number % 5 == 4: # and once more, while it reads the log
        service.start()
        time.sleep(random.uniform(0, 0.1))
        kill(service)
    service.start()
    check(is_followed(service), "events are taken again", service.text[-1000:])
    fresh = {name: event for sender in senders for name, event in sender.sent.items()}
    post_again(service, fresh, told)
    return acknowledged


def kills(service, told):
    sent, acknowledged = {}, 0
    for number in range(KILLS):
        acknowledged += kill_once(service, number, sent, told)
        check(sorted(told.values()) == list(range(1, len(told) + 1)),
              "every event has one sequence, without gaps, in round", number)
    post_again(service, sent, told)
    check(acknowledged > KILLS, "events were acknowledged:", acknowledged)
    print(f"{acknowledged} events acknowledged before a kill, of {len(told)} in all")


def doctor(service, count):
    """While the service runs; and about a log that was spoiled, which nothing is served from."""
    def events():
        found = subprocess.run([ALMANAC, "doctor"], cwd=service.folder, capture_output=True,
                               text=True)
        return " ".join((found.stdout + found.stderr).split())
    check(f"ok events {count} in the log" in events(), events())
    kill(service)
    folder = os.path.join(service.folder, ".almanac/events")
    path = os.path.join(folder, sorted(os.listdir(folder))[0])
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(b"x")
    check("bad events" in events() and os.path.basename(path) in events(), events())
    service.start()
    body = {}

    def is_told():
        body.update(service.post(EVENTS, sale("z")).json())
        return os.path.basename(path) in body["detail"]
    check(eventually(is_told), "events are refused with the name of the file", body)
    answer = service.post("/api/v1/predictions/demand", {"node": "sku_1"})
    check(answer.status == 200, "the committed run answers", answer)


def nobody_is_followed(folder):
    """Two services of one project, and a project that wants none of it."""
    def refusal(service):
        answer = service.post(EVENTS, sale("a"))
        check(answer.status == 503 and answer.headers.get("retry-after"), answer)
        return answer.json()["detail"]
    with Service(folder=folder) as first, Service(folder=folder) as second:
        check(is_followed(first), "the first one takes events")
        check("another service has the events" in refusal(second), refusal(second))
    with open(os.path.join(folder, "almanac.yaml"), "a") as file:
        file.write("deployments: {daily: {schedule: daily, online: false}}\n")
    with Service(folder=folder) as service:
        check("no deployment of the project is online" in refusal(service), refusal(service))
    with Service() as service:
        check("no project" in refusal(service), refusal(service))


def main():
    service = Service({"listen": {"workers": 2}}, env={"LOG_LEVEL": "info"})
    service.folder = project_of_today(service.folder)
    with service:
        known = answers(service)
        nobody_is_followed(project_of_today(tempfile.mkdtemp(dir=service.folder)))
        kills(service, known)
        doctor(service, len(known))
    finish()


main()
