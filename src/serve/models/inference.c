#include "serve/models/inference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/position_names.h"
#include "serve/models/model_set_internal.h"

#define NAMES_SHOWN_BYTES 160

/* ---- lists of columns ---- */

static bool same_columns(const almi_bound *b, const alm_inference_input *input, size_t steps)
{
    if (!b->arena || !b->name != !input->name || b->count != input->column_count ||
        b->steps != steps) {
        return false;
    }
    for (size_t i = 0; b->name && i < b->count; i++) {
        if (!alm_str_equal(b->name[i], input->name[i])) {
            return false;
        }
    }
    return true;
}

static void forget(almi_bound *b)
{
    alm_scorer_scratch_destroy(b->scratch);
    alm_scorer_binding_destroy(b->binding);
    alm_arena_destroy(b->arena);
    *b = (almi_bound){0};
}

static bool is_needed(const alm_scorer_info *info, alm_str name)
{
    for (size_t i = 0; i < info->row_column_count; i++) {
        if (alm_str_equal(info->row_column[i], name)) {
            return true;
        }
    }
    return false;
}

/* Columns that were given and are not used, behind a message about missing ones: a misspelt name is
 * among them. */
static alm_err add_unused(const alm_scorer_info *info, const alm_inference_input *input,
                          alm_err code, alm_error *error)
{
    alm_buffer list = {0};
    size_t left_out = 0, given = input->name ? input->column_count : 0;
    for (size_t i = 0; code == ALM_ERR_INVALID && i < given; i++) {
        if (is_needed(info, input->name[i])) {
            continue;
        }
        if (list.size + input->name[i].size > NAMES_SHOWN_BYTES) {
            left_out++;
            continue;
        }
        alm_buffer_text(&list, list.size ? ", " : "");
        alm_buffer_visible(&list, input->name[i]);
    }
    if (error && (list.size || left_out)) {
        alm_error before = *error;
        alm_str shown = alm_buffer_view(&list);
        code = alm_fail(error, code, "%s; not used: " ALM_STR_FMT "%s", before.message,
                        ALM_STR_ARG(shown), left_out ? ", ..." : "");
    }
    alm_buffer_deinit(&list);
    return code;
}

/* The names that the model's library made up, and the plain numbers that are as good. */
static const char *own_names(const alm_scorer_info *info, char out[NAMES_SHOWN_BYTES])
{
    size_t last = info->row_column_count - 1;
    alm_str names[] = {info->row_column[0], info->row_column[last]};
    if (alm_names_are_numbered(info->row_column, info->row_column_count)) {
        (void)snprintf(out, NAMES_SHOWN_BYTES, "0 to %zu", last);
    } else {
        (void)snprintf(out, NAMES_SHOWN_BYTES, "0 to %zu or " ALM_STR_FMT " to " ALM_STR_FMT, last,
                       ALM_STR_ARG(names[0]), ALM_STR_ARG(names[1]));
    }
    return out;
}

/* A model whose columns have no names of their own takes them by position: any names, but for
 * those that say something else. A header that is a row of data would be lost. */
static alm_err check_positions(const alm_scorer_info *info, const alm_inference_input *input,
                               alm_error *error)
{
    char own[NAMES_SHOWN_BYTES];
    size_t count = info->row_column_count;
    if (alm_names_are_numbered(input->name, count)) {
        return ALM_OK;
    }
    if (alm_names_are_values(input->name, count)) {
        return alm_fail(error, ALM_ERR_INVALID, "the names of the columns are numbers, and not 0 "
                        "to %zu in order: CSV begins with a header, also where the model has no "
                        "names; name the columns %s in front of the rows", count - 1,
                        own_names(info, own));
    }
    size_t at = alm_names_moved(input->name, NULL, info->row_column, count);
    if (at == SIZE_MAX) {
        return ALM_OK;
    }
    alm_buffer name = {0};
    alm_buffer_visible(&name, input->name[at]);
    alm_err code = alm_fail(error, ALM_ERR_INVALID, "column '%.*s' stands where the model has "
                            ALM_STR_FMT ", and not all of the model's names are there: name all "
                            "columns so (%s), or none of them",
                            name.size < NAMES_SHOWN_BYTES ? (int)name.size : NAMES_SHOWN_BYTES,
                            name.data, ALM_STR_ARG(info->row_column[at]), own_names(info, own));
    alm_buffer_deinit(&name);
    return code;
}

