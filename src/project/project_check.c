/* project_check.c: names that point nowhere, and rules between sections. */
#include "model/statistical/forecaster_kinds.h"
#include "project/project_checker.h"

#include <string.h>

#define SERIES_KEYS_MAX 16

static bool same_list(const alm_str *a, size_t a_count, const alm_str *b, size_t b_count)
{
    for (size_t i = 0; a_count == b_count && i < a_count; i++) {
        if (!alm_str_equal(a[i], b[i])) {
            return false;
        }
    }
    return a_count == b_count;
}

/* ---- sources ---- */

static alm_err check_file_name(const checker *c, const alm_yaml *node, alm_str file)
{
    static const char *const ENDINGS[] = {".csv", ".csv.gz", ".parquet"};
    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(ENDINGS[i]);
        if (file.size > size && memcmp(file.data + file.size - size, ENDINGS[i], size) == 0) {
            return ALM_OK;
        }
    }
    return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                         "file " ALM_STR_FMT ": only .csv, .csv.gz and .parquet are read",
                         ALM_STR_ARG(file));
}

static alm_err check_time_column(const checker *c, const alm_yaml *node, const alm_source *source,
                                 alm_str name)
{
    const alm_source_column *column = NULL;
    ALM_TRY(need_column(c, node, source, name, &column));
    if (column->type != ALM_TYPE_DATE && column->type != ALM_TYPE_INSTANT) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                             "column " ALM_STR_FMT " must be a date or an instant, it is declared "
                             "as %s", ALM_STR_ARG(name), alm_type_name(column->type));
    }
    if (column->nullable) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                             "column " ALM_STR_FMT " cannot be nullable: it says when a row is",
                             ALM_STR_ARG(name));
    }
    return ALM_OK;
}

static alm_err check_keys(const checker *c, const alm_yaml *node, const alm_source *source)
{
    for (size_t i = 0; i < source->key_count; i++) {
        const alm_source_column *column = NULL;
        ALM_TRY(need_column(c, node, source, source->keys[i], &column));
        if (column->nullable) {
            return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                                 "key " ALM_STR_FMT " cannot be nullable",
                                 ALM_STR_ARG(column->name));
        }
    }
    return ALM_OK;
}

static alm_err check_source_column(const checker *c, const alm_source *source,
                                   const alm_source_column *column)
{
    const alm_yaml *node = find(c, "sources", source->name.data, "columns", column->name.data);
    if (column->pseudonym && column->type != ALM_TYPE_TEXT) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                             "pseudonym column " ALM_STR_FMT " must be declared as text",
                             ALM_STR_ARG(column->name));
    }
    if ((column->has_min || column->has_max) && !is_number(column->type)) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                             "min and max need a number, column " ALM_STR_FMT " is %s",
                             ALM_STR_ARG(column->name), alm_type_name(column->type));
    }
    if (column->has_min && column->has_max && column->min > column->max) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG, "min is above max");
    }
    bool is_key = alm_str_equal(column->name, source->time) ||
                  alm_str_equal(column->name, source->known_at) ||
                  contains(source->keys, source->key_count, column->name);
    if (source->duplicates == ALM_DUPLICATES_SUM && !is_key && column->type != ALM_TYPE_I64 &&
        column->type != ALM_TYPE_F64) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                             "duplicates: sum can add i64 and f64 only; column " ALM_STR_FMT
                             " is %s: make it a key or leave it out", ALM_STR_ARG(column->name),
                             alm_type_name(column->type));
    }
    return ALM_OK;
}

