/* Is it well, how fast is it, what does it answer with. */

import { getText, isReady, get, can } from "./api.js";
import { Chart, legend, tickText, timeLines } from "./charts.js";
import { h, show } from "./dom.js";
import { amount, bytes, cell, clockTime, count, duration, NOTHING, percent, plural, seconds }
    from "./format.js";
import * as m from "./metrics.js";
import { badge, choice, empty, head, link, loading, note, panel, problemBox, row, share, table }
    from "./parts.js";
import { Poll } from "./poll.js";

const EVERY_S = 5;
const looks = new m.Looks(); /* outlives the page: whoever comes back sees the last minutes */
const FILTERS = {
    predictions: ["Predictions", m.isPrediction],
    service: ["All but this page", (route) => !m.isOwn(route)],
    all: ["All", () => true],
};
const STEPS = ["model", "previous", "batch", "rule", "refused"];

function tile(name, text, below, kind) {
    return h("div", { class: `tile ${kind || ""}` }, h("h3", null, name),
        h("p", { class: "big" }, text), h("p", { class: "small" }, below || " "));
}

function tiles(state) {
    const look = looks.newest();
    const wanted = FILTERS[state.filter][1];
    const recent = m.requests(look, looks.list.length > 1 ? looks.oldest() : null, wanted);
    const ever = m.requests(look, null, wanted);
    const isRecent = recent.seconds !== null && recent.count > 0;
    const of = isRecent ? recent : ever;
    const when = isRecent ? `last ${duration(recent.seconds)}` : "since the start";
    const started = m.value(look.families, "process_start_time_seconds");
    const latency = (q) => tile(
        q === "p50" ? "Median" : q, seconds(of[q]),
        of.count > 0 ? when : "no requests yet");
    return h("div", { class: "tiles" },
        tile("Readiness", state.ready ? "Ready" : "Not ready",
            started ? `up ${duration(look.ms / 1000 - started)}` : null,
            state.ready ? "good" : "bad"),
        tile("Requests", recent.rate === null ? NOTHING : `${amount(recent.rate)} /s`,
            `${count(ever.count)} since the start`),
        latency("p50"), latency("p95"), latency("p99"),
        tile("Errors (5xx)", of.count > 0 ? percent(of.failed / of.count) : NOTHING,
            of.count > 0 ? `${count(of.failed)} of ${count(of.count)}, ${when}`
                : "no requests yet", of.failed > 0 ? "bad" : ""));
}

function recentSeries(state) {
    const wanted = FILTERS[state.filter][1];
    const times = [];
    const rate = [];
    const p50 = [];
    const p99 = [];
    for (let i = 1; i < looks.list.length; i++) {
        const gap = looks.list[i].ms - looks.list[i - 1].ms > EVERY_S * 3000;
        const r = m.requests(looks.list[i], looks.list[i - 1], wanted);
        times.push(looks.list[i].ms);
        rate.push(gap ? NaN : r.rate);
        p50.push(gap || r.p50 === null ? NaN : r.p50);
        p99.push(gap || r.p99 === null ? NaN : r.p99);
    }
    return { times, rate, p50, p99 };
}

function lastOf(values) {
    for (let i = values.length - 1; i >= 0; i--) {
        if (Number.isFinite(values[i])) {
            return values[i];
        }
    }
    return null;
}

