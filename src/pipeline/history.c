#include "pipeline/history.h"

#include <math.h>
#include <string.h>

#include "model/statistical/automatic/demand_class.h"
#include "num/quantile.h"

#define LEVEL_DECAY 0.08
#define SHAPE_DECAY 0.03
#define SCALE_WINDOW 56
#define SCALE_PRIOR 14
#define SCALE_FLOOR 1e-3
#define NEW_AGE 56

static const double SHAPE_LEVELS[ALM_SHAPE_LEVELS] = {
    .005, .01,  .025, .05,  .075, .1,   .125, .15,  .175, .2,   .225, .25,  .275, .3,  .325,
    .35,  .375, .4,   .425, .45,  .475, .5,   .525, .55,  .575, .6,   .625, .65,  .675, .7,
    .725, .75,  .775, .8,   .825, .85,  .875, .9,   .925, .95,  .975, .99,  .995};

const double *alm_shape_levels(void)
{
    return SHAPE_LEVELS;
}

const char *alm_class_name(alm_class class_of_series)
{
    static const char *const NAMES[] = {
#define ALM_CLASS_TEXT(name) #name,
        ALM_CLASS_MAP(ALM_CLASS_TEXT)
#undef ALM_CLASS_TEXT
    };
    alm_assert((unsigned)class_of_series < ALM_CLASS_COUNT);
    return NAMES[class_of_series];
}

void alm_profile_totals(const alm_panel *nodes, const alm_hierarchy *hierarchy, double *total,
                        uint8_t *closed)
{
    uint32_t count = hierarchy->level_count ? hierarchy->levels[0].node_count : 0;
    for (size_t t = 0; t < nodes->periods; t++) {
        closed[t] = nodes->closed ? nodes->closed[t] : 0;
        for (uint32_t n = 0; n < count; n++) {
            double value = alm_panel_value(nodes, 0, n, t);
            total[t] += isnan(value) ? 0 : value;
        }
    }
}

alm_profile alm_profile_of(const double *total, const uint8_t *closed, alm_date start,
                           size_t origin, size_t delay)
{
    double sum[7] = {0};
    double count[7] = {0};
    size_t end = alm_published_end(origin, delay);
    size_t begin = end > ALM_PROFILE_PERIODS ? end - ALM_PROFILE_PERIODS : 0;
    double all = 0;
    double days = 0;
    for (size_t t = begin; t < end; t++) {
        if (!closed[t] && !isnan(total[t])) {
            int weekday = alm_date_weekday(start + (alm_date)t);
            sum[weekday] += total[t];
            count[weekday]++;
            all += total[t];
            days++;
        }
    }
    alm_profile profile;
    for (int k = 0; k < 7; k++) {
        bool known = count[k] > 0 && all > 0;
        profile.weekday[k] = known ? sum[k] / count[k] / (all / days) : 1;
    }
    return profile;
}

bool alm_period_usable(const alm_panel *panel, size_t series, size_t period)
{
    uint8_t state = panel->state[series * panel->periods + period];
    return state == ALM_PERIOD_OBSERVED || state == ALM_PERIOD_ZERO;
}

bool alm_history_demand(const alm_panel *panel, size_t series, size_t period, double *out)
{
    size_t cell = series * panel->periods + period;
    if (panel->imputed && panel->state[cell] == ALM_PERIOD_STOCKOUT) {
        *out = panel->imputed[cell];
        return !isnan(*out);
    }
    *out = alm_panel_value(panel, 0, series, period);
    return alm_period_usable(panel, series, period);
}

static double profile_at(const alm_history_view *view, size_t period)
{
    return view->profile.weekday[alm_date_weekday(view->panel->start + (alm_date)period)];
}

static size_t known_end(const alm_history_view *view)
{
    return alm_published_end(view->origin, view->delay);
}

static size_t first_demand(const alm_history_view *view, size_t end)
{
    double value = 0;
    for (size_t t = 0; t < end; t++) {
        if (alm_history_demand(view->panel, view->series, t, &value) && value > 0) {
            return t;
        }
    }
    return SIZE_MAX;
}