static alm_err check_source(const checker *c, const alm_source *source)
{
    const char *name = source->name.data;
    const alm_yaml *files = find(c, "sources", name, "files", NULL);
    if (source->file_count == 0) {
        return alm_yaml_fail(files, c->error, ALM_ERR_CONFIG, "files needs at least one file");
    }
    for (size_t i = 0; i < source->file_count; i++) {
        const alm_yaml *node = files->kind == ALM_YAML_LIST ? &files->child[i] : files;
        ALM_TRY(check_file_name(c, node, source->files[i]));
    }
    if (source->time.size) {
        ALM_TRY(check_time_column(c, find(c, "sources", name, "time", NULL), source,
                                  source->time));
    } else if (source->known_in_advance || source->freshness_days_max >= 0 ||
               source->publication_delay > 0) {
        return alm_yaml_fail(find(c, "sources", name, NULL, NULL), c->error, ALM_ERR_CONFIG,
                             "source %s has no time column: known_in_advance, publication_delay "
                             "and freshness_days_max need one", name);
    }
    if (source->known_at.size) {
        ALM_TRY(check_time_column(c, find(c, "sources", name, "known_at", NULL), source,
                                  source->known_at));
    }
    ALM_TRY(check_keys(c, find(c, "sources", name, "keys", NULL), source));
    for (size_t i = 0; i < source->column_count; i++) {
        ALM_TRY(check_source_column(c, source, &source->columns[i]));
    }
    return ALM_OK;
}

/* ---- series ---- */

static alm_err check_series_source(const checker *c, const alm_source **out)
{
    const alm_series_spec *s = &c->project->series;
    const alm_source *source = NULL;
    ALM_TRY(need_source(c, find(c, "series", "source", NULL, NULL), s->source, &source));
    const alm_source_column *time = alm_source_find_column(source, source->time);
    if (!time || time->type != ALM_TYPE_DATE) {
        return alm_yaml_fail(find(c, "series", "source", NULL, NULL), c->error, ALM_ERR_CONFIG,
                             "source " ALM_STR_FMT " needs a time column of type date: series are "
                             "daily", ALM_STR_ARG(source->name));
    }
    if (s->time.size && !alm_str_equal(s->time, source->time)) {
        return alm_yaml_fail(find(c, "series", "time", NULL, NULL), c->error, ALM_ERR_CONFIG,
                             "time must be the time column of source " ALM_STR_FMT ", " ALM_STR_FMT,
                             ALM_STR_ARG(source->name), ALM_STR_ARG(source->time));
    }
    const alm_yaml *keys = find(c, "series", "keys", NULL, NULL);
    if (s->key_count == 0 || !same_list(s->keys, s->key_count, source->keys, source->key_count)) {
        return alm_yaml_fail(keys, c->error, ALM_ERR_CONFIG,
                             "keys must be the keys of source " ALM_STR_FMT ", in the same order",
                             ALM_STR_ARG(source->name));
    }
    if (s->key_count > SERIES_KEYS_MAX) {
        return alm_yaml_fail(keys, c->error, ALM_ERR_CONFIG, "a series has at most %d keys",
                             SERIES_KEYS_MAX);
    }
    for (size_t i = 0; i < s->key_count; i++) {
        if (alm_source_find_column(source, s->keys[i])->type != ALM_TYPE_TEXT) {
            return alm_yaml_fail(keys, c->error, ALM_ERR_CONFIG,
                                 "series key " ALM_STR_FMT " must be declared as text, so that a "
                                 "name like 007 keeps its zeros", ALM_STR_ARG(s->keys[i]));
        }
    }
    ALM_TRY(need_number(c, find(c, "series", "target", NULL, NULL), source, s->target));
    *out = source;
    return ALM_OK;
}

/* Columns of other sources are daily, as the series are. */
static alm_err need_daily(const checker *c, const alm_yaml *node, const alm_source *source)
{
    const alm_source_column *time = alm_source_find_column(source, source->time);
    if (time && time->type == ALM_TYPE_DATE) {
        return ALM_OK;
    }
    return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                         "source " ALM_STR_FMT " needs a time column of type date",
                         ALM_STR_ARG(source->name));
}

