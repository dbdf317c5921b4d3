#include "train/signal/signal_figures.h"

#include "base/json.h"

#include <string.h>

#define LAYOUT_KEY "almanac_signal_report"
#define LAYOUT 1

static alm_err keep(const alm_json *object, const char *key, alm_arena *arena, alm_str *out,
                    alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_str(object, key, &text, error));
    *out = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    return ALM_OK;
}

static alm_err get_list(const alm_json *object, const char *key, size_t limit,
                        const alm_json **out, alm_error *error)
{
    ALM_TRY(alm_json_get(object, key, ALM_JSON_ARRAY, out, error));
    return alm_json_count(*out) <= limit
               ? ALM_OK
               : alm_fail(error, ALM_ERR_INVALID, "%s has %zu items, at most %zu are known", key,
                          alm_json_count(*out), limit);
}

/* ---- one predictor ---- */

static alm_err read_confusion(const alm_json *object, size_t classes, alm_signal_score *out,
                              alm_error *error)
{
    const alm_json *rows = NULL;
    ALM_TRY(get_list(object, "confusion", classes, &rows, error));
    for (size_t i = 0; i < classes; i++) {
        const alm_json *row = alm_json_at(rows, i);
        for (size_t k = 0; k < classes; k++) {
            const alm_json *cell = row ? alm_json_at(row, k) : NULL;
            if (!cell || !alm_json_as_i64(cell, &out->confusion[i][k])) {
                return alm_fail(error, ALM_ERR_INVALID, "confusion is no table of %zu classes",
                                classes);
            }
        }
    }
    return ALM_OK;
}

static alm_err read_bins(const alm_json *object, alm_arena *arena, alm_signal_score *out,
                         alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(get_list(object, "reliability", ALM_SIGNAL_BINS_MAX, &list, error));
    size_t count = alm_json_count(list);
    alm_signal_bin *bins = ALM_NEW_ARRAY(arena, alm_signal_bin, count);
    for (size_t i = 0; i < count; i++) {
        const alm_json *bin = alm_json_at(list, i);
        ALM_TRY(alm_json_get_i64(bin, "count", &bins[i].count, error));
        ALM_TRY(alm_json_get_double(bin, "probability", &bins[i].probability, error));
        ALM_TRY(alm_json_get_double(bin, "frequency", &bins[i].frequency, error));
    }
    out->bin = bins;
    out->bin_count = count;
    return ALM_OK;
}

static alm_err read_score(const alm_json *object, size_t classes, alm_arena *arena,
                          alm_signal_score *out, alm_error *error)
{
    if (!object || alm_json_kind_of(object) != ALM_JSON_OBJECT) {
        return alm_fail(error, ALM_ERR_INVALID, "figures are missing");
    }
    ALM_TRY(alm_json_get_double(object, "accuracy", &out->accuracy, error));
    ALM_TRY(alm_json_get_double(object, "brier", &out->brier, error));
    ALM_TRY(alm_json_get_double(object, "ece", &out->ece, error));
    ALM_TRY(alm_json_get_double(object, "log_loss", &out->log_loss, error));
    ALM_TRY(read_confusion(object, classes, out, error));
    return read_bins(object, arena, out, error);
}

static alm_err read_named(const alm_json *horizon, const char *key, alm_arena *arena,
                          size_t classes, alm_signal_score *out, alm_error *error)
{
    out->name = alm_str_of(key);
    alm_err code = read_score(alm_json_member(horizon, key), classes, arena, out, error);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "%s", key);
}

static alm_err read_members(const alm_json *horizon, alm_arena *arena,
                            alm_signal_horizon_figures *out, alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(get_list(horizon, "members", 1024, &list, error));
    out->member_count = alm_json_count(list);
    alm_signal_score *members = ALM_NEW_ARRAY(arena, alm_signal_score, out->member_count);
    for (size_t i = 0; i < out->member_count; i++) {
        const alm_json *item = alm_json_at(list, i);
        ALM_TRY(read_score(item, out->class_count, arena, &members[i], error));
        ALM_TRY(keep(item, "name", arena, &members[i].name, error));
    }
    out->member = members;
    return ALM_OK;
}

