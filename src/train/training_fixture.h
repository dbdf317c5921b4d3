/* training_fixture.h: the synthetic project as a training panel. Only *_test.c include it. */
#ifndef ALM_TRAIN_TRAINING_FIXTURE_H
#define ALM_TRAIN_TRAINING_FIXTURE_H

#include <string.h>

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

/* The project with a word about stock: `out` says which days of a series were sold out. */
static inline void training_sold_out(fixture *f, bool (*out)(int series, int day))
{
    static const char AT[] = "  attributes:\n";
    synthetic_open(f, NULL);
    alm_buffer text = {0};
    alm_buffer_text(&text, "date,sku,store,on_hand,receipts\n");
    for (int at = 0; at < SYNTHETIC_SERIES * SYNTHETIC_DAYS; at++) {
        int series = at % SYNTHETIC_SERIES;
        char date[ALM_DATE_TEXT_BYTES];
        synthetic_day_text(at / SYNTHETIC_SERIES, date);
        alm_buffer_printf(&text, "%s,%s,%s,%d,0\n", date, synthetic_sku(series),
                          synthetic_store(series), out(series, at / SYNTHETIC_SERIES) ? 0 : 9);
    }
    synthetic_write(f, "stock.csv", &text);
    alm_str yaml;
    alm_assert(alm_fs_read_all(f->fs, fixture_path(f, "almanac.yaml"), 1 << 20, f->arena, &yaml,
                               &f->error) == ALM_OK);
    const char *place = strstr(yaml.data, AT);
    alm_assert(place != NULL);
    fixture_open(f, alm_arena_printf(f->arena,
                                     "%.*s  available: {source: stock, column: on_hand}\n%s",
                                     (int)(place - yaml.data), yaml.data, place));
}

static inline void training_close(training_case *c)
{
    alm_feature_plan_destroy(c->plan);
    alm_training_panel_deinit(&c->panel);
    alm_panel_source_close(c->source);
}

#endif
