#include "monitor/prediction_recorder.h"

#include <stdatomic.h>

#define KEPT_BYTES_MAX ((size_t)1 << 20) /* a worker keeps its memory for lines up to this */

typedef struct worker {
    _Alignas(64) alm_buffer line;
    atomic_uint_fast64_t put, refused, no_memory;
} worker;

struct alm_prediction_recorder {
    alm_line_writer *writer;
    double rate;
    int workers;
    worker *worker;
};

static alm_err make_workers(alm_prediction_recorder *r, int count, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try((size_t)count * sizeof(worker), &memory, error));
    r->worker = memory;
    r->workers = count;
    return ALM_OK;
}

alm_err alm_prediction_recorder_create(const alm_prediction_recorder_options *options,
                                       alm_prediction_recorder **out, alm_error *error)
{
    void *memory = NULL;
    if (!(options->rate >= 0 && options->rate <= 1)) {
        return alm_fail(error, ALM_ERR_USAGE, "a rate of predictions on record is 0 to 1, not %g",
                        options->rate);
    }
    ALM_TRY(alm_heap_try(sizeof(alm_prediction_recorder), &memory, error));
    alm_prediction_recorder *r = memory;
    r->rate = options->rate;
    alm_err code = alm_line_writer_create(options->sink, options->workers, options->ring_bytes,
                                          &r->writer, error);
    code = code == ALM_OK ? make_workers(r, options->workers, error) : code;
    if (code != ALM_OK) {
        alm_prediction_recorder_destroy(r);
        return code;
    }
    *out = r;
    return ALM_OK;
}

void alm_prediction_recorder_destroy(alm_prediction_recorder *recorder)
{
    if (!recorder) {
        return;
    }
    alm_line_writer_destroy(recorder->writer);
    for (int i = 0; i < recorder->workers; i++) {
        alm_buffer_deinit(&recorder->worker[i].line);
    }
    alm_heap_free(recorder->worker);
    alm_heap_free(recorder);
}

bool alm_prediction_recorder_wants(const alm_prediction_recorder *recorder, alm_str request_id)
{
    return recorder && alm_prediction_is_sampled(request_id, recorder->rate);
}

static void count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void alm_prediction_recorder_put(alm_prediction_recorder *recorder, int number,
                                 const alm_prediction_record *record)
{
    alm_assert(number >= 0 && number < recorder->workers);
    worker *own = &recorder->worker[number];
    alm_err code = alm_prediction_write(record, &own->line, NULL);
    if (code == ALM_OK &&
        alm_line_writer_put(recorder->writer, number, alm_buffer_view(&own->line))) {
        count(&own->put);
    } else if (code != ALM_OK) { /* the writer counts what finds no room */
        count(code == ALM_ERR_MEMORY ? &own->no_memory : &own->refused);
    }
    alm_buffer_clear(&own->line);
    if (own->line.capacity > KEPT_BYTES_MAX || code == ALM_ERR_MEMORY) {
        alm_buffer_deinit(&own->line);
    }
}

void alm_prediction_recorder_flush(alm_prediction_recorder *recorder)
{
    alm_line_writer_flush(recorder->writer);
}

alm_prediction_recorder_counts
alm_prediction_recorder_count(const alm_prediction_recorder *recorder)
{
    alm_prediction_recorder_counts out = {.dropped = alm_line_writer_dropped(recorder->writer),
                                          .failed = alm_line_writer_failed(recorder->writer)};
    for (int i = 0; i < recorder->workers; i++) {
        worker *one = &recorder->worker[i];
        out.put += atomic_load_explicit(&one->put, memory_order_relaxed);
        out.refused += atomic_load_explicit(&one->refused, memory_order_relaxed);
        out.dropped += atomic_load_explicit(&one->no_memory, memory_order_relaxed);
    }
    return out;
}

alm_err alm_prediction_recorder_status(alm_prediction_recorder *recorder, alm_error *error)
{
    return alm_line_writer_status(recorder->writer, error);
}
