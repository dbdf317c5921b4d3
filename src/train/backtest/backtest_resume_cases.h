/* backtest_resume_cases.h: a small backtest that keeps its steps, on a file system that can fail.
 * Only *_test.c include it. */
#ifndef ALM_TRAIN_BACKTEST_RESUME_CASES_H
#define ALM_TRAIN_BACKTEST_RESUME_CASES_H

#include "train/train.h"

#include <stdio.h>

#include "base/fs_fault.h"
#include "pipeline/series/series_forecast.h"
#include "project/synthetic_project.h"
#include "train/backtest/checkpoint.h"

/* What makes the files of steps; other calls are those of reading and of scratch. */
#define CALLS_OF_STEPS                                                                        \
    (ALM_FS_CALL_BIT(CREATE) | ALM_FS_CALL_BIT(WRITE) | ALM_FS_CALL_BIT(SYNC) |               \
     ALM_FS_CALL_BIT(LINK) | ALM_FS_CALL_BIT(SYNC_DIRECTORY))
#define ORIGINS 6 /* of the grid: 3 scored, and back from the oldest by two weeks 2 to choose by */
#define STEPS (2 + 1 + ORIGINS + 3) /* fits, the final one, records, scores */

typedef struct bench {
    fixture *f;
    alm_snapshot snapshot;
    alm_model_spec model;
    const alm_forecaster_kind *beside[2];
    alm_train_options options;
    alm_fs *fault;
} bench;

/* Origins that were over when the first work began, and when it ended; UINT64_MAX: no work. */
typedef struct heard {
    uint64_t first, last;
} heard;

static inline void hear(void *context, const alm_progress *progress)
{
    heard *h = context;
    if (strcmp(progress->stage, "backtest") == 0) {
        alm_assert(strcmp(progress->unit, "origin") == 0);
        h->first = h->first == UINT64_MAX ? progress->done : h->first;
        h->last = progress->done;
    }
}

static inline bench bench_on(fixture *f, const synthetic_options *synthetic)
{
    synthetic_open(f, synthetic);
    bench b = {.f = f, .snapshot = synthetic_take(f, SYNTHETIC_END), .model = f->project->models[0],
               .beside = {alm_forecast_kind(ALM_STR("drift"))}};
    b.model.gbm.trees = 2;
    b.model.gbm.origin_stride = 10;
    b.options = (alm_train_options){.project = f->project,
                                    .objects = f->objects,
                                    .experimental = true,
                                    .backtest_only = true,
                                    .beside_count = 1,
                                    .keep = alm_path_join(f->arena, f->project->state,
                                                          "backtest")};
    alm_assert(alm_fs_fault_create(f->fs, &b.fault, &f->error) == ALM_OK);
    return b;
}

static inline void close_bench(bench *b)
{
    alm_fs_destroy(b->fault);
}

static inline alm_err run(bench *b, heard *h, alm_train_result *out)
{
    alm_env env = b->f->env;
    heard ignored;
    h = h ? h : &ignored;
    *h = (heard){UINT64_MAX, UINT64_MAX};
    env.fs = b->fault;
    env.progress = hear;
    env.context = h;
    b->options.model = &b->model;
    b->options.snapshot = &b->snapshot;
    b->options.beside = b->beside;
    return alm_train(&env, &b->options, b->f->arena, out, &b->f->error);
}

static inline alm_train_result must_run(bench *b, heard *h)
{
    alm_train_result result = {0};
    alm_err code = run(b, h, &result);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", b->f->error.message);
    }
    alm_assert(code == ALM_OK);
    return result;
}

static inline alm_str uninterrupted(bench *b)
{
    alm_train_options options = b->options;
    b->options.keep = NULL;
    alm_train_result result = must_run(b, NULL);
    alm_assert(!result.kept);
    b->options = options;
    return result.report;
}

static inline size_t files_of(bench *b, const char *folder, alm_fs_entry **out)
{
    size_t count = 0;
    alm_assert(b->f->fs->ops->list(b->f->fs, folder, b->f->arena, out, &count,
                                         &b->f->error) == ALM_OK);
    return count;
}

#endif
