/* panel_open.c: opening a snapshot as panels: the series, what they belong to, the calendar. */
#include "project/panel_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NONE "(none)"

/* ---- SQL ---- */

alm_err almi_panel_object(alm_panel_source *source, alm_str name, const char **path,
                          alm_error *error)
{
    const alm_snapshot *snapshot = source->snapshot;
    for (size_t i = 0; i < snapshot->source_count; i++) {
        if (!alm_str_equal(snapshot->sources[i].name, name)) {
            continue;
        }
        alm_digest digest;
        if (source->paths[i]) { /* reads the whole object, so once is enough */
            *path = source->paths[i];
            return ALM_OK;
        }
        if (!alm_digest_parse(snapshot->sources[i].object, &digest)) {
            return alm_fail(error, ALM_ERR_INVALID, "snapshot %.12s was a dry run: it has no "
                            "objects", snapshot->id.data);
        }
        ALM_TRY(alm_objects_locate(source->objects, &digest, source->arena, &source->paths[i],
                                   error));
        *path = source->paths[i];
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_NOT_FOUND, "snapshot %.12s has no source " ALM_STR_FMT
                    ": take a new one", snapshot->id.data, ALM_STR_ARG(name));
}

static char *date_literal(alm_date date, alm_arena *arena)
{
    char text[ALM_DATE_TEXT_BYTES];
    alm_date_text(date, text);
    return alm_arena_printf(arena, "DATE '%s'", text);
}

char *almi_panel_visible(const alm_panel_source *source, const alm_source *spec, alm_date stop,
                         alm_arena *arena)
{
    char *time = alm_sql_identifier(arena, spec->time);
    alm_date end = source->end;
    char *known = alm_arena_printf(arena, "true");
    if (spec->known_at.size) { /* a date compares as its midnight */
        known = alm_arena_printf(arena, "%s <= %s", alm_sql_identifier(arena, spec->known_at),
                                 date_literal(end, arena));
    } else if (!spec->known_in_advance) {
        known = alm_arena_printf(arena, "%s < %s", time,
                                 date_literal(end - spec->publication_delay, arena));
    }
    return alm_arena_printf(arena, "%s >= %s AND %s < %s AND %s", time,
                            date_literal(source->start, arena), time, date_literal(stop, arena),
                            known);
}

char *almi_panel_value(alm_str column, bool indicator, alm_arena *arena)
{
    char *name = alm_sql_identifier(arena, column);
    return indicator
               ? alm_arena_printf(arena, "CASE WHEN %s IS NULL OR %s = '' THEN 0::DOUBLE ELSE "
                                  "1::DOUBLE END", name, name)
               : alm_arena_printf(arena, "%s::DOUBLE", name);
}

static char *from(const char *path, alm_arena *arena)
{
    return alm_arena_printf(arena, "FROM read_parquet(%s)",
                            alm_sql_literal(arena, alm_str_of(path)));
}

/* ---- dictionaries ---- */

static alm_err read_dictionary(alm_panel_source *source, const char *statement,
                               almi_dictionary *out, alm_error *error)
{
    alm_table table;
    ALM_TRY(alm_sql_collect(source->sql, statement, UINT32_MAX - 1, source->arena, &table, error));
    out->texts = table.columns[0].values.text;
    out->count = (uint32_t)table.rows;
    return ALM_OK;
}

/* Code of a text; `count` when it is not in the dictionary. */
static uint32_t code_of(const almi_dictionary *dictionary, alm_str text)
{
    uint32_t low = 0;
    uint32_t high = dictionary->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (alm_str_compare(dictionary->texts[middle], text) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < dictionary->count && alm_str_equal(dictionary->texts[low], text)
               ? low : dictionary->count;
}

static almi_static *key_static(const alm_panel_source *source, size_t key)
{
    return &source->statics[source->project->series.attribute_count + key];
}

/* ---- series ---- */

static char *key_list(const alm_panel_source *source, alm_arena *arena)
{
    alm_buffer text = {0};
    for (size_t i = 0; i < source->project->series.key_count; i++) {
        alm_buffer_printf(&text, "%s%s", i ? ", " : "",
                          alm_sql_identifier(arena, source->project->series.keys[i]));
    }
    char *out = alm_arena_copy_text(arena, text.data, text.size);
    alm_buffer_deinit(&text);
    return out;
}

static alm_err take_array(alm_arena *arena, size_t count, size_t size, void *out,
                          alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, count * size, &memory, error));
    memcpy(out, &memory, sizeof(memory));
    return ALM_OK;
}

