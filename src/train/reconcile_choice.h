/* reconcile_choice.h: which method makes the forecasts of a model add up, when the project asks for
 * the best (`reconcile: best`).
 *
 * Candidates are bottom_up, ols, wls_structural, wls_variance and mint_shrink, in this order: of
 * equals the first, which is the simplest. Each makes the point forecasts of the selection origins
 * add up, never below zero, as a run does; whose error is least wins. The error is the mean over
 * the levels (the series are one) of the mean RMSSE of their nodes, so that a total counts as much
 * as all series together.
 *
 * HONEST. What wls_variance and mint_shrink know at an origin is learned from those before it whose
 * horizon was over by then, so no method is judged by days that it has learned from. The oldest
 * origins have none such before them, and judge nobody. The point forecasts are blended as classes
 * chose from all selection origins, which is the same for every candidate. What is published is
 * learned from all. A backtest chooses anew at every scored origin, by what was known there. */
#ifndef ALM_TRAIN_RECONCILE_CHOICE_H
#define ALM_TRAIN_RECONCILE_CHOICE_H

#include "train/reconcile_fit.h"

#define ALM_RECONCILE_CANDIDATES 5

typedef struct alm_reconcile_choice {
    alm_reconciling chosen;
    alm_reconciling candidate[ALM_RECONCILE_CANDIDATES];
    double rmsse[ALM_RECONCILE_CANDIDATES]; /* NaN: it was not judged */
    size_t origins; /* that judged */
} alm_reconcile_choice;

/* Would there be an origin that judges? ALM_ERR_CONFIG says how many there must be. `fit` as for
 * alm_reconcile_fit_check. */
ALM_NODISCARD alm_err alm_reconcile_choice_check(const alm_reconcile_fit *fit, alm_error *error);

/* `fit->records`, the newest first, `lag` or more of them apart where the older one was complete by
 * the newer one's origin. A method whose weights no bundle could hold, or that found no known
 * errors to learn from, is not judged. */
ALM_NODISCARD alm_err alm_reconcile_choose(const alm_reconcile_fit *fit, alm_arena *scratch,
                                           alm_reconcile_choice *out, alm_error *error);

#endif
