/* committed_run.c: look-up in a run that is loaded. */
#include "serve/committed/committed_internal.h"

#include <string.h>

/* ---- names ---- */

static uint64_t hash_of(alm_str text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a, then mixed: only the low bits are used */
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ (unsigned char)text.data[i]) * 1099511628211u;
    }
    hash ^= hash >> 32;
    return hash * 0x9e3779b97f4a7c15u ^ hash >> 29;
}

alm_err almi_dictionary_init(almi_dictionary *names, size_t capacity, alm_arena *arena,
                             alm_error *error)
{
    size_t slots = 16;
    while (slots < 2 * capacity) {
        slots *= 2;
    }
    void *text = NULL;
    void *slot = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, capacity * sizeof(alm_str), &text, error));
    ALM_TRY(alm_arena_try_alloc(arena, slots * sizeof(uint32_t), &slot, error));
    *names = (almi_dictionary){.arena = arena, .text = text, .capacity = capacity, .slot = slot,
                               .slots = slots};
    return ALM_OK;
}

/* The slot of the text, or the free one where it belongs. */
static size_t slot_of(const almi_dictionary *names, alm_str text)
{
    size_t at = (size_t)hash_of(text) & (names->slots - 1);
    while (names->slot[at] != 0 && !alm_str_equal(names->text[names->slot[at] - 1], text)) {
        at = (at + 1) & (names->slots - 1);
    }
    return at;
}

uint32_t almi_dictionary_find(const almi_dictionary *names, alm_str text)
{
    size_t at = slot_of(names, text);
    return names->slot[at] ? names->slot[at] - 1 : UINT32_MAX;
}

uint32_t almi_dictionary_add(almi_dictionary *names, alm_str text)
{
    size_t at = slot_of(names, text);
    if (names->slot[at] != 0) {
        return names->slot[at] - 1;
    }
    if (names->count == names->capacity) {
        return UINT32_MAX;
    }
    names->text[names->count] =
        (alm_str){alm_arena_copy_text(names->arena, text.data, text.size), text.size};
    names->slot[at] = (uint32_t)++names->count;
    return (uint32_t)(names->count - 1);
}

size_t almi_node_key(uint32_t level, alm_str node, char out[ALMI_NODE_NAME_BYTES_MAX])
{
    if (node.size > ALMI_NODE_NAME_BYTES_MAX - ALMI_LEVEL_BYTES) {
        return 0;
    }
    out[0] = (char)(level & 0xff);
    out[1] = (char)(level >> 8);
    memcpy(out + ALMI_LEVEL_BYTES, node.data, node.size);
    return node.size + ALMI_LEVEL_BYTES;
}

/* ---- references ---- */

alm_committed_run *alm_committed_run_ref(alm_committed_run *run)
{
    atomic_fetch_add_explicit(&run->references, 1, memory_order_relaxed);
    return run;
}

void alm_committed_run_unref(alm_committed_run *run)
{
    if (run && atomic_fetch_sub_explicit(&run->references, 1, memory_order_acq_rel) == 1) {
        alm_path_file_close(run->paths);
        alm_arena_destroy(run->arena);
    }
}

const alm_committed_facts *alm_committed_run_facts(const alm_committed_run *run)
{
    return &run->facts;
}

const alm_node_tree *alm_committed_run_tree(const alm_committed_run *run)
{
    return &run->tree;
}

alm_err alm_committed_paths(const alm_committed_run *run, const alm_committed_node *node,
                            alm_arena *arena, alm_node_paths *out, alm_error *error)
{
    if (!alm_str_is(node->level, "series")) {
        return alm_fail(error, ALM_ERR_INVALID, "node " ALM_STR_FMT " is an aggregate of level "
                        ALM_STR_FMT "; this is for series", ALM_STR_ARG(node->node),
                        ALM_STR_ARG(node->level));
    }
    if (!run->paths) {
        return alm_fail(error, run->paths_code, ALM_STR_FMT, ALM_STR_ARG(run->paths_problem));
    }
    return alm_paths_of_node(run->paths, node->node, arena, out, error);
}

/* ---- nodes ---- */

void alm_committed_at(const alm_committed_run *run, size_t index, alm_committed_node *out)
{
    alm_assert(index < run->facts.nodes);
    alm_str key = run->nodes.text[index];
    const unsigned char *level = (const unsigned char *)key.data;
    size_t steps = (size_t)run->facts.steps;
    size_t first = index * steps;
    *out = (alm_committed_node){
        .node = {key.data + ALMI_LEVEL_BYTES, key.size - ALMI_LEVEL_BYTES},
        .level = run->levels.text[level[0] | level[1] << 8],
        .index = index,
        .method = run->methods.text[run->method[index]],
        .fallback = run->fallback[index],
        .mean = run->mean + first,
        .base_mean = run->base_mean + first,
        .quantile = run->quantile ? run->quantile + first * run->facts.quantiles : NULL,
        .stockout_probability = run->probability ? run->probability + first : NULL,
        .days_to_stockout = run->days ? run->days + first : NULL,
        .shortfall = run->shortfall ? run->shortfall + first : NULL};
}