static alm_err check_series_column(const checker *c, const alm_series_column *column,
                                   const alm_source *own)
{
    const char *name = column->name.data;
    const alm_yaml *node = find(c, "series", "columns", name, "source");
    const alm_source *source = NULL;
    ALM_TRY(need_source(c, node, column->source, &source));
    ALM_TRY(need_daily(c, node, source));
    for (size_t i = 0; source != own && i < source->key_count; i++) {
        if (!contains(c->project->series.keys, c->project->series.key_count, source->keys[i])) {
            return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                                 "key " ALM_STR_FMT " of source " ALM_STR_FMT " is no series key",
                                 ALM_STR_ARG(source->keys[i]), ALM_STR_ARG(source->name));
        }
    }
    if (alm_str_equal(column->name, c->project->series.target)) {
        return alm_yaml_fail(find(c, "series", "columns", name, NULL), c->error, ALM_ERR_CONFIG,
                             "%s is the target: it is a column of its own already", name);
    }
    if (column->is_optional && !column->known) {
        return alm_yaml_fail(find(c, "series", "columns", name, "optional"), c->error,
                             ALM_ERR_CONFIG, "optional is for columns that are known in advance: "
                             "of %s no day to come is read", name);
    }
    const alm_source_column *found = NULL;
    const alm_yaml *at = find(c, "series", "columns", name, "column");
    if (column->is_indicator) {
        ALM_TRY(need_column(c, at, source, column->column, &found));
        return found->type == ALM_TYPE_TEXT
                   ? ALM_OK : alm_yaml_fail(at, c->error, ALM_ERR_CONFIG,
                                            "indicator needs a text column, %s is %s", name,
                                            alm_type_name(found->type));
    }
    return need_number(c, at, source, column->column);
}

static alm_err check_attribute(const checker *c, const alm_attribute *attribute)
{
    const char *name = attribute->name.data;
    const alm_series_spec *s = &c->project->series;
    const alm_yaml *node = find(c, "series", "attributes", name, "source");
    const alm_source *source = NULL;
    const alm_source_column *column = NULL;
    ALM_TRY(need_source(c, node, attribute->source, &source));
    if (source->time.size) {
        return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                             "attributes come from static sources, " ALM_STR_FMT " has a time "
                             "column", ALM_STR_ARG(source->name));
    }
    const alm_yaml *key = find(c, "series", "attributes", name, "key");
    if (!contains(s->keys, s->key_count, attribute->key)) {
        return alm_yaml_fail(key, c->error, ALM_ERR_CONFIG, ALM_STR_FMT " is no series key",
                             ALM_STR_ARG(attribute->key));
    }
    ALM_TRY(need_column(c, key, source, attribute->key, &column));
    if (contains(s->keys, s->key_count, attribute->name)) {
        return alm_yaml_fail(find(c, "series", "attributes", name, NULL), c->error, ALM_ERR_CONFIG,
                             "%s is a series key already", name);
    }
    ALM_TRY(need_column(c, find(c, "series", "attributes", name, "column"), source,
                        attribute->column, &column));
    const alm_str dates[] = {attribute->valid_from, attribute->valid_to};
    const char *const date_keys[] = {"valid_from", "valid_to"};
    for (int i = 0; i < 2; i++) {
        const alm_yaml *at = find(c, "series", "attributes", name, date_keys[i]);
        if (dates[i].size) {
            ALM_TRY(need_column(c, at, source, dates[i], &column));
        }
        if (dates[i].size && column->type != ALM_TYPE_DATE) {
            return alm_yaml_fail(at, c->error, ALM_ERR_CONFIG, "%s must be a date column",
                                 date_keys[i]);
        }
    }
    return ALM_OK;
}

/* An attribute, a series key, or (for groups) the word total. */
static alm_err check_grouping(const checker *c, const alm_yaml *node, alm_str name, bool total)
{
    const alm_series_spec *s = &c->project->series;
    const char *names[64];
    size_t count = 0;
    if (contains(s->keys, s->key_count, name) || (total && alm_str_is(name, "total"))) {
        return ALM_OK;
    }
    for (size_t i = 0; i < s->attribute_count && count < 32; i++) {
        if (alm_str_equal(s->attributes[i].name, name)) {
            return ALM_OK;
        }
        names[count++] = s->attributes[i].name.data;
    }
    for (size_t i = 0; i < s->key_count && count < 63; i++) {
        names[count++] = s->keys[i].data;
    }
    if (total) {
        names[count++] = "total";
    }
    return fail_dangling(c, node, "there is no attribute or series key", name, names, count);
}

