#include "http/endpoint/answer_meters.h"

#include <string.h>

#include "decide/stockout.h"

/* ---- schemas ---- */

const alm_schema almi_schema_text = {.kind = ALM_SCHEMA_STRING, .is_nullable = true};
const alm_schema almi_schema_number = {.kind = ALM_SCHEMA_NUMBER, .is_nullable = true};
const alm_schema almi_schema_keys = {.kind = ALM_SCHEMA_MAP, .items = &alm_schema_name,
                                     .count_min = 1, .count_max = 16};

static const char *const BY[] = {
#define TEXT(name, text) text,
    ALM_LADDER_BY_MAP(TEXT) NULL};
static const char *const WHY[] = {ALM_LADDER_WHY_MAP(TEXT) NULL};
static const char *const SEVERITY[] = {ALM_SEVERITY_MAP(TEXT) NULL};
#undef TEXT
const alm_schema almi_schema_served_by = {.kind = ALM_SCHEMA_STRING, .choices = BY};
const alm_schema almi_schema_reason = {.kind = ALM_SCHEMA_STRING, .choices = WHY};
const alm_schema almi_schema_severity = {.kind = ALM_SCHEMA_STRING, .choices = SEVERITY};

static const alm_schema_member miss_members[] = {
    {"step", &almi_schema_served_by, true, "The step."},
    {"reason", &almi_schema_reason, true, "Why it did not answer."},
    {"detail", &almi_schema_text, true, "Its own words."},
};
static const alm_schema miss = {.name = "Miss", .doc = "A step that did not answer.",
                                .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(miss_members)};
const alm_schema almi_schema_misses = {.kind = ALM_SCHEMA_ARRAY, .items = &miss};

static const alm_schema_member run_members[] = {
    {"run_id", &alm_schema_string, true, "Id of the run."},
    {"prediction_date", &alm_schema_date, true, "Its first day; data up to the day before count."},
    {"committed", &alm_schema_instant, true, "When it was committed."},
    {"store_version", &alm_schema_integer, true, "Version of the prediction store."},
    {"snapshot_id", &almi_schema_text, true, "The data that it was made of."},
    {"feature_version", &almi_schema_text, true, "The definition of its features."},
};
const alm_schema almi_schema_run = {.name = "Run", .doc = "A committed run.",
                                    .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(run_members),
                                    .is_nullable = true};

/* ---- requests ---- */

bool almi_answer_begin(const alm_call *call, almi_answering *out, alm_reply *reply)
{
    const alm_service *service = call->service;
    if (!service->committed && !service->replayed) {
        alm_problem what = {.status = 503, .detail = ALM_STR("no project is served here")};
        alm_reply_problem(reply, call->request, &what);
        return false;
    }
    if (!service->replayed) {
        alm_epoch_enter(service->epoch, (size_t)call->request->worker);
    }
    *out = (almi_answering){
        .call = call,
        .online = {.project = service->project,
                   .set = service->replayed ? service->replayed
                                            : alm_committed_current(service->committed),
                   .clock = service->clock,
                   .waited_ns = call->request->aside_ns,
                   .now = alm_env_now(service->env)}};
    return true;
}

void almi_answer_end(const almi_answering *answering)
{
    const alm_call *call = answering->call;
    if (!call->service->replayed) {
        alm_epoch_leave(call->service->epoch, (size_t)call->request->worker);
    }
}

void almi_answer_run(const alm_call *call, almi_answer_one answer, alm_reply *reply)
{
    almi_answering answering;
    if (almi_answer_begin(call, &answering, reply)) {
        (void)answer(&answering, reply);
        almi_answer_end(&answering);
    }
}

void almi_answer_text(const alm_json *body, const char *key, alm_str *out)
{
    const alm_json *member = alm_json_member(body, key);
    if (member) {
        (void)alm_json_as_str(member, out);
    }
}

void almi_answer_i32(const alm_json *body, const char *key, int32_t *out)
{
    int64_t value;
    const alm_json *member = alm_json_member(body, key);
    if (member && alm_json_as_i64(member, &value)) {
        *out = value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
    }
}

void almi_answer_double(const alm_json *body, const char *key, double *out)
{
    const alm_json *member = alm_json_member(body, key);
    if (member) {
        (void)alm_json_as_double(member, out);
    }
}

void almi_answer_date(const alm_json *body, const char *key, alm_date *out)
{
    alm_str text;
    const alm_json *member = alm_json_member(body, key);
    if (member && alm_json_as_str(member, &text)) {
        (void)alm_date_parse(text, out);
    }
}

static alm_err fail_keys(const alm_project *project, alm_error *error)
{
    alm_buffer names = {0};
    for (size_t i = 0; i < project->series.key_count; i++) {
        alm_buffer_printf(&names, "%s" ALM_STR_FMT, i ? ", " : "",
                          ALM_STR_ARG(project->series.keys[i]));
    }
    alm_err code = alm_fail(error, ALM_ERR_INVALID, "a series is named by all of its "
                            "keys, in `keys`, or by product_id and warehouse_id: %s",
                            names.data ? names.data : "");
    alm_buffer_deinit(&names);
    return code;
}

alm_err almi_answer_keys(const alm_project *project, const alm_json *body, alm_str *out,
                         alm_error *error)
{
    static const char *const BY_PLACE[] = {"product_id", "warehouse_id"};
    const alm_json *keys = alm_json_member(body, "keys");
    size_t count = project->series.key_count;
    size_t by_place = 0;
    for (size_t i = 0; i < 2; i++) {
        by_place += alm_json_member(body, BY_PLACE[i]) != NULL;
    }
    if (keys ? by_place > 0 || alm_json_count(keys) != count : by_place != count) {
        return fail_keys(project, error);
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = (alm_str){0};
        /* Names are NUL terminated, as all of the file. */
        almi_answer_text(keys ? keys : body, keys ? project->series.keys[i].data : BY_PLACE[i],
                         &out[i]);
        if (out[i].size == 0) {
            return fail_keys(project, error);
        }
    }
    return ALM_OK;
}

