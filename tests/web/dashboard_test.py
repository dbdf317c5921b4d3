#!/usr/bin/env python3
"""The pages about the service itself in a headless Chromium: overview, models, runs and jobs. They
show the numbers of the interface, ask nobody else, and say when the service has gone."""
import sys
import tempfile
import time

import _browser
import _project  # finds _service
import _page
from _service import Service, check, finish
from _site import Site, column

_browser.program()  # or skipped, before anything is made
JOBS = 12


def overview(site):
    for _ in range(20):
        site.service.post("/api/v1/predictions/demand", {"node": "total"})
    site.service.get("/api/v1/predictions/none?model_version=production")
    page = site.open("overview")
    page.wait("document.body.innerText.includes('/api/v1/predictions/demand')")
    routes = column(page, "Requests by route", 0)
    counts = dict(zip(routes, column(page, "Requests by route", 1)))
    refused = dict(zip(routes, column(page, "Requests by route", 6)))
    check(counts["/api/v1/predictions/demand"] == 20, "requests counted", counts)
    check(refused["/api/v1/predictions/{node}"] == 1, "4xx counted", refused)
    median = dict(zip(routes, column(page, "Requests by route", 3)))
    check(0 < median["/api/v1/predictions/demand"] < 1, "a median in seconds", median)
    check(column(page, "Runs in force by route", 3) == [20], "nodes of the run")
    # What is refreshed stays the same element, and a hidden tab asks for nothing.
    page.run("window.kept = [document.querySelector('h1'), document.querySelector('tbody tr'), "
             "document.querySelector('.chart')], 1")
    text = "document.querySelector('.panel-head .small').innerText + document.querySelector(" \
           "'table.narrow').innerText"
    asked = len(page.requests)
    page.run("document.querySelector('main .choice button').focus(), 1")
    end = time.monotonic() + 30
    while len([r for r in page.requests[asked:] if r[1].endswith("/metrics")]) < 2 and \
            time.monotonic() < end:
        page.run(text)
        time.sleep(0.2)
    check(page.run("window.kept.every((e) => e.isConnected)"), "elements are kept")
    check(page.run("document.activeElement.getAttribute('aria-pressed')") is not None,
          "and the focus")
    page.run("Object.defineProperty(document, 'hidden', {value: true, configurable: true}), "
             "document.dispatchEvent(new Event('visibilitychange')), 1")
    time.sleep(1)
    page.run("1")
    asked = len(page.requests)
    time.sleep(7)
    page.run("1")
    check(len(page.requests) == asked, "a hidden tab asks for", page.requests[asked:])
    page.run("delete document.hidden, document.dispatchEvent(new Event('visibilitychange')), 1")
    time.sleep(1)
    page.run("1")
    check(len(page.requests) > asked, "and a tab that is seen again asks at once")
    _page.clean(page, site.origin, "overview")


def models_and_runs(site):
    models = {x["id"]: x for x in site.get("/api/v1/models")["models"]}
    page = site.open("models")
    check(column(page, "Backtest by level", 1) ==
          [x["wape"] for x in models["demand-2"]["metrics"]], "WAPE by level")
    text = page.run("document.querySelector('main').innerText")
    for key in ("snapshot_id", "feature_version", "project_commit", "training_run_id", "hash"):
        check(models["demand-2"][key][:12] in text, "lineage has", key)
    page.run("[...document.querySelectorAll('tbody a')].find((a) => a.innerText === 'demand-1')"
             ".click(), 1")
    page.wait("document.querySelector('h2.of') && document.querySelector('h2.of').innerText"
              ".startsWith('demand-1')")
    mine = site.get("/api/v1/ledger", release="demand-1")["entries"]
    page.wait("document.querySelectorAll('.ledger li').length > 0")
    seq = page.run("[...document.querySelectorAll('.ledger li')].map((e) => Number(e.dataset.key))")
    check(seq == [x["seq"] for x in mine], "the ledger", seq)
    _page.clean(page, site.origin, "models")
    page = site.open("runs")
    sources = site.get("/api/v1/routes")["routes"][0]["sources"]
    table = "Runs of route daily"
    check(column(page, table, 2) == [x["run"]["run_id"] for x in sources], "runs")
    check(column(page, table, 4) == [x["age_days"] for x in sources], "ages")
    check("UTC" in page.run("document.querySelector('main time').innerText") or
          page.run("/[A-Z]{3,4}|GMT/.test(document.querySelector('main time').innerText)"),
          "times have their zone")
    jobs(site, page)
    _page.clean(page, site.origin, "runs")


def jobs(site, page):
    check("No jobs yet" in page.run("document.body.innerText"), "no jobs yet")
    snapshot = site.get("/api/v1/routes")["routes"][0]["sources"][0]["run"]["snapshot_id"]
    for i in range(JOBS):  # one at a time, a second each: the newest waits long enough to be seen
        answer = site.service.post("/api/v1/models/train",
                                   {"model": "demand", "snapshot": snapshot})
        check(answer.status == 202, "a job begins", i, answer)
    page.wait("document.querySelector('caption ~ tbody button, table button')")
    page.run("document.querySelector('table button').click(), 1")
    page.wait("[...document.querySelectorAll('table button')].some((b) => "
              "b.innerText === 'End it')")
    page.run("[...document.querySelectorAll('table button')].find((b) => b.innerText === "
             "'End it').click(), 1")
    page.wait("/cancelled/.test([...document.querySelectorAll('table')].pop().innerText)")
    job = site.get("/api/v1/jobs")["jobs"][0]
    check(job["state"] == "cancelled", "the job was asked to end", job)
    check(("POST", site.origin + "/api/v1/jobs/" + job["id"] + "/cancel") in
          [(m, u) for m, u, _ in page.requests], "by the button")


def gone(site):
    """When the service goes, the page says so and keeps what it has."""
    page = site.open("overview")
    site.service.stop()
    page.wait("document.body.innerText.includes('The service does not answer') && "
              "document.body.innerText.includes('No answer')")
    check(page.run("document.querySelectorAll('main table').length") >= 3, "the last numbers stay")


def main():
    with tempfile.TemporaryDirectory(prefix="almanac-web-") as folder:
        _project.make(folder)
        with Service(folder=folder) as service, _browser.Browser() as browser:
            site = Site(service, browser)
            for test in (overview, models_and_runs, gone):
                began = time.monotonic()
                test(site)
                print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    finish()


if __name__ == "__main__":
    sys.exit(main())
