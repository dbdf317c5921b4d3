/* capi_session.c: columns, memory and predictions behind include/almanac.h. */
#include <string.h>
#include <time.h>

#include "capi/capi_internal.h"

#define THREADS_MAX 1024

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- columns ---- */

static alm_err take_names(const char *const *names, size_t count, alm_arena *arena, alm_str **out,
                          alm_error *error)
{
    alm_str *text = ALM_NEW_ARRAY(arena, alm_str, count);
    for (size_t i = 0; i < count; i++) {
        text[i] = alm_str_of(names[i]);
        if (!names[i] || !alm_str_is_utf8(text[i], NULL)) {
            return alm_fail(error, ALM_ERR_INVALID, "the name of column %zu is NULL or not UTF-8",
                            i + 1);
        }
    }
    *out = text;
    return ALM_OK;
}

static alm_err take_columns(almanac_session *s, const almanac_columns *given,
                            alm_scorer_columns *out, alm_error *error)
{
    const alm_scorer_info *info = alm_scorer_describe(s->model->scorer);
    alm_str *names = NULL;
    *out = (alm_scorer_columns){info->row_column, info->row_column_count, info->window_column,
                                info->window_column_count, info->steps};
    if (given && given->rows) {
        ALM_TRY(take_names(given->rows, given->row_count, s->arena, &names, error));
        out->row = names;
        out->row_count = given->row_count;
    }
    if (given && given->windows) {
        ALM_TRY(take_names(given->windows, given->window_count, s->arena, &names, error));
        out->window = names;
        out->window_count = given->window_count;
    }
    if (given && given->window_steps) {
        out->steps = given->window_steps;
    }
    return ALM_OK;
}

static alm_err open_session(almanac_session *s, const almanac_columns *given, alm_error *error)
{
    alm_scorer_columns columns;
    int threads = given ? given->threads : 0;
    if (threads < 0 || threads > THREADS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%d threads: 0 to %d", threads, THREADS_MAX);
    }
    ALM_TRY(take_columns(s, given, &columns, error));
    ALM_TRY(alm_scorer_bind(s->model->scorer, &columns, &s->binding, error));
    if (threads > 1) {
        ALM_TRY(alm_pool_create(threads, &s->pool, error));
    }
    ALM_TRY(alm_scorer_scratch_create(s->binding, s->pool, &s->scratch, error));
    const alm_str *ignored = alm_scorer_ignored(s->binding, &s->ignored_count);
    s->ignored = almi_capi_texts(s->arena, ignored, s->ignored_count);
    s->row_count = columns.row_count;
    return ALM_OK;
}

almanac_status almanac_session_open(almanac_model *model, const almanac_columns *columns,
                                    almanac_session **session, almanac_error *error)
{
    if (!model || !session ||
        (columns && !almi_capi_fits(columns, sizeof *columns, sizeof *columns))) {
        return almi_capi_invalid(error, "almanac_session_open: a model and a place for the session "
                                        "are needed, and columns of this library's size or NULL");
    }
    alm_error internal = {0};
    alm_arena *arena = alm_arena_create(0);
    almanac_session *s = ALM_NEW(arena, almanac_session);
    s->arena = arena;
    s->model = model;
    atomic_fetch_add(&model->holders, 1);
    alm_err code = open_session(s, columns, &internal);
    if (code != ALM_OK) {
        almanac_session_close(s);
        return almi_capi_status(code, &internal, error);
    }
    *session = s;
    return ALMANAC_OK;
}

void almanac_session_close(almanac_session *s)
{
    if (!s) {
        return;
    }
    alm_scorer_scratch_destroy(s->scratch);
    alm_pool_destroy(s->pool);
    alm_scorer_binding_destroy(s->binding);
    almi_capi_release(s->model);
    alm_arena_destroy(s->arena); /* the struct lies in it */
}

const char *const *almanac_session_ignored(const almanac_session *session, size_t *count)
{
    size_t none = 0;
    *(count ? count : &none) = session ? session->ignored_count : 0;
    return session ? session->ignored : NULL;
}

/* ---- predicting ---- */

almanac_status almanac_predict(almanac_session *s, const almanac_batch *batch,
                               almanac_answers *answers, almanac_error *error)
{
    uint64_t start = monotonic_ns();
    if (!s || !batch || !answers || !almi_capi_fits(batch, sizeof *batch, sizeof *batch) ||
        !almi_capi_fits(answers, sizeof *answers, sizeof *answers)) {
        return almi_capi_invalid(error, "almanac_predict: a session, a batch and answers of this "
                                        "library's size are needed (ALMANAC_BATCH_INIT, "
                                        "ALMANAC_ANSWERS_INIT)");
    }
    alm_error internal = {0};
    alm_scorer_batch input = {batch->count, 0, batch->rows,
                              batch->row_stride ? batch->row_stride : s->row_count,
                              batch->windows};
    alm_scorer_output output = {answers->values, answers->probabilities, answers->confidences,
                                answers->members};
    alm_err code = alm_scorer_predict(s->scratch, &input, &output, &internal);
    if (code == ALM_OK) {
        answers->nanoseconds = monotonic_ns() - start;
    }
    return almi_capi_status(code, &internal, error);
}

almanac_status almanac_predict_row(almanac_session *session, const double *row,
                                   const double *window, almanac_answers *answers,
                                   almanac_error *error)
{
    almanac_batch batch = ALMANAC_BATCH_INIT;
    batch.count = 1;
    batch.rows = row;
    batch.windows = window;
    return almanac_predict(session, &batch, answers, error);
}
