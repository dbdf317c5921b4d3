/* deployment_parse.c: the sections `deployments` and `policies` of almanac.yaml. */
#include "project/project_checker.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT(type, field) .offset = offsetof(type, field)
#define LIST_AT(type, field, count) \
    .kind = ALMI_TEXT_LIST, .offset = offsetof(type, field), .count_offset = offsetof(type, count)
#define OTHER .kind = ALMI_OTHER

static const char *const RULES[] = {"seasonal_naive", "mean", "none", NULL};
static const char *const SUBJECTS[] = {"forecasts", "orders", "both", NULL};

/* ---- tables ---- */

static const almi_key DEPLOYMENT[] = {
    {.key = "schedule", .kind = ALMI_NAME, AT(alm_deployment_spec, schedule),
     .doc = "a schedule of this file: its runs answer. A route has this or `model`"},
    {.key = "model", .kind = ALMI_NAME, AT(alm_deployment_spec, model),
     .doc = "a model of this file: the newest run answers, whatever its schedule"},
    {.key = "release", .kind = ALMI_NAME, AT(alm_deployment_spec, release),
     .doc = "an alias or a model version; default: the schedule's `alias`, and required with "
            "`model`"},
    {.key = "purposes", LIST_AT(alm_deployment_spec, purposes, purpose_count),
     .doc = "approved purposes of real-time computations, besides those that endpoints have"},
    {.key = "previous", .kind = ALMI_BOOL, AT(alm_deployment_spec, previous), .fallback = "false",
     .doc = "may the release promoted before answer when this one cannot? The answer names it"},
    {.key = "online", .kind = ALMI_BOOL, AT(alm_deployment_spec, online), .fallback = "true",
     .doc = "are the run's features kept in memory and moved on by events, so that forecasts can "
            "be computed ([events.md](events.md))? Without memory for it the committed runs answer "
            "alone, and say so"},
    {.key = "stale_days_max", .kind = ALMI_I32, AT(alm_deployment_spec, stale_days_max),
     .max = 36500, .fallback = "7",
     .doc = "a committed run answers up to so many days behind its prediction date"},
    {.key = "rule", .kind = ALMI_CHOICE, AT(alm_deployment_spec, rule), .choices = RULES,
     .fallback = "seasonal_naive", .doc = "what answers when nothing else can"},
    {.key = "deadline_ms", .kind = ALMI_I32, AT(alm_deployment_spec, deadline_ms), .min = 1,
     .max = 60000, .fallback = "50", .doc = "for all steps of an answer together"},
    {.key = "shares", OTHER, .doc = "see `deployments.NAME.shares`"},
};
const almi_section almi_deployment_section = {
    "deployments.NAME", "A route of `almanac serve`: what answers, and what does when that cannot "
    "([online-answers.md](online-answers.md)). A schedule that no deployment names has a route of "
    "its own name with the defaults.", DEPLOYMENT, COUNT(DEPLOYMENT)};

static const almi_key SHARES[] = {
    {.key = "model", .kind = ALMI_F64, AT(alm_ladder_shares, model), .min = 0, .max = 1,
     .fallback = "0.6", .doc = "of the computation with the release's model"},
    {.key = "previous", .kind = ALMI_F64, AT(alm_ladder_shares, previous), .min = 0, .max = 1,
     .fallback = "0.2", .doc = "of the release promoted before"},
    {.key = "batch", .kind = ALMI_F64, AT(alm_ladder_shares, batch), .min = 0, .max = 1,
     .fallback = "0.1", .doc = "of the committed run"},
    {.key = "rule", .kind = ALMI_F64, AT(alm_ladder_shares, rule), .min = 0, .max = 1,
     .fallback = "0.1", .doc = "of the rule"},
};
const almi_section almi_shares_section = {
    "deployments.NAME.shares", "How much of `deadline_ms` each step may take, at most 1 in all. "
    "What a step leaves goes to the next ones.", SHARES, COUNT(SHARES)};

