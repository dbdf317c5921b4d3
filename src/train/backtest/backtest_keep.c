/* backtest_keep.c: the sums of a backtest, to go on adding to them later.
 *
 * Sums of doubles depend on their order, so what is kept is the sums and not the origins'
 * contributions: who goes on adds in the same order as who was never stopped. */
#include <stdio.h>
#include <string.h>

#include "train/backtest/backtest.h"

typedef struct visitor {
    alm_buffer *out; /* NULL: `in` is read */
    const char *in;
    size_t size;
} visitor;

static void visit(visitor *v, void *data, size_t size)
{
    if (v->out) {
        alm_buffer_append(v->out, data, size);
    } else if (v->in) {
        memcpy(data, v->in + v->size, size);
    }
    v->size += size;
}

static void visit_scores(visitor *v, const alm_backtest *b, alm_scores *s)
{
    _Static_assert(sizeof(alm_scores) ==
                       48 + sizeof(alm_distribution_scores) + sizeof(alm_metrics),
                   "a new member is to be kept, too");
    visit(v, &s->nodes, sizeof s->nodes);
    visit(v, s->methods, b->methods * sizeof *s->methods);
    visit(v, s->refused, b->methods * sizeof *s->refused);
    visit(v, s->stock, b->methods * sizeof *s->stock);
    visit(v, &s->censored, sizeof s->censored);
    visit(v, &s->spread, sizeof s->spread);
    visit(v, &s->base, sizeof s->base);
    if (s->step) {
        visit(v, s->step, b->methods * b->steps * sizeof *s->step);
    }
}

static void visit_detail(visitor *v, const alm_backtest *b, alm_score_detail *d)
{
    _Static_assert(sizeof(alm_score_detail) == 24, "a new member is to be kept, too");
    visit(v, d->loss, d->nodes * b->methods * sizeof *d->loss);
    visit(v, d->windows, d->nodes * b->methods * sizeof *d->windows);
}

/* How often each learned, and why the last time it could not. */
static void visit_global(visitor *v, alm_global_fits *g)
{
    for (size_t k = 0; k < g->count; k++) {
        char reason[sizeof(((alm_error *)0)->message)] = "";
        if (g->reason[k]) {
            (void)snprintf(reason, sizeof reason, "%s", g->reason[k]);
        }
        visit(v, &g->fits[k], sizeof g->fits[k]);
        visit(v, reason, sizeof reason);
        if (v->in) {
            g->reason[k] = reason[0] ? alm_arena_printf(g->texts, "%s", reason) : NULL;
        }
    }
}

static void visit_all(visitor *v, alm_backtest *b)
{
    for (uint32_t level = 0; level <= b->panel->hierarchy->level_count; level++) {
        visit_scores(v, b, &b->levels[level]);
        if (b->detail) {
            visit_detail(v, b, &b->detail[level]);
        }
    }
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        visit_scores(v, b, &b->classes[c]);
    }
    visit_global(v, &b->global);
}

void alm_backtest_keep(const alm_backtest *backtest, alm_buffer *content)
{
    visitor writing = {.out = content};
    alm_backtest same = *backtest;
    visit_all(&writing, &same);
}

bool alm_backtest_restore(alm_backtest *backtest, alm_str content)
{
    visitor counting = {0};
    visitor reading = {.in = content.data};
    visit_all(&counting, backtest);
    if (counting.size != content.size) {
        return false;
    }
    visit_all(&reading, backtest);
    return true;
}
