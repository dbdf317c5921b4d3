/* protocol_cases.h: requests of real clients, and a served model to answer them; for tests only. */
#ifndef ALM_HTTP_PROTOCOL_PROTOCOL_CASES_H
#define ALM_HTTP_PROTOCOL_PROTOCOL_CASES_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "serve/models/model_set_cases.h"

#define CASE_FEATURES 5

typedef struct protocol_case {
    alm_arena *arena;
    scorer_case files;
    case_source source;
    alm_model_set *set;
    const alm_model_snapshot *snapshot;
    const alm_served_model *model;
    const alm_served_info *info;
    alm_buffer out;
    alm_error error;
} protocol_case;

/* A forest over f0 to f4 with that objective. */
static inline void protocol_case_open(protocol_case *w, const char *objective, size_t outputs)
{
    forest_shape shape = {.trees = 6, .outputs = outputs, .features = CASE_FEATURES, .leaves = 12,
                          .grid = 8};
    memset(w, 0, sizeof *w);
    w->arena = alm_arena_create(0);
    scorer_case_init(&w->files);
    w->source.text[0] = case_named(w->arena,
                                   scorer_case_lightgbm(w->arena, &shape, 4, objective));
    w->set = case_set(1, "m", &w->source);
    w->snapshot = alm_model_set_enter(w->set, 0);
    alm_assert(alm_model_snapshot_ready(w->snapshot, ALM_STR("m"), ALM_STR(""), &w->model,
                                        &w->error) == ALM_OK);
    w->info = alm_served_model_describe(w->model);
}

static inline void protocol_case_close(protocol_case *w)
{
    alm_buffer_deinit(&w->out);
    alm_model_set_leave(w->set, 0);
    alm_model_set_destroy(w->set);
    alm_arena_destroy(w->files.arena);
    alm_arena_destroy(w->arena);
}

static inline void protocol_case_run(protocol_case *w, const alm_inference_input *input,
                                     alm_inference_answer *answer)
{
    alm_err code = alm_inference_run(w->model, 0, input, w->arena, answer, &w->error);
    if (code != ALM_OK) {
        fprintf(stderr, "%s\n", w->error.message);
    }
    alm_assert(code == ALM_OK);
}

/* A file of tests/golden/serving, with a NUL behind it. */
static inline alm_str protocol_case_file(alm_arena *arena, const char *name)
{
    const char *path = alm_arena_printf(arena, "tests/golden/serving/%s", name);
    alm_fs *fs = NULL;
    alm_str bytes = {0};
    alm_assert(alm_fs_real_create(&fs, NULL) == ALM_OK);
    alm_err code = alm_fs_read_all(fs, path, 1 << 20, arena, &bytes, NULL);
    alm_fs_destroy(fs);
    alm_assert(code == ALM_OK);
    return (alm_str){alm_arena_copy_text(arena, bytes.data, bytes.size), bytes.size};
}

/* The rows of capture.py; `whole`: 0 for the missing value. */
static inline void protocol_case_rows(double out[3 * CASE_FEATURES], bool whole)
{
    const double rows[] = {0.5, -1.25, 3.0, 0.0, 2.5, NAN, 7.75, -0.5, 1.0, -4.0,
                           100.0, 0.125, 0.25, -8.0, 0.0};
    memcpy(out, rows, sizeof rows);
    out[5] = whole ? 0 : out[5];
}

/* The same doubles, NaN like NaN. */
static inline bool protocol_case_same(const double *a, const double *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i]))) {
            return false;
        }
    }
    return true;
}

#endif