static const almi_key POLICY[] = {
    {.key = "applies_to", .kind = ALMI_CHOICE, AT(alm_policy_spec, subject), .choices = SUBJECTS,
     .required = true, .doc = "what is limited, per period of a node"},
    {.key = "nodes", LIST_AT(alm_policy_spec, nodes, node_count),
     .doc = "names of nodes, `*` stands for any text; default: all"},
    {.key = "levels", LIST_AT(alm_policy_spec, levels, level_count),
     .doc = "levels of the hierarchy, or `series`; default: `series`"},
    {.key = "where", OTHER, .doc = "map of series keys to a value or a list of values; default: "
                                   "all series"},
    {.key = "min", OTHER, .doc = "number: what is less becomes this"},
    {.key = "max", OTHER, .doc = "number: what is more becomes this"},
    {.key = "max_change", OTHER,
     .doc = "number above 0: by how much of the last committed mean a value may differ from it, "
            "so 0.5 allows half to one and a half of it; without one it limits nothing"},
};
const almi_section almi_policy_section = {
    "policies.NAME", "A hard limit on what `almanac serve` gives out, from whatever step it comes. "
    "An answer that was changed says so. All policies that match a node hold.",
    POLICY, COUNT(POLICY)};

/* ---- reading ---- */

static alm_err read_deployment(const alm_yaml *node, alm_arena *arena, alm_deployment_spec *out,
                               alm_error *error)
{
    ALM_TRY(almi_section_read(&almi_deployment_section, node, arena, out, error));
    ALM_TRY(almi_yaml_safe_key(node, &out->name, error));
    const alm_yaml *shares = alm_yaml_member(node, "shares");
    const alm_yaml empty = {.kind = ALM_YAML_MAP, .line = node->line, .column = node->column,
                            .file = node->file};
    return almi_section_read(&almi_shares_section, shares ? shares : &empty, arena, &out->shares,
                             error);
}

static alm_err read_limit(const alm_yaml *map, const char *key, bool *has, double *out,
                          alm_error *error)
{
    const alm_yaml *node = alm_yaml_member(map, key);
    *has = node != NULL;
    return node ? almi_yaml_double(node, out, error) : ALM_OK;
}

static alm_err read_policy(const alm_yaml *node, alm_arena *arena, alm_policy_spec *out,
                           alm_error *error)
{
    ALM_TRY(almi_section_read(&almi_policy_section, node, arena, out, error));
    ALM_TRY(almi_yaml_safe_key(node, &out->name, error));
    ALM_TRY(read_limit(node, "min", &out->has_min, &out->min, error));
    ALM_TRY(read_limit(node, "max", &out->has_max, &out->max, error));
    ALM_TRY(read_limit(node, "max_change", &out->has_max_change, &out->max_change, error));
    const alm_yaml *where = alm_yaml_member(node, "where");
    if (!where) {
        return ALM_OK;
    }
    ALM_TRY(almi_yaml_expect(where, ALM_YAML_MAP, "where", error));
    alm_policy_key *keys = ALM_NEW_ARRAY(arena, alm_policy_key, where->count);
    for (size_t i = 0; i < where->count; i++) {
        keys[i].key = where->child[i].key;
        ALM_TRY(almi_yaml_texts(&where->child[i], arena, &keys[i].values, &keys[i].value_count,
                                error));
    }
    out->where = keys;
    out->where_count = where->count;
    return ALM_OK;
}

/* What follows from the schedule; one that is not there is found by the check. */
static void complete(const alm_project *project, alm_deployment_spec *deployment)
{
    const alm_schedule_spec *schedule = alm_project_schedule(project, deployment->schedule);
    if (schedule && deployment->model.size == 0) {
        deployment->model = schedule->model;
    }
    if (schedule && deployment->release.size == 0) {
        deployment->release = schedule->alias;
    }
}

static bool has_route(const alm_deployment_spec *deployments, size_t count,
                      const alm_schedule_spec *schedule)
{
    for (size_t i = 0; i < count; i++) {
        if (alm_str_equal(deployments[i].schedule, schedule->name) ||
            alm_str_equal(deployments[i].name, schedule->name)) {
            return true;
        }
    }
    return false;
}

static alm_err derive_route(const alm_schedule_spec *schedule, alm_arena *arena,
                            alm_deployment_spec *out, alm_error *error)
{
    const alm_yaml empty = {.kind = ALM_YAML_MAP, .key = schedule->name, .file = "default"};
    ALM_TRY(read_deployment(&empty, arena, out, error));
    out->schedule = schedule->name;
    out->is_derived = true;
    return ALM_OK;
}

