/* project_parse.c: the sections of almanac.yaml into alm_project. */
#include "project/project_schema.h"

#include <string.h>

/* ---- maps and lists of sections ---- */

typedef alm_err (*read_entry)(const alm_yaml *node, alm_arena *arena, void *out,
                              alm_error *error);

/* Every child of `node` (a list or a map) through `read` into a new array. */
static alm_err read_entries(const alm_yaml *node, size_t size, read_entry read, alm_arena *arena,
                            void **out, alm_error *error)
{
    char *entries = alm_arena_alloc_array(arena, node->count, size);
    for (size_t i = 0; i < node->count; i++) {
        ALM_TRY(read(&node->child[i], arena, entries + i * size, error));
    }
    *out = entries;
    return ALM_OK;
}

/* ---- sources ---- */

static alm_err read_bound(const alm_yaml *map, const char *key, bool *has, double *out,
                          alm_error *error)
{
    const alm_yaml *node = alm_yaml_member(map, key);
    *has = node != NULL;
    return node ? almi_yaml_double(node, out, error) : ALM_OK;
}

static alm_err read_column(const alm_yaml *node, alm_arena *arena, void *out, alm_error *error)
{
    alm_source_column *column = out;
    if (node->kind == ALM_YAML_SCALAR) { /* `units: i64` */
        alm_yaml type = *node;
        type.key = ALM_STR("type");
        alm_yaml map = *node;
        map.kind = ALM_YAML_MAP;
        map.child = &type;
        map.count = 1;
        ALM_TRY(almi_section_read(&almi_column_section, &map, arena, column, error));
    } else {
        ALM_TRY(almi_section_read(&almi_column_section, node, arena, column, error));
        ALM_TRY(read_bound(node, "min", &column->has_min, &column->min, error));
        ALM_TRY(read_bound(node, "max", &column->has_max, &column->max, error));
    }
    column->name = node->key;
    return ALM_OK;
}

static alm_err read_source(const alm_yaml *node, alm_arena *arena, void *out, alm_error *error)
{
    alm_source *source = out;
    ALM_TRY(almi_section_read(&almi_source_section, node, arena, source, error));
    ALM_TRY(almi_yaml_safe_key(node, &source->name, error));
    const alm_yaml *columns = alm_yaml_member(node, "columns");
    ALM_TRY(almi_yaml_expect(columns, ALM_YAML_MAP, "columns", error));
    void *entries = NULL;
    ALM_TRY(read_entries(columns, sizeof(alm_source_column), read_column, arena, &entries, error));
    source->columns = entries;
    source->column_count = columns->count;
    return ALM_OK;
}

/* ---- series ---- */

static alm_err read_series_column(const alm_yaml *node, alm_arena *arena, void *out,
                                  alm_error *error)
{
    alm_series_column *column = out;
    ALM_TRY(almi_section_read(&almi_series_column_section, node, arena, column, error));
    ALM_TRY(almi_yaml_safe_key(node, &column->name, error));
    column->column = column->column.size ? column->column : column->name;
    return ALM_OK;
}

static alm_err read_attribute(const alm_yaml *node, alm_arena *arena, void *out, alm_error *error)
{
    alm_attribute *attribute = out;
    ALM_TRY(almi_section_read(&almi_attribute_section, node, arena, attribute, error));
    ALM_TRY(almi_yaml_safe_key(node, &attribute->name, error));
    attribute->column = attribute->column.size ? attribute->column : attribute->name;
    return ALM_OK;
}

static alm_err read_place(const alm_yaml *map, const char *key, const almi_section *section,
                          alm_arena *arena, almi_place *out, alm_error *error)
{
    const alm_yaml *node = alm_yaml_member(map, key);
    return node ? almi_section_read(section, node, arena, out, error) : ALM_OK;
}

