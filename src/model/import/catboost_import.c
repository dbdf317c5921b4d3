/* catboost_import.c: which format it is, and what both formats need: columns, splits, scale. */
#include <math.h>
#include <stdio.h>

#include "model/import/catboost_internal.h"

/* ---- features ---- */

static alm_err damaged(const almi_cb_import *import, const char *what, int64_t index)
{
    return alm_fail(import->error, ALM_ERR_CORRUPT, "%s: %s %lld; the model file is damaged",
                    import->name, what, (long long)index);
}

/* `kind`: numeric, categorical or ctr; `i`: which one of the list. */
static alm_err damaged_feature(const almi_cb_import *import, const char *kind, size_t i,
                               const char *what, int64_t index)
{
    return alm_fail(import->error, ALM_ERR_CORRUPT,
                    "%s: %s feature %zu: %s %lld; the model file is damaged", import->name, kind, i,
                    what, (long long)index);
}

static uint8_t decision_of(const almi_cb_float *number)
{
    return number->has_nans && number->missing == ALMI_CB_AS_TRUE ? 0 : ALMI_DECISION_DEFAULT_LEFT;
}

alm_err almi_cb_find_number(const almi_cb_import *import, int64_t index, uint32_t *column,
                            uint8_t *decision)
{
    const almi_cb_features *f = &import->features;
    size_t low = 0;
    for (size_t count = f->number_count; count > 1; count -= count / 2) {
        low += f->number[low + count / 2].index <= index ? count / 2 : 0;
    }
    if (f->number_count > 0 && f->number[low].index == index) {
        *column = (uint32_t)f->number[low].column;
        *decision = decision_of(&f->number[low]);
        return ALM_OK;
    }
    return damaged(import, "there is no numeric feature", index);
}

alm_err almi_cb_find_category(const almi_cb_import *import, int64_t index, uint32_t *column)
{
    const almi_cb_features *f = &import->features;
    size_t low = 0;
    for (size_t count = f->category_count; count > 1; count -= count / 2) {
        low += f->category[low + count / 2].index <= index ? count / 2 : 0;
    }
    if (f->category_count > 0 && f->category[low].index == index) {
        *column = (uint32_t)f->category[low].column;
        return ALM_OK;
    }
    return damaged(import, "there is no categorical feature", index);
}

/* Counts a column that is not negative. */
static alm_err count_column(const almi_cb_import *import, int64_t column, int64_t *columns)
{
    if (column >= ALMI_CB_COLUMNS_MAX) {
        return alm_fail(import->error, ALM_ERR_LIMIT, "%s: column %lld; at most %lld are read",
                        import->name, (long long)column, (long long)ALMI_CB_COLUMNS_MAX);
    }
    *columns = column + 1 > *columns ? column + 1 : *columns;
    return ALM_OK;
}

/* And refuses one that cannot be. */
static alm_err take_column(const almi_cb_import *import, const char *kind, size_t i, int64_t column,
                           int64_t *columns)
{
    return column < 0 ? damaged_feature(import, kind, i, "impossible flat index", column)
                      : count_column(import, column, columns);
}

static alm_err check_borders(const almi_cb_import *import, const char *kind, size_t feature,
                             const float *border, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* The source counts the borders below a value, which is the same only in this order. */
        if (isnan(border[i]) || (i > 0 && border[i] < border[i - 1])) {
            return damaged_feature(import, kind, feature, "borders do not ascend at", (int64_t)i);
        }
    }
    return ALM_OK;
}

static alm_err count_columns(const almi_cb_import *import, int64_t *columns)
{
    const almi_cb_features *f = &import->features;
    *columns = 0;
    if (f->extra_columns > 0) {
        ALM_TRY(count_column(import, f->extra_columns - 1, columns));
    }
    for (size_t i = 0; i < f->number_count; i++) {
        ALM_TRY(take_column(import, "numeric", i, f->number[i].column, columns));
        ALM_TRY(check_borders(import, "numeric", i, f->number[i].border,
                              f->number[i].border_count));
        if (i > 0 && f->number[i].index <= f->number[i - 1].index) {
            return damaged(import, "the numeric features are not in order at", (int64_t)i);
        }
        if (f->number[i].missing < ALMI_CB_AS_IS || f->number[i].missing > ALMI_CB_AS_TRUE) {
            return damaged_feature(import, "numeric", i, "unknown treatment of NaN",
                                   f->number[i].missing);
        }
    }
    for (size_t i = 0; i < f->category_count; i++) {
        ALM_TRY(take_column(import, "categorical", i, f->category[i].column, columns));
        if (i > 0 && f->category[i].index <= f->category[i - 1].index) {
            return damaged(import, "the categorical features are not in order at", (int64_t)i);
        }
    }
    for (size_t i = 0; i < f->ctr_count; i++) {
        ALM_TRY(check_borders(import, "ctr", i, f->ctr[i].border, f->ctr[i].border_count));
    }
    return ALM_OK;
}

