#include <math.h>

#include "http/endpoint/endpoints.h"
#include "http/endpoint/model_reply.h"
#include "http/problem_schema.h"

/* ---- figures ---- */

static const char *why_not_backtested(const alm_committed_release *release)
{
    return release->metrics > 0    ? NULL
           : release->is_imported ? "it was imported: nobody has tested it here"
                                   : "the report of its training has no figures";
}

/* NULL: it was compared. */
static const char *why_not_realised(const alm_call *call, const alm_realised_report *report,
                                    alm_str release)
{
    char date[ALM_DATE_TEXT_BYTES];
    if (!report) {
        return "committed runs have not been compared with what happened yet";
    }
    if (report->problem.size > 0) {
        return alm_arena_printf(call->request->arena, "it cannot be compared now: " ALM_STR_FMT,
                                ALM_STR_ARG(report->problem));
    }
    if (report->realised.snapshot_id.size == 0) {
        return "there is no snapshot to compare with";
    }
    if (alm_realised_find(&report->realised, release)) {
        return NULL;
    }
    alm_date_text(report->realised.end, date);
    return alm_arena_printf(call->request->arena, "no day that its runs predict is known: the "
                            "newest snapshot ends before %s", date);
}

static void put_reason(alm_json_writer *json, const char *key, const char *reason)
{
    almi_answer_put_text(json, key, reason ? alm_str_of(reason) : (alm_str){0});
}

static void put_realised(const alm_realised_report *report, alm_str release,
                         alm_json_writer *json)
{
    const alm_realised_release *r = alm_realised_find(&report->realised, release);
    alm_json_key(json, "realised");
    alm_json_open_object(json);
    almi_answer_put_instant(json, "compared", report->compared);
    alm_json_put_str(json, "snapshot_id", report->realised.snapshot_id);
    alm_json_put_i64(json, "runs", (int64_t)r->runs);
    almi_answer_put_date(json, "first", r->first);
    almi_answer_put_date(json, "last", r->last);
    alm_json_put_double(json, "interval", r->interval);
    alm_json_key(json, "levels");
    alm_json_open_array(json);
    for (size_t i = 0; i < r->levels; i++) {
        const alm_realised_level *level = &r->level[i];
        alm_json_open_object(json);
        alm_json_put_str(json, "level", level->level);
        alm_json_put_i64(json, "pairs", (int64_t)level->pairs);
        alm_json_put_double(json, "mape", level->mape);
        alm_json_put_double(json, "rmse", level->rmse);
        alm_json_put_double(json, "wape", level->wape);
        alm_json_put_double(json, "bias", level->bias);
        alm_json_put_double(json, "coverage", level->coverage);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
    almi_answer_put_text(json, "problem", r->problem);
    alm_json_close_object(json);
}

static void put_release(const almi_answering *answering, const alm_committed_release *release,
                        alm_json_writer *json)
{
    const alm_committed_set *set = answering->online.set;
    const alm_realised_report *report = alm_epoch_read(&answering->call->service->realised);
    const char *untested = why_not_backtested(release);
    const char *unknown = why_not_realised(answering->call, report, release->name);
    alm_json_open_object(json);
    alm_json_put_str(json, "model_version", release->name);
    alm_json_put_str(json, "model", release->model);
    alm_json_key(json, "routes");
    alm_json_open_array(json);
    for (size_t i = 0; i < set->routes; i++) {
        if (set->route[i].current.release == release) {
            alm_json_str(json, set->route[i].spec->name);
        }
    }
    alm_json_close_array(json);
    if (untested) {
        alm_json_key(json, "backtest");
        alm_json_null(json);
    } else {
        almi_model_put_levels(release, "backtest", json);
    }
    put_reason(json, "backtest_reason", untested);
    if (unknown) {
        alm_json_key(json, "realised");
        alm_json_null(json);
    } else {
        put_realised(report, release->name, json);
    }
    put_reason(json, "realised_reason", unknown);
    alm_json_close_object(json);
}

/* ---- which releases ---- */

static bool is_in_force(const alm_committed_set *set, const alm_committed_release *release)
{
    for (size_t i = 0; i < set->routes; i++) {
        if (set->route[i].current.release == release) {
            return true;
        }
    }
    return false;
}

/* The one that is asked for (NULL: all that are in force), or what is wrong with it. */
static alm_err find_asked(const almi_answering *answering, const alm_committed_release **out,
                          alm_error *error)
{
    alm_str name;
    bool found;
    ALM_TRY(alm_request_parameter(answering->call->request, "model_version", &name, &found, error));
    *out = found ? alm_committed_set_release(answering->online.set, name) : NULL;
    if (found && !*out) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "there is no release or alias of this name; "
                        "/api/v1/models lists all");
    }
    if (found && !almi_answer_may_use(answering, (*out)->name)) {
        return alm_fail(error, ALM_ERR_DENIED, "these credentials are not for this release");
    }
    return ALM_OK;
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answering answering;
    const alm_committed_release *asked = NULL;
    alm_error error;
    if (!almi_answer_begin(call, &answering, reply)) {
        return;
    }
    const alm_committed_set *set = answering.online.set;
    if (find_asked(&answering, &asked, &error) != ALM_OK) {
        almi_answer_refuse(&answering, &error, reply);
        almi_answer_end(&answering);
        return;
    }
    alm_json_writer json = alm_json_writer_on(reply->body);
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
    alm_json_open_object(&json);
    alm_json_key(&json, "models");
    alm_json_open_array(&json);
    for (size_t i = 0; i < set->releases; i++) {
        const alm_committed_release *release = &set->release[i];
        bool is_wanted = asked ? release == asked
                               : is_in_force(set, release) &&
                                     almi_answer_may_use(&answering, release->name);
        if (is_wanted) {
            put_release(&answering, release, &json);
        }
    }
    alm_json_close_array(&json);
    almi_answer_put_text(&json, "problem", set->problem);
    alm_json_close_object(&json);
    almi_answer_end(&answering);
}

