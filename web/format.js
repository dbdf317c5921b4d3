/* Numbers, times and names as texts. A number that is not there is a dash, never a zero. */

import { h } from "./dom.js";

export const NOTHING = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const two = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const three = new Intl.NumberFormat("en", { minimumFractionDigits: 3, maximumFractionDigits: 3 });

const isNumber = (x) => typeof x === "number" && Number.isFinite(x);

export function count(x) {
    return isNumber(x) ? whole.format(x) : NOTHING;
}

/* As many digits as one reads: 12,345  123.4  12.34  0.123 */
export function amount(x) {
    if (!isNumber(x)) {
        return NOTHING;
    }
    const size = Math.abs(x);
    if (size === 0) {
        return "0";
    }
    if (size < 0.0005) {
        return "≈ 0";
    }
    return (size >= 1000 ? whole : size >= 100 ? one : size >= 1 ? two : three).format(x);
}

export function fixed(x, digits) {
    return isNumber(x) ? [whole, one, two, three][digits].format(x) : NOTHING;
}

export function percent(x) {
    if (!isNumber(x)) {
        return NOTHING;
    }
    const p = x * 100;
    return p === 0 || p === 100 ? `${p} %` : `${(Math.abs(p) >= 10 ? one : two).format(p)} %`;
}

export function seconds(x) {
    if (!isNumber(x)) {
        return NOTHING;
    }
    if (x === 0) {
        return "0 ms";
    }
    if (x < 1e-3) {
        return `${whole.format(x * 1e6)} µs`;
    }
    if (x < 1) {
        const ms = x * 1e3;
        return `${(ms >= 100 ? whole : ms >= 10 ? one : two).format(ms)} ms`;
    }
    return `${(x >= 100 ? whole : two).format(x)} s`;
}

export function bytes(x) {
    if (!isNumber(x)) {
        return NOTHING;
    }
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let at = 0;
    while (x >= 1024 && at < units.length - 1) {
        x /= 1024;
        at++;
    }
    return `${at === 0 || x >= 100 ? whole.format(x) : one.format(x)} ${units[at]}`;
}

/* 3 d 4 h, 5 min, 12 s */
export function duration(s) {
    if (!isNumber(s)) {
        return NOTHING;
    }
    const all = Math.max(0, Math.round(s));
    const d = Math.floor(all / 86400);
    const hours = Math.floor(all / 3600) % 24;
    const minutes = Math.floor(all / 60) % 60;
    if (d > 0) {
        return d < 10 && hours ? `${whole.format(d)} d ${hours} h` : `${whole.format(d)} d`;
    }
    if (hours > 0) {
        return `${hours} h ${minutes} min`;
    }
    return minutes > 0 ? `${minutes} min` : `${all} s`;
}

export function plural(n, word, many) {
    return `${count(n)} ${n === 1 ? word : many || word + "s"}`;
}

const stamp = new Intl.DateTimeFormat("en-GB", {
    year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit",
    second: "2-digit", timeZoneName: "short",
});
const clock = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});

/* An instant with its zone; the tooltip has it in UTC as the service gave it. */
export function instant(text) {
    const date = text ? new Date(text) : null;
    if (!date || Number.isNaN(date.getTime())) {
        return NOTHING;
    }
    return h("time", { datetime: text, title: text }, stamp.format(date));
}

export function clockTime(ms) {
    return clock.format(new Date(ms));
}

const dayOf = (text) => new Date(`${text}T00:00:00Z`);
const dayNames = new Intl.DateTimeFormat("en-GB", {
    weekday: "short", day: "2-digit", month: "short", timeZone: "UTC",
});
const shortDays = new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", timeZone: "UTC",
});

/* "Sat 12 Nov" of "2011-11-12": a day of the data, which has no zone. */
export function weekday(text) {
    return dayNames.format(dayOf(text)).replace(",", "");
}

export function shortDay(text) {
    return shortDays.format(dayOf(text));
}

export function isSunday(text) {
    return dayOf(text).getUTCDay() === 0;
}

export function isMonday(text) {
    return dayOf(text).getUTCDay() === 1;
}

/* A digest cut to what one compares by eye; whole in the tooltip and for the clipboard. */
export function digest(text, digits = 12) {
    if (!text) {
        return NOTHING;
    }
    return h("code", { class: "digest", title: text }, text.slice(0, digits));
}

/* A cell of a number: right, in even digits, the exact value at hand. */
export function cell(value, text) {
    return h("td", {
        class: "n", "data-value": isNumber(value) ? String(value) : null,
        title: isNumber(value) ? String(value) : null,
    }, text);
}
