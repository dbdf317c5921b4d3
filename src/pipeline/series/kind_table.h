/* kind_table.h: which statistical forecaster makes the statistical part of which series: the part
 * of a bundle that is chosen in training, by class of demand and, of the series' own classes, for
 * fast and slow movers. Written as canonical kinds.json:
 *   {"aggregate": "ets",
 *    "erratic": {"fast": "theta_dynamic_optimised", "slow": "level"}, "intermittent": ...}
 * `level` is level x profile (history.h), what a bundle without a table has for every series.
 *
 * Nothing of a series is kept: a run fits the class's kind to the history that it reads
 * (kind_forecast.h), so the table's size does not depend on the number of series, and snapshot and
 * bundle together give every parameter again.
 *
 * Series of the class `new` have level x profile: less than eight weeks are too few for a choice.
 *
 * Pure functions; a table is a value. */
#ifndef ALM_PIPELINE_KIND_TABLE_H
#define ALM_PIPELINE_KIND_TABLE_H

#include "base/str.h"
#include "model/statistical/statistical.h"
#include "pipeline/history.h"

/* A fast mover is expected to sell ALM_DEMAND_FAST_UNITS and more over the horizon
 * (model/statistical/automatic/demand_class.h). */
typedef enum alm_mover { ALM_MOVER_FAST, ALM_MOVER_SLOW, ALM_MOVER_COUNT } alm_mover;

typedef struct alm_kind_table {
    bool given; /* false: a bundle without kinds.json */
    /* NULL: level x profile. Aggregates have no movers: both are the same. */
    const alm_forecaster_kind *kind[ALM_CLASS_COUNT][ALM_MOVER_COUNT];
} alm_kind_table;

const char *alm_mover_name(alm_mover mover); /* "fast", "slow" */
alm_mover alm_mover_of(const alm_history *history, size_t horizon);

/* Can a class have anything but level x profile? Not new, not empty. */
bool alm_class_has_kinds(alm_class class_of_series);

/* "level", or the kind's name; and back: false where there is none of that name. */
const char *alm_kind_name(const alm_forecaster_kind *kind);
bool alm_kind_named(alm_str name, const alm_forecaster_kind **out);

/* NULL: level x profile. */
const alm_forecaster_kind *alm_kind_of(const alm_kind_table *table, const alm_history *history,
                                       size_t horizon);

void alm_kind_table_write(const alm_kind_table *table, alm_buffer *out);
/* ALM_ERR_CORRUPT with `name` and the key that is wrong; ALM_ERR_UNSUPPORTED: a kind that this
 * engine does not have. `out` is untouched then. */
ALM_NODISCARD alm_err alm_kind_table_read(alm_str json, const char *name, alm_kind_table *out,
                                          alm_error *error);

#endif