/* ---- names ---- */

static alm_err set_name(const almi_cb_import *import, int64_t column, alm_str name, alm_str *names)
{
    alm_arena *arena = import->forest->arena;
    void *copy = NULL;
    if (!alm_str_is_utf8(name, NULL)) {
        return damaged(import, "the name is not UTF-8, of column", column);
    }
    ALM_TRY(alm_arena_try_alloc(arena, name.size + 1, &copy, import->error));
    for (size_t i = 0; i < name.size; i++) {
        ((char *)copy)[i] = name.data[i];
    }
    names[column] = (alm_str){copy, name.size};
    return ALM_OK;
}

/* Names count only if every column has one; the Python package writes none or all. */
static alm_err set_names(const almi_cb_import *import)
{
    const almi_cb_features *f = &import->features;
    alm_forest *forest = import->forest;
    alm_str *names = NULL;
    if (f->number_count + f->category_count < forest->info.feature_count) {
        return ALM_OK;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, forest->info.feature_count, names, import->error));
    for (size_t i = 0; i < f->number_count; i++) {
        ALM_TRY(set_name(import, f->number[i].column, f->number[i].name, names));
    }
    for (size_t i = 0; i < f->category_count; i++) {
        ALM_TRY(set_name(import, f->category[i].column, f->category[i].name, names));
    }
    for (size_t i = 0; i < forest->info.feature_count; i++) {
        if (names[i].size == 0) {
            return ALM_OK;
        }
    }
    forest->info.feature_name = forest->info.feature_count > 0 ? names : NULL;
    return ALM_OK;
}

/* ---- splits ---- */

static size_t count_splits(const almi_cb_features *f)
{
    size_t count = 0;
    for (size_t i = 0; i < f->number_count; i++) {
        count += f->number[i].border_count;
    }
    for (size_t i = 0; i < f->one_hot_count; i++) {
        count += f->one_hot[i].value_count;
    }
    for (size_t i = 0; i < f->ctr_count; i++) {
        count += f->ctr[i].border_count;
    }
    return count;
}

/* The source numbers the borders of all numeric features, the one-hot categories, then the borders
 * of the ctrs. */
static alm_err number_splits(almi_cb_import *import)
{
    const almi_cb_features *f = &import->features;
    size_t at = 0;
    ALM_TRY(ALMI_FOREST_ARRAY(import->scratch, count_splits(f), import->split, import->error));
    for (size_t i = 0; i < f->number_count; i++) {
        for (size_t j = 0; j < f->number[i].border_count; j++) {
            import->split[at++] = (almi_cb_split){(int32_t)f->number[i].column,
                                                  decision_of(&f->number[i]),
                                                  (double)f->number[i].border[j]};
        }
    }
    for (size_t i = 0; i < f->one_hot_count; i++) {
        uint32_t column = 0;
        ALM_TRY(almi_cb_find_category(import, f->one_hot[i].index, &column));
        for (size_t j = 0; j < f->one_hot[i].value_count; j++) {
            import->split[at++] = (almi_cb_split){(int32_t)column, ALMI_DECISION_CATEGORY,
                                                  (double)f->one_hot[i].value[j]};
        }
    }
    for (size_t i = 0; i < f->ctr_count; i++) {
        for (size_t j = 0; j < f->ctr[i].border_count; j++) {
            import->split[at++] =
                (almi_cb_split){(int32_t)(import->forest->info.feature_count + i),
                                ALMI_DECISION_DEFAULT_LEFT, (double)f->ctr[i].border[j]};
        }
    }
    import->split_count = at;
    return ALM_OK;
}

static alm_err copy_ctrs(almi_cb_import *import)
{
    alm_forest *forest = import->forest;
    size_t count = import->features.ctr_count;
    if (count == 0) {
        return ALM_OK;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, count, forest->ctr, import->error));
    for (size_t i = 0; i < count; i++) {
        forest->ctr[i] = import->features.ctr[i].ctr;
    }
    forest->ctr_count = count;
    return ALM_OK;
}

/* Categories are known by hashes: whether they were whole numbers, the file often does not say. */
static bool asks_categories(const almi_cb_features *f)
{
    return f->one_hot_count > 0 || f->ctr_count > 0;
}

