#!/usr/bin/env python3
"""What the dashboard asks for besides predictions: pages of nodes, what is part of what, series by
risk, routes and the ledger, against the numbers of the run itself."""
import json
import os
import sys
import tempfile
import urllib.parse

import _project
from _service import Service, check, finish

SEVERITY = ["none", "low", "medium", "high", "critical"]


class Asker:
    def __init__(self, service):
        self.service = service

    def __call__(self, path, status=200, **values):
        query = urllib.parse.urlencode(values)
        answer = self.service.get(path + ("?" + query if query else ""))
        check(answer.status == status, path, values, "gave", answer.status, answer.body[:300])
        return answer.json()

    def pages(self, path, key, limit, **values):
        rows, cursor = [], {}
        while True:
            page = self(path, limit=limit, **values, **cursor)
            rows += page[key]
            check(len(page[key]) <= limit, "a page is no longer than asked for")
            if not page["next"]:
                return rows
            cursor = {"cursor": page["next"]}


def demand(ask, node, level):
    forecast = ask("/api/v1/predictions/" + urllib.parse.quote(node, safe=""), level=level,
                   model_version="production")
    total = 0
    for period in forecast["predictions"]:
        total += period["value"]
    return total


def nodes(ask):
    all_nodes = ask.pages("/api/v1/nodes", "nodes", 7)
    names = [(x["level"], x["node"]) for x in all_nodes]
    check(len(names) == len(set(names)) == 1 + 2 + 3 + 2 + 12, "every node once", len(names))
    check([x for x, _ in names] == sorted((x for x, _ in names), key=[
        "total", "region", "store", "range", "series"].index), "level by level", names)
    for x in all_nodes:
        check(x["demand"] == demand(ask, x["node"], x["level"]), "demand of", x)
    check(ask("/api/v1/nodes", limit=1000)["nodes"] == all_nodes, "one page or many")
    only = ask("/api/v1/nodes", level="store")["nodes"]
    check([x["node"] for x in only] == ["Bonn", "Jena", "Mainz"], "of a level", only)
    found = ask("/api/v1/nodes", search="APPLE")["nodes"]
    check([x["node"] for x in found] == [f"apple|{s}" for s in ("Bonn", "Jena", "Mainz")],
          "by name", found)
    check(ask("/api/v1/nodes", search="durian")["nodes"] == [], "of no such name")
    return all_nodes


def parts(ask, all_nodes):
    levels = {x["level"]: x for x in ask("/api/v1/nodes")["levels"]}
    check({k: v["parts"] for k, v in levels.items()} == {
        "total": ["region", "range"], "region": ["store"], "store": ["series"],
        "range": ["series"], "series": []}, "levels", levels)
    for whole in all_nodes:
        page = ask("/api/v1/nodes", parent=whole["node"], parent_level=whole["level"], limit=1000)
        for level in levels[whole["level"]]["parts"]:
            of_level = [x for x in page["nodes"] if x["level"] == level]
            total = sum(x["demand"] for x in of_level)
            check(abs(total - whole["demand"]) <= 1e-9 * max(1, whole["demand"]), "parts of",
                  whole, "sum to", total)
        check(whole["has_parts"] == bool(page["nodes"]), "has parts", whole)
        check(page["parent"]["node"] == whole["node"], "names its parent")
    page = ask("/api/v1/nodes", parent="apple|Jena")
    check([(x["level"], x["node"]) for x in page["parent"]["part_of"]] == [
        ("total", "total"), ("region", "east"), ("store", "Jena"), ("range", "fruit")],
        "what a series is part of", page["parent"])
    page = ask("/api/v1/nodes", parent="west")
    check([x["node"] for x in page["nodes"]] == ["Bonn", "Mainz"], "parts of west", page["nodes"])
    page = ask("/api/v1/nodes", parent="Bonn", search="ea")
    check([x["node"] for x in page["nodes"]] == ["pear|Bonn"], "parts by name", page["nodes"])


