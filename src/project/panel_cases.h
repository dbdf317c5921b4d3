/* panel_cases.h: opening panels of small projects and comparing their cells. Only *_test.c include
 * it. */
#ifndef ALM_PROJECT_PANEL_CASES_H
#define ALM_PROJECT_PANEL_CASES_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "project/panel_source.h"
#include "project/project_fixture.h"

enum { PERIODS = 6, FUTURE = 2 };

static inline alm_panel_source *open_panels(fixture *f, const alm_panel_options *options)
{
    alm_snapshot *s = ALM_NEW(f->arena, alm_snapshot);
    alm_panel_source *source = NULL;
    alm_err code = fixture_take(f, "2020-01-01", "2020-01-07", s);
    code = code != ALM_OK ? code
                          : alm_panel_source_open(&f->env, f->project, f->objects, s, options,
                                                  &source, &f->error);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", f->error.message);
    }
    alm_assert(code == ALM_OK);
    return source;
}

static inline alm_panel_options defaults(void)
{
    return (alm_panel_options){.start = ALM_DATE_NONE, .end = ALM_DATE_NONE, .future = FUTURE,
                               .membership_date = ALM_DATE_NONE, .block_series = 10};
}

static inline alm_panel next(fixture *f, alm_panel_source *source)
{
    alm_panel panel = {0};
    alm_err code = alm_panel_source_next(source, f->arena, &panel, &f->error);
    alm_assert(code == ALM_OK);
    return panel;
}

#define M NAN

static inline void expect_row(const alm_panel *panel, size_t column, size_t series,
                              const double *values, size_t count)
{
    const alm_panel_column *c = &panel->columns[column];
    size_t row = c->row_of_series ? c->row_of_series[series] : series;
    for (size_t t = 0; t < count; t++) {
        double got = c->values[row * c->stride + t];
        bool same = isnan(values[t]) ? isnan(got) : got == values[t];
        if (!same) {
            (void)fprintf(stderr, "%s, series %zu, period %zu: %g, expected %g\n", c->name,
                          series, t, got, values[t]);
        }
        alm_assert(same);
    }
}

#define EXPECT_ROW(panel, column, series, ...)                                     \
    expect_row(panel, column, series, (const double[]){__VA_ARGS__},               \
               sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* States as letters: Before, Observed, Zero, Missing, Closed, Stockout. */
static inline void expect_states(const alm_panel *panel, size_t series, const char *letters)
{
    char got[64] = "";
    for (size_t t = 0; t < panel->periods; t++) {
        got[t] = "BOZMCS"[panel->state[series * panel->periods + t]];
    }
    if (strcmp(got, letters) != 0) {
        (void)fprintf(stderr, "series %zu is %s, expected %s\n", series, got, letters);
    }
    alm_assert(strcmp(got, letters) == 0);
}

#endif
