#include "feature/bars/bar_labels.h"
#include "feature/operator.h"

#include <math.h>

static const alm_bar_label UNKNOWN = {.value = ALMI_NAN, .growth = ALMI_NAN, .end = SIZE_MAX};

/* The prices that end a label; infinite: there is no such barrier. */
typedef struct barriers {
    double entry;
    double upper;
    double lower;
} barriers;

static alm_err check_distance(double distance, bool scaled, const char *what, double most,
                              alm_error *error)
{
    if (distance >= 0 && distance - distance == 0 && (scaled || distance <= most)) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_INVALID, "the %s of a label must be 0 (none) or a positive "
                    "share of the price, at most %g, not %g", what, most, distance);
}

static alm_err check_options(const alm_bar *bars, size_t count, const alm_label_options *options,
                             alm_error *error)
{
    if (options->horizon < 1 || options->horizon > ALM_BARS_WINDOW_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "the horizon of a label must be in 1..%d bars, not "
                        "%zu", ALM_BARS_WINDOW_MAX, options->horizon);
    }
    bool scaled = options->scale != NULL;
    ALM_TRY(check_distance(options->profit, scaled, "profit", 1e6, error));
    ALM_TRY(check_distance(options->loss, scaled, "loss", 1, error));
    for (size_t i = 0; i < count; i++) {
        if (scaled && (options->scale[i] < 0 || options->scale[i] > 1e6)) {
            return alm_fail(error, ALM_ERR_INVALID, "the scale of bar %zu is %g: it must be in "
                            "0..1e6, or missing", i + 1, options->scale[i]);
        }
        if (i > 0 && bars[i].time <= bars[i - 1].time) {
            return alm_fail(error, ALM_ERR_INVALID, "bar %zu does not follow the one before it in "
                            "time", i + 1);
        }
    }
    return ALM_OK;
}

static bool is_known(double x)
{
    return x - x == 0;
}

/* False: bar i has no label. A scale of 0 would put both barriers on the entry: no price of a
 * market that does not move says anything, so there is no label either. */
static bool barriers_of(const alm_bar *bar, const alm_label_options *options, size_t i,
                        barriers *out)
{
    double unit = options->scale ? options->scale[i] : 1;
    if (!is_known(bar->close) || !(bar->close > 0) || !(unit > 0)) {
        return false;
    }
    double profit = options->profit * unit;
    double loss = options->loss * unit;
    *out = (barriers){bar->close, profit > 0 ? bar->close * (1 + profit) : INFINITY,
                      loss > 0 ? bar->close * (1 - loss) : -INFINITY};
    return true;
}

static alm_bar_label label_at(const alm_bar *bars, size_t end, double entry, double price,
                              alm_label_cause cause)
{
    double value = cause == ALM_LABEL_PROFIT ? 1 : cause == ALM_LABEL_LOSS ? -1 : 0;
    return (alm_bar_label){value, almi_finite(price / entry - 1), end, bars[end].time, cause};
}

/* False: the bar touches neither barrier. */
static bool touches(const alm_bar *bars, size_t i, const barriers *b, alm_bar_label *out)
{
    const alm_bar *bar = &bars[i];
    bool opened = is_known(bar->open);
    if (opened && bar->open >= b->upper) {
        *out = label_at(bars, i, b->entry, bar->open, ALM_LABEL_PROFIT);
    } else if (opened && bar->open <= b->lower) {
        *out = label_at(bars, i, b->entry, bar->open, ALM_LABEL_LOSS);
    } else if (bar->low <= b->lower) {
        *out = label_at(bars, i, b->entry, b->lower, ALM_LABEL_LOSS);
    } else if (bar->high >= b->upper) {
        *out = label_at(bars, i, b->entry, b->upper, ALM_LABEL_PROFIT);
    } else {
        return false;
    }
    return true;
}

static alm_bar_label at_horizon(const alm_bar *bars, size_t end, double entry, bool sign)
{
    double close = bars[end].close;
    if (!is_known(close)) {
        return UNKNOWN;
    }
    alm_bar_label label = label_at(bars, end, entry, close, ALM_LABEL_HORIZON);
    label.value = !sign || close == entry ? 0 : close > entry ? 1 : -1;
    return label;
}

static alm_bar_label triple_barrier(const alm_bar *bars, size_t count, size_t i,
                                    const alm_label_options *options)
{
    barriers b;
    alm_bar_label label = UNKNOWN;
    if (!barriers_of(&bars[i], options, i, &b)) {
        return label;
    }
    for (size_t ahead = 1; ahead <= options->horizon; ahead++) {
        size_t j = i + ahead;
        bool ranged = j < count && is_known(bars[j].high) && is_known(bars[j].low) &&
                      bars[j].high >= bars[j].low;
        if (!ranged || touches(bars, j, &b, &label)) {
            return label;
        }
    }
    return at_horizon(bars, i + options->horizon, b.entry, options->sign_at_horizon);
}

alm_err alm_label_triple_barrier(const alm_bar *bars, size_t count,
                                 const alm_label_options *options, alm_bar_label *out,
                                 alm_error *error)
{
    ALM_TRY(check_options(bars, count, options, error));
    for (size_t i = 0; i < count; i++) {
        out[i] = triple_barrier(bars, count, i, options);
    }
    return ALM_OK;
}

static alm_bar_label threshold(const alm_bar *bars, size_t count, size_t i,
                               const alm_label_options *options)
{
    barriers b;
    if (options->horizon >= count - i || !barriers_of(&bars[i], options, i, &b)) {
        return UNKNOWN;
    }
    size_t end = i + options->horizon;
    alm_bar_label label = at_horizon(bars, end, b.entry, false);
    double close = bars[end].close;
    if (label.end != SIZE_MAX) {
        label.value = close >= b.upper ? 1 : close <= b.lower ? -1 : 0;
    }
    return label;
}

alm_err alm_label_threshold(const alm_bar *bars, size_t count, const alm_label_options *options,
                            alm_bar_label *out, alm_error *error)
{
    ALM_TRY(check_options(bars, count, options, error));
    for (size_t i = 0; i < count; i++) {
        out[i] = threshold(bars, count, i, options);
    }
    return ALM_OK;
}
