/* The forecast of one node: the fan, its numbers, what makes it, its parts and wholes. */

import { address, get, post } from "./api.js";
import { bands, Chart, contribution, dayAt, fan } from "./charts.js";
import { h, show } from "./dom.js";
import { amount, cell, count, fixed, NOTHING, percent, plural, weekday } from "./format.js";
import { answerLabel } from "./label.js";
import { NodeSearch } from "./node_search.js";
import { badge, choice, empty, head, link, loading, note, panel, problemBox, row, select, share,
    table } from "./parts.js";

const routeOf = (state) => state.routes.routes.find((r) => r.route === state.route);
const sourceOf = (state) => {
    const route = routeOf(state);
    const name = state.release || (route && route.sources[0] && route.sources[0].model_version);
    return route && route.sources.find((x) => x.model_version === name);
};

function go(state, change) {
    const next = { route: state.route, release: state.release, node: state.node,
        level: state.level, ...change };
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(next)) {
        if (value) {
            query.set(name, value);
        }
    }
    location.hash = `#/explorer?${query}`;
}

/* ---- the chart and a day of it ---- */

const percentOf = (level) => `${Math.round(level * 1000) / 10}`;

function sentence(day, around) {
    const wide = around.length && day.quantiles
        ? `, between ${amount(day.quantiles[around[0][0]])} and ` +
            `${amount(day.quantiles[around[0][1]])} ` +
            `(${percentOf(around[0][1] - around[0][0])} %)` : "";
    return `${weekday(day.timestamp)}: mean ${amount(day.value)}${wide}`;
}

function fanLabel(state, days, around) {
    const total = days.reduce((a, d) => a + d.value, 0);
    return `Forecast of ${state.answer.node} from ${days[0].timestamp} to ` +
        `${days[days.length - 1].last}: ${amount(total)} in all, ` +
        `largest day ${amount(Math.max(...days.map((d) => d.value)))}` +
        (around.length ? `, with ${plural(around.length, "interval")} around the mean` : "") +
        ". The table has the numbers.";
}

function choose(state, i) {
    if (i !== state.day) {
        state.day = i;
        paint(state);
    }
}

function chartView(state, days, around) {
    state.chart.set((width) => fan({
        width, days, chosen: state.day, label: fanLabel(state, days, around),
    }));
    const box = state.chart.host;
    const follow = (event) => {
        const at = event.clientX - box.getBoundingClientRect().left;
        choose(state, dayAt(at, box.clientWidth, days));
    };
    box.onpointerdown = follow;
    box.onpointermove = (event) => {
        if (event.pointerType === "mouse") {
            follow(event);
        }
    };
    return [
        h("ul", { class: "legend" }, h("li", { class: "mean" }, "Mean"),
            around.map((pair, k) => h("li", { class: `band-${Math.min(k, 2)}` },
                `${percentOf(pair[1] - pair[0])} %`)),
            days.some((d) => Number.isFinite(d.stockout_probability))
                ? h("li", { class: "risk" }, "Probability to have run out") : null,
            days.some((d) => d.limited) ? h("li", { class: "limited" }, "Changed by a limit")
                : null),
        state.chart.element,
        h("label", { class: "day-slider" }, h("span", null, "Day"),
            h("input", { type: "range", min: 0, max: days.length - 1, step: 1, value: state.day,
                "aria-valuetext": sentence(days[state.day], around),
                oninput: (event) => choose(state, Number(event.target.value)) }),
            h("output", { class: "day-output" }, sentence(days[state.day], around))),
    ];
}

function tableView(days) {
    const levels = days.find((d) => d.quantiles) ? Object.keys(days.find((d) =>
        d.quantiles).quantiles) : [];
    const hasRisk = days.some((d) => Number.isFinite(d.stockout_probability));
    return table("The forecast by day", ["Day", { text: "Mean", n: true },
        levels.map((x) => ({ text: `${percentOf(x)} %`, n: true })),
        hasRisk ? [{ text: "Run out", n: true }, { text: "Shortfall", n: true }] : [],
        { text: "Base", n: true, title: "before reconciliation" }, "Limit"].flat(),
    days.map((d) => row(d.timestamp,
        h("th", { scope: "row" }, h("time", { datetime: d.timestamp }, weekday(d.timestamp))),
        cell(d.value, amount(d.value)),
        levels.map((x) => cell(d.quantiles && d.quantiles[x], amount(d.quantiles &&
            d.quantiles[x]))),
        hasRisk ? [cell(d.stockout_probability, percent(d.stockout_probability)),
            cell(d.expected_shortfall, amount(d.expected_shortfall))] : [],
        cell(d.base_value, amount(d.base_value)),
        d.limited ? `${d.limited.policy}, before ${amount(d.limited.before)}` : NOTHING)));
}

