#include "http/endpoint/answer_meters.h"

#include <string.h>

#include "monitor/service_metrics.h"

/* ---- answers ---- */

void almi_count_answer(const almi_answering *answering, const alm_online_label *label)
{
    const alm_call *call = answering->call;
    alm_meters *meters = call->service->meters;
    int worker = call->request->worker;
    const alm_committed_set *set = answering->online.set;
    const alm_committed_route *route = alm_committed_set_route(set, label->route);
    const alm_committed_release *release = alm_committed_set_release(set, label->model_version);
    const alm_str names[] = {release ? release->model : route ? route->spec->model : label->route,
                             label->model_version,
                             alm_str_of(alm_ladder_by_text(label->outcome.by))};
    if (!meters) {
        return;
    }
    alm_meter_add(alm_meters_find(meters, ALM_SERVICE_PREDICTIONS, names), worker, 1);
    if (label->is_degraded) {
        alm_meter_add(alm_meters_get(meters, ALM_SERVICE_FALLBACKS, call->route->path,
                                     alm_ladder_why_text(label->outcome.why)), worker, 1);
    }
    for (size_t i = 0; i < label->limited_count; i++) {
        alm_meter_add(alm_meters_find(meters, ALM_SERVICE_CLAMPS, &label->limited[i].policy),
                      worker, label->limited[i].numbers);
    }
}

void almi_count_inference(const almi_visit *visit)
{
    const alm_call *call = visit->call;
    alm_meters *meters = call->service->meters;
    int worker = call->request->worker;
    if (!meters || !visit->model || visit->rows == 0) {
        return;
    }
    const alm_served_info *info = alm_served_model_describe(visit->model);
    const alm_str names[] = {info->name, info->version,
                             alm_str_of(alm_ladder_by_text(ALM_LADDER_MODEL))};
    alm_meter_add(alm_meters_find(meters, ALM_SERVICE_PREDICTIONS, names), worker, visit->rows);
    alm_meter_observe(alm_meters_find(meters, ALM_SERVICE_PREDICTION_DURATION, names), worker,
                      visit->answered_ns - visit->read_ns);
}

/* ---- models ---- */

static const alm_model_snapshot *enter(const alm_call *call)
{
    return alm_model_set_enter(call->service->models, (size_t)call->request->worker);
}

static void leave(const alm_call *call)
{
    alm_model_set_leave(call->service->models, (size_t)call->request->worker);
}

almi_loading almi_loading_begin(const alm_call *call)
{
    alm_arena *arena = call->request->arena;
    const alm_model_entry *entry = NULL;
    almi_loading out = {.begun_ns = alm_env_monotonic_ns(call->service->env)};
    const alm_model_snapshot *snapshot = enter(call);
    if (alm_model_snapshot_find(snapshot, call->value[0], (alm_str){0}, &entry, NULL) == ALM_OK) {
        out.model = (alm_str){alm_arena_copy_text(arena, entry->name.data, entry->name.size),
                              entry->name.size};
        out.version = (alm_str){
            alm_arena_copy_text(arena, entry->version.data, entry->version.size),
            entry->version.size};
        if (entry->model) {
            memcpy(out.digest, alm_served_model_describe(entry->model)->digest, sizeof out.digest);
        }
    }
    leave(call);
    return out;
}

static bool is_same(const alm_call *call, const almi_loading *before)
{
    const alm_model_entry *entry = NULL;
    const alm_model_snapshot *snapshot = enter(call);
    bool same = alm_model_snapshot_find(snapshot, before->model, before->version, &entry, NULL) ==
                    ALM_OK && entry->model &&
                strcmp(alm_served_model_describe(entry->model)->digest, before->digest) == 0;
    leave(call);
    return same;
}

void almi_loading_count(const alm_call *call, const almi_loading *loading, bool is_unload,
                        bool is_done)
{
    alm_meters *meters = call->service->meters;
    int worker = call->request->worker;
    if (!meters) {
        return;
    }
    if (!is_unload) {
        alm_meter_add(alm_meters_get(meters, ALM_SERVICE_MODEL_LOADS, is_done ? "done" : "failed"),
                      worker, 1);
    } else if (is_done) {
        alm_meter_add(alm_meters_find(meters, ALM_SERVICE_MODEL_UNLOADS, NULL), worker, 1);
    }
    if (!is_unload && is_done) {
        alm_meter_observe(alm_meters_find(meters, ALM_SERVICE_MODEL_LOAD_DURATION, NULL), worker,
                          alm_env_monotonic_ns(call->service->env) - loading->begun_ns);
    }
    if (is_done && is_unload) {
        alm_service_meters_forget_model(meters, loading->model, loading->version);
    } else if (is_done && loading->digest[0] && !is_same(call, loading)) {
        const alm_str names[] = {loading->model, loading->version};
        alm_meters_retire_all(meters, ALM_SERVICE_MODEL, names, 2);
    }
}

static void show_breaker(alm_meters *meters, const alm_str label[3], alm_breaker *breaker)
{
    alm_breaker_state state = alm_breaker_state_of(breaker);
    alm_meter_set(alm_meters_find(meters, ALM_SERVICE_BREAKER_STATE, label),
                  state == ALM_BREAKER_OPEN ? 2 : state == ALM_BREAKER_HALF_OPEN ? 1 : 0);
}

static void show_breakers_of(alm_meters *meters, const alm_served_info *info)
{
    for (size_t i = 0; i < info->scorer->member_count; i++) {
        const alm_scorer_member_info *member = &info->scorer->member[i];
        const alm_str label[] = {info->name, info->version, member->name};
        if (member->breaker) {
            show_breaker(meters, label, member->breaker);
        }
    }
}

void almi_show_breakers(const alm_call *call)
{
    const alm_service *service = call->service;
    const alm_project *project = service->project;
    for (size_t i = 0; service->breakers && i < project->deployment_count; i++) {
        const alm_deployment_spec *route = &project->deployments[i];
        const alm_str current[] = {route->model, ALM_STR("current"), route->name};
        const alm_str previous[] = {route->model, ALM_STR("previous"), route->name};
        if (route->online) {
            show_breaker(service->meters, current, &service->breakers[i].current);
            show_breaker(service->meters, previous, &service->breakers[i].previous);
        }
    }
    if (service->models) {
        const alm_model_snapshot *snapshot = enter(call);
        for (size_t i = 0; i < snapshot->count; i++) {
            if (snapshot->entry[i].model) {
                show_breakers_of(service->meters,
                                 alm_served_model_describe(snapshot->entry[i].model));
            }
        }
        leave(call);
    }
}

void almi_show_models(const alm_call *call)
{
    if (!call->service->models) {
        return;
    }
    const alm_model_snapshot *snapshot = enter(call);
    for (size_t i = 0; i < snapshot->count; i++) {
        const alm_model_entry *entry = &snapshot->entry[i];
        if (entry->model) {
            const alm_served_info *info = alm_served_model_describe(entry->model);
            const alm_str labels[] = {info->name, info->version, alm_str_of(info->digest),
                                      alm_str_of(info->approved ? "true" : "false")};
            (void)alm_meters_find(call->service->meters, ALM_SERVICE_MODEL, labels);
        }
    }
    leave(call);
}
