#include "batch/predict_scorer.h"

#include <math.h>
#include <string.h>

#include "batch/predict_series.h"
#include "signal/signal.h"
#include "signal/signal_window.h"

#define WINDOWS_BYTES_MAX ((size_t)8 << 20)

struct almi_predict_scorer {
    alm_arena *arena;
    const alm_scorer_info *info;
    bool members;
    /* rows, and windows of rows */
    alm_scorer_binding *binding;
    alm_scorer_scratch *scratch;
    const size_t *window_place; /* of every column of the windows, in a row */
    double *windows, *step;     /* piece x steps x window columns; one step */
    /* or bars */
    alm_signal *signal;
    alm_signal_scratch *signal_scratch;
    almi_predict_series *series; /* NULL: a row is by itself */
    const alm_str *columns;
    size_t column_count;
    const alm_str *names;
    size_t name_count;
    size_t piece; /* rows that are answered at a time, at most */
    uint64_t missing, early;
    bool *warming; /* of a piece of bars: its symbol's warm-up is not over; else NULL */
    alm_scorer_output block; /* room for a piece */
};

/* ---- names ---- */

typedef struct naming {
    alm_arena *arena;
    const alm_scorer_info *info;
    alm_str *out;
    size_t count;
    const char *suffix; /* "", or "_HORIZON" */
} naming;

static void add_name(naming *n, const char *prefix, const char *rest)
{
    n->out[n->count++] =
        alm_str_of(alm_arena_printf(n->arena, "%s%s%s", prefix, rest, n->suffix));
}

static void add_labels(naming *n, const char *prefix)
{
    for (size_t k = 0; k < n->info->class_count; k++) {
        add_name(n, prefix,
                 alm_arena_printf(n->arena, "p_%lld", (long long)n->info->label[k]));
    }
}

static void name_horizon(naming *n, const alm_scorer_horizon_info *h, bool members)
{
    bool classes = n->info->task == ALM_SCORER_CLASSES;
    n->suffix = n->info->horizon_count == 1
                    ? "" : alm_arena_printf(n->arena, "_" ALM_STR_FMT, ALM_STR_ARG(h->name));
    add_name(n, classes ? "class" : "prediction", "");
    add_labels(n, "");
    if (classes) {
        add_name(n, "confidence", "");
    }
    for (size_t i = 0; members && i < h->member_count; i++) {
        alm_str name = n->info->member[h->member_first + i].name;
        const char *prefix =
            alm_arena_printf(n->arena, "member_" ALM_STR_FMT, ALM_STR_ARG(name));
        if (classes) {
            add_labels(n, alm_arena_printf(n->arena, "%s_", prefix));
        } else {
            add_name(n, prefix, "");
        }
    }
}

static void name_columns(almi_predict_scorer *p)
{
    const alm_scorer_info *info = p->info;
    size_t width = info->class_count ? info->class_count : 1;
    size_t most = info->horizon_count * (info->class_count + 2) + info->member_count * width;
    naming n = {p->arena, info, ALM_NEW_ARRAY(p->arena, alm_str, most), 0, ""};
    for (size_t h = 0; h < info->horizon_count; h++) {
        name_horizon(&n, &info->horizon[h], p->members);
    }
    p->names = n.out;
    p->name_count = n.count;
}

/* ---- opening ---- */

static const alm_str BAR_COLUMNS[] = {{"open", 4}, {"high", 4}, {"low", 3}, {"close", 5},
                                      {"volume", 6}};