function row2(name, value, text) {
    return row(name, h("th", { scope: "row" }, name), cell(value, text));
}

function dayPanel(state, days, around) {
    const d = days[state.day];
    const q = d.quantiles;
    return panel(weekday(d.timestamp), { note: `day ${state.day + 1} of ${days.length}` },
        table(`Numbers of ${d.timestamp}`, ["What", { text: "Value", n: true }], [
            row2("Mean", d.value, amount(d.value)),
            q && q["0.5"] !== undefined ? row2("Median", q["0.5"], amount(q["0.5"])) : null,
            around.map(([low, high]) => row(low, h("th", { scope: "row" },
                `${percentOf(high - low)} % interval`),
            h("td", { class: "n" }, `${amount(q && q[low])} to ${amount(q && q[high])}`))),
            Number.isFinite(d.stockout_probability) ? [
                row2("Has run out", d.stockout_probability, percent(d.stockout_probability)),
                row2("Shortfall by then", d.expected_shortfall, amount(d.expected_shortfall)),
            ] : null,
            d.base_value !== undefined
                ? row2("Before reconciliation", d.base_value, amount(d.base_value)) : null,
        ].flat(Infinity).filter(Boolean), { class: "narrow" }));
}

function linesOf(state, days) {
    const wanted = state.drivers === "all" ? days : [days[state.day]];
    const sums = new Map();
    for (const d of wanted) {
        for (const line of d.explanation || []) {
            sums.set(line.feature, (sums.get(line.feature) || 0) + line.contribution);
        }
    }
    return [...sums].sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]) || (a[0] < b[0] ? -1 : 1));
}

function driverPanel(state, days) {
    const lines = linesOf(state, days);
    const max = lines.length ? Math.abs(lines[0][1]) : 0;
    const total = lines.reduce((a, [, v]) => a + v, 0);
    return panel("What makes it", {
        tools: choice("Days that are explained", [["day", weekday(days[state.day].timestamp)],
            ["all", "All days"]], state.drivers, (drivers) => {
            state.drivers = drivers;
            paint(state);
        }),
    }, lines.length === 0 ? empty("No explanation", "The run holds none of this: where the mean " +
        "is 0 there is nothing to explain.")
        : table("Contributions to the mean", ["Feature", { text: "Units", n: true },
            { text: "", class: "bar-column" }],
        [lines.map(([name, v]) => row(name, name, cell(v, amount(v)),
            h("td", { class: "bar-column" }, contribution(v, max)))),
        row("Σ", h("th", { scope: "row" }, "Sum"), cell(total, amount(total)), "")].flat()));
}

/* ---- parts and wholes ---- */

function wholes(state) {
    const parent = state.parts && state.parts.parent;
    if (!parent || !parent.part_of.length) {
        return null;
    }
    return h("nav", { class: "crumbs", "aria-label": "Part of" }, h("span", null, "Part of"),
        parent.part_of.map((x) => h("span", { "data-key": x.level },
            x.node === x.level ? null : h("span", { class: "small" }, `${x.level} `),
            link("explorer", { route: state.route, release: state.release, node: x.node,
                level: x.level }, x.node))));
}