static alm_err read_deployments(const alm_yaml *node, alm_project *project, alm_error *error)
{
    size_t given = 0;
    if (node && !almi_yaml_is_empty(node)) {
        ALM_TRY(almi_yaml_expect(node, ALM_YAML_MAP, "deployments", error));
        given = node->count;
    }
    alm_deployment_spec *all = ALM_NEW_ARRAY(project->arena, alm_deployment_spec,
                                             given + project->schedule_count);
    for (size_t i = 0; i < given; i++) {
        ALM_TRY(read_deployment(&node->child[i], project->arena, &all[i], error));
    }
    size_t count = given;
    for (size_t i = 0; i < project->schedule_count; i++) {
        if (!has_route(all, given, &project->schedules[i])) {
            ALM_TRY(derive_route(&project->schedules[i], project->arena, &all[count++], error));
        }
    }
    for (size_t i = 0; i < count; i++) {
        complete(project, &all[i]);
    }
    project->deployments = all;
    project->deployment_count = count;
    return ALM_OK;
}

static alm_err read_policies(const alm_yaml *node, alm_project *project, alm_error *error)
{
    if (!node || almi_yaml_is_empty(node)) {
        return ALM_OK;
    }
    ALM_TRY(almi_yaml_expect(node, ALM_YAML_MAP, "policies", error));
    alm_policy_spec *all = ALM_NEW_ARRAY(project->arena, alm_policy_spec, node->count);
    for (size_t i = 0; i < node->count; i++) {
        ALM_TRY(read_policy(&node->child[i], project->arena, &all[i], error));
    }
    project->policies = all;
    project->policy_count = node->count;
    return ALM_OK;
}

alm_err almi_deployments_parse(const alm_yaml *root, alm_project *project, alm_error *error)
{
    ALM_TRY(read_deployments(alm_yaml_member(root, "deployments"), project, error));
    return read_policies(alm_yaml_member(root, "policies"), project, error);
}

/* ---- checks ---- */

static alm_err check_runs(const checker *c, const alm_deployment_spec *d)
{
    const alm_project *p = c->project;
    const char *route = d->name.data;
    const char *names[64];
    size_t count = 0;
    const alm_yaml *map = find(c, "deployments", route, NULL, NULL);
    bool has_model = alm_yaml_member(map, "model") != NULL;
    if (d->schedule.size > 0 && has_model) {
        return alm_yaml_fail(find(c, "deployments", route, "model", NULL), c->error,
                             ALM_ERR_CONFIG, "a route answers from the runs of a schedule or of a "
                             "model: keep one of both keys");
    }
    if (d->schedule.size > 0) {
        for (size_t i = 0; i < p->schedule_count && count < 64; i++) {
            names[count++] = p->schedules[i].name.data;
        }
        return alm_project_schedule(p, d->schedule)
                   ? ALM_OK : fail_dangling(c, find(c, "deployments", route, "schedule", NULL),
                                            "there is no schedule", d->schedule, names, count);
    }
    if (!has_model) {
        return alm_yaml_fail(map, c->error, ALM_ERR_CONFIG,
                             "deployments.NAME needs the key schedule (or model)");
    }
    for (size_t i = 0; i < p->model_count && count < 64; i++) {
        names[count++] = p->models[i].name.data;
    }
    if (!alm_project_model(p, d->model)) {
        return fail_dangling(c, find(c, "deployments", route, "model", NULL), "there is no model",
                             d->model, names, count);
    }
    return d->release.size > 0
               ? ALM_OK : alm_yaml_fail(map, c->error, ALM_ERR_CONFIG,
                                        "with model, deployments.NAME needs the key release");
}

static alm_err check_deployment(const checker *c, const alm_deployment_spec *d)
{
    const char *route = d->name.data;
    ALM_TRY(check_runs(c, d));
    if (alm_str_is(d->release, "latest")) {
        return alm_yaml_fail(find(c, "deployments", route, "release", NULL), c->error,
                             ALM_ERR_CONFIG, "there is no 'latest': name an alias such as "
                             "production, or a model version");
    }
    const alm_yaml *purposes = find(c, "deployments", route, "purposes", NULL);
    for (size_t i = 0; i < d->purpose_count; i++) {
        if (!alm_str_is_safe_name(d->purposes[i])) {
            return alm_yaml_fail(item(purposes, i), c->error, ALM_ERR_CONFIG,
                                 "purpose " ALM_STR_FMT " may have only letters, digits, '.', '_' "
                                 "and '-'", ALM_STR_ARG(d->purposes[i]));
        }
    }
    const alm_ladder_shares *s = &d->shares;
    if (s->model + s->previous + s->batch + s->rule > 1 + 1e-9) { /* .1 + .2 + .7 is 1 */
        return alm_yaml_fail(find(c, "deployments", route, "shares", NULL), c->error,
                             ALM_ERR_CONFIG, "the shares of the deadline are more than 1 in all");
    }
    return ALM_OK;
}