/* Names of nodes are texts joined by '|': with the bar in one of them, `a|b` and `c` would have the
 * name of `a` and `b|c`; two series could not be told apart, two aggregates would become one. */
static alm_err check_bars(const almi_static *part, alm_error *error)
{
    for (uint32_t i = 0; i < part->dictionary.count; i++) {
        alm_str text = part->dictionary.texts[i];
        if (text.size > 0 && memchr(text.data, '|', text.size)) {
            return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " has the value '" ALM_STR_FMT
                            "': '|' joins it with others into the name of a node, so it may not "
                            "stand in it; replace it in the source", ALM_STR_ARG(part->name),
                            ALM_STR_ARG(text));
        }
    }
    return ALM_OK;
}

static alm_err read_key_dictionaries(alm_panel_source *source, alm_arena *scratch,
                                     const char *visible, alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    for (size_t k = 0; k < spec->key_count; k++) {
        char *name = alm_sql_identifier(scratch, spec->keys[k]);
        almi_static *s = key_static(source, k);
        s->name = spec->keys[k];
        ALM_TRY(read_dictionary(source,
                                alm_arena_printf(scratch, "SELECT DISTINCT %s %s WHERE %s ORDER "
                                                 "BY 1", name, from(source->own_path, scratch),
                                                 visible),
                                &s->dictionary, error));
        if (spec->key_count > 1) {
            ALM_TRY(check_bars(s, error));
        }
    }
    return ALM_OK;
}

typedef struct series_arrays {
    bool given; /* the series are those of another source */
    uint32_t *codes[16]; /* to fill; unused when given */
    uint32_t *row_counts;
    uint32_t *first;
} series_arrays;

static bool has_codes(const alm_panel_source *source, size_t series, const uint32_t *codes)
{
    for (size_t k = 0; k < source->project->series.key_count; k++) {
        if (key_static(source, k)->codes[series] != codes[k]) {
            return false;
        }
    }
    return true;
}

static alm_err take_series_rows(alm_panel_source *source, const alm_table *batch,
                                series_arrays *arrays, size_t *at, alm_error *error)
{
    size_t keys = source->project->series.key_count;
    for (size_t row = 0; row < batch->rows; row++, (*at)++) {
        uint32_t codes[16];
        for (size_t k = 0; k < keys; k++) {
            codes[k] =
                code_of(&key_static(source, k)->dictionary, batch->columns[k].values.text[row]);
        }
        while (arrays->given && *at < source->series_count && !has_codes(source, *at, codes)) {
            (*at)++; /* both are in the order of the keys */
        }
        if (*at == source->series_count) {
            return alm_fail(error, ALM_ERR_CORRUPT, "the snapshot's object changed while reading");
        }
        for (size_t k = 0; k < keys && !arrays->given; k++) {
            arrays->codes[k][*at] = codes[k];
        }
        int64_t count = batch->columns[keys].values.i64[row];
        alm_assert(count > 0 && count < UINT32_MAX);
        arrays->row_counts[*at] = (uint32_t)count;
        arrays->first[*at] =
            (uint32_t)(batch->columns[keys + 1].values.date[row] - source->start);
    }
    return ALM_OK;
}

