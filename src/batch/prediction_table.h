/* prediction_table.h: the project's prediction store, with the columns its keys and quantiles ask
 * for. A project whose keys or quantiles change needs another store: the columns of a table never
 * change. */
#ifndef ALM_BATCH_PREDICTION_TABLE_H
#define ALM_BATCH_PREDICTION_TABLE_H

#include "project/project.h"
#include "store/predictions.h"

/* "q05", "q50", "q00_5" for .05, .5, .005: percent, at least two digits. */
void alm_quantile_name(double level, char out[16]);

/* Opens the table in the project's state folder, making it if it is not there. */
ALM_NODISCARD alm_err alm_prediction_table_open(const alm_env *env, const alm_project *project,
                                                alm_predictions **out, alm_error *error);

/* Every column of a data file in order, with its SQL type; `quantiles` rising. In `arena`. */
typedef struct alm_prediction_columns {
    const char **names;
    const char **sql_types;
    size_t count;
    size_t key_first, key_count;           /* series keys */
    size_t quantile_first, quantile_count; /* of all models of the project */
    double *quantiles;
} alm_prediction_columns;

void alm_prediction_columns_of(const alm_project *project, alm_arena *arena,
                               alm_prediction_columns *out);

#endif
