/* forest_rows.h: feature rows of some series over the whole horizon, scored by the mean model.
 *
 * Direct: all rows are values at the origin, and each horizon block has a forest of its own.
 * Recursive: one forest of the next period. It starts behind the newest published period, its
 * forecasts become the observations of the next step (zero where the calendar says closed), and
 * what it makes of the unpublished periods is left out of the result. Known columns are read at
 * every step; the other observed columns are missing behind the start, and the plan has refused
 * features that would need them.
 *
 * Rows lie grouped by block, then series, then step, so that a forest scores and explains all of
 * its rows in one call: they are much faster for many rows than for few. */
#ifndef ALM_PIPELINE_FOREST_ROWS_H
#define ALM_PIPELINE_FOREST_ROWS_H

#include "pipeline/bundle.h"

typedef struct alm_forest_request {
    const alm_bundle *bundle; /* with at least one mean model */
    const alm_panel *panel;
    size_t origin;
    size_t delay;         /* publication delay, periods; below the origin's number of periods */
    const size_t *series; /* count: of the panel */
    const double *scale;  /* count, > 0 */
    size_t count;
    /* count: states of the plan at the origin (of a recursive plan at the newest published period),
     * from which the features come instead of from the panel's history. The panel needs values of
     * what is known in advance only. NULL: none. */
    const alm_feature_state *const *states;
} alm_forest_request;

typedef struct alm_forest_rows {
    size_t width; /* features */
    double *rows; /* count x steps rows of `width` */
    double *raw;  /* count x steps raw scores, without the base score */
} alm_forest_rows;

/* First row of a block, and the row of series number i (of the request) at a step counted from 0.
 * `block` is that of the step. */
size_t alm_forest_block_row(const alm_forest_request *request, size_t block);
size_t alm_forest_row(const alm_forest_request *request, size_t i, size_t step, size_t *block);

/* Demand that the forest expects, in units. ALM_ERR_NUMERIC names the series when not finite. */
ALM_NODISCARD alm_err alm_forest_mean(const alm_forest_request *request, size_t i, size_t step,
                                      double score, double *out, alm_error *error);

/* In `arena`; `scratch` is reset. Thread safe. */
ALM_NODISCARD alm_err alm_forest_rows_of(const alm_forest_request *request, alm_arena *arena,
                                         alm_arena *scratch, alm_forest_rows *out,
                                         alm_error *error);

/* forest_recursion.c: the same for a recursive plan; called by the above. */
ALM_NODISCARD alm_err almi_forest_recursion(const alm_forest_request *request, alm_arena *arena,
                                            alm_forest_rows *out, alm_error *error);

#endif