typedef struct observation { /* one usable period, deseasonalised */
    double value;
    double weight;
} observation;

static int collect(const alm_history_view *view, size_t first, size_t end, double *values,
                   double *profiles, size_t *periods)
{
    int count = 0;
    for (size_t t = first; t < end; t++) { /* `values` has room for all of them */
        if (alm_history_demand(view->panel, view->series, t, &values[count])) {
            profiles[count] = profile_at(view, t);
            periods[count++] = t;
        }
    }
    return count;
}

static double weighted_level(const double *values, const double *profiles, int count)
{
    double demand = 0;
    double exposure = 0;
    for (int i = 0; i < count; i++) {
        demand = demand * (1 - LEVEL_DECAY) + values[i];
        exposure = exposure * (1 - LEVEL_DECAY) + profiles[i];
    }
    return exposure > 1e-12 ? demand / exposure : 0;
}

static double scale_of(const double *values, const size_t *periods, int count, size_t end)
{
    double all = 0;
    double recent = 0;
    int recent_count = 0;
    for (int i = 0; i < count; i++) {
        all += values[i];
        if (periods[i] + SCALE_WINDOW >= end) {
            recent += values[i];
            recent_count++;
        }
    }
    double mean_all = count ? all / count : 0;
    double mean_recent = recent_count ? recent / recent_count : 0;
    double scale = (mean_recent * SCALE_WINDOW + mean_all * SCALE_PRIOR) /
                   (SCALE_WINDOW + SCALE_PRIOR);
    return scale > SCALE_FLOOR ? scale : SCALE_FLOOR;
}

static alm_class classify(const double *values, int count, size_t age)
{
    double nonzero = 0;
    double sum = 0;
    for (int i = 0; i < count; i++) {
        nonzero += values[i] > 0;
        sum += values[i] > 0 ? values[i] : 0;
    }
    if (nonzero == 0) {
        return ALM_CLASS_empty;
    }
    if (age < NEW_AGE) {
        return ALM_CLASS_new;
    }
    double mean = sum / nonzero;
    double squares = 0;
    for (int i = 0; i < count; i++) {
        squares += values[i] > 0 ? (values[i] - mean) * (values[i] - mean) : 0;
    }
    switch (alm_demand_class_of(count / nonzero, squares / nonzero / (mean * mean))) {
    case ALM_DEMAND_lumpy: return ALM_CLASS_lumpy;
    case ALM_DEMAND_intermittent: return ALM_CLASS_intermittent;
    case ALM_DEMAND_erratic: return ALM_CLASS_erratic;
    default: return ALM_CLASS_smooth;
    }
}

static void sort_observations(observation *items, observation *work, int count)
{
    if (count < 2) {
        return;
    }
    int half = count / 2;
    sort_observations(items, work, half);
    sort_observations(items + half, work, count - half);
    memcpy(work, items, (size_t)count * sizeof *items);
    int a = 0;
    int b = half;
    for (int i = 0; i < count; i++) {
        bool left = b >= count || (a < half && work[a].value <= work[b].value);
        items[i] = left ? work[a++] : work[b++];
    }
}

/* Quantile of weighted observations, linear between their mid-weights. */
static void weighted_quantiles(const observation *sorted, int count, double total, double *out)
{
    int i = 0;
    double before = 0; /* weight of the observations below i */
    double mid_previous = 0;
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        double want = SHAPE_LEVELS[k] * total;
        while (i < count && before + 0.5 * sorted[i].weight < want) {
            mid_previous = before + 0.5 * sorted[i].weight;
            before += sorted[i].weight;
            i++;
        }
        if (i == 0) {
            out[k] = sorted[0].value;
        } else if (i == count) {
            out[k] = sorted[count - 1].value;
        } else {
            double mid = before + 0.5 * sorted[i].weight;
            double share = (want - mid_previous) / (mid - mid_previous);
            out[k] = sorted[i - 1].value + share * (sorted[i].value - sorted[i - 1].value);
        }
    }
}

