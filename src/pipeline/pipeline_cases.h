/* pipeline_cases.h: a small panel that the tests of this folder share. */
#ifndef ALM_PIPELINE_PIPELINE_CASES_H
#define ALM_PIPELINE_PIPELINE_CASES_H

#include <string.h>

#include "pipeline/history.h"

#define CASE_PERIODS 90
#define CASE_FUTURE 28

typedef struct panel_case {
    double values[CASE_PERIODS];
    uint8_t state[CASE_PERIODS];
    uint8_t closed[CASE_PERIODS + CASE_FUTURE];
    alm_panel_column column;
    alm_panel panel;
} panel_case;

/* One series from Monday 2024-01-01, closed on Sundays, first demand on day 5:
 * y(t) = (7919 t + 13) mod 11, or 0 when 31 t mod 3 = 0. */
static inline void make_panel_case(panel_case *c)
{
    memset(c, 0, sizeof *c);
    for (int t = 0; t < CASE_PERIODS + CASE_FUTURE; t++) {
        c->closed[t] = t % 7 == 6;
    }
    for (int t = 0; t < CASE_PERIODS; t++) {
        bool sold = t >= 5 && !c->closed[t] && t * 31 % 3 != 0;
        double y = (double)((t * 7919 + 13) % 11);
        c->values[t] = t >= 5 && !c->closed[t] ? (sold ? y : 0) : 0;
        c->state[t] = c->closed[t] ? ALM_PERIOD_CLOSED : ALM_PERIOD_OBSERVED;
    }
    c->column = (alm_panel_column){"units", ALM_ROLE_OBSERVED, c->values, CASE_PERIODS, NULL};
    alm_date start = 0;
    bool valid = alm_date_from_civil((alm_civil){2024, 1, 1}, &start);
    alm_assert(valid);
    c->panel = (alm_panel){.start = start,
                           .periods = CASE_PERIODS,
                           .future = CASE_FUTURE,
                           .series_count = 1,
                           .state = c->state,
                           .closed = c->closed,
                           .column_count = 1,
                           .columns = &c->column};
}

#endif
