/* Series by their risk to run out, the most at risk first. */

import { address, can, get } from "./api.js";
import { spark } from "./charts.js";
import { h, say, show } from "./dom.js";
import { amount, cell, count, fixed, NOTHING, percent, plural } from "./format.js";
import { choice, empty, head, link, loading, note, panel, problemBox, row, select, severity, share,
    table } from "./parts.js";
import { label } from "./label.js";

const LEAST = [["none", "All"], ["low", "Low +"], ["medium", "Medium +"], ["high", "High +"],
    ["critical", "Critical"]];

function rows(state) {
    return state.rows.map((x, i) => row(x.node, cell(i + 1, count(i + 1)),
        h("td", null, link("explorer", { route: state.page.route, node: x.node, level: x.level },
            x.node)),
        h("td", null, severity(x.severity)),
        h("td", { class: "n", "data-value": x.probability, title: String(x.probability) },
            percent(x.probability)),
        h("td", { class: "bar-column" }, share(x.probability, `sev-${x.severity}`)),
        cell(x.expected_days, x.expected_days >= state.page.days
            ? `${count(state.page.days)} +` : fixed(x.expected_days, 1)),
        cell(x.expected_shortfall, amount(x.expected_shortfall)),
        cell(x.demand, amount(x.demand)),
        h("td", { class: "spark-cell" }, spark(x.probability_by_day,
            `Probability by day: ${percent(x.probability_by_day[0])} on the first, ` +
            `${percent(x.probability)} by the last`, `sev-${x.severity}`))));
}

function body(state) {
    const page = state.page;
    if (page.series_with_stock === 0) {
        return empty("The run has no stock positions", "Without a stock source in the project " +
            "there is no risk to tell.");
    }
    if (state.rows.length === 0 && !page.next) {
        return empty("No series", "None is this much at risk, or has this text in its name.");
    }
    return [
        table("Series by stock-out risk", [{ text: "", n: true }, "Series", "Severity",
            { text: "Runs out", n: true, title: `by ${page.last}` }, { text: "",
                class: "bar-column" },
            { text: "Expected days", n: true, title: "until it runs out, within the run" },
            { text: "Shortfall", n: true, title: "units not served" },
            { text: "Demand", n: true, title: "units expected over the run" },
            { text: "By day" }], rows(state)),
        page.next ? h("p", { class: "more" }, h("button", {
            type: "button", disabled: state.asking, onclick: () => ask(state, page.next),
        }, state.asking ? "Asking …" : "Show more")) : null,
    ];
}

function tools(state) {
    const routes = state.routes.routes.map((r) => [r.route, r.route]);
    return h("div", { class: "bar-of-tools" },
        routes.length > 1 ? select("Route", routes, state.route, (route) => {
            state.route = route;
            ask(state, null);
        }) : null,
        h("div", { class: "field" }, h("span", null, "At least"),
            choice("Severity at least", LEAST, state.severity, (least) => {
                state.severity = least;
                ask(state, null);
            })),
        h("label", { class: "field" }, h("span", null, "Name has"),
            h("input", { type: "search", value: state.search, placeholder: "22423 or France",
                oninput: (event) => {
                    state.search = event.target.value.trim();
                    clearTimeout(state.typing);
                    state.typing = setTimeout(() => ask(state, null), 250);
                } })));
}

function paint(state) {
    show(state.host,
        head("Stock-outs", state.page ? [`Probability to run out between ${state.page.first} and `,
            `${state.page.last}; ${plural(state.page.series_with_stock, "series", "series")} `,
            "with a stock position"] : "Who runs out of stock first"),
        state.routes ? tools(state) : null,
        state.problem ? problemBox(state.problem, () => begin(state)) : null,
        state.page ? [
            state.page.is_stale ? note("warn", `The run is ${plural(state.page.age_days, "day")} ` +
                "old, more than its route lets answer.") : null,
            panel("Most at risk first", { note: label(state.page) }, body(state))]
            : state.problem ? null : loading("the risks"));
}

async function ask(state, cursor) {
    const turn = ++state.turn;
    state.asking = true;
    try {
        const page = await get(address("/api/v1/stockouts", {
            route: state.route, severity: state.severity, search: state.search, cursor, limit: 50,
        }));
        if (turn !== state.turn) {
            return; /* something newer was asked */
        }
        state.rows = cursor ? state.rows.concat(page.stockouts) : page.stockouts;
        state.page = page;
        state.problem = null;
        say(`${count(state.rows.length)} series shown`);
    } catch (problem) {
        if (turn !== state.turn) {
            return;
        }
        state.problem = problem;
        if (problem.status === 409 && cursor) { /* another run is in force now */
            state.asking = false;
            ask(state, null);
            return;
        }
    }
    state.asking = false;
    paint(state);
    /* A page may have looked at many series and found none. */
    if (!state.problem && state.page.next && state.rows.length === 0) {
        ask(state, state.page.next);
    }
}

async function begin(state) {
    try {
        if (!await can("GET", "/api/v1/stockouts")) {
            show(state.host, head("Stock-outs"), empty("This service has no list of stock-outs"));
            return;
        }
        state.routes = await get("/api/v1/routes");
        state.route = state.route || (state.routes.routes[0] && state.routes.routes[0].route);
        await ask(state, null);
    } catch (problem) {
        state.problem = problem;
        paint(state);
    }
}

export function open(host, values) {
    const state = {
        host, routes: null, route: values.get("route"), severity: values.get("severity") || "none",
        search: values.get("search") || "", rows: [], page: null, problem: null, turn: 0,
        asking: false,
    };
    paint(state);
    begin(state);
    return () => {
        state.turn = -1;
        clearTimeout(state.typing);
    };
}
