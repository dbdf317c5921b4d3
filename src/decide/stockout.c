#include "decide/stockout.h"

#include <string.h>

#include "base/error.h"

/* Reconciled demand is a real number: a path that meets supply to the last bit but one has not run
 * out. Relative, so that it holds for any unit. */
#define CROSSING_TOLERANCE 1e-9

void alm_stockout_of_paths(const double *demand, size_t paths, size_t steps, double on_hand,
                           const double *receipts, alm_stockout_risk *out)
{
    alm_assert(paths >= 1 && steps >= 1 && on_hand >= 0);
    memset(out->probability, 0, steps * sizeof(double));
    memset(out->shortfall, 0, steps * sizeof(double));
    double days = 0;
    for (size_t s = 0; s < paths; s++) {
        double cumulated = 0;
        double supply = on_hand;
        size_t crossing = steps; /* none */
        for (size_t h = 0; h < steps; h++) {
            cumulated += demand[s * steps + h];
            supply += receipts[h];
            double excess = cumulated - supply;
            if (excess > CROSSING_TOLERANCE * (supply + 1)) {
                out->shortfall[h] += excess;
                crossing = crossing == steps ? h : crossing;
            }
        }
        for (size_t h = crossing; h < steps; h++) {
            out->probability[h] += 1;
        }
        days += crossing == steps ? (double)steps : (double)(crossing + 1);
    }
    for (size_t h = 0; h < steps; h++) {
        out->probability[h] /= (double)paths;
        out->shortfall[h] /= (double)paths;
    }
    out->days = days / (double)paths;
}
