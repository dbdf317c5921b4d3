/* signal_parse.c: the sections `bars` and `signals` of almanac.yaml. */
#include "project/project_schema.h"

#include <string.h>

#define MEMBERS_MAX 16
#define HORIZON_MAX ALM_BARS_WINDOW_MAX

/* What `bars` has without `features`: docs/project-file.md lists them. A change would change what
 * files that are there mean. */
static const char *const FEATURES[] = {
    "return(close, 1)",   "return(close, 5)",      "return(close, 20)",
    "zscore(close, 20)",  "volatility(close, 20)", "rsi(close, 14)",
    "williams_r(14)",     "cci(20)",               "macd(close, 12, 26, 9).histogram",
    "adx(14)",            "bollinger(close, 20, 2).percent_b",
    "bollinger(close, 20, 2).width",
};

/* ---- bars ---- */

static bool digits(const char *text, int32_t below, int32_t *out)
{
    bool ok = text[0] >= '0' && text[0] <= '9' && text[1] >= '0' && text[1] <= '9';
    *out = ok ? (text[0] - '0') * 10 + (text[1] - '0') : 0;
    return ok && *out < below;
}

static alm_err read_session(const alm_yaml *map, alm_str text, int32_t *out, alm_error *error)
{
    const alm_yaml *node = alm_yaml_member(map, "session_open");
    int32_t hour = 0;
    int32_t minute = 0;
    if (text.size != 5 || text.data[2] != ':' || !digits(text.data, 24, &hour) ||
        !digits(text.data + 3, 60, &minute)) {
        return alm_yaml_fail(node ? node : map, error, ALM_ERR_CONFIG,
                             "session_open must be HH:MM, 00:00 to 23:59, not " ALM_STR_FMT,
                             ALM_STR_ARG(text));
    }
    *out = hour * 60 + minute;
    return ALM_OK;
}

static void default_features(alm_arena *arena, alm_bars_spec *bars)
{
    size_t count = sizeof(FEATURES) / sizeof(FEATURES[0]);
    alm_str *features = ALM_NEW_ARRAY(arena, alm_str, count);
    for (size_t i = 0; i < count; i++) {
        features[i] = alm_str_of(FEATURES[i]);
    }
    bars->features = features;
    bars->feature_count = count;
}

static alm_err read_bars(const alm_yaml *node, alm_project *project, alm_error *error)
{
    almi_bars_entry entry = {0};
    ALM_TRY(almi_section_read(&almi_bars_section, node, project->arena, &entry, error));
    alm_bars_spec *bars = &entry.spec;
    ALM_TRY(read_session(node, entry.session_open, &bars->session_open_minutes, error));
    if (!alm_yaml_member(node, "features")) {
        default_features(project->arena, bars);
    }
    /* What follows from the source; one that is not there is found by the check. */
    const alm_source *source = alm_project_source(project, bars->source);
    if (source && bars->symbol.size == 0 && source->key_count == 1) {
        bars->symbol = source->keys[0];
    }
    if (source && bars->volume.size == 0 && alm_source_find_column(source, ALM_STR("volume"))) {
        bars->volume = ALM_STR("volume");
    }
    project->bars = *bars;
    return ALM_OK;
}

/* ---- signals ---- */

static alm_err read_horizons(const alm_yaml *node, alm_signal_spec *signal, alm_error *error)
{
    ALM_TRY(almi_yaml_expect(node, ALM_YAML_LIST, "horizons", error));
    if (node->count == 0 || node->count > ALM_SIGNAL_HORIZONS_MAX) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "horizons needs 1 to %d values, not %zu",
                             ALM_SIGNAL_HORIZONS_MAX, node->count);
    }
    int64_t before = 0;
    for (size_t i = 0; i < node->count; i++) {
        int64_t value = 0;
        ALM_TRY(almi_yaml_i64(&node->child[i], &value, error));
        if (value <= before || value > HORIZON_MAX) {
            return alm_yaml_fail(&node->child[i], error, ALM_ERR_CONFIG,
                                 "horizons must rise from 1 bar to at most %d", HORIZON_MAX);
        }
        signal->horizon[i] = (int32_t)value;
        before = value;
    }
    signal->horizon_count = node->count;
    return ALM_OK;
}

/* The learner decides which keys there are; one that is not known is named by any section. */
static const almi_section *section_of(const alm_yaml *node)
{
    const alm_yaml *learner =
        node->kind == ALM_YAML_MAP ? alm_yaml_member(node, "learner") : NULL;
    alm_str name = learner && learner->kind == ALM_YAML_SCALAR ? learner->scalar : ALM_STR("");
    return alm_str_is(name, "xgboost")                                 ? &almi_xgboost_section
           : alm_str_is(name, "lstm") || alm_str_is(name, "gru") ||
                   alm_str_is(name, "tcn")                             ? &almi_net_section
                                                                       : &almi_lightgbm_section;
}

static alm_err read_members(const alm_yaml *node, alm_arena *arena, alm_signal_spec *signal,
                            alm_error *error)
{
    ALM_TRY(almi_yaml_expect(node, ALM_YAML_MAP, "members", error));
    if (node->count == 0 || node->count > MEMBERS_MAX) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "members needs 1 to %d models, not %zu",
                             MEMBERS_MAX, node->count);
    }
    alm_signal_member_spec *members = ALM_NEW_ARRAY(arena, alm_signal_member_spec, node->count);
    for (size_t i = 0; i < node->count; i++) {
        const alm_yaml *child = &node->child[i];
        ALM_TRY(almi_section_read(section_of(child), child, arena, &members[i], error));
        ALM_TRY(almi_yaml_safe_key(child, &members[i].name, error));
    }
    signal->members = members;
    signal->member_count = node->count;
    return ALM_OK;
}

static alm_err read_signal(const alm_yaml *node, alm_arena *arena, alm_signal_spec *signal,
                           alm_error *error)
{
    ALM_TRY(almi_section_read(&almi_signal_section, node, arena, signal, error));
    ALM_TRY(almi_yaml_safe_key(node, &signal->name, error));
    ALM_TRY(read_horizons(alm_yaml_member(node, "horizons"), signal, error));
    ALM_TRY(read_members(alm_yaml_member(node, "members"), arena, signal, error));
    if (alm_str_is(signal->scale, "none")) {
        signal->scale = ALM_STR("");
    }
    if (!alm_yaml_member(node, "combination")) {
        signal->combination = signal->member_count == 1 ? ALM_SIGNAL_ONE : ALM_SIGNAL_STACKED;
    }
    return ALM_OK;
}

alm_err almi_bars_parse(const alm_yaml *root, alm_project *project, alm_error *error)
{
    const alm_yaml *bars = alm_yaml_member(root, "bars");
    const alm_yaml *signals = alm_yaml_member(root, "signals");
    if (bars && !almi_yaml_is_empty(bars)) {
        ALM_TRY(read_bars(bars, project, error));
    }
    if (!signals || almi_yaml_is_empty(signals)) {
        return ALM_OK;
    }
    ALM_TRY(almi_yaml_expect(signals, ALM_YAML_MAP, "signals", error));
    alm_signal_spec *entries = ALM_NEW_ARRAY(project->arena, alm_signal_spec, signals->count);
    for (size_t i = 0; i < signals->count; i++) {
        ALM_TRY(read_signal(&signals->child[i], project->arena, &entries[i], error));
    }
    project->signals = entries;
    project->signal_count = signals->count;
    return ALM_OK;
}