alm_err almi_answer_ask(const almi_answering *answering, alm_online_ask *out, alm_error *error)
{
    const alm_json *body = answering->call->body;
    const alm_json *keys = alm_json_member(body, "keys");
    bool by_place = alm_json_member(body, "product_id") || alm_json_member(body, "warehouse_id");
    alm_online_ask ask = {0};
    almi_answer_text(body, "route", &ask.route);
    almi_answer_text(body, "model_version", &ask.release);
    almi_answer_text(body, "node", &ask.node);
    almi_answer_text(body, "level", &ask.level);
    if ((ask.node.size > 0) + (keys != NULL) + by_place != 1) {
        return alm_fail(error, ALM_ERR_INVALID, "name one node, in one way: product_id (and "
                        "warehouse_id), keys, or node");
    }
    if (ask.node.size == 0) {
        size_t count = answering->online.project->series.key_count;
        alm_str *values = ALM_NEW_ARRAY(answering->call->request->arena, alm_str, count);
        ALM_TRY(almi_answer_keys(answering->online.project, body, values, error));
        ask.keys = values;
        ask.key_count = count;
    }
    *out = ask;
    return ALM_OK;
}

bool almi_answer_may_use(const almi_answering *answering, alm_str release)
{
    return alm_identity_may_use(answering->call->identity, release);
}

alm_err almi_answer_check_label(const almi_answering *answering, const alm_online_label *label,
                                alm_error *error)
{
    /* An alias is as good as what it stands for. */
    const alm_committed_release *asked =
        alm_committed_set_release(answering->online.set, label->asked_release);
    bool may = almi_answer_may_use(answering, asked ? asked->name : label->asked_release) &&
               (label->model_version.size == 0 ||
                almi_answer_may_use(answering, label->model_version));
    if (!may) {
        return alm_fail(error, ALM_ERR_DENIED, "these credentials are not for this release");
    }
    if (answering->call->body) { /* else what is kept is read, and nobody predicts */
        almi_count_answer(answering, label);
    }
    return ALM_OK;
}

void almi_answer_refuse(const almi_answering *answering, const alm_error *error, alm_reply *reply)
{
    alm_reply_error(reply, answering->call->request, error);
    if (error->code == ALM_ERR_UNAVAILABLE) {
        alm_reply_header(reply, "Retry-After", ALM_STR("5"));
    }
}

/* ---- replies ---- */

void almi_answer_put_text(alm_json_writer *json, const char *key, alm_str value)
{
    alm_json_key(json, key);
    if (value.size > 0) {
        alm_json_str(json, value);
    } else {
        alm_json_null(json);
    }
}

void almi_answer_put_date(alm_json_writer *json, const char *key, alm_date date)
{
    char text[ALM_DATE_TEXT_BYTES];
    alm_date_text(date, text);
    alm_json_put_text(json, key, text);
}

void almi_answer_put_instant(alm_json_writer *json, const char *key, alm_instant instant)
{
    char text[ALM_INSTANT_TEXT_BYTES];
    alm_instant_text(instant, text);
    alm_json_put_text(json, key, text);
}

void almi_answer_put_run(const alm_committed_facts *run, alm_json_writer *json)
{
    alm_json_key(json, "run");
    if (!run) {
        alm_json_null(json);
        return;
    }
    alm_json_open_object(json);
    alm_json_put_str(json, "run_id", run->run_id);
    almi_answer_put_date(json, "prediction_date", run->prediction_date);
    almi_answer_put_instant(json, "committed", run->committed);
    alm_json_put_i64(json, "store_version", run->version);
    almi_answer_put_text(json, "snapshot_id", run->snapshot_id);
    almi_answer_put_text(json, "feature_version", run->feature_version);
    alm_json_close_object(json);
}

void almi_answer_put_label(const alm_online_label *label, alm_json_writer *json)
{
    const alm_ladder_outcome *outcome = &label->outcome;
    alm_json_put_text(json, "served_by", alm_ladder_by_text(outcome->by));
    alm_json_put_text(json, "reason", alm_ladder_why_text(outcome->why));
    alm_json_put_bool(json, "computed", label->is_computed);
    alm_json_put_bool(json, "degraded", label->is_degraded);
    alm_json_put_bool(json, "late", outcome->is_late);
    alm_json_key(json, "misses");
    alm_json_open_array(json);
    for (size_t i = 0; i < outcome->misses; i++) {
        const alm_ladder_miss *m = &outcome->miss[i];
        alm_json_open_object(json);
        alm_json_put_text(json, "step", alm_ladder_by_text(m->by));
        alm_json_put_text(json, "reason", alm_ladder_why_text(m->why));
        almi_answer_put_text(json, "detail", alm_str_of(m->detail));
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
    alm_json_put_str(json, "route", label->route);
    alm_json_put_str(json, "asked_release", label->asked_release);
    almi_answer_put_text(json, "model_version", label->model_version);
    alm_json_put_i64(json, "age_days", label->age_days);
    alm_json_put_i64(json, "age_s", label->age_s);
    alm_json_put_i64(json, "clamped", (int64_t)outcome->clamped);
    almi_answer_put_text(json, "problem", label->problem);
    almi_answer_put_run(label->run, json);
}
