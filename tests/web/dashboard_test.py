#!/usr/bin/env python3
"""The dashboard in a headless Chromium: its pages show the numbers of the interface, ask nobody
else, work by keyboard, in both colours and on a narrow screen."""
import json
import sys
import tempfile
import time
import urllib.parse

import _browser
import _project  # finds _service
import _page
from _service import Service, check, finish

_browser.program()  # or skipped, before anything is made

PAGES = {"overview": "Overview", "explorer": "Forecasts", "stockouts": "Stock-outs",
         "whatif": "What if", "runs": "Runs and jobs", "models": "Models", "drift": "Drift"}
SETTLED = {
    "overview": "document.querySelectorAll('main table').length >= 3",
    "explorer": "document.querySelectorAll('main section').length >= 4 && "
                "document.querySelector('.chart svg')",
    "stockouts": "document.querySelector('main tbody tr')",
    "whatif": "document.querySelector('main section')",
    "runs": "document.querySelectorAll('main section').length >= 2",
    "models": "document.querySelector('.ledger')",
    "drift": "document.querySelector('.empty')",
}


def column(page, table, index):
    """The exact values behind a column of numbers."""
    return page.run(f"""[...document.querySelectorAll("table")].find((t) =>
        t.caption.textContent === {json.dumps(table)}).tBodies[0].rows.length && [...[...document
        .querySelectorAll("table")].find((t) => t.caption.textContent === {json.dumps(table)})
        .tBodies[0].rows].map((r) => r.cells[{index}].dataset.value === undefined
        ? r.cells[{index}].innerText : Number(r.cells[{index}].dataset.value))""")


class Site:
    def __init__(self, service, browser):
        self.service, self.browser = service, browser
        self.origin = f"http://127.0.0.1:{service.port}"

    def open(self, name, query="", scheme="light", width=1280):
        page = self.browser.page()
        page.colours(scheme)
        page.size(width, 900)
        page.open(f"{self.origin}/#/{name}{query}")
        page.wait(f"document.querySelector('h1') && ({SETTLED[name]})")
        return page

    def get(self, path, **values):
        query = urllib.parse.urlencode(values)
        return self.service.get(path + ("?" + query if query else "")).json()


def every_page(site):
    """Light and dark, wide and narrow: accessible, without errors, nothing wider than the screen."""
    backgrounds = set()
    for name, title in PAGES.items():
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
            page = site.open(name, scheme=scheme, width=width)
            what = f"{name} {scheme} {width}"
            check(page.run("document.querySelector('h1').innerText") == title, what, "title")
            wide = page.run("document.documentElement.scrollWidth")
            check(wide <= width, what, "is", wide, "wide")
            _page.accessible(page, what)
            _page.clean(page, site.origin, what)
            check(page.run("document.querySelector('nav [aria-current=page]').innerText") == title,
                  what, "is marked in the list of pages")
            backgrounds.add((scheme, page.run("getComputedStyle(document.documentElement)"
                                              ".backgroundColor")))
    check(len(backgrounds) == 2, "a colour for light, another for dark", backgrounds)


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


def explorer(site):
    node = "beet|Jena"
    path = "/api/v1/predictions/" + urllib.parse.quote(node, safe="")
    forecast = site.get(path, model_version="production")
    page = site.open("explorer", "?route=daily&level=series&node=" + urllib.parse.quote(node))
    page.run("[...document.querySelectorAll('button')].find((b) => b.innerText === 'Table')"
             ".click(), 1")
    page.wait("[...document.querySelectorAll('caption')].some((c) => c.textContent === "
              "'The forecast by day')")
    days = forecast["predictions"]
    check(column(page, "The forecast by day", 1) == [d["value"] for d in days], "means")
    for i, level in enumerate(days[0]["quantiles"]):
        check(column(page, "The forecast by day", 2 + i) == [d["quantiles"][level] for d in days],
              "quantile", level)
    after = 2 + len(days[0]["quantiles"])
    check(column(page, "The forecast by day", after) ==
          [d["stockout_probability"] for d in days], "probabilities")
    check(column(page, "The forecast by day", after + 2) == [d["base_value"] for d in days],
          "before reconciliation")
    label = page.run("document.querySelector('.label').innerText")
    for part in ("Served by batch", "asked_for", f"{forecast['age_days']:,} days old", "demand-2",
                 forecast["run"]["run_id"], forecast["run"]["prediction_date"]):
        check(part in label, "the label says", part, label)
    lines = {x["feature"]: x["contribution"] for x in days[0]["explanation"]}
    shown = dict(zip(column(page, "Contributions to the mean", 0),
                     column(page, "Contributions to the mean", 1)))
    check(all(shown[k] == v for k, v in lines.items()), "the explanation", shown, lines)
    _page.accessible(page, "the table view")
    whole = page.run("[...document.querySelectorAll('.crumbs a')].map((a) => a.innerText)")
    check(whole == ["total", "east", "Jena", "roots"], "part of", whole)
    drill_down(site, page)
    another_release(site, page)
    _page.clean(page, site.origin, "explorer")


