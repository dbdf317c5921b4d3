#include "serve/answer/online.h"

#define DAY_MICROSECONDS ((alm_instant)86400 * 1000000)
#define SHOWN_BYTES_MAX 100 /* of a name that was asked for */

static const char *routes_of(const alm_committed_set *set, alm_buffer *out)
{
    for (size_t i = 0; i < set->routes; i++) {
        alm_buffer_printf(out, "%s" ALM_STR_FMT, i ? ", " : "",
                          ALM_STR_ARG(set->route[i].spec->name));
    }
    return out->data ? out->data : "none";
}

static alm_err find_route(const alm_committed_set *set, alm_str name,
                          const alm_committed_route **out, alm_error *error)
{
    alm_buffer known = {0};
    alm_err code = ALM_OK;
    const alm_committed_route *route = name.size ? alm_committed_set_route(set, name)
                                       : set->routes == 1 ? &set->route[0] : NULL;
    if (route) {
        *out = route;
    } else if (set->routes == 0) {
        code = alm_fail(error, ALM_ERR_UNAVAILABLE, "no route can be served: " ALM_STR_FMT,
                        ALM_STR_ARG(set->problem));
    } else if (name.size == 0) {
        code = alm_fail(error, ALM_ERR_USAGE, "name a route: %s", routes_of(set, &known));
    } else {
        alm_arena *scratch = alm_arena_create(1024);
        alm_str shown = {name.data, name.size < SHOWN_BYTES_MAX ? name.size : SHOWN_BYTES_MAX};
        shown = alm_str_visible(shown, scratch);
        code = alm_fail(error, ALM_ERR_NOT_FOUND, "there is no route " ALM_STR_FMT "; known: %s",
                        ALM_STR_ARG(shown), routes_of(set, &known));
        alm_arena_destroy(scratch);
    }
    alm_buffer_deinit(&known);
    return code;
}

alm_err alm_online_target_of(const alm_online *online, const alm_online_ask *ask,
                             alm_online_target *out, alm_error *error)
{
    const alm_committed_route *route = NULL;
    const alm_committed_source *source = NULL;
    ALM_TRY(find_route(online->set, ask->route, &route, error));
    ALM_TRY(alm_committed_route_source(online->set, route, ask->release, &source, error));
    bool is_version = ask->release.size > 0 && alm_str_equal(ask->release, source->release->name);
    *out = (alm_online_target){.route = route, .source = source,
                               .asked = ask->release.size ? ask->release : route->spec->release,
                               .may_previous = route->spec->previous && !is_version &&
                                               source == &route->current};
    return ALM_OK;
}

alm_err alm_online_find(const alm_online_ask *ask, const alm_committed_run *run,
                        alm_committed_node *out, alm_error *error)
{
    if (ask->node.size > 0) {
        return alm_committed_find(run, ask->node, ask->level, out, error);
    }
    return alm_committed_find_keys(run, ask->keys, ask->key_count, out, error);
}

alm_err alm_online_check_purpose(const alm_deployment_spec *route, alm_str purpose,
                                 const char *const *approved, size_t count, alm_error *error)
{
    if (purpose.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a real-time computation needs a purpose");
    }
    for (size_t i = 0; i < count; i++) {
        if (alm_str_is(purpose, approved[i])) {
            return ALM_OK;
        }
    }
    for (size_t i = 0; i < route->purpose_count; i++) {
        if (alm_str_equal(purpose, route->purposes[i])) {
            return ALM_OK;
        }
    }
    return alm_fail(error, ALM_ERR_DENIED,
                    "this purpose is not approved for route " ALM_STR_FMT ": `purposes` of its "
                    "deployment lists the approved ones", ALM_STR_ARG(route->name));
}

static alm_instant age_of(const alm_online *online, const alm_committed_run *run)
{
    alm_instant age = online->now - alm_committed_run_facts(run)->prediction_timestamp;
    return age > 0 ? age : 0;
}

int64_t alm_online_age_days(const alm_online *online, const alm_committed_run *run)
{
    return age_of(online, run) / DAY_MICROSECONDS;
}

bool alm_online_is_stale(const alm_online *online, const alm_committed_route *route,
                         const alm_committed_run *run)
{
    return alm_online_age_days(online, run) > route->spec->stale_days_max;
}

void alm_online_label_init(const alm_online *online, const alm_online_target *target,
                           alm_online_label *out)
{
    const alm_str problem = target->source->problem;
    *out = (alm_online_label){.route = target->route->spec->name, .asked_release = target->asked,
                              .problem = problem.size ? problem : online->set->problem};
}

void alm_online_label_limit(alm_online_label *label, alm_str policy)
{
    size_t i = 0;
    while (i < label->limited_count && !alm_str_equal(label->limited[i].policy, policy)) {
        i++;
    }
    if (policy.size == 0 || i == ALM_ONLINE_LIMITED_MAX) {
        return;
    }
    label->limited_count += i == label->limited_count;
    label->limited[i].policy = policy;
    label->limited[i].numbers++;
}

void alm_online_label_run(const alm_online *online, const alm_committed_run *run,
                          alm_online_label *label)
{
    if (run) {
        label->run = alm_committed_run_facts(run);
        label->model_version = label->run->model_version;
        label->age_s = age_of(online, run) / 1000000;
        label->age_days = alm_online_age_days(online, run);
    }
}