function partsPanel(state) {
    const parts = state.parts;
    if (!parts) {
        return state.partsProblem ? panel("Parts", null, problemBox(state.partsProblem)) : null;
    }
    if (!parts.parent || (parts.nodes.length === 0 && !parts.next)) {
        return null;
    }
    const whole = state.answer.predictions.reduce((a, d) => a + d.value, 0);
    const all = [...parts.nodes].sort((a, b) => a.level === b.level ? b.demand - a.demand : 0);
    const levels = parts.levels.find((x) => x.level === parts.parent.level).parts;
    const chosen = levels.includes(state.partLevel) ? state.partLevel : levels[0];
    const shown = all.filter((x) => x.level === chosen);
    const hasRisk = shown.some((x) => x.stockout_probability !== null);
    return panel("Parts", {
        note: parts.next ? `the first ${count(parts.nodes.length)}` : null,
        tools: levels.length > 1 ? choice("Level of the parts", levels.map((x) => [x, x]), chosen,
            (level) => {
                state.partLevel = level;
                paint(state);
            }) : h("span", { class: "small" }, chosen),
    }, table(`Parts of ${parts.parent.node}`, ["Node", { text: "Demand", n: true },
        { text: "Share", n: true }, { text: "", class: "bar-column" },
        hasRisk ? { text: "Runs out", n: true } : null].filter(Boolean),
    shown.slice(0, state.partsShown).map((x) => row(x.level + x.node,
        h("td", null, link("explorer", { route: state.route, release: state.release,
            node: x.node, level: x.level }, x.node)),
        cell(x.demand, amount(x.demand)),
        cell(whole ? x.demand / whole : null, whole ? percent(x.demand / whole) : NOTHING),
        h("td", { class: "bar-column" }, share(whole ? x.demand / whole : 0)),
        hasRisk ? cell(x.stockout_probability, percent(x.stockout_probability)) : []))),
    shown.length > state.partsShown || parts.next ? h("p", { class: "more" },
        h("button", { type: "button", onclick: () => more(state, shown.length) },
            shown.length > state.partsShown
                ? `Show more (${count(state.partsShown)} of ${count(shown.length)}` +
                    `${parts.next ? " and more" : ""})`
                : "Ask for more")) : null);
}

async function more(state, there) {
    if (there <= state.partsShown && state.parts.next) {
        try {
            const page = await get(partsAddress(state, state.parts.next));
            state.parts = { ...page, nodes: state.parts.nodes.concat(page.nodes) };
        } catch (problem) {
            state.partsProblem = problem;
            state.parts = null;
        }
    }
    state.partsShown += 25;
    paint(state);
}

/* ---- the page ---- */

function tools(state) {
    const route = routeOf(state);
    const routes = state.routes.routes.map((r) => [r.route, r.route]);
    const releases = (route ? route.sources : []).filter((x) => x.model_version)
        .map((x) => [x.model_version, `${x.model_version} (${x.role})`]);
    state.search.set(state.node || "");
    const current = sourceOf(state);
    return h("div", { class: "bar-of-tools" },
        select("Route", routes, state.route, (value) => go(state, { route: value, release: "",
            node: "", level: "" })),
        select("Release", releases, current ? current.model_version : "",
            (value) => go(state, { release: value })),
        state.search.element);
}

function metricsLine(answer) {
    const x = answer.model_metrics;
    return x ? h("p", { class: "line-facts" },
        h("span", null, "Backtest at this level"),
        h("span", null, "WAPE ", h("b", { "data-value": x.wape }, percent(x.wape))),
        h("span", null, "Bias ", h("b", { "data-value": x.bias }, percent(x.bias))),
        h("span", null, "RMSE ", h("b", { "data-value": x.rmse }, amount(x.rmse)))) : null;
}

function summary(answer, days) {
    const total = days.reduce((a, d) => a + d.value, 0);
    const last = days[days.length - 1];
    return h("p", { class: "line-facts" },
        h("span", null, `${weekday(days[0].timestamp)} to ${weekday(last.last)}`),
        h("span", null, "Demand ", h("b", { "data-value": total }, amount(total))),
        Number.isFinite(last.stockout_probability)
            ? h("span", null, "Runs out by the end ", h("b", {
                "data-value": last.stockout_probability }, percent(last.stockout_probability)))
            : null);
}