/* ---- one horizon ---- */

static alm_err read_classes(const alm_json *horizon, alm_signal_horizon_figures *out,
                            alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(get_list(horizon, "classes", ALM_SIGNAL_CLASSES_MAX, &list, error));
    out->class_count = alm_json_count(list);
    for (size_t i = 0; i < out->class_count; i++) {
        const alm_json *item = alm_json_at(list, i);
        ALM_TRY(alm_json_get_i64(item, "label", &out->label[i], error));
        ALM_TRY(alm_json_get_i64(item, "train", &out->train_count[i], error));
        ALM_TRY(alm_json_get_i64(item, "test", &out->test_count[i], error));
    }
    return ALM_OK;
}

static alm_err read_window(const alm_json *horizon, const char *key, alm_arena *arena,
                           alm_signal_window *out, alm_error *error)
{
    const alm_json *window = NULL;
    ALM_TRY(alm_json_get(horizon, key, ALM_JSON_OBJECT, &window, error));
    ALM_TRY(keep(window, "first", arena, &out->first, error));
    ALM_TRY(keep(window, "last", arena, &out->last, error));
    return alm_json_get_i64(window, "samples", &out->samples, error);
}

static alm_err read_side(const alm_json *h, alm_signal_horizon_figures *out, alm_error *error)
{
    alm_str finding;
    const alm_json *side = alm_json_member(h, "side");
    out->has_side = side && alm_json_kind_of(side) != ALM_JSON_NULL;
    if (!out->has_side) {
        return ALM_OK;
    }
    ALM_TRY(alm_json_get_str(side, "finding", &finding, error));
    out->knows_side = alm_str_is(finding, "better");
    ALM_TRY(alm_json_get_double(side, "log_loss", &out->side_log_loss, error));
    ALM_TRY(alm_json_get_double(side, "prior_log_loss", &out->side_prior_log_loss, error));
    return alm_json_get_i64(side, "samples", &out->side_samples, error);
}

static alm_err read_horizon(const alm_json *h, alm_arena *arena, alm_signal_horizon_figures *out,
                            alm_error *error)
{
    int64_t bars = 0;
    const alm_json *logistic = alm_json_member(h, "logistic");
    ALM_TRY(alm_json_get_i64(h, "bars", &bars, error));
    out->bars = (int32_t)bars;
    ALM_TRY(read_classes(h, out, error));
    size_t classes = out->class_count;
    ALM_TRY(read_named(h, "answer", arena, classes, &out->answer, error));
    ALM_TRY(read_named(h, "prior", arena, classes, &out->prior, error));
    out->has_logistic = logistic && alm_json_kind_of(logistic) != ALM_JSON_NULL;
    if (out->has_logistic) {
        ALM_TRY(read_named(h, "logistic", arena, classes, &out->logistic, error));
    }
    ALM_TRY(read_members(h, arena, out, error));
    ALM_TRY(read_side(h, out, error));
    ALM_TRY(alm_json_get_i64(h, "purged", &out->purged, error));
    ALM_TRY(read_window(h, "train", arena, &out->train, error));
    ALM_TRY(read_window(h, "test", arena, &out->test, error));
    ALM_TRY(keep(h, "verdict", arena, &out->verdict, error));
    return alm_json_get_bool(h, "edge", &out->edge, error);
}

/* ---- all of it ---- */

static alm_err read_horizons(const alm_json *root, alm_arena *arena, alm_signal_figures *out,
                             alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(get_list(root, "horizons", 256, &list, error));
    out->horizon_count = alm_json_count(list);
    alm_signal_horizon_figures *horizons =
        ALM_NEW_ARRAY(arena, alm_signal_horizon_figures, out->horizon_count);
    for (size_t i = 0; i < out->horizon_count; i++) {
        alm_err code = read_horizon(alm_json_at(list, i), arena, &horizons[i], error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "horizons[%zu]", i);
        }
    }
    out->horizon = horizons;
    return ALM_OK;
}

