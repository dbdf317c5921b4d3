/* metrics_view.h: the accuracy figures of a report.json, for tables and comparisons. The only file
 * of app/ that knows how a report is laid out. */
#ifndef ALM_APP_METRICS_VIEW_H
#define ALM_APP_METRICS_VIEW_H

#include "app/cli.h"

/* X(key, pinball level or NULL, title, decimals). Pinball losses stand in report.json under their
 * level, everything else under its key. */
#define ALMI_METRIC_MAP(X)             \
    X(wape, NULL, "WAPE", 3)           \
    X(bias, NULL, "BIAS", 3)           \
    X(rmsse, NULL, "RMSSE", 3)         \
    X(mase, NULL, "MASE", 3)           \
    X(mape, NULL, "MAPE", 3)           \
    X(rmse, NULL, "RMSE", 2)           \
    X(mae, NULL, "MAE", 2)             \
    X(pinball_50, "0.5", "PIN.50", 3)  \
    X(pinball_90, "0.9", "PIN.90", 3)  \
    X(pinball_95, "0.95", "PIN.95", 3) \
    X(coverage_90, NULL, "COVER90", 3)

typedef struct almi_metric_row {
    alm_str level;
    int64_t series;   /* nodes of the level */
    int64_t unscaled; /* of its series-windows, without a scale for RMSSE */
    alm_str method;
    bool is_release;  /* the forecast that is published */
    bool is_baseline; /* neither that nor one of its parts */
#define ALMI_METRIC_FIELD(key, level, title, decimals) double key;
    ALMI_METRIC_MAP(ALMI_METRIC_FIELD) /* NaN: not stated */
#undef ALMI_METRIC_FIELD
} almi_metric_row;

/* One row per level and method, in the order of the report. Everything in `arena`. */
ALM_NODISCARD alm_err almi_metrics_read(alm_str report, alm_arena *arena, almi_metric_row **out,
                                        size_t *count, alm_error *error);
/* The backtest, or the test of a signal, as a table under its title. */
ALM_NODISCARD alm_err almi_print_report(almi_cli *cli, alm_str report, alm_error *error);
/* KEY: the JSON text as it is; null when it is empty. */
void almi_put_raw_json(alm_json_writer *json, const char *key, alm_str text);

#endif