static alm_err bind_names(const alm_served_model *model, const alm_inference_input *input,
                          almi_bound *b, alm_error *error)
{
    const alm_scorer_info *info = model->info.scorer;
    alm_scorer_columns columns = {info->row_column, info->row_column_count, info->window_column,
                                  info->window_column_count, b->steps};
    if (input->name) {
        columns.row = input->name;
        columns.row_count = input->column_count;
    } else if (input->column_count != info->row_column_count) {
        return alm_fail(error, ALM_ERR_INVALID, "rows of %zu columns: the model takes %zu; give "
                        "that many, in its order, or their names", input->column_count,
                        info->row_column_count);
    }
    alm_err code = alm_scorer_bind(model->scorer, &columns, &b->binding, error);
    bool by_position = code == ALM_ERR_INVALID && input->name && info->made_up_names &&
                       info->row_column_count && input->column_count == info->row_column_count;
    if (by_position) {
        ALM_TRY(check_positions(info, input, error));
        columns.row = info->row_column;
        return alm_scorer_bind(model->scorer, &columns, &b->binding, error);
    }
    return code == ALM_OK ? code : add_unused(info, input, code, error);
}

static alm_err make_bound(const alm_served_model *model, const alm_inference_input *input,
                          almi_bound *b, alm_error *error)
{
    alm_arena *arena = b->arena;
    if (input->name) {
        alm_str *name = ALM_NEW_ARRAY(arena, alm_str, input->column_count);
        for (size_t i = 0; i < input->column_count; i++) {
            alm_str from = input->name[i];
            name[i] = (alm_str){alm_arena_copy_text(arena, from.data, from.size), from.size};
        }
        b->name = name;
    }
    b->count = input->column_count;
    ALM_TRY(bind_names(model, input, b, error));
    return alm_scorer_scratch_create(b->binding, NULL, &b->scratch, error);
}

/* The worker's memory for these columns; the list that was used longest ago makes room. */
static alm_err find_bound(const alm_served_model *model, size_t worker,
                          const alm_inference_input *input, almi_bound **out, alm_error *error)
{
    almi_model_worker *own = &model->worker[worker];
    almi_bound *oldest = &own->bound[0];
    size_t steps = input->windows ? input->steps : model->info.scorer->steps;
    own->calls++;
    for (size_t i = 0; i < ALMI_BINDINGS_MAX; i++) {
        almi_bound *b = &own->bound[i];
        if (same_columns(b, input, steps)) {
            b->used = own->calls;
            *out = b;
            return ALM_OK;
        }
        oldest = b->used < oldest->used ? b : oldest;
    }
    almi_bound made = {.arena = alm_arena_create(4096), .steps = steps, .used = own->calls};
    alm_err code = make_bound(model, input, &made, error);
    if (code != ALM_OK) {
        forget(&made);
        return code;
    }
    forget(oldest);
    *oldest = made;
    *out = oldest;
    return ALM_OK;
}

/* ---- bounds ---- */

static alm_err check_product(const char *what, size_t rows, size_t width, alm_error *error)
{
    return width && rows > ALM_INFERENCE_VALUES_MAX / width
               ? alm_fail(error, ALM_ERR_LIMIT, "%zu %s of %zu values: at most %zu values in one "
                          "request; send several", rows, what, width, ALM_INFERENCE_VALUES_MAX)
               : ALM_OK;
}

static alm_err check_windows(const alm_scorer_info *info, const alm_inference_input *input,
                             alm_error *error)
{
    if (info->window_column_count && !input->windows) {
        return alm_fail(error, ALM_ERR_INVALID, "the model looks at windows of %zu steps of %zu "
                        "columns: an input of n x steps x columns is needed", info->steps,
                        info->window_column_count);
    }
    if (!input->windows) {
        return ALM_OK;
    }
    if (input->window_width != info->window_column_count) {
        return alm_fail(error, ALM_ERR_INVALID, "windows of %zu columns: the model takes %zu",
                        input->window_width, info->window_column_count);
    }
    if (input->steps > ALM_SCORER_STEPS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "windows of %zu steps: at most %d", input->steps,
                        ALM_SCORER_STEPS_MAX);
    }
    return check_product("windows", input->rows, input->steps * input->window_width, error);
}

