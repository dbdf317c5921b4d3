/* training_fixture.h: the synthetic project as a training panel. Only *_test.c include it. */
#ifndef ALM_TRAIN_TRAINING_FIXTURE_H
#define ALM_TRAIN_TRAINING_FIXTURE_H

#include "project/synthetic_project.h"
#include "train/training_panel.h"

typedef struct training_case {
    alm_snapshot snapshot;
    alm_panel_source *source;
    alm_training_panel panel;
    alm_feature_plan *plan;
} training_case;

/* Of the project as it is. */
static inline void training_case_open(fixture *f, int32_t delay, size_t block_series,
                                      training_case *out)
{
    out->snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_panel_options panel = {.start = ALM_DATE_NONE, .end = ALM_DATE_NONE, .future = 0,
                               .membership_date = ALM_DATE_NONE, .block_series = block_series};
    alm_assert(alm_panel_source_open(&f->env, f->project, f->objects, &out->snapshot, &panel,
                                     &out->source, &f->error) == ALM_OK);
    alm_assert(alm_training_panel_read(&f->env, out->source, (size_t)delay, &out->panel,
                                       &f->error) == ALM_OK);
    const alm_project *p = f->project;
    alm_assert(alm_feature_plan_compile(p->features, p->feature_count, p->models[0].blocks,
                                        p->models[0].block_count,
                                        alm_panel_source_schema(out->source), &out->plan,
                                        &f->error) == ALM_OK);
}

static inline void training_open(fixture *f, const synthetic_options *options, size_t block_series,
                                 training_case *out)
{
    synthetic_open(f, options);
    training_case_open(f, options ? options->delay : 0, block_series, out);
}

static inline void training_close(training_case *c)
{
    alm_feature_plan_destroy(c->plan);
    alm_training_panel_deinit(&c->panel);
    alm_panel_source_close(c->source);
}

#endif
