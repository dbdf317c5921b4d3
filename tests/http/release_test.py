#!/usr/bin/env python3
"""A served alias is followed: a promotion is answered with when it is loaded, a rollback at once;
what cannot be loaded leaves what was there. Answers come all the time."""
import json
import os
import subprocess
import tempfile
import threading
import time

from _service import ALMANAC, SOURCE, Service, check, eventually, finish

TARGET = "/v2/models/simple/infer"
BODY = {"inputs": [{"name": "input", "shape": [1, 2], "datatype": "FP64", "data": [100.0, 1.0]}]}


def almanac(folder, *words):
    made = subprocess.run([ALMANAC, *words, "--quiet"], cwd=folder, capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"{words}: {made.stdout}{made.stderr}")
    return made.stdout


def project(folder):
    """simple-1 to simple-4, approved; `live` is simple-1. Each has another value in its leaves."""
    almanac(folder, "init", "p")
    folder = os.path.join(folder, "p")
    git = ["git", "-c", "user.name=tester", "-c", "user.email=tester@example.org"]
    for words in (["init", "-q", "."], ["add", "-A"], ["commit", "-qm", "project"]):
        subprocess.run(git + words, cwd=folder, check=True)
    with open(os.path.join(SOURCE, "tests/golden/forest/model_simple.txt")) as file:
        text = file.read()
    old = "0.41213915936587919"
    check(old in text, "the leaf")
    for i in range(1, 5):
        with open(os.path.join(folder, "model.txt"), "w") as file:
            file.write(text.replace(old, f"{i / 8}"))
        with open(os.path.join(folder, "rows.csv"), "w") as file:
            file.write("X1,X2\n100,1\n700,3\n")
        answers = almanac(folder, "predict", "--model", "model.txt", "rows.csv").split()
        with open(os.path.join(folder, "check.csv"), "w") as file:
            file.write(f"X1,X2,{answers[0]}\n100,1,{answers[1]}\n700,3,{answers[2]}\n")
        almanac(folder, "import", "model.txt", "--name", "simple", "--expected", "check.csv",
                "--why", "test")
        almanac(folder, "models", "compare", f"simple-{i}")
        almanac(folder, "models", "approve", f"simple-{i}", "--why", "fine")
    promote(folder, 1)
    return folder


def promote(folder, number):
    almanac(folder, "models", "promote", f"simple-{number}", "--alias", "live", "--why", "next")


def rollback(folder):
    almanac(folder, "models", "rollback", "--alias", "live", "--why", "back")


def version(service):
    answer = service.post(TARGET, BODY)
    check(answer.status == 200, "answers", answer)
    return answer.json().get("model_version") if answer.status == 200 else None


def states(service):
    """Versions by their state."""
    index = service.post("/v2/repository/index", {}).json()
    return {model["version"]: model["state"] for model in index if model["name"] == "simple"}


def becomes(service, number):
    return check(eventually(lambda: version(service) == f"simple-{number}"),
                 f"simple-{number} answers", version(service))


class Asking(threading.Thread):
    """Asks until it is told to stop; notes when the version changed, and what was no answer."""

    def __init__(self, service):
        super().__init__(daemon=True)
        self.service, self.ended = service, threading.Event()
        self.changes, self.bad = [], []

    def run(self):
        body = json.dumps(BODY).encode()
        head = (f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode()
        last = None
        with self.service.connect() as connection:
            while not self.ended.is_set():
                connection.send(head + body)
                answer = connection.answer()
                if answer is None or answer.status != 200:
                    self.bad.append(answer)
                    return
                if answer.json()["model_version"] != last:
                    last = answer.json()["model_version"]
                    self.changes.append((last, time.time()))

    def stop(self):
        self.ended.set()
        self.join()


def moves_are_followed(folder):
    with Service(options=("--development", "--release", "live"), folder=folder) as service:
        becomes(service, 1)
        asking = Asking(service)
        asking.start()
        promote(folder, 2)
        becomes(service, 2)
        check(states(service) == {"simple-1": "READY", "simple-2": "READY"}, states(service))
        promote(folder, 3)
        becomes(service, 3)
        check(eventually(lambda: states(service).get("simple-1") == "UNAVAILABLE"),
              "only the one before stays loaded", states(service))
        rollback(folder)
        becomes(service, 2)
        rollback(folder)
        becomes(service, 1)
        asking.stop()
        check(not asking.bad, "every request is answered", asking.bad)
        order = [name for name, _ in asking.changes]
        check(order == [f"simple-{i}" for i in (1, 2, 3, 2, 1)], "in order", order)
        check(eventually(lambda: "simple-2 answers, simple-1 stays loaded" in service.text),
              service.text[-2000:])


def a_rollback_is_quick(folder):
    """From the ledger's commit to the first answer of the release before. Measured from the end of
    the command, which comes after the commit; so nothing is left but to see it."""
    best = None
    with Service(options=("--development", "--release", "live"), folder=folder) as service:
        becomes(service, 1)
        for _ in range(30):  # a busy machine may be late many times
            promote(folder, 2)
            becomes(service, 2)
            asking = Asking(service)
            asking.start()
            eventually(lambda: asking.changes)
            rollback(folder)
            done = time.time()
            eventually(lambda: len(asking.changes) > 1)
            asking.stop()
            took = asking.changes[-1][1] - done
            best = took if best is None else min(best, took)
            if best < 0.01:
                break
            becomes(service, 1)
    check(best < 0.01, "10 ms at best", best)


def what_cannot_be_loaded_changes_nothing(folder):
    with Service(options=("--development", "--release", "live"), folder=folder) as service:
        becomes(service, 1)
        check(hide(os.path.join(folder, ".almanac", "objects"), b" 0.5\n"), "simple-4 is hidden")
        promote(folder, 4)
        check(eventually(lambda: "simple-4, which cannot be loaded" in service.text),
              service.text[-2000:])
        check(version(service) == "simple-1", "the one before answers")
        rollback(folder)
        promote(folder, 3)
        becomes(service, 3)


def hide(objects, words):
    """Takes away the object in which these words are."""
    for root, _, names in os.walk(objects):
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as file:
                found = words in file.read()
            if found:
                os.rename(path, os.path.join(os.path.dirname(objects), "hidden"))
                return path
    return None


with tempfile.TemporaryDirectory(prefix="almanac-release-") as scratch:
    where = project(scratch)
    moves_are_followed(where)
    a_rollback_is_quick(where)
    what_cannot_be_loaded_changes_nothing(where)
finish()