static alm_err check_series(const checker *c)
{
    const alm_series_spec *s = &c->project->series;
    const alm_source *own = NULL;
    ALM_TRY(check_series_source(c, &own));
    for (size_t i = 0; i < s->column_count; i++) {
        ALM_TRY(check_series_column(c, &s->columns[i], own));
    }
    for (size_t i = 0; i < s->attribute_count; i++) {
        ALM_TRY(check_attribute(c, &s->attributes[i]));
    }
    for (size_t i = 0; i < s->group_count; i++) {
        ALM_TRY(check_grouping(c, item(find(c, "series", "groups", NULL, NULL), i),
                               s->group_columns[i], true));
    }
    if (s->closed_source.size) {
        const alm_source *calendar = NULL;
        const alm_yaml *node = find(c, "series", "closed", "source", NULL);
        ALM_TRY(need_source(c, node, s->closed_source, &calendar));
        if (!calendar->known_in_advance || calendar->key_count > 0) {
            return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                                 "closed needs a source that is known in advance and has no keys");
        }
        ALM_TRY(need_daily(c, node, calendar));
        ALM_TRY(need_number(c, find(c, "series", "closed", "column", NULL), calendar,
                            s->closed_column));
    }
    return ALM_OK;
}

/* A source with one row per series and day. */
static alm_err check_series_like(const checker *c, const alm_yaml *node, alm_str name,
                                 const alm_source **out)
{
    const alm_series_spec *s = &c->project->series;
    ALM_TRY(need_source(c, node, name, out));
    const alm_source_column *time = alm_source_find_column(*out, (*out)->time);
    if (time && time->type == ALM_TYPE_DATE &&
        same_list((*out)->keys, (*out)->key_count, s->keys, s->key_count)) {
        return ALM_OK;
    }
    return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                         "source " ALM_STR_FMT " must have a time column of type date and the keys "
                         "of the series", ALM_STR_ARG(name));
}

static alm_err check_stock(const checker *c)
{
    const alm_stock_spec *stock = &c->project->stock;
    const alm_series_spec *s = &c->project->series;
    const alm_source *source = NULL;
    if (s->available_source.size) {
        ALM_TRY(check_series_like(c, find(c, "series", "available", "source", NULL),
                                  s->available_source, &source));
        ALM_TRY(need_number(c, find(c, "series", "available", "column", NULL), source,
                            s->available_column));
    } else if (s->censored == ALM_CENSORED_MASK) {
        return alm_yaml_fail(find(c, "series", "censored", NULL, NULL), c->error, ALM_ERR_CONFIG,
                             "'censored' says what days out of stock count as, and nothing says "
                             "which they are: add `available`, or leave it out");
    }
    if (stock->source.size) {
        ALM_TRY(check_series_like(c, find(c, "stock", "source", NULL, NULL), stock->source,
                                  &source));
        ALM_TRY(need_number(c, find(c, "stock", "on_hand", NULL, NULL), source, stock->on_hand));
        ALM_TRY(need_number(c, find(c, "stock", "receipts", NULL, NULL), source,
                            stock->receipts));
    }
    return ALM_OK;
}

/* ---- hierarchy, features, schedules ---- */

static alm_err check_levels(const checker *c)
{
    const alm_project *p = c->project;
    const alm_yaml *list = find(c, "hierarchy", NULL, NULL, NULL);
    for (size_t i = 0; i < p->level_count; i++) {
        const alm_yaml *node = item(list, i);
        for (size_t k = 0; k < i; k++) {
            if (alm_str_equal(p->levels[i].name, p->levels[k].name)) {
                return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                                     "level " ALM_STR_FMT " is there twice",
                                     ALM_STR_ARG(p->levels[i].name));
            }
        }
        const alm_yaml *by = alm_yaml_member(node, "by");
        for (size_t k = 0; k < p->levels[i].by_count; k++) {
            ALM_TRY(check_grouping(c, item(by, k), p->levels[i].by[k], false));
        }
    }
    return ALM_OK;
}

static bool is_panel_column(const alm_series_spec *s, alm_str name)
{
    for (size_t i = 0; i < s->column_count; i++) {
        if (alm_str_equal(s->columns[i].name, name)) {
            return true;
        }
    }
    alm_str rest = name;
    alm_str first = alm_str_split(&rest, '@');
    return alm_str_equal(first, s->target) &&
           (!rest.data || contains(s->group_columns, s->group_count, rest));
}