/* Keys and codes of the series that have a visible row. */
static alm_err find_series(alm_panel_source *source, alm_arena *scratch, const char *visible,
                           series_arrays *arrays, alm_error *error)
{
    int64_t count = 0;
    ALM_TRY(read_key_dictionaries(source, scratch, visible, error));
    ALM_TRY(alm_sql_i64(source->sql,
                        alm_arena_printf(scratch, "SELECT count(*) FROM (SELECT DISTINCT %s %s "
                                         "WHERE %s)", key_list(source, scratch),
                                         from(source->own_path, scratch), visible),
                        &count, error));
    if (count == 0 || count >= UINT32_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "source " ALM_STR_FMT " has no series that is "
                        "known before the panel's end", ALM_STR_ARG(source->own->name));
    }
    source->series_count = (size_t)count;
    for (size_t k = 0; k < source->project->series.key_count; k++) {
        ALM_TRY(take_array(source->arena, (size_t)count, sizeof(uint32_t), &arrays->codes[k],
                           error));
        key_static(source, k)->codes = arrays->codes[k];
    }
    return ALM_OK;
}

static void share_series(alm_panel_source *source, const alm_panel_source *other)
{
    source->series_count = other->series_count;
    for (size_t k = 0; k < source->project->series.key_count; k++) {
        *key_static(source, k) = *key_static(other, k); /* `values` are made anew */
    }
}

static alm_err read_series(alm_panel_source *source, const alm_panel_source *series_of,
                           alm_arena *scratch, alm_error *error)
{
    char *visible = almi_panel_visible(source, source->own, source->end, scratch);
    char *list = key_list(source, scratch);
    series_arrays arrays = {.given = series_of != NULL};
    if (series_of) {
        share_series(source, series_of);
    } else {
        ALM_TRY(find_series(source, scratch, visible, &arrays, error));
    }
    size_t count = source->series_count;
    ALM_TRY(take_array(source->arena, count, sizeof(uint32_t), &arrays.row_counts, error));
    ALM_TRY(take_array(source->arena, count, sizeof(uint32_t), &arrays.first, error));
    for (size_t i = 0; i < count; i++) {
        arrays.first[i] = (uint32_t)source->periods; /* without a row: not launched */
    }
    source->row_counts = arrays.row_counts;
    source->first = arrays.first;
    alm_sql_cursor *cursor = NULL;
    char *time = alm_sql_identifier(scratch, source->own->time);
    ALM_TRY(alm_sql_query(source->sql,
                          alm_arena_printf(scratch, "SELECT %s, count(*), min(%s) %s WHERE %s "
                                           "GROUP BY %s ORDER BY %s", list, time,
                                           from(source->own_path, scratch), visible, list, list),
                          &cursor, error));
    alm_arena *arena = alm_arena_create(0);
    alm_err code = ALM_OK;
    size_t at = 0;
    for (alm_table batch = {.rows = 1}; code == ALM_OK && batch.rows > 0;) {
        alm_arena_reset(arena);
        code = alm_sql_next(cursor, arena, &batch, error);
        code = code == ALM_OK ? take_series_rows(source, &batch, &arrays, &at, error) : code;
    }
    alm_arena_destroy(arena);
    alm_sql_cursor_close(cursor);
    return code;
}

/* ---- attributes ---- */

/* Rows of the static source that are valid on the membership date. */
static char *valid_rows(const alm_panel_source *source, const alm_attribute *attribute,
                        alm_arena *arena)
{
    char *date = date_literal(source->membership_date, arena);
    char *from_name = alm_sql_identifier(arena, attribute->valid_from);
    char *to_name = alm_sql_identifier(arena, attribute->valid_to);
    char *a = attribute->valid_from.size
                  ? alm_arena_printf(arena, "(%s IS NULL OR %s <= %s)", from_name, from_name, date)
                  : alm_arena_printf(arena, "true");
    char *b = attribute->valid_to.size
                  ? alm_arena_printf(arena, "(%s IS NULL OR %s > %s)", to_name, to_name, date)
                  : alm_arena_printf(arena, "true");
    return alm_arena_printf(arena, "%s AND %s", a, b);
}

