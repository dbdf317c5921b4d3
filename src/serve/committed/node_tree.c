/* node_tree.c: levels, parts and the order of risk. */
#include "serve/committed/node_tree_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decide/stockout.h"

size_t alm_node_tree_level(const alm_node_tree *tree, alm_str name)
{
    for (size_t l = 0; l < tree->levels; l++) {
        if (alm_str_equal(tree->level[l].name, name)) {
            return l;
        }
    }
    return ALM_NODE_NONE;
}

static alm_err take(alm_committed_run *run, size_t count, size_t size, void *slot,
                    alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(run->arena, count * size, &memory, error));
    memcpy(slot, &memory, sizeof(memory));
    return ALM_OK;
}

/* ---- levels ---- */

/* The levels of the run in the order of the project, the series last; place[i] is where the run's
 * level number i went. */
static size_t order_levels(const alm_project *project, const alm_committed_run *run,
                           alm_node_level *level, uint8_t place[ALMI_LEVELS_MAX])
{
    const almi_dictionary *names = &run->levels;
    uint32_t series = almi_dictionary_find(names, ALM_STR("series"));
    uint64_t taken = series == UINT32_MAX ? 0 : UINT64_C(1) << series;
    size_t count = 0;
    for (size_t i = 0; project && i < project->level_count; i++) {
        uint32_t number = almi_dictionary_find(names, project->levels[i].name);
        if (number != UINT32_MAX && !(taken >> number & 1)) {
            taken |= UINT64_C(1) << number;
            place[number] = (uint8_t)count;
            level[count++].name = names->text[number];
        }
    }
    for (uint32_t number = 0; number < names->count; number++) {
        if (!(taken >> number & 1)) { /* of a project that has other levels now */
            place[number] = (uint8_t)count;
            level[count++].name = names->text[number];
        }
    }
    if (series != UINT32_MAX) {
        place[series] = (uint8_t)count;
        level[count++].name = names->text[series];
    }
    return count;
}

static size_t number_of_level(const alm_committed_run *run, size_t node)
{
    const unsigned char *key = (const unsigned char *)run->nodes.text[node].data;
    return key[0] | (size_t)key[1] << 8;
}

static alm_err sort_into_levels(const almi_tree_source *source, alm_committed_run *run,
                                alm_node_level **out, alm_error *error)
{
    alm_node_tree *tree = &run->tree;
    size_t nodes = run->facts.nodes;
    uint8_t place[ALMI_LEVELS_MAX] = {0};
    alm_node_level *level = NULL;
    uint8_t *level_of = NULL;
    uint32_t *sorted = NULL;
    ALM_TRY(take(run, ALMI_LEVELS_MAX, sizeof(*level), &level, error));
    ALM_TRY(take(run, nodes, sizeof(*level_of), &level_of, error));
    ALM_TRY(take(run, nodes, sizeof(*sorted), &sorted, error));
    tree->levels = order_levels(source->project, run, level, place);
    for (size_t n = 0; n < nodes; n++) {
        level_of[n] = place[number_of_level(run, n)];
        level[level_of[n]].count++;
    }
    size_t next[ALMI_LEVELS_MAX];
    size_t first = 0;
    for (size_t l = 0; l < tree->levels; l++) {
        level[l].node = sorted + first;
        next[l] = first;
        first += level[l].count;
    }
    for (size_t n = 0; n < nodes; n++) {
        sorted[next[level_of[n]]++] = (uint32_t)n;
    }
    tree->level = *out = level;
    tree->level_of = level_of;
    return ALM_OK;
}

/* ---- parts ---- */

/* Of a sum: the node that has all of its series; NONE where they are in several. */
static void spread_to_sums(const alm_node_tree *tree, uint32_t *whole, bool *seen)
{
    const alm_node_level *series = &tree->level[tree->levels - 1];
    size_t levels = tree->levels;
    for (size_t i = 0; i < series->count; i++) {
        const uint32_t *of_leaf = whole + series->node[i] * levels;
        for (size_t l = 0; l + 1 < levels; l++) {
            uint32_t sum = of_leaf[l];
            if (sum == ALM_NODE_NONE) {
                continue;
            }
            uint32_t *of_sum = whole + sum * levels;
            for (size_t k = 0; k < levels; k++) {
                bool same = !seen[sum] || of_sum[k] == of_leaf[k];
                of_sum[k] = k != l && same ? of_leaf[k] : ALM_NODE_NONE;
            }
            seen[sum] = true;
        }
    }
}

/* Bit l of inside[m]: every node of level m is within one node of level l. */
static void find_inside(const alm_node_tree *tree, const uint32_t *whole, uint64_t *inside)
{
    for (size_t m = 0; m < tree->levels; m++) {
        const alm_node_level *level = &tree->level[m];
        inside[m] = (level->count ? ~UINT64_C(0) : 0) & ~(UINT64_C(1) << m);
        for (size_t i = 0; i < level->count; i++) {
            for (size_t l = 0; l < tree->levels; l++) {
                if (whole[level->node[i] * tree->levels + l] == ALM_NODE_NONE) {
                    inside[m] &= ~(UINT64_C(1) << l);
                }
            }
        }
    }
}