/* ---- the route ---- */

static const alm_schema_member level_members[] = {
    {"level", &alm_schema_string, true, "A level of the hierarchy, or `series`."},
    {"pairs", &alm_schema_integer, true, "Nodes and days that were compared, once for each run."},
    {"mape", &almi_schema_number, true, "Mean absolute percentage error."},
    {"rmse", &almi_schema_number, true, "Root mean squared error."},
    {"wape", &almi_schema_number, true, "Absolute errors over the demand."},
    {"bias", &almi_schema_number, true, "Errors over the demand; above 0: predicted too much."},
    {"coverage", &almi_schema_number, true, "Share of days between the widest stored quantiles."},
};
static const alm_schema level = {.name = "RealisedLevel", .doc = "What became of a level.",
                                 .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(level_members)};
static const alm_schema levels = {.kind = ALM_SCHEMA_ARRAY, .items = &level};
static const alm_schema_member realised_members[] = {
    {"compared", &alm_schema_instant, true, "When."},
    {"snapshot_id", &alm_schema_string, true, "What happened, as this snapshot knows it."},
    {"runs", &alm_schema_integer, true, "The newest runs in force that predict known days."},
    {"first", &alm_schema_date, true, "The first day that was compared."},
    {"last", &alm_schema_date, true, "The last one."},
    {"interval", &almi_schema_number, true, "What the coverage should be."},
    {"levels", &levels, true, "`series` first."},
    {"problem", &almi_schema_text, true, "Why a run was left out."},
};
static const alm_schema realised = {.name = "Realised",
                                    .doc = "Committed predictions and what really happened.",
                                    .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(realised_members),
                                    .is_nullable = true};
static const alm_schema backtest = {.kind = ALM_SCHEMA_ARRAY, .items = &almi_schema_level,
                                    .is_nullable = true};
static const alm_schema names = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_string};
static const alm_schema_member model_members[] = {
    {"model_version", &alm_schema_string, true, "The release."},
    {"model", &alm_schema_string, true, "Its model."},
    {"routes", &names, true, "Routes on which it is in force."},
    {"backtest", &backtest, true, "Of its training, by level."},
    {"backtest_reason", &almi_schema_text, true, "Why there is none."},
    {"realised", &realised, true, "Of its committed runs."},
    {"realised_reason", &almi_schema_text, true, "Why there is none."},
};
static const alm_schema model = {.name = "ModelPerformance", .doc = "How good a release is.",
                                 .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(model_members)};
static const alm_schema models = {.kind = ALM_SCHEMA_ARRAY, .items = &model};
static const alm_schema_member members[] = {
    {"models", &models, true, "In the order of registration."},
    {"problem", &almi_schema_text, true, "Why the stores cannot be read now; null: they can."},
};
static const alm_schema reply_schema = {.name = "Performance", .doc = "Figures of releases.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};
static const alm_parameter parameters[] = {
    {"model_version", &alm_schema_name, false, false, "A model version or an alias; default: all "
                                                      "that are in force on a route."},
};

const alm_route almi_route_model_performance = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/models/performance",
    .operation = "getModelPerformance",
    .tag = "Models",
    .summary = "How good releases were: in their backtests, and since then",
    .text = "Realised figures compare the committed runs in force with the newest snapshot, node "
            "by node and day by day; docs/online-answers.md says which days count. What nobody "
            "has compared is null, with the reason.",
    .scope = ALM_SCOPE_VIEWER,
    ALM_PARAMETERS(parameters),
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "The figures."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "The release."}},
    .run = run,
};