static almi_static *find_static(const alm_panel_source *source, alm_str name)
{
    for (size_t i = 0; i < source->static_count; i++) {
        if (alm_str_equal(source->statics[i].name, name)) {
            return &source->statics[i];
        }
    }
    return NULL;
}

/* The attribute's code for every key that has a valid row. `table`: key and value, by key. */
static alm_err attribute_of_keys(const alm_panel_source *source, size_t index,
                                 const alm_table *table, uint32_t *code_of_key, alm_error *error)
{
    const alm_attribute *attribute = &source->project->series.attributes[index];
    const almi_static *key = find_static(source, attribute->key);
    const almi_dictionary *values = &source->statics[index].dictionary;
    for (uint32_t i = 0; i < key->dictionary.count; i++) {
        code_of_key[i] = values->count;
    }
    for (size_t row = 0; row < table->rows; row++) {
        alm_str text = table->columns[0].values.text[row];
        if (row > 0 && alm_str_equal(text, table->columns[0].values.text[row - 1])) {
            char date[ALM_DATE_TEXT_BYTES];
            alm_date_text(source->membership_date, date);
            return alm_fail(error, ALM_ERR_INVALID,
                            "source " ALM_STR_FMT ": " ALM_STR_FMT "=" ALM_STR_FMT " has several "
                            "rows that are valid on %s", ALM_STR_ARG(attribute->source),
                            ALM_STR_ARG(attribute->key), ALM_STR_ARG(text), date);
        }
        uint32_t k = code_of(&key->dictionary, text);
        if (k < key->dictionary.count && alm_column_is_valid(&table->columns[1], row)) {
            code_of_key[k] = code_of(values, table->columns[1].values.text[row]);
        }
    }
    return ALM_OK;
}

static alm_err read_attribute(alm_panel_source *source, size_t index, alm_arena *scratch,
                              alm_error *error)
{
    const alm_attribute *attribute = &source->project->series.attributes[index];
    almi_static *out = &source->statics[index];
    const almi_static *key = find_static(source, attribute->key);
    const char *path = NULL;
    ALM_TRY(almi_panel_object(source, attribute->source, &path, error));
    char *column = alm_sql_identifier(scratch, attribute->column);
    char *name = alm_sql_identifier(scratch, attribute->key);
    /* All values of the source, used or not: a code does not depend on which series there are. */
    ALM_TRY(read_dictionary(source,
                            alm_arena_printf(scratch, "SELECT DISTINCT %s::VARCHAR AS v %s WHERE "
                                             "%s IS NOT NULL ORDER BY 1", column,
                                             from(path, scratch), column),
                            &out->dictionary, error));
    alm_table table;
    ALM_TRY(alm_sql_collect(source->sql,
                            alm_arena_printf(scratch, "SELECT %s::VARCHAR AS k, %s::VARCHAR AS v "
                                             "%s WHERE %s ORDER BY 1", name, column,
                                             from(path, scratch),
                                             valid_rows(source, attribute, scratch)),
                            UINT32_MAX - 1, scratch, &table, error));
    uint32_t *code_of_key = ALM_NEW_ARRAY(scratch, uint32_t, key->dictionary.count);
    ALM_TRY(attribute_of_keys(source, index, &table, code_of_key, error));
    uint32_t *codes = NULL;
    ALM_TRY(take_array(source->arena, source->series_count, sizeof(uint32_t), &codes, error));
    for (size_t i = 0; i < source->series_count; i++) {
        codes[i] = code_of_key[key->codes[i]];
    }
    out->codes = codes;
    return ALM_OK;
}

/* ---- statics as numbers ---- */

static bool is_numeric(const alm_panel_source *source, size_t index)
{
    const alm_series_spec *spec = &source->project->series;
    if (index >= spec->attribute_count) {
        return false;
    }
    const alm_source *table = alm_project_source(source->project, spec->attributes[index].source);
    return alm_source_find_column(table, spec->attributes[index].column)->type != ALM_TYPE_TEXT;
}