function charts(state) {
    const { times, rate, p50, p99 } = recentSeries(state);
    const now = looks.newest().ms;
    const span = Math.min(m.KEPT_MS, Math.max(60000, now - looks.oldest().ms));
    const common = { times, span, now };
    const window = `last ${span < 90000 ? `${Math.round(span / 1000)} s` : duration(span / 1000)}`;
    const latencies = [{ name: "Median", kind: "a", values: p50 },
        { name: "p99", kind: "b", values: p99 }];
    state.rateChart.set((width) => timeLines({
        ...common, width, series: [{ name: "Requests", kind: "a", values: rate }],
        format: tickText,
        label: `Requests a second in the ${window}; now ${amount(lastOf(rate))}`,
    }));
    state.latencyChart.set((width) => timeLines({
        ...common, width, series: latencies, format: (v) => v < 1e-3
            ? `${tickText(v * 1e6)} µs` : v < 1 ? `${tickText(v * 1e3)} ms` : `${tickText(v)} s`,
        label: `Latency in the ${window}; median now ${seconds(lastOf(p50))}, p99 ` +
            seconds(lastOf(p99)),
    }));
    const table10 = times.map((t, i) => [t, i]).slice(-12).reverse();
    return h("div", { class: "two even" },
        panel("Requests a second", { note: window }, state.rateChart.element),
        panel("Latency", { note: window, tools: legend(latencies) },
            state.latencyChart.element,
            h("details", null, h("summary", null, "Both as numbers"),
                table("Requests a second and latency by look", ["Time", { text: "Requests/s",
                    n: true }, { text: "Median", n: true }, { text: "p99", n: true }],
                table10.map(([t, i]) => row(String(t), clockTime(t), cell(rate[i], amount(rate[i])),
                    cell(p50[i], seconds(p50[i])), cell(p99[i], seconds(p99[i]))))))));
}

function routeTable(state) {
    const look = looks.newest();
    const wanted = FILTERS[state.filter][1];
    const rows = m.routesOf(look).filter(wanted).map((route) => ({
        route, ...m.requests(look, null, (r) => r === route),
    })).sort((a, b) => b.count - a.count || (a.route < b.route ? -1 : 1));
    if (!rows.length) {
        return panel("Requests by route", null, empty("No requests of this kind yet",
            "Counters begin with the start of the service."));
    }
    const most = rows[0].count;
    return panel("Requests by route", { note: "since the start; quantiles are straight lines " +
        "within the buckets of the histogram" },
    table("Requests by route", ["Route", { text: "Requests", n: true }, { text: "",
        class: "bar-column" }, { text: "Median", n: true }, { text: "p95", n: true },
    { text: "p99", n: true }, { text: "4xx", n: true }, { text: "5xx", n: true }],
    rows.map((r) => row(r.route, h("td", null, h("code", null, r.route)),
        cell(r.count, count(r.count)), h("td", { class: "bar-column" }, share(r.count / most)),
        cell(r.p50, seconds(r.p50)), cell(r.p95, seconds(r.p95)), cell(r.p99, seconds(r.p99)),
        cell(r.refused, count(r.refused)), cell(r.failed, count(r.failed))))));
}

function ladder() {
    const { families } = looks.newest();
    const steps = m.by(families, "almanac_predictions_total", "served_by");
    const total = [...steps.values()].reduce((a, b) => a + b, 0);
    const reasons = m.by(families, "almanac_fallbacks_total", "reason");
    const clamps = m.sum(families, "almanac_clamps_total");
    const degraded = m.sum(families, "almanac_fallbacks_total");
    const names = [...new Set([...STEPS, ...steps.keys()])].filter((name) => steps.has(name));
    const body = total === 0
        ? empty("No answers are counted yet", "Every answer says which step gave it; they are " +
            "counted here as soon as there are some.")
        : table("Answers by step of the ladder", ["Step", { text: "Answers", n: true },
            { text: "Share", n: true }, { text: "", class: "bar-column" }],
        names.map((name) => row(name, name, cell(steps.get(name), count(steps.get(name))),
            cell(steps.get(name) / total, percent(steps.get(name) / total)),
            h("td", { class: "bar-column" }, share(steps.get(name) / total)))));
    return panel("Answers by step of the ladder", { note: "since the start" }, body,
        h("p", { class: "line-facts" },
            h("span", null, "Degraded answers ", h("b", { "data-value": degraded },
                count(degraded))),
            [...reasons].map(([reason, n]) => h("span", { "data-key": reason }, `${reason} `,
                h("b", null, count(n)))),
            h("span", null, "Changed by a limit ", h("b", { "data-value": clamps },
                count(clamps)))));
}

