#include "train/global/global_base.h"

#include <math.h>

#define WEIGHT_FLOOR 0.25 /* of squared spreads */

static size_t spread_class(double spread)
{
    static const double EDGE[ALM_GLOBAL_SPREADS - 1] = {0.5, 1, 2};
    size_t k = 0;
    while (k < ALM_GLOBAL_SPREADS - 1 && spread >= EDGE[k]) {
        k++;
    }
    return k;
}

typedef struct sums {
    size_t before;
    double product[ALM_GLOBAL_SPREADS], squares[ALM_GLOBAL_SPREADS];
} sums;

static void add_place(void *context, const alm_global_seen *seen, const alm_global_place *place)
{
    sums *s = context;
    size_t k = spread_class(seen->size.spread);
    for (size_t h = 0; h < seen->past->steps; h++) {
        double y = alm_global_target(seen, place, h, s->before);
        double x = seen->phase_mean[h] - seen->size.level;
        if (!isnan(y)) {
            s->product[k] += x * (y - seen->size.level);
            s->squares[k] += x * x;
        }
    }
}

alm_global_base alm_global_base_learn(const alm_global_past *past, const alm_global_place *places,
                                      size_t count, size_t before)
{
    alm_global_base out;
    sums s = {.before = before};
    alm_global_each(past, places, count, add_place, &s);
    for (size_t k = 0; k < ALM_GLOBAL_SPREADS; k++) {
        double share = s.squares[k] > 0 ? s.product[k] / s.squares[k] : 0;
        out.share[k] = share > 0 ? share < 1 ? share : 1 : 0;
    }
    return out;
}

void alm_global_base_put(const alm_global_base *base, const alm_global_seen *seen, double *out)
{
    double share = base->share[spread_class(seen->size.spread)];
    for (size_t h = 0; h < seen->past->steps; h++) {
        out[h] = seen->size.level + share * (seen->phase_mean[h] - seen->size.level);
    }
}

double alm_global_weight(const alm_global_size *size)
{
    return 1 / (WEIGHT_FLOOR + size->spread * size->spread);
}