alm_err almi_cb_set_features(almi_cb_import *import, int64_t output_count)
{
    alm_forest *forest = import->forest;
    int64_t columns = 0;
    if (output_count < 1) {
        return damaged(import, "impossible number of outputs", output_count);
    }
    if (output_count > ALMI_CB_OUTPUTS_MAX) {
        return alm_fail(import->error, ALM_ERR_LIMIT, "%s: %lld outputs; at most %d are read",
                        import->name, (long long)output_count, ALMI_CB_OUTPUTS_MAX);
    }
    ALM_TRY(count_columns(import, &columns));
    forest->info.source = ALM_FOREST_CATBOOST;
    forest->info.feature_count = (size_t)columns;
    forest->info.output_count = (size_t)output_count;
    forest->info.has_category_names = asks_categories(&import->features) &&
                                      !import->category_texts_known;
    ALM_TRY(set_names(import));
    ALM_TRY(copy_ctrs(import));
    return number_splits(import);
}

/* ---- scale, bias, objective ---- */

alm_err almi_cb_set_scale(almi_cb_import *import, double scale, const double *bias, size_t count)
{
    alm_forest *forest = import->forest;
    size_t outputs = forest->info.output_count;
    double *copy = NULL;
    bool is_zero = true;
    if (!isfinite(scale) || scale == 0 || (count > 1 && count != outputs)) {
        return damaged(import, "impossible scale, or number of biases", (int64_t)count);
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, outputs, copy, import->error));
    for (size_t i = 0; count > 0 && i < outputs; i++) {
        copy[i] = bias[count == 1 ? 0 : i];
        is_zero = is_zero && copy[i] == 0;
        if (!isfinite(copy[i])) {
            return damaged(import, "the bias is not finite, of output", (int64_t)i);
        }
    }
    forest->scale = scale;
    forest->bias = is_zero ? NULL : copy;
    return ALM_OK;
}

void almi_cb_read_objective(almi_cb_import *import, const almi_doc_file *file,
                            const almi_doc_value *params)
{
    const almi_doc_value *loss = NULL, *name = NULL;
    if (almi_doc_member(file, params, "loss_function", &loss) == ALM_OK &&
        almi_doc_member(file, loss, "type", &name) == ALM_OK && name != NULL &&
        name->kind == ALMI_DOC_TEXT && alm_str_is_utf8(name->bytes, NULL)) {
        alm_str text = name->bytes;
        char *copy = alm_arena_copy_text(import->forest->arena, text.data, text.size);
        import->forest->info.objective = (alm_str){copy, text.size};
    }
}

bool almi_cb_is_number(alm_str category)
{
    int64_t value = 0;
    char text[24];
    if (!alm_str_to_i64(category, &value)) {
        return false;
    }
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return alm_str_is(category, text); /* not "007" or "+7" */
}

/* ---- formats ---- */

static bool is_json(alm_str bytes)
{
    alm_str text = alm_str_trim(bytes);
    return text.size > 0 && text.data[0] == '{';
}

static alm_err import_bytes(almi_cb_import *import, almi_cb_format format, alm_str bytes)
{
    ALM_TRY(format == ALMI_CB_FORMAT_JSON ? almi_cb_import_json(import, bytes)
                                          : almi_cb_import_binary(import, bytes));
    return almi_forest_finish(import->forest, import->name, import->error);
}

alm_err almi_cb_import_as(almi_cb_format format, alm_str bytes, const char *name, alm_forest **out,
                          alm_error *error)
{
    alm_forest *forest = NULL;
    ALM_TRY(almi_forest_create(bytes.size, &forest, error));
    almi_cb_import import = {.forest = forest,
                             .name = name,
                             .error = error,
                             .scratch = alm_arena_create(0),
                             .tree_scratch = alm_arena_create(0)};
    alm_err code = import_bytes(&import, format, bytes);
    alm_arena_destroy(import.tree_scratch);
    alm_arena_destroy(import.scratch);
    if (code != ALM_OK) {
        alm_forest_destroy(forest);
        return code;
    }
    *out = forest;
    return ALM_OK;
}

alm_err alm_forest_parse_catboost(alm_str bytes, const char *name, alm_forest **out,
                                  alm_error *error)
{
    almi_cb_format format = is_json(bytes) ? ALMI_CB_FORMAT_JSON : ALMI_CB_FORMAT_BINARY;
    return almi_cb_import_as(format, bytes, name, out, error);
}
