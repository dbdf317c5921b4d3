/* oip_repository.c: what there is, loading and unloading.
 *
 * A load takes as long as its file is large, so a thread of its own does it, and the reply comes
 * when it is done. */
#include "base/thread.h"
#include "http/endpoint/answer_meters.h"
#include "http/endpoint/endpoints.h"
#include "http/endpoint/oip_schema.h"
#include "http/endpoint/serving.h"
#include "http/protocol/oip.h"

#define LOADS_MAX 4 /* at work at a time; each takes a thread and the memory of a model */

static void run_index(const alm_call *call, alm_reply *reply)
{
    almi_visit visit = almi_visit_begin(call, reply);
    const alm_model_snapshot none = {0};
    alm_error error = {0};
    bool ready = false;
    if (alm_oip_read_index(call->request->body, &ready, &error) == ALM_OK) {
        alm_oip_write_index(visit.snapshot ? visit.snapshot : &none, ready, reply->body);
        almi_visit_reply(&visit, ALM_TYPE_JSON);
    } else {
        almi_visit_fail(&visit, &error);
    }
    almi_visit_end(&visit);
}

/* ---- loads ---- */

typedef struct load {
    alm_call call; /* the request outlives it, the caller's struct does not */
    alm_reply *reply;
    alm_later later;
    bool unload;
    alm_identity who;
    almi_loading before;
    alm_thread *thread;
    alm_err code;
    alm_error error;
} load;

/* In the audit record, where there is one. */
static alm_err note(const load *l, const char *outcome, alm_str detail, alm_error *error)
{
    const alm_service *service = l->call.service;
    alm_audit_entry entry = {.when = alm_env_now(service->env),
                             .kind = l->who.kind,
                             .who = l->who.subject,
                             .action = l->unload ? ALM_STR("unload") : ALM_STR("load"),
                             .object = l->before.model,
                             .outcome = alm_str_of(outcome),
                             .request_id = l->call.request->id,
                             .detail = detail};
    bool is_known = l->before.model.size > 0; /* else nothing will change */
    return service->audit && is_known ? alm_audit_append(service->audit, &entry, error) : ALM_OK;
}

/* What cannot be put on record is not done; what was done and is not on record is an error. */
static alm_err change_models(load *l, alm_error *error)
{
    alm_model_set *models = l->call.service->models;
    alm_error unrecorded = {0};
    ALM_TRY(note(l, "begun", l->before.version, error));
    alm_err code = (l->unload ? alm_model_set_unload : alm_model_set_load)(
        models, l->call.value[0], (alm_str){0}, error);
    bool is_done = code == ALM_OK;
    alm_err noted = note(l, is_done ? "done" : "failed",
                         is_done ? l->before.version : alm_str_of(error->message), &unrecorded);
    if (is_done && noted != ALM_OK) {
        return alm_fail(error, noted, "it is done, and not on record: %s", unrecorded.message);
    }
    return code;
}

static void work(void *context)
{
    load *l = context;
    alm_thread_step_back(); /* answers go before a load */
    l->code = change_models(l, &l->error);
    l->later.wake(l->later.connection);
}

static void start(alm_later *later)
{
    load *l = later->context;
    alm_err code = alm_thread_start("load", work, l, &l->thread, &l->error);
    if (code != ALM_OK) { /* else the load belongs to its thread until it wakes the connection */
        l->code = code;
        later->wake(later->connection);
    }
}

static void finish(alm_later *later)
{
    load *l = later->context;
    almi_visit visit = {.call = &l->call, .reply = l->reply};
    alm_thread_join(l->thread);
    atomic_fetch_sub(&l->call.service->loads, 1);
    almi_loading_count(&l->call, &l->before, l->unload, l->code == ALM_OK);
    if (l->code == ALM_OK) {
        alm_buffer_text(l->reply->body, "{}");
        almi_visit_reply(&visit, ALM_TYPE_JSON);
    } else {
        almi_visit_fail(&visit, &l->error);
    }
}

static alm_err begin(const alm_call *call, bool unload, alm_reply *reply, alm_error *error)
{
    alm_service *service = call->service;
    ALM_TRY(alm_oip_read_load(call->request->body, error));
    if (!service->models) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "no models are served");
    }
    if (atomic_fetch_add(&service->loads, 1) >= LOADS_MAX) {
        atomic_fetch_sub(&service->loads, 1);
        return alm_fail(error, ALM_ERR_INCOMPLETE, "%d models are being loaded; try again later",
                        LOADS_MAX);
    }
    load *l = ALM_NEW(call->request->arena, load);
    *l = (load){.call = *call, .reply = reply, .unload = unload,
                .who = alm_identity_copy(call->identity, call->request->arena),
                .before = almi_loading_begin(call)};
    l->later = (alm_later){.start = start, .finish = finish, .context = l};
    reply->later = &l->later;
    return ALM_OK;
}

static void change(const alm_call *call, bool unload, alm_reply *reply)
{
    almi_visit visit = {.call = call, .reply = reply};
    alm_error error = {0};
    if (begin(call, unload, reply, &error) != ALM_OK) {
        almi_visit_fail(&visit, &error);
    }
}

static void run_load(const alm_call *call, alm_reply *reply)
{
    change(call, false, reply);
}

static void run_unload(const alm_call *call, alm_reply *reply)
{
    change(call, true, reply);
}

static const char *const types[] = {"application/json", NULL};

const alm_route almi_route_oip_index = {
    .method = ALM_METHOD_POST,
    .path = "/v2/repository/index",
    .operation = "oipIndex",
    .tag = "Open Inference Protocol",
    .summary = "All models with their state",
    .scope = ALM_SCOPE_VIEWER,
    .request_types = types,
    .any_type = true,
    .body_is_optional = true,
    .request_doc = "`{\"ready\": true}` for those that are READY alone; may be empty.",
    .response = {{200, ALM_TYPE_JSON, &almi_oip_index_schema, "The models."}},
    .run = run_index,
};

#define RESPONSES                                                                         \
    {{200, ALM_TYPE_JSON, &almi_oip_empty_schema, "It is done."},                         \
     {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "There is no such model, or no file."}, \
     {409, ALM_TYPE_PROBLEM, &almi_problem_schema, "It is being loaded."},                \
     {500, ALM_TYPE_PROBLEM, &almi_problem_schema, "Its file cannot be read."}}

const alm_route almi_route_oip_load = {
    .method = ALM_METHOD_POST,
    .path = "/v2/repository/models/{model}/load",
    .operation = "oipLoad",
    .tag = "Open Inference Protocol",
    .summary = "Loads a model, again if it is loaded",
    .text = "Requests are answered by the version before until the new one is warm; a load that "
            "fails changes nothing.",
    .scope = ALM_SCOPE_ADMIN,
    .request_types = types,
    .any_type = true,
    .body_is_optional = true,
    .request_doc = "May be empty. Parameters with files or a configuration are refused.",
    .response = RESPONSES,
    .run = run_load,
};

const alm_route almi_route_oip_unload = {
    .method = ALM_METHOD_POST,
    .path = "/v2/repository/models/{model}/unload",
    .operation = "oipUnload",
    .tag = "Open Inference Protocol",
    .summary = "Unloads a model, whose memory goes back to the system",
    .scope = ALM_SCOPE_ADMIN,
    .request_types = types,
    .any_type = true,
    .body_is_optional = true,
    .request_doc = "May be empty.",
    .response = RESPONSES,
    .run = run_unload,
};
