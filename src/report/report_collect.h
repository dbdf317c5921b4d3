/* report_collect.h: what alm_report_write gathers. Internal to report/. */
#ifndef ALM_REPORT_REPORT_COLLECT_H
#define ALM_REPORT_REPORT_COLLECT_H

#include "report/report_internal.h"
#include "table/sql.h"

/* A leaf whose stock position is shown. */
typedef struct almi_wanted {
    alm_str level, node;
    double on_hand;
} almi_wanted;

typedef struct almi_collection {
    const alm_env *env;
    const alm_report_options *options;
    alm_arena *arena;
    alm_report_input input;
    alm_batch_run run;
    const alm_predictions_commit *commit;
    alm_json_document *manifest;
    alm_snapshot snapshot;
    alm_sql *sql;
    alm_table_builder *history;
    almi_wanted *series; /* leaves whose stock position is shown */
    size_t series_count;
} almi_collection;

/* Fills input.history, and on_hand of the wanted series, from the snapshot. */
ALM_NODISCARD alm_err almi_collect_history(almi_collection *c, alm_error *error);
/* Fills charts, predictions, stock-outs, methods and the explanation from the data files. */
ALM_NODISCARD alm_err almi_collect_predictions(almi_collection *c, alm_error *error);
/* Puts what is on hand into the table of stock-outs. */
ALM_NODISCARD alm_err almi_collect_stock(almi_collection *c, alm_table_builder **builder,
                                         alm_error *error);

#endif