static double number_of(alm_str text)
{
    double value = NAN;
    if (alm_str_is(text, "true") || alm_str_is(text, "false")) {
        return alm_str_is(text, "true");
    }
    return alm_str_to_double(text, &value) ? value : NAN;
}

static void number_static(alm_panel_source *source, const alm_panel_options *options, size_t index)
{
    almi_static *s = &source->statics[index];
    alm_categories *c = &source->categories[index];
    c->name = s->name;
    c->numeric = is_numeric(source, index);
    c->texts = c->numeric ? NULL : s->dictionary.texts;
    c->count = c->numeric ? 0 : s->dictionary.count;
    for (size_t i = 0; i < options->category_count && !c->numeric; i++) {
        if (alm_str_equal(options->categories[i].name, s->name)) {
            c->texts = options->categories[i].texts;
            c->count = options->categories[i].count;
        }
    }
    almi_dictionary given = {c->texts, (uint32_t)c->count};
    double *values = ALM_NEW_ARRAY(source->arena, double, (size_t)s->dictionary.count + 1);
    for (uint32_t code = 0; code < s->dictionary.count; code++) {
        alm_str text = s->dictionary.texts[code];
        uint32_t place = code_of(&given, text);
        values[code] = c->numeric ? number_of(text) : place < given.count ? place : NAN;
    }
    values[s->dictionary.count] = NAN;
    s->values = values;
    source->static_names[index] = s->name.data;
}

static alm_err read_statics(alm_panel_source *source, const alm_panel_options *options,
                            alm_arena *scratch, alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    for (size_t i = 0; i < spec->attribute_count; i++) {
        source->statics[i].name = spec->attributes[i].name;
        ALM_TRY(read_attribute(source, i, scratch, error));
    }
    for (size_t i = 0; i < source->static_count; i++) {
        number_static(source, options, i);
    }
    return ALM_OK;
}

/* ---- hierarchy and groups ---- */

static alm_str text_of(const almi_static *s, size_t series)
{
    uint32_t code = s->codes[series];
    return code < s->dictionary.count ? s->dictionary.texts[code] : ALM_STR(NONE);
}

static alm_str node_text(const alm_panel_source *source, const alm_level_spec *level,
                         size_t series, alm_arena *scratch)
{
    if (level->by_count == 0) {
        return ALM_STR("total");
    }
    alm_str text = text_of(find_static(source, level->by[0]), series);
    for (size_t i = 1; i < level->by_count; i++) {
        alm_str next = text_of(find_static(source, level->by[i]), series);
        char *joined = alm_arena_printf(scratch, ALM_STR_FMT "|" ALM_STR_FMT, ALM_STR_ARG(text),
                                        ALM_STR_ARG(next));
        text = alm_str_of(joined);
    }
    return text;
}

static alm_err build_hierarchy(alm_panel_source *source, alm_error *error)
{
    const alm_project *project = source->project;
    uint32_t levels = (uint32_t)project->level_count;
    for (size_t i = 0; i < levels; i++) {
        const alm_level_spec *level = &project->levels[i];
        for (size_t k = 0; level->by_count > 1 && k < level->by_count; k++) {
            ALM_TRY(check_bars(find_static(source, level->by[k]), error));
        }
    }
    alm_arena *scratch = alm_arena_create(0);
    alm_str *names = NULL;
    alm_err code = take_array(scratch, source->series_count * levels, sizeof(alm_str), &names,
                              error);
    alm_str *level_names = ALM_NEW_ARRAY(scratch, alm_str, levels);
    for (size_t i = 0; i < levels && code == ALM_OK; i++) {
        level_names[i] = project->levels[i].name;
        for (size_t s = 0; s < source->series_count; s++) {
            names[s * levels + i] = node_text(source, &project->levels[i], s, scratch);
        }
    }
    if (code == ALM_OK) {
        code = alm_hierarchy_build(level_names, levels, names, (uint32_t)source->series_count,
                                   source->arena, &source->hierarchy, error);
    }
    alm_arena_destroy(scratch);
    return code;
}

