/* stock_given.h: the stock position that an answer is about: what the request says, else what the
 * committed run saw.
 *
 * A run's position is that of the morning of its prediction date. Where the days of an answer begin
 * later, because the online state has moved on, it is not the position any more, and the request
 * must say one. */
#ifndef ALM_SERVE_STOCK_GIVEN_H
#define ALM_SERVE_STOCK_GIVEN_H

#include "decide/replenish.h"
#include "serve/committed/committed_run.h"

typedef struct alm_order_receipt {
    int32_t day; /* from 1: the first day of the answer */
    double units;
} alm_order_receipt;

typedef struct alm_stock_given {
    bool has_on_hand; /* false: as the run saw it */
    double on_hand;
    bool has_receipts; /* false: as the run saw them */
    const alm_order_receipt *receipt;
    size_t receipts;
} alm_stock_given;

/* What a run saw, for days that begin on `first`. Without a run: nothing. */
typedef struct alm_stock_seen {
    bool has_stock;
    bool is_older; /* it has one, of an earlier day */
    double on_hand;
    const double *receipts; /* steps */
} alm_stock_seen;

alm_stock_seen alm_stock_of_paths(const alm_node_paths *paths);
/* NULL: no run. A series that the run does not have has no position. */
alm_stock_seen alm_stock_of_run(const alm_committed_run *run, const alm_committed_node *node,
                                alm_date first, alm_arena *arena);

/* The position for paths of `steps` days. ALM_ERR_INVALID: nobody says what is on hand, or a number
 * that is not finite. */
ALM_NODISCARD alm_err alm_stock_position_of(const alm_stock_given *given,
                                            const alm_stock_seen *seen, size_t steps,
                                            alm_arena *arena, alm_stock_position *out,
                                            alm_error *error);

#endif
