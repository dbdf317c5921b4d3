#include "pipeline/reconcile_rule.h"

#include <math.h>

int alm_reconcile_node_compare(const alm_reconcile_node *a, const alm_reconcile_node *b)
{
    int order = alm_str_compare(a->level, b->level);
    return order ? order : alm_str_compare(a->name, b->name);
}

size_t alm_reconcile_rule_find(const alm_reconcile_rule *rule, const alm_reconcile_node *node)
{
    size_t low = 0;
    size_t high = rule->node_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = alm_reconcile_node_compare(&rule->nodes[middle], node);
        if (order == 0) {
            return middle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return SIZE_MAX;
}

void alm_reconcile_rule_write(const alm_reconcile_rule *rule, alm_buffer *out)
{
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    alm_json_put_i64(&w, "errors", (int64_t)rule->errors);
    if (rule->factor_count > 0) {
        alm_json_put_doubles(&w, "factor", rule->factor, rule->node_count * rule->factor_count);
    }
    alm_json_put_i64(&w, "factors", (int64_t)rule->factor_count);
    alm_json_put_i64(&w, "format", ALM_RECONCILE_RULE_FORMAT);
    alm_json_put_str(&w, "from", rule->from);
    if (!isnan(rule->intensity)) {
        alm_json_put_double(&w, "intensity", rule->intensity);
    }
    alm_json_put_text(&w, "method", alm_reconcile_method_name(rule->method));
    alm_json_key(&w, "nodes");
    alm_json_open_array(&w);
    for (size_t i = 0; i < rule->node_count; i++) {
        alm_json_open_array(&w);
        alm_json_str(&w, rule->nodes[i].level);
        alm_json_str(&w, rule->nodes[i].name);
        alm_json_close_array(&w);
    }
    alm_json_close_array(&w);
    alm_json_put_doubles(&w, "variance", rule->variance, rule->node_count);
    alm_json_close_object(&w);
}

static alm_str copy(alm_str text, alm_arena *arena)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static alm_err read_nodes(const alm_json *root, alm_arena *arena, alm_reconcile_rule *rule,
                          alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(alm_json_get(root, "nodes", ALM_JSON_ARRAY, &list, error));
    size_t count = alm_json_count(list);
    if (count > ALM_RECONCILE_NUMBERS_MAX) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`nodes` has %zu, more than %zu", count,
                        ALM_RECONCILE_NUMBERS_MAX);
    }
    alm_reconcile_node *nodes = NULL;
    ALM_TRY(alm_arena_try_array(arena, count, sizeof *nodes, &nodes, error));
    for (size_t i = 0; i < count; i++) {
        const alm_json *pair = alm_json_at(list, i);
        alm_str level;
        alm_str name;
        bool fine = alm_json_kind_of(pair) == ALM_JSON_ARRAY && alm_json_count(pair) == 2 &&
                    alm_json_as_str(alm_json_at(pair, 0), &level) &&
                    alm_json_as_str(alm_json_at(pair, 1), &name);
        if (!fine) {
            return alm_fail(error, ALM_ERR_CORRUPT, "`nodes` number %zu is no pair of level and "
                            "name", i + 1);
        }
        nodes[i] = (alm_reconcile_node){copy(level, arena), copy(name, arena)};
        if (i > 0 && alm_reconcile_node_compare(&nodes[i - 1], &nodes[i]) >= 0) {
            return alm_fail(error, ALM_ERR_CORRUPT, "`nodes` number %zu is out of order", i + 1);
        }
    }
    rule->nodes = nodes;
    rule->node_count = count;
    return ALM_OK;
}

/* `count` finite numbers. */
static alm_err read_numbers(const alm_json *root, const char *key, size_t count, alm_arena *arena,
                            double **out, alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(alm_json_get(root, key, ALM_JSON_ARRAY, &list, error));
    if (alm_json_count(list) != count) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`%s` has %zu numbers, not %zu", key,
                        alm_json_count(list), count);
    }
    ALM_TRY(alm_arena_try_array(arena, count, sizeof(double), out, error));
    for (size_t i = 0; i < count; i++) {
        if (!alm_json_as_double(alm_json_at(list, i), &(*out)[i]) || !isfinite((*out)[i])) {
            return alm_fail(error, ALM_ERR_CORRUPT, "`%s` number %zu is not a number", key, i + 1);
        }
    }
    return ALM_OK;
}

