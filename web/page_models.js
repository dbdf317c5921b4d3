/* Releases: where they come from, how good they were, where they answer, what was done to them. */

import { can, get } from "./api.js";
import { h, show } from "./dom.js";
import { amount, cell, count, digest, instant, NOTHING, percent } from "./format.js";
import { badge, empty, facts, head, link, loading, note, panel, problemBox, row, table }
    from "./parts.js";
import { Poll } from "./poll.js";

const EVERY_S = 15;

function states(model) {
    return [
        model.aliases.map((a) => badge("accent", a)),
        model.is_retired ? badge("warn", "retired") : null,
        model.is_experimental ? badge("warn", "experimental") : null,
        model.served.some((s) => s.is_current && s.run_id) ? badge("good", "answers") : null,
    ];
}

const metricOf = (model, level, name) => {
    const found = model.metrics.find((x) => x.level === level);
    return found ? found[name] : null;
};

function list(state) {
    const rows = [...state.models].reverse();
    return panel("Releases", { note: `${count(rows.length)} in the registry` },
        table("Releases, the newest first", ["Release", "State", "Registered",
            { text: "WAPE series", n: true }, { text: "WAPE total", n: true }],
        rows.map((model) => h("tr", {
            "data-key": model.id, class: model.id === state.chosen ? "chosen" : null,
        },
        h("td", null, link("models", { release: model.id }, model.id,
            model.id === state.chosen ? { "aria-current": "true" } : null)),
        h("td", { class: "badges" }, states(model)),
        h("td", null, instant(model.registered)),
        cell(metricOf(model, "series", "wape"), percent(metricOf(model, "series", "wape"))),
        cell(metricOf(model, "total", "wape"), percent(metricOf(model, "total", "wape")))))));
}

function lineage(model) {
    return panel("Lineage", { note: model.origin === "trained"
        ? "everything that determined it" : "an import: its source is its lineage" },
    facts(["Origin", model.origin],
        ["Snapshot", digest(model.snapshot_id)],
        ["Feature version", digest(model.feature_version)],
        ["Project commit", digest(model.project_commit)],
        ["Training run", digest(model.training_run_id)],
        ["Release hash", digest(model.hash)],
        ["Trained by almanac", model.engine_version],
        ["Registered", instant(model.registered)],
        ["By", model.registered_by]));
}

function metrics(model) {
    return panel("Backtest", { note: "of what the release publishes" },
        model.metrics.length === 0 ? empty("No figures", "An imported release has no backtest.")
            : table("Backtest by level", ["Level", { text: "WAPE", n: true },
                { text: "Bias", n: true }, { text: "RMSE", n: true }, { text: "MAPE", n: true }],
            model.metrics.map((x) => row(x.level, h("th", { scope: "row" }, x.level),
                cell(x.wape, percent(x.wape)), cell(x.bias, percent(x.bias)),
                cell(x.rmse, amount(x.rmse)), cell(x.mape, percent(x.mape))))));
}

function served(model) {
    return panel("Where it answers", null,
        model.served.length === 0 ? empty("Nowhere", "No route stands for this release.")
            : table("Routes of the release", ["Route", "As", "Run", "Prediction date", "State"],
                model.served.map((x) => row(x.route + x.is_current,
                    h("td", null, link("explorer", { route: x.route, release: model.id },
                        x.route)),
                    x.is_current ? "the route's release" : "beside or before it",
                    h("td", null, x.run_id ? h("code", null, x.run_id) : NOTHING),
                    x.prediction_date,
                    x.problem ? badge("bad", x.problem) : badge("good", "in force")))));
}

const DONE = {
    register: "registered", compare: "compared", approve: "approved", promote: "promoted",
    rollback: "rolled back", run: "run", supersede: "superseded a run", retire: "retired",
};

function ledger(state) {
    if (!state.ledger) {
        return null;
    }
    const mine = state.ledger.entries.filter((e) => e.release === state.chosen);
    return panel("Ledger", { note: `newest first; the ledger has ${count(state.ledger.head_seq)} ` +
        "entries, each chained to the one before" },
    mine.length === 0 ? empty("No entries among the last ones",
        "almanac models history has all of them.")
        : h("ol", { class: "ledger" }, mine.map((e) => h("li", {
            "data-key": String(e.seq), class: `did-${e.action}`,
        },
        h("p", null, h("b", null, DONE[e.action] || e.action),
            e.alias ? [" as ", badge("accent", e.alias)] : null,
            h("span", { class: "small" }, ` #${e.seq}`)),
        h("p", { class: "why" }, e.why),
        h("p", { class: "small" }, e.who, " · ", instant(e.when), " · ", digest(e.hash))))));
}

function paint(state) {
    const model = state.models && state.models.find((x) => x.id === state.chosen);
    show(state.host,
        head("Models", "Releases of the registry, with what made them and what was done with them"),
        state.problem ? problemBox(state.problem, () => state.poll.again()) : null,
        state.registryProblem ? note("bad", state.registryProblem) : null,
        !state.models ? (state.problem ? null : loading("the releases"))
            : state.models.length === 0 ? empty("No releases yet", "almanac train makes one.")
                : [list(state), model ? [
                    h("h2", { class: "of" }, model.id, " ",
                        h("span", { class: "badges" }, states(model))),
                    h("div", { class: "two" },
                        h("div", { class: "stack" }, lineage(model), metrics(model),
                            served(model)),
                        ledger(state)),
                ] : empty("There is no such release", state.chosen)]);
}

export function open(host, values) {
    const state = { host, models: null, ledger: null, problem: null, asked: values.get("release") };
    paint(state);
    state.poll = new Poll(EVERY_S, async (signal) => {
        const reply = await get("/api/v1/models", signal);
        state.models = reply.models;
        state.registryProblem = reply.problem;
        if (await can("GET", "/api/v1/ledger", signal)) {
            state.ledger = await get("/api/v1/ledger", signal);
        }
        const current = state.models.find((x) => x.served.some((y) => y.is_current)) ||
            state.models[state.models.length - 1];
        state.chosen = state.asked || (current && current.id);
        state.problem = null;
        paint(state);
    }, (problem) => {
        state.problem = problem;
        paint(state);
    });
    return () => state.poll.stop();
}
