#include "pipeline/series/method.h"

#include <math.h>

#include "base/json.h"
#include "num/elementary.h"

double alm_method_link(const alm_method *method, double score)
{
    return method->log_link ? alm_exp(score) : score > 0 ? score : 0;
}

static void put_array(alm_json_writer *writer, const char *key, const double *values, size_t count)
{
    if (key) {
        alm_json_key(writer, key);
    }
    alm_json_open_array(writer);
    for (size_t i = 0; i < count; i++) {
        alm_json_double(writer, values[i]);
    }
    alm_json_close_array(writer);
}

void alm_method_write(const alm_method *m, alm_buffer *out)
{
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    if (m->block_count == 1) { /* several blocks are younger than the format */
        alm_json_put_double(&w, "base_score", m->base_score[0]);
    } else {
        put_array(&w, "base_score", m->base_score, m->block_count);
    }
    put_array(&w, "bin_edge", m->bin_edge, ALM_SHAPE_BINS);
    alm_json_key(&w, "bin_shape");
    alm_json_open_array(&w);
    for (size_t b = 0; b < ALM_SHAPE_BINS; b++) {
        put_array(&w, NULL, m->bin_shape[b], ALM_SHAPE_LEVELS);
    }
    alm_json_close_array(&w);
    alm_json_put_bool(&w, "counts", m->counts);
    alm_json_put_i64(&w, "horizon", m->horizon);
    alm_json_put_bool(&w, "log_link", m->log_link);
    alm_json_put_i64(&w, "paths", m->paths);
    put_array(&w, "quantiles", m->quantile, m->quantile_count);
    put_array(&w, "remap_aggregates", m->remap[1], ALM_SHAPE_LEVELS);
    put_array(&w, "remap_leaves", m->remap[0], ALM_SHAPE_LEVELS);
    alm_json_put_i64(&w, "season", m->season);
    alm_json_put_i64(&w, "seed", (int64_t)m->seed);
    alm_json_put_i64(&w, "templates", m->templates);
    alm_json_key(&w, "weight");
    alm_json_open_object(&w);
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        alm_json_put_double(&w, alm_class_name((alm_class)c), m->weight[c]);
    }
    alm_json_close_object(&w);
    alm_json_close_object(&w);
}

/* Exactly `expected` numbers. */
static alm_err get_array(const alm_json *object, const char *key, size_t expected, double *out,
                         alm_error *error)
{
    const alm_json *array = NULL;
    ALM_TRY(alm_json_get(object, key, ALM_JSON_ARRAY, &array, error));
    if (alm_json_count(array) != expected) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`%s` has %zu numbers, not %zu", key,
                        alm_json_count(array), expected);
    }
    for (size_t i = 0; i < expected; i++) {
        if (!alm_json_as_double(alm_json_at(array, i), &out[i])) {
            return alm_fail(error, ALM_ERR_CORRUPT, "`%s` number %zu is not a number", key, i + 1);
        }
    }
    return ALM_OK;
}

static alm_err get_quantiles(const alm_json *object, alm_method *m, alm_error *error)
{
    const size_t room = sizeof m->quantile / sizeof m->quantile[0];
    size_t count = alm_json_count(alm_json_member(object, "quantiles"));
    if (count < 1 || count > room) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`quantiles` must have 1 to %zu numbers", room);
    }
    m->quantile_count = count;
    return get_array(object, "quantiles", count, m->quantile, error);
}

/* A number, or a list with one per horizon block. */
static alm_err get_base_scores(const alm_json *root, alm_method *m, alm_error *error)
{
    const alm_json *value = alm_json_member(root, "base_score");
    m->block_count = 1;
    if (!value || alm_json_kind_of(value) != ALM_JSON_ARRAY) {
        return alm_json_get_double(root, "base_score", &m->base_score[0], error);
    }
    m->block_count = alm_json_count(value);
    if (m->block_count < 2 || m->block_count > ALM_BLOCKS_MAX) {
        return alm_fail(error, ALM_ERR_CORRUPT, "a list in `base_score` has 2 to %d numbers",
                        ALM_BLOCKS_MAX);
    }
    return get_array(root, "base_score", m->block_count, m->base_score, error);
}

