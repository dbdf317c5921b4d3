#include "train/calibrate.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "num/quantile.h"

static const double CHOICES[3] = {0, 0.5, 1};
#define MIDDLE_MARGIN 1.005
#define OWN_MARGIN 0.95
#define MAP_SHARE 0.5

typedef struct shaped { /* one series with demand, for binning */
    double share;
    const alm_history *history;
} shaped;

static void bin_mean(const shaped *items, size_t count, double shape[ALM_SHAPE_LEVELS])
{
    double total = 0;
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        shape[k] = count ? 0 : 1;
    }
    for (size_t i = 0; i < count; i++) {
        total += items[i].history->shape_weight;
        for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
            shape[k] += items[i].history->shape_weight * items[i].history->shape[k];
        }
    }
    for (size_t k = 0; count && k < ALM_SHAPE_LEVELS; k++) {
        shape[k] /= total;
    }
}

/* Stable merge sort by share: equal shares stay in the order of the series. */
static void sort_shaped(shaped *items, shaped *work, size_t count)
{
    if (count < 2) {
        return;
    }
    size_t half = count / 2;
    sort_shaped(items, work, half);
    sort_shaped(items + half, work, count - half);
    memcpy(work, items, count * sizeof *items);
    size_t a = 0;
    size_t b = half;
    for (size_t i = 0; i < count; i++) {
        bool left = b >= count || (a < half && work[a].share <= work[b].share);
        items[i] = left ? work[a++] : work[b++];
    }
}

void alm_calibrate_bins(const alm_history *histories, size_t count, alm_arena *scratch,
                        alm_method *method)
{
    shaped *items = ALM_NEW_ARRAY(scratch, shaped, count);
    shaped *work = ALM_NEW_ARRAY(scratch, shaped, count);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (histories[i].shape_weight > 0) {
            items[used++] = (shaped){histories[i].nonzero_share, &histories[i]};
        }
    }
    sort_shaped(items, work, used);
    for (size_t b = 0; b < ALM_SHAPE_BINS; b++) {
        size_t first = used * b / ALM_SHAPE_BINS;
        size_t end = used * (b + 1) / ALM_SHAPE_BINS;
        method->bin_edge[b] = end > first ? items[end - 1].share : 1;
        bin_mean(items + first, end - first, method->bin_shape[b]);
    }
    method->bin_edge[ALM_SHAPE_BINS - 1] = 1;
}

static double blended(const alm_origin_record *r, size_t at, double weight)
{
    return weight * r->forest[at] + (1 - weight) * r->statistical[at];
}

/* Adds the RMSSE of every series of the record to its class's sum, for each choice of weight. */
static void add_errors(const alm_origin_record *r, double sums[ALM_CLASS_COUNT][3])
{
    for (size_t i = 0; i < r->series_count; i++) {
        if (r->scale_squared[i] <= 0) {
            continue;
        }
        double squares[3] = {0};
        double pairs = 0;
        for (size_t h = 0; h < r->steps; h++) {
            size_t at = i * r->steps + h;
            for (int c = 0; c < 3 && !isnan(r->actual[at]); c++) {
                double e = blended(r, at, CHOICES[c]) - r->actual[at];
                squares[c] += e * e;
            }
            pairs += !isnan(r->actual[at]);
        }
        alm_class class_of_series = r->histories[i].class_of_series;
        for (int c = 0; c < 3 && pairs > 0; c++) {
            sums[class_of_series][c] += sqrt(squares[c] / pairs / r->scale_squared[i]);
        }
    }
}

alm_err alm_choices_of(const alm_model_spec *model, unsigned *out, alm_error *error)
{
    static const char *const NAMES[3] = {"statistical", "blend", "gbm"};
    unsigned choices = 0;
    for (size_t i = 0; i < model->candidate_count; i++) {
        int c = 0;
        while (c < 3 && !alm_str_is(model->candidates[i], NAMES[c])) {
            c++;
        }
        if (c == 3) {
            return alm_fail(error, ALM_ERR_CONFIG, "model %.*s: unknown candidate %.*s; known are "
                            "statistical, blend and gbm (the baselines are always scored)",
                            ALM_STR_ARG(model->name), ALM_STR_ARG(model->candidates[i]));
        }
        choices |= 1u << c;
    }
    if (choices == 0) {
        return alm_fail(error, ALM_ERR_CONFIG, "model %.*s has no candidates",
                        ALM_STR_ARG(model->name));
    }
    *out = choices;
    return ALM_OK;
}

/* The middle unless another is better by more than the margin; only what is allowed. */
static double choose(const double sums[3], unsigned choices)
{
    int best = -1;
    for (int c = 0; c < 3; c++) {
        bool allowed = choices >> c & 1u;
        if (allowed && (best < 0 || sums[c] < sums[best])) {
            best = c;
        }
    }
    bool middle = (choices & ALM_CHOICE_BLEND) != 0 && sums[1] <= MIDDLE_MARGIN * sums[best];
    return middle ? CHOICES[1] : CHOICES[best];
}

static void choose_weights(const alm_calibration *calibration, alm_method *method)
{
    double sums[ALM_CLASS_COUNT][3] = {{0}};
    for (size_t r = 0; r < calibration->count; r++) {
        add_errors(&calibration->records[r], sums);
    }
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        /* A class without a scored series has equal sums: the middle, or the first allowed. */
        method->weight[c] = choose(sums[c], calibration->choices);
    }
}

