/* What a kept answer costs beside a computed one: a row of 40 features through forests of several
 * sizes, computed, looked for in vain and kept, and found; and putting an answer on record. */
#include <string.h>

#include "base/rng.h"
#include "bench_measure.h"
#include "monitor/prediction_recorder.h"
#include "serve/models/inference_cache.h"
#include "serve/models/model_set_cases.h"
#include "serve/models/replay.h"

enum { FEATURES = 40, LEAVES = 31, ROUNDS = 9, QUESTIONS = 4000 };

typedef struct work {
    alm_cached_inference how;
    double *values; /* QUESTIONS rows */
    alm_prediction_recorder *recorder;
} work;

/* A disk that takes everything: what it costs is no matter of this. */
static alm_err take(alm_line_sink *sink, alm_str lines, alm_error *error)
{
    (void)sink;
    (void)lines;
    (void)error;
    return ALM_OK;
}

static alm_err no_work(alm_line_sink *sink, alm_error *error)
{
    (void)sink;
    (void)error;
    return ALM_OK;
}

static alm_inference_answer ask(const work *w, size_t i, alm_cache_use *use)
{
    alm_inference_answer answer;
    uint64_t cache_ns;
    alm_error error = {0};
    alm_inference_input input = {.rows = 1, .column_count = FEATURES,
                                 .values = w->values + i * FEATURES};
    bench_check(alm_inference_run_cached(&w->how, &input, &answer, use, &cache_ns, &error), &error);
    return answer;
}

/* Seconds of one answer. */
static double answers(work *w, alm_cache_use expected)
{
    double start = bench_seconds();
    for (size_t i = 0; i < QUESTIONS; i++) {
        alm_cache_use use = ALM_CACHE_NONE;
        (void)ask(w, i, &use);
        alm_assert(use == expected);
        alm_arena_reset(w->how.arena);
    }
    return (bench_seconds() - start) / QUESTIONS;
}

static double records(work *w)
{
    alm_cache_use use;
    alm_prediction_record record = {.request_id = ALM_STR("4f1c7c9e"), .row_count = 1,
                                    .served_by = ALM_STR("model"), .column_count = FEATURES,
                                    .output_count = 1};
    alm_inference_answer answer = ask(w, 0, &use);
    record.column = alm_served_model_describe(w->how.model)->scorer->row_column;
    record.answer = answer.value;
    double start = bench_seconds();
    for (size_t i = 0; i < QUESTIONS; i++) {
        record.value = w->values + i * FEATURES;
        alm_prediction_recorder_put(w->recorder, 0, &record);
    }
    return (bench_seconds() - start) / QUESTIONS;
}

static void measure(work *w, size_t trees)
{
    double seconds[3][ROUNDS];
    char name[64];
    static const char *const WHAT[] = {"computed", "missed_and_kept", "kept"};
    for (int round = 0; round < ROUNDS; round++) {
        alm_answer_cache *cache = NULL;
        bench_check(alm_answer_cache_create((size_t)64 << 20, 1, &cache, NULL), NULL);
        w->how.cache = NULL;
        seconds[0][round] = answers(w, ALM_CACHE_NONE);
        w->how.cache = cache;
        seconds[1][round] = answers(w, ALM_CACHE_STORED);
        seconds[2][round] = answers(w, ALM_CACHE_HIT);
        w->how.cache = NULL;
        alm_answer_cache_destroy(cache);
    }
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "answer_%zu_trees_%s", trees, WHAT[i]);
        bench_print(name, 1e6 * bench_median(seconds[i], ROUNDS), "us");
    }
}

int main(void)
{
    static const size_t TREES[] = {10, 100, 500};
    static const alm_line_sink_ops NOWHERE = {"nowhere", take, no_work, no_work};
    alm_line_sink sink = {&NOWHERE};
    alm_rng rng = alm_rng_stream(3, 1);
    const alm_env env = {0};
    work w = {.how.env = &env, .how.arena = alm_arena_create(0)};
    alm_arena *arena = alm_arena_create(0);
    w.values = ALM_NEW_ARRAY(arena, double, QUESTIONS * FEATURES);
    for (size_t i = 0; i < QUESTIONS * FEATURES; i++) {
        w.values[i] = alm_rng_next_normal(&rng);
    }
    alm_prediction_recorder_options options = {&sink, 1, 1, (size_t)64 << 20};
    bench_check(alm_prediction_recorder_create(&options, &w.recorder, NULL), NULL);
    for (size_t i = 0; i < 3; i++) {
        forest_shape shape = {.trees = TREES[i], .outputs = 1, .features = FEATURES,
                              .leaves = LEAVES, .grid = 64};
        case_source source = {.text = {case_named(arena, scorer_case_lightgbm(arena, &shape, 4,
                                                                              "regression"))}};
        alm_model_set *set = case_set(1, "m", &source);
        const alm_model_snapshot *s = alm_model_set_enter(set, 0);
        bench_check(alm_model_snapshot_ready(s, ALM_STR("m"), ALM_STR(""), &w.how.model, NULL),
                    NULL);
        measure(&w, TREES[i]);
        if (i == 0) {
            double seconds[ROUNDS];
            for (int round = 0; round < ROUNDS; round++) {
                seconds[round] = records(&w);
            }
            bench_print("put_on_record", 1e6 * bench_median(seconds, ROUNDS), "us");
        }
        alm_model_set_leave(set, 0);
        alm_model_set_destroy(set);
    }
    alm_prediction_recorder_destroy(w.recorder);
    alm_arena_destroy(w.how.arena);
    alm_arena_destroy(arena);
    return 0;
}