static alm_err read_weights(const alm_json *root, alm_arena *arena, alm_reconcile_rule *rule,
                            alm_error *error)
{
    int64_t errors = 0;
    int64_t factors = 0;
    ALM_TRY(alm_json_get_i64(root, "errors", &errors, error));
    ALM_TRY(alm_json_get_i64(root, "factors", &factors, error));
    ALM_TRY(read_nodes(root, arena, rule, error));
    bool learned = alm_reconcile_learns(rule->method);
    bool sane = learned == (rule->node_count > 0) && learned == (errors > 0) &&
                errors <= INT32_MAX && factors >= 0 &&
                (size_t)factors <= ALM_RECONCILE_FACTORS_MAX &&
                (factors == 0 || rule->method == ALM_RECONCILE_MINT_SHRINK) &&
                rule->node_count * (1 + (size_t)factors) <= ALM_RECONCILE_NUMBERS_MAX;
    if (!sane) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`errors`, `factors` and the number of `nodes` do "
                        "not go together with the method %s",
                        alm_reconcile_method_name(rule->method));
    }
    rule->errors = (size_t)errors;
    rule->factor_count = (size_t)factors;
    double *variance = NULL;
    ALM_TRY(read_numbers(root, "variance", rule->node_count, arena, &variance, error));
    for (size_t i = 0; i < rule->node_count; i++) {
        if (!(variance[i] >= 0)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "`variance` number %zu is below 0", i + 1);
        }
    }
    rule->variance = variance;
    if (rule->factor_count > 0) {
        double *factor = NULL;
        ALM_TRY(read_numbers(root, "factor", rule->node_count * rule->factor_count, arena, &factor,
                             error));
        rule->factor = factor;
    }
    return ALM_OK;
}

static alm_err read_rule(const alm_json *root, alm_arena *arena, alm_reconcile_rule *rule,
                         alm_error *error)
{
    int64_t format;
    alm_str method;
    alm_str from;
    ALM_TRY(alm_json_get_i64(root, "format", &format, error));
    ALM_TRY(alm_json_get_str(root, "method", &method, error));
    if (format != ALM_RECONCILE_RULE_FORMAT ||
        !alm_reconcile_method_parse(method, &rule->method) || rule->method == ALM_RECONCILE_ERM) {
        alm_str shown = {method.data, method.size < 60 ? method.size : 60};
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "it reconciles by " ALM_STR_FMT ", format "
                        "%lld, which this engine does not do; use the almanac that made it or a "
                        "newer one", ALM_STR_ARG(alm_str_visible(shown, arena)), (long long)format);
    }
    ALM_TRY(alm_json_check_keys(root, "errors factor? factors format from intensity? method nodes "
                                "variance", error));
    ALM_TRY(alm_json_get_str(root, "from", &from, error));
    if ((from.size > 0) != alm_reconcile_splits(rule->method)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`from` names a level with a top-down method only");
    }
    rule->from = copy(from, arena);
    rule->intensity = (double)NAN;
    if (alm_json_member(root, "intensity")) {
        ALM_TRY(alm_json_get_double(root, "intensity", &rule->intensity, error));
    }
    return read_weights(root, arena, rule, error);
}

alm_err alm_reconcile_rule_read(alm_str json, const char *name, alm_arena *arena,
                                alm_reconcile_rule *out, alm_error *error)
{
    alm_json_document *document = NULL;
    alm_reconcile_rule rule = {0};
    alm_err code = alm_json_parse(json, name, &document, error);
    if (code == ALM_OK) {
        code = read_rule(alm_json_root(document), arena, &rule, error);
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        code = code == ALM_ERR_INVALID ? ALM_ERR_CORRUPT : code;
        return alm_error_wrap(error, code, "%s", name);
    }
    *out = rule;
    return ALM_OK;
}