static bool is_above(const uint64_t *inside, size_t l, size_t m)
{
    bool alike = inside[l] >> m & 1;
    return l != m && (inside[m] >> l & 1) && (!alike || l < m);
}

static void find_parts(const alm_node_tree *tree, const uint32_t *whole, alm_node_level *level)
{
    uint64_t inside[ALMI_LEVELS_MAX];
    find_inside(tree, whole, inside);
    for (size_t l = 0; l < tree->levels; l++) {
        for (size_t m = 0; m < tree->levels; m++) {
            bool next = is_above(inside, l, m);
            for (size_t k = 0; next && k < tree->levels; k++) {
                next = !(is_above(inside, l, k) && is_above(inside, k, m));
            }
            level[l].parts |= next ? UINT64_C(1) << m : 0;
        }
    }
}

static bool has_level(const alm_project *project, alm_str name)
{
    for (size_t i = 0; i < project->level_count; i++) {
        if (alm_str_equal(project->levels[i].name, name)) {
            return true;
        }
    }
    return false;
}

static alm_err find_wholes(const almi_tree_source *source, alm_committed_run *run,
                           alm_node_level *level, alm_error *error)
{
    alm_node_tree *tree = &run->tree;
    size_t nodes = run->facts.nodes;
    uint32_t *whole = NULL;
    void *seen = NULL;
    alm_error reason = {0};
    if (!source->project || alm_node_tree_level(tree, ALM_STR("series")) == ALM_NODE_NONE) {
        tree->problem = ALM_STR("nothing is known about what is part of what");
        return ALM_OK;
    }
    ALM_TRY(take(run, nodes * tree->levels, sizeof(*whole), &whole, error));
    ALM_TRY(alm_arena_try_alloc(source->scratch, nodes, &seen, error));
    for (size_t i = 0; i < nodes * tree->levels; i++) {
        whole[i] = ALM_NODE_NONE;
    }
    if (almi_node_members(source, run, whole, &reason) != ALM_OK) {
        const char *text = alm_arena_printf(run->arena, "what is part of what is not known: %s",
                                            reason.message);
        tree->problem = alm_str_of(text);
        return ALM_OK;
    }
    spread_to_sums(tree, whole, seen);
    find_parts(tree, whole, level);
    tree->whole = whole;
    for (size_t l = 0; l < tree->levels; l++) {
        if (!alm_str_is(level[l].name, "series") && !has_level(source->project, level[l].name)) {
            tree->problem = alm_str_of(alm_arena_printf(
                run->arena, "the project has no level " ALM_STR_FMT " now: what its nodes are "
                "made of is not known", ALM_STR_ARG(level[l].name)));
        }
    }
    return ALM_OK;
}

/* ---- risk ---- */

typedef struct ranked {
    double probability, days;
    uint32_t node;
    alm_severity severity;
} ranked;

static int riskier_first(const void *a, const void *b)
{
    const ranked *x = a;
    const ranked *y = b;
    if (x->severity != y->severity) {
        return x->severity > y->severity ? -1 : 1;
    }
    if (x->probability != y->probability) {
        return x->probability > y->probability ? -1 : 1;
    }
    if (x->days != y->days) {
        return x->days < y->days ? -1 : 1;
    }
    return (x->node > y->node) - (x->node < y->node);
}

static alm_err rank(const almi_tree_source *source, alm_committed_run *run, alm_error *error)
{
    size_t steps = (size_t)run->facts.steps;
    size_t count = 0;
    void *memory = NULL;
    uint32_t *risk = NULL;
    if (!run->probability) {
        return ALM_OK;
    }
    ALM_TRY(alm_arena_try_alloc(source->scratch, run->facts.nodes * sizeof(ranked), &memory,
                                error));
    ranked *all = memory;
    for (size_t n = 0; n < run->facts.nodes; n++) {
        const double *by_day = run->probability + n * steps;
        double days = run->days[n * steps + steps - 1];
        if (!isnan(by_day[steps - 1]) && !isnan(days)) {
            all[count++] = (ranked){by_day[steps - 1], days, (uint32_t)n,
                                    alm_severity_of(by_day, run->facts.steps)};
        }
    }
    ALM_TRY(take(run, count, sizeof(*risk), &risk, error));
    if (count > 0) {
        qsort(all, count, sizeof(*all), riskier_first);
    }
    for (size_t i = 0; i < count; i++) {
        risk[i] = all[i].node;
    }
    run->tree.risk = risk;
    run->tree.risks = count;
    return ALM_OK;
}

alm_err almi_node_tree_build(const almi_tree_source *source, alm_committed_run *run,
                             alm_error *error)
{
    alm_node_level *level = NULL;
    ALM_TRY(sort_into_levels(source, run, &level, error));
    ALM_TRY(find_wholes(source, run, level, error));
    return rank(source, run, error);
}