static alm_err check_input(const alm_scorer_info *info, const alm_inference_input *input,
                           alm_error *error)
{
    if (input->rows < 1) {
        return alm_fail(error, ALM_ERR_INVALID, "there are no rows");
    }
    if (input->rows > ALM_INFERENCE_ROWS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu rows: at most %d in one request; send several",
                        input->rows, ALM_INFERENCE_ROWS_MAX);
    }
    if (input->column_count > ALM_INFERENCE_COLUMNS_MAX &&
        input->column_count != info->row_column_count) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu columns: at most %d", input->column_count,
                        ALM_INFERENCE_COLUMNS_MAX);
    }
    if (info->row_column_count && !input->values) {
        return alm_fail(error, ALM_ERR_INVALID, "the model takes rows of %zu columns, and there "
                        "are none", info->row_column_count);
    }
    ALM_TRY(check_product("rows", input->rows, input->column_count, error));
    return check_windows(info, input, error);
}

static alm_err check_extra(const almi_bound *b, const alm_inference_input *input, alm_error *error)
{
    size_t count = 0;
    const alm_str *ignored = alm_scorer_ignored(b->binding, &count);
    if (!input->refuse_extra || !b->name || count == 0) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_INVALID, "the model does not take '" ALM_STR_FMT "'%s",
                    ALM_STR_ARG(ignored[0]), count > 1 ? " and others that are given" : "");
}

/* ---- answers ---- */

