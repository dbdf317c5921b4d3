#include "serve/answer/node_list.h"

#include <math.h>
#include <string.h>

typedef struct listing {
    const alm_node_query *query;
    alm_arena *arena;
    const alm_committed_run *run;
    alm_node_page page;
    alm_node_row *row;
    size_t level;  /* one of the tree, or ALM_NODE_NONE: all */
    bool of_parts; /* of `whole`, of the levels in `parts` */
    size_t whole, whole_level;
    uint64_t parts;
    bool of_risks;
    alm_error *error;
} listing;

/* ---- where to look ---- */

static alm_err open_run(listing *l, const alm_online *online)
{
    alm_online_target target;
    ALM_TRY(alm_online_target_of(online, &l->query->ask, &target, l->error));
    if (!target.source->run) {
        return alm_fail(l->error, ALM_ERR_UNAVAILABLE, "route " ALM_STR_FMT ": " ALM_STR_FMT,
                        ALM_STR_ARG(target.route->spec->name),
                        ALM_STR_ARG(target.source->problem));
    }
    l->run = target.source->run;
    l->page.asked_release = target.asked;
    l->page.route = target.route;
    l->page.source = target.source;
    l->page.run = alm_committed_run_facts(l->run);
    l->page.tree = alm_committed_run_tree(l->run);
    return ALM_OK;
}

static alm_err find_level(listing *l)
{
    const alm_node_tree *tree = l->page.tree;
    alm_buffer known = {0};
    l->level = ALM_NODE_NONE;
    l->page.of = ALM_NODE_NONE;
    if (l->query->level.size == 0) {
        return ALM_OK;
    }
    l->level = alm_node_tree_level(tree, l->query->level);
    if (l->level != ALM_NODE_NONE) {
        return ALM_OK;
    }
    for (size_t i = 0; i < tree->levels; i++) {
        alm_buffer_printf(&known, "%s" ALM_STR_FMT, i ? ", " : "",
                          ALM_STR_ARG(tree->level[i].name));
    }
    alm_err code = alm_fail(l->error, ALM_ERR_NOT_FOUND, "the run has no such level; it has %s",
                            known.data ? known.data : "none");
    alm_buffer_deinit(&known);
    return code;
}

static alm_err find_whole(listing *l)
{
    alm_committed_node node;
    const alm_node_tree *tree = l->page.tree;
    if (l->query->ask.node.size == 0) {
        return ALM_OK;
    }
    ALM_TRY(alm_committed_find(l->run, l->query->ask.node, l->query->ask.level, &node, l->error));
    if (!tree->whole) {
        return alm_fail(l->error, ALM_ERR_UNAVAILABLE, ALM_STR_FMT, ALM_STR_ARG(tree->problem));
    }
    l->of_parts = true;
    l->whole = node.index;
    l->page.of = (uint32_t)node.index;
    l->whole_level = tree->level_of[node.index];
    l->parts = tree->level[l->whole_level].parts;
    return ALM_OK;
}

/* ---- cursors: "RUN.PLACE" ---- */

static alm_err read_cursor(const listing *l, size_t *place)
{
    alm_str rest = l->query->cursor;
    int64_t number = 0;
    *place = 0;
    if (rest.size == 0) {
        return ALM_OK;
    }
    size_t dot = rest.size;
    while (dot > 0 && rest.data[dot - 1] != '.') {
        dot--;
    }
    alm_str digits = {rest.data + dot, rest.size - dot};
    if (dot < 2 || !alm_str_to_i64(digits, &number) || number < 0 ||
        number > (int64_t)l->page.run->nodes) {
        return alm_fail(l->error, ALM_ERR_INVALID, "a cursor is the `next` of an earlier page");
    }
    if (!alm_str_equal((alm_str){rest.data, dot - 1}, l->page.run->run_id)) {
        return alm_fail(l->error, ALM_ERR_CONFLICT,
                        "the cursor is of another run than " ALM_STR_FMT ", which is in force now: "
                        "begin again without it", ALM_STR_ARG(l->page.run->run_id));
    }
    *place = (size_t)number;
    return ALM_OK;
}

static void put_cursor(listing *l, size_t place)
{
    l->page.next = alm_str_of(alm_arena_printf(l->arena, ALM_STR_FMT ".%zu",
                                               ALM_STR_ARG(l->page.run->run_id), place));
}

