/* selector.h: weights of a series' candidates (alm_demand_members) by what the series is like,
 * learned from many series: Montero-Manso, Athanasopoulos, Hyndman, Talagala, "FFORMA:
 * Feature-based forecast model averaging", International Journal of Forecasting 36 (2020).
 *
 * A selector is a forest for each of two groups of classes, smooth and erratic demand, and
 * intermittent and lumpy. Its columns are the features of series_features.h, its scores are
 * those of the candidates, and the weights are their softmax. train/global/selector_train.h makes
 * it; here it is used. A group without a forest has even weights, which is what a series without
 * any demand has, too.
 *
 * Immutable: any number of threads may use one. Fitted states do not borrow it. */
#ifndef ALM_MODEL_STATISTICAL_AUTOMATIC_SELECTOR_H
#define ALM_MODEL_STATISTICAL_AUTOMATIC_SELECTOR_H

#include "base/str.h"
#include "model/statistical/automatic/choice.h"

typedef enum alm_selector_group {
    ALM_SELECTOR_REGULAR, /* smooth and erratic */
    ALM_SELECTOR_RARE,    /* intermittent and lumpy */
    ALM_SELECTOR_GROUP_COUNT
} alm_selector_group;

/* ALM_SELECTOR_GROUP_COUNT of no demand. */
alm_selector_group alm_selector_group_of(alm_demand_class class_of_demand);

typedef struct alm_selector alm_selector;

/* `model`: ALM_SELECTOR_GROUP_COUNT texts as model_file.h reads them, data NULL: none; not needed
 * afterwards. ALM_ERR_CORRUPT, ALM_ERR_UNSUPPORTED: of that file; ALM_ERR_INVALID: it has other
 * columns than the features, or other scores than there are candidates. */
ALM_NODISCARD alm_err alm_selector_create(const alm_str *model, alm_selector **out,
                                          alm_error *error);
void alm_selector_destroy(alm_selector *selector); /* takes NULL */

/* Of a training. */
typedef struct alm_selector_facts { /* by group */
    size_t series[ALM_SELECTOR_GROUP_COUNT]; /* that have rows */
    size_t rows[ALM_SELECTOR_GROUP_COUNT];   /* a series at an origin */
    bool is_learned[ALM_SELECTOR_GROUP_COUNT];
} alm_selector_facts;

/* A state of alm_learned; `selector` NULL: with even weights. Errors: those of alm_naive. */
ALM_NODISCARD alm_err alm_selector_fit(const alm_selector *selector, const alm_past *past,
                                       alm_arena *arena, void **state, alm_error *error);

/* Its `fit` refuses every past with ALM_ERR_INVALID: there is no selector to ask. So it is in no
 * list of kinds. */
extern const alm_forecaster_kind alm_learned;

#endif
