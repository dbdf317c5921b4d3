/* predict_scorer.h: a scorer's answers as the columns of a file, for predict_file.c only.
 *
 * Of every horizon: `prediction`, or `class`, `p_LABEL` for each label and `confidence`; then, when
 * asked for, `member_NAME`, or `member_NAME_p_LABEL`, of each of its members. With several horizons
 * the horizon's name is behind each, as in `class_5`. */
#ifndef ALM_BATCH_PREDICT_SCORER_H
#define ALM_BATCH_PREDICT_SCORER_H

#include "model/scorer/scorer.h"

typedef struct almi_predict_scorer almi_predict_scorer;

/* Borrows scorer and pool (may be NULL). ALM_ERR_UNSUPPORTED when a member takes windows: rows of a
 * file have none. */
ALM_NODISCARD alm_err almi_predict_scorer_create(const alm_scorer *scorer, bool members,
                                                 size_t block_rows, alm_pool *pool,
                                                 almi_predict_scorer **out, alm_error *error);
void almi_predict_scorer_destroy(almi_predict_scorer *predict); /* takes NULL */
/* NUL terminated; borrowed. */
const alm_str *almi_predict_scorer_names(const almi_predict_scorer *predict, size_t *count);
/* values: n x the scorer's row columns, n at most block_rows; `first` rows were before them. out:
 * n x names. Errors of alm_scorer_predict. */
ALM_NODISCARD alm_err almi_predict_scorer_block(almi_predict_scorer *predict, const double *values,
                                                size_t n, uint64_t first, double *out,
                                                alm_error *error);

#endif
