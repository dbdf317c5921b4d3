/* predict_scorer.h: a scorer's answers as the columns of a file, for predict_file.c only.
 *
 * Of every horizon: `prediction`, or `class`, `p_LABEL` for each label and `confidence`; then, when
 * asked for, `member_NAME`, or `member_NAME_p_LABEL`, of each of its members. With several horizons
 * the horizon's name is behind each, as in `class_5`.
 *
 * What it needs of a row: the scorer's columns; or, of a scorer with `bars`, open, high, low,
 * close and volume. Nets and bars look back at the rows before, of the same series: an answer that
 * they cannot give (signal/signal.h, "Missing") is NaN, and counted. */
#ifndef ALM_BATCH_PREDICT_SCORER_H
#define ALM_BATCH_PREDICT_SCORER_H

#include "base/date.h"
#include "model/scorer/scorer.h"

typedef struct almi_predict_scorer almi_predict_scorer;

typedef struct almi_predict_scorer_options {
    const alm_scorer *scorer;
    bool members;
    size_t block_rows;
    alm_pool *pool;        /* may be NULL */
    size_t states_bytes;   /* of all series; 0: predict_series.h's */
} almi_predict_scorer_options;

/* Borrows scorer and pool. Errors of alm_signal_create. */
ALM_NODISCARD alm_err almi_predict_scorer_create(const almi_predict_scorer_options *options,
                                                 almi_predict_scorer **out, alm_error *error);
void almi_predict_scorer_destroy(almi_predict_scorer *predict); /* takes NULL */
/* NUL terminated; borrowed. */
const alm_str *almi_predict_scorer_names(const almi_predict_scorer *predict, size_t *count);
/* Numbers that a row has, in this order. Borrowed. */
const alm_str *almi_predict_scorer_columns(const almi_predict_scorer *predict, size_t *count);
bool almi_predict_scorer_takes_bars(const almi_predict_scorer *predict);
bool almi_predict_scorer_looks_back(const almi_predict_scorer *predict); /* bars or windows */

typedef struct almi_predict_block {
    const double *values; /* n x columns */
    size_t n;             /* at most block_rows */
    uint64_t first;       /* rows before these */
    const alm_str *series;    /* of every row; NULL: all are one series */
    const alm_instant *times; /* of bars */
} almi_predict_block;

/* out: n x names. Rows of a series come in its order. Errors of alm_scorer_predict; row and series
 * of a bar that does not follow the one before it; errors of predict_series.h. */
ALM_NODISCARD alm_err almi_predict_scorer_block(almi_predict_scorer *predict,
                                                const almi_predict_block *block, double *out,
                                                alm_error *error);
/* Rows so far with an answer that is missing; 0 without looking back. */
uint64_t almi_predict_scorer_missing(const almi_predict_scorer *predict);
/* Rows so far with an answer although their symbol's warm-up was not over: members that take
 * missing values gave it. 0 without bars. */
uint64_t almi_predict_scorer_early(const almi_predict_scorer *predict);
void almi_predict_scorer_restart(almi_predict_scorer *predict); /* as if no row had come */

#endif