def drill_down(site, page):
    page.run("[...document.querySelectorAll('.crumbs a')].find((a) => a.innerText === 'Jena')"
             ".click(), 1")
    page.wait("document.querySelector('.of h2').innerText === 'Jena' && document.querySelector("
              "'caption') && document.body.innerText.includes('Parts')")
    parts = site.get("/api/v1/nodes", parent="Jena", limit=1000)["nodes"]
    expected = {x["node"]: x["demand"] for x in parts}
    page.wait("[...document.querySelectorAll('caption')].some((c) => c.textContent === "
              "'Parts of Jena')")
    shown = dict(zip(column(page, "Parts of Jena", 0), column(page, "Parts of Jena", 1)))
    check(shown == expected, "parts", shown, expected)
    shares = column(page, "Parts of Jena", 2)
    check(abs(sum(shares) - 1) < 1e-9, "shares of parts", shares)


def another_release(site, page):
    page.run("(() => { const s = [...document.querySelectorAll('select')].find((x) => "
             "x.innerText.includes('demand-1')); s.value = 'demand-1'; "
             "s.dispatchEvent(new Event('change')); })(), 1")
    page.wait("document.querySelector('.label').innerText.includes('demand-1')")
    forecast = site.get("/api/v1/predictions/Jena", model_version="demand-1", level="store")
    page.wait("[...document.querySelectorAll('caption')].some((c) => c.textContent === "
              "'The forecast by day')")
    check(column(page, "The forecast by day", 1) == [d["value"] for d in forecast["predictions"]],
          "means of the other release")


def stockouts(site):
    rows = site.get("/api/v1/stockouts")["stockouts"]
    page = site.open("stockouts")
    table = "Series by stock-out risk"
    check(column(page, table, 1) == [x["node"] for x in rows], "series")
    check(column(page, table, 2) == [x["severity"] for x in rows], "severities")
    for index, key in ((3, "probability"), (5, "expected_days"), (6, "expected_shortfall"),
                       (7, "demand")):
        check(column(page, table, index) == [x[key] for x in rows], key)
    page.run("[...document.querySelectorAll('button')].find((b) => b.innerText === 'High +')"
             ".click(), 1")
    high = [x["node"] for x in rows if x["severity"] in ("high", "critical")]
    page.wait(f"document.querySelectorAll('tbody tr').length === {len(high)}")
    check(column(page, table, 1) == high, "high and above")
    page.run("document.querySelector('input[type=search]').focus(), 1")
    page.type("durian")
    page.wait("document.body.innerText.includes('No series')")
    page.run("location.hash = '#/stockouts?search=apple', 1")
    page.wait("document.querySelectorAll('tbody tr').length === 3")
    page.run("document.querySelector('tbody a').click(), 1")
    page.wait("document.querySelector('h1').innerText === 'Forecasts' && "
              "document.querySelector('.of h2')")
    _page.clean(page, site.origin, "stockouts")


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
    answer = site.service.post("/api/v1/models/train", {"model": "demand", "snapshot": snapshot})
    check(answer.status == 202, "a job begins", answer)
    page.wait("document.querySelector('caption ~ tbody button, table button')")
    page.run("document.querySelector('table button').click(), 1")
    page.wait("[...document.querySelectorAll('table button')].some((b) => "
              "b.innerText === 'End it')")
    page.run("[...document.querySelectorAll('table button')].find((b) => b.innerText === "
             "'End it').click(), 1")
    page.wait("/cancelled|done|failed/.test([...document.querySelectorAll('table')].pop()"
              ".innerText)")
    job = site.get("/api/v1/jobs")["jobs"][0]
    check(job["state"] in ("cancelled", "done"), "the job was asked to end", job)
    check(("DELETE", site.origin + "/api/v1/jobs/" + job["id"]) in
          [(m, u) for m, u, _ in page.requests], "by the button")


