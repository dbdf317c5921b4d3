/* signal_check.c: names of `bars` and `signals` that point nowhere, declarations that do not
 * compile, and what a project of bars cannot have. */
#include "project/project_checker.h"

#include <string.h>

#define NAMES_MAX 64

static bool is_there(const alm_yaml *node)
{
    return node && (node->kind == ALM_YAML_SCALAR ? node->scalar.size > 0 || node->quoted
                                                  : node->count > 0);
}

/* `series` or `bars`, and each only with its own sections. */
static alm_err check_kind(const checker *c)
{
    static const char *const OF_SERIES[] = {"hierarchy", "features", "models", "stock",
                                            "schedules"};
    const alm_yaml *series = alm_yaml_member(c->root, "series");
    const alm_yaml *bars = alm_yaml_member(c->root, "bars");
    const alm_yaml *signals = alm_yaml_member(c->root, "signals");
    if (is_there(series) && is_there(bars)) {
        return alm_yaml_fail(bars, c->error, ALM_ERR_CONFIG,
                             "a project has `series` (daily forecasts) or `bars` (signals), not "
                             "both: make two projects");
    }
    if (!is_there(series) && !is_there(bars)) {
        return alm_yaml_fail(c->root, c->error, ALM_ERR_CONFIG,
                             "almanac.yaml needs the key series (daily forecasts) or the key bars "
                             "(signals)");
    }
    if (is_there(series) && is_there(signals)) {
        return alm_yaml_fail(signals, c->error, ALM_ERR_CONFIG,
                             "signals are learned from `bars`; what is learned from `series` "
                             "stands in `models`");
    }
    for (size_t i = 0; is_there(bars) && i < sizeof(OF_SERIES) / sizeof(OF_SERIES[0]); i++) {
        const alm_yaml *node = alm_yaml_member(c->root, OF_SERIES[i]);
        if (is_there(node)) {
            return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                                 "%s belongs to a project of `series`; with `bars`, features stand "
                                 "in `bars.features` and models in `signals`", OF_SERIES[i]);
        }
    }
    return ALM_OK;
}

/* ---- bars ---- */

static alm_err check_symbol(const checker *c, const alm_source *source)
{
    const alm_bars_spec *b = &c->project->bars;
    const alm_yaml *node = find(c, "bars", "symbol", NULL, NULL);
    if (source->key_count != 1 || !alm_str_equal(source->keys[0], b->symbol)) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                             "symbol must be the one key of source " ALM_STR_FMT
                             ": declare `keys: [COLUMN]` there and name it here",
                             ALM_STR_ARG(source->name));
    }
    const alm_source_column *column = alm_source_find_column(source, b->symbol);
    return column->type == ALM_TYPE_TEXT
               ? ALM_OK
               : alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                               "symbol " ALM_STR_FMT " must be declared as text",
                               ALM_STR_ARG(b->symbol));
}

static alm_err check_source_of_bars(const checker *c, const alm_source **out)
{
    const alm_bars_spec *b = &c->project->bars;
    const alm_source *source = NULL;
    const alm_yaml *node = find(c, "bars", "source", NULL, NULL);
    ALM_TRY(need_source(c, node, b->source, &source));
    if (source->time.size == 0) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                             "source " ALM_STR_FMT " needs `time`: the column of the bars' stamps",
                             ALM_STR_ARG(source->name));
    }
    if (source->known_at.size || source->known_in_advance || source->duplicates) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                             "source " ALM_STR_FMT " has known_at, known_in_advance or duplicates: "
                             "sum; a bar is known when it has closed and there is one per symbol "
                             "and stamp", ALM_STR_ARG(source->name));
    }
    *out = source;
    return check_symbol(c, source);
}

static alm_err check_columns(const checker *c, const alm_source *source)
{
    const alm_bars_spec *b = &c->project->bars;
    const alm_str columns[] = {b->open, b->high, b->low, b->close, b->volume};
    static const char *const KEYS[] = {"open", "high", "low", "close", "volume"};
    for (size_t i = 0; i < 5; i++) {
        const alm_yaml *node = find(c, "bars", KEYS[i], NULL, NULL);
        if (columns[i].size == 0) {
            continue;
        }
        ALM_TRY(need_number(c, node, source, columns[i]));
        if (alm_source_find_column(source, columns[i])->type == ALM_TYPE_BOOL) {
            return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                                 "column " ALM_STR_FMT " must be f64 or i64",
                                 ALM_STR_ARG(columns[i]));
        }
    }
    return ALM_OK;
}

