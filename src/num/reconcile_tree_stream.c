/* reconcile_tree_stream.c: a tree that is read in blocks.
 *
 * Numbered depth first, a subtree is a range of nodes. Subtrees that fit a block are worked on when
 * they are read, and forgotten: all that is kept are the rows of the nodes above them, of which
 * there are few. So nothing that is as large as all values is ever held or written aside; reading a
 * block again gives again what it knew. */
#include "num/reconcile_tree.h"

#include <string.h>

#include "num/reconcile_tree_internal.h"

#define BLOCK_BYTES ((size_t)32 << 20)

typedef struct block {
    size_t first, count;
    size_t top; /* SIZE_MAX; else it is one node above, with this place among them */
} block;

typedef struct streamer {
    const alm_tree_stream *stream;
    const alm_tree_options *options;
    alm_arena *arena;
    almi_tree_segment top;  /* the nodes above */
    almi_tree_segment one;  /* the one of them at hand */
    almi_tree_segment part; /* the block at hand */
    almi_tree_rows next;    /* what the blocks of this round tell the nodes above */
    block *blocks;
    size_t block_count, block_nodes, inner_in_block, top_inner;
    void (*work)(struct streamer *s, size_t group); /* on a group of columns of a segment */
} streamer;

/* ---- cutting ---- */

/* `size`: nodes of every subtree. Depth first: the parent's range holds the node's, and the node
 * before it ends there too or is the parent. */
static alm_err measure(const alm_reconcile_tree *t, uint32_t *size, alm_error *error)
{
    for (size_t i = t->node_count; i-- > 0;) {
        size[i]++;
        if (t->parent[i] != ALM_TREE_ROOT) {
            size[t->parent[i]] += size[i];
        }
    }
    for (size_t i = 1; i < t->node_count; i++) {
        uint32_t above = (uint32_t)i - 1; /* climbs to the first node whose range goes on */
        while (above != ALM_TREE_ROOT && (size_t)above + size[above] <= i) {
            above = t->parent[above];
        }
        if (t->parent[i] != above) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "node %zu does not come right after its parent or a sibling's subtree; "
                            "number the nodes of a stream depth first", i);
        }
    }
    return ALM_OK;
}

static void cut(streamer *s, const uint32_t *size, bool *is_top, uint32_t *top)
{
    const alm_reconcile_tree *t = s->part.tree;
    bool open = false; /* may the last block grow? */
    for (size_t i = 0; i < t->node_count;) {
        is_top[i] = size[i] > s->block_nodes;
        if (is_top[i]) {
            s->blocks[s->block_count++] = (block){i, 1, s->top.count};
            top[s->top.count++] = (uint32_t)i;
            open = false;
            i++;
            continue;
        }
        block *last = open ? &s->blocks[s->block_count - 1] : NULL;
        if (!last || last->count + size[i] > s->block_nodes) {
            last = &s->blocks[s->block_count++];
            *last = (block){.first = i, .top = SIZE_MAX};
            open = true;
        }
        last->count += size[i];
        i += size[i];
    }
}

/* Rows: of the nodes above among themselves, of a block's inner nodes within the block. */
static void number(streamer *s, const bool *is_top, uint32_t *slot)
{
    const alm_reconcile_tree *t = s->part.tree;
    almi_tree_number(t, slot); /* leaves keep these */
    for (size_t i = 0; i < t->node_count; i++) {
        if (is_top[i] && t->is_inner[i]) {
            slot[i] = (uint32_t)s->top_inner++;
        }
    }
    for (size_t b = 0; b < s->block_count; b++) {
        uint32_t inner = 0;
        if (s->blocks[b].top != SIZE_MAX) {
            continue;
        }
        for (size_t i = s->blocks[b].first; i < s->blocks[b].first + s->blocks[b].count; i++) {
            if (t->is_inner[i]) {
                slot[i] = inner++;
            }
        }
        s->inner_in_block = inner > s->inner_in_block ? inner : s->inner_in_block;
    }
}

