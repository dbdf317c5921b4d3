/* Charts as SVG. Every one is a picture with a sentence that says what it shows; its numbers stand
 * in a table beside it. Widths are real pixels, so that text keeps its size. */

import { h, keep, s } from "./dom.js";
import { shortDay, isMonday } from "./format.js";

/* Round steps that cut [low, high] into about `parts`. */
export function ticks(low, high, parts) {
    const span = high - low || Math.abs(high) || 1;
    const raw = span / parts;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((k) => k * power).find((k) => k >= raw * 0.999);
    const out = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-6; k++) {
        out.push(k * step || 0); /* no -0 */
    }
    return out;
}

/* As ticks, from 0 on, until they reach `high`. */
function scaleTo(high, parts) {
    const marks = ticks(0, high || 1, parts);
    const last = marks[marks.length - 1];
    return last < high * 0.999 ? marks.concat(last + (marks[1] - marks[0])) : marks;
}

const tickNumber = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
/* 0, 0.25, 12.5, 2,500: no digit more than it needs. */
export const tickText = (v) => tickNumber.format(v);

function path(points, x, y) {
    let text = "";
    let pen = "M";
    for (const [i, value] of points.entries()) {
        if (value === null || value === undefined || Number.isNaN(value)) {
            pen = "M";
            continue;
        }
        text += `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
        pen = "L";
    }
    return text;
}

/* The host of a chart: redrawn when its width changes. `draw(width)` gives an SVG. */
export class Chart {
    constructor(label) {
        this.host = h("div", { class: "chart", "data-key": label });
        this.host.isKept = true;
        this.draw = null;
        this.width = 0;
        new ResizeObserver(() => this.paint(false)).observe(this.host);
    }

    /* Its place in a page. */
    get element() {
        return keep(this.host);
    }

    set(draw) {
        this.draw = draw;
        this.paint(true);
    }

    paint(anew) {
        const width = Math.floor(this.host.clientWidth);
        if (!this.draw || width === 0 || (!anew && width === this.width)) {
            return;
        }
        this.width = width;
        this.host.replaceChildren(this.draw(width));
    }
}

function frame(width, height, label, children) {
    return s("svg", {
        viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label,
    }, children);
}

/* Lines over time. `times`: ms, evenly or not; a gap longer than `gap` breaks the lines. `series`:
 * {name, kind, values}. */
export function timeLines({ width, height = 150, label, times, series, format, span, now }) {
    const left = 52;
    const right = 8;
    const top = 8;
    const bottom = 20;
    const from = now - span;
    const all = series.flatMap((one) => one.values).filter((v) => Number.isFinite(v));
    const high = Math.max(...all, 0);
    const marks = scaleTo(high, 3);
    const max = marks[marks.length - 1];
    const x = (ms) => left + (ms - from) / span * (width - left - right);
    const y = (v) => height - bottom - v / max * (height - top - bottom);
    const axis = marks.map((v) => [
        s("line", { class: "grid", x1: left, x2: width - right, y1: y(v), y2: y(v) }),
        s("text", { class: "tick", x: left - 6, y: y(v) + 3.5, "text-anchor": "end" }, format(v)),
    ]);
    const back = [1, 0.5, 0].map((part) => s("text", {
        class: "tick", x: x(now - part * span), y: height - 5,
        "text-anchor": part === 1 ? "start" : part === 0 ? "end" : "middle",
    }, part === 0 ? "now" : part * span < 90000 ? `${Math.round(part * span / 1000)} s ago`
        : `${tickText(part * span / 60000)} min ago`));
    const lines = series.map((one) => [
        s("path", { class: `line ${one.kind}`, d: path(one.values, (i) => x(times[i]), y) }),
        one.values.map((v, i) => Number.isFinite(v) && !Number.isFinite(one.values[i - 1]) &&
            !Number.isFinite(one.values[i + 1])
            ? s("circle", { class: `dot ${one.kind}`, cx: x(times[i]), cy: y(v), r: 2 }) : null),
    ]);
    return frame(width, height, label, [axis, back, lines]);
}

export function legend(series) {
    return h("ul", { class: "legend" }, series.map((one) =>
        h("li", { class: one.kind }, one.name)));
}

/* ---- the fan ---- */

const FAN = { left: 56, right: 14, top: 12, bottom: 24, risk: 46 };

/* Pairs of quantiles that lie around the middle, the widest first: [["0.05","0.95"], ...]. */
export function bands(levels) {
    const numbers = levels.map(Number);
    const out = [];
    for (const [i, low] of numbers.entries()) {
        const at = numbers.findIndex((x) => Math.abs(x - (1 - low)) < 1e-9);
        if (low < 0.5 && at >= 0) {
            out.push([levels[i], levels[at]]);
        }
    }
    return out;
}

function fanScale(days, width, height) {
    const levels = days[0] && days[0].quantiles ? Object.keys(days[0].quantiles) : [];
    const around = bands(levels);
    const tops = days.flatMap((d) => [d.value,
        around.length && d.quantiles ? d.quantiles[around[0][1]] : 0]);
    const high = Math.max(...tops, 1e-9);
    const marks = scaleTo(high, 5);
    const max = marks[marks.length - 1];
    const step = (width - FAN.left - FAN.right) / Math.max(1, days.length - 1);
    return {
        around, marks,
        x: (i) => days.length === 1 ? (FAN.left + width - FAN.right) / 2 : FAN.left + i * step,
        y: (v) => height - FAN.bottom - v / max * (height - FAN.top - FAN.bottom),
    };
}

function bandPath(days, [low, high], x, y) {
    const there = days.map((d, i) => [i, d]).filter(([, d]) => d.quantiles);
    const over = there.map(([i, d]) => `${x(i).toFixed(1)} ${y(d.quantiles[high]).toFixed(1)}`);
    const under = there.reverse().map(([i, d]) =>
        `${x(i).toFixed(1)} ${y(d.quantiles[low]).toFixed(1)}`);
    return over.length ? `M${over.concat(under).join("L")}Z` : "";
}

function dayAxis(days, x, height, width) {
    const room = Math.max(1, Math.floor((width - FAN.left) / 64));
    const mondays = days.map((d, i) => i).filter((i) => isMonday(days[i].timestamp));
    const some = mondays.length >= 2 ? mondays : days.map((d, i) => i);
    const every = Math.ceil(some.length / room);
    return some.filter((_, k) => k % every === 0).map((i) => [
        s("line", { class: "grid", x1: x(i), x2: x(i), y1: FAN.top, y2: height - FAN.bottom }),
        s("text", { class: "tick", x: x(i), y: height - 7, "text-anchor": "middle" },
            shortDay(days[i].timestamp)),
    ]);
}

/* Bars of the probability to run out by the end of each day, under the fan. */
function riskStrip(days, x, top, width) {
    if (!days.some((d) => Number.isFinite(d.stockout_probability))) {
        return null;
    }
    const wide = Math.max(2, (width - FAN.left - FAN.right) / Math.max(1, days.length) - 2);
    const tall = FAN.risk - 16;
    return [
        s("text", { class: "tick", x: FAN.left - 6, y: top + tall, "text-anchor": "end" }, "0 %"),
        s("text", { class: "tick", x: FAN.left - 6, y: top + 8, "text-anchor": "end" }, "100 %"),
        s("line", { class: "grid", x1: FAN.left - wide / 2, x2: width - FAN.right + wide / 2,
            y1: top + tall, y2: top + tall }),
        s("line", { class: "grid", x1: FAN.left - wide / 2, x2: width - FAN.right + wide / 2,
            y1: top, y2: top }),
        days.map((d, i) => {
            const p = d.stockout_probability || 0;
            return s("rect", { class: "risk", x: x(i) - wide / 2, width: wide,
                y: top + tall * (1 - p), height: tall * p });
        }),
    ];
}

/* Mean, nested intervals and the chance to run out of one node. `chosen`: index of a day, or -1.
 * `base`: days of another answer, drawn as a broken line. */
export function fan({ width, height = 280, days, label, chosen, base }) {
    const hasRisk = days.some((d) => Number.isFinite(d.stockout_probability));
    const wholeHeight = height + (hasRisk ? FAN.risk : 0);
    const { around, marks, y } = fanScale(base ? days.concat(base) : days, width, height);
    const at = fanScale(days, width, height).x;
    return frame(width, wholeHeight, label, [
        marks.map((v) => [
            s("line", { class: "grid", x1: FAN.left, x2: width - FAN.right, y1: y(v), y2: y(v) }),
            s("text", { class: "tick", x: FAN.left - 6, y: y(v) + 3.5, "text-anchor": "end" },
                tickText(v)),
        ]),
        dayAxis(days, at, height, width),
        around.map((pair, k) => s("path", { class: `band band-${Math.min(k, 2)}`,
            d: bandPath(days, pair, at, y) })),
        base ? s("path", { class: "line base", d: path(base.map((d) => d.value), at, y) }) : null,
        s("path", { class: "line mean", d: path(days.map((d) => d.value), at, y) }),
        days.map((d, i) => d.limited
            ? s("circle", { class: "limited", cx: at(i), cy: y(d.value), r: 3.5 }) : null),
        riskStrip(days, at, height + 8, width),
        chosen >= 0 && days[chosen] ? [
            s("line", { class: "cursor", x1: at(chosen), x2: at(chosen), y1: FAN.top,
                y2: height - FAN.bottom }),
            s("circle", { class: "dot mean", cx: at(chosen), cy: y(days[chosen].value), r: 4 }),
        ] : null,
    ]);
}

/* The day under a place of the picture. */
export function dayAt(px, width, days) {
    const step = (width - FAN.left - FAN.right) / Math.max(1, days.length - 1);
    return Math.max(0, Math.min(days.length - 1, Math.round((px - FAN.left) / step)));
}

/* A small line without axes; beside it stands the number. */
export function spark(values, label, kind = "risk-line") {
    const width = 84;
    const height = 20;
    const x = (i) => 1 + i * (width - 2) / Math.max(1, values.length - 1);
    const y = (v) => height - 1.5 - v * (height - 3);
    return s("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height,
        role: "img", "aria-label": label },
    s("path", { class: `area ${kind}`,
        d: `${path(values, x, y)}L${x(values.length - 1)} ${height}L${x(0)} ${height}Z` }),
    s("path", { class: `line ${kind}`, d: path(values, x, y) }));
}

/* Signed contributions as bars to the left and right of a middle. */
export function contribution(value, max) {
    const kind = value < 0 ? "minus" : "plus";
    const bar = h("span", { class: `signed ${kind}`, "aria-hidden": "true" });
    const inner = h("span", null);
    const width = max > 0 ? Math.abs(value) / max * 50 : 0;
    inner.style.width = `${width}%`;
    inner.style.left = value < 0 ? `${50 - width}%` : "50%";
    bar.append(inner);
    return bar;
}
