/* overlay.h: one series of the online state as it would be if something were otherwise.
 *
 * A reader's view of its own: sales of days that are over are replaced or extended, columns have
 * other values, on days that are over and on days to come. The online state is not touched, and
 * nobody else sees it.
 *
 * SALES. A day's total is what is said. Of a day that the online state has, everything is then bit
 * for bit as if an event had corrected the day: the series' features and history, the sums of the
 * groups that it belongs to, the weekday profile that all series share. Days behind the last that
 * is over move the origin of this series on: days between that are not told of have no row, by the
 * project's rule. Of the other series nothing is known there, so group sums of those days are
 * missing, and the profile stays that of the online state's own last day.
 *
 * COLUMNS. Columns of the project's `series: columns` by name. Days that are over: what the feature
 * state still holds is amended. Days to come: of a column that is known in advance the values that
 * features read there; of any other nobody could know them, and they change nothing. A column that
 * says which days are closed decides that too, on days to come.
 *
 * What a change cannot reach is told (alm_change_reach), not passed over in silence. */
#ifndef ALM_SERVE_OVERLAY_H
#define ALM_SERVE_OVERLAY_H

#include "serve/live/online_state.h"

#define ALM_OVERLAY_DAYS_MAX 2000  /* of one list */
#define ALM_OVERLAY_COLUMNS_MAX 32

typedef struct alm_day_value {
    alm_date day;
    double value;
} alm_day_value;

typedef struct alm_column_change {
    alm_str column; /* several changes of one column: the later one holds */
    const alm_day_value *value; /* a day once */
    size_t count;
    bool has_ahead; /* `ahead` is the value of all days to come that the list does not have */
    double ahead;
} alm_column_change;

typedef struct alm_changes {
    const alm_day_value *sales; /* a day once */
    size_t sales_count;
    const alm_column_change *column;
    size_t column_count;
} alm_changes;

/* X(name, text): how far a change of a column comes, the farthest of its days. */
#define ALM_CHANGE_REACH_MAP(X)                                                           \
    X(NOT_READ, "no feature of the model reads this column")                              \
    X(NOT_AHEAD, "the project knows this column only when a day is over, so no feature "  \
                 "reads days to come")                                                    \
    X(TOO_OLD, "no feature reads as far back")                                            \
    X(SAME, "the values are those that are known anyway")                                 \
    X(READ, "features read it")

typedef enum alm_change_reach {
#define ALM_CHANGE_REACH_ENUM(name, text) ALM_CHANGE_##name,
    ALM_CHANGE_REACH_MAP(ALM_CHANGE_REACH_ENUM)
#undef ALM_CHANGE_REACH_ENUM
} alm_change_reach;

const char *alm_change_reach_text(alm_change_reach reach);

typedef struct alm_overlay_request {
    const alm_online_state *online;
    const alm_online_now *now; /* between enter and leave, until the overlay is cleared */
    size_t series;
    alm_date today; /* sales behind it lie in the future */
} alm_overlay_request;

typedef struct alm_overlay {
    alm_panel panel;
    alm_profile profile;
    size_t origin;  /* period of the last day that is over */
    const alm_feature_state *state;
    alm_feature_state *own; /* NULL: `state` is the online state's */
    size_t replaced, extended; /* days of sales: of those that were over, and behind them */
    alm_change_reach *reach;   /* by change of a column */
} alm_overlay;

/* In `arena`, and borrowed from `now`; to be cleared. ALM_ERR_INVALID: a column that the project
 * does not have (lists those that it has), a value that is not finite (sales: or below 0), a day
 * that is said twice, before the series begins, in the future (sales), or behind the days that a
 * forecast looks at (columns). ALM_ERR_LIMIT: more than the
 * bounds above, or a day so old that features which look at
 * all of the past would have to be made again. ALM_ERR_UNSUPPORTED: a plan whose features are not
 * made day by day from what can be told. Thread safe. */
ALM_NODISCARD alm_err alm_overlay_make(const alm_overlay_request *request,
                                       const alm_changes *changes, alm_arena *arena,
                                       alm_overlay *out, alm_error *error);
void alm_overlay_clear(alm_overlay *overlay); /* takes one that is zero */

#endif