static alm_err read_series(const alm_yaml *node, alm_arena *arena, alm_series_spec *series,
                           alm_error *error)
{
    ALM_TRY(almi_section_read(&almi_series_section, node, arena, series, error));
    almi_place closed = {0};
    almi_place available = {0};
    ALM_TRY(read_place(node, "closed", &almi_closed_section, arena, &closed, error));
    ALM_TRY(read_place(node, "available", &almi_available_section, arena, &available, error));
    series->closed_source = closed.source;
    series->closed_column = closed.column;
    series->available_source = available.source;
    series->available_column = available.column;
    void *entries = NULL;
    const alm_yaml *columns = alm_yaml_member(node, "columns");
    if (columns) {
        ALM_TRY(almi_yaml_expect(columns, ALM_YAML_MAP, "columns", error));
        ALM_TRY(read_entries(columns, sizeof(alm_series_column), read_series_column, arena,
                             &entries, error));
        series->columns = entries;
        series->column_count = columns->count;
    }
    const alm_yaml *attributes = alm_yaml_member(node, "attributes");
    if (attributes) {
        ALM_TRY(almi_yaml_expect(attributes, ALM_YAML_MAP, "attributes", error));
        ALM_TRY(read_entries(attributes, sizeof(alm_attribute), read_attribute, arena, &entries,
                             error));
        series->attributes = entries;
        series->attribute_count = attributes->count;
    }
    return ALM_OK;
}

static alm_err read_level(const alm_yaml *node, alm_arena *arena, void *out, alm_error *error)
{
    return almi_section_read(&almi_level_section, node, arena, out, error);
}

/* ---- features ---- */

static alm_err read_feature(const alm_yaml *node, alm_arena *arena, void *out, alm_error *error)
{
    alm_feature_spec *spec = out;
    almi_feature_entry entry = {.age = -1, .lag = -1};
    ALM_TRY(almi_section_read(&almi_feature_section, node, arena, &entry, error));
    if (entry.age >= 0 && entry.lag >= 0) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG,
                             "feature " ALM_STR_FMT " has both age (before the newest known value) "
                             "and lag (before the day that is forecast): keep one",
                             ALM_STR_ARG(entry.name));
    }
    spec->name = alm_arena_copy_text(arena, entry.name.data, entry.name.size);
    spec->op = (alm_feature_op)entry.op;
    spec->column = entry.column.size
                       ? alm_arena_copy_text(arena, entry.column.data, entry.column.size) : NULL;
    spec->anchor = entry.lag >= 0 ? ALM_ANCHOR_LAG : ALM_ANCHOR_AGE;
    spec->offset = entry.lag >= 0 ? entry.lag : entry.age >= 0 ? entry.age : 0;
    spec->window = entry.window;
    spec->season = entry.season;
    spec->alpha = entry.alpha;
    spec->level = entry.level;
    spec->scaled = entry.scaled;
    spec->skip_closed = entry.skip_closed;
    spec->steps_max = entry.steps_max;
    return ALM_OK;
}

/* ---- models ---- */

static alm_err read_block(const alm_yaml *node, int32_t next, alm_horizon_block *out,
                          alm_error *error)
{
    int64_t first = 0;
    int64_t last = 0;
    ALM_TRY(almi_yaml_expect(node, ALM_YAML_LIST, "a block", error));
    if (node->count != 2) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "a block must be [first, last]");
    }
    ALM_TRY(almi_yaml_i64(&node->child[0], &first, error));
    ALM_TRY(almi_yaml_i64(&node->child[1], &last, error));
    if (first != next || last < first || last > 400) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG,
                             "this block must begin at step %d and end at or behind it", next);
    }
    *out = (alm_horizon_block){(int32_t)first, (int32_t)last};
    return ALM_OK;
}

static alm_err read_blocks(const alm_yaml *node, alm_arena *arena, alm_model_spec *model,
                           alm_error *error)
{
    size_t count = node ? node->count : 1;
    alm_horizon_block *blocks = ALM_NEW_ARRAY(arena, alm_horizon_block, count);
    model->blocks = blocks;
    model->block_count = count;
    if (!node) {
        blocks[0] = (alm_horizon_block){1, model->horizon};
        return ALM_OK;
    }
    ALM_TRY(almi_yaml_expect(node, ALM_YAML_LIST, "blocks", error));
    if (count > ALM_BLOCKS_MAX) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "at most %d blocks, not %zu",
                             ALM_BLOCKS_MAX, count);
    }
    if (model->recursive && count > 1) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "a recursive model forecasts step by "
                             "step: leave `blocks` out");
    }
    int32_t next = 1;
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(read_block(&node->child[i], next, &blocks[i], error));
        next = blocks[i].last + 1;
    }
    if (next != model->horizon + 1) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG,
                             "the blocks end at step %d, the horizon is %d", next - 1,
                             model->horizon);
    }
    return ALM_OK;
}