static void shape_of(const double *values, const double *profiles, int count, alm_arena *scratch,
                     alm_history *out)
{
    observation *items = ALM_NEW_ARRAY(scratch, observation, (size_t)count);
    observation *work = ALM_NEW_ARRAY(scratch, observation, (size_t)count);
    double weight = 1;
    double total = 0;
    double squares = 0;
    double sum = 0;
    int front = count; /* filled from the newest back, so that ties stay in the order of time */
    for (int i = count; i-- > 0;) {
        if (profiles[i] > 0) {
            items[--front] = (observation){values[i] / profiles[i], weight};
            total += weight;
            squares += weight * weight;
            sum += weight * values[i] / profiles[i];
        }
        weight *= 1 - SHAPE_DECAY;
    }
    items += front;
    int used = count - front;
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        out->shape[k] = 1;
    }
    if (used == 0 || !(sum > 0)) {
        return;
    }
    double mean = sum / total;
    double variance = 0;
    for (int i = 0; i < used; i++) {
        double deviation = items[i].value / mean - 1;
        variance += items[i].weight * deviation * deviation;
    }
    sort_observations(items, work, used);
    weighted_quantiles(items, used, total, out->shape);
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        out->shape[k] /= mean;
    }
    out->shape_weight = total * total / squares;
    out->shape_mean = mean;
    out->shape_variance = variance / total;
}

void alm_history_of(const alm_history_view *view, alm_arena *scratch, alm_history *out)
{
    *out = (alm_history){.class_of_series = ALM_CLASS_empty, .scale = SCALE_FLOOR};
    size_t end = known_end(view);
    out->first = first_demand(view, end);
    size_t room = out->first == SIZE_MAX ? 0 : end - out->first;
    double *values = ALM_NEW_ARRAY(scratch, double, room);
    double *profiles = ALM_NEW_ARRAY(scratch, double, room);
    size_t *periods = ALM_NEW_ARRAY(scratch, size_t, room);
    int count = room ? collect(view, out->first, end, values, profiles, periods) : 0;
    out->open_periods = (size_t)count;
    out->class_of_series = classify(values, count, room);
    out->level = weighted_level(values, profiles, count);
    out->scale = scale_of(values, periods, count, end);
    double nonzero = 0;
    for (int i = 0; i < count; i++) {
        nonzero += values[i] > 0;
    }
    out->nonzero_share = count ? nonzero / count : 0;
    shape_of(values, profiles, count, scratch, out);
}

double alm_history_scale(const alm_history_view *view, alm_arena *scratch)
{
    size_t end = known_end(view);
    size_t first = first_demand(view, end);
    if (first == SIZE_MAX) {
        return 0;
    }
    double *values = ALM_NEW_ARRAY(scratch, double, end - first);
    double *profiles = ALM_NEW_ARRAY(scratch, double, end - first);
    size_t *periods = ALM_NEW_ARRAY(scratch, size_t, end - first);
    int count = collect(view, first, end, values, profiles, periods);
    return scale_of(values, periods, count, end);
}

void alm_history_levels(const alm_history_view *view, double *levels)
{
    size_t end = known_end(view);
    double demand = 0;
    double exposure = 0;
    bool started = false;
    for (size_t t = 0; t <= view->origin; t++) {
        if (t >= view->delay && t - view->delay < end) {
            size_t p = t - view->delay;
            double y = 0;
            if (alm_history_demand(view->panel, view->series, p, &y)) {
                started = started || y > 0;
                demand = started ? demand * (1 - LEVEL_DECAY) + y : 0;
                exposure = started ? exposure * (1 - LEVEL_DECAY) + profile_at(view, p) : 0;
            }
        }
        levels[t] = exposure > 1e-12 ? demand / exposure : 0;
    }
}

void alm_history_forecast(const alm_history_view *view, double level, const uint8_t *closed_ahead,
                          size_t steps, double *out)
{
    for (size_t h = 0; h < steps; h++) {
        out[h] = closed_ahead[h] ? 0 : level * profile_at(view, view->origin + 1 + h);
    }
}