static alm_err plan(streamer *s, alm_error *error)
{
    const alm_reconcile_tree *t = s->part.tree;
    uint32_t *size = NULL;
    uint32_t *top = NULL;
    uint32_t *slot = NULL;
    bool *is_top = NULL;
    ALM_TRY(alm_arena_try_array(s->arena, t->node_count, sizeof *size, &size, error));
    ALM_TRY(alm_arena_try_array(s->arena, t->node_count, sizeof *top, &top, error));
    ALM_TRY(alm_arena_try_array(s->arena, t->node_count, sizeof *slot, &slot, error));
    ALM_TRY(alm_arena_try_array(s->arena, t->node_count, sizeof *is_top, &is_top, error));
    ALM_TRY(alm_arena_try_array(s->arena, t->node_count, sizeof(block), &s->blocks, error));
    ALM_TRY(measure(t, size, error));
    cut(s, size, is_top, top);
    number(s, is_top, slot);
    s->top.nodes = top;
    s->top.slot = s->part.slot = slot;
    s->top.is_top = s->part.is_top = is_top;
    return ALM_OK;
}

/* ---- memory ---- */

static alm_err allocate_rows(streamer *s, size_t count, almi_tree_rows *rows, alm_error *error)
{
    size_t cells = count * s->stream->width;
    ALM_TRY(alm_arena_try_array(s->arena, cells, sizeof(double), &rows->mean, error));
    if (s->options->non_negative) {
        ALM_TRY(alm_arena_try_array(s->arena, cells, sizeof(double), &rows->variance, error));
    }
    return ALM_OK;
}

static alm_err allocate_all(streamer *s, alm_error *error)
{
    const alm_reconcile_tree *t = s->part.tree;
    size_t width = s->stream->width;
    size_t row = width * sizeof(double);
    ALM_TRY(alm_arena_try_array(s->arena, s->block_nodes, row, &s->part.values, error));
    ALM_TRY(alm_arena_try_array(s->arena, s->top.count, row, &s->top.values, error));
    ALM_TRY(allocate_rows(s, s->inner_in_block, &s->part.rows, error));
    ALM_TRY(allocate_rows(s, s->top_inner, &s->top.rows, error));
    ALM_TRY(allocate_rows(s, s->top_inner, &s->next, error));
    if (s->options->non_negative) {
        size_t words = (t->node_count - t->inner_count) * almi_tree_groups(width);
        ALM_TRY(alm_arena_try_array(s->arena, words, sizeof(uint64_t), &s->part.held, error));
        s->top.held = s->part.held;
        s->part.pivots = almi_tree_pivots(s->arena, width);
    }
    s->top.width = s->part.width = width;
    return ALM_OK;
}

/* ---- passes ---- */

static alm_err group_task(void *context, size_t group, int worker, alm_error *error)
{
    (void)worker;
    (void)error;
    streamer *s = context;
    s->work(s, group);
    return ALM_OK;
}

static alm_err run(streamer *s, void (*work)(streamer *, size_t), alm_error *error)
{
    s->work = work;
    return alm_pool_run(s->options->pool, almi_tree_groups(s->stream->width), group_task, s,
                        error);
}

static void first_look(streamer *s, size_t group)
{
    almi_tree_up(&s->part, &s->next, group);
}

static void look_again(streamer *s, size_t group)
{
    almi_tree_up(&s->part, NULL, group);
    almi_tree_exchange(&s->part, group);
    almi_tree_up(&s->part, &s->next, group);
}

static void last_look(streamer *s, size_t group)
{
    almi_tree_up(&s->part, NULL, group);
    almi_tree_down(&s->part, &s->next, group);
}

/* The price of every node above, once they know all. */
static void price_top(streamer *s, size_t group)
{
    almi_tree_prices(&s->top, group);
}

static void tell_above(streamer *s, size_t group)
{
    almi_tree_up(&s->one, NULL, group);
}

static void sum_above(streamer *s, size_t group)
{
    almi_tree_sums(&s->one, NULL, group);
}

static void forget(streamer *s, almi_tree_rows *rows)
{
    size_t bytes = s->top_inner * s->stream->width * sizeof(double);
    memset(rows->mean, 0, bytes);
    if (rows->variance) {
        memset(rows->variance, 0, bytes);
    }
}