static alm_err create_groups(alm_panel_source *source, alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    source->group_count = spec->group_count;
    source->groups = ALM_NEW_ARRAY(source->arena, almi_group, spec->group_count);
    for (size_t i = 0; i < spec->group_count; i++) {
        almi_group *group = &source->groups[i];
        const almi_static *s = find_static(source, spec->group_columns[i]);
        group->column = alm_arena_printf(source->arena, ALM_STR_FMT "@" ALM_STR_FMT,
                                         ALM_STR_ARG(spec->target),
                                         ALM_STR_ARG(spec->group_columns[i]));
        group->rows = s ? s->dictionary.count + 1 : 1; /* the last row: those that have none */
        group->row_of_series = s ? s->codes : NULL;
        size_t cells = group->rows * source->periods;
        ALM_TRY(take_array(source->arena, cells, sizeof(double), &group->sums, error));
        ALM_TRY(take_array(source->arena, cells, 1, &group->ranks, error));
    }
    return ALM_OK;
}

/* ---- the calendar ---- */

static alm_err fail_shared(const alm_panel_source *source, const alm_source *spec, size_t period,
                           alm_error *error)
{
    char date[ALM_DATE_TEXT_BYTES];
    char end[ALM_DATE_TEXT_BYTES];
    alm_date_text(source->start + (alm_date)period, date);
    alm_date_text(source->end, end);
    if (spec->known_at.size) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "source " ALM_STR_FMT " has no row for %s that "
                        "was known on %s (column " ALM_STR_FMT "), which is needed: add it with "
                        "the day on which it was known, or take `known_at` off the source",
                        ALM_STR_ARG(spec->name), date, end, ALM_STR_ARG(spec->known_at));
    }
    return alm_fail(error, ALM_ERR_INCOMPLETE, "source " ALM_STR_FMT " has no row for %s, which is "
                    "needed (%zu days and %zu ahead): add it and take a new snapshot",
                    ALM_STR_ARG(spec->name), date, source->periods, source->future);
}

/* A column of a source without keys for `days` days. Of one known in advance every day must be
 * there; of others a day without a row is missing. */
static alm_err read_shared(alm_panel_source *source, const alm_source *spec, const char *value,
                           size_t days, double *out, alm_error *error)
{
    const char *path = NULL;
    ALM_TRY(almi_panel_object(source, spec->name, &path, error));
    alm_arena *scratch = alm_arena_create(0);
    uint8_t *seen = alm_arena_alloc(scratch, days);
    memcpy(out, source->nans, days * sizeof *out);
    char *time = alm_sql_identifier(scratch, spec->time);
    alm_table table;
    /* In the order of the file: keys, time, known_at; so the newest vintage comes last. */
    alm_err code = alm_sql_collect(
        source->sql,
        alm_arena_printf(scratch, "SELECT %s, %s %s WHERE %s", time, value, from(path, scratch),
                         almi_panel_visible(source, spec, source->start + (alm_date)days,
                                            scratch)),
        100000000, scratch, &table, error);
    for (size_t row = 0; code == ALM_OK && row < table.rows; row++) {
        size_t t = (size_t)(table.columns[0].values.date[row] - source->start);
        bool valid = alm_column_is_valid(&table.columns[1], row);
        out[t] = valid ? table.columns[1].values.f64[row] : NAN;
        seen[t] = 1;
    }
    for (size_t t = 0; code == ALM_OK && spec->known_in_advance && t < days; t++) {
        code = seen[t] ? ALM_OK : fail_shared(source, spec, t, error);
    }
    alm_arena_destroy(scratch);
    return code;
}

