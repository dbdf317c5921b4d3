/* health.c: first everything is judged, then, for who may see it, told. */
#include "http/endpoint/answer.h"
#include "http/endpoint/endpoints.h"
#include "http/job_schema.h"

#define REASONS_MAX 64 /* further ones are only counted into the status */

/* X(name, text): the worst that is found counts */
#define HEALTH_MAP(X)         \
    X(OK, "ok")               \
    X(DEGRADED, "degraded")   \
    X(FAILING, "failing")

typedef enum health {
#define HEALTH_ENUM(name, text) HEALTH_##name,
    HEALTH_MAP(HEALTH_ENUM)
#undef HEALTH_ENUM
} health;

static const char *const STATUSES[] = {
#define TEXT(name, text) text,
    HEALTH_MAP(TEXT) NULL};
#undef TEXT

typedef struct checkup {
    const alm_call *call;
    almi_answering answering; /* `online.set` NULL: no project is served */
    const alm_model_snapshot *models; /* NULL: none are served */
    health status;
    const char *reason[REASONS_MAX];
    size_t reasons;
} checkup;

/* ---- judging ---- */

static void find(checkup *c, health status, const char *reason)
{
    c->status = status > c->status ? status : c->status;
    if (c->reasons < REASONS_MAX) {
        c->reason[c->reasons++] = reason;
    }
}

static bool is_stale(const checkup *c, const alm_committed_route *route)
{
    return alm_online_is_stale(&c->answering.online, route, route->current.run);
}

static void check_route(checkup *c, const alm_committed_route *route)
{
    const alm_committed_source *source = &route->current;
    alm_arena *arena = c->call->request->arena;
    if (!source->run || source->problem.size > 0) {
        find(c, HEALTH_DEGRADED, alm_arena_printf(arena, "route " ALM_STR_FMT ": " ALM_STR_FMT,
                                                  ALM_STR_ARG(route->spec->name),
                                                  ALM_STR_ARG(source->problem)));
    }
    if (source->run && is_stale(c, route)) {
        find(c, HEALTH_DEGRADED,
             alm_arena_printf(arena, "route " ALM_STR_FMT ": its run is %lld days old, and answers "
                              "up to %d", ALM_STR_ARG(route->spec->name),
                              (long long)alm_online_age_days(&c->answering.online, source->run),
                              (int)route->spec->stale_days_max));
    }
}

/* How many models are ready. */
static size_t check_models(checkup *c)
{
    size_t ready = 0;
    for (size_t i = 0; c->models && i < c->models->count; i++) {
        const alm_model_entry *e = &c->models->entry[i];
        ready += e->state == ALM_MODEL_READY;
        if (e->reason.size > 0 || e->state != ALM_MODEL_READY) {
            find(c, HEALTH_DEGRADED,
                 alm_arena_printf(c->call->request->arena,
                                  "model " ALM_STR_FMT " " ALM_STR_FMT " is %s%s" ALM_STR_FMT,
                                  ALM_STR_ARG(e->name), ALM_STR_ARG(e->version),
                                  alm_model_state_text(e->state), e->reason.size > 0 ? ": " : "",
                                  ALM_STR_ARG(e->reason)));
        }
    }
    return ready;
}

static void check(checkup *c)
{
    const alm_committed_set *set = c->answering.online.set;
    size_t runs = 0;
    if (!atomic_load(&c->call->service->is_ready)) {
        find(c, HEALTH_FAILING, "not ready: it is starting, or about to stop");
    }
    for (size_t i = 0; set && i < set->routes; i++) {
        check_route(c, &set->route[i]);
        runs += set->route[i].current.run != NULL;
    }
    if (set && set->problem.size > 0) {
        find(c, HEALTH_DEGRADED, alm_arena_printf(c->call->request->arena, "stores: " ALM_STR_FMT,
                                                  ALM_STR_ARG(set->problem)));
    }
    if (check_models(c) == 0 && set && runs == 0) {
        find(c, HEALTH_FAILING, "no route has a run, and no model is served");
    }
}

/* ---- telling ---- */

static bool may_see(const checkup *c, alm_str release)
{
    return release.size == 0 || alm_identity_may_use(c->call->identity, release);
}