static alm_err read_shapes(const alm_json *root, const char *name, alm_method *m,
                           alm_error *error)
{
    const alm_json *rows = NULL;
    ALM_TRY(alm_json_get(root, "bin_shape", ALM_JSON_ARRAY, &rows, error));
    if (alm_json_count(rows) != ALM_SHAPE_BINS) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: `bin_shape` must have %d rows", name,
                        ALM_SHAPE_BINS);
    }
    for (size_t b = 0; b < ALM_SHAPE_BINS; b++) {
        const alm_json *row = alm_json_at(rows, b);
        if (alm_json_count(row) != ALM_SHAPE_LEVELS) {
            return alm_fail(error, ALM_ERR_CORRUPT, "%s: row %zu of `bin_shape` must have %d "
                            "numbers", name, b + 1, ALM_SHAPE_LEVELS);
        }
        for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
            if (!alm_json_as_double(alm_json_at(row, k), &m->bin_shape[b][k])) {
                return alm_fail(error, ALM_ERR_CORRUPT, "%s: `bin_shape` holds something that is "
                                "not a number", name);
            }
        }
    }
    return ALM_OK;
}

static alm_err read_integers(const alm_json *root, alm_method *m, alm_error *error)
{
    int64_t horizon, paths, templates, season, seed;
    ALM_TRY(alm_json_get_i64(root, "horizon", &horizon, error));
    ALM_TRY(alm_json_get_i64(root, "paths", &paths, error));
    ALM_TRY(alm_json_get_i64(root, "templates", &templates, error));
    ALM_TRY(alm_json_get_i64(root, "season", &season, error));
    ALM_TRY(alm_json_get_i64(root, "seed", &seed, error));
    bool sane = horizon >= 1 && horizon <= 1000 && paths >= 1 && paths <= 100000 &&
                templates >= 0 && templates <= 1000 && season >= 1 && season <= 1000;
    if (!sane) {
        return alm_fail(error, ALM_ERR_CORRUPT, "a number of the method is out of range");
    }
    m->horizon = (int32_t)horizon;
    m->paths = (int32_t)paths;
    m->templates = (int32_t)templates;
    m->season = (int32_t)season;
    m->seed = (uint64_t)seed;
    return ALM_OK;
}

static alm_err read_method(const alm_json *root, const char *name, alm_method *m,
                           alm_error *error)
{
    ALM_TRY(read_integers(root, m, error));
    ALM_TRY(alm_json_get_bool(root, "counts", &m->counts, error));
    ALM_TRY(alm_json_get_bool(root, "log_link", &m->log_link, error));
    ALM_TRY(get_base_scores(root, m, error));
    const alm_json *weights = NULL;
    ALM_TRY(alm_json_get(root, "weight", ALM_JSON_OBJECT, &weights, error));
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        ALM_TRY(alm_json_get_double(weights, alm_class_name((alm_class)c), &m->weight[c], error));
        if (!(m->weight[c] >= 0 && m->weight[c] <= 1)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "%s: the weight of class %s is not in 0..1",
                            name, alm_class_name((alm_class)c));
        }
    }
    ALM_TRY(get_array(root, "remap_leaves", ALM_SHAPE_LEVELS, m->remap[0], error));
    ALM_TRY(get_array(root, "remap_aggregates", ALM_SHAPE_LEVELS, m->remap[1], error));
    ALM_TRY(get_array(root, "bin_edge", ALM_SHAPE_BINS, m->bin_edge, error));
    ALM_TRY(get_quantiles(root, m, error));
    return read_shapes(root, name, m, error);
}

alm_err alm_method_read(alm_str json, const char *name, alm_method *out, alm_error *error)
{
    alm_json_document *document = NULL;
    alm_method method = {0};
    alm_err code = alm_json_parse(json, name, &document, error);
    if (code == ALM_OK) {
        code = read_method(alm_json_root(document), name, &method, error);
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        return alm_error_wrap(error, ALM_ERR_CORRUPT, "%s", name);
    }
    *out = method;
    return ALM_OK;
}