function content(state) {
    const answer = state.answer;
    const days = answer.predictions;
    const levels = days[0].quantiles ? Object.keys(days[0].quantiles) : [];
    const around = bands(levels);
    const source = sourceOf(state);
    return [
        h("div", { class: "of" }, h("h2", null, answer.node), badge("plain", answer.level),
            wholes(state)),
        source && source.is_stale ? note("warn", `This run is ${plural(source.age_days, "day")} ` +
            `old; route ${state.route} lets runs answer up to ` +
            `${plural(routeOf(state).stale_days_max, "day")}. Requests get a lower step's answer.`)
            : null,
        h("div", { class: "wide-narrow" },
            h("div", null,
                panel("Forecast", {
                    note: "units a day",
                    tools: choice("View", [["chart", "Chart"], ["table", "Table"]], state.view,
                        (view) => {
                            state.view = view;
                            paint(state);
                        }),
                }, summary(answer, days),
                state.view === "chart" ? chartView(state, days, around) : tableView(days),
                metricsLine(answer)),
                panel("Where it comes from", null, answerLabel(answer)),
                partsPanel(state)),
            h("div", null, dayPanel(state, days, around), driverPanel(state, days))),
    ];
}

function paint(state) {
    show(state.host,
        head("Forecasts", state.routes ? `Project ${state.routes.project}; a series is named ` +
            `${state.routes.keys.join("|")}` : "What the run in force says"),
        state.routes ? tools(state) : null,
        state.problem ? problemBox(state.problem, () => begin(state)) : null,
        state.answer ? content(state)
            : state.problem ? null : loading("the forecast"));
}

function partsAddress(state, cursor) {
    return address("/api/v1/nodes", {
        route: state.route, model_version: state.version, parent: state.node,
        parent_level: state.level, limit: 1000, cursor,
    });
}

/* What the run in force says; where there is none, what stands in for it, which says so itself. */
async function answerOf(state) {
    try {
        return await get(address(`/api/v1/predictions/${encodeURIComponent(state.node)}`,
            { route: state.route, model_version: state.version, level: state.level }));
    } catch (problem) {
        if (problem.status !== 503) {
            throw problem;
        }
        const asked = { route: state.route, node: state.node };
        return post("/api/v1/predictions/demand", state.level ? { ...asked, level: state.level }
            : asked);
    }
}

async function ask(state) {
    const turn = ++state.turn;
    const route = routeOf(state);
    state.version = state.release || (route && route.release);
    if (!route) {
        throw Object.assign(new Error(), { status: 404, detail: state.route
            ? `There is no route ${state.route}.` : "The project has no routes." });
    }
    if (!state.node) {
        const first = await get(address("/api/v1/nodes", { route: state.route,
            model_version: state.version, limit: 1 }));
        state.node = first.nodes[0].node;
        state.level = first.nodes[0].level;
    }
    const answer = await answerOf(state);
    if (turn !== state.turn) {
        return;
    }
    state.answer = answer;
    state.level = answer.level;
    const days = answer.predictions;
    state.day = Math.max(0, days.findIndex((d) => d.value > 0));
    state.partsShown = 25;
    state.parts = null;
    state.partsProblem = null;
    state.problem = null;
    paint(state);
    try {
        const parts = await get(partsAddress(state, null));
        if (turn !== state.turn) {
            return;
        }
        state.parts = parts;
    } catch (problem) {
        state.partsProblem = problem;
    }
    paint(state);
}

async function begin(state) {
    try {
        state.routes = state.routes || await get("/api/v1/routes");
        state.route = state.route || (state.routes.routes[0] && state.routes.routes[0].route);
        await ask(state);
    } catch (problem) {
        if (state.turn >= 0) {
            state.problem = problem;
            state.answer = null;
            paint(state);
        }
    }
}

function take(state, values) {
    state.route = values.get("route") || state.route;
    state.release = values.get("release") || "";
    state.node = values.get("node") || "";
    state.level = values.get("level") || "";
}

export function open(host, values) {
    const state = {
        host, routes: null, turn: 0, view: "chart", drivers: "day", day: 0, partsShown: 25,
        chart: new Chart("fan"), problem: null, answer: null,
    };
    take(state, values);
    state.search = new NodeSearch(
        () => ({ route: state.route, model_version: state.version }),
        (node) => go(state, node));
    paint(state);
    begin(state);
    return {
        close: () => {
            state.turn = -1;
        },
        update: (next) => {
            take(state, next);
            begin(state);
        },
    };
}