static void put_route(const checkup *c, const alm_committed_route *route, alm_json_writer *json)
{
    const alm_committed_source *source = &route->current;
    const alm_committed_facts *run = source->run ? alm_committed_run_facts(source->run) : NULL;
    alm_str release = source->release ? source->release->name : (alm_str){0};
    alm_str previous = route->previous.run ? route->previous.release->name : (alm_str){0};
    if (!may_see(c, release)) {
        return;
    }
    alm_json_open_object(json);
    alm_json_put_str(json, "route", route->spec->name);
    alm_json_put_text(json, "state", !run ? "missing" : is_stale(c, route) ? "stale" : "ok");
    alm_json_put_str(json, "asked_release", route->spec->release);
    almi_answer_put_text(json, "model_version", release);
    almi_answer_put_text(json, "previous", may_see(c, previous) ? previous : (alm_str){0});
    almi_answer_put_text(json, "run_id", run ? run->run_id : (alm_str){0});
    alm_json_key(json, "age_days");
    if (run) {
        alm_json_i64(json, alm_online_age_days(&c->answering.online, source->run));
    } else {
        alm_json_null(json);
    }
    alm_json_put_i64(json, "stale_days_max", route->spec->stale_days_max);
    almi_answer_put_text(json, "problem", source->problem);
    alm_json_close_object(json);
}

static void put_runs(const checkup *c, alm_json_writer *json)
{
    const alm_committed_set *set = c->answering.online.set;
    alm_json_key(json, "routes");
    alm_json_open_array(json);
    for (size_t i = 0; set && i < set->routes; i++) {
        put_route(c, &set->route[i], json);
    }
    alm_json_close_array(json);
    alm_json_key(json, "stores");
    if (!set || set->routes == 0) {
        alm_json_null(json);
        return;
    }
    alm_json_open_object(json);
    alm_json_put_i64(json, "predictions_version", set->version);
    alm_json_put_i64(json, "ledger_seq", set->ledger_seq);
    almi_answer_put_instant(json, "changed", set->read);
    almi_answer_put_text(json, "problem", set->problem);
    alm_json_close_object(json);
}

static void put_models(const checkup *c, alm_json_writer *json)
{
    alm_json_key(json, "models");
    alm_json_open_array(json);
    for (size_t i = 0; c->models && i < c->models->count; i++) {
        const alm_model_entry *e = &c->models->entry[i];
        if (may_see(c, e->name)) {
            alm_json_open_object(json);
            alm_json_put_str(json, "name", e->name);
            alm_json_put_str(json, "version", e->version);
            alm_json_put_text(json, "state", alm_model_state_text(e->state));
            almi_answer_put_text(json, "reason", e->reason);
            alm_json_close_object(json);
        }
    }
    alm_json_close_array(json);
    alm_json_put_i64(json, "model_loads", atomic_load(&c->call->service->loads));
}

static void put_jobs(const checkup *c, alm_json_writer *json)
{
    alm_desk *desk = c->call->service->desk;
    size_t most = desk ? alm_jobs_kept_max(alm_desk_jobs(desk)) : 0;
    alm_job *job = ALM_NEW_ARRAY(c->call->request->arena, alm_job, most);
    size_t count = desk ? alm_jobs_list(alm_desk_jobs(desk), job, most) : 0;
    alm_json_key(json, "jobs");
    alm_json_open_array(json);
    for (size_t i = 0; i < count; i++) {
        if (!alm_job_has_ended(job[i].state) && almi_job_is_shown(c->call, &job[i])) {
            almi_job_write(&job[i], json);
        }
    }
    alm_json_close_array(json);
}

static void put_server(const checkup *c, alm_json_writer *json)
{
    const alm_service *service = c->call->service;
    const alm_server *server = atomic_load(&service->server);
    alm_json_key(json, "server");
    if (!server) {
        alm_json_null(json);
        return;
    }
    alm_server_counts counts = alm_server_count(server);
    const alm_server_settings *limits = alm_server_limits(server);
    alm_json_open_object(json);
    alm_json_put_i64(json, "workers", limits->workers);
    alm_json_put_i64(json, "requests", (int64_t)counts.requests);
    alm_json_put_i64(json, "connections", (int64_t)counts.connections);
    alm_json_put_i64(json, "connections_max", limits->connections_max);
    alm_json_put_i64(json, "connections_timed_out", (int64_t)counts.timed_out);
    alm_json_put_i64(json, "body_bytes_max", (int64_t)limits->body_bytes_max);
    alm_json_put_i64(json, "request_seconds", limits->request_seconds);
    alm_json_put_i64(json, "drain_seconds", limits->drain_seconds);
    alm_json_put_i64(json, "log_lines_dropped",
                     service->writer ? (int64_t)alm_line_writer_dropped(service->writer) : 0);
    alm_json_close_object(json);
}

