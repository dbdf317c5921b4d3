"""What the tests of the dashboard look at in a page."""
from _service import check

# Contrast of every visible text against what lies behind it (WCAG 2.2, 1.4.3), with translucent
# layers put over each other; those below the bound as [ratio, text, colours].
CONTRAST = r"""(() => {
  const parse = (text) => {
    let m = /^rgba?\(([^)]+)\)$/.exec(text);
    if (m) {
      const v = m[1].split(/[ ,\/]+/).map(Number);
      return [v[0], v[1], v[2], v.length > 3 ? v[3] : 1];
    }
    m = /^color\(srgb ([^)]+)\)$/.exec(text);
    if (m) {
      const v = m[1].split(/[ \/]+/).map(Number);
      return [v[0] * 255, v[1] * 255, v[2] * 255, v.length > 3 ? v[3] : 1];
    }
    return [0, 0, 0, 0];
  };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const light = (c) => {
    const [r, g, b] = c.map((x) => x / 255).map((x) =>
      x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) {
      const c = parse(getComputedStyle(at).backgroundColor);
      if (c[3] > 0) layers.push(c);
      if (c[3] === 1) break;
    }
    return layers.reverse().reduce((below, c) => over(c, below), [255, 255, 255, 1]);
  };
  const bad = [];
  let looked = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    const text = walk.currentNode.data.trim();
    if (!text || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) ||
        e.closest(".unseen, .skip, script, noscript, option, :disabled")) continue;
    const style = getComputedStyle(e);
    const back = behind(e);
    const svg = e instanceof SVGElement;
    const front = over(parse(svg ? style.fill : style.color), back);
    const [x, y] = [light(front), light(back)].sort((a, b) => b - a);
    const ratio = (x + 0.05) / (y + 0.05);
    const size = parseFloat(style.fontSize);
    const big = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    looked++;
    const least = big ? 3 : 4.5;
    if (ratio < least) bad.push([ratio.toFixed(2), text.slice(0, 40), String(e.className)]);
  }
  for (const e of document.querySelectorAll("main input, main select")) {
    if (e.type === "range") continue;
    const [x, y] = [light(parse(getComputedStyle(e).borderTopColor)),
      light(behind(e.parentElement))].sort((a, b) => b - a);
    if ((x + 0.05) / (y + 0.05) < 3) bad.push([(x + 0.05) / (y + 0.05), e.outerHTML, "border"]);
  }
  return { looked, bad };
})()"""

# Structure: ids once, one h1, no heading level left out, tables with captions and heads, pictures
# with a sentence, no positive tabindex, a language.
STRUCTURE = r"""(() => {
  const bad = [];
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => bad.push("id twice: " + id));
  const heads = [...document.querySelectorAll("h1,h2,h3,h4")].filter((e) =>
    !e.closest("dialog"));
  if (heads.filter((e) => e.tagName === "H1").length !== 1) bad.push("not one h1");
  if (heads[0] && heads[0].tagName !== "H1") bad.push("h1 is not the first");
  for (const e of heads) if (!e.textContent.trim()) bad.push("an empty heading");
  for (const t of document.querySelectorAll("table")) {
    if (!t.caption || !t.caption.textContent) bad.push("a table without a caption");
    if (!t.querySelector("thead th[scope=col]")) bad.push("a table without heads");
    for (const th of t.querySelectorAll("th")) if (!th.textContent.trim()) bad.push("empty th");
    for (const r of t.tBodies[0].rows) {
      if (r.cells.length !== t.tHead.rows[0].cells.length) bad.push("row " + r.innerText);
    }
  }
  for (const e of document.querySelectorAll("svg")) {
    if (e.getAttribute("aria-hidden") !== "true" && !e.getAttribute("aria-label")) {
      bad.push("a picture without words");
    }
  }
  if (document.querySelector("[tabindex]:not([tabindex='0']):not([tabindex='-1'])")) {
    bad.push("a tabindex above 0");
  }
  if (document.documentElement.lang !== "en") bad.push("no language");
  if (!document.title.includes("almanac")) bad.push("no title");
  return bad;
})()"""

CONTROLS = {"button", "link", "textbox", "searchbox", "combobox", "slider", "checkbox",
            "spinbutton", "listbox", "progressbar", "dialog", "navigation", "img", "region",
            "group"}


def accessible(page, name, controls=10):
    """Every control of the accessibility tree has a name; contrast and structure hold."""
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    seen = 0
    for node in nodes:
        role = node.get("role", {}).get("value")
        if node.get("ignored") or role not in CONTROLS:
            continue
        seen += 1
        text = node.get("name", {}).get("value", "").strip()
        check(text or role in ("group", "listbox"), name, "a", role, "has no name",
              node.get("backendDOMNodeId"))
    check(seen >= controls, name, "controls seen", seen)
    for problem in page.run(STRUCTURE):
        check(False, name, problem)
    contrast = page.run(CONTRAST)
    check(contrast["looked"] > 10, name, "texts looked at", contrast["looked"])
    check(not contrast["bad"], name, "contrast", contrast["bad"][:6])


def clean(page, origin, name):
    """No error on the console, no request to anywhere else."""
    check(not page.errors, name, "errors", page.errors)
    for method, url, _ in page.requests:
        check(url.startswith(origin + "/") or url == "about:blank", name, "a request to", url)
