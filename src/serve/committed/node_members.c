/* node_members.c: which sums the series of a run are part of, from the snapshot that it names. */
#include "project/snapshot.h"
#include "serve/committed/node_tree_internal.h"

#define NONE "(none)" /* of a series without the attribute, as project/panel_open.c names it */
#define ROWS_MAX ((size_t)50000000)

typedef struct members {
    const almi_tree_source *source;
    const alm_committed_run *run;
    alm_snapshot snapshot;
    alm_table *value; /* of each attribute: key and text, by key */
    alm_error *error;
} members;

/* ---- attributes ---- */

static alm_err open_snapshot(members *m)
{
    alm_digest id;
    alm_snapshot_record record;
    alm_str text = m->run->facts.snapshot_id;
    alm_arena *arena = m->source->scratch;
    if (!alm_digest_parse(text, &id)) {
        return alm_fail(m->error, ALM_ERR_CORRUPT, "the run names no snapshot");
    }
    ALM_TRY(alm_registry_get_snapshot(m->source->stores->registry, &id, arena, &record, m->error));
    /* The manifest is an object under its own hash. */
    alm_digest manifest = alm_hash_bytes(record.manifest.data, record.manifest.size);
    return alm_snapshot_read(m->source->stores->objects, alm_digest_str(&manifest, arena), arena,
                             &m->snapshot, m->error);
}

static alm_err locate(members *m, alm_str name, const char **out)
{
    for (size_t i = 0; i < m->snapshot.source_count; i++) {
        const alm_snapshot_source *source = &m->snapshot.sources[i];
        alm_digest digest;
        if (alm_str_equal(source->name, name) && alm_digest_parse(source->object, &digest)) {
            return alm_objects_locate(m->source->stores->objects, &digest, m->source->scratch, out,
                                      m->error);
        }
    }
    return alm_fail(m->error, ALM_ERR_NOT_FOUND, "the run's snapshot has no source " ALM_STR_FMT,
                    ALM_STR_ARG(name));
}

/* "valid_from <= date" of rows that say from when or until when they hold. */
static const char *bound(members *m, alm_str column, const char *comparison)
{
    char date[ALM_DATE_TEXT_BYTES];
    alm_arena *arena = m->source->scratch;
    if (column.size == 0) {
        return "true";
    }
    const char *name = alm_sql_identifier(arena, column);
    alm_date_text(m->run->facts.prediction_date, date);
    return alm_arena_printf(arena, "(%s IS NULL OR %s %s DATE '%s')", name, name, comparison, date);
}

static alm_err read_attribute(members *m, const alm_attribute *attribute, alm_table *out)
{
    alm_arena *arena = m->source->scratch;
    const char *path = NULL;
    ALM_TRY(locate(m, attribute->source, &path));
    const char *statement = alm_arena_printf(
        arena, "SELECT %s::VARCHAR, %s::VARCHAR FROM read_parquet(%s) WHERE %s AND %s AND %s IS "
        "NOT NULL AND %s IS NOT NULL ORDER BY 1", alm_sql_identifier(arena, attribute->key),
        alm_sql_identifier(arena, attribute->column),
        alm_sql_literal(arena, alm_str_of(path)), bound(m, attribute->valid_from, "<="),
        bound(m, attribute->valid_to, ">"), alm_sql_identifier(arena, attribute->key),
        alm_sql_identifier(arena, attribute->column));
    return alm_sql_collect(m->source->sql, statement, ROWS_MAX, arena, out, m->error);
}

static bool is_used(const alm_project *project, alm_str name)
{
    for (size_t l = 0; l < project->level_count; l++) {
        for (size_t k = 0; k < project->levels[l].by_count; k++) {
            if (alm_str_equal(project->levels[l].by[k], name)) {
                return true;
            }
        }
    }
    return false;
}