static alm_err read_symbols(const alm_json *root, alm_arena *arena, alm_signal_figures *out,
                            alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(alm_json_get(root, "symbols", ALM_JSON_ARRAY, &list, error));
    out->symbol_count = alm_json_count(list);
    alm_signal_symbol_figures *symbols =
        ALM_NEW_ARRAY(arena, alm_signal_symbol_figures, out->symbol_count);
    for (size_t i = 0; i < out->symbol_count; i++) {
        const alm_json *item = alm_json_at(list, i);
        ALM_TRY(keep(item, "name", arena, &symbols[i].name, error));
        ALM_TRY(alm_json_get_i64(item, "bars", &symbols[i].bars, error));
        symbols[i].first = ALM_STR("");
        symbols[i].last = ALM_STR("");
        if (alm_json_member(item, "first")) {
            ALM_TRY(keep(item, "first", arena, &symbols[i].first, error));
            ALM_TRY(keep(item, "last", arena, &symbols[i].last, error));
        }
    }
    out->symbol = symbols;
    return ALM_OK;
}

static alm_err read_root(const alm_json *root, alm_arena *arena, alm_signal_figures *out,
                         alm_error *error)
{
    int64_t layout = 0;
    ALM_TRY(alm_json_get_i64(root, LAYOUT_KEY, &layout, error));
    if (layout != LAYOUT) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "this engine reads reports of signals of "
                        "layout %d, not %lld", LAYOUT, (long long)layout);
    }
    ALM_TRY(keep(root, "name", arena, &out->name, error));
    ALM_TRY(keep(root, "cut", arena, &out->cut, error));
    ALM_TRY(alm_json_get_i64(root, "folds", &out->folds, error));
    ALM_TRY(alm_json_get_i64(root, "embargo", &out->embargo, error));
    ALM_TRY(alm_json_get_double(root, "test_share", &out->test_share, error));
    ALM_TRY(read_horizons(root, arena, out, error));
    return read_symbols(root, arena, out, error);
}

alm_err alm_signal_figures_read(alm_str report, alm_arena *arena, alm_signal_figures *out,
                                alm_error *error)
{
    alm_signal_figures figures = {0};
    alm_json_document *document = NULL;
    alm_err code = alm_json_parse(report, "report.json", &document, error);
    if (code == ALM_OK) {
        code = read_root(alm_json_root(document), arena, &figures, error);
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code == ALM_ERR_INVALID ? ALM_ERR_CORRUPT : code,
                              "report.json of a signal");
    }
    *out = figures;
    return ALM_OK;
}

bool alm_signal_figures_are(alm_str report)
{
    alm_json_document *document = NULL;
    bool are = alm_json_parse(report, "report.json", &document, NULL) == ALM_OK &&
               alm_json_member(alm_json_root(document), LAYOUT_KEY) != NULL;
    alm_json_document_destroy(document);
    return are;
}

/* ---- the same test ---- */

static bool same_symbols(const alm_signal_figures *a, const alm_signal_figures *b)
{
    bool same = a->symbol_count == b->symbol_count;
    for (size_t i = 0; same && i < a->symbol_count; i++) {
        same = alm_str_equal(a->symbol[i].name, b->symbol[i].name);
    }
    return same;
}

static bool same_classes(const alm_signal_horizon_figures *a, const alm_signal_horizon_figures *b)
{
    bool same = a->class_count == b->class_count;
    for (size_t i = 0; same && i < a->class_count; i++) {
        same = a->label[i] == b->label[i] && a->test_count[i] == b->test_count[i];
    }
    return same;
}

bool alm_signal_tests_are_same(const alm_signal_figures *a, size_t i, const alm_signal_figures *b,
                               size_t k)
{
    const alm_signal_horizon_figures *one = &a->horizon[i], *other = &b->horizon[k];
    return one->bars == other->bars && alm_str_equal(one->test.first, other->test.first) &&
           alm_str_equal(one->test.last, other->test.last) &&
           one->test.samples == other->test.samples && same_classes(one, other) &&
           same_symbols(a, b);
}