/* Bottom-up sums of the blended leaves, nodes x steps. */
static double *bottom_up(const alm_origin_record *r, const alm_hierarchy *hierarchy,
                         const alm_method *method, alm_arena *scratch)
{
    double *sums = ALM_NEW_ARRAY(scratch, double, hierarchy->node_count * r->steps);
    double *leaf = ALM_NEW_ARRAY(scratch, double, r->steps);
    for (size_t i = 0; i < r->series_count; i++) {
        double weight = method->weight[r->histories[i].class_of_series];
        for (size_t h = 0; h < r->steps; h++) {
            leaf[h] = blended(r, i * r->steps + h, weight);
        }
        alm_hierarchy_add(hierarchy, (uint32_t)i, 1, leaf, r->steps, sums);
    }
    return sums;
}

static void add_node_errors(const alm_origin_record *r, const double *sums, size_t nodes,
                            double errors[3])
{
    for (size_t n = 0; n < nodes; n++) {
        if (r->node_scale[n] <= 0) {
            continue;
        }
        for (int c = 0; c < 3; c++) {
            double squares = 0;
            for (size_t h = 0; h < r->steps; h++) {
                size_t at = n * r->steps + h;
                double f = CHOICES[c] * sums[at] + (1 - CHOICES[c]) * r->node_statistical[at];
                double e = f - r->node_actual[at];
                squares += isnan(e) ? 0 : e * e;
            }
            errors[c] += sqrt(squares / (double)r->steps / r->node_scale[n]);
        }
    }
}

static void choose_aggregates(const alm_calibration *calibration, alm_arena *scratch,
                              alm_method *method)
{
    double errors[3] = {0};
    for (size_t r = 0; r < calibration->count; r++) {
        const alm_origin_record *record = &calibration->records[r];
        double *sums = bottom_up(record, calibration->hierarchy, method, scratch);
        add_node_errors(record, sums, calibration->hierarchy->node_count, errors);
    }
    int best = errors[0] < errors[1] ? 0 : 1;
    bool own = errors[best] < OWN_MARGIN * errors[2];
    method->weight[ALM_CLASS_aggregate] = own ? CHOICES[best] : 1;
}

/* Of what is at least so much: spread over all that is left above it. */
static double bound_pit(alm_marginal marginal, bool counts, double least, double v)
{
    double below = alm_marginal_pit(marginal, counts, least, 0);
    return below + v * (1 - below);
}

static size_t add_pits(const alm_origin_record *r, const alm_method *method, alm_arena *scratch,
                       double *pits)
{
    alm_method plain = *method;
    memcpy(plain.remap[0], alm_shape_levels(), sizeof plain.remap[0]);
    alm_calibrate_bins(r->histories, r->series_count, scratch, &plain);
    size_t count = 0;
    for (size_t i = 0; i < r->series_count; i++) {
        alm_history history = r->histories[i];
        if (history.class_of_series == ALM_CLASS_empty) {
            continue;
        }
        alm_shape_calibrate_forest(&plain, r->marginals ? &r->marginals[i] : NULL, &history);
        double weight = method->weight[history.class_of_series];
        for (size_t h = 0; h < r->steps; h++) {
            double y = r->actual[i * r->steps + h];
            double mean = blended(r, i * r->steps + h, weight);
            if (r->closed[h] || isnan(y) || !(mean > 0)) {
                continue;
            }
            double value[ALM_SHAPE_LEVELS];
            for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
                value[k] = mean * history.shape[k];
            }
            alm_marginal marginal = {alm_shape_levels(), value, ALM_SHAPE_LEVELS};
            double v = alm_rng_uniform(method->seed, ALM_RNG_PIT, i, r->origin * r->steps + h);
            double least = r->least ? r->least[i * r->steps + h] : (double)NAN;
            pits[count++] = isnan(least) ? alm_marginal_pit(marginal, method->counts, y, v)
                                         : bound_pit(marginal, method->counts, least, v);
        }
    }
    return count;
}

static void learn_remap(const alm_origin_record *records, size_t count, alm_arena *scratch,
                        alm_method *method)
{
    size_t room = 1;
    for (size_t r = 0; r < count; r++) {
        room += records[r].series_count * records[r].steps;
    }
    double *pits = ALM_NEW_ARRAY(scratch, double, room);
    size_t used = 0;
    for (size_t r = 0; r < count; r++) {
        used += add_pits(&records[r], method, scratch, pits + used);
    }
    alm_sort_doubles(pits, used);
    const double *levels = alm_shape_levels();
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        double g = used ? alm_quantile_sorted(pits, used, levels[k]) : levels[k];
        double u = (1 - MAP_SHARE) * levels[k] + MAP_SHARE * g;
        method->remap[0][k] = u > 1e-6 ? (u < 1 - 1e-6 ? u : 1 - 1e-6) : 1e-6;
        method->remap[1][k] = levels[k];
    }
}

void alm_calibrate(const alm_calibration *calibration, alm_arena *scratch, alm_method *method)
{
    choose_weights(calibration, method);
    choose_aggregates(calibration, scratch, method);
    learn_remap(calibration->records, calibration->count, scratch, method);
}