static alm_err read_attributes(members *m)
{
    const alm_project *project = m->source->project;
    const alm_series_spec *series = &project->series;
    bool is_open = false;
    m->value = ALM_NEW_ARRAY(m->source->scratch, alm_table, series->attribute_count);
    for (size_t a = 0; a < series->attribute_count; a++) {
        if (!is_used(project, series->attributes[a].name)) {
            continue;
        }
        if (!is_open) {
            ALM_TRY(open_snapshot(m));
            is_open = true;
        }
        ALM_TRY(read_attribute(m, &series->attributes[a], &m->value[a]));
    }
    return ALM_OK;
}

static alm_str look_up(const alm_table *value, alm_str key)
{
    size_t low = 0;
    size_t high = value->rows;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = alm_str_compare(value->columns[0].values.text[middle], key);
        if (order == 0) {
            return value->columns[1].values.text[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return ALM_STR(NONE);
}

/* ---- names of sums ---- */

static bool key_of(const members *m, const alm_committed_node *leaf, alm_str name, alm_str *out)
{
    const alm_series_spec *series = &m->source->project->series;
    for (size_t k = 0; k < series->key_count; k++) {
        if (alm_str_equal(series->keys[k], name)) {
            return alm_committed_key(leaf, series->key_count, k, out);
        }
    }
    return false;
}

/* Text of a key or an attribute of a series. */
static bool static_of(const members *m, const alm_committed_node *leaf, alm_str name, alm_str *out)
{
    const alm_series_spec *series = &m->source->project->series;
    for (size_t a = 0; a < series->attribute_count; a++) {
        alm_str key;
        if (alm_str_equal(series->attributes[a].name, name)) {
            if (!key_of(m, leaf, series->attributes[a].key, &key)) {
                return false;
            }
            *out = look_up(&m->value[a], key);
            return true;
        }
    }
    return key_of(m, leaf, name, out);
}

static bool sum_name(const members *m, const alm_committed_node *leaf, const alm_level_spec *level,
                     alm_buffer *out)
{
    alm_buffer_clear(out);
    if (level->by_count == 0) {
        alm_buffer_text(out, "total");
    }
    for (size_t k = 0; k < level->by_count; k++) {
        alm_str text;
        if (!static_of(m, leaf, level->by[k], &text)) {
            return false;
        }
        alm_buffer_text(out, k > 0 ? "|" : "");
        alm_buffer_str(out, text);
    }
    return true;
}

static alm_err place_leaf(const members *m, uint32_t index, alm_buffer *name, uint32_t *whole)
{
    const alm_project *project = m->source->project;
    const alm_node_tree *tree = &m->run->tree;
    alm_committed_node leaf;
    alm_committed_node sum;
    alm_committed_at(m->run, index, &leaf);
    for (size_t i = 0; i < project->level_count; i++) {
        size_t l = alm_node_tree_level(tree, project->levels[i].name);
        if (l == ALM_NODE_NONE) {
            continue;
        }
        if (!sum_name(m, &leaf, &project->levels[i], name) ||
            alm_committed_find(m->run, alm_buffer_view(name), project->levels[i].name, &sum,
                               NULL) != ALM_OK) {
            return alm_fail(m->error, ALM_ERR_NOT_FOUND,
                            "the run has no node of level " ALM_STR_FMT " for series " ALM_STR_FMT
                            ": the project has other levels now", ALM_STR_ARG(tree->level[l].name),
                            ALM_STR_ARG(leaf.node));
        }
        whole[index * tree->levels + l] = (uint32_t)sum.index;
    }
    return ALM_OK;
}

alm_err almi_node_members(const almi_tree_source *source, const alm_committed_run *run,
                          uint32_t *whole, alm_error *error)
{
    members m = {.source = source, .run = run, .error = error};
    const alm_node_level *series = &run->tree.level[run->tree.levels - 1];
    alm_buffer name = {0};
    ALM_TRY(read_attributes(&m));
    alm_err code = ALM_OK;
    for (size_t i = 0; code == ALM_OK && i < series->count; i++) {
        code = place_leaf(&m, series->node[i], &name, whole);
    }
    alm_buffer_deinit(&name);
    return code;
}