static alm_err one_above(streamer *s, const block *b, bool is_last, alm_error *error)
{
    s->one = s->top;
    s->one.nodes = s->top.nodes + b->top;
    s->one.count = 1;
    s->one.values = s->top.values + b->top * s->stream->width;
    s->one.rows = s->next;
    ALM_TRY(run(s, is_last ? sum_above : tell_above, error));
    ALM_TRY(almi_tree_check(s->one.values, b->first, 1, s->stream->width, error));
    return is_last ? s->stream->write(s->stream->context, b->first, 1, s->one.values, error)
                   : ALM_OK;
}

static alm_err one_block(streamer *s, const block *b, void (*work)(streamer *, size_t),
                         bool is_last, alm_error *error)
{
    const alm_tree_stream *stream = s->stream;
    s->part.first = b->first;
    s->part.count = b->count;
    ALM_TRY(stream->read(stream->context, b->first, b->count, s->part.values, error));
    ALM_TRY(almi_tree_check(s->part.values, b->first, b->count, stream->width, error));
    ALM_TRY(run(s, work, error));
    return is_last ? stream->write(stream->context, b->first, b->count, s->part.values, error)
                   : ALM_OK;
}

/* From the last node to the first, as in memory, so that sums have the same bits: every block is
 * read and worked on, and every node above comes when all its children have told it. */
static alm_err pass(streamer *s, void (*work)(streamer *, size_t), bool is_last,
                    alm_error *error)
{
    forget(s, &s->next);
    for (size_t b = s->block_count; b-- > 0;) {
        if (s->blocks[b].top != SIZE_MAX) {
            ALM_TRY(one_above(s, &s->blocks[b], is_last, error));
        } else {
            ALM_TRY(one_block(s, &s->blocks[b], work, is_last, error));
        }
    }
    almi_tree_rows known = s->next;
    s->next = s->top.rows;
    s->top.rows = known;
    s->part.top = known;
    return ALM_OK;
}

static alm_err exchange_rounds(streamer *s, alm_tree_outcome *outcome, alm_error *error)
{
    size_t rounds_max = almi_tree_rounds(s->options);
    bool settled = !s->options->non_negative;
    while (!settled && outcome->rounds < rounds_max) {
        outcome->rounds++;
        ALM_TRY(pass(s, look_again, false, error));
        ALM_TRY(run(s, price_top, error));
        settled = almi_tree_judge(s->part.pivots, s->stream->width, &outcome->unsettled);
    }
    return ALM_OK;
}

static alm_err stream_all(streamer *s, alm_tree_outcome *outcome, alm_error *error)
{
    const alm_tree_stream *stream = s->stream;
    size_t width = stream->width;
    ALM_TRY(plan(s, error));
    ALM_TRY(allocate_all(s, error));
    for (size_t i = 0; i < s->top.count; i++) {
        ALM_TRY(stream->read(stream->context, s->top.nodes[i], 1, s->top.values + i * width,
                             error));
    }
    ALM_TRY(pass(s, first_look, false, error));
    ALM_TRY(run(s, price_top, error));
    ALM_TRY(exchange_rounds(s, outcome, error));
    return pass(s, last_look, true, error);
}

alm_err alm_reconcile_tree_stream(const alm_reconcile_tree *tree, const alm_tree_options *options,
                                  const alm_tree_stream *stream, alm_tree_outcome *outcome,
                                  alm_error *error)
{
    alm_tree_outcome all = {0};
    size_t fitting = stream->width ? BLOCK_BYTES / sizeof(double) / stream->width : BLOCK_BYTES;
    streamer s = {.stream = stream,
                  .options = options,
                  .arena = alm_arena_create(0),
                  .block_nodes = stream->block_nodes ? stream->block_nodes : fitting + 1};
    if (s.block_nodes > tree->node_count) {
        s.block_nodes = tree->node_count;
    }
    s.part.tree = s.top.tree = tree;
    alm_err code = stream_all(&s, &all, error);
    alm_arena_destroy(s.arena);
    ALM_TRY(code);
    if (outcome) {
        *outcome = all;
    }
    return ALM_OK;
}
