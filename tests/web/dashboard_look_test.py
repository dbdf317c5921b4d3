#!/usr/bin/env python3
"""The dashboard in a headless Chromium: names and contrast on every page, in both colours and on a
narrow screen; by keyboard alone; and the switch of colours."""
import json
import sys
import tempfile
import time

import _browser
import _project  # finds _service
import _page
from _service import Service, check, finish
from _site import PAGES, SETTLED, Site

_browser.program()  # or skipped, before anything is made


def every_page(site):
    """Light and dark, wide and narrow: accessible, no errors, nothing wider than the screen."""
    backgrounds = set()
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
        page = site.open("overview", scheme=scheme, width=width)
        for name, title in PAGES.items():
            what = f"{name} {scheme} {width}"
            page.run(f"location.hash = '#/{name}', 1")
            page.wait(f"document.querySelector('h1').innerText === '{title}' && ({SETTLED[name]})")
            wide = page.run("document.documentElement.scrollWidth")
            check(wide <= width, what, "is", wide, "wide")
            _page.accessible(page, what)
            check(page.run("document.querySelector('nav [aria-current=page]').innerText") == title,
                  what, "is marked in the list of pages")
        backgrounds.add(page.run("getComputedStyle(document.documentElement).backgroundColor"))
        _page.clean(page, site.origin, f"{scheme} {width}")
    check(len(backgrounds) == 2, "a colour for light, another for dark", backgrounds)


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
    page.wait("document.querySelector('h1').innerText === 'Forecasts' && " + SETTLED["explorer"])
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


def main():
    with tempfile.TemporaryDirectory(prefix="almanac-web-") as folder:
        _project.make(folder)
        with Service(folder=folder) as service, _browser.Browser() as browser:
            site = Site(service, browser)
            for test in (every_page, keyboard, colours):
                began = time.monotonic()
                test(site)
                print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    finish()


if __name__ == "__main__":
    sys.exit(main())