static bool is_static(const alm_series_spec *s, alm_str name)
{
    for (size_t i = 0; i < s->attribute_count; i++) {
        if (alm_str_equal(s->attributes[i].name, name)) {
            return true;
        }
    }
    return contains(s->keys, s->key_count, name);
}

static alm_err check_feature_column(const checker *c, const alm_yaml *node, const char *column)
{
    const alm_series_spec *s = &c->project->series;
    alm_str name = alm_str_of(column);
    if (is_panel_column(s, name) || is_static(s, name)) {
        return ALM_OK;
    }
    const char *names[64];
    size_t count = 0;
    names[count++] = s->target.data;
    for (size_t i = 0; i < s->column_count && count < 30; i++) {
        names[count++] = s->columns[i].name.data;
    }
    for (size_t i = 0; i < s->attribute_count && count < 60; i++) {
        names[count++] = s->attributes[i].name.data;
    }
    return fail_dangling(c, node, "there is no column or attribute", name, names, count);
}

static alm_err check_features(const checker *c)
{
    const alm_project *p = c->project;
    const alm_yaml *list = find(c, "features", NULL, NULL, NULL);
    for (size_t i = 0; i < p->feature_count; i++) {
        const alm_yaml *node = item(list, i);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(p->features[i].name, p->features[k].name) == 0) {
                return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG, "feature %s is there twice",
                                     p->features[i].name);
            }
        }
        const alm_yaml *column = alm_yaml_member(node, "column");
        if (column) {
            ALM_TRY(check_feature_column(c, column, p->features[i].column));
        }
    }
    return ALM_OK;
}

static bool is_kind(alm_str name, const char *const *names, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        if (alm_str_is(name, names[k])) {
            return true;
        }
    }
    return false;
}

static alm_err check_kind_names(const checker *c, const alm_yaml *list, const alm_kind_names *kinds)
{
    const char *names[ALM_FORECASTER_KINDS_MAX + 1] = {"level"};
    size_t count = 0;
    const alm_forecaster_kind *const *all = alm_forecaster_kinds(&count);
    for (size_t k = 0; k < count; k++) {
        names[k + 1] = all[k]->name;
    }
    if (kinds->count > ALM_KIND_CANDIDATES_MAX) {
        return alm_yaml_fail(list, c->error, ALM_ERR_CONFIG, "a class chooses between at most %d "
                             "forecasters, not %zu", ALM_KIND_CANDIDATES_MAX, kinds->count);
    }
    for (size_t i = 0; i < kinds->count; i++) {
        if (!is_kind(kinds->name[i], names, count + 1)) {
            return fail_dangling(c, item(list, i), "docs/statistical-models.md lists no forecaster",
                                 kinds->name[i], names, count + 1);
        }
    }
    return ALM_OK;
}

static alm_err check_kinds(const checker *c, const alm_model_spec *model)
{
    const alm_kinds_spec *k = &model->kinds;
    const struct {
        const char *key;
        const alm_kind_names *kinds;
    } classes[] = {{"smooth", &k->smooth},
                   {"erratic", &k->erratic},
                   {"intermittent", &k->intermittent},
                   {"lumpy", &k->lumpy},
                   {"aggregate", &k->aggregate}};
    const alm_yaml *section = find(c, "models", model->name.data, "kinds", NULL);
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        const alm_yaml *list = alm_yaml_member(section, classes[i].key);
        ALM_TRY(check_kind_names(c, list, classes[i].kinds));
    }
    return ALM_OK;
}

