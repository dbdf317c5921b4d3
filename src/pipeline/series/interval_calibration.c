#include "pipeline/series/interval_calibration.h"

#include <math.h>

#define BIN_LEAST ((size_t)200) /* scores */
#define BINS_MOST ((size_t)8)
#define SCORE_MOST 10.
#define HAIR 1e-9 /* so that a bound that is a whole number but for rounding is that number */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool has_score(const alm_calibration_case *one, size_t step)
{
    return one->deviation[step] > 0 && isfinite(one->deviation[step]) &&
           isfinite(one->mean[step]) && !isnan(one->actual[step]);
}

/* Windows are `steps` long, so they share nothing when their origins are that far apart. */
static bool is_apart(const alm_calibration_cases *cases, size_t a, size_t b)
{
    return b == 0 || (a > b ? a - b : b - a) >= cases->steps;
}

/* Cases with a score, of the origins that may be used. */
static size_t count_cases(const alm_calibration_cases *cases, size_t behind)
{
    size_t count = 0;
    for (size_t i = 0; i < cases->scored_count; i++) {
        bool any = false;
        for (size_t h = 0; h < cases->steps && !any; h++) {
            any = has_score(&cases->scored[i], h);
        }
        count += any && is_apart(cases, cases->scored[i].behind, behind);
    }
    return count;
}

/* Were the newest origin, which most series have, left out. */
static size_t count_without_one(const alm_calibration_cases *cases)
{
    return count_cases(cases, cases->steps);
}

/* ---- what scores are worth ---- */

/* Of one origin; scores beyond SCORE_MOST count as that, or one odd value would speak for all. */
typedef struct origin_sums {
    double count, sum, squares;
} origin_sums;

static size_t place_of(const alm_calibration_cases *cases, const alm_calibration_case *one)
{
    return one->behind / cases->steps;
}

static size_t place_end(const alm_calibration_cases *cases)
{
    size_t end = 0;
    for (size_t i = 0; i < cases->scored_count; i++) {
        size_t place = place_of(cases, &cases->scored[i]);
        end = place >= end ? place + 1 : end;
    }
    return end;
}

/* Of the origins apart from `behind`; `end` of them, some of them without a score. */
static origin_sums *sum_origins(const alm_calibration_cases *cases, size_t behind, size_t end,
                                alm_arena *scratch)
{
    origin_sums *origin = ALM_NEW_ARRAY(scratch, origin_sums, end);
    for (size_t i = 0; i < cases->scored_count; i++) {
        const alm_calibration_case *one = &cases->scored[i];
        origin_sums *into = &origin[place_of(cases, one)];
        for (size_t h = 0; h < cases->steps && is_apart(cases, one->behind, behind); h++) {
            if (has_score(one, h)) {
                double score = (one->actual[h] - one->mean[h]) / one->deviation[h];
                score = fmax(-SCORE_MOST, fmin(SCORE_MOST, score));
                into->count++;
                into->sum += score;
                into->squares += score * score;
            }
        }
    }
    return origin;
}

static size_t count_origins(const alm_calibration_cases *cases, size_t behind, alm_arena *scratch)
{
    size_t end = place_end(cases);
    const origin_sums *origin = sum_origins(cases, behind, end, scratch);
    size_t count = 0;
    for (size_t g = 0; g < end; g++) {
        count += origin[g].count > 0;
    }
    return count;
}

/* The intraclass correlation r. */
static double together_of(const alm_calibration_cases *cases, alm_arena *scratch)
{
    size_t end = place_end(cases);
    const origin_sums *origin = sum_origins(cases, 0, end, scratch);
    double count = 0, groups = 0, sum = 0, sizes = 0, between = 0, within = 0;
    for (size_t g = 0; g < end; g++) {
        double n = origin[g].count;
        if (n > 0) {
            groups++;
            count += n;
            sizes += n * n;
            sum += origin[g].sum;
            between += origin[g].sum * origin[g].sum / n;
            within += origin[g].squares - origin[g].sum * origin[g].sum / n;
        }
    }
    if (groups < 2 || count <= groups) {
        return 1; /* one origin does not tell */
    }
    between = fmax(0, between - sum * sum / count) / (groups - 1);
    within = fmax(0, within) / (count - groups);
    double size = (count - sizes / count) / (groups - 1);
    double all = between + (size - 1) * within;
    return all > 0 ? fmin(1, fmax(0, (between - within) / all)) : 0;
}