static alm_err make_room(almi_predict_scorer *p, double **out, size_t width, alm_error *error)
{
    void *memory = NULL;
    if (width > SIZE_MAX / sizeof(double) / p->piece) {
        return alm_fail(error, ALM_ERR_LIMIT, "a block of %zu rows is too large", p->piece);
    }
    ALM_TRY(alm_arena_try_alloc(p->arena, p->piece * width * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

static alm_err make_block(almi_predict_scorer *p, alm_error *error)
{
    const alm_scorer_info *info = p->info;
    size_t horizons = info->horizon_count, width = info->class_count ? info->class_count : 1;
    ALM_TRY(make_room(p, &p->block.value, horizons, error));
    if (info->class_count) {
        ALM_TRY(make_room(p, &p->block.probability, horizons * width, error));
        ALM_TRY(make_room(p, &p->block.confidence, horizons, error));
    }
    if (p->members) {
        ALM_TRY(make_room(p, &p->block.member, info->member_count * width, error));
    }
    return ALM_OK;
}

/* Columns of rows, then those of windows that are not among them. */
static void join_columns(almi_predict_scorer *p)
{
    const alm_scorer_info *info = p->info;
    size_t count = info->row_column_count;
    alm_str *columns = ALM_NEW_ARRAY(p->arena, alm_str, count + info->window_column_count);
    size_t *place = ALM_NEW_ARRAY(p->arena, size_t, info->window_column_count);
    for (size_t i = 0; i < count; i++) {
        columns[i] = info->row_column[i];
    }
    for (size_t i = 0; i < info->window_column_count; i++) {
        place[i] = 0;
        while (place[i] < count && !alm_str_equal(columns[place[i]], info->window_column[i])) {
            place[i]++;
        }
        columns[place[i]] = info->window_column[i];
        count += place[i] == count;
    }
    p->columns = columns;
    p->column_count = count;
    p->window_place = place;
}

static alm_err create_window(void *context, void **state, alm_error *error)
{
    const alm_scorer_info *info = context;
    alm_signal_window *window = NULL;
    ALM_TRY(alm_signal_window_create(info->steps, info->window_column_count, &window, error));
    *state = window;
    return ALM_OK;
}

static void destroy_window(void *state)
{
    alm_signal_window_destroy(state);
}

static alm_err open_rows(almi_predict_scorer *p, const almi_predict_scorer_options *options,
                         alm_error *error)
{
    const alm_scorer_info *info = p->info;
    join_columns(p);
    alm_scorer_columns columns = {p->columns, p->column_count, info->window_column,
                                  info->window_column_count, info->steps};
    ALM_TRY(alm_scorer_bind(options->scorer, &columns, &p->binding, error));
    ALM_TRY(alm_scorer_scratch_create(p->binding, options->pool, &p->scratch, error));
    if (info->steps == 0) {
        return ALM_OK;
    }
    size_t window = info->steps * info->window_column_count;
    if (window > ALM_SIGNAL_WINDOW_BYTES_MAX / sizeof(double) / 2) {
        return alm_fail(error, ALM_ERR_LIMIT, ALM_STR_FMT ": windows of %zu steps of %zu columns "
                        "are too large", ALM_STR_ARG(info->name), info->steps,
                        info->window_column_count);
    }
    size_t fit = WINDOWS_BYTES_MAX / sizeof(double) / window;
    p->piece = fit < 1 ? 1 : fit < p->piece ? fit : p->piece;
    ALM_TRY(make_room(p, &p->windows, window, error));
    p->step = ALM_NEW_ARRAY(p->arena, double, info->window_column_count);
    almi_predict_series_ops ops = {create_window, destroy_window, (void *)info,
                                   alm_signal_window_bytes(info->steps,
                                                           info->window_column_count),
                                   options->states_bytes};
    return almi_predict_series_create(&ops, &p->series, error);
}

static alm_err create_state(void *context, void **state, alm_error *error)
{
    alm_signal_state *made = NULL;
    ALM_TRY(alm_signal_state_create(context, &made, error));
    *state = made;
    return ALM_OK;
}

static void destroy_state(void *state)
{
    alm_signal_state_destroy(state);
}

static alm_err open_bars(almi_predict_scorer *p, const almi_predict_scorer_options *options,
                         alm_error *error)
{
    ALM_TRY(alm_signal_create(options->scorer, &p->signal, error));
    ALM_TRY(alm_signal_scratch_create(p->signal, options->pool, &p->signal_scratch, error));
    size_t room = alm_signal_room(p->signal_scratch);
    p->piece = room < p->piece ? room : p->piece;
    p->columns = BAR_COLUMNS;
    p->column_count = sizeof BAR_COLUMNS / sizeof *BAR_COLUMNS;
    p->warming = ALM_NEW_ARRAY(p->arena, bool, p->piece);
    almi_predict_series_ops ops = {create_state, destroy_state, p->signal,
                                   alm_signal_describe(p->signal)->state_bytes,
                                   options->states_bytes};
    return almi_predict_series_create(&ops, &p->series, error);
}

static alm_err create(almi_predict_scorer *p, const almi_predict_scorer_options *options,
                      alm_error *error)
{
    ALM_TRY((p->info->bars.data ? open_bars : open_rows)(p, options, error));
    ALM_TRY(make_block(p, error));
    name_columns(p);
    return ALM_OK;
}

alm_err almi_predict_scorer_create(const almi_predict_scorer_options *options,
                                   almi_predict_scorer **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    almi_predict_scorer *p = ALM_NEW(arena, almi_predict_scorer);
    p->arena = arena;
    p->info = alm_scorer_describe(options->scorer);
    p->members = options->members;
    p->piece = options->block_rows;
    alm_err code = create(p, options, error);
    if (code != ALM_OK) {
        almi_predict_scorer_destroy(p);
        return code;
    }
    *out = p;
    return ALM_OK;
}

void almi_predict_scorer_destroy(almi_predict_scorer *p)
{
    if (p) {
        almi_predict_series_destroy(p->series);
        alm_scorer_scratch_destroy(p->scratch);
        alm_scorer_binding_destroy(p->binding);
        alm_signal_scratch_destroy(p->signal_scratch);
        alm_signal_destroy(p->signal);
        alm_arena_destroy(p->arena); /* the struct lies in it */
    }
}

const alm_str *almi_predict_scorer_names(const almi_predict_scorer *p, size_t *count)
{
    *count = p->name_count;
    return p->names;
}

const alm_str *almi_predict_scorer_columns(const almi_predict_scorer *p, size_t *count)
{
    *count = p->column_count;
    return p->columns;
}

bool almi_predict_scorer_takes_bars(const almi_predict_scorer *p)
{
    return p->signal != NULL;
}

bool almi_predict_scorer_looks_back(const almi_predict_scorer *p)
{
    return p->series != NULL;
}

uint64_t almi_predict_scorer_missing(const almi_predict_scorer *p)
{
    return p->missing;
}

uint64_t almi_predict_scorer_early(const almi_predict_scorer *p)
{
    return p->early;
}

void almi_predict_scorer_restart(almi_predict_scorer *p)
{
    p->missing = p->early = 0;
    if (p->series) {
        almi_predict_series_restart(p->series);
    }
}

/* ---- blocks ---- */

/* The columns of one row in the order of their names. */
static double *put_row(const almi_predict_scorer *p, size_t i, double *out)
{
    const alm_scorer_info *info = p->info;
    size_t classes = info->class_count, width = classes ? classes : 1;
    for (size_t h = 0; h < info->horizon_count; h++) {
        const alm_scorer_horizon_info *horizon = &info->horizon[h];
        size_t at = i * info->horizon_count + h;
        *out++ = p->block.value[at];
        if (classes) {
            memcpy(out, p->block.probability + at * classes, classes * sizeof *out);
            out += classes;
            *out++ = p->block.confidence[at];
        }
        if (p->members) {
            size_t first = (i * info->member_count + horizon->member_first) * width;
            memcpy(out, p->block.member + first, horizon->member_count * width * sizeof *out);
            out += horizon->member_count * width;
        }
    }
    return out;
}

/* The answers of a piece, and which of them are missing, or come early. */
static void put_rows(almi_predict_scorer *p, size_t n, double *out)
{
    size_t horizons = p->info->horizon_count;
    for (size_t i = 0; i < n; i++) {
        size_t missing = 0;
        for (size_t h = 0; h < horizons; h++) {
            missing += isnan(p->block.value[i * horizons + h]) != 0;
        }
        p->missing += missing > 0 && p->series;
        p->early += missing < horizons && p->warming && p->warming[i];
        out = put_row(p, i, out);
    }
}

/* `i` is a row of the block. */
static alm_err fail_row(const almi_predict_block *block, size_t i, alm_err code, alm_error *error)
{
    unsigned long long row = (unsigned long long)(block->first + i + 1);
    if (!block->series) {
        return alm_error_wrap(error, code, "row %llu", row);
    }
    return alm_error_wrap(error, code, "row %llu, " ALM_STR_FMT, row,
                          ALM_STR_ARG(block->series[i]));
}

static alm_err find_state(const almi_predict_scorer *p, const almi_predict_block *block, size_t i,
                          void **state, alm_error *error)
{
    const alm_str only = ALM_STR("the only one");
    return almi_predict_series_find(p->series, block->series ? block->series[i] : only, state,
                                    error);
}

/* Window j of the piece ends at row i of the block. */
static alm_err put_window(almi_predict_scorer *p, const almi_predict_block *block, size_t i,
                          size_t j, alm_error *error)
{
    size_t width = p->info->window_column_count, window = p->info->steps * width;
    const double *row = block->values + i * p->column_count;
    void *state = NULL;
    ALM_TRY(find_state(p, block, i, &state, error));
    for (size_t k = 0; k < width; k++) {
        p->step[k] = row[p->window_place[k]];
    }
    alm_signal_window_push(state, p->step);
    memcpy(p->windows + j * window, alm_signal_window_view(state), window * sizeof(double));
    return ALM_OK;
}

static alm_err answer_rows(almi_predict_scorer *p, const almi_predict_block *block, size_t first,
                           size_t n, alm_error *error)
{
    for (size_t j = 0; p->windows && j < n; j++) {
        alm_err code = put_window(p, block, first + j, j, error);
        if (code != ALM_OK) {
            return fail_row(block, first + j, code, error);
        }
    }
    alm_scorer_batch batch = {.count = n, .first = block->first + first,
                              .rows = block->values + first * p->column_count,
                              .stride = p->column_count, .windows = p->windows,
                              .missing = p->windows != NULL};
    return alm_scorer_predict(p->scratch, &batch, &p->block, error);
}

/* Bar i of the block, j of the piece. */
static alm_err add_bar(const almi_predict_scorer *p, const almi_predict_block *block, size_t i,
                       size_t j, alm_error *error)
{
    const double *v = block->values + i * p->column_count;
    const alm_bar bar = {block->times[i], v[0], v[1], v[2], v[3], v[4]};
    void *state = NULL;
    bool full = false;
    ALM_TRY(find_state(p, block, i, &state, error));
    ALM_TRY(alm_signal_update(state, &bar, error));
    p->warming[j] = alm_signal_state_seen(state) <= alm_signal_describe(p->signal)->warmup_bars;
    return alm_signal_add(p->signal_scratch, state, &full, error);
}

static alm_err answer_bars(almi_predict_scorer *p, const almi_predict_block *block, size_t first,
                           size_t n, alm_error *error)
{
    for (size_t j = 0; j < n; j++) {
        alm_err code = add_bar(p, block, first + j, j, error);
        if (code != ALM_OK) {
            return fail_row(block, first + j, code, error);
        }
    }
    return alm_signal_answer(p->signal_scratch, &p->block, error);
}

alm_err almi_predict_scorer_block(almi_predict_scorer *p, const almi_predict_block *block,
                                  double *out, alm_error *error)
{
    for (size_t i = 0; i < block->n; i += p->piece) {
        size_t n = block->n - i < p->piece ? block->n - i : p->piece;
        ALM_TRY((p->signal ? answer_bars : answer_rows)(p, block, i, n, error));
        put_rows(p, n, out + i * p->name_count);
    }
    return ALM_OK;
}