static alm_err check_levels(const checker *c, const alm_policy_spec *policy)
{
    const alm_project *p = c->project;
    const char *names[64] = {"series"};
    size_t count = 1;
    for (size_t i = 0; i < p->level_count && count < 64; i++) {
        names[count++] = p->levels[i].name.data;
    }
    const alm_yaml *levels = find(c, "policies", policy->name.data, "levels", NULL);
    for (size_t i = 0; i < policy->level_count; i++) {
        bool known = alm_str_is(policy->levels[i], "series");
        for (size_t k = 0; k < p->level_count; k++) {
            known = known || alm_str_equal(policy->levels[i], p->levels[k].name);
        }
        if (!known) {
            return fail_dangling(c, item(levels, i), "there is no level", policy->levels[i], names,
                                 count);
        }
    }
    return ALM_OK;
}

static alm_err check_where(const checker *c, const alm_policy_spec *policy)
{
    const alm_series_spec *series = &c->project->series;
    const alm_yaml *where = find(c, "policies", policy->name.data, "where", NULL);
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < series->key_count && count < 64; i++) {
        names[count++] = series->keys[i].data;
    }
    for (size_t i = 0; i < policy->where_count; i++) {
        if (!contains(series->keys, series->key_count, policy->where[i].key)) {
            return fail_dangling(c, &where->child[i], "there is no series key",
                                 policy->where[i].key, names, count);
        }
    }
    if (policy->where_count > 0 && policy->level_count > 0) {
        return alm_yaml_fail(where, c->error, ALM_ERR_CONFIG,
                             "series keys choose series: leave `levels` out");
    }
    return ALM_OK;
}

static alm_err check_limits(const checker *c, const alm_policy_spec *policy)
{
    const char *name = policy->name.data;
    const alm_yaml *map = find(c, "policies", name, NULL, NULL);
    if (!policy->has_min && !policy->has_max && !policy->has_max_change) {
        return alm_yaml_fail(map, c->error, ALM_ERR_CONFIG,
                             "policies.NAME needs one of min, max and max_change");
    }
    if (policy->has_min && policy->has_max && policy->min > policy->max) {
        return alm_yaml_fail(find(c, "policies", name, "min", NULL), c->error, ALM_ERR_CONFIG,
                             "min is above max");
    }
    if (policy->has_max_change && policy->max_change <= 0) {
        return alm_yaml_fail(find(c, "policies", name, "max_change", NULL), c->error,
                             ALM_ERR_CONFIG, "max_change must be above 0");
    }
    return ALM_OK;
}

static alm_err check_policy(const checker *c, const alm_policy_spec *policy)
{
    const alm_yaml *nodes = find(c, "policies", policy->name.data, "nodes", NULL);
    for (size_t i = 0; i < policy->node_count; i++) {
        if (policy->nodes[i].size > ALM_POLICY_PATTERN_BYTES_MAX) {
            return alm_yaml_fail(item(nodes, i), c->error, ALM_ERR_CONFIG,
                                 "a pattern has at most %d bytes", ALM_POLICY_PATTERN_BYTES_MAX);
        }
    }
    ALM_TRY(check_levels(c, policy));
    ALM_TRY(check_where(c, policy));
    return check_limits(c, policy);
}

alm_err almi_check_deployments(const checker *c)
{
    const alm_project *p = c->project;
    for (size_t i = 0; i < p->deployment_count; i++) {
        if (!p->deployments[i].is_derived) {
            ALM_TRY(check_deployment(c, &p->deployments[i]));
        }
    }
    for (size_t i = 0; i < p->policy_count; i++) {
        ALM_TRY(check_policy(c, &p->policies[i]));
    }
    return ALM_OK;
}

alm_err almi_check_no_deployments(const checker *c)
{
    static const char *const KEYS[] = {"deployments", "policies"};
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        const alm_yaml *node = alm_yaml_member(c->root, KEYS[i]);
        if (node && !almi_yaml_is_empty(node)) {
            return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                                 "%s belongs to a project with series: leave it empty", KEYS[i]);
        }
    }
    return ALM_OK;
}
