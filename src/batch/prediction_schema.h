/* prediction_schema.h: the columns of the prediction store. Append only: every released store
 * keeps being read. Column order in files is the order here, the series keys after `level`, the
 * quantiles ("q05", "q50", "q99", "q00_5" for .005) after `mean`. */
#ifndef ALM_BATCH_PREDICTION_SCHEMA_H
#define ALM_BATCH_PREDICTION_SCHEMA_H

/* X(name, SQL type). Partition columns (prediction_date DATE, model_version VARCHAR,
 * forecast_horizon INTEGER) come last and are not in the data files. */
#define ALM_PREDICTION_HEAD(X)                                                               \
    X(run_id, "VARCHAR")                                                                     \
    X(schedule, "VARCHAR")                                                                   \
    X(node, "VARCHAR")  /* series keys joined by '|', or the aggregate's name */              \
    X(level, "VARCHAR") /* "series" for leaves, else the name of the level */
#define ALM_PREDICTION_BODY(X)                                                               \
    X(target_date, "DATE")                                                                   \
    X(prediction_timestamp, "TIMESTAMPTZ") /* logical: the prediction date at 00:00 UTC */    \
    X(mean, "DOUBLE")                      /* reconciled; quantiles too */
#define ALM_PREDICTION_TAIL(X)                                                               \
    X(base_mean, "DOUBLE")               /* before reconciliation */                         \
    X(method, "VARCHAR")                 /* what made the base forecast: "gbm+stat", "tsb" */ \
    X(stockout_probability, "DOUBLE")    /* by the end of target_date; null without stock */  \
    X(expected_days_to_stockout, "DOUBLE")                                                   \
    X(expected_shortfall, "DOUBLE")                                                          \
    X(explanation, "STRUCT(feature VARCHAR, contribution DOUBLE)[]")                         \
    X(fallback, "VARCHAR")               /* reason code, null when the model answered */      \
    X(feature_version, "VARCHAR")                                                            \
    X(training_run_id, "VARCHAR")                                                            \
    X(snapshot_id, "VARCHAR")                                                                \
    X(release_hash, "VARCHAR")

#endif