static alm_err read_quantiles(const alm_yaml *node, alm_model_spec *model, alm_error *error)
{
    ALM_TRY(almi_yaml_expect(node, ALM_YAML_LIST, "quantiles", error));
    if (node->count == 0 || node->count > ALM_QUANTILES_MAX) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "quantiles needs 1 to %d values, not %zu",
                             ALM_QUANTILES_MAX, node->count);
    }
    double before = 0.0;
    for (size_t i = 0; i < node->count; i++) {
        ALM_TRY(almi_yaml_double(&node->child[i], &model->quantiles[i], error));
        if (model->quantiles[i] <= before || model->quantiles[i] >= 1.0) {
            return alm_yaml_fail(&node->child[i], error, ALM_ERR_CONFIG,
                                 "quantiles must rise between 0 and 1, without both");
        }
        before = model->quantiles[i];
    }
    model->quantile_count = node->count;
    return ALM_OK;
}

/* An absent section is an empty one: all its defaults. */
static alm_err read_inner(const alm_yaml *map, const char *key, const almi_section *section,
                          alm_arena *arena, void *out, alm_error *error)
{
    const alm_yaml *node = alm_yaml_member(map, key);
    const alm_yaml empty = {.kind = ALM_YAML_MAP, .line = map->line, .column = map->column,
                            .file = map->file};
    return almi_section_read(section, node ? node : &empty, arena, out, error);
}

/* What a model without forests cannot have is refused, never passed over. */
static alm_err check_statistical(const alm_yaml *node, alm_model_spec *model, alm_error *error)
{
    static const char *const USELESS[] = {"gbm",       "blocks",   "features",
                                          "marginals", "recursive", "candidates"};
    static const alm_str STATISTICAL = {"statistical", 11};
    for (size_t i = 0; i < sizeof USELESS / sizeof USELESS[0]; i++) {
        const alm_yaml *found = alm_yaml_member(node, USELESS[i]);
        if (found) {
            return alm_yaml_fail(found, error, ALM_ERR_CONFIG, "`%s` is for forests, and a model "
                                 "with method: statistical has none: leave it out, or say method: "
                                 "gbm", USELESS[i]);
        }
    }
    model->candidates = &STATISTICAL;
    model->candidate_count = 1;
    return ALM_OK;
}

static alm_err read_kinds(const alm_yaml *node, alm_arena *arena, alm_model_spec *model,
                          alm_error *error)
{
    const alm_yaml *kinds = alm_yaml_member(node, "kinds");
    model->has_kinds = kinds || model->method == ALM_MODEL_STATISTICAL;
    for (size_t i = 0; kinds && i < kinds->count; i++) {
        if (almi_yaml_is_empty(&kinds->child[i])) {
            return alm_yaml_fail(&kinds->child[i], error, ALM_ERR_CONFIG, "kinds." ALM_STR_FMT
                                 " is empty: name a forecaster, or leave it out for the usual "
                                 "ones", ALM_STR_ARG(kinds->child[i].key));
        }
    }
    return read_inner(node, "kinds", &almi_kinds_section, arena, &model->kinds, error);
}

static alm_err read_model(const alm_yaml *node, alm_arena *arena, void *out, alm_error *error)
{
    alm_model_spec *model = out;
    ALM_TRY(almi_section_read(&almi_model_section, node, arena, model, error));
    ALM_TRY(almi_yaml_safe_key(node, &model->name, error));
    ALM_TRY(read_blocks(alm_yaml_member(node, "blocks"), arena, model, error));
    ALM_TRY(read_quantiles(alm_yaml_member(node, "quantiles"), model, error));
    if (model->method == ALM_MODEL_STATISTICAL) {
        ALM_TRY(check_statistical(node, model, error));
    } else if (!alm_yaml_member(node, "candidates")) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "models.NAME needs the key candidates");
    }
    ALM_TRY(read_kinds(node, arena, model, error));
    ALM_TRY(read_inner(node, "gbm", &almi_gbm_section, arena, &model->gbm, error));
    return read_inner(node, "backtest", &almi_backtest_section, arena, &model->backtest, error);
}

