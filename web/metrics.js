/* The service's counters as this page sees them: each look is kept for a few minutes, and what is
 * shown is the difference between two looks, or what has come together since the start. */

export const KEPT_MS = 5 * 60 * 1000;

function labelsOf(text) {
    const labels = {};
    const pattern = /([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
    for (const [, name, value] of text.matchAll(pattern)) {
        labels[name] = value.replace(/\\(.)/g, (_, c) => c === "n" ? "\n" : c);
    }
    return labels;
}

/* Text format of Prometheus: family -> [{labels, value}]. */
export function parse(text) {
    const families = new Map();
    for (const line of text.split("\n")) {
        if (!line || line.startsWith("#")) {
            continue;
        }
        const found = /^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? (\S+)/.exec(line);
        if (!found) {
            continue;
        }
        const value = found[3] === "+Inf" ? Infinity : found[3] === "-Inf" ? -Infinity
            : Number(found[3]);
        if (!families.has(found[1])) {
            families.set(found[1], []);
        }
        families.get(found[1]).push({ labels: labelsOf(found[2] || ""), value });
    }
    return families;
}

export function sum(families, name, wanted) {
    let total = 0;
    for (const { labels, value } of families.get(name) || []) {
        total += !wanted || wanted(labels) ? value : 0;
    }
    return total;
}

export function value(families, name) {
    const list = families.get(name);
    return list && list.length ? list[0].value : null;
}

/* Totals by the value of one label. */
export function by(families, name, label) {
    const out = new Map();
    for (const { labels, value: v } of families.get(name) || []) {
        out.set(labels[label], (out.get(labels[label]) || 0) + v);
    }
    return out;
}

/* [[upper bound, cumulated count], ...] of a histogram over the routes that are wanted. */
export function histogram(families, name, wanted) {
    const out = new Map();
    for (const { labels, value: v } of families.get(`${name}_bucket`) || []) {
        if (!wanted || wanted(labels)) {
            const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
            out.set(bound, (out.get(bound) || 0) + v);
        }
    }
    return [...out].sort((a, b) => a[0] - b[0]);
}

export function less(now, before) {
    const earlier = new Map(before);
    return now.map(([bound, n]) => [bound, n - (earlier.get(bound) || 0)]);
}

/* As histogram_quantile does it: straight between the bounds of the bucket. Null: no counts. */
export function quantile(buckets, q) {
    const all = buckets.length ? buckets[buckets.length - 1][1] : 0;
    if (!(all > 0)) {
        return null;
    }
    let low = 0;
    let below = 0;
    for (const [bound, n] of buckets) {
        if (n >= q * all) {
            return bound === Infinity ? low
                : low + (bound - low) * (n > below ? (q * all - below) / (n - below) : 1);
        }
        low = bound;
        below = n;
    }
    return low;
}

/* Looks of the last minutes, the oldest first. */
export class Looks {
    constructor() {
        this.list = [];
    }

    add(families, ms) {
        const last = this.newest();
        const start = "process_start_time_seconds";
        if (last && value(last.families, start) !== value(families, start)) {
            this.list = []; /* another process: its counters begin anew */
        }
        this.list.push({ families, ms });
        while (this.list.length > 2 && this.list[0].ms < ms - KEPT_MS) {
            this.list.shift();
        }
    }

    newest() {
        return this.list[this.list.length - 1];
    }

    oldest() {
        return this.list[0];
    }
}

const REQUESTS = "almanac_http_requests_total";
const DURATION = "almanac_http_request_duration_seconds";

/* What is said about requests between two looks, or since the start (`before` null). */
export function requests(look, before, wanted) {
    const now = look.families;
    const then = before ? before.families : new Map();
    const isWanted = (labels) => wanted(labels.route);
    const difference = (test) => sum(now, REQUESTS, test) - sum(then, REQUESTS, test);
    const buckets = less(histogram(now, DURATION, isWanted), histogram(then, DURATION, isWanted));
    const span = before ? (look.ms - before.ms) / 1000 : null;
    const total = difference(isWanted);
    return {
        count: total,
        rate: span ? total / span : null,
        failed: difference((l) => isWanted(l) && l.status >= "500"),
        refused: difference((l) => isWanted(l) && l.status >= "400" && l.status < "500"),
        p50: quantile(buckets, 0.5),
        p95: quantile(buckets, 0.95),
        p99: quantile(buckets, 0.99),
        seconds: span,
    };
}

/* Requests that are answered with numbers of a model or a run. */
export function isPrediction(route) {
    return /^\/api\/v1\/(predictions|whatif)/.test(route) || /^\/v[12]\/.*(infer|:predict)$/.test(
        route) || route === "/invocations";
}

/* Routes that this dashboard itself asks while it is open. */
export function isOwn(route) {
    return route === "/" || route.startsWith("/dashboard/") || route === "/metrics" ||
        route === "/readyz" || route === "/openapi.json" || route === "/api/v1/routes";
}

export function routesOf(look) {
    return [...by(look.families, REQUESTS, "route").keys()].sort();
}