static alm_err read_calendar(alm_panel_source *source, alm_arena *scratch, alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    size_t days = source->periods + source->future;
    source->shared = ALM_NEW_ARRAY(source->arena, double *, spec->column_count);
    for (size_t i = 0; i < spec->column_count; i++) {
        const alm_series_column *column = &spec->columns[i];
        alm_source table = *alm_project_source(source->project, column->source);
        if (column->own || table.key_count > 0) {
            continue;
        }
        table.known_in_advance = column->known;
        size_t count = column->known ? days : source->periods;
        source->shared[i] = ALM_NEW_ARRAY(source->arena, double, count);
        char *value = almi_panel_value(column->column, column->is_indicator, scratch);
        ALM_TRY(read_shared(source, &table, value, count, source->shared[i], error));
    }
    if (spec->closed_source.size == 0) {
        return ALM_OK;
    }
    double *open = ALM_NEW_ARRAY(scratch, double, days);
    char *value = almi_panel_value(spec->closed_column, false, scratch);
    const alm_source *calendar = alm_project_source(source->project, spec->closed_source);
    ALM_TRY(read_shared(source, calendar, value, days, open, error));
    source->closed = alm_arena_alloc(source->arena, days);
    for (size_t t = 0; t < days; t++) {
        source->closed[t] = open[t] == 0.0;
    }
    return ALM_OK;
}

/* ---- the schema ---- */

static void create_schema(alm_panel_source *source)
{
    const alm_series_spec *spec = &source->project->series;
    size_t count = 1 + spec->column_count + source->group_count;
    alm_panel_column *columns = ALM_NEW_ARRAY(source->arena, alm_panel_column, count);
    int32_t *delays = ALM_NEW_ARRAY(source->arena, int32_t, count);
    columns[0] = (alm_panel_column){.name = spec->target.data, .role = ALM_ROLE_OBSERVED};
    delays[0] = source->delay;
    for (size_t i = 0; i < spec->column_count; i++) {
        columns[1 + i].name = spec->columns[i].name.data;
        columns[1 + i].role = spec->columns[i].known ? ALM_ROLE_KNOWN : ALM_ROLE_OBSERVED;
        delays[1 + i] = spec->columns[i].delay;
    }
    for (size_t i = 0; i < source->group_count; i++) {
        columns[1 + spec->column_count + i].name = source->groups[i].column;
        columns[1 + spec->column_count + i].role = ALM_ROLE_OBSERVED;
        delays[1 + spec->column_count + i] = source->delay;
    }
    for (size_t i = 0; i < count; i++) {
        bool known = columns[i].role == ALM_ROLE_KNOWN;
        columns[i].stride = source->periods + (known ? source->future : 0);
    }
    source->schema = (alm_feature_schema){
        .columns = columns,
        .column_count = count,
        .static_names = source->static_names,
        .static_count = source->static_count,
        .delay = source->delay,
        .column_delays = delays,
        .sold_out = alm_project_sold_out(source->project),
    };
}

/* ---- opening ---- */

static bool is_restated(const alm_project *project, alm_str name)
{
    return name.size && alm_project_source(project, name)->known_at.size > 0;
}

bool alm_panel_restates(const alm_project *project)
{
    const alm_series_spec *spec = &project->series;
    bool restated = is_restated(project, spec->source) ||
                    is_restated(project, spec->closed_source) ||
                    is_restated(project, spec->available_source);
    for (size_t i = 0; i < spec->column_count; i++) {
        restated = restated || is_restated(project, spec->columns[i].source);
    }
    if (restated || spec->available_source.size == 0) {
        return restated;
    }
    const alm_source *available = alm_project_source(project, spec->available_source);
    int32_t delay = available->known_in_advance ? 0 : available->publication_delay;
    return delay > alm_project_source(project, spec->source)->publication_delay;
}

static alm_err open_engines(alm_panel_source *source, alm_error *error)
{
    const alm_env *env = source->env;
    const char *spill = alm_path_join(source->arena, source->project->state, "scratch/spill");
    alm_sql_options options = {
        .threads = env->pool ? alm_pool_threads(env->pool) : 1,
        .memory_limit_bytes = env->memory_limit_bytes,
        .scratch_directory = spill,
    };
    ALM_TRY(alm_sql_open(&options, &source->sql, error));
    options.threads = 1;
    return alm_sql_open(&options, &source->lookup, error);
}