/* Which of several declarations is wrong, found by compiling each alone. */
static alm_err fail_declaration(const checker *c, const alm_yaml *list, const alm_error *why)
{
    const alm_bars_spec *b = &c->project->bars;
    for (size_t i = 0; i < b->feature_count; i++) {
        alm_bars_plan *plan = NULL;
        alm_error error = {0};
        if (alm_bars_plan_compile(&b->features[i], 1, NULL, &plan, &error) != ALM_OK) {
            return alm_yaml_fail(item(list, i), c->error, ALM_ERR_CONFIG, "%s", error.message);
        }
        alm_bars_plan_destroy(plan);
    }
    return alm_yaml_fail(list, c->error, ALM_ERR_CONFIG, "%s", why->message);
}

/* ---- signals ---- */

static alm_err check_scale(const checker *c, const alm_signal_spec *signal)
{
    const alm_yaml *node = find(c, "signals", signal->name.data, "scale", NULL);
    alm_bars_plan *plan = NULL;
    alm_error why = {0};
    if (signal->scale.size == 0) {
        return signal->loss <= 1
                   ? ALM_OK
                   : alm_yaml_fail(find(c, "signals", signal->name.data, "loss", NULL), c->error,
                                   ALM_ERR_CONFIG, "loss is a share of the close without a scale: "
                                   "at most 1, for example 0.02 for 2 %%");
    }
    if (alm_bars_plan_compile(&signal->scale, 1, NULL, &plan, &why) != ALM_OK) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG, "scale: %s", why.message);
    }
    size_t width = alm_bars_plan_width(plan);
    alm_bars_plan_destroy(plan);
    return width == 1 ? ALM_OK
                      : alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                                      "scale " ALM_STR_FMT " has %zu columns: name one with "
                                      ".output",
                                      ALM_STR_ARG(signal->scale), width);
}

static alm_err check_member(const checker *c, const alm_signal_spec *signal, size_t index,
                            const alm_bars_plan *plan)
{
    const alm_signal_member_spec *member = &signal->members[index];
    const alm_yaml *node = find(c, "signals", signal->name.data, "members", member->name.data);
    const alm_yaml *list = alm_yaml_member(node, "features");
    const char *names[NAMES_MAX];
    size_t width = alm_bars_plan_width(plan);
    size_t count = width < NAMES_MAX ? width : NAMES_MAX;
    for (size_t i = 0; i < count; i++) {
        names[i] = alm_bars_plan_name(plan, i);
    }
    for (size_t k = 0; k < member->feature_count; k++) {
        bool known = false;
        for (size_t i = 0; i < width && !known; i++) {
            known = alm_str_is(member->features[k], alm_bars_plan_name(plan, i));
        }
        if (!known) {
            return fail_dangling(c, item(list, k), "bars.features has no column",
                                 member->features[k], names, count);
        }
    }
    return ALM_OK;
}

static alm_err check_signal(const checker *c, const alm_signal_spec *signal,
                            const alm_bars_plan *plan)
{
    const char *name = signal->name.data;
    if (signal->combination == ALM_SIGNAL_ONE && signal->member_count > 1) {
        return alm_yaml_fail(find(c, "signals", name, "combination", NULL), c->error,
                             ALM_ERR_CONFIG, "combination: one is for a single member, there are "
                             "%zu", signal->member_count);
    }
    if (signal->combination == ALM_SIGNAL_STACKED && signal->stacker_l2 == 0) {
        return alm_yaml_fail(find(c, "signals", name, "stacker_l2", NULL), c->error,
                             ALM_ERR_CONFIG, "stacker_l2 must be above 0 where members are "
                             "stacked: their probabilities sum to 1, so nothing else says which "
                             "weights are meant");
    }
    if (signal->profit == 0 && signal->loss == 0) {
        return alm_yaml_fail(find(c, "signals", name, "profit", NULL), c->error, ALM_ERR_CONFIG,
                             "profit and loss are both 0: there would be one class only");
    }
    ALM_TRY(check_scale(c, signal));
    for (size_t i = 0; i < signal->member_count; i++) {
        ALM_TRY(check_member(c, signal, i, plan));
    }
    return ALM_OK;
}

alm_err almi_check_bars(const checker *c)
{
    const alm_project *p = c->project;
    const alm_source *source = NULL;
    ALM_TRY(check_kind(c));
    if (p->bars.source.size == 0) {
        return ALM_OK;
    }
    ALM_TRY(check_source_of_bars(c, &source));
    ALM_TRY(check_columns(c, source));
    alm_bars_plan *plan = NULL;
    alm_error why = {0};
    if (alm_project_bars_plan(p, &plan, &why) != ALM_OK) {
        return fail_declaration(c, find(c, "bars", "features", NULL, NULL), &why);
    }
    alm_err code = ALM_OK;
    for (size_t i = 0; i < p->signal_count && code == ALM_OK; i++) {
        code = check_signal(c, &p->signals[i], plan);
    }
    alm_bars_plan_destroy(plan);
    return code;
}
