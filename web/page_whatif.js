/* What if price, promotion, lead time, stock or demand were another: against the base, on the same
 * sample paths. Computed by the service; nothing here is. */

import { can, get, post } from "./api.js";
import { bands, Chart, fan } from "./charts.js";
import { h, say, show } from "./dom.js";
import { amount, cell, count, fixed, NOTHING, percent, weekday } from "./format.js";
import { answerLabel } from "./label.js";
import { NodeSearch } from "./node_search.js";
import { badge, empty, head, link, loading, note, panel, problemBox, row, select, severity, table }
    from "./parts.js";

const WAIT_MS = 300;
const NAME = "Scenario";

/* What is otherwise; null: nothing. */
const SAME = { factor: 1, price: null, stock: null, lead: null, from: null, to: null };

/* ---- the request ---- */

function scenario(state) {
    const c = state.change;
    const out = { name: NAME };
    if (c.factor !== 1) {
        out.demand_factor = c.factor;
    }
    if (c.price !== null) {
        out.price = c.price;
    }
    if (c.from) {
        out.promotion = [{ date: c.from, to: c.to || c.from }];
    }
    if (c.stock !== null) {
        out.stock = { on_hand: c.stock };
    }
    if (c.lead !== null && c.lead !== state.terms.lead_time_days) {
        out.order = { lead_time_days: c.lead };
    }
    return out;
}

function later(state) {
    clearTimeout(state.timer);
    state.timer = setTimeout(() => ask(state), WAIT_MS);
    paint(state);
}

async function ask(state) {
    const turn = ++state.turn;
    if (!state.node) {
        return;
    }
    state.asking = true;
    paint(state);
    try {
        const answer = await post("/api/v1/whatif", {
            route: state.route, node: state.node, order: state.terms,
            scenarios: [scenario(state)],
        });
        if (turn !== state.turn) {
            return;
        }
        state.answer = answer;
        state.problem = null;
        const d = answer.scenarios[0].difference.demand;
        say(`Demand ${amount(answer.scenarios[0].demand)}, ${signed(d)} against the base`);
    } catch (problem) {
        if (turn !== state.turn) {
            return;
        }
        state.problem = problem;
    }
    state.asking = false;
    paint(state);
}

/* ---- controls ---- */

/* A number with a slider beside it; both are the same value. */
function dial(state, { name, value, min, max, step, unit, take, off }) {
    const set = (event) => {
        const x = Number(event.target.value);
        if (event.target.value !== "" && Number.isFinite(x)) {
            take(x);
            later(state);
        }
    };
    const isOff = value === null;
    return h("div", { class: "dial", "data-key": name },
        h("span", { class: "dial-name" }, name),
        off ? h("label", { class: "check" }, h("input", {
            type: "checkbox", checked: !isOff, "aria-label": `Another ${name.toLowerCase()}`,
            onchange: (event) => {
                take(event.target.checked ? off : null);
                later(state);
            },
        }), h("span", { class: "small" }, isOff ? "as planned" : "another")) : null,
        isOff ? null : [
            h("input", { type: "range", "aria-label": name, min, max, step, value, oninput: set }),
            h("span", { class: "dial-value" },
                h("input", { type: "number", "aria-label": `${name}, ${unit}`, min, step, value,
                    oninput: set }),
                h("span", { class: "small" }, unit)),
        ]);
}

function promotion(state) {
    const days = state.answer ? state.answer.base.predictions.map((d) => d.timestamp) : [];
    const c = state.change;
    const choose = (key) => (event) => {
        c[key] = event.target.value || null;
        if (c.to && c.from && c.to < c.from) {
            c.to = c.from;
        }
        later(state);
    };
    const options = (chosen) => days.map((d) =>
        h("option", { value: d, selected: d === chosen }, weekday(d)));
    return h("div", { class: "dial", "data-key": "promotion" },
        h("span", { class: "dial-name" }, "Promotion"),
        h("label", { class: "check" }, h("input", {
            type: "checkbox", checked: c.from !== null, disabled: !days.length,
            "aria-label": "A promotion", onchange: (event) => {
                c.from = event.target.checked ? days[0] : null;
                c.to = event.target.checked ? days[Math.min(6, days.length - 1)] : null;
                later(state);
            },
        }), h("span", { class: "small" }, c.from === null ? "as planned" : "on")),
        c.from === null ? null : h("span", { class: "dial-days" },
            h("label", null, h("span", { class: "small" }, "from "),
                h("select", { onchange: choose("from") }, options(c.from))),
            h("label", null, h("span", { class: "small" }, "to "),
                h("select", { onchange: choose("to") }, options(c.to)))));
}