static alm_err check_options(alm_panel_source *source, const alm_panel_options *options,
                             alm_error *error)
{
    const alm_snapshot *snapshot = source->snapshot;
    source->start = options->start == ALM_DATE_NONE ? snapshot->start : options->start;
    source->end = options->end == ALM_DATE_NONE ? snapshot->end : options->end;
    source->membership_date =
        options->membership_date == ALM_DATE_NONE ? source->end : options->membership_date;
    if (source->start < snapshot->start || source->end > snapshot->end ||
        source->start >= source->end) {
        char a[ALM_DATE_TEXT_BYTES];
        char b[ALM_DATE_TEXT_BYTES];
        alm_date_text(snapshot->start, a);
        alm_date_text(snapshot->end, b);
        return alm_fail(error, ALM_ERR_INVALID, "the panel must lie within the snapshot's window "
                        "[%s, %s) and have a day", a, b);
    }
    alm_assert(options->future >= 0 && options->block_series > 0);
    alm_assert(options->planned >= 0 && options->planned <= options->future);
    alm_assert(source->project->series.key_count <= 16);
    source->periods = (size_t)(source->end - source->start);
    source->future = (size_t)options->future;
    source->planned = (size_t)options->planned;
    source->block_series = options->block_series;
    return ALM_OK;
}

static alm_err open_source(alm_panel_source *source, const alm_panel_options *options,
                           alm_arena *scratch, alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    alm_arena *arena = source->arena;
    ALM_TRY(check_options(source, options, error));
    source->own = alm_project_source(source->project, spec->source);
    /* With known_at the rows say what was known; the delay is the plan's all the same. */
    source->delay = source->own->publication_delay;
    source->static_count = spec->attribute_count + spec->key_count;
    source->statics = ALM_NEW_ARRAY(arena, almi_static, source->static_count);
    source->static_names = ALM_NEW_ARRAY(arena, const char *, source->static_count);
    source->categories = ALM_NEW_ARRAY(arena, alm_categories, source->static_count);
    source->zeros = ALM_NEW_ARRAY(arena, uint32_t, source->block_series);
    source->nans = ALM_NEW_ARRAY(arena, double, source->periods + source->future);
    for (size_t t = 0; t < source->periods + source->future; t++) {
        source->nans[t] = NAN;
    }
    source->paths = ALM_NEW_ARRAY(arena, const char *, source->snapshot->source_count);
    ALM_TRY(open_engines(source, error));
    ALM_TRY(almi_panel_object(source, source->own->name, &source->own_path, error));
    ALM_TRY(read_series(source, options->series_of, scratch, error));
    ALM_TRY(read_statics(source, options, scratch, error));
    ALM_TRY(build_hierarchy(source, error));
    ALM_TRY(create_groups(source, error));
    ALM_TRY(read_calendar(source, scratch, error));
    create_schema(source);
    return almi_panel_sum_up(source, error);
}

alm_err alm_panel_source_open(const alm_env *env, const alm_project *project, alm_objects *objects,
                              const alm_snapshot *snapshot, const alm_panel_options *options,
                              alm_panel_source **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_panel_source *source = ALM_NEW(arena, alm_panel_source);
    source->arena = arena;
    source->batch_arena = alm_arena_create(0);
    source->env = env;
    source->project = project;
    source->objects = objects;
    source->snapshot = snapshot;
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = open_source(source, options, scratch, error);
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        alm_panel_source_close(source);
        return code;
    }
    *out = source;
    return ALM_OK;
}

void alm_panel_source_close(alm_panel_source *source)
{
    if (!source) {
        return;
    }
    alm_sql_cursor_close(source->cursor);
    alm_sql_close(source->sql);
    alm_sql_close(source->lookup);
    alm_arena_destroy(source->batch_arena);
    alm_arena_destroy(source->arena); /* the struct lies in it */
}