function processPanel(state) {
    const { families } = looks.newest();
    const info = families.get("almanac_build_info");
    const build = info ? info[0].labels : {};
    const before = looks.list.length > 1 ? looks.oldest() : null;
    const cpu = before ? (m.value(families, "process_cpu_seconds_total") -
        m.value(before.families, "process_cpu_seconds_total")) /
        ((looks.newest().ms - before.ms) / 1000) : null;
    const breakers = (families.get("almanac_breaker_state") || []).filter((b) => b.value > 0);
    const line = (name, value, text) => row(name, h("th", { scope: "row" }, name),
        cell(value, text));
    const plain = (name) => m.value(families, name);
    return panel("Process", { note: `as of ${clockTime(looks.newest().ms)}` },
        table("The process", [{ text: "What" }, { text: "Now", n: true }], [
            line("Processor", cpu, cpu === null ? NOTHING : percent(cpu)),
            line("Memory", plain("process_resident_memory_bytes"),
                bytes(plain("process_resident_memory_bytes"))),
            line("Connections", plain("almanac_http_open_connections"),
                count(plain("almanac_http_open_connections"))),
            line("At work", plain("almanac_http_requests_in_flight"),
                count(plain("almanac_http_requests_in_flight"))),
            line("Shed (503)", m.sum(families, "almanac_http_requests_shed_total"),
                count(m.sum(families, "almanac_http_requests_shed_total"))),
            line("Limited (429)", m.sum(families, "almanac_http_requests_limited_total"),
                count(m.sum(families, "almanac_http_requests_limited_total"))),
            line("Access refused", m.sum(families, "almanac_auth_failures_total"),
                count(m.sum(families, "almanac_auth_failures_total"))),
            line("Log lines dropped", m.sum(families, "almanac_log_lines_dropped_total"),
                count(m.sum(families, "almanac_log_lines_dropped_total"))),
        ], { class: "narrow" }),
        breakers.length ? note("bad", `Breakers open: ${breakers.map((b) => b.labels.backend)
            .join(", ")}`) : null,
        h("p", { class: "small" }, `almanac ${build.version || ""}`,
            build.commit ? [", commit ", h("code", null, build.commit.slice(0, 12))] : null,
            state.health ? `, ${state.health}` : null));
}

/* One line that says what answers: the runs in force. */
function runsLine(state) {
    if (!state.routes) {
        return null;
    }
    return panel("What answers", { tools: link("runs", null, "Runs and jobs") },
        state.routes.problem ? note("bad", state.routes.problem) : null,
        table("Runs in force by route", ["Route", "Release", { text: "Age", n: true },
            { text: "Nodes", n: true }, "State"],
        state.routes.routes.flatMap((r) => r.sources.slice(0, 1).map((source) => row(r.route,
            h("td", null, link("explorer", { route: r.route }, r.route)),
            source.model_version || NOTHING,
            cell(source.age_days, source.age_days === null ? NOTHING
                : plural(source.age_days, "day")),
            cell(source.nodes, count(source.nodes)),
            source.problem ? badge("bad", source.problem)
                : source.is_stale ? badge("warn", "too old to answer") : badge("good",
                    "in force"))))));
}

function paint(state) {
    show(state.host,
        head("Overview", state.problem ? null
            : `Counters of this process, asked for every ${EVERY_S} seconds`,
        choice("Which requests", Object.entries(FILTERS).map(([k, [text]]) => [k, text]),
            state.filter, (filter) => {
                state.filter = filter;
                paint(state);
            })),
        state.problem ? problemBox(state.problem, () => state.poll.again()) : null,
        looks.list.length
            ? [tiles(state), charts(state), h("div", { class: "wide-narrow" },
                h("div", null, runsLine(state), routeTable(state)),
                h("div", null, ladder(), processPanel(state)))]
            : state.problem ? null : loading("the counters"));
}

export function open(host) {
    const state = {
        host, filter: "service", ready: true, problem: null, routes: null, health: null,
        rateChart: new Chart("rate"), latencyChart: new Chart("latency"),
    };
    paint(state);
    state.poll = new Poll(EVERY_S, async (signal) => {
        state.ready = await isReady(signal);
        looks.add(m.parse(await getText("/metrics", signal)), Date.now());
        if (await can("GET", "/api/v1/routes", signal)) {
            try {
                state.routes = await get("/api/v1/routes", signal);
            } catch (problem) { /* a service of models has none */
                if (problem.status !== 503 && problem.status !== 403) {
                    throw problem;
                }
                state.routes = null;
            }
        }
        state.problem = null;
        paint(state);
    }, (problem) => {
        state.problem = problem;
        paint(state);
    });
    return () => state.poll.stop();
}
