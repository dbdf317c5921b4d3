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

const char *alm_severity_text(alm_severity severity)
{
    static const char *const TEXTS[] = {
#define TEXT(name, text) text,
        ALM_SEVERITY_MAP(TEXT)
#undef TEXT
    };
    return TEXTS[severity];
}

bool alm_severity_parse(alm_str text, alm_severity *out)
{
    for (int i = ALM_SEVERITY_NONE; i <= ALM_SEVERITY_CRITICAL; i++) {
        if (alm_str_is(text, alm_severity_text((alm_severity)i))) {
            *out = (alm_severity)i;
            return true;
        }
    }
    return false;
}

alm_severity alm_severity_of(const double *by_day, int32_t days)
{
    double p = by_day[days - 1];
    double soon = by_day[(days < ALM_SEVERITY_SOON_DAYS ? days : ALM_SEVERITY_SOON_DAYS) - 1];
    if (p >= 0.8 || soon >= 0.5) {
        return ALM_SEVERITY_CRITICAL;
    }
    return p >= 0.5    ? ALM_SEVERITY_HIGH
           : p >= 0.2  ? ALM_SEVERITY_MEDIUM
           : p >= 0.05 ? ALM_SEVERITY_LOW
                       : ALM_SEVERITY_NONE;
}