static alm_err check_reconcile(const checker *c, const alm_model_spec *model)
{
    const alm_project *p = c->project;
    const char *name = model->name.data;
    const alm_yaml *from = find(c, "models", name, "reconcile_from", NULL);
    const char *levels[60];
    size_t count = 0;
    bool found = model->reconcile_from.size == 0;
    for (size_t i = 0; i < p->level_count; i++) {
        found = found || alm_str_equal(p->levels[i].name, model->reconcile_from);
        if (count < 60) {
            levels[count++] = p->levels[i].name.data;
        }
    }
    if (model->reconcile != ALM_RECONCILING_AUTOMATIC && p->level_count == 0) {
        return alm_yaml_fail(find(c, "models", name, "reconcile", NULL), c->error, ALM_ERR_CONFIG,
                             "there is nothing to reconcile: the file has no `hierarchy`; add one, "
                             "or leave the key out");
    }
    if (model->reconcile_from.size && !alm_reconciling_splits(model->reconcile)) {
        return alm_yaml_fail(from, c->error, ALM_ERR_CONFIG,
                             "reconcile_from is for top_down_* only; reconcile is %s",
                             alm_reconciling_name(model->reconcile));
    }
    return found ? ALM_OK
                 : fail_dangling(c, from, "there is no level", model->reconcile_from, levels,
                                 count);
}

static alm_err check_models(const checker *c)
{
    const alm_project *p = c->project;
    const char *names[60];
    size_t count = 0;
    for (size_t f = 0; f < p->feature_count && count < 60; f++) {
        names[count++] = p->features[f].name;
    }
    for (size_t i = 0; i < p->model_count; i++) {
        const alm_model_spec *model = &p->models[i];
        ALM_TRY(check_reconcile(c, model));
        const alm_yaml *list = find(c, "models", model->name.data, "features", NULL);
        for (size_t k = 0; k < model->features_count; k++) {
            if (!alm_project_feature(p, model->features[k])) {
                return fail_dangling(c, item(list, k), "there is no feature", model->features[k],
                                     names, count);
            }
        }
        ALM_TRY(check_kinds(c, model));
    }
    return ALM_OK;
}

static alm_err check_schedules(const checker *c)
{
    const alm_project *p = c->project;
    const char *names[32];
    size_t count = 0;
    for (size_t i = 0; i < p->model_count && count < 32; i++) {
        names[count++] = p->models[i].name.data;
    }
    for (size_t i = 0; i < p->schedule_count; i++) {
        const alm_schedule_spec *schedule = &p->schedules[i];
        const char *name = schedule->name.data;
        if (!alm_project_model(p, schedule->model)) {
            return fail_dangling(c, find(c, "schedules", name, "model", NULL), "there is no model",
                                 schedule->model, names, count);
        }
        if (alm_str_is(schedule->alias, "latest")) {
            return alm_yaml_fail(find(c, "schedules", name, "alias", NULL), c->error,
                                 ALM_ERR_CONFIG, "there is no 'latest': name an alias such as "
                                 "production, or a model version");
        }
        const alm_yaml *requires = find(c, "schedules", name, "requires", NULL);
        for (size_t k = 0; k < schedule->requires_count; k++) {
            const alm_source *source = NULL;
            ALM_TRY(need_source(c, item(requires, k), schedule->requires[k], &source));
        }
        for (size_t k = 0; k < schedule->beside_count; k++) {
            if (!alm_str_is_safe_name(schedule->beside[k])) {
                return alm_yaml_fail(find(c, "schedules", name, "beside", NULL), c->error,
                                     ALM_ERR_CONFIG, ALM_STR_FMT " is no release name",
                                     ALM_STR_ARG(schedule->beside[k]));
            }
        }
    }
    return ALM_OK;
}

alm_err almi_project_check(const alm_yaml *root, const alm_project *project, alm_error *error)
{
    checker c = {root, project, error};
    if (project->source_count == 0) {
        return alm_yaml_fail(find(&c, "sources", NULL, NULL, NULL), error, ALM_ERR_CONFIG,
                             "sources needs at least one source");
    }
    for (size_t i = 0; i < project->source_count; i++) {
        ALM_TRY(check_source(&c, &project->sources[i]));
    }
    ALM_TRY(almi_check_bars(&c));
    if (project->bars.source.size) {
        return almi_check_no_deployments(&c);
    }
    ALM_TRY(check_series(&c));
    ALM_TRY(check_stock(&c));
    ALM_TRY(check_levels(&c));
    ALM_TRY(check_features(&c));
    ALM_TRY(check_models(&c));
    ALM_TRY(check_schedules(&c));
    return almi_check_deployments(&c);
}
