#include "model/statistical/combination.h"

#include <math.h>
#include <string.h>

#include "model/statistical/sample_paths.h"
#include "num/elementary.h"

#define STEPS_FEW 128      /* that need no memory of their own */
#define WEIGHT_LEAST .01   /* of the largest */

void alm_combination_even_out(alm_combination *c)
{
    double sum = 0;
    for (size_t i = 0; i < c->count; i++) {
        sum += c->part[i].weight;
    }
    alm_assert(c->count >= 1 && sum > 0);
    for (size_t i = 0; i < c->count; i++) {
        c->part[i].weight /= sum;
    }
}

void alm_combination_weigh(alm_combination *c, const double *criterion, double strength)
{
    double lowest = INFINITY;
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        lowest = criterion[i] < lowest ? criterion[i] : lowest;
    }
    for (size_t i = 0; i < c->count; i++) {
        double weight = alm_exp(-strength * (criterion[i] - lowest));
        if (weight >= WEIGHT_LEAST) {
            c->part[kept] = c->part[i];
            c->part[kept++].weight = weight;
        }
    }
    c->count = kept;
    alm_combination_even_out(c);
}

void alm_combination_update(void *state, double y)
{
    alm_combination *c = state;
    for (size_t i = 0; i < c->count; i++) {
        c->part[i].kind->update(c->part[i].state, y);
    }
}

typedef void of_steps(const alm_combination_part *part, size_t steps, double *out);

static void mean_of_part(const alm_combination_part *part, size_t steps, double *out)
{
    part->kind->mean(part->state, steps, out);
}

static void deviation_of_part(const alm_combination_part *part, size_t steps, double *out)
{
    part->kind->deviation(part->state, steps, out);
}

static void mix(const alm_combination *c, of_steps *of, size_t steps, double *one, double *out)
{
    memset(out, 0, steps * sizeof *out);
    for (size_t i = 0; i < c->count; i++) {
        of(&c->part[i], steps, one);
        for (size_t h = 0; h < steps; h++) {
            out[h] += c->part[i].weight * one[h];
        }
    }
}

static void mix_in_room(const alm_combination *c, of_steps *of, size_t steps, double *out)
{
    double few[STEPS_FEW];
    if (steps <= STEPS_FEW) {
        mix(c, of, steps, few, out);
        return;
    }
    alm_arena *arena = alm_arena_create(steps * sizeof *out);
    mix(c, of, steps, ALM_NEW_ARRAY(arena, double, steps), out);
    alm_arena_destroy(arena);
}

void alm_combination_mean(const void *state, size_t steps, double *out)
{
    mix_in_room(state, mean_of_part, steps, out);
}

void alm_combination_deviation(const void *state, size_t steps, double *out)
{
    mix_in_room(state, deviation_of_part, steps, out);
}

void *alm_combination_copy(const void *state, alm_arena *arena, void *into)
{
    const alm_combination *from = state;
    alm_combination *to = into ? into : ALM_NEW(arena, alm_combination);
    for (size_t i = 0; i < from->count; i++) {
        void *before = into ? to->part[i].state : NULL;
        to->part[i] = from->part[i];
        to->part[i].state = from->part[i].kind->copy(from->part[i].state, arena, before);
    }
    to->count = from->count;
    return to;
}

double alm_combination_next(const void *state, double u)
{
    const alm_combination *c = state;
    double sum = 0;
    for (size_t i = 0; i < c->count; i++) {
        const alm_combination_part *part = &c->part[i];
        sum += part->weight * alm_forecaster_next(part->kind, part->state, u);
    }
    return sum;
}
