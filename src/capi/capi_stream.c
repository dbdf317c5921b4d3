/* capi_stream.c: streams of bars behind include/almanac.h. */
#include <string.h>

#include "capi/capi_internal.h"

struct almanac_stream {
    almanac_model *model; /* held */
    alm_signal_state *state;
};

/* Takes over the state, also when it fails. */
static alm_err wrap_state(almanac_model *model, alm_signal_state *state, almanac_stream **out,
                          alm_error *error)
{
    void *memory = NULL;
    alm_err code = alm_heap_try(sizeof(almanac_stream), &memory, error);
    if (code != ALM_OK) {
        alm_signal_state_destroy(state);
        return code;
    }
    almanac_stream *stream = memory;
    stream->model = model;
    stream->state = state;
    atomic_fetch_add(&model->holders, 1);
    *out = stream;
    return ALM_OK;
}

static alm_err check_bars(const almanac_model *model, alm_error *error)
{
    return model->signal ? ALM_OK
                         : alm_fail(error, ALM_ERR_UNSUPPORTED, "%s takes rows of its columns, and "
                                    "no bars: its document names no `bars`", model->info.name);
}

static alm_err open_stream(almanac_model *model, almanac_stream **out, alm_error *error)
{
    alm_signal_state *state = NULL;
    ALM_TRY(check_bars(model, error));
    ALM_TRY(alm_signal_state_create(model->signal, &state, error));
    return wrap_state(model, state, out, error);
}

almanac_status almanac_stream_open(almanac_model *model, almanac_stream **stream,
                                   almanac_error *error)
{
    alm_error internal = {0};
    if (!model || !stream) {
        return almi_capi_invalid(error, "almanac_stream_open: a model and a place for the stream "
                                        "are needed");
    }
    return almi_capi_status(open_stream(model, stream, &internal), &internal, error);
}

void almanac_stream_close(almanac_stream *stream)
{
    if (stream) {
        alm_signal_state_destroy(stream->state);
        almi_capi_release(stream->model);
        alm_heap_free(stream);
    }
}

static alm_bar bar_of(const almanac_bar *bar)
{
    return (alm_bar){bar->time, bar->open, bar->high, bar->low, bar->close, bar->volume};
}

almanac_status almanac_stream_update(almanac_stream *stream, const almanac_bar *bar,
                                     almanac_error *error)
{
    alm_error internal = {0};
    if (!stream || !bar) {
        return almi_capi_invalid(error, "almanac_stream_update: a stream and a bar are needed");
    }
    const alm_bar own = bar_of(bar);
    return almi_capi_status(alm_signal_update(stream->state, &own, &internal), &internal, error);
}

uint64_t almanac_stream_bars(const almanac_stream *stream)
{
    return stream ? alm_signal_state_seen(stream->state) : 0;
}

static alm_err copy_stream(const almanac_stream *stream, almanac_stream **out, alm_error *error)
{
    alm_signal_state *state = NULL;
    ALM_TRY(alm_signal_state_clone(stream->state, &state, error));
    return wrap_state(stream->model, state, out, error);
}

almanac_status almanac_stream_copy(const almanac_stream *stream, almanac_stream **copy,
                                   almanac_error *error)
{
    alm_error internal = {0};
    if (!stream || !copy) {
        return almi_capi_invalid(error, "almanac_stream_copy: a stream and a place for its copy "
                                        "are needed");
    }
    return almi_capi_status(copy_stream(stream, copy, &internal), &internal, error);
}

/* ---- restarts ---- */

static alm_err save_stream(const almanac_stream *stream, void *bytes, size_t *size,
                           alm_error *error)
{
    alm_buffer saved = {0};
    size_t room = *size;
    alm_err code = alm_signal_state_save(stream->state, &saved, error);
    if (code == ALM_OK) {
        *size = saved.size;
        if (bytes && room < saved.size) {
            code = alm_fail(error, ALM_ERR_LIMIT, "the stream's state has %zu bytes, and there is "
                            "room for %zu", saved.size, room);
        } else if (bytes) {
            memcpy(bytes, saved.data, saved.size);
        }
    }
    alm_buffer_deinit(&saved);
    return code;
}

almanac_status almanac_stream_save(const almanac_stream *stream, void *bytes, size_t *size,
                                   almanac_error *error)
{
    alm_error internal = {0};
    if (!stream || !size) {
        return almi_capi_invalid(error, "almanac_stream_save: a stream and a size are needed");
    }
    return almi_capi_status(save_stream(stream, bytes, size, &internal), &internal, error);
}

static alm_err load_stream(almanac_model *model, alm_str bytes, almanac_stream **out,
                           alm_error *error)
{
    alm_signal_state *state = NULL;
    ALM_TRY(check_bars(model, error));
    ALM_TRY(alm_signal_state_load(model->signal, bytes, &state, error));
    return wrap_state(model, state, out, error);
}

almanac_status almanac_stream_load(almanac_model *model, const void *bytes, size_t size,
                                   almanac_stream **stream, almanac_error *error)
{
    alm_error internal = {0};
    if (!model || !bytes || !stream) {
        return almi_capi_invalid(error, "almanac_stream_load: a model, bytes and a place for the "
                                        "stream are needed");
    }
    alm_str text = {bytes, size};
    return almi_capi_status(load_stream(model, text, stream, &internal), &internal, error);
}

/* ---- predicting ---- */

static alm_scorer_output output_of(const almanac_answers *answers)
{
    return (alm_scorer_output){answers->values, answers->probabilities, answers->confidences,
                               answers->members};
}

almanac_status almanac_predict_stream(almanac_session *s, const almanac_stream *stream,
                                      almanac_answers *answers, almanac_error *error)
{
    uint64_t start = almi_capi_monotonic_ns();
    alm_error internal = {0};
    if (!s || !stream || !answers || s->model != stream->model ||
        !almi_capi_fits(answers, sizeof *answers, sizeof *answers)) {
        return almi_capi_invalid(error, "almanac_predict_stream: a session and a stream of one "
                                        "model, and answers of this library's size are needed");
    }
    alm_scorer_output out = output_of(answers);
    alm_err code = alm_signal_predict(s->signal_scratch, stream->state, &out, &internal);
    if (code == ALM_OK) {
        answers->nanoseconds = almi_capi_monotonic_ns() - start;
    }
    return almi_capi_status(code, &internal, error);
}

almanac_status almanac_predict_bars(almanac_session *s, const almanac_bar *bars, size_t count,
                                    almanac_answers *answers, almanac_error *error)
{
    uint64_t start = almi_capi_monotonic_ns();
    alm_error internal = {0};
    _Static_assert(sizeof(almanac_bar) == sizeof(alm_bar), "bars are read where they are");
    _Static_assert(offsetof(almanac_bar, volume) == offsetof(alm_bar, volume), "and in order");
    if (!s || (!bars && count > 0) || !answers ||
        !almi_capi_fits(answers, sizeof *answers, sizeof *answers)) {
        return almi_capi_invalid(error, "almanac_predict_bars: a session, bars and answers of this "
                                        "library's size are needed");
    }
    alm_scorer_output out = output_of(answers);
    alm_err code = check_bars(s->model, &internal);
    if (code == ALM_OK) {
        code = alm_signal_rows(s->signal_scratch, (const alm_bar *)(const void *)bars, count, &out,
                               &internal);
    }
    if (code == ALM_OK) {
        answers->nanoseconds = almi_capi_monotonic_ns() - start;
    }
    return almi_capi_status(code, &internal, error);
}
