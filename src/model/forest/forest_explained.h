/* forest_explained.h: fixtures of generate_explanations.py and small helpers; for the tests of
 * interventional contributions and interactions only. */
#ifndef ALM_MODEL_FOREST_EXPLAINED_H
#define ALM_MODEL_FOREST_EXPLAINED_H

#include "model/forest/forest_cases.h"

/* tests/golden/forest/<name>.explained beside the model <name>; in `arena` but for the forest. */
typedef struct explained_case {
    alm_forest *forest;
    alm_forest_info info;
    size_t rows, outputs, background_rows;
    const double *row, *background;
    const double *interventional, *interaction; /* NULL: not there */
} explained_case;

static inline alm_err explained_parse(alm_str bytes, const char *name, alm_forest **out,
                                      alm_error *error)
{
    if (strncmp(name, "xgb_", 4) == 0) {
        return alm_forest_parse_xgboost(bytes, name, out, error);
    }
    if (strncmp(name, "cb_", 3) == 0) {
        return alm_forest_parse_catboost(bytes, name, out, error);
    }
    return alm_forest_parse_lightgbm(bytes, name, out, error);
}

static inline const double *explained_take(const double **at, size_t count)
{
    const double *taken = *at;
    *at += count;
    return taken;
}

static inline alm_err explained_open(alm_arena *arena, const char *name, explained_case *out,
                                     alm_error *error)
{
    alm_str model = case_fixture(arena, name);
    alm_str bytes = case_fixture(arena, alm_arena_printf(arena, "%s.explained", name));
    uint64_t head[6];
    explained_case c = {0};
    ALM_TRY(explained_parse(model, name, &c.forest, error));
    c.info = alm_forest_describe(c.forest);
    alm_assert(bytes.size > sizeof head);
    memcpy(head, bytes.data, sizeof head);
    double *number = ALM_NEW_ARRAY(arena, double, bytes.size / sizeof(double));
    memcpy(number, bytes.data + sizeof head, bytes.size - sizeof head);
    const double *at = number;
    size_t features = head[1], columns = features + 1;
    c.rows = head[0];
    c.outputs = head[2];
    c.background_rows = head[3];
    alm_assert(features == c.info.feature_count && c.outputs == c.info.output_count);
    c.row = explained_take(&at, c.rows * features);
    c.background = explained_take(&at, c.background_rows * features);
    if (head[4] != 0) {
        c.interventional = explained_take(&at, c.rows * c.outputs * columns);
    }
    if (head[5] != 0) {
        c.interaction = explained_take(&at, c.rows * c.outputs * columns * columns);
    }
    alm_assert((const char *)at == (const char *)number + bytes.size - sizeof head);
    *out = c;
    return ALM_OK;
}

static inline double explained_magnitude(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += fabs(values[i]);
    }
    return sum;
}

/* s! (m - 1 - s)! / m!: the Shapley weight of a subset of s of the m - 1 others. */
static inline double explained_weight(size_t s, size_t m)
{
    double weight = 1.0 / (double)m;
    for (size_t i = 1; i <= s; i++) {
        weight *= (double)i / (double)(m - i);
    }
    return weight;
}

#endif
