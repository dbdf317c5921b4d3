#include "http/endpoint/model_reply.h"

static const char *const ORIGINS[] = {"trained", "imported", NULL};
static const alm_schema origin = {.kind = ALM_SCHEMA_STRING, .choices = ORIGINS};
static const alm_schema names = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_string};

static const alm_schema_member level_members[] = {
    {"level", &alm_schema_string, true, "A level of the hierarchy, or `series`."},
    {"mape", &almi_schema_number, true, "Mean absolute percentage error."},
    {"rmse", &almi_schema_number, true, "Root mean squared error."},
    {"wape", &almi_schema_number, true, "Absolute errors over the demand."},
    {"bias", &almi_schema_number, true, "Errors over the demand."},
};
const alm_schema almi_schema_level = {.name = "LevelMetrics",
                                      .doc = "Of the release's backtest.",
                                      .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(level_members)};
static const alm_schema levels = {.kind = ALM_SCHEMA_ARRAY, .items = &almi_schema_level};

static const alm_schema_member served_members[] = {
    {"route", &alm_schema_string, true, "The deployment."},
    {"is_current", &alm_schema_boolean, true, "It is the release that the route stands for."},
    {"run_id", &almi_schema_text, true, "The run in memory; null: none."},
    {"prediction_date", &almi_schema_text, true, "Its first day."},
    {"problem", &almi_schema_text, true, "Why there is none, or none newer."},
};
static const alm_schema served = {.name = "Served", .doc = "Where a release answers.",
                                  .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(served_members)};
static const alm_schema served_list = {.kind = ALM_SCHEMA_ARRAY, .items = &served};

static const alm_schema_member members[] = {
    {"id", &alm_schema_string, true, "The model version: model and number."},
    {"model", &alm_schema_string, true, "The model."},
    {"version", &alm_schema_integer, true, "Its number."},
    {"hash", &alm_schema_string, true, "Identity of its members."},
    {"origin", &origin, true, "How it came to be."},
    {"training_run_id", &almi_schema_text, true, "Everything that determined the training."},
    {"snapshot_id", &almi_schema_text, true, "What it was trained on."},
    {"feature_version", &almi_schema_text, true, "The features that it was trained with."},
    {"project_commit", &almi_schema_text, true, "The commit of the project that trained it."},
    {"engine_version", &almi_schema_text, true, "The program that trained it."},
    {"aliases", &names, true, "Aliases that stand for it."},
    {"is_experimental", &alm_schema_boolean, true, "From a dirty tree: never approved."},
    {"is_retired", &alm_schema_boolean, true, "Out of use."},
    {"registered", &alm_schema_instant, true, "When it was registered."},
    {"registered_by", &alm_schema_string, true, "By whom."},
    {"metrics", &levels, true, "By level; none of an imported one."},
    {"served", &served_list, true, "Routes on which it answers."},
};
const alm_schema almi_schema_model = {.name = "Model", .doc = "A release of the registry.",
                                      .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

void almi_model_put_levels(const alm_committed_release *release, const char *key,
                           alm_json_writer *json)
{
    alm_json_key(json, key);
    alm_json_open_array(json);
    for (size_t i = 0; i < release->metrics; i++) {
        const alm_committed_metric *m = &release->metric[i];
        alm_json_open_object(json);
        alm_json_put_str(json, "level", m->level);
        alm_json_put_double(json, "mape", m->mape);
        alm_json_put_double(json, "rmse", m->rmse);
        alm_json_put_double(json, "wape", m->wape);
        alm_json_put_double(json, "bias", m->bias);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

static void put_source(const alm_committed_route *route, const alm_committed_source *source,
                       alm_json_writer *json)
{
    char date[ALM_DATE_TEXT_BYTES] = "";
    const alm_committed_facts *run = source->run ? alm_committed_run_facts(source->run) : NULL;
    if (run) {
        alm_date_text(run->prediction_date, date);
    }
    alm_json_open_object(json);
    alm_json_put_str(json, "route", route->spec->name);
    alm_json_put_bool(json, "is_current", source == &route->current);
    almi_answer_put_text(json, "run_id", run ? run->run_id : (alm_str){0});
    almi_answer_put_text(json, "prediction_date", alm_str_of(date));
    almi_answer_put_text(json, "problem", source->problem);
    alm_json_close_object(json);
}

static void put_served(const alm_committed_set *set, const alm_committed_release *release,
                       alm_json_writer *json)
{
    alm_json_key(json, "served");
    alm_json_open_array(json);
    for (size_t i = 0; i < set->routes; i++) {
        const alm_committed_route *route = &set->route[i];
        if (route->current.release == release) {
            put_source(route, &route->current, json);
        }
        if (route->previous.release == release) {
            put_source(route, &route->previous, json);
        }
        for (size_t k = 0; k < route->beside_count; k++) {
            if (route->beside[k].release == release) {
                put_source(route, &route->beside[k], json);
            }
        }
    }
    alm_json_close_array(json);
}

void almi_model_put(const almi_answering *answering, const alm_committed_release *release,
                    alm_json_writer *json)
{
    alm_json_open_object(json);
    alm_json_put_str(json, "id", release->name);
    alm_json_put_str(json, "model", release->model);
    alm_json_put_i64(json, "version", release->version);
    alm_json_put_str(json, "hash", release->hash);
    alm_json_put_text(json, "origin", ORIGINS[release->is_imported]);
    almi_answer_put_text(json, "training_run_id", release->training_run);
    almi_answer_put_text(json, "snapshot_id", release->snapshot_id);
    almi_answer_put_text(json, "feature_version", release->feature_version);
    almi_answer_put_text(json, "project_commit", release->project_commit);
    almi_answer_put_text(json, "engine_version", release->engine_version);
    alm_json_key(json, "aliases");
    alm_json_open_array(json);
    for (size_t i = 0; i < release->alias_count; i++) {
        alm_json_str(json, release->aliases[i]);
    }
    alm_json_close_array(json);
    alm_json_put_bool(json, "is_experimental", release->is_experimental);
    alm_json_put_bool(json, "is_retired", release->is_retired);
    almi_answer_put_instant(json, "registered", release->created);
    alm_json_put_str(json, "registered_by", release->who);
    almi_model_put_levels(release, "metrics", json);
    put_served(answering->online.set, release, json);
    alm_json_close_object(json);
}
