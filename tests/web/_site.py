"""The dashboard of a running service, page by page."""
import json
import urllib.parse

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

    def open(self, name, query="", scheme="light", width=1280, wait=None):
        page = self.browser.page()
        page.colours(scheme)
        page.size(width, 900)
        page.open(f"{self.origin}/#/{name}{query}")
        page.wait(wait or f"document.querySelector('h1') && ({SETTLED[name]})")
        return page

    def get(self, path, **values):
        query = urllib.parse.urlencode(values)
        return self.service.get(path + ("?" + query if query else "")).json()