static bool find_at_level(const alm_committed_run *run, uint32_t level, alm_str node,
                          uint32_t *index)
{
    char key[ALMI_NODE_NAME_BYTES_MAX];
    size_t size = almi_node_key(level, node, key);
    uint32_t found = size ? almi_dictionary_find(&run->nodes, (alm_str){key, size}) : UINT32_MAX;
    *index = found;
    return found != UINT32_MAX;
}

#define SHOWN_BYTES_MAX 100 /* of what was asked for */

static alm_str shown(alm_str text, alm_arena *arena)
{
    text.size = text.size < SHOWN_BYTES_MAX ? text.size : SHOWN_BYTES_MAX;
    return alm_str_visible(text, arena);
}

static alm_err fail_missing(const alm_committed_run *run, alm_str node, alm_str level,
                            alm_error *error)
{
    alm_arena *scratch = alm_arena_create(1024);
    alm_str name = shown(node, scratch);
    alm_str of = shown(level, scratch);
    alm_err code = alm_fail(error, ALM_ERR_NOT_FOUND,
                            "node " ALM_STR_FMT "%s" ALM_STR_FMT " is not among the %zu nodes of "
                            ALM_STR_FMT " (run " ALM_STR_FMT ")", ALM_STR_ARG(name),
                            level.size ? " of level " : "", ALM_STR_ARG(of), run->facts.nodes,
                            ALM_STR_ARG(run->facts.model_version), ALM_STR_ARG(run->facts.run_id));
    alm_arena_destroy(scratch);
    return code;
}

/* The aggregate of that name, when there is one only. */
static alm_err find_aggregate(const alm_committed_run *run, alm_str node, uint32_t *out,
                              alm_error *error)
{
    alm_buffer levels = {0};
    size_t count = 0;
    uint32_t index;
    for (uint32_t level = 0; level < run->levels.count; level++) {
        if (find_at_level(run, level, node, &index)) {
            *out = index;
            alm_buffer_printf(&levels, "%s" ALM_STR_FMT, count++ ? ", " : "",
                              ALM_STR_ARG(run->levels.text[level]));
        }
    }
    alm_err code = ALM_OK;
    if (count == 0) {
        code = fail_missing(run, node, (alm_str){0}, error);
    } else if (count > 1) {
        code = alm_fail(error, ALM_ERR_USAGE, "nodes of several levels have this name (%s): say "
                        "the level", levels.data ? levels.data : "");
    }
    alm_buffer_deinit(&levels);
    return code;
}

alm_err alm_committed_find(const alm_committed_run *run, alm_str node, alm_str level,
                           alm_committed_node *out, alm_error *error)
{
    uint32_t index = UINT32_MAX;
    alm_str wanted = level.size ? level : ALM_STR("series");
    uint32_t number = almi_dictionary_find(&run->levels, wanted);
    bool found = number != UINT32_MAX && find_at_level(run, number, node, &index);
    if (!found && level.size > 0) {
        return fail_missing(run, node, level, error);
    }
    if (!found) {
        ALM_TRY(find_aggregate(run, node, &index, error));
    }
    alm_committed_at(run, index, out);
    return ALM_OK;
}

alm_err alm_committed_find_keys(const alm_committed_run *run, const alm_str *values, size_t count,
                                alm_committed_node *out, alm_error *error)
{
    char name[ALMI_NODE_NAME_BYTES_MAX];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (values[i].size + 1 > sizeof(name) - size) {
            return alm_fail(error, ALM_ERR_NOT_FOUND, "no series has keys of so many bytes");
        }
        if (i > 0) {
            name[size++] = '|';
        }
        memcpy(name + size, values[i].data, values[i].size);
        size += values[i].size;
    }
    return alm_committed_find(run, (alm_str){name, size}, ALM_STR("series"), out, error);
}

bool alm_committed_key(const alm_committed_node *node, size_t keys, size_t key, alm_str *out)
{
    if (!alm_str_is(node->level, "series") || key >= keys) {
        return false;
    }
    alm_str rest = node->node;
    alm_str part = rest;
    for (size_t k = 0; keys > 1 && k <= key; k++) { /* with one key the name is its value */
        if (!rest.data) {
            return false;
        }
        part = alm_str_split(&rest, '|');
    }
    *out = part;
    return true;
}

size_t alm_committed_explanation(const alm_committed_run *run, const alm_committed_node *node,
                                 int32_t step, alm_committed_line *out)
{
    alm_assert(step >= 1 && step <= run->facts.steps);
    if (!run->line_count) {
        return 0;
    }
    size_t row = node->index * (size_t)run->facts.steps + (size_t)step - 1;
    for (size_t i = 0; i < run->line_count[row]; i++) {
        size_t at = run->line_first[row] + i;
        out[i] = (alm_committed_line){run->features.text[run->line_feature[at]],
                                      run->line_contribution[at]};
    }
    return run->line_count[row];
}
