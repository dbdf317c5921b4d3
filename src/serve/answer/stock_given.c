#include "serve/answer/stock_given.h"

#include <math.h>

alm_stock_seen alm_stock_of_paths(const alm_node_paths *paths)
{
    return (alm_stock_seen){.has_stock = paths->has_stock, .on_hand = paths->on_hand,
                            .receipts = paths->has_stock ? paths->receipts : NULL};
}

alm_stock_seen alm_stock_of_run(const alm_committed_run *run, const alm_committed_node *node,
                                alm_date first, alm_arena *arena)
{
    alm_node_paths paths;
    if (!run || alm_committed_paths(run, node, arena, &paths, NULL) != ALM_OK ||
        !paths.has_stock) {
        return (alm_stock_seen){0};
    }
    if (alm_committed_run_facts(run)->prediction_date != first) {
        return (alm_stock_seen){.is_older = true};
    }
    return alm_stock_of_paths(&paths);
}

alm_err alm_stock_position_of(const alm_stock_given *given, const alm_stock_seen *seen,
                              size_t steps, alm_arena *arena, alm_stock_position *out,
                              alm_error *error)
{
    if (!seen->has_stock && !given->has_on_hand) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: say on_hand",
                        seen->is_older ? "the run's stock position is of an earlier day"
                                       : "the run has no stock position of this series");
    }
    alm_stock_position made = {given->has_on_hand ? given->on_hand : seen->on_hand,
                               seen->receipts};
    if (!isfinite(made.on_hand)) {
        return alm_fail(error, ALM_ERR_INVALID, "on_hand is not finite");
    }
    if (given->has_receipts) {
        double *receipts = ALM_NEW_ARRAY(arena, double, steps);
        for (size_t i = 0; i < given->receipts; i++) {
            const alm_order_receipt *receipt = &given->receipt[i];
            if (receipt->day < 1 || !isfinite(receipt->units)) {
                return alm_fail(error, ALM_ERR_INVALID, "receipt %zu: a day from 1 on and finite "
                                "units", i);
            }
            if ((size_t)receipt->day <= steps) { /* later ones come behind what is looked at */
                receipts[receipt->day - 1] += receipt->units;
            }
        }
        made.receipts = receipts;
    }
    *out = made;
    return ALM_OK;
}