/* Null where the number is not known, or there is no limit. */
static void put_bytes(alm_json_writer *json, const char *key, bool is_known, uint64_t bytes)
{
    alm_json_key(json, key);
    if (is_known) {
        alm_json_i64(json, (int64_t)bytes);
    } else {
        alm_json_null(json);
    }
}

static void put_memory(const checkup *c, alm_json_writer *json)
{
    const alm_env *env = c->call->service->env;
    const alm_committed_set *set = c->answering.online.set;
    alm_process_usage usage = {0};
    alm_process_source here = alm_process_source_here(env->fs);
    bool is_known = alm_process_read(&here, &usage, NULL) == ALM_OK;
    alm_json_key(json, "memory");
    alm_json_open_object(json);
    put_bytes(json, "resident_bytes", is_known, usage.resident_bytes);
    put_bytes(json, "heap_held_bytes", true, alm_heap_held_bytes());
    put_bytes(json, "runs_bytes", set != NULL, set ? set->bytes : 0);
    put_bytes(json, "limit_bytes", env->memory_limit_bytes > 0, env->memory_limit_bytes);
    alm_json_close_object(json);
}

static void put_details(const checkup *c, alm_json_writer *json)
{
    const alm_service *service = c->call->service;
    alm_instant now = alm_env_now(service->env);
    int64_t uptime = now > service->started ? now - service->started : 0;
    alm_json_key(json, "reasons");
    alm_json_open_array(json);
    for (size_t i = 0; i < c->reasons; i++) {
        alm_json_text(json, c->reason[i]);
    }
    alm_json_close_array(json);
    alm_json_put_text(json, "version", service->version);
    almi_answer_put_instant(json, "started", service->started);
    alm_json_put_i64(json, "uptime_s", uptime / 1000000);
    alm_json_put_bool(json, "ready", atomic_load(&service->is_ready));
    put_runs(c, json);
    put_models(c, json);
    put_jobs(c, json);
    put_server(c, json);
    put_memory(c, json);
}

static void run(const alm_call *call, alm_reply *reply)
{
    alm_service *service = call->service;
    checkup c = {.call = call};
    if (service->committed) {
        (void)almi_answer_begin(call, &c.answering, reply);
    }
    if (service->models) {
        c.models = alm_model_set_enter(service->models, (size_t)call->request->worker);
    }
    check(&c);
    alm_json_writer json = alm_json_writer_on(reply->body);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "status", STATUSES[c.status]);
    if (call->identity->kind != ALM_IDENTITY_NONE) {
        put_details(&c, &json);
    }
    alm_json_close_object(&json);
    reply->status = c.status == HEALTH_FAILING ? 503 : 200;
    reply->content_type = ALM_TYPE_JSON;
    if (service->models) {
        alm_model_set_leave(service->models, (size_t)call->request->worker);
    }
    if (service->committed) {
        almi_answer_end(&c.answering);
    }
}

/* ---- the route ---- */

static const alm_schema status = {.kind = ALM_SCHEMA_STRING, .choices = STATUSES};
static const alm_schema texts = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_string,
                                 .count_max = REASONS_MAX};
static const alm_schema number = {.kind = ALM_SCHEMA_INTEGER, .is_nullable = true};

static const char *const STATES[] = {"ok", "stale", "missing", NULL};
static const alm_schema state = {.kind = ALM_SCHEMA_STRING, .choices = STATES};
static const alm_schema_member route_members[] = {
    {"route", &alm_schema_string, true, "The deployment."},
    {"state", &state, true, "stale: its run is too old to answer; missing: it has none."},
    {"asked_release", &alm_schema_string, true, "What the project says: a release or an alias."},
    {"model_version", &almi_schema_text, true, "The release that this is now."},
    {"previous", &almi_schema_text, true, "The one promoted before, when its run is at hand."},
    {"run_id", &almi_schema_text, true, "The run in force."},
    {"age_days", &number, true, "Since its prediction date."},
    {"stale_days_max", &alm_schema_integer, true, "Up to how many days it answers."},
    {"problem", &almi_schema_text, true, "Why there is no run, or none newer."},
};
static const alm_schema route = {.name = "RouteHealth", .doc = "What answers on a route.",
                                 .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(route_members)};
