/* What pages are put together from: heads, tables, badges, and the states of something that is not
 * there (yet). */

import { words } from "./api.js";
import { h } from "./dom.js";
import { NOTHING } from "./format.js";

export function head(title, text, ...tools) {
    return h("div", { class: "head" },
        h("div", null, h("h1", { tabindex: "-1" }, title), text ? h("p", null, text) : null),
        tools.length ? h("div", { class: "tools" }, tools) : null);
}

export function panel(title, props, ...children) {
    const { note, tools, ...rest } = props || {};
    return h("section", { ...rest, class: `panel ${rest.class || ""}` },
        h("div", { class: "panel-head" }, h("h2", null, title),
            note ? h("span", { class: "small" }, note) : null,
            tools ? h("span", { class: "panel-tools" }, tools) : null),
        children);
}

export function badge(kind, text) {
    return h("span", { class: `badge ${kind}` }, text);
}

export function severity(name) {
    return badge(`sev-${name}`, name);
}

export function link(page, values, text, props) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(values || {})) {
        if (value !== null && value !== undefined && value !== "") {
            query.set(name, value);
        }
    }
    const tail = query.toString();
    return h("a", { ...props, href: `#/${page}${tail ? "?" + tail : ""}` }, text);
}

/* `columns`: texts, or {text, n: a number, class}. `rows`: arrays of cells. The caption is for
 * those who hear the page. */
export function table(caption, columns, rows, props) {
    const heads = columns.map((c) => typeof c === "string" ? { text: c } : c);
    return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
        h("table", props || null,
            h("caption", { class: "unseen" }, caption),
            h("thead", null, h("tr", null, heads.map((c) =>
                c.text ? h("th", { scope: "col", class: c.n ? "n" : c.class || null,
                    title: c.title }, c.text) : h("td", { class: c.class || null })))),
            h("tbody", null, rows)));
}

export function row(key, ...cells) {
    return h("tr", { "data-key": key }, cells.flat(Infinity).map((c) =>
        c instanceof HTMLTableCellElement ? c : h("td", null, c === null ? NOTHING : c)));
}

/* A list of facts; those without a value are left out when `all` is not said. */
export function facts(...pairs) {
    return h("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value]) =>
        h("div", null, h("dt", null, name),
            h("dd", null, value === null || value === undefined || value === "" ? NOTHING
                : value))));
}

export function loading(what) {
    return h("div", { class: "waiting", "data-key": "waiting" },
        h("span", { class: "spinner", "aria-hidden": "true" }), `Asking for ${what} …`);
}

export function empty(title, text) {
    return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title),
        text ? h("p", null, text) : null);
}

export function problemBox(problem, again) {
    const more = [];
    if (problem.retryAfter) {
        more.push(`It may be asked again in ${problem.retryAfter} s. `);
    }
    if (problem.requestId) {
        more.push("Request ", h("code", null, problem.requestId), ".");
    }
    return h("div", { class: "problem", role: "alert", "data-key": "problem" },
        h("p", { class: "problem-title" }, words(problem)),
        problem.detail ? h("p", null, problem.detail) : null,
        more.length ? h("p", { class: "small" }, more) : null,
        again ? h("p", null, h("button", { type: "button", onclick: again }, "Try again")) : null);
}

export function note(kind, ...children) {
    return h("div", { class: `note ${kind}` }, children);
}

/* A choice of one among few, as a group of buttons. */
export function choice(name, options, chosen, choose) {
    return h("div", { class: "choice", role: "group", "aria-label": name },
        options.map(([value, text]) => h("button", {
            type: "button", "aria-pressed": String(value === chosen), "data-key": value,
            onclick: () => choose(value),
        }, text)));
}

export function select(name, options, chosen, choose) {
    return h("label", { class: "field" }, h("span", null, name),
        h("select", { onchange: (event) => choose(event.target.value) },
            options.map(([value, text]) =>
                h("option", { value, selected: value === chosen }, text))));
}

/* A share of a whole as a bar behind its number. */
export function share(part, kind) {
    const width = Math.max(0, Math.min(100, part * 100));
    const bar = h("span", { class: `bar ${kind || ""}`, "aria-hidden": "true" });
    const inner = h("span", null);
    inner.style.width = `${width}%`;
    bar.append(inner);
    return bar;
}
