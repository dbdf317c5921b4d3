/* predict_series.h: what the rows of a file left behind for each of their series (symbols, or the
 * groups of a column), for predict_scorer.c only.
 *
 * Memory does not grow with the file: states take at most ALMI_PREDICT_STATES_BYTES_MAX. When there
 * are more, the one that was used longest ago is dropped; its series may not come again, which a
 * file that is sorted by series never asks for. At most ALMI_PREDICT_SERIES_MAX series. */
#ifndef ALM_BATCH_PREDICT_SERIES_H
#define ALM_BATCH_PREDICT_SERIES_H

#include "base/str.h"

#define ALMI_PREDICT_STATES_BYTES_MAX ((size_t)1 << 30)
#define ALMI_PREDICT_SERIES_MAX 4000000

typedef struct almi_predict_series almi_predict_series;

typedef struct almi_predict_series_ops {
    alm_err (*create)(void *context, void **state, alm_error *error);
    void (*destroy)(void *state);
    void *context;
    size_t state_bytes;  /* of one, about */
    size_t states_bytes; /* of all, at most; 0: ALMI_PREDICT_STATES_BYTES_MAX */
} almi_predict_series_ops;

ALM_NODISCARD alm_err almi_predict_series_create(const almi_predict_series_ops *ops,
                                                 almi_predict_series **out, alm_error *error);
void almi_predict_series_destroy(almi_predict_series *series); /* takes NULL */
void almi_predict_series_restart(almi_predict_series *series); /* no series */
/* The state of that name, made when the series is new. ALM_ERR_LIMIT: a series whose state was
 * dropped, or too many of them; and errors of create. */
ALM_NODISCARD alm_err almi_predict_series_find(almi_predict_series *series, alm_str name,
                                               void **state, alm_error *error);

#endif
