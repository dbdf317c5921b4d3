#include "model/statistical/arima/arima_order.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima/unit_root.h"

#define SEASON_STRENGTH .64
#define ROOT_MIN 1.01
#define ROOT_MIN_MA 1.001
#define SHARE 3 /* values for each lag that may have a coefficient */

typedef struct search {
    const almi_sample *sample;
    alm_arima_order limit; /* largest p, q, P, Q */
    alm_arena *arena, *scratch;
    almi_arima_model best;
    bool found;
    size_t models;
    double work;
    bool tried[2][ALMI_AUTO_SEASONAL_ORDER_MAX + 1][ALMI_AUTO_SEASONAL_ORDER_MAX + 1]
              [ALMI_AUTO_ORDER_MAX + 1][ALMI_AUTO_ORDER_MAX + 1];
} search;

/* True: it is better than all before. */
static bool try_order(search *s, const alm_arima_order *order)
{
    bool is_allowed = order->p <= s->limit.p && order->q <= s->limit.q &&
                      order->seasonal_p <= s->limit.seasonal_p &&
                      order->seasonal_q <= s->limit.seasonal_q &&
                      (s->limit.has_constant || !order->has_constant);
    if (!is_allowed || s->models >= ALMI_AUTO_MODELS_MAX || s->work > ALMI_AUTO_WORK_MAX) {
        return false;
    }
    bool *tried = &s->tried[order->has_constant][order->seasonal_p][order->seasonal_q][order->p]
                           [order->q];
    if (*tried) {
        return false;
    }
    *tried = true;
    s->models++;
    almi_arima_model model;
    alm_arena_reset(s->scratch);
    if (!almi_arima_maximise(s->sample, order, ALMI_GAIN_ROUGH, s->arena, s->scratch, &model)) {
        return false;
    }
    s->work += model.work;
    if (!isfinite(model.aicc) || (s->found && !(model.aicc < s->best.aicc)) ||
        !almi_roots_are_beyond(order, model.arma, ROOT_MIN, ROOT_MIN_MA)) {
        return false;
    }
    s->best = model;
    s->found = true;
    return true;
}

static void try_starts(search *s)
{
    static const size_t STARTS[][4] = {{2, 2, 1, 1}, {0, 0, 0, 0}, {1, 0, 1, 0}, {0, 1, 0, 1}};
    alm_arima_order order = s->limit;
    for (size_t i = 0; i < sizeof STARTS / sizeof STARTS[0]; i++) {
        order.p = STARTS[i][0] < s->limit.p ? STARTS[i][0] : s->limit.p;
        order.q = STARTS[i][1] < s->limit.q ? STARTS[i][1] : s->limit.q;
        order.seasonal_p = STARTS[i][2] < s->limit.seasonal_p ? STARTS[i][2] : s->limit.seasonal_p;
        order.seasonal_q = STARTS[i][3] < s->limit.seasonal_q ? STARTS[i][3] : s->limit.seasonal_q;
        (void)try_order(s, &order);
    }
    alm_arima_order least = s->limit;
    least.p = least.q = least.seasonal_p = least.seasonal_q = 0;
    least.has_constant = false;
    (void)try_order(s, &least);
}

/* One step from the best: by the order of R. */
static bool try_neighbours(search *s)
{
    static const int STEPS[][4] = { /* p, q, P, Q */
        {0, 0, -1, 0}, {0, 0, 1, 0},  {0, 0, 0, -1}, {0, 0, 0, 1},  {0, 0, -1, -1}, {0, 0, -1, 1},
        {0, 0, 1, -1}, {0, 0, 1, 1},  {-1, 0, 0, 0}, {1, 0, 0, 0},  {0, -1, 0, 0},  {0, 1, 0, 0},
        {-1, -1, 0, 0}, {-1, 1, 0, 0}, {1, -1, 0, 0}, {1, 1, 0, 0},
    };
    const alm_arima_order from = s->best.order;
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        alm_arima_order to = from; /* a step below 0 is beyond every limit */
        to.p += (size_t)STEPS[i][0];
        to.q += (size_t)STEPS[i][1];
        to.seasonal_p += (size_t)STEPS[i][2];
        to.seasonal_q += (size_t)STEPS[i][3];
        if (try_order(s, &to)) {
            return true;
        }
    }
    alm_arima_order to = from;
    to.has_constant = !from.has_constant;
    return try_order(s, &to);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void choose_differences(const almi_series *series, alm_arena *scratch, alm_arima_order *out)
{
    alm_past past = {series->y, series->count, series->season};
    out->seasonal_d = almi_season_strength(&past, scratch) > SEASON_STRENGTH;
    out->d = almi_level_differences(&past, out->seasonal_d ? series->season : 0, scratch);
}

/* Fewer differences where too few values are left, or none is known in a phase of the season. */
static bool make_sample(const almi_series *series, alm_arima_order *order, alm_arena *arena,
                        almi_sample *out)
{
    while (almi_sample_make(series, order, arena, out, NULL) != ALM_OK) {
        if (order->seasonal_d > 0) {
            order->seasonal_d--;
        } else if (order->d > 0) {
            order->d--;
        } else {
            return false;
        }
        order->has_constant = order->d + order->seasonal_d < 2;
    }
    return true;
}

bool almi_arima_search(const almi_series *series, alm_arena *arena, almi_arima_model *out)
{
    search s = {.arena = arena, .scratch = alm_arena_create(0)};
    almi_sample sample;
    choose_differences(series, s.scratch, &s.limit);
    s.limit.has_constant = s.limit.d + s.limit.seasonal_d < 2;
    if (make_sample(series, &s.limit, arena, &sample)) {
        size_t known = sample.n - sample.missing;
        bool is_seasonal = series->season > 1;
        s.sample = &sample;
        s.limit.p = s.limit.q = smaller(ALMI_AUTO_ORDER_MAX, known / SHARE);
        s.limit.seasonal_p = s.limit.seasonal_q =
            is_seasonal ? smaller(ALMI_AUTO_SEASONAL_ORDER_MAX, known / SHARE / series->season) : 0;
        try_starts(&s);
        while (s.found && try_neighbours(&s)) {
        }
    }
    if (s.found) {
        alm_arena_reset(s.scratch);
        s.found = almi_arima_maximise(&sample, &s.best.order, ALMI_GAIN_FINE, arena, s.scratch,
                                      out);
    }
    alm_arena_destroy(s.scratch);
    return s.found;
}
