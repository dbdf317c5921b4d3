#!/usr/bin/env python3
"""The examples that need nothing but the tools of the system: curl, and promtool."""
import json
import os
import shutil

from _clients import Served, check, columns, finish, skip


def curl(service):
    lines = service.example("ask.sh", "sku_1").splitlines()
    days, weeks, advice, models, kept, refused = map(json.loads, lines[:6])
    asked = service.post("/api/v1/predictions/demand", {"node": "sku_1", "horizon": 3},
                         {"X-API-Key": service.key}).json()
    check(days["predictions"] == asked["predictions"], "the same days", days)
    check(days["served_by"] == "batch" and days["model_version"] == "demand-1", days)
    check(all(week["timestamp"] <= week["last"] for week in weeks["predictions"]), weeks)
    check(advice["order"] >= 0 and advice["served_by"] == "batch", advice)
    check([model["id"] for model in models["models"]] == ["demand-1"], models)
    check([day["value"] for day in kept["predictions"][:3]] ==
          [day["value"] for day in days["predictions"]], "what is kept is what is answered", kept)
    check(refused["status"] == 404 and lines[6:] == ["curl: status 22"], lines[5:])


def container(service):
    path = service.write("rows.csv", ",".join(columns()) + "\n" + ",".join(["0.5"] * 5) + "\n")
    ping, answer = service.example("sagemaker.sh", path).splitlines()
    check(ping == "ping: 200", ping)
    probabilities = json.loads(answer)["predictions"]
    check(len(probabilities) == 1 and abs(sum(probabilities[0]) - 1) < 1e-12, answer)


def scrape(service):
    if not shutil.which("promtool"):
        print("promtool is not installed (Debian: prometheus): the scrape is not checked")
        return
    told = service.example("scrape.sh")
    check("is valid prometheus config file syntax" in told and "rules found" in told, told)
    with open(os.path.join(os.path.dirname(__file__), "../../examples/clients/alerts.yml"),
              encoding="utf-8") as file:
        alerts = file.read()
    with open(os.path.join(os.path.dirname(__file__), "../../docs/metrics.md"),
              encoding="utf-8") as file:
        promised = file.read()
    for word in alerts.replace("(", " ").replace("{", " ").replace("[", " ").split():
        if word.startswith("almanac_"):
            check(f"| `{word.removesuffix('_bucket')}` |" in promised, word, "is a metric")


if not shutil.which("curl"):
    skip("curl is not installed")
with Served() as running:
    curl(running)
    container(running)
    scrape(running)
finish()
