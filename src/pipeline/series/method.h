/* method.h: the part of a bundle that says how base forecasts are put together and calibrated:
 * everything that training chose beside the forest itself. Written as canonical method.json. */
#ifndef ALM_PIPELINE_METHOD_H
#define ALM_PIPELINE_METHOD_H

#include "base/str.h"
#include "feature/feature.h"
#include "pipeline/history.h"

#define ALM_SHAPE_BINS 8
#define ALM_METHOD_QUANTILES_MAX 15

typedef struct alm_method {
    int32_t horizon;
    int32_t paths;       /* sample paths */
    int32_t templates;   /* historical origins that give the paths their ranks, one season apart */
    int32_t season;      /* periods between them, 7 */
    uint64_t seed;
    bool counts;         /* base marginals are integers */
    bool log_link;       /* the forest's raw score is a logarithm (poisson, tweedie) */
    size_t block_count;  /* horizon blocks, each with a forest of its own */
    double base_score[ALM_BLOCKS_MAX]; /* to add to a block's raw score */
    /* Share of the forest in the mean, the rest is level x profile; chosen per class on origins
     * earlier than those scored. For aggregates (ALM_CLASS_aggregate): share of the bottom-up sum,
     * the rest being the aggregate's own level x profile. */
    double weight[ALM_CLASS_COUNT];
    /* Calibration: the marginal's level u is read at remap(u), a monotone function given at the
     * shape levels, learned from the randomised PIT of earlier origins. [0] leaves, [1] aggregates.
     */
    double remap[2][ALM_SHAPE_LEVELS];
    /* Mean shapes of series by their share of non-zero periods, to which thin ones are shrunk;
     * bin b holds shares up to bin_edge[b]. */
    double bin_edge[ALM_SHAPE_BINS];
    double bin_shape[ALM_SHAPE_BINS][ALM_SHAPE_LEVELS];
    size_t quantile_count; /* that are written to the store */
    double quantile[ALM_METHOD_QUANTILES_MAX];
} alm_method;

/* Demand in units of the scale from raw score + base score; never negative, perhaps not finite. */
double alm_method_link(const alm_method *method, double score);

void alm_method_write(const alm_method *method, alm_buffer *out);
/* ALM_ERR_CORRUPT with `name` and the key that is wrong. */
ALM_NODISCARD alm_err alm_method_read(alm_str json, const char *name, alm_method *out,
                                      alm_error *error);

#endif
