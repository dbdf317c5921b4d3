#include "pipeline/sold_out_sums.h"

bool alm_sellers_add(const alm_hierarchy *h, const alm_panel *block, alm_sellers *of_node)
{
    size_t periods = block->periods;
    bool any = false;
    for (size_t i = 0; i < block->series_count; i++) {
        const uint8_t *state = block->state + i * periods;
        size_t leaf = block->first_series + i;
        for (size_t at = 0; at < h->level_count * periods; at++) {
            size_t t = at % periods;
            size_t node = h->node_of_leaf[leaf * h->level_count + at / periods];
            bool out = state[t] == ALM_PERIOD_STOCKOUT;
            of_node[node * periods + t].out += out;
            of_node[node * periods + t].all +=
                out || state[t] == ALM_PERIOD_OBSERVED || state[t] == ALM_PERIOD_ZERO;
            any = any || out;
        }
    }
    return any;
}

alm_err alm_sold_out_sums(const alm_panel *sums, const alm_sellers *of_node, alm_arena *arena,
                          const alm_panel **out, alm_error *error)
{
    size_t cells = sums->series_count * sums->periods;
    uint8_t *sold_out = NULL;
    ALM_TRY(alm_arena_try_array(arena, cells, sizeof *sold_out, &sold_out, error));
    for (size_t at = 0; at < cells; at++) {
        sold_out[at] = of_node[at].out * ALM_SOLD_OUT_ONE_IN > of_node[at].all;
    }
    alm_panel *marked = ALM_NEW(arena, alm_panel);
    *marked = *sums;
    marked->sold_out = sold_out;
    *out = marked;
    return ALM_OK;
}
