#include "model/statistical/automatic/contest.h"

#include <math.h>

#include "model/statistical/automatic/choice_member.h"
#include "model/statistical/rolling.h"
#include "num/quantile.h"

#define ERROR_LEAST 1e-3 /* of the largest: what is hit exactly does not silence all others */
#define STEPS_FEW 64     /* that need no memory of their own */

/* ---- on the past ---- */

static alm_rolling_plan origins_of(size_t count)
{
    size_t steps = count / 4 < ALM_CONTEST_STEPS ? count / 4 : ALM_CONTEST_STEPS;
    return (alm_rolling_plan){.origins = ALM_CONTEST_ORIGINS, .stride = (steps + 1) / 2,
                              .horizon = steps, .history_min = (count + 1) / 2};
}

/* Root mean square; NaN: it refuses the oldest origin, or nothing is known behind one. */
static double error_of(const alm_forecaster_kind *kind, const alm_past *past, alm_arena *arena)
{
    if (past->count < ALM_CONTEST_LEAST) {
        return (double)NAN;
    }
    alm_rolling_plan plan = origins_of(past->count);
    size_t origins = alm_rolling_count(&plan, past->count);
    double *mean = ALM_NEW_ARRAY(arena, double, origins * plan.horizon);
    double sum = 0;
    size_t pairs = 0;
    if (alm_rolling_means(kind, past, &plan, arena, mean, NULL) != ALM_OK) {
        return (double)NAN;
    }
    for (size_t i = 0; i < origins; i++) {
        const double *then = past->y + alm_rolling_known(&plan, past->count, i);
        for (size_t h = 0; h < plan.horizon; h++) {
            double off = then[h] - mean[i * plan.horizon + h];
            pairs += !isnan(off);
            sum += isnan(off) ? 0 : off * off;
        }
    }
    double error = sqrt(sum / (double)pairs);
    return isfinite(error) ? error : (double)NAN;
}

/* ---- fitting ---- */

/* Fitted candidates, with their errors. */
static alm_err begin(const alm_past *past, alm_arena *arena, alm_choice **out, alm_error *error)
{
    ALM_TRY(almi_candidates_fit(past, arena, out, error));
    size_t used = 0;
    for (size_t i = 0; i < (*out)->facts.count; i++) {
        alm_choice_member *m = &(*out)->facts.member[i];
        if (m->reason == ALM_CHOICE_USED) {
            m->error = error_of((*out)->all.part[used++].kind, past, arena);
        }
    }
    return ALM_OK;
}

/* The first of the members used whose error is the least; the first of all, if none has one. */
static size_t place_of_best(const alm_choice_facts *facts)
{
    size_t best = facts->count;
    for (size_t i = 0; i < facts->count; i++) {
        const alm_choice_member *m = &facts->member[i];
        if (m->reason == ALM_CHOICE_USED &&
            (best == facts->count || m->error < facts->member[best].error ||
             (isnan(facts->member[best].error) && !isnan(m->error)))) {
            best = i;
        }
    }
    return best;
}

static alm_err fit_best(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    alm_choice *c = NULL;
    ALM_TRY(begin(past, arena, &c, error));
    size_t best = place_of_best(&c->facts);
    size_t used = 0;
    for (size_t i = 0; i < c->facts.count; i++) {
        alm_choice_member *m = &c->facts.member[i];
        if (i == best) {
            c->all.part[0] = c->all.part[used];
        }
        used += m->reason == ALM_CHOICE_USED;
        if (i != best && m->reason == ALM_CHOICE_USED) {
            m->reason = isnan(c->facts.member[best].error) ? ALM_CHOICE_NOT_NEEDED
                                                           : ALM_CHOICE_FURTHER_OFF;
        }
    }
    c->all.count = 1;
    almi_member_weigh(c);
    *state = c;
    return ALM_OK;
}

/* The larger, the nearer; those without an error have the mean of the others. */
static void weigh_by_errors(alm_choice *c)
{
    double largest = 0, sum = 0;
    size_t known = 0, used = 0;
    for (size_t i = 0; i < c->facts.count; i++) {
        double error = c->facts.member[i].error;
        known += !isnan(error);
        sum += isnan(error) ? 0 : error;
        largest = error > largest ? error : largest;
    }
    for (size_t i = 0; i < c->facts.count && largest > 0; i++) {
        const alm_choice_member *m = &c->facts.member[i];
        double error = isnan(m->error) ? sum / (double)known : m->error;
        if (m->reason == ALM_CHOICE_USED) {
            double share = error / largest;
            c->all.part[used++].weight = 1 / (share > ERROR_LEAST ? share : ERROR_LEAST);
        }
    }
}