/* n scores, `each` of a case. */
static size_t worth_of(const alm_calibration *c, double n, double each)
{
    double size = n / (double)(c->origins > 0 ? c->origins : 1);
    return (size_t)fmin(n / each, n / (1 + fmax(0, size - 1) * c->together));
}

/* ---- pools ---- */

static bool is_enough(double level, size_t worth)
{
    return alm_conformal_rank(worth, (1 - level) / 2) > 0;
}

/* The key and the score of a step of a group. */
static size_t collect(const alm_calibration_cases *cases, size_t behind, size_t from, size_t to,
                      double *key, double *score)
{
    size_t count = 0;
    for (size_t i = 0; i < cases->scored_count; i++) {
        const alm_calibration_case *one = &cases->scored[i];
        if (!is_apart(cases, one->behind, behind)) {
            continue;
        }
        for (size_t h = from; h < to; h++) {
            if (has_score(one, h)) {
                key[count] = one->mean[h] / one->deviation[h];
                score[count++] = (one->actual[h] - one->mean[h]) / one->deviation[h];
            }
        }
    }
    return count;
}

/* The first step of a group. */
static size_t group_start(const alm_calibration *c, size_t group)
{
    return (group * c->steps + c->groups - 1) / c->groups;
}

/* Scores of a bin that are worth as many as the highest level needs, by worth_of. */
static size_t bin_least(const alm_calibration *c, size_t each)
{
    double bin = BIN_LEAST;
    for (size_t k = 0; k < c->level_count; k++) {
        double need = ceil(2 / (1 - c->level[k]));
        double lost = need * c->together / (double)(c->origins > 0 ? c->origins : 1);
        if (c->enough[k]) {
            bin = fmax(bin, need * (double)each);
            bin = lost < 1 ? fmax(bin, need / (1 - lost)) : (double)(SIZE_MAX / 2);
        }
    }
    return (size_t)fmin(bin, (double)(SIZE_MAX / 2));
}

alm_calibration alm_calibration_of(const alm_calibration_cases *cases, size_t behind,
                                   alm_arena *arena)
{
    alm_calibration c = {.steps = cases->steps, .level = cases->level,
                         .level_count = cases->level_count};
    alm_assert(cases->level_count <= ALM_CALIBRATION_LEVELS_MAX);
    alm_arena *scratch = alm_arena_create(0);
    c.together = together_of(cases, scratch);
    c.origins = count_origins(cases, behind, scratch);
    size_t all = count_cases(cases, 0);
    size_t used = behind == 0 ? count_without_one(cases) : count_cases(cases, behind);
    c.groups = least(all / ALM_CALIBRATION_GROUP_CASES, ALM_CALIBRATION_GROUPS_MAX);
    c.groups = least(c.groups, cases->steps);
    c.groups = c.groups > 0 ? c.groups : 1;
    for (size_t k = 0; k < cases->level_count; k++) {
        double each = (double)cases->steps / (double)c.groups;
        c.enough[k] = is_enough(cases->level[k], worth_of(&c, (double)used * each, each));
    }
    size_t room = cases->scored_count * (cases->steps / c.groups + 1);
    double *key = ALM_NEW_ARRAY(scratch, double, room);
    double *score = ALM_NEW_ARRAY(scratch, double, room);
    for (size_t g = 0; g < c.groups; g++) {
        size_t from = group_start(&c, g);
        size_t to = group_start(&c, g + 1);
        size_t count = collect(cases, behind, from, to, key, score);
        c.pool[g] = alm_conformal_pool_of(key, score, count, bin_least(&c, to - from), BINS_MOST,
                                          arena);
    }
    alm_arena_destroy(scratch);
    return c;
}

/* The whole numbers between the bounds are those that the bounds hold; where there is none, the
 * one next to their middle. */