def stockouts(ask):
    rows = ask.pages("/api/v1/stockouts", "stockouts", 5)
    check(len(rows) == ask("/api/v1/stockouts")["series_with_stock"] == 12, "every series", rows)
    order = [(-SEVERITY.index(x["severity"]), -x["probability"], x["expected_days"])
             for x in rows]
    check(order == sorted(order), "the most at risk first", order)
    check({"critical", "none"} <= {x["severity"] for x in rows}, "of all kinds",
          [x["severity"] for x in rows])
    for x in rows:
        single = json.loads(ask.service.post("/api/v1/predictions/stockout",
                                             {"node": x["node"]}).body)
        for key in ("severity", "probability", "expected_days", "expected_shortfall", "demand",
                    "probability_by_day"):
            check(single[key] == x[key], key, "of", x["node"], single[key], x[key])
    for least in SEVERITY:
        some = ask("/api/v1/stockouts", severity=least)["stockouts"]
        check(some == [x for x in rows
                       if SEVERITY.index(x["severity"]) >= SEVERITY.index(least)], least)
    some = ask("/api/v1/stockouts", search="jena", limit=2)
    check(len(some["stockouts"]) == 2 and all("Jena" in x["node"] for x in some["stockouts"]),
          "by name", some)


def routes_and_ledger(ask):
    routes = ask("/api/v1/routes")
    check(routes["project"] == "grocer" and routes["keys"] == ["sku", "store"], routes)
    daily = routes["routes"][0]
    check([(x["role"], x["model_version"], x["nodes"], x["days"]) for x in daily["sources"]] == [
        ("current", "demand-2", 20, 14), ("previous", "demand-1", 20, 14)], daily)
    ledger = ask("/api/v1/ledger")
    seq = [x["seq"] for x in ledger["entries"]]
    check(seq == list(range(ledger["head_seq"], 0, -1)), "the newest first, all of them", seq)
    mine = ask("/api/v1/ledger", release="demand-2")["entries"]
    check([x["action"] for x in reversed(mine)] == ["register", "compare", "approve", "promote",
                                                    "run"], mine)
    models = {x["id"]: x for x in ask("/api/v1/models")["models"]}
    run = daily["sources"][0]["run"]
    check(models["demand-2"]["snapshot_id"] == run["snapshot_id"], "lineage", models["demand-2"])
    check(models["demand-2"]["feature_version"] == run["feature_version"], "feature version")
    check(len(models["demand-2"]["project_commit"]) == 40, "commit", models["demand-2"])


def refusals(ask):
    other = ask("/api/v1/nodes", limit=1, model_version="demand-1")["next"]
    for status, path, values in (
            (404, "/api/v1/nodes", {"route": "none"}),
            (404, "/api/v1/nodes", {"model_version": "demand-9"}),
            (404, "/api/v1/nodes", {"level": "shelf"}),
            (404, "/api/v1/nodes", {"parent": "durian"}),
            (404, "/api/v1/nodes", {"parent": "Bonn", "parent_level": "region"}),
            (400, "/api/v1/nodes", {"parent_level": "region"}),
            (400, "/api/v1/nodes", {"limit": "0"}), (400, "/api/v1/nodes", {"limit": "1001"}),
            (400, "/api/v1/nodes", {"limit": "ten"}), (400, "/api/v1/nodes", {"search": ""}),
            (400, "/api/v1/nodes", {"cursor": "3"}), (400, "/api/v1/nodes", {"cursor": ".3"}),
            (400, "/api/v1/nodes", {"cursor": "run.-1"}),
            (400, "/api/v1/nodes", {"cursor": other.partition(".")[0] + ".999999"}),
            (409, "/api/v1/nodes", {"cursor": other}), (409, "/api/v1/stockouts", {
                "cursor": other}),
            (400, "/api/v1/stockouts", {"severity": "terrible"})):
        answer = ask(path, status, **values)
        check(answer["status"] == status and answer["detail"], path, values, answer)
    check(ask("/api/v1/nodes", limit=1, model_version="demand-1", cursor=other)["nodes"] !=
          ask("/api/v1/nodes", limit=1, model_version="demand-1")["nodes"], "its own cursor")


def main():
    with tempfile.TemporaryDirectory(prefix="almanac-web-") as folder:
        _project.make(folder)
        with Service(folder=folder) as service:
            ask = Asker(service)
            parts(ask, nodes(ask))
            stockouts(ask)
            routes_and_ledger(ask)
            refusals(ask)
    finish()


if __name__ == "__main__":
    sys.exit(main())
