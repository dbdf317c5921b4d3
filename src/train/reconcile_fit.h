/* reconcile_fit.h: what a reconciliation rule of a bundle is learned from: the errors of the base
 * forecasts at earlier origins, of every node.
 *
 * An error is the outcome less the point forecast: of a series the blend of its class, of an
 * aggregate its own level x profile, at every open step of every record. Errors of all steps and
 * origins of a node count alike (so far ones weigh more, as their variance is larger). Where the
 * outcome of a node is not known (sold out, not launched), its variance is that of the others, and
 * the covariance takes the node's mean error, which says nothing about others. A node with fewer
 * than two known errors is left out: a run takes the variance of its marginal. */
#ifndef ALM_TRAIN_RECONCILE_FIT_H
#define ALM_TRAIN_RECONCILE_FIT_H

#include "pipeline/reconcile_rule.h"
#include "project/project.h"
#include "train/backtest/origin_record.h"

typedef struct alm_reconcile_fit {
    alm_reconciling reconciling; /* neither AUTOMATIC nor BEST */
    alm_str from;                /* empty: the first level */
    const alm_panel_source *source; /* names of the series */
    const alm_hierarchy *hierarchy; /* with at least one level */
    const alm_origin_record *records;
    size_t record_count;
    const alm_method *method; /* weights by class */
    size_t lag; /* records[k + lag] was complete by the origin of records[k]; reconcile_choice.h */
} alm_reconcile_fit;

/* Would it do, whatever the errors will be? ALM_ERR_CONFIG: a top-down method by forecasts over
 * levels that cross; ALM_ERR_LIMIT: more numbers than a bundle may hold; each with what to do. */
ALM_NODISCARD alm_err alm_reconcile_fit_check(const alm_reconcile_fit *fit, size_t steps,
                                              alm_error *error);

/* In `arena`. ALM_ERR_INCOMPLETE: too few errors are known. */
ALM_NODISCARD alm_err alm_reconcile_fit_rule(const alm_reconcile_fit *fit, alm_arena *arena,
                                             alm_reconcile_rule *out, alm_error *error);

/* The point forecast of a series at a step, the blend of its class. */
double alm_reconcile_point(const alm_reconcile_fit *fit, const alm_origin_record *record,
                           size_t series, size_t step);

/* Share of the bottom-up sum in the aggregates' base forecasts (alm_method.weight), which a method
 * sets: bottom-up has nothing else, the others want the aggregates' own. */
double alm_reconciling_aggregate_weight(alm_reconciling reconciling);

#endif
