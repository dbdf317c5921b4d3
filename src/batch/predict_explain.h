/* predict_explain.h: the columns that explain a prediction, for predict_file.c only.
 *
 * Of a model: `contribution_NAME` of every column, and `expected`; of several scores
 * `contribution_0_NAME` and `expected_0`. Interactions: `interaction_NAME` is the main effect of a
 * column, `interaction_A*B` what two have together (both halves), in the order of the columns. Of a
 * scorer: for every member `contribution_MEMBER_NAME` and `expected_MEMBER`, of several outputs
 * `contribution_MEMBER_0_NAME`; with several horizons its name is behind each. The
 * numbers of a score sum to it, which is checked on every row. */
#ifndef ALM_BATCH_PREDICT_EXPLAIN_H
#define ALM_BATCH_PREDICT_EXPLAIN_H

#include "batch/predict_file.h"
#include "model/scorer/scorer_explain.h"

#define ALMI_EXPLAIN_COLUMNS_MAX 100000 /* as many as a file of rows may have */

typedef struct almi_predict_explain almi_predict_explain;

/* Is something explained at all? */
bool almi_predict_explains(const alm_predict_options *options);
/* Does what is asked for go together? ALM_ERR_INVALID says what does not, in the command's words;
 * ALM_ERR_UNSUPPORTED: nets, whose windows rows of a file are not. */
ALM_NODISCARD alm_err almi_predict_explain_check(const alm_predict_options *options,
                                                 alm_error *error);

/* Rows of a model's columns; kept by nobody. */
typedef struct almi_background {
    const double *rows;
    size_t count;
} almi_background;

/* Checked options. ALM_ERR_LIMIT: more columns than the limit above; errors of forest.h. */
ALM_NODISCARD alm_err almi_predict_explain_create(const alm_predict_options *options,
                                                  const almi_background *background,
                                                  almi_predict_explain **out, alm_error *error);
void almi_predict_explain_destroy(almi_predict_explain *explain); /* takes NULL */
/* NUL terminated; borrowed. */
const alm_str *almi_predict_explain_names(const almi_predict_explain *explain, size_t *count);

/* rows: of a model its columns, and `raw` its scores; of a scorer its row columns. out: n x names;
 * after an error not to be used. */
ALM_NODISCARD alm_err almi_predict_explain_rows(almi_predict_explain *explain,
                                                const alm_explain_rows *rows, double *out,
                                                alm_error *error);

#endif
