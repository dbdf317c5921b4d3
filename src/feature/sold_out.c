#include "feature/sold_out.h"

#include <math.h>
#include <string.h>

void alm_sold_out_pass(alm_sold_out_rule rule, alm_censored_demand *filter, double *value,
                       uint8_t *state)
{
    if (rule == ALM_SOLD_OUT_MASKED || !isfinite(*value)) {
        return;
    }
    if (*state == ALM_PERIOD_OBSERVED || *state == ALM_PERIOD_ZERO) {
        alm_censored_demand_known(filter, *value);
    } else if (*state == ALM_PERIOD_STOCKOUT && *value > 0) {
        *value = alm_censored_demand_bound(filter, *value);
        *state = ALM_PERIOD_OBSERVED;
    }
}

void alm_sold_out_series(const alm_panel *panel, size_t series, alm_sold_out_rule rule,
                         double *out)
{
    alm_censored_demand filter = {0};
    for (size_t t = 0; t < panel->periods; t++) {
        uint8_t state = panel->state[series * panel->periods + t];
        bool sold_out = state == ALM_PERIOD_STOCKOUT;
        double value = alm_panel_value(panel, 0, series, t);
        alm_sold_out_pass(rule, &filter, &value, &state);
        out[t] = sold_out && state == ALM_PERIOD_OBSERVED ? value : (double)NAN;
    }
}

alm_err alm_sold_out_impute(alm_panel *panel, alm_sold_out_rule rule, alm_arena *arena,
                            alm_error *error)
{
    size_t cells = panel->series_count * panel->periods;
    panel->imputed = NULL;
    if (rule == ALM_SOLD_OUT_MASKED || cells == 0 ||
        !memchr(panel->state, ALM_PERIOD_STOCKOUT, cells)) {
        return ALM_OK;
    }
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, cells * sizeof(double), &memory, error));
    for (size_t i = 0; i < panel->series_count; i++) {
        alm_sold_out_series(panel, i, rule, (double *)memory + i * panel->periods);
    }
    panel->imputed = memory;
    return ALM_OK;
}
