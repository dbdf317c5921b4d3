/* signal_desk_fixture.h: a small project of bars with a signal, ready to train. Only *_test.c
 * include it. */
#ifndef ALM_TRAIN_SIGNAL_DESK_FIXTURE_H
#define ALM_TRAIN_SIGNAL_DESK_FIXTURE_H

#include "project/project_fixture.h"
#include "train/train.h"

#include <math.h>

#define DESK_BARS 400

static const char DESK_YAML[] =
    "almanac: 1\nname: desk\nsources:\n  prices:\n    files: prices.csv\n    time: stamp\n"
    "    keys: [symbol]\n    columns: {stamp: instant, symbol: text, open: f64, high: f64, "
    "low: f64, close: f64}\nbars:\n  source: prices\n  features:\n    - return(close, 1)\n"
    "    - zscore(close, 10)\nsignals:\n  swing:\n    horizons: [3]\n    folds: 2\n"
    "    profit: 1\n    loss: 1\n    members:\n"
    "      boost: {learner: lightgbm, trees: 5, leaves: 4, leaf_rows_min: 5}\n";

typedef struct desk {
    fixture *f;
    alm_snapshot snapshot;
    alm_registry *registry;
    alm_train_options options;
} desk;

/* Hourly bars of a price that swings, with draws of the seed. */
static inline void desk_put_bars(fixture *f, uint32_t seed)
{
    alm_buffer text = {0};
    double close = 100;
    alm_buffer_text(&text, "stamp,symbol,open,high,low,close\n");
    for (int i = 0; i < DESK_BARS; i++) {
        double before = close;
        seed = seed * 1664525u + 1013904223u;
        double wave = i % 44 < 22 ? i % 44 / 11.0 - 1 : 3 - i % 44 / 11.0;
        close *= 1 + 0.003 * wave + 0.004 * (seed / 4294967296.0 - 0.5);
        alm_buffer_printf(&text, "2023-%02d-%02d %02d:00,XY,%.4f,%.4f,%.4f,%.4f\n",
                          1 + i / 24 / 28, 1 + i / 24 % 28, i % 24, before,
                          fmax(before, close) + 0.05, fmin(before, close) - 0.05, close);
    }
    fixture_put(f, "prices.csv", text.data);
    alm_buffer_deinit(&text);
}

/* Every look is a second later, as for a person. */
static inline alm_instant desk_later(void *context)
{
    static alm_instant now = 1700000000000000;
    (void)context;
    return now += 1000000;
}

static inline void desk_open(fixture *f, const char *yaml, desk *d)
{
    *d = (desk){.f = f};
    f->env.now = desk_later;
    fixture_open(f, yaml);
    desk_put_bars(f, 1);
    alm_assert(fixture_take(f, "2023-01-01", "2023-03-01", &d->snapshot) == ALM_OK);
    alm_assert(alm_registry_open(":memory:", &d->registry, &f->error) == ALM_OK);
    alm_snapshot_record record = {.manifest = d->snapshot.manifest,
                                  .sources = ALM_STR("{}"),
                                  .window_start = alm_instant_of_date(d->snapshot.start),
                                  .window_end = alm_instant_of_date(d->snapshot.end),
                                  .created = desk_later(NULL)};
    alm_assert(alm_digest_parse(d->snapshot.id, &record.id));
    alm_assert(alm_registry_add_snapshot(d->registry, &record, &f->error) == ALM_OK);
    d->options = (alm_train_options){.project = f->project,
                                     .signal = &f->project->signals[0],
                                     .snapshot = &d->snapshot,
                                     .objects = f->objects,
                                     .registry = d->registry,
                                     .project_commit = ALM_STR("c0ffee"),
                                     .who = ALM_STR("ann"),
                                     .why = ALM_STR("test")};
}

#endif