/* ---- rows ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool has_text(alm_str name, alm_str part)
{
    for (size_t at = 0; at + part.size <= name.size; at++) {
        size_t same = 0;
        while (same < part.size && lower(name.data[at + same]) == lower(part.data[same])) {
            same++;
        }
        if (same == part.size) {
            return true;
        }
    }
    return false;
}

static alm_severity severity_of(const listing *l, const alm_committed_node *node)
{
    return alm_severity_of(node->stockout_probability, l->page.run->steps);
}

/* Everything besides the node, which is there. */
static void fill_row(const listing *l, alm_node_row *out)
{
    int32_t steps = l->page.run->steps;
    const alm_node_tree *tree = l->page.tree;
    *out = (alm_node_row){.node = out->node, .probability = NAN, .expected_days = NAN,
                          .shortfall = NAN};
    for (int32_t day = 0; day < steps; day++) {
        out->demand += out->node.mean[day];
    }
    out->has_parts = tree->whole && tree->level[tree->level_of[out->node.index]].parts != 0;
    if (out->node.stockout_probability && !isnan(out->node.stockout_probability[steps - 1])) {
        out->probability = out->node.stockout_probability[steps - 1];
        out->expected_days = out->node.days_to_stockout[steps - 1];
        out->shortfall = out->node.shortfall[steps - 1];
        out->severity = severity_of(l, &out->node);
    }
}

/* False: this one and all behind it are not wanted. */
static bool take(listing *l, size_t index)
{
    const alm_node_tree *tree = l->page.tree;
    alm_node_row *row = &l->row[l->page.rows];
    if ((l->level != ALM_NODE_NONE && tree->level_of[index] != l->level) ||
        (l->of_parts && tree->whole[index * tree->levels + l->whole_level] != l->whole)) {
        return true;
    }
    alm_committed_at(l->run, index, &row->node);
    if (l->of_risks && severity_of(l, &row->node) < l->query->severity) {
        return false;
    }
    if (has_text(row->node.node, l->query->search)) {
        fill_row(l, row);
        l->page.rows++;
    }
    return true;
}

/* Node number `place` of the order: level by level, or by risk. Levels that are not wanted are
 * stepped over as a whole: `*place` moves. ALM_NODE_NONE: the end. */
static size_t node_at(const listing *l, size_t *place)
{
    const alm_node_tree *tree = l->page.tree;
    if (l->of_risks) {
        return *place < tree->risks ? tree->risk[*place] : ALM_NODE_NONE;
    }
    size_t first = 0;
    for (size_t i = 0; i < tree->levels; i++) {
        bool wanted = (l->level == ALM_NODE_NONE || l->level == i) &&
                      (!l->of_parts || (l->parts >> i & 1));
        size_t end = first + tree->level[i].count;
        if (*place < end && wanted) {
            return tree->level[i].node[*place - first];
        }
        *place = *place < end ? end : *place;
        first = end;
    }
    return ALM_NODE_NONE;
}

static alm_err fill(listing *l)
{
    size_t place = 0;
    size_t looks = 0;
    ALM_TRY(read_cursor(l, &place));
    l->row = ALM_NEW_ARRAY(l->arena, alm_node_row, (size_t)l->query->limit);
    for (;; place++, looks++) {
        size_t index = node_at(l, &place);
        if (index == ALM_NODE_NONE) {
            break;
        }
        if (looks == ALM_NODE_LOOKS_MAX || l->page.rows == (size_t)l->query->limit) {
            put_cursor(l, place);
            break;
        }
        if (!take(l, index)) {
            break;
        }
    }
    l->page.row = l->row;
    return ALM_OK;
}

static alm_err list(listing *l, const alm_online *online, alm_node_page *out)
{
    if (l->query->limit < 1 || l->query->limit > ALM_NODE_ROWS_MAX) {
        return alm_fail(l->error, ALM_ERR_INVALID, "a page has 1 to %d rows", ALM_NODE_ROWS_MAX);
    }
    ALM_TRY(open_run(l, online));
    ALM_TRY(find_level(l));
    ALM_TRY(find_whole(l));
    ALM_TRY(fill(l));
    *out = l->page;
    return ALM_OK;
}

alm_err alm_list_nodes(const alm_online *online, const alm_node_query *query, alm_arena *arena,
                       alm_node_page *out, alm_error *error)
{
    listing l = {.query = query, .arena = arena, .error = error};
    return list(&l, online, out);
}

alm_err alm_list_risks(const alm_online *online, const alm_node_query *query, alm_arena *arena,
                       alm_node_page *out, alm_error *error)
{
    listing l = {.query = query, .arena = arena, .of_risks = true, .error = error};
    alm_assert(query->ask.node.size == 0);
    return list(&l, online, out);
}
