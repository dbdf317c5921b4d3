/* sold_out.h: what a period that was sold out counts as, in features, levels and labels.
 *
 * MASKED: as not known. Else as E[demand | demand >= what was sold] given what came before
 * (num/censored_demand.h): a function of the periods up to that one alone, so it does not look
 * ahead, and the same bits come out of a batch and of a state that is moved on. Sold out with
 * nothing sold says nothing, and is not known in any case. */
#ifndef ALM_FEATURE_SOLD_OUT_H
#define ALM_FEATURE_SOLD_OUT_H

#include "base/arena.h"
#include "num/censored_demand.h"
#include "table/panel.h"

/* `filter` begins as zeros. The period passes with the target's cell: one that was sold out becomes
 * OBSERVED with what stands in for its demand. Rule MASKED: nothing happens. */
void alm_sold_out_pass(alm_sold_out_rule rule, alm_censored_demand *filter, double *value,
                       uint8_t *state);

/* Of one series: panel->periods values, NaN but for cells that are sold out and stood in for. */
void alm_sold_out_series(const alm_panel *panel, size_t series, alm_sold_out_rule rule,
                         double *out);
/* Sets panel->imputed, in `arena`: NULL by rule MASKED, and where nothing was sold out. */
ALM_NODISCARD alm_err alm_sold_out_impute(alm_panel *panel, alm_sold_out_rule rule,
                                          alm_arena *arena, alm_error *error);

#endif
