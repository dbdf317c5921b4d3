/* Where numbers come from: said beside every one of them. */

import { h } from "./dom.js";
import { digest, instant, plural } from "./format.js";
import { badge, facts, note } from "./parts.js";

/* Of a page of a run: release, run, age. */
export function label(page) {
    return [`${page.model_version}, `, h("code", null, page.run.run_id), ", ",
        `${plural(page.age_days, "day")} old`];
}

const REASONS = {
    asked_for: "the first step answered", not_allowed: "not allowed", not_there: "not there",
    too_old: "too old", failed: "failed", too_late: "too late", breaker_open: "left alone",
    no_time_left: "no time left",
};

/* Of an answer: everything that it says about itself. */
export function answerLabel(answer) {
    const run = answer.run;
    return h("div", { class: "label" },
        h("p", null, "Served by ", badge(answer.degraded ? "warn" : "good", answer.served_by),
            ` · ${answer.reason}: ${REASONS[answer.reason] || answer.reason} · `,
            h("b", { "data-value": answer.age_days }, `${plural(answer.age_days, "day")} old`),
            answer.late ? [" ", badge("warn", "late")] : null,
            answer.clamped ? [" ", badge("warn", `${plural(answer.clamped, "day")} changed by a ` +
                "limit")] : null),
        answer.misses.length ? h("ul", { class: "misses" }, answer.misses.map((x) => h("li", null,
            `${x.step}: ${REASONS[x.reason] || x.reason}`, x.detail ? ` (${x.detail})` : "")))
            : null,
        answer.problem ? note("bad", answer.problem) : null,
        facts(["Release", answer.model_version],
            ["Asked for", answer.asked_release], ["Route", answer.route],
            ...run ? [["Run", h("code", null, run.run_id)],
                ["Prediction date", run.prediction_date],
                ["Committed", instant(run.committed)],
                ["Snapshot", digest(run.snapshot_id)],
                ["Feature version", digest(run.feature_version)]] : [],
            answer.method ? ["Method", answer.method] : null,
            answer.fallback ? ["Fallback of the run", answer.fallback] : null));
}