static alm_err try_doubles(alm_arena *arena, size_t count, double **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

static alm_err make_answer(alm_inference_answer *out, alm_arena *arena, alm_error *error)
{
    size_t answers = out->rows * out->horizons;
    size_t width = out->classes ? out->classes : 1;
    ALM_TRY(check_product("answers", answers, width, error));
    ALM_TRY(try_doubles(arena, answers, &out->value, error));
    if (out->classes) {
        ALM_TRY(try_doubles(arena, answers * width, &out->probability, error));
        ALM_TRY(try_doubles(arena, answers, &out->confidence, error));
    }
    return ALM_OK;
}

static size_t first_not_finite(const double *values, size_t count)
{
    size_t i = 0;
    while (i < count && isfinite(values[i])) {
        i++;
    }
    return i;
}

static alm_err check_answer(const alm_inference_answer *a, alm_error *error)
{
    size_t count = a->rows * a->horizons;
    size_t at = first_not_finite(a->value, count);
    if (at == count && a->classes) {
        at = first_not_finite(a->probability, count * a->classes) / a->classes;
    }
    return at == count ? ALM_OK
                       : alm_fail(error, ALM_ERR_NUMERIC, "row %zu: the model's answer is no "
                                  "finite number", at / a->horizons + 1);
}

/* A number that a member cannot take is the caller's mistake; sums that overflow are the model's.
 * The scorer tells both by one code. */
static alm_err blame(const alm_inference_input *input, alm_err code, alm_error *error)
{
    size_t values = input->values ? input->rows * input->column_count : 0;
    size_t steps = input->windows ? input->rows * input->steps * input->window_width : 0;
    bool odd = first_not_finite(input->values, values) < values ||
               first_not_finite(input->windows, steps) < steps;
    if (code == ALM_ERR_NUMERIC && odd) {
        code = ALM_ERR_INVALID;
        if (error) {
            error->code = code;
        }
    }
    return code;
}

alm_err alm_inference_run(const alm_served_model *model, size_t worker,
                          const alm_inference_input *input, alm_arena *arena,
                          alm_inference_answer *out, alm_error *error)
{
    const alm_scorer_info *info = model->info.scorer;
    alm_inference_answer made = {.rows = input->rows, .horizons = info->horizon_count,
                                 .classes = info->class_count};
    almi_bound *bound = NULL;
    alm_assert(worker < model->workers);
    ALM_TRY(check_input(info, input, error));
    ALM_TRY(find_bound(model, worker, input, &bound, error));
    ALM_TRY(check_extra(bound, input, error));
    ALM_TRY(make_answer(&made, arena, error));
    alm_scorer_batch batch = {.count = input->rows, .rows = input->values,
                              .stride = input->column_count,
                              .windows = info->window_column_count ? input->windows : NULL};
    alm_scorer_output places = {made.value, made.probability, made.confidence, NULL};
    alm_err code = alm_scorer_predict(bound->scratch, &batch, &places, error);
    if (code != ALM_OK) {
        return blame(input, code, error);
    }
    ALM_TRY(check_answer(&made, error));
    *out = made;
    return ALM_OK;
}

/* ---- warming ---- */

static alm_err warm_worker(alm_served_model *model, size_t worker, const alm_scorer_batch *batch,
                           alm_error *error)
{
    const alm_scorer_info *info = model->info.scorer;
    alm_inference_input input = {.rows = 1, .column_count = info->row_column_count,
                                 .values = batch->rows, .windows = batch->windows,
                                 .steps = info->steps, .window_width = info->window_column_count};
    almi_bound *bound = NULL;
    alm_scorer_output nowhere = {0};
    ALM_TRY(find_bound(model, worker, &input, &bound, error));
    return info->remote_count ? ALM_OK : alm_scorer_predict(bound->scratch, batch, &nowhere, error);
}

alm_err almi_model_warm(alm_served_model *model, alm_error *error)
{
    const alm_scorer_info *info = model->info.scorer;
    alm_arena *arena = alm_arena_create(0);
    alm_scorer_batch batch = {.count = 1, .stride = info->row_column_count, .missing = true};
    double *rows = NULL, *windows = NULL;
    alm_err code = try_doubles(arena, info->row_column_count, &rows, error);
    if (code == ALM_OK && info->window_column_count) {
        code = try_doubles(arena, info->steps * info->window_column_count, &windows, error);
    }
    batch.rows = rows;
    batch.windows = windows;
    for (size_t i = 0; code == ALM_OK && i < model->workers; i++) {
        code = warm_worker(model, i, &batch, error);
    }
    alm_arena_destroy(arena);
    return code;
}

void almi_model_cool(alm_served_model *model)
{
    for (size_t i = 0; i < model->workers; i++) {
        for (size_t k = 0; k < ALMI_BINDINGS_MAX; k++) {
            forget(&model->worker[i].bound[k]);
        }
    }
}

/* ---- counters ---- */

/* Only its worker writes a counter, so nothing is lost without a locked addition. */
static void count(almi_model_worker *own, alm_model_counter which, uint64_t more)
{
    uint64_t now = atomic_load_explicit(&own->counter[which], memory_order_relaxed);
    atomic_store_explicit(&own->counter[which], now + more, memory_order_relaxed);
}

void alm_inference_count(const alm_served_model *model, size_t worker,
                         const alm_inference_times *times)
{
    alm_assert(worker < model->workers);
    almi_model_worker *own = &model->worker[worker];
    uint64_t all = times->input_ns + times->infer_ns + times->output_ns;
    count(own, times->succeeded ? ALM_MODEL_SUCCESSES : ALM_MODEL_FAILURES, 1);
    count(own, times->succeeded ? ALM_MODEL_SUCCESS_NS : ALM_MODEL_FAILURE_NS, all);
    atomic_store_explicit(&own->counter[ALM_MODEL_LAST_MS], times->now_ms, memory_order_relaxed);
    if (times->succeeded && times->was_kept) {
        count(own, ALM_MODEL_CACHE_HITS, 1);
        count(own, ALM_MODEL_CACHE_HIT_NS, times->cache_ns);
    } else if (times->succeeded) {
        uint64_t cache_ns = times->was_missed ? times->cache_ns : 0;
        count(own, ALM_MODEL_CACHE_MISSES, times->was_missed);
        count(own, ALM_MODEL_CACHE_MISS_NS, cache_ns);
        count(own, ALM_MODEL_INFERENCES, times->rows);
        count(own, ALM_MODEL_EXECUTIONS, 1);
        count(own, ALM_MODEL_INPUT_NS, times->input_ns);
        count(own, ALM_MODEL_INFER_NS, times->infer_ns - cache_ns);
        count(own, ALM_MODEL_OUTPUT_NS, times->output_ns);
    }
}

void alm_inference_counters(const alm_served_model *model, uint64_t out[ALM_MODEL_COUNTERS])
{
    memset(out, 0, ALM_MODEL_COUNTERS * sizeof *out);
    for (size_t i = 0; i < model->workers; i++) {
        for (size_t k = 0; k < ALM_MODEL_COUNTERS; k++) {
            uint64_t one = atomic_load_explicit(&model->worker[i].counter[k], memory_order_relaxed);
            uint64_t latest = one > out[k] ? one : out[k];
            out[k] = k == ALM_MODEL_LAST_MS ? latest : out[k] + one;
        }
    }
}
