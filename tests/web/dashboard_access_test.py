#!/usr/bin/env python3
"""The dashboard where the service asks who one is: the credential is asked for, goes into a header
and nowhere else; what is refused is told in words."""
import json
import subprocess
import sys
import tempfile

import _browser
import _project  # finds _service
import _page
from _service import ALMANAC, Service, check, finish
from _site import Site

_browser.program()  # or skipped, before anything is made

DIALOG = "document.getElementById('sign-in').open"
SETTINGS = {"access": {"api_keys": {"file": "api_keys.json"},
                       "limits": {"requests_per_minute": 100, "failures_per_minute": 100}}}


def key(folder, *arguments):
    made = subprocess.run([ALMANAC, "keys", "add", "--settings", "serve.yaml", *arguments],
                          cwd=folder, capture_output=True, text=True)
    for word in (made.stdout + made.stderr).split():
        if word.startswith("alm_"):
            return word
    raise RuntimeError(made.stdout + made.stderr)


def sign_in(page, text, remember=False):
    page.wait(DIALOG)
    check(page.run("document.activeElement.id") == "credential", "the field has the focus")
    page.type(text)
    if remember:
        page.run("document.getElementById('remember').checked = true, 1")
    page.key("Enter")


def nowhere_else(page, secret):
    for method, url, headers in page.requests:
        check(secret not in url, "in the address", method, url)
        check(secret not in json.dumps({k: v for k, v in headers.items()
                                        if k.lower() != "authorization"}), "in a header", headers)
    check(secret not in page.run("location.href + document.cookie"), "in address or cookie")
    check(secret not in page.run("JSON.stringify({...localStorage})"), "in lasting storage")
    check(secret not in page.run("document.documentElement.outerHTML"), "in the page")


def signing_in(site, viewer):
    page = site.open("overview", wait="document.querySelector('h1')")
    page.wait(DIALOG)
    _page.accessible(page, "the dialog", 5)
    sign_in(page, "alm_0123456789ab_" + "0" * 43)
    page.wait(DIALOG + " && document.getElementById('sign-in-why').innerText.includes("
              "'does not accept')")
    sign_in(page, viewer)
    page.wait("!" + DIALOG + " && document.querySelectorAll('main table').length >= 3")
    check(page.run("document.getElementById('who').innerText") == "Sign out", "and one can leave")
    check(page.run("sessionStorage.length") == 0, "nothing is kept")
    nowhere_else(page, viewer)
    page.run("document.getElementById('who').click(), 1")
    page.wait(DIALOG)
    page.key("Escape")
    page.wait(f"!{DIALOG}")
    page.wait("document.querySelector('.problem')")
    check("asks who you are" in page.run("document.querySelector('.problem').innerText"),
          "401 in words")
    page.run("document.getElementById('who').click(), 1")
    sign_in(page, viewer, remember=True)
    page.wait("document.querySelectorAll('main table').length >= 3")
    page.open(site.origin + "/?again#/models")
    page.wait("location.search === '?again' && document.querySelector('.ledger')")
    check(page.run("sessionStorage.length") == 1, "kept for this tab when it is asked for")
    nowhere_else(page, viewer)
    other = site.open("overview", wait="document.querySelector('h1')")
    other.wait(DIALOG)  # another tab knows nothing


def refused(site, viewer, other):
    page = site.open("whatif", wait="document.querySelector('h1')")
    sign_in(page, viewer)
    page.wait("document.querySelector('.problem, .empty')")
    page = site.open("explorer", wait="document.querySelector('h1')")
    sign_in(page, other)  # for another model
    page.wait("document.querySelector('.problem')")
    text = page.run("document.querySelector('.problem').innerText")
    check("These credentials are not for this" in text and "Request " in text, "403 in words", text)


def too_many(site, viewer):
    page = site.open("stockouts", wait="document.querySelector('h1')")
    sign_in(page, viewer)
    page.wait("document.querySelector('tbody tr')")
    for _ in range(110):
        answer = site.service.get("/metrics", {"X-API-Key": viewer})
    check(answer.status == 429, "the limit is reached", answer.status)
    page.run("[...document.querySelectorAll('button')].find((b) => b.innerText === 'High +')"
             ".click(), 1")
    page.wait("document.querySelector('.problem')")
    text = page.run("document.querySelector('.problem').innerText")
    check("Too many requests" in text and "may be asked again in" in text, "429 in words", text)


def main():
    with tempfile.TemporaryDirectory(prefix="almanac-web-") as folder:
        _project.make(folder)
        service = Service(SETTINGS, options=(), folder=folder)
        service.write("serve.yaml", json.dumps(SETTINGS))
        viewer = key(folder, "--role", "viewer")
        other = key(folder, "--role", "predictor", "--model", "apples-*")
        with service, _browser.Browser() as browser:
            site = Site(service, browser)
            signing_in(site, viewer)
            refused(site, viewer, other)
            too_many(site, viewer)
    finish()


if __name__ == "__main__":
    sys.exit(main())
