#include "batch/prediction_table.h"

#include <stdio.h>
#include <string.h>

#include "base/build_info.h"
#include "batch/prediction_schema.h"

#define COLUMNS_MAX 256

void alm_quantile_name(double level, char out[16])
{
    /* 1/100 of a percent is as fine as a name gets; the project file admits no finer level. */
    int hundredths = (int)(level * 10000 + 0.5);
    int rest = hundredths % 100;
    if (rest == 0) {
        snprintf(out, 16, "q%02d", hundredths / 100);
    } else if (rest % 10 == 0) {
        snprintf(out, 16, "q%02d_%d", hundredths / 100, rest / 10);
    } else {
        snprintf(out, 16, "q%02d_%02d", hundredths / 100, rest);
    }
}

static void add(alm_prediction_columns *c, const char *name, const char *sql_type)
{
    alm_assert(c->count < COLUMNS_MAX);
    c->names[c->count] = name;
    c->sql_types[c->count++] = sql_type;
}

static void collect_quantiles(const alm_project *project, alm_prediction_columns *c)
{
    for (size_t m = 0; m < project->model_count; m++) {
        for (size_t k = 0; k < project->models[m].quantile_count; k++) {
            double level = project->models[m].quantiles[k];
            size_t at = 0;
            while (at < c->quantile_count && c->quantiles[at] < level) {
                at++;
            }
            if (at < c->quantile_count && c->quantiles[at] == level) {
                continue;
            }
            memmove(c->quantiles + at + 1, c->quantiles + at,
                    (c->quantile_count - at) * sizeof(double));
            c->quantiles[at] = level;
            c->quantile_count++;
        }
    }
}

void alm_prediction_columns_of(const alm_project *project, alm_arena *arena,
                               alm_prediction_columns *out)
{
    alm_prediction_columns c = {.names = ALM_NEW_ARRAY(arena, const char *, COLUMNS_MAX),
                                .sql_types = ALM_NEW_ARRAY(arena, const char *, COLUMNS_MAX)};
    c.quantiles = ALM_NEW_ARRAY(arena, double, project->model_count * ALM_QUANTILES_MAX + 1);
#define ADD(name, type) add(&c, #name, type);
    ALM_PREDICTION_HEAD(ADD)
    c.key_first = c.count;
    c.key_count = project->series.key_count;
    for (size_t k = 0; k < c.key_count; k++) {
        alm_str key = project->series.keys[k];
        add(&c, alm_arena_copy_text(arena, key.data, key.size), "VARCHAR");
    }
    ALM_PREDICTION_BODY(ADD)
    collect_quantiles(project, &c);
    c.quantile_first = c.count;
    for (size_t k = 0; k < c.quantile_count; k++) {
        char name[16];
        alm_quantile_name(c.quantiles[k], name);
        add(&c, alm_arena_copy_text(arena, name, strlen(name)), "DOUBLE");
    }
    ALM_PREDICTION_TAIL(ADD)
#undef ADD
    *out = c;
}

static alm_delta_type delta_type_of(const char *sql_type)
{
    static const struct {
        const char *sql;
        alm_delta_type delta;
    } TYPES[] = {{"VARCHAR", ALM_DELTA_STRING},
                 {"DOUBLE", ALM_DELTA_DOUBLE},
                 {"DATE", ALM_DELTA_DATE},
                 {"TIMESTAMPTZ", ALM_DELTA_TIMESTAMP}};
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (strcmp(TYPES[i].sql, sql_type) == 0) {
            return TYPES[i].delta;
        }
    }
    return ALM_DELTA_CONTRIBUTIONS;
}

alm_err alm_prediction_table_open(const alm_env *env, const alm_project *project,
                                  alm_predictions **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_prediction_columns c;
    alm_prediction_columns_of(project, arena, &c);
    alm_predictions_column *columns = ALM_NEW_ARRAY(arena, alm_predictions_column, c.count);
    for (size_t i = 0; i < c.count; i++) {
        columns[i] = (alm_predictions_column){c.names[i], delta_type_of(c.sql_types[i])};
    }
    alm_predictions_schema schema = {
        .column = columns,
        .columns = c.count,
        .created = alm_env_now(env),
        .name = alm_arena_copy_text(arena, project->name.data, project->name.size),
        .engine = "almanac/" ALM_ENGINE_VERSION};
    char *root = alm_path_join(arena, project->state, "predictions");
    alm_err code = alm_predictions_create(env->fs, root, &schema, out, error);
    alm_arena_destroy(arena);
    return code;
}