function controls(state) {
    const c = state.change;
    const stock = state.answer && state.answer.base.order ? state.answer.base.order.position : 100;
    const dials = [
        { name: "Demand", value: c.factor, min: 0.25, max: 3, step: 0.05, unit: "times",
            take: (x) => {
                c.factor = Math.max(0.01, Math.min(100, x));
            } },
        { name: "Price", value: c.price, min: 0, max: state.priceMax, step: 0.05, off: 1,
            unit: "of all days", take: (x) => {
                c.price = x;
                state.priceMax = x === null ? 10 : Math.max(state.priceMax, 2 * x);
            } },
        null,
        { name: "Stock on hand", value: c.stock, min: 0, step: 1, unit: "units", off: Math.max(1,
            Math.round(stock)), max: Math.max(100, Math.ceil(3 * Math.max(stock, c.stock || 0))),
        take: (x) => {
            c.stock = x;
        } },
        { name: "Lead time", value: c.lead === null ? state.terms.lead_time_days : c.lead, min: 0,
            max: 28, step: 1, unit: "days", take: (x) => {
                c.lead = Math.max(0, Math.round(x));
            } },
    ];
    return panel("Otherwise", {
        tools: h("button", { type: "button", class: "quiet", onclick: () => {
            state.change = { ...SAME };
            later(state);
        } }, "As it is"),
    }, dials.map((d) => d ? dial(state, d) : promotion(state)));
}

function baseTerms(state) {
    const field = (key, name, props) => h("label", { class: "field" }, h("span", null, name),
        h("input", { type: "number", ...props, value: state.terms[key], oninput: (event) => {
            const x = Number(event.target.value);
            if (event.target.value !== "" && Number.isFinite(x)) {
                state.terms = { ...state.terms, [key]: x };
                later(state);
            }
        } }));
    return panel("Terms of the base", { note: "of an order, also of the scenario" },
        h("div", { class: "bar-of-tools" },
            field("lead_time_days", "Lead time, days", { min: 0, step: 1 }),
            field("review_days", "Review, days", { min: 0, step: 1 }),
            field("service_level", "Service level", { min: 0.5, max: 0.999, step: 0.01 })));
}

/* ---- the answer ---- */

function signed(x, format = amount) {
    return x === null ? NOTHING : x > 0 ? `+${format(x)}` : x < 0 ? `−${format(-x)}` : "0";
}

function compared(answer) {
    const base = answer.base;
    const one = answer.scenarios[0];
    const d = one.difference;
    const line = (name, a, b, difference, format = amount, less = format) => row(name,
        h("th", { scope: "row" }, name), cell(a, format(a)), cell(b, format(b)),
        cell(difference, signed(difference, less)));
    const points = (x) => `${fixed(x * 100, 1)} points`;
    const pair = bands(Object.keys(one.demand_quantiles))[0];
    const range = (x) => pair ? `${amount(x.demand_quantiles[pair[0]])} to ` +
        amount(x.demand_quantiles[pair[1]]) : NOTHING;
    const risk = base.stockout && one.stockout;
    const order = base.order && one.order;
    return table("The scenario against the base", ["What", { text: "Base", n: true },
        { text: NAME, n: true }, { text: "Difference", n: true }], [
        line("Demand", base.demand, one.demand, d.demand),
        pair ? row("range", h("th", { scope: "row" },
            `${Math.round((pair[1] - pair[0]) * 1000) / 10} % interval`),
        h("td", { class: "n" }, range(base)), h("td", { class: "n" }, range(one)), "") : null,
        risk ? [
            line("Runs out", base.stockout.probability, one.stockout.probability,
                d.stockout_probability, percent, points),
            row("severity", h("th", { scope: "row" }, "Severity"),
                h("td", { class: "n" }, severity(base.stockout.severity)),
                h("td", { class: "n" }, severity(one.stockout.severity)), ""),
            line("Expected days", base.stockout.expected_days, one.stockout.expected_days,
                d.expected_days, (x) => fixed(x, 1)),
            line("Shortfall", base.stockout.expected_shortfall, one.stockout.expected_shortfall,
                d.expected_shortfall),
        ] : null,
        order ? [
            line("Order now", base.order.order, one.order.order, d.order),
            line("Reorder point", base.order.reorder_point, one.order.reorder_point,
                d.reorder_point),
            line("Safety stock", base.order.safety_stock, one.order.safety_stock,
                one.order.safety_stock - base.order.safety_stock),
            line("Order up to", base.order.order_up_to, one.order.order_up_to,
                one.order.order_up_to - base.order.order_up_to),
        ] : null,
    ].flat(Infinity).filter(Boolean));
}

const withRisk = (outcome) => outcome.predictions.map((d, i) => ({
    ...d, last: d.timestamp,
    stockout_probability: outcome.stockout ? outcome.stockout.probability_by_day[i] : null,
}));