static void keep_to(alm_support support, double *low, double *high)
{
    if (support != ALM_SUPPORT_COUNT) {
        *low = alm_support_value(support, *low);
        *high = alm_support_value(support, *high);
        return;
    }
    double middle = alm_support_value(support, *low + (*high - *low) / 2);
    double hair = HAIR * (1 + fabs(*low) + fabs(*high));
    *low = alm_support_value(support, ceil(*low - hair));
    *high = alm_support_value(support, floor(*high + hair));
    if (*low > *high) {
        *low = middle;
        *high = middle;
    }
}

/* The rank (w + 1)(1 - a) of w independent scores, at the same share of the pool: where the pool
 * has more scores than it is worth, ranks between whole ones are there too. */
static bool score_bounds(const alm_calibration *c, size_t group, double key, double level,
                         double *low, double *high)
{
    const double *sorted = NULL;
    size_t n = alm_conformal_pool_find(&c->pool[group], key, &sorted);
    size_t each = group_start(c, group + 1) - group_start(c, group);
    double worth = (double)worth_of(c, (double)n, (double)each);
    if (!is_enough(level, (size_t)worth)) {
        return false;
    }
    double share = fmin(1, (1 + level) / 2 * (worth + 1) / worth);
    size_t place = (size_t)ceil(share * (double)n - HAIR);
    if (place < n + 1 - place) {
        return false;
    }
    *low = sorted[n - place];
    *high = sorted[place - 1];
    return true;
}

bool alm_calibration_bounds(const alm_calibration *c, const alm_calibration_point *at, double *low,
                            double *high)
{
    double mean = at->mean;
    double deviation = at->deviation;
    if (!(deviation > 0) || !isfinite(deviation) || !isfinite(mean)) {
        return false;
    }
    bool changed = false;
    size_t group = at->step * c->groups / c->steps;
    for (size_t k = 0; k < c->level_count; k++) {
        double from = 0;
        double to = 0;
        if (c->enough[k] &&
            score_bounds(c, group, mean / deviation, c->level[k], &from, &to)) {
            from = mean + deviation * from;
            to = mean + deviation * to;
            if (isfinite(from) && isfinite(to)) {
                keep_to(at->support, &from, &to);
                low[k] = from;
                high[k] = to;
                changed = true;
            }
        }
        if (k > 0 && changed) {
            low[k] = low[k] > low[k - 1] ? low[k - 1] : low[k];
            high[k] = high[k] < high[k - 1] ? high[k - 1] : high[k];
        }
    }
    return changed;
}

static void judge_value(const alm_calibration *c, const alm_calibration_case *one, size_t h,
                        alm_calibration_held *out)
{
    double low[ALM_CALIBRATION_LEVELS_MAX];
    double high[ALM_CALIBRATION_LEVELS_MAX];
    for (size_t k = 0; k < c->level_count; k++) { /* the model's are not known: nothing to widen */
        low[k] = INFINITY;
        high[k] = -INFINITY;
    }
    alm_calibration_point at = {h, one->mean[h], one->deviation[h], one->support};
    (void)alm_calibration_bounds(c, &at, low, high);
    for (size_t k = 0; k < c->level_count; k++) {
        bool calibrated = low[k] <= high[k];
        bool inside = one->actual[h] >= low[k] && one->actual[h] <= high[k];
        out->values[k] += c->enough[k];
        out->held[k] += c->enough[k] && (calibrated ? inside : one->held[h] >> k & 1);
    }
}

alm_calibration_held alm_calibration_judge(const alm_calibration_cases *cases, size_t behind)
{
    alm_calibration_held out = {{0}, {0}};
    alm_arena *arena = alm_arena_create(0);
    alm_calibration c = alm_calibration_of(cases, behind, arena);
    for (size_t i = 0; i < cases->judged_count && c.enough[0]; i++) {
        const alm_calibration_case *one = &cases->judged[i];
        for (size_t h = 0; h < cases->steps && one->behind == behind && one->spread; h++) {
            if (!isnan(one->actual[h])) {
                judge_value(&c, one, h, &out);
            }
        }
    }
    alm_arena_destroy(arena);
    return out;
}
