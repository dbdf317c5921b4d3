/* Elements from data, and one tree turned into another in place, so that what is refreshed keeps
 * its focus, its selection and its scroll position and nothing flickers. */

const SVG = "http://www.w3.org/2000/svg";
const HANDLERS = ["onclick", "oninput", "onchange", "onkeydown", "onsubmit", "onpointermove",
    "onpointerleave", "onpointerdown", "onfocus", "onblur", "ontoggle"];

function fill(element, props, children) {
    for (const [name, value] of Object.entries(props || {})) {
        if (value === null || value === undefined || value === false) {
            continue;
        }
        if (name.startsWith("on")) {
            element[name] = value;
        } else if (name === "value") {
            element.setAttribute("value", value);
            element.value = value;
        } else if (name === "checked" || name === "selected" || name === "disabled") {
            element[name] = true;
            element.setAttribute(name, "");
        } else {
            element.setAttribute(name, value === true ? "" : String(value));
        }
    }
    for (const child of children.flat(Infinity)) {
        if (child !== null && child !== undefined && child !== false) {
            element.append(child);
        }
    }
    return element;
}

export function h(tag, props, ...children) {
    return fill(document.createElement(tag), props, children);
}

export function s(tag, props, ...children) {
    return fill(document.createElementNS(SVG, tag), props, children);
}

function morphAttributes(old, next) {
    for (const { name } of [...old.attributes]) {
        if (!next.hasAttribute(name) && name !== "open") {
            old.removeAttribute(name);
        }
    }
    for (const { name, value } of next.attributes) {
        if (old.getAttribute(name) === value) {
            continue;
        }
        if (name === "style") { /* the policy allows no such attribute, only this */
            old.style.cssText = value;
        } else {
            old.setAttribute(name, value);
        }
    }
    for (const name of HANDLERS) {
        if (old[name] !== next[name]) {
            old[name] = next[name];
        }
    }
}

function morphState(old, next) {
    if (old === document.activeElement) {
        return; /* somebody is at it */
    }
    if (old.nodeName === "INPUT" || old.nodeName === "SELECT") {
        if (old.value !== next.value) {
            old.value = next.value;
        }
        old.checked = next.checked;
    }
    old.disabled = next.disabled;
}

/* What looks after its own content (a chart, a field with suggestions) is made once. In the trees
 * that are made anew each time this stands for it, so that it is never taken out of the page. */
export function keep(element) {
    const place = h("div", { "data-live": true });
    place.live = element;
    return place;
}

/* The tree with those in it that keep(..) stands for. */
function settle(next) {
    if (next.live) {
        return next.live;
    }
    if (next.querySelectorAll) {
        next.querySelectorAll("[data-live]").forEach((place) => place.replaceWith(place.live));
    }
    return next;
}

/* `old` becomes like `next`; returns what stands in its place. */
export function morph(old, next) {
    if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName || old.isKept ||
        (old.dataset && old.dataset.key) !== (next.dataset && next.dataset.key)) {
        const settled = settle(next);
        old.replaceWith(settled);
        return settled;
    }
    if (old.nodeType === Node.TEXT_NODE) {
        if (old.data !== next.data) {
            old.data = next.data;
        }
        return old;
    }
    morphAttributes(old, next);
    morphChildren(old, [...next.childNodes]);
    morphState(old, next);
    return old;
}

export function morphChildren(old, wanted) {
    const kept = new Set(wanted.map((next) => next.live).filter(Boolean));
    let at = old.firstChild;
    for (const next of wanted) {
        if (next.live && at === next.live) {
            at = at.nextSibling;
        } else if (!at || next.live || kept.has(at)) {
            old.insertBefore(settle(next), at);
        } else {
            at = morph(at, next).nextSibling;
        }
    }
    while (at) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
    }
}

/* Puts `children` into `host`. */
export function show(host, ...children) {
    morphChildren(host, children.flat(Infinity).filter((c) => c !== null && c !== undefined &&
        c !== false).map((c) => typeof c === "string" ? document.createTextNode(c) : c));
}

export function clear(host) {
    host.replaceChildren();
}

/* For those who hear the page. The same sentence twice is said once. */
export function say(text) {
    const host = document.getElementById("said");
    if (host.textContent !== text) {
        host.textContent = text;
    }
}
