#include "http/job_schema.h"

#include <string.h>

static const char *const states[] = {
#define STATE_TEXT(name, text) text,
    ALM_JOB_STATE_MAP(STATE_TEXT)
#undef STATE_TEXT
        NULL};
static const char *const kinds[] = {"train", "deploy", NULL};

static const alm_schema state = {.kind = ALM_SCHEMA_STRING, .choices = states};
static const alm_schema kind = {.kind = ALM_SCHEMA_STRING, .choices = kinds};
static const alm_schema count = {.kind = ALM_SCHEMA_INTEGER, .min = 0, .max = 9e15};

static const alm_schema_member progress_members[] = {
    {"stage", &alm_schema_string, true, "What it is at."},
    {"done", &count, true, "How much of the stage is done."},
    {"total", &count, true, "How much the stage has; 0: not known."},
};
static const alm_schema progress = {.kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(progress_members)};

static const alm_schema_member members[] = {
    {"id", &alm_schema_string, true, "Names it: job-12."},
    {"kind", &kind, true, "What is done."},
    {"object", &alm_schema_string, true, "What it is done with: a model, a release."},
    {"state", &state, true,
     "interrupted: the service ended before the job did. The last four are final."},
    {"cancelling", &alm_schema_boolean, true, "It was asked to end, and has not yet."},
    {"progress", &progress, false, "Of a job that has told."},
    {"message", &alm_schema_string, false, "Why it failed, or what else there is to say."},
    {"result", &alm_schema_string, false,
     "What came out: of training the release, of deploying the alias that points to it now."},
    {"who", &alm_schema_string, true, "Who asked for it."},
    {"cancelled_by", &alm_schema_string, false, "Who asked for its end."},
    {"queued", &alm_schema_instant, true, "When it was asked for."},
    {"started", &alm_schema_instant, false, "When it began."},
    {"ended", &alm_schema_instant, false, "When it ended."},
};

const alm_schema almi_job_schema = {
    .name = "Job",
    .doc = "Work that outlasts the request that asked for it.",
    .kind = ALM_SCHEMA_OBJECT,
    ALM_MEMBERS(members),
};

static void put_instant(alm_json_writer *json, const char *key, alm_instant instant)
{
    char text[ALM_INSTANT_TEXT_BYTES];
    alm_instant_text(instant, text);
    alm_json_put_text(json, key, text);
}

static void put_some(alm_json_writer *json, const char *key, const char *text)
{
    if (text[0]) {
        alm_json_put_text(json, key, text);
    }
}

void almi_job_write(const alm_job *job, alm_json_writer *json)
{
    alm_json_open_object(json);
    alm_json_put_text(json, "id", job->id);
    alm_json_put_text(json, "kind", job->kind);
    alm_json_put_text(json, "object", job->object);
    alm_json_put_text(json, "state", alm_job_state_text(job->state));
    alm_json_put_bool(json, "cancelling", job->is_cancelling);
    if (job->stage[0]) {
        alm_json_key(json, "progress");
        alm_json_open_object(json);
        alm_json_put_text(json, "stage", job->stage);
        alm_json_put_i64(json, "done", (int64_t)job->done);
        alm_json_put_i64(json, "total", (int64_t)job->total);
        alm_json_close_object(json);
    }
    put_some(json, "message", job->message);
    put_some(json, "result", job->result);
    alm_json_put_text(json, "who", job->asker.who);
    put_some(json, "cancelled_by", job->canceller.who);
    put_instant(json, "queued", job->queued);
    if (job->started) {
        put_instant(json, "started", job->started);
    }
    if (job->ended) {
        put_instant(json, "ended", job->ended);
    }
    alm_json_close_object(json);
}

void almi_job_reply(const alm_call *call, int status, const alm_job *job, alm_reply *reply)
{
    alm_json_writer json = alm_json_writer_on(reply->body);
    almi_job_write(job, &json);
    reply->status = status;
    reply->content_type = ALM_TYPE_JSON;
    if (status == 202) {
        alm_reply_headerf(reply, call->request, "Location", "/api/v1/jobs/%s", job->id);
        alm_reply_header(reply, "Retry-After", ALM_STR("1"));
    }
}

void almi_job_refuse(const alm_call *call, const alm_error *error, alm_reply *reply)
{
    if (error->code == ALM_ERR_LIMIT) {
        alm_problem what = {.status = 429, .detail = alm_str_of(error->message)};
        alm_reply_problem(reply, call->request, &what);
        alm_reply_header(reply, "Retry-After", ALM_STR("60"));
    } else {
        alm_reply_error(reply, call->request, error);
    }
}

alm_desk *almi_desk_of(const alm_call *call, alm_reply *reply)
{
    if (!call->service->desk) {
        alm_problem what = {
            .status = 409,
            .detail = ALM_STR("this service has no project, or another one has its jobs; so it "
                              "neither trains nor deploys (docs/jobs.md)")};
        alm_reply_problem(reply, call->request, &what);
    }
    return call->service->desk;
}

alm_job_asker almi_asker_of(const alm_call *call)
{
    alm_job_asker asker = {0};
    const char *kind_text = alm_identity_kind_text(call->identity->kind);
    alm_str who = call->identity->subject;
    alm_str id = call->request->id;
    alm_assert(strlen(kind_text) < sizeof asker.kind && who.size < sizeof asker.who &&
               id.size < sizeof asker.request_id);
    memcpy(asker.kind, kind_text, strlen(kind_text));
    memcpy(asker.who, who.data, who.size);
    memcpy(asker.request_id, id.data, id.size);
    return asker;
}

bool almi_job_is_shown(const alm_call *call, const alm_job *job)
{
    return alm_identity_may_use(call->identity, alm_str_of(job->model));
}

bool almi_job_find(const alm_call *call, alm_desk *desk, alm_job *out, alm_reply *reply)
{
    alm_error error;
    alm_job job;
    alm_err code = alm_jobs_get(alm_desk_jobs(desk), call->value[0], &job, &error);
    if (code == ALM_OK && !almi_job_is_shown(call, &job)) {
        code = alm_fail(&error, ALM_ERR_NOT_FOUND,
                        "there is no job '%s'; /api/v1/jobs lists those that are remembered",
                        job.id);
    }
    if (code != ALM_OK) {
        alm_reply_error(reply, call->request, &error);
        return false;
    }
    *out = job;
    return true;
}
