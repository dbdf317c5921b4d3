#include "num/weighted_scores.h"

#include <math.h>

#include "num/scores.h"

/* A node and what is in it: leaves are nodes, too. */
typedef struct node_view {
    const double *history, *actual, *forecast;
    double weight;
} node_view;

static void add_node(const alm_weighted_input *in, const node_view *node, alm_weighted_mean *mean)
{
    alm_metrics one = {0};
    alm_metrics_add_window(&one, node->actual, node->forecast, in->steps,
                           alm_scale_of(node->history, in->past, 1));
    if (one.rmsse_windows > 0) {
        alm_weighted_add(mean, alm_metrics_rmsse(&one), node->weight);
    }
}

static double *sums_of(const alm_weighted_input *in, const double *leaves, size_t width,
                       alm_arena *arena)
{
    double *sums = ALM_NEW_ARRAY(arena, double, in->hierarchy->node_count * width);
    alm_hierarchy_add(in->hierarchy, 0, in->hierarchy->leaf_count, leaves, width, sums);
    return sums;
}

double alm_wrmsse(const alm_weighted_input *in, double *by_level)
{
    const alm_hierarchy *h = in->hierarchy;
    alm_arena *arena = alm_arena_create(0);
    alm_weighted_mean *level = ALM_NEW_ARRAY(arena, alm_weighted_mean, h->level_count + 1);
    const double *history = sums_of(in, in->history, in->past, arena);
    const double *actual = sums_of(in, in->actual, in->steps, arena);
    const double *weight = sums_of(in, in->weight, 1, arena);
    const double *forecast = in->node_forecast;
    if (!forecast) {
        forecast = sums_of(in, in->forecast, in->steps, arena);
    }
    for (uint32_t l = 0; l < h->level_count; l++) {
        for (uint32_t i = 0; i < h->levels[l].node_count; i++) {
            size_t n = h->levels[l].first_node + i;
            add_node(in, &(node_view){history + n * in->past, actual + n * in->steps,
                                      forecast + n * in->steps, weight[n]}, &level[l]);
        }
    }
    for (size_t i = 0; i < h->leaf_count; i++) {
        add_node(in, &(node_view){in->history + i * in->past, in->actual + i * in->steps,
                                  in->forecast + i * in->steps, in->weight[i]},
                 &level[h->level_count]);
    }
    for (uint32_t l = 0; l <= h->level_count; l++) {
        by_level[l] = alm_weighted_value(&level[l]);
    }
    double mean = alm_weighted_levels(level, h->level_count + 1);
    alm_arena_destroy(arena);
    return mean;
}