static const alm_schema routes = {.kind = ALM_SCHEMA_ARRAY, .items = &route};

static const alm_schema_member store_members[] = {
    {"predictions_version", &alm_schema_integer, true, "Of the prediction store."},
    {"ledger_seq", &alm_schema_integer, true, "The newest entry of the ledger."},
    {"changed", &alm_schema_instant, true, "When something new was found in them."},
    {"problem", &almi_schema_text, true, "Why they cannot be read now."},
};
static const alm_schema stores = {.name = "StoreHealth", .doc = "What the routes go by.",
                                  .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(store_members),
                                  .is_nullable = true};

static const alm_schema_member model_members[] = {
    {"name", &alm_schema_string, true, "The model."},
    {"version", &alm_schema_string, true, "Its version."},
    {"state", &alm_schema_string, true, "READY, LOADING or UNAVAILABLE."},
    {"reason", &almi_schema_text, true, "Why it is not ready, or why its last load failed."},
};
static const alm_schema model = {.name = "ModelHealth", .doc = "A loaded model.",
                                 .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(model_members)};
static const alm_schema models = {.kind = ALM_SCHEMA_ARRAY, .items = &model};
static const alm_schema jobs = {.kind = ALM_SCHEMA_ARRAY, .items = &almi_job_schema};

static const alm_schema_member server_members[] = {
    {"workers", &alm_schema_integer, true, "Event loops."},
    {"requests", &alm_schema_integer, true, "At work now."},
    {"connections", &alm_schema_integer, true, "Open now."},
    {"connections_max", &alm_schema_integer, true, "More wait until one ends."},
    {"connections_timed_out", &alm_schema_integer, true, "Closed since the start."},
    {"body_bytes_max", &alm_schema_integer, true, "Of a request."},
    {"request_seconds", &alm_schema_integer, true, "To send a request, and to take a reply."},
    {"drain_seconds", &alm_schema_integer, true, "For what is at work when it stops."},
    {"log_lines_dropped", &alm_schema_integer, true, "For which the log had no room."},
};
static const alm_schema server = {.name = "ServerHealth", .doc = "Load and limits.",
                                  .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(server_members),
                                  .is_nullable = true};

static const alm_schema_member memory_members[] = {
    {"resident_bytes", &number, true, "Of the process; null where the system does not say."},
    {"heap_held_bytes", &number, true, "That the library holds from the system's allocator."},
    {"runs_bytes", &number, true, "Of all committed runs in memory."},
    {"limit_bytes", &number, true, "Of --memory; null: none."},
};
static const alm_schema memory = {.name = "MemoryHealth", .doc = "Memory.",
                                  .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(memory_members)};

static const alm_schema_member members[] = {
    {"status", &status, true, "failing: not ready, or nothing can answer."},
    {"reasons", &texts, false, "Why it is not ok. This and all below: for viewers."},
    {"version", &alm_schema_string, false, "Of almanac."},
    {"started", &alm_schema_instant, false, "When the process began to serve."},
    {"uptime_s", &alm_schema_integer, false, "Seconds since then."},
    {"ready", &alm_schema_boolean, false, "As /readyz says it."},
    {"routes", &routes, false, "Of releases that the caller may use."},
    {"stores", &stores, false, "Null: no project is served."},
    {"models", &models, false, "That the caller may use."},
    {"model_loads", &alm_schema_integer, false, "Loads of models at work."},
    {"jobs", &jobs, false, "Queued and running."},
    {"server", &server, false, "Load and limits."},
    {"memory", &memory, false, "Memory."},
};
static const alm_schema reply_schema = {.name = "Health", .doc = "How the service is.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

const alm_route almi_route_health = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/health",
    .operation = "getHealth",
    .tag = "Health",
    .summary = "How is the service, and why?",
    .text = "The status for anybody; with the role viewer everything that it follows from. Probes "
            "of a scheduler ask /livez and /readyz.",
    .shows_more = true,
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "ok or degraded."},
                 {503, ALM_TYPE_JSON, &reply_schema, "failing."}},
    .run = run,
};
