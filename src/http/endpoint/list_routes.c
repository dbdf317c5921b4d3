#include "http/endpoint/endpoints.h"
#include "http/endpoint/answer.h"

static const char *const ROLES[] = {"current", "previous", "beside", NULL};
static const char *const RULES[] = {[ALM_RULE_SEASONAL_NAIVE] = "seasonal_naive",
                                     [ALM_RULE_MEAN] = "mean",
                                     [ALM_RULE_NONE] = "none",
                                     NULL};

static void put_source(const almi_answering *answering, const alm_committed_route *route,
                       const alm_committed_source *source, const char *role, alm_json_writer *json)
{
    const alm_online *online = &answering->online;
    const alm_committed_run *run = source->run;
    alm_json_open_object(json);
    alm_json_put_text(json, "role", role);
    almi_answer_put_text(json, "model_version",
                         source->release ? source->release->name : (alm_str){0});
    alm_json_key(json, "age_days");
    if (run) {
        alm_json_i64(json, alm_online_age_days(online, run));
    } else {
        alm_json_null(json);
    }
    alm_json_put_bool(json, "is_stale", run && alm_online_is_stale(online, route, run));
    alm_json_put_i64(json, "nodes", run ? (int64_t)alm_committed_run_facts(run)->nodes : 0);
    alm_json_put_i64(json, "days", run ? alm_committed_run_facts(run)->steps : 0);
    almi_answer_put_text(json, "problem", source->problem);
    almi_answer_put_run(run ? alm_committed_run_facts(run) : NULL, json);
    alm_json_close_object(json);
}

static bool is_shown(const almi_answering *answering, const alm_committed_source *source)
{
    return !source->release || almi_answer_may_use(answering, source->release->name);
}

static void put_route(const almi_answering *answering, const alm_committed_route *route,
                      alm_json_writer *json)
{
    const alm_deployment_spec *spec = route->spec;
    alm_json_open_object(json);
    alm_json_put_str(json, "route", spec->name);
    almi_answer_put_text(json, "schedule", spec->schedule);
    almi_answer_put_text(json, "model", spec->model);
    alm_json_put_str(json, "release", spec->release);
    alm_json_put_bool(json, "may_previous", spec->previous);
    alm_json_put_i64(json, "stale_days_max", spec->stale_days_max);
    alm_json_put_text(json, "rule", RULES[spec->rule]);
    alm_json_put_i64(json, "deadline_ms", spec->deadline_ms);
    alm_json_key(json, "purposes");
    alm_json_open_array(json);
    for (size_t i = 0; i < spec->purpose_count; i++) {
        alm_json_str(json, spec->purposes[i]);
    }
    alm_json_close_array(json);
    alm_json_key(json, "sources");
    alm_json_open_array(json);
    if (is_shown(answering, &route->current)) {
        put_source(answering, route, &route->current, ROLES[0], json);
    }
    if (route->previous.release && is_shown(answering, &route->previous)) {
        put_source(answering, route, &route->previous, ROLES[1], json);
    }
    for (size_t i = 0; i < route->beside_count; i++) {
        if (is_shown(answering, &route->beside[i])) {
            put_source(answering, route, &route->beside[i], ROLES[2], json);
        }
    }
    alm_json_close_array(json);
    alm_json_close_object(json);
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answering answering;
    if (!almi_answer_begin(call, &answering, reply)) {
        return;
    }
    const alm_committed_set *set = answering.online.set;
    alm_json_writer json = alm_json_writer_on(reply->body);
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
    alm_json_open_object(&json);
    alm_json_put_str(&json, "project", answering.online.project->name);
    alm_json_key(&json, "keys");
    alm_json_open_array(&json);
    for (size_t i = 0; i < answering.online.project->series.key_count; i++) {
        alm_json_str(&json, answering.online.project->series.keys[i]);
    }
    alm_json_close_array(&json);
    alm_json_key(&json, "routes");
    alm_json_open_array(&json);
    for (size_t i = 0; i < set->routes; i++) {
        put_route(&answering, &set->route[i], &json);
    }
    alm_json_close_array(&json);
    almi_answer_put_text(&json, "problem", set->problem);
    alm_json_close_object(&json);
    almi_answer_end(&answering);
}

static const alm_schema role = {.kind = ALM_SCHEMA_STRING, .choices = ROLES};
static const alm_schema rule = {.kind = ALM_SCHEMA_STRING, .choices = RULES};
static const alm_schema age = {.kind = ALM_SCHEMA_INTEGER, .is_nullable = true};
static const alm_schema names = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_string};
static const alm_schema_member source_members[] = {
    {"role", &role, true, "The route's own release, the one promoted before, or one beside."},
    {"model_version", &almi_schema_text, true, "Null: the release cannot be resolved."},
    {"age_days", &age, true, "Days since the run's prediction date; null: no run."},
    {"is_stale", &alm_schema_boolean, true, "It is older than the route lets answer."},
    {"nodes", &alm_schema_integer, true, "Nodes of the run."},
    {"days", &alm_schema_integer, true, "Days of the run."},
    {"problem", &almi_schema_text, true, "Why there is no run, or none newer."},
    {"run", &almi_schema_run, true, "The run in force; null: none."},
};
static const alm_schema source = {.name = "RouteSource", .doc = "A release that a route answers "
                                                                "with.",
                                  .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(source_members)};
static const alm_schema sources = {.kind = ALM_SCHEMA_ARRAY, .items = &source};
static const alm_schema_member route_members[] = {
    {"route", &alm_schema_string, true, "The deployment."},
    {"schedule", &almi_schema_text, true, "Whose runs answer; null: those of any."},
    {"model", &almi_schema_text, true, "The model."},
    {"release", &alm_schema_string, true, "An alias or a model version."},
    {"may_previous", &alm_schema_boolean, true, "The release promoted before may answer."},
    {"stale_days_max", &alm_schema_integer, true, "Days that a run may be behind its date."},
    {"rule", &rule, true, "What is said when nothing else can."},
    {"deadline_ms", &alm_schema_integer, true, "Time of an answer."},
    {"purposes", &names, true, "Of computations, besides those of the endpoints."},
    {"sources", &sources, true, "Releases that it answers with, its own first."},
};
static const alm_schema route = {.name = "ServedRoute", .doc = "A deployment of the project.",
                                 .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(route_members)};
static const alm_schema routes = {.kind = ALM_SCHEMA_ARRAY, .items = &route};
static const alm_schema_member members[] = {
    {"project", &alm_schema_string, true, "Its name."},
    {"keys", &names, true, "The keys of a series, in the order of its name."},
    {"routes", &routes, true, "In the order of the project file."},
    {"problem", &almi_schema_text, true, "Why the stores cannot be read now; null: they can."},
};
static const alm_schema reply_schema = {.name = "Routes", .doc = "All deployments.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

const alm_route almi_route_list_routes = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/routes",
    .operation = "listRoutes",
    .tag = "Models",
    .summary = "The deployments of the project, and the runs that are in force on them",
    .scope = ALM_SCOPE_VIEWER,
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "The routes."}},
    .run = run,
};
