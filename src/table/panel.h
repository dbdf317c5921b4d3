/* panel.h: a block of series on one grid of periods: what features, models and backtests see.
 *
 * A panel block holds `series_count` series over periods 0..periods-1, period t being the day
 * `start + t`. Known-in-advance columns reach `future` periods further. Blocks of series stream
 * through a run, so nothing here grows with the number of series in the project.
 *
 * A column's value for series i at period t is values[row(i) * stride + t] with
 * row(i) = row_of_series ? row_of_series[i] : i; a column shared by all series (a calendar) has one
 * row and a row_of_series of zeros; a group aggregate has one row per group. NaN = missing.
 * Everything is borrowed. */
#ifndef ALM_TABLE_PANEL_H
#define ALM_TABLE_PANEL_H

#include "base/date.h"

/* Why a cell has the value it has: missing periods are made explicit by the declared rule. */
typedef enum alm_period_state {
    ALM_PERIOD_BEFORE = 0,   /* not yet launched: no value */
    ALM_PERIOD_OBSERVED = 1, /* a row of the source */
    ALM_PERIOD_ZERO = 2,     /* no row, declared to mean zero */
    ALM_PERIOD_MISSING = 3,  /* no row, declared to mean not known: no value */
    ALM_PERIOD_CLOSED = 4,   /* closed by the calendar: zero demand by decree, not by choice */
    ALM_PERIOD_STOCKOUT = 5  /* out of stock: the sale is a lower bound of demand */
} alm_period_state;

/* What a sold-out period of the target counts as where demand is needed (feature/sold_out.h). */
typedef enum alm_sold_out_rule {
    ALM_SOLD_OUT_MASKED, /* not known */
    ALM_SOLD_OUT_IMPUTED /* the mean of demand of at least what was sold */
} alm_sold_out_rule;

typedef enum alm_column_role {
    ALM_ROLE_OBSERVED, /* known after the period (plus the publication delay) */
    ALM_ROLE_KNOWN     /* known in advance: calendar, planned price */
} alm_column_role;

typedef struct alm_panel_column {
    const char *name;
    alm_column_role role;
    const double *values;
    size_t stride;                 /* periods, or periods + future for a known column */
    const uint32_t *row_of_series; /* NULL: row i belongs to series i */
} alm_panel_column;

typedef struct alm_panel {
    alm_date start;
    size_t periods;
    size_t future;
    size_t series_count;
    size_t first_series;      /* number of series 0 of this block in the project's sorted order */
    const alm_str *keys;      /* series_count x key_count, row-major */
    size_t key_count;
    const uint8_t *state;     /* series_count x periods, alm_period_state */
    const uint8_t *closed;    /* periods + future, 1 where the calendar says closed; NULL: never */
    size_t column_count;      /* column 0 is the target */
    const alm_panel_column *columns;
    size_t static_count;
    const char *const *static_names;
    const double *statics;    /* series_count x static_count; text attributes are encoded */
    /* series_count x periods, 1: the target is a lower bound of demand. NULL: where the state says
     * STOCKOUT. Sums have it, as their states do not tell. */
    const uint8_t *sold_out;
    /* series_count x periods: what stands in for the demand of a cell that is STOCKOUT, else NaN;
     * NULL: such demand is not known. */
    const double *imputed;
} alm_panel;

static inline double alm_panel_value(const alm_panel *panel, size_t column, size_t series,
                                     size_t period)
{
    const alm_panel_column *c = &panel->columns[column];
    size_t row = c->row_of_series ? c->row_of_series[series] : series;
    return c->values[row * c->stride + period];
}

/* Is what was sold a lower bound of demand, and no error to be measured against it? */
static inline bool alm_panel_sold_out(const alm_panel *panel, size_t series, size_t period)
{
    size_t at = series * panel->periods + period;
    return panel->sold_out ? panel->sold_out[at] : panel->state[at] == ALM_PERIOD_STOCKOUT;
}

/* Index of the column with that name, or SIZE_MAX. */
size_t alm_panel_find_column(const alm_panel *panel, const char *name);
size_t alm_panel_find_static(const alm_panel *panel, const char *name);

#endif