function result(state) {
    const answer = state.answer;
    const one = answer.scenarios[0];
    const days = withRisk(one);
    const around = bands(Object.keys(days[0].quantiles));
    state.chart.set((width) => fan({
        width, days, base: withRisk(answer.base), chosen: -1,
        label: `${NAME} from ${answer.first} to ${answer.last}: demand ${amount(one.demand)}, ` +
            `${signed(one.difference.demand)} against the base. The table has the numbers.`,
    }));
    return [
        panel("Demand", { note: "units a day", tools: h("ul", { class: "legend" },
            h("li", { class: "mean" }, NAME), h("li", { class: "base" }, "Base"),
            around.map((pair, k) => h("li", { class: `band-${Math.min(k, 2)}` },
                `${Math.round((pair[1] - pair[0]) * 1000) / 10} %`)),
            one.stockout ? h("li", { class: "risk" }, "Has run out") : null) },
        state.chart.element,
        h("details", null, h("summary", null, "By day as numbers"),
            table("Demand by day", ["Day", { text: "Base", n: true }, { text: NAME, n: true },
                { text: "Difference", n: true }],
            days.map((d, i) => row(d.timestamp, h("th", { scope: "row" }, weekday(d.timestamp)),
                cell(answer.base.predictions[i].value, amount(answer.base.predictions[i].value)),
                cell(d.value, amount(d.value)),
                cell(one.difference.demand_by_day[i],
                    signed(one.difference.demand_by_day[i]))))))),
        panel("Against the base", { note: `${count(answer.paths)} sample paths, the same in both` },
            compared(answer),
            one.no_effect.length ? note("warn", h("p", null, h("b", null, "Moves nothing:")),
                one.no_effect.map((x) => h("p", { "data-key": x.change },
                    `${x.change}: ${x.reason}`))) : null,
            [one.no_stockout, one.no_order].filter(Boolean).map((text) =>
                h("p", { class: "small", "data-key": text }, text)),
            h("p", { class: "small" }, `Advice: ${answer.advice}.`)),
        panel("Where it comes from", null, answerLabel(answer),
            answer.computation && answer.computation.label
                ? h("p", { class: "small" }, answer.computation.label) : null),
    ];
}

function paint(state) {
    if (state.turn < 0) {
        return;
    }
    const routes = state.routes ? state.routes.routes.map((r) => [r.route, r.route]) : [];
    state.search.set(state.node || "");
    show(state.host,
        head("What if", "Scenarios of one series, computed from the service's state of this " +
            "moment"),
        state.there === false ? panel("What if", null, empty("This service has no what-if",
            "Its interface has no POST /api/v1/whatif, so there is nothing to ask.")) : null,
        state.routes ? h("div", { class: "bar-of-tools" },
            select("Route", routes, state.route, (route) => {
                state.route = route;
                ask(state);
            }), state.search.element) : null,
        state.problem ? problemBox(state.problem, () => begin(state)) : null,
        state.routes ? h("div", { class: "of" }, h("h2", null, state.node || "No series yet"),
            state.node ? link("explorer", { route: state.route, node: state.node,
                level: "series" }, "Its forecast") : null,
            state.asking ? badge("plain", "computing …") : null) : null,
        state.routes ? h("div", { class: "narrow-wide" },
            h("div", null, controls(state), baseTerms(state)),
            h("div", null, state.answer ? result(state)
                : state.problem ? panel("No answer", null, empty("Nothing to show",
                    "What was asked for could not be computed.")) : loading("the base")))
            : state.there === false || state.problem ? null : loading("what the service can do"));
}

async function begin(state) {
    try {
        state.problem = null;
        state.there = await can("POST", "/api/v1/whatif");
        if (state.there) {
            state.routes = state.routes || await get("/api/v1/routes");
            const first = state.routes.routes[0];
            state.route = state.route || (first && first.route);
            if (!state.node) {
                const nodes = await get(`/api/v1/nodes?level=series&limit=1&route=${
                    encodeURIComponent(state.route)}`);
                state.node = nodes.nodes.length ? nodes.nodes[0].node : null;
            }
            await ask(state);
        }
    } catch (problem) {
        state.problem = problem;
    }
    paint(state);
}

export function open(host, values) {
    const state = {
        host, there: null, routes: null, turn: 0, answer: null, problem: null, asking: false,
        change: { ...SAME }, priceMax: 10, chart: new Chart("whatif"),
        terms: { lead_time_days: 7, review_days: 1, service_level: 0.95 },
        route: values.get("route"), node: values.get("node"),
    };
    state.search = new NodeSearch(() => ({ route: state.route, level: "series" }), ({ node }) => {
        state.node = node;
        state.change = { ...SAME };
        ask(state);
    });
    paint(state);
    begin(state);
    return () => {
        state.turn = -1;
        clearTimeout(state.timer);
    };
}
