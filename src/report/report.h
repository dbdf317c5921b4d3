/* report.h: one run as one self-contained HTML file.
 *
 * alm_report_render is a pure function from borrowed tables and texts to bytes: no clock, no
 * environment, no network; the same input gives the same bytes. alm_report_write fills that input
 * from the stores and the snapshot, and writes the file. The page needs no network and works
 * without script; a small inline one adds the theme switch and the choice of a series.
 *
 * Thread safety: render is pure; write uses its stores in one thread. */
#ifndef ALM_REPORT_REPORT_H
#define ALM_REPORT_REPORT_H

#include "project/snapshot.h"
#include "store/ledger.h"
#include "store/predictions.h"
#include "table/table.h"

/* ---- the page, purely ---- */

typedef struct alm_report_source {
    alm_str name;
    const alm_str *file_names;   /* as in the project file */
    const alm_str *file_digests; /* SHA-256 of the input files as read */
    size_t file_count;
    int64_t rows, rejected;
    alm_date first, last; /* ALM_DATE_NONE for a static table */
} alm_report_source;

/* A column of the panel beside the target. */
typedef struct alm_report_column {
    alm_str name, source;
    bool in_advance; /* known in advance; else observed, `delay` days after its day */
    bool is_optional;
    int32_t delay;
} alm_report_column;

/* Why a node is shown. */
typedef struct alm_report_chart {
    alm_str node;
    alm_str level;
    alm_str why; /* "level total", "highest expected shortfall", "cold start", ... */
} alm_report_chart;

typedef struct alm_report_input {
    alm_str project;
    alm_str unit;     /* of the target: "units" */
    alm_str manifest; /* run manifest, JSON */
    alm_digest manifest_digest;
    int64_t version;  /* of the prediction store */
    alm_str engine;
    alm_str alias;    /* through which the release was asked, or empty */
    alm_str backtest; /* report.json of the bundle; empty: none (an imported release) */
    const alm_report_source *sources;
    size_t source_count;
    const alm_report_column *columns; /* as the project file states them */
    size_t column_count;
    int32_t target_delay;
    alm_date snapshot_start, snapshot_end;
    const alm_ledger_entry *ledger; /* of the release, oldest first */
    size_t ledger_count;
    bool superseded; /* by `superseded_by` */
    alm_str superseded_by;

    const alm_report_chart *charts; /* in the order shown; the first one is the headline */
    size_t chart_count;
    /* Rows of the charted nodes sorted by level, node and step: level, node, target_date, mean, and
     * quantiles (q05 ...; drawn are q05, q25, q75, q95 where they are there). */
    const alm_table *predictions;
    /* level, node, date, value (null: not known), sold_out (1: demand was that or more; else 0);
     * sorted likewise. */
    const alm_table *history;
    /* Ranked: node, on_hand, p7, p14, p28 (null where the horizon is shorter), days, shortfall,
     * demand (sum of means). NULL: the project has no stock. */
    const alm_table *stockouts;
    int64_t stockout_series; /* series with a stock position */
    int64_t stockout_likely; /* of them, with a probability of at least 1/2 within 14 days */
    double stockout_shortfall; /* sum of expected shortfalls */
    const alm_table *methods;     /* method, nodes: what made the base forecasts */
    const alm_table *explanation; /* feature, contribution, in the order of the store; or NULL */
    alm_str explained_node;
    alm_date explained_date;
    double explained_mean;
} alm_report_input;

/* ALM_ERR_CORRUPT when the manifest or the backtest cannot be read. */
ALM_NODISCARD alm_err alm_report_render(const alm_report_input *input, alm_buffer *out,
                                        alm_error *error);

/* ---- from the stores ---- */

typedef struct alm_report_options {
    const alm_project *project;
    alm_registry *registry;
    alm_objects *objects;
    alm_predictions *predictions;
    alm_str run_id; /* "" with `model` and `date`: the run in force */
    alm_str model;  /* model version or alias */
    alm_date date;
    const char *path; /* of the HTML file; replaced if it is there */
} alm_report_options;

typedef struct alm_report_result {
    alm_str run_id;
    alm_str model_version;
    uint64_t size_bytes;
    size_t charts;
} alm_report_result;

/* ALM_ERR_NOT_FOUND (run, release, date), ALM_ERR_CORRUPT, ALM_ERR_IO. */
ALM_NODISCARD alm_err alm_report_write(const alm_env *env, const alm_report_options *options,
                                       alm_arena *arena, alm_report_result *out,
                                       alm_error *error);

#endif
