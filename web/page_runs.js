/* Runs in force by route, and jobs with their progress. */

import { can, get, post } from "./api.js";
import { h, say, show } from "./dom.js";
import { cell, count, digest, duration, instant, NOTHING, plural } from "./format.js";
import { badge, empty, facts, head, link, loading, note, panel, problemBox, row, table }
    from "./parts.js";
import { Poll } from "./poll.js";

const EVERY_S = 3;
const ROLES = { current: "route's release", previous: "promoted before", beside: "beside" };
const STATES = {
    queued: "accent", running: "accent", done: "good", failed: "bad", cancelled: "warn",
    interrupted: "bad",
};

function stateOf(source, route) {
    if (source.problem) {
        return badge("bad", source.problem);
    }
    if (source.is_stale) {
        return badge("warn", `older than ${plural(route.stale_days_max, "day")}`);
    }
    return badge("good", "in force");
}

function routePanel(route) {
    return panel(`Route ${route.route}`, {
        "data-key": route.route,
        tools: link("explorer", { route: route.route }, "Explore its forecasts"),
    },
    facts(["Schedule", route.schedule], ["Model", route.model], ["Release", route.release],
        ["Previous release may answer", route.may_previous ? "yes" : "no"],
        ["Rule", route.rule.replace("_", " ")],
        ["Deadline", `${count(route.deadline_ms)} ms`],
        ["Purposes", route.purposes.join(", ") || "those of the endpoints"]),
    table(`Runs of route ${route.route}`, ["Release", "As", "Run", "Prediction date",
        { text: "Age", n: true }, "Committed", "Snapshot", { text: "Nodes", n: true },
        { text: "Days", n: true }, "State"],
    route.sources.map((x) => row(x.role + x.model_version,
        h("td", null, x.model_version
            ? link("models", { release: x.model_version }, x.model_version) : NOTHING),
        ROLES[x.role],
        h("td", null, x.run ? h("code", null, x.run.run_id) : NOTHING),
        x.run ? x.run.prediction_date : null,
        cell(x.age_days, x.age_days === null ? NOTHING : plural(x.age_days, "day")),
        h("td", null, x.run ? instant(x.run.committed) : NOTHING),
        h("td", null, x.run ? digest(x.run.snapshot_id) : NOTHING),
        cell(x.run ? x.nodes : null, x.run ? count(x.nodes) : NOTHING),
        cell(x.run ? x.days : null, x.run ? count(x.days) : NOTHING),
        h("td", null, stateOf(x, route))))));
}

function progress(job) {
    const p = job.progress;
    if (!p || (job.state !== "running" && job.state !== "queued")) {
        return null;
    }
    const known = p.total > 0;
    return h("div", { class: "progress" },
        h("progress", known ? { max: p.total, value: p.done, "aria-label": `${job.id}: ${p.stage}` }
            : { "aria-label": `${job.id}: ${p.stage}` }),
        h("span", { class: "small" }, `${p.stage} ${known ? `${count(p.done)} of ` +
            `${count(p.total)}` : count(p.done)}`));
}

async function cancel(state, job) {
    try {
        await post(`/api/v1/jobs/${encodeURIComponent(job.id)}/cancel`);
        say(`${job.id} was asked to end`);
        state.cancelProblem = null;
    } catch (problem) {
        state.cancelProblem = problem;
    }
    state.asking = null;
    state.poll.again();
    paint(state);
}

function cancelCell(state, job) {
    if (job.state !== "queued" && job.state !== "running") {
        return NOTHING;
    }
    if (job.cancelling) {
        return "was asked to end";
    }
    if (job.kind !== "train") {
        return NOTHING;
    }
    if (state.asking === job.id) {
        return h("span", { class: "buttons" },
            h("button", { type: "button", class: "bad", "data-key": "yes",
                onclick: () => cancel(state, job) }, "End it"),
            h("button", { type: "button", class: "quiet", "data-key": "no", onclick: () => {
                state.asking = null;
                paint(state);
            } }, "Keep it"));
    }
    return h("button", { type: "button", class: "quiet", "data-key": "ask",
        "aria-label": `Cancel ${job.id}`, onclick: () => {
            state.asking = job.id;
            paint(state);
        } }, "Cancel …");
}

const took = (job) => job.started && job.ended
    ? duration((new Date(job.ended) - new Date(job.started)) / 1000)
    : job.started ? `for ${duration((Date.now() - new Date(job.started)) / 1000)}` : NOTHING;

function jobs(state) {
    if (state.jobsRefused) {
        return panel("Jobs", null, empty("No jobs here", state.jobsRefused));
    }
    if (!state.jobs) {
        return null;
    }
    return panel("Jobs", { note: "training and deploying, the newest first" },
        state.cancelProblem ? problemBox(state.cancelProblem) : null,
        state.jobs.length === 0 ? empty("No jobs yet",
            "POST /api/v1/models/train and /api/v1/models/deploy begin one.")
            : table("Jobs", ["Job", "What", "State", "Progress or outcome", "Who", "Asked",
                { text: "Took", n: true }, { text: "Cancel" }],
            state.jobs.map((job) => row(job.id, h("td", null, h("code", null, job.id)),
                `${job.kind} ${job.object}`, h("td", null, badge(STATES[job.state], job.state)),
                h("td", { class: "outcome" }, progress(job) || job.message || job.result ||
                    NOTHING),
                job.who || NOTHING, h("td", null, instant(job.queued)),
                h("td", { class: "n" }, took(job)), h("td", null, cancelCell(state, job))))));
}

function paint(state) {
    show(state.host,
        head("Runs and jobs", "What is in force, and what is at work"),
        state.problem ? problemBox(state.problem, () => state.poll.again()) : null,
        state.routes && state.routes.problem ? note("bad", state.routes.problem) : null,
        state.runsRefused ? panel("Runs", null, empty("No runs here", state.runsRefused)) : null,
        state.routes ? (state.routes.routes.length ? state.routes.routes.map(routePanel)
            : empty("The project has no routes", "A schedule or a deployment makes one."))
            : state.problem || state.runsRefused ? null : loading("the runs"),
        jobs(state));
}

async function orRefusal(statuses, work) {
    try {
        return [await work(), null];
    } catch (problem) {
        if (statuses.includes(problem.status)) {
            return [null, problem.detail];
        }
        throw problem;
    }
}

function announce(state, before) {
    for (const job of state.jobs || []) {
        const earlier = (before || []).find((x) => x.id === job.id);
        if (earlier && earlier.state !== job.state) {
            say(`${job.id} is ${job.state}`);
        }
    }
}

export function open(host) {
    const state = { host, routes: null, jobs: null, problem: null, asking: null };
    paint(state);
    state.poll = new Poll(EVERY_S, async (signal) => {
        if (await can("GET", "/api/v1/routes", signal)) {
            [state.routes, state.runsRefused] = await orRefusal([503], () =>
                get("/api/v1/routes", signal));
        }
        const before = state.jobs;
        const [list, refused] = await orRefusal([409, 403], () => get("/api/v1/jobs", signal));
        state.jobs = list && list.jobs;
        state.jobsRefused = refused;
        announce(state, before);
        state.problem = null;
        paint(state);
    }, (problem) => {
        state.problem = problem;
        paint(state);
    });
    return () => state.poll.stop();
}
