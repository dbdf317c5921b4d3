/* vintage_fixture.h: the synthetic shop with a `known_at` for its sales. Only *_test.c include it.
 *
 * Which rows there are, and when each becomes known, is a function of the test. */
#ifndef ALM_TRAIN_VINTAGE_FIXTURE_H
#define ALM_TRAIN_VINTAGE_FIXTURE_H

#include "train/train_internal.h"
#include "train/training_fixture.h"

/* One row of the sales: what is said of a day (units; < 0: no row), and when it becomes known. */
typedef struct vintage_row {
    int units;
    int seen; /* day */
} vintage_row;

/* Row number k of series and day; false: there is none, nor one with a larger number. */
typedef bool (*vintage_rows)(int series, int day, int k, vintage_row *out);

/* Every row known at the end of its day, plus `late` days, and never restated. */
static inline bool vintage_prompt(int series, int day, int k, int late, vintage_row *out)
{
    *out = (vintage_row){synthetic_units(series, day), day + 1 + late};
    return k == 0;
}

/* The first place of `what` is replaced. */
static inline const char *vintage_edit(fixture *f, const char *text, const char *what,
                                       const char *by)
{
    const char *at = strstr(text, what);
    alm_assert(at != NULL);
    return alm_arena_printf(f->arena, "%.*s%s%s", (int)(at - text), text, by,
                            at + strlen(what));
}

/* Rows that become known after day `cut` are left out, but for those of series 0, which keeps the
 * numbers of the others. With `known_at`, the sales have that column. The calendar feature is left
 * out: it reads further ahead than a run would. Fewer training origins, each of which opens the
 * snapshot, keep the tests short. */
static inline void vintage_open(fixture *f, vintage_rows rows, int delay, int cut, bool known_at)
{
    synthetic_open(f, &(synthetic_options){.delay = delay});
    alm_buffer out = {0};
    alm_buffer_text(&out, "date,sku,store,units,price,seen\n");
    for (int at = 0; at < SYNTHETIC_DAYS * SYNTHETIC_SERIES; at++) {
        int day = at / SYNTHETIC_SERIES;
        int series = at % SYNTHETIC_SERIES;
        vintage_row row;
        for (int k = 0; rows(series, day, k, &row); k++) {
            char date[ALM_DATE_TEXT_BYTES];
            char seen[ALM_DATE_TEXT_BYTES];
            synthetic_day_text(day, date);
            synthetic_day_text(row.seen, seen);
            if (row.units >= 0 && (row.seen <= cut || series == 0)) {
                alm_buffer_printf(&out, "%s,%s,%s,%d,%d,%s\n", date, synthetic_sku(series),
                                  synthetic_store(series), row.units, 2 + row.units % 7, seen);
            }
        }
    }
    synthetic_write(f, "sales.csv", &out);
    alm_str yaml;
    alm_assert(alm_fs_read_all(f->fs, fixture_path(f, "almanac.yaml"), 1 << 20, f->arena, &yaml,
                               &f->error) == ALM_OK);
    const char *text = vintage_edit(f, yaml.data, "price: {type: f64, min: 0}\n",
                                    "price: {type: f64, min: 0}\n      seen: date\n");
    text = known_at ? vintage_edit(f, text, "    time: date\n",
                                   "    time: date\n    known_at: seen\n")
                    : text;
    text = vintage_edit(f, text,
                        "  - {name: event_in, op: days_to, column: event, window: 10}\n", "");
    text = vintage_edit(f, text, "origin_stride: 7\n", "origin_stride: 16\n");
    fixture_open(f, text);
}

/* Training state as far as the final panel, the plan and the past panels. */
typedef struct vintage_case {
    training_case c;
    alm_origin_panels origins;
} vintage_case;

static inline void vintage_case_open(fixture *f, size_t block_series, vintage_case *out)
{
    const alm_project *p = f->project;
    training_case_open(f, alm_project_source(p, ALM_STR("sales"))->publication_delay,
                       block_series, &out->c);
    out->origins = (alm_origin_panels){.env = &f->env,
                                       .project = p,
                                       .objects = f->objects,
                                       .snapshot = &out->c.snapshot,
                                       .source = out->c.source,
                                       .final = &out->c.panel,
                                       .horizon = SYNTHETIC_HORIZON,
                                       .restated = alm_panel_restates(p)};
}

static inline void vintage_case_close(vintage_case *v)
{
    alm_origin_panels_close(&v->origins);
    training_close(&v->c);
}

static inline void vintage_select(fixture *f, vintage_case *v, size_t cutoff,
                                  alm_training_rows *out)
{
    alm_vintage_rows_request request = {&v->origins, v->c.plan, &f->project->models[0],
                                        {cutoff, 0}, f->root};
    alm_err code = alm_vintage_rows_select(&request, f->arena, out, &f->error);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", f->error.message);
    }
    alm_assert(code == ALM_OK);
}

#endif