static alm_err fit_weighted(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    alm_choice *c = NULL;
    ALM_TRY(begin(past, arena, &c, error));
    weigh_by_errors(c);
    almi_member_weigh(c);
    *state = c;
    return ALM_OK;
}

static alm_err fit_median(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    alm_choice *c = NULL;
    ALM_TRY(almi_candidates_fit(past, arena, &c, error));
    c->facts.is_median = true;
    almi_member_weigh(c);
    *state = c;
    return ALM_OK;
}

/* ---- the median of the parts ---- */

static double median_of(double *values, size_t count)
{
    alm_sort_doubles(values, count);
    return alm_quantile_sorted(values, count, .5);
}

typedef struct block { /* of steps x parts */
    double *mean, *deviation;
} block;

/* By steps, each part's mean moved by so many of its deviations (0: deviations are not asked). */
static void medians_of(const alm_combination *c, size_t steps, double moved, block room,
                       double *out)
{
    for (size_t i = 0; i < c->count; i++) {
        const alm_combination_part *part = &c->part[i];
        part->kind->mean(part->state, steps, room.mean + i * steps);
        if (moved != 0) {
            part->kind->deviation(part->state, steps, room.deviation + i * steps);
        }
    }
    for (size_t h = 0; h < steps; h++) {
        double value[ALM_COMBINATION_PARTS_MAX];
        bool is_known = true;
        for (size_t i = 0; i < c->count; i++) {
            value[i] = room.mean[i * steps + h];
            value[i] += moved != 0 ? moved * room.deviation[i * steps + h] : 0;
            is_known &= !isnan(value[i]);
        }
        out[h] = is_known ? median_of(value, c->count) : (double)NAN;
    }
}

static void medians_together(const alm_choice *c, size_t steps, double *out)
{
    double few[STEPS_FEW * ALM_DEMAND_MEMBERS_MAX];
    if (steps <= STEPS_FEW) {
        medians_of(&c->all, steps, 0, (block){few, NULL}, out);
        return;
    }
    alm_arena *arena = alm_arena_create(0);
    block room = {ALM_NEW_ARRAY(arena, double, steps * c->all.count), NULL};
    medians_of(&c->all, steps, 0, room, out);
    alm_arena_destroy(arena);
}

static void median_mean(const void *state, size_t steps, double *out)
{
    almi_choice_mean(state, medians_together, steps, out);
}

static void median_deviation(const void *state, size_t steps, double *out)
{
    const alm_choice *c = state;
    alm_arena *arena = alm_arena_create(0);
    size_t size = steps * c->all.count;
    block room = {ALM_NEW_ARRAY(arena, double, size), ALM_NEW_ARRAY(arena, double, size)};
    double *low = ALM_NEW_ARRAY(arena, double, steps);
    medians_of(&c->all, steps, -1, room, low);
    medians_of(&c->all, steps, 1, room, out);
    for (size_t h = 0; h < steps; h++) {
        out[h] = (out[h] - low[h]) / 2;
    }
    alm_arena_destroy(arena);
}

static double median_next(const void *state, double u)
{
    const alm_choice *c = state;
    double value[ALM_COMBINATION_PARTS_MAX];
    for (size_t i = 0; i < c->all.count; i++) {
        alm_combination one = {.part = {c->all.part[i]}, .count = 1};
        one.part[0].weight = 1;
        value[i] = alm_combination_next(&one, u);
    }
    return median_of(value, c->all.count);
}

const alm_forecaster_kind alm_best = {"best", fit_best, alm_combination_update,
                                      almi_weighted_mean, alm_combination_deviation,
                                      almi_choice_copy, alm_combination_next,
                                      {.is_surprised = true}};
const alm_forecaster_kind alm_weighted = {"weighted", fit_weighted, alm_combination_update,
                                          almi_weighted_mean, alm_combination_deviation,
                                          almi_choice_copy, alm_combination_next,
                                          {.is_surprised = true}};
const alm_forecaster_kind alm_median = {"median", fit_median, alm_combination_update, median_mean,
                                        median_deviation, almi_choice_copy, median_next,
                                        {.is_surprised = true}};
