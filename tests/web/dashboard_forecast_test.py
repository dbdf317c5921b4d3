#!/usr/bin/env python3
"""The pages about forecasts in a headless Chromium: explorer, stock-outs and scenarios show the
numbers of the interface and the run, and ask nobody else."""
import sys
import tempfile
import time
import urllib.parse

import _browser
import _project  # finds _service
import _page
from _service import Service, check, eventually, finish
from _site import Site, column

_browser.program()  # or skipped, before anything is made


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


def whatif(site):
    """As far as the service has it; a page that has nothing to ask says so."""
    if "/api/v1/whatif" not in site.get("/openapi.json")["paths"]:
        page = site.open("whatif")
        check("has no what-if" in page.run("document.querySelector('main').innerText"), "says so")
        _page.clean(page, site.origin, "whatif")
        return
    node = "beet|Jena"
    asked = {"node": node, "order": {"lead_time_days": 7, "review_days": 1, "service_level": 0.95},
             "scenarios": [{"name": "Scenario"}]}
    check(eventually(lambda: site.service.post("/api/v1/whatif", asked).status == 200),
          "it is computed")
    page = site.open("whatif", "?route=daily&node=" + urllib.parse.quote(node),
                     wait="document.querySelectorAll('main table').length >= 2")
    table = "The scenario against the base"
    check(column(page, table, 3)[0] == 0, "nothing is otherwise yet", column(page, table, 3))
    page.run("document.querySelector('input[type=range][aria-label=Demand]').focus(), 1")
    for _ in range(4):
        page.key("ArrowRight")
    page.run("document.querySelector('input[aria-label=\"A promotion\"]').click(), 1")
    page.wait("document.querySelector('.dial-days')")
    days = site.service.post("/api/v1/whatif", asked).json()["base"]["predictions"]
    asked["scenarios"][0].update(demand_factor=1.2, promotion=[{
        "date": days[0]["timestamp"], "to": days[6]["timestamp"]}])
    expected = site.service.post("/api/v1/whatif", asked).json()
    one = expected["scenarios"][0]
    check(one["difference"]["demand"] > 0, "more is sold", one["difference"])
    page.wait(f"Number([...document.querySelectorAll('caption')].find((c) => c.textContent === "
              f"'{table}').parentNode.tBodies[0].rows[0].cells[2].dataset.value) === "
              f"{one['demand']!r}")
    rows = dict(zip(column(page, table, 0), zip(column(page, table, 1), column(page, table, 2),
                                                column(page, table, 3))))
    for name, base, scenario, less in (
            ("Demand", expected["base"]["demand"], one["demand"], one["difference"]["demand"]),
            ("Runs out", expected["base"]["stockout"]["probability"],
             one["stockout"]["probability"], one["difference"]["stockout_probability"]),
            ("Shortfall", expected["base"]["stockout"]["expected_shortfall"],
             one["stockout"]["expected_shortfall"], one["difference"]["expected_shortfall"]),
            ("Order now", expected["base"]["order"]["order"], one["order"]["order"],
             one["difference"]["order"])):
        check(rows[name] == (base, scenario, less), name, rows[name], (base, scenario, less))
    check("Served by model" in page.run("document.querySelector('.label').innerText"), "labelled")
    _page.accessible(page, "what if with an answer")
    _page.clean(page, site.origin, "whatif")


def main():
    with tempfile.TemporaryDirectory(prefix="almanac-web-") as folder:
        _project.make(folder)
        with Service(folder=folder) as service, _browser.Browser() as browser:
            site = Site(service, browser)
            for test in (explorer, stockouts, whatif):
                began = time.monotonic()
                test(site)
                print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    finish()


if __name__ == "__main__":
    sys.exit(main())