def keyboard(site):
    page = site.open("overview")
    focus = "(document.activeElement.innerText || document.activeElement.id).trim()"
    page.run("document.activeElement.blur(), 1")
    page.key("Tab")
    check(page.run(focus) == "Skip to the page", "the first stop", page.run(focus))
    check(page.run("getComputedStyle(document.activeElement).top") == "10px", "and it is seen")
    page.key("Enter")
    check(page.run("document.activeElement.id") == "main", "it skips")
    check(page.run("location.hash") == "#/overview", "and stays on the page")
    stops = []
    page.run("document.body.focus(), document.activeElement.blur(), 1")
    page.run("window.getSelection().removeAllRanges(), document.querySelector('.skip').focus(), 1")
    for _ in range(60):
        page.key("Tab")
        stops.append(page.run(focus))
        check(page.run("(() => { const s = getComputedStyle(document.activeElement); return "
                       "s.outlineStyle !== 'none' || document.activeElement === document.body; "
                       "})()"), "focus is seen on", stops[-1])
        if stops[-1] == "Forecasts":
            break
    check(stops[-1] == "Forecasts", "the list of pages is reached", stops)
    page.key("Enter")
    page.wait(SETTLED["explorer"])
    check(page.run("document.activeElement.tagName") == "H1", "the focus goes along")
    combobox(page)
    slider(page)
    _page.clean(page, site.origin, "keyboard")


def combobox(page):
    for _ in range(20):
        page.key("Tab")
        if page.run("document.activeElement.id") == "node-field":
            break
    check(page.run("document.activeElement.id") == "node-field", "the field of nodes is reached")
    page.run("document.activeElement.select(), 1")
    page.type("pear")
    page.wait("document.querySelectorAll('#node-options [role=option]').length === 3 && "
              "document.getElementById('node-field').getAttribute('aria-expanded') === 'true'")
    page.key("ArrowDown")
    page.key("ArrowDown")
    check(page.run("document.getElementById(document.activeElement.getAttribute("
                   "'aria-activedescendant')).getAttribute('aria-selected')") == "true",
          "the option is told")
    page.key("Escape")
    check(page.run("document.getElementById('node-options').hidden"), "Escape closes")
    page.run("document.activeElement.select(), 1")
    page.type("pear")
    page.wait("!document.getElementById('node-options').hidden")
    page.key("ArrowDown")
    page.key("Enter")
    page.wait("document.querySelector('.of h2').innerText === 'pear|Bonn'")
    page.key("Tab")
    check(page.run("document.activeElement.id") != "node-field", "no trap")


def slider(page):
    page.run("document.querySelector('input[type=range]').focus(), 1")
    before = page.run("document.querySelector('.day-output').innerText")
    page.key("ArrowRight")
    page.wait(f"document.querySelector('.day-output').innerText !== {json.dumps(before)}")
    check(page.run("document.activeElement.type") == "range", "and keeps the focus")
    check(page.run("document.activeElement.getAttribute('aria-valuetext')") ==
          page.run("document.querySelector('.day-output').innerText"), "told in words")


def colours(site):
    """The switch wins over the system, and is remembered."""
    page = site.open("drift", scheme="light")
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.run(colour)
    choose = "(() => { const t = document.getElementById('theme'); t.value = '%s'; " \
             "t.dispatchEvent(new Event('change')); })(), 1"
    page.run(choose % "dark")
    dark = page.run(colour)
    check(dark != light, "dark by hand")
    page.open(site.origin + "/?again#/drift")
    page.wait("location.search === '?again' && document.querySelector('.empty')")
    check(page.run(colour) == dark, "remembered")
    check(page.run("document.getElementById('theme').value") == "dark", "and shown")
    page.run(choose % "auto")
    check(page.run(colour) == light, "the system's again")


def gone(site, page):
    """When the service goes, the page says so and keeps what it has."""
    site.service.stop()
    page.wait("document.body.innerText.includes('The service does not answer') && "
              "document.body.innerText.includes('No answer')")
    check(page.run("document.querySelectorAll('main table').length") >= 3, "the last numbers stay")


def main():
    with tempfile.TemporaryDirectory(prefix="almanac-web-") as folder:
        _project.make(folder)
        with Service(folder=folder) as service, _browser.Browser() as browser:
            site = Site(service, browser)
            for test in (overview, explorer, stockouts, models_and_runs, keyboard, colours,
                         every_page):
                began = time.monotonic()
                test(site)
                print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)
            gone(site, site.open("overview"))
    finish()


if __name__ == "__main__":
    sys.exit(main())