static alm_err read_schedule(const alm_yaml *node, alm_arena *arena, void *out, alm_error *error)
{
    alm_schedule_spec *schedule = out;
    ALM_TRY(almi_section_read(&almi_schedule_section, node, arena, schedule, error));
    return almi_yaml_safe_key(node, &schedule->name, error);
}

/* ---- the file ---- */

typedef struct part {
    const char *key;
    alm_yaml_kind kind;
    size_t size;
    read_entry read;
    size_t offset, count_offset; /* in alm_project */
} part;

static const part PARTS[] = {
    {"sources", ALM_YAML_MAP, sizeof(alm_source), read_source, offsetof(alm_project, sources),
     offsetof(alm_project, source_count)},
    {"hierarchy", ALM_YAML_LIST, sizeof(alm_level_spec), read_level, offsetof(alm_project, levels),
     offsetof(alm_project, level_count)},
    {"features", ALM_YAML_LIST, sizeof(alm_feature_spec), read_feature,
     offsetof(alm_project, features), offsetof(alm_project, feature_count)},
    {"models", ALM_YAML_MAP, sizeof(alm_model_spec), read_model, offsetof(alm_project, models),
     offsetof(alm_project, model_count)},
    {"schedules", ALM_YAML_MAP, sizeof(alm_schedule_spec), read_schedule,
     offsetof(alm_project, schedules), offsetof(alm_project, schedule_count)},
};

static alm_err read_part(const part *p, const alm_yaml *root, alm_project *project,
                         alm_error *error)
{
    const alm_yaml *node = alm_yaml_member(root, p->key);
    if (!node || almi_yaml_is_empty(node)) {
        return ALM_OK;
    }
    ALM_TRY(almi_yaml_expect(node, p->kind, p->key, error));
    void *entries = NULL;
    ALM_TRY(read_entries(node, p->size, p->read, project->arena, &entries, error));
    memcpy((char *)project + p->offset, &entries, sizeof(entries));
    memcpy((char *)project + p->count_offset, &node->count, sizeof(node->count));
    return ALM_OK;
}

/* What follows from other sections. Names that point nowhere are found by the check afterwards. */
static void derive(alm_project *project)
{
    alm_series_spec *series = &project->series;
    const alm_source *own = alm_project_source(project, series->source);
    if (own && series->time.size == 0) {
        series->time = own->time;
    }
    alm_series_column *columns =
        ALM_NEW_ARRAY(project->arena, alm_series_column, series->column_count);
    for (size_t i = 0; i < series->column_count; i++) {
        columns[i] = series->columns[i];
        const alm_source *source = alm_project_source(project, columns[i].source);
        columns[i].own = source && source == own;
        columns[i].known = source && !columns[i].own && source->known_in_advance &&
                           !columns[i].observed;
        columns[i].delay = source && !columns[i].known ? source->publication_delay : 0;
    }
    series->columns = columns;
}

alm_err almi_project_parse(const alm_yaml *root, alm_project *project, alm_error *error)
{
    almi_top top = {0};
    ALM_TRY(almi_section_read(&almi_top_section, root, project->arena, &top, error));
    project->name = top.name;
    project->pseudonym_key =
        alm_path_join(project->arena, project->directory, top.pseudonym_key.data);
    for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
        ALM_TRY(read_part(&PARTS[i], root, project, error));
    }
    const alm_yaml *series = alm_yaml_member(root, "series");
    if (series && !almi_yaml_is_empty(series)) {
        ALM_TRY(read_series(series, project->arena, &project->series, error));
    }
    ALM_TRY(almi_bars_parse(root, project, error));
    const alm_yaml *stock = alm_yaml_member(root, "stock");
    if (stock && !almi_yaml_is_empty(stock)) {
        ALM_TRY(almi_section_read(&almi_stock_section, stock, project->arena, &project->stock,
                                  error));
    }
    ALM_TRY(almi_deployments_parse(root, project, error));
    derive(project);
    return ALM_OK;
}
