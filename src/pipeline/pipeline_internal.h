/* pipeline_internal.h: the state of one pipeline run, shared by its passes. */
#ifndef ALM_PIPELINE_PIPELINE_INTERNAL_H
#define ALM_PIPELINE_PIPELINE_INTERNAL_H

#include "decide/reconcile.h"
#include "pipeline/paths/paths.h"
#include "pipeline/pipeline.h"
#include "pipeline/sold_out_sums.h"
#include "pipeline/paths/spill.h"

/* Memory of one pool worker. */
typedef struct almi_worker {
    alm_arena *block;   /* results of the block at hand */
    alm_arena *batch;   /* rows of one task */
    alm_arena *scratch; /* temporaries of one series */
    alm_arena *nodes;   /* of aggregates; lives as long as the run */
    alm_forest_scratch **forest; /* one per mean model; NULL when nothing is explained */
} almi_worker;

typedef struct almi_node { /* an aggregate */
    alm_base base;
    uint8_t *rank; /* templates x steps */
} almi_node;

typedef struct almi_pipeline {
    const alm_env *env;
    const alm_pipeline_request *request;
    const alm_method *method;
    const alm_hierarchy *hierarchy;
    const alm_panel *aggregates; /* the source's; where bounds are asked for, with `sold_out` */
    alm_sellers *sellers; /* node_count x periods, in pass 1; NULL: nobody asks for bounds */
    bool sold_out;        /* something was */
    alm_profile profile;
    size_t origin, delay;
    size_t steps, templates;
    size_t paths;
    size_t width; /* (paths + 1) * steps: the sample paths, then the mean */
    size_t leaf_count, node_count;
    alm_arena *arena; /* lives as long as the run */
    alm_arena *block_arena;
    almi_worker *workers;
    alm_spill *spill;
    size_t *block_counts; /* leaves per block */
    size_t block_count;
    double *leaf_variance;
    double *leaf_level;   /* 0 for a leaf that cannot lend its level: see cold_start.c */
    float *nonzero_share;
    alm_leaf **cold;      /* leaves with a borrowed level, in order, in place of spilled ones */
    uint32_t *cold_index;
    size_t cold_count, cold_room;
    double *bottom_up; /* node_count x steps: sums of the leaves' base means */
    almi_node *nodes;
    double *sums;    /* node_count x width: of the adjusted leaves */
    double *targets; /* node_count x width: base forecasts of the aggregates */
    double *lambda;  /* node_count x width, or NULL when aggregates have no forecast of their own */
    double *round_scratch;
    alm_reconciler *reconciler;
    const alm_reconcile_rule *rule; /* of the bundle; NULL: `reconciler`, or nothing to adjust */
    alm_leaf_rule leaf_rule;
    uint32_t from_level;         /* top-down */
    double *leaf_share;          /* top-down: leaf_count, of the past */
    alm_reconciliation *weights; /* ols, wls, mint */
    double *factor;              /* (node_count + leaf_count) x factor_count */
    size_t factor_count;         /* rows of lambda behind the aggregates */
} almi_pipeline;

/* Leaves of the block at hand, their paths and what was read out of them. */
typedef struct almi_leaf_block {
    almi_pipeline *run;
    alm_leaf *leaves;
    size_t first, count;
    double *values; /* count x width, adjusted */
    alm_forecast *forecasts; /* NULL in passes that only sum */
} almi_leaf_block;

/* pass_base.c */
ALM_NODISCARD alm_err almi_pass_base(almi_pipeline *run, alm_error *error);
ALM_NODISCARD alm_err almi_pass_nodes(almi_pipeline *run, alm_error *error);

/* cold_start.c: gives every leaf that is too young the level of its analogues. */
ALM_NODISCARD alm_err almi_cold_keep(almi_pipeline *run, size_t index, const alm_leaf *leaf,
                                     alm_error *error);
void almi_cold_start(almi_pipeline *run);

/* pass_paths.c: reads all leaves from the spill, makes and adjusts their paths, sums them, and when
 * `sink` is given reads them out. */
ALM_NODISCARD alm_err almi_pass_paths(almi_pipeline *run, const alm_forecast_sink *sink,
                                      alm_error *error);
/* Sample paths of the aggregates' own forecasts -> run->targets. */
void almi_node_targets(almi_pipeline *run);

/* Of a node's marginals, a mean over the steps. */
static inline double almi_marginal_variance(const alm_base *base, size_t steps)
{
    double squares = 0;
    for (size_t h = 0; h < steps; h++) {
        squares += base->mean[h] * base->mean[h];
    }
    return squares / (double)steps * base->history.shape_variance;
}

static inline alm_base_workspace almi_workspace(const almi_worker *worker, alm_arena *results)
{
    return (alm_base_workspace){results, worker->batch, worker->scratch, worker->forest};
}

/* pass_reconcile.c, with run->rule: what has to be known before pass 1; after the base forecasts,
 * all that pass 3 needs. */
ALM_NODISCARD alm_err almi_rule_prepare(almi_pipeline *run, alm_error *error);
ALM_NODISCARD alm_err almi_rule_solve(almi_pipeline *run, alm_error *error);
/* Top-down by the past: what a leaf's share of its node is in proportion to. */
double almi_past_share(const almi_pipeline *run, const alm_panel *panel, size_t series);
/* With run->lambda. */
alm_leaf_adjustment almi_leaf_adjustment(const almi_pipeline *run, size_t leaf);

/* pass_paths.c: leaves [first, first + count) as read from the spill: those with a borrowed level
 * are replaced. */
void almi_replace_cold(const almi_pipeline *run, size_t first, size_t count, alm_leaf *leaves);

/* readout.c: one node's published numbers from its reconciled values (width). */
typedef struct almi_readout {
    const almi_pipeline *run;
    const alm_base *base;
    const double *base_mean; /* steps */
    const double *values;    /* width */
    const uint8_t *rank;     /* templates x steps */
    alm_leaf_adjustment adjustment; /* of a leaf */
    double on_hand;          /* NaN: none */
    const double *receipts;
    alm_arena *arena;
    alm_arena *scratch;
} almi_readout;

void almi_read_out(const almi_readout *in, alm_forecast *out);

#endif
