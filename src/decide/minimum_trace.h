/* minimum_trace.h: y = (S'W^-1 S)^-1 S'W^-1 f with W = D + F F', solved through the aggregates;
 * optionally under y >= 0. Internal to reconcile_method.c.
 *
 * With U' = [I -C] over (aggregates, leaves) every incoherence of f is g = U'f, and
 *     y = leaves of  f - W U (U'W U)^-1 g,   U'W U = V + C W_b C' + E E',  E = U'F
 * (Wickramasuriya et al. 2019, section 2.3). V + C W_b C' is num/aggregate_system.h; the factor of
 * rank T comes in by the identity of Woodbury, a system of T x T. */
#ifndef ALM_DECIDE_MINIMUM_TRACE_H
#define ALM_DECIDE_MINIMUM_TRACE_H

#include "num/aggregate_system.h"
#include "num/reconcile_tree.h"

typedef struct almi_minimum_trace {
    const alm_hierarchy *hierarchy;
    double *variance;         /* D: node_count + leaf_count, aggregates first */
    alm_reconcile_tree *tree; /* a tree with a diagonal W; then all below is unused */
    alm_aggregate_system *system;
    size_t rank;              /* T; 0: W is a diagonal */
    const double *factor;     /* F: (node_count + leaf_count) x T */
    double *scaled;           /* D^-1 F, the same */
    double *incoherence;      /* E: node_count x T */
    double *solved;           /* (V + C W_b C')^-1 E */
    double *core;             /* Cholesky factor of I + E' solved, T x T */
    double *inverse_core;     /* Cholesky factor of I + F'D^-1 F, T x T: for W^-1 */
} almi_minimum_trace;

typedef struct almi_trace_weights {
    const alm_hierarchy *hierarchy;
    const double *variance; /* node_count + leaf_count, >= 0, finite */
    const double *factor;   /* (node_count + leaf_count) x rank; lives as long as the result */
    size_t rank;
    size_t dense_max;
} almi_trace_weights;

/* In `arena`, except the tree. */
ALM_NODISCARD alm_err almi_minimum_trace_create(const almi_trace_weights *weights,
                                                alm_arena *arena, almi_minimum_trace *out,
                                                alm_error *error);
void almi_minimum_trace_deinit(almi_minimum_trace *trace);

/* Leaves of `values` become y; aggregates are left undefined. Not for a tree with a diagonal W. */
ALM_NODISCARD alm_err almi_minimum_trace_solve(const almi_minimum_trace *trace, double *values,
                                               size_t width, alm_arena *scratch,
                                               alm_error *error);

/* The same under y >= 0, by block principal pivoting (num/reconcile_tree.h) over systems in the
 * leaves, which conjugate gradients solve with the unbounded solution as preconditioner. Every
 * column has a set of its own. *unsettled: columns not proven optimal after `rounds_max`. */
ALM_NODISCARD alm_err almi_minimum_trace_solve_bounded(const almi_minimum_trace *trace,
                                                       double *values, size_t width,
                                                       size_t *rounds, size_t *unsettled,
                                                       alm_error *error);

/* x = W x, (node_count + leaf_count) x width. */
ALM_NODISCARD alm_err almi_minimum_trace_spread(const almi_minimum_trace *trace, double *x,
                                                size_t width, alm_arena *scratch,
                                                alm_error *error);
/* out = W^-1 x, both (node_count + leaf_count) x width; may be the same. */
ALM_NODISCARD alm_err almi_minimum_trace_weigh(const almi_minimum_trace *trace, const double *x,
                                               size_t width, alm_arena *scratch, double *out,
                                               alm_error *error);

#endif
