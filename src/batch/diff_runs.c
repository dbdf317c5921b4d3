/* diff_runs.c: two runs read from the store, joined, and their difference printed. */
#include "batch/diff.h"
#include "batch/query_internal.h"

#include <math.h>
#include <string.h>

#define TOP_DEFAULT 10
#define CONTRIBUTION_ROWS_MAX 100000

typedef struct comparer {
    const alm_read_stores *stores;
    const alm_diff_options *options;
    alm_arena *arena;
    alm_run_catalog catalog;
    almi_columns columns;
    const alm_catalog_run *run[3]; /* old, new, between (may be NULL) */
    alm_diff_run described[3];
    alm_sql *sql;
    alm_diff *diff;
    alm_error *error;
} comparer;

static const char *const view_names[] = {"old_run", "new_run", "between_run"};

/* ---- choosing and describing the runs ---- */

static alm_err describe(comparer *c, const alm_catalog_run *run, alm_diff_run *out)
{
    alm_json_document *manifest;
    alm_err code = alm_run_manifest_read(c->stores->objects, &run->commit->manifest, &manifest,
                                      c->error);
    if (code != ALM_OK) {
        return alm_error_wrap(c->error, code, "run " ALM_STR_FMT, ALM_STR_ARG(run->run_id));
    }
    *out = (alm_diff_run){.run_id = run->run_id, .model_version = run->model_version,
                          .release_hash = alm_run_manifest_text(manifest, "release_hash", c->arena),
                          .snapshot_id = run->snapshot_id,
                          .prediction_date = run->prediction_date};
    alm_json_document_destroy(manifest);
    return ALM_OK;
}

static alm_err find_run(comparer *c, size_t which, alm_str run_id)
{
    c->run[which] = alm_run_catalog_find(&c->catalog, run_id);
    if (!c->run[which]) {
        return alm_fail(c->error, ALM_ERR_NOT_FOUND,
                        "no run '" ALM_STR_FMT "' in the prediction store; 'almanac predictions "
                        "runs' lists them", ALM_STR_ARG(run_id));
    }
    return describe(c, c->run[which], &c->described[which]);
}

/* A run over the snapshot of one and with the release of the other. Names decide before manifests
 * are read: a release name has one hash. The newest such run is taken. */
static alm_err look_for_between(comparer *c)
{
    const alm_catalog_run *old_run = c->run[0];
    const alm_catalog_run *new_run = c->run[1];
    for (size_t i = c->catalog.runs; i-- > 0;) {
        const alm_catalog_run *run = &c->catalog.run[i];
        const alm_catalog_run *data = NULL;
        const alm_catalog_run *release = NULL;
        for (size_t side = 0; side < 2; side++) {
            const alm_catalog_run *a = side ? new_run : old_run;
            if (alm_str_equal(run->snapshot_id, a->snapshot_id) &&
                run->prediction_date == a->prediction_date) {
                data = a;
            }
            if (alm_str_equal(run->model_version, a->model_version)) {
                release = a;
            }
        }
        if (data && release && data != release && run != old_run && run != new_run) {
            c->run[2] = run;
            return describe(c, run, &c->described[2]);
        }
    }
    return ALM_OK;
}

static alm_err choose(comparer *c)
{
    ALM_TRY(find_run(c, 0, c->options->old_run));
    ALM_TRY(find_run(c, 1, c->options->new_run));
    if (c->run[0] == c->run[1]) {
        return alm_fail(c->error, ALM_ERR_USAGE, "name two different runs to compare");
    }
    if (c->options->between.size > 0) {
        return find_run(c, 2, c->options->between);
    }
    bool both = !alm_str_equal(c->described[0].release_hash, c->described[1].release_hash) &&
                (!alm_str_equal(c->described[0].snapshot_id, c->described[1].snapshot_id) ||
                 c->described[0].prediction_date != c->described[1].prediction_date);
    return both ? look_for_between(c) : ALM_OK;
}

/* ---- reading ---- */

static alm_err open_view(comparer *c, size_t which)
{
    almi_files files = {.capacity = c->run[which]->commit->files};
    files.path = ALM_NEW_ARRAY(c->arena, const char *, files.capacity);
    ALM_TRY(almi_run_files(c->stores, c->run[which], (almi_steps){0}, c->arena, &files,
                           c->error));
    almi_view view = {.name = view_names[which], .columns = &c->columns, .files = &files};
    return almi_create_view(c->sql, &view, c->arena, c->error);
}

static char *join_statement(comparer *c)
{
    const char *where = "";
    if (c->options->level.size > 0) {
        where = alm_arena_printf(c->arena, " WHERE level = %s",
                                 alm_sql_literal(c->arena, c->options->level));
    }
    return alm_arena_printf(
        c->arena,
        "SELECT j.level, j.node, j.target_date, j.old_mean, j.old_base, j.new_mean, j.new_base%s "
        "FROM (SELECT level, node, target_date, o.mean AS old_mean, o.base_mean AS old_base, "
        "n.mean AS new_mean, n.base_mean AS new_base FROM "
        "(SELECT * FROM old_run%s) o FULL JOIN (SELECT * FROM new_run%s) n "
        "USING (level, node, target_date)) j%s ORDER BY j.level, j.node, j.target_date",
        c->run[2] ? ", b.base_mean AS between_base" : "", where, where,
        c->run[2] ? " LEFT JOIN between_run b ON b.level = j.level AND b.node = j.node AND "
                    "b.target_date = j.target_date" : "");
}

static alm_err add_rows(comparer *c)
{
    alm_sql_cursor *cursor;
    ALM_TRY(alm_sql_query(c->sql, join_statement(c), &cursor, c->error));
    alm_arena *batch = alm_arena_create(0);
    alm_err code = ALM_OK;
    for (;;) {
        alm_table table;
        alm_arena_reset(batch);
        code = alm_sql_next(cursor, batch, &table, c->error);
        if (code != ALM_OK || table.rows == 0) {
            break;
        }
        code = alm_diff_add(c->diff, &table, c->error);
        if (code != ALM_OK) {
            break;
        }
    }
    alm_arena_destroy(batch);
    alm_sql_cursor_close(cursor);
    return code;
}

/* Contributions of the top nodes over the dates that both runs have, one row per line. The engine
 * only orders them; sums are made here, in the order of dates. */
static alm_err read_contributions(comparer *c, const alm_diff_result *result, alm_table *out)
{
    alm_buffer text = {0};
    alm_buffer_text(&text,
                    "WITH o AS (SELECT level, node, target_date, explanation FROM old_run), "
                    "n AS (SELECT level, node, target_date, explanation FROM new_run), "
                    "both_runs AS (SELECT level, node, target_date, o.explanation AS old_list, "
                    "n.explanation AS new_list FROM o JOIN n USING (level, node, target_date) "
                    "WHERE (level, node) IN (");
    for (size_t i = 0; i < result->nodes; i++) {
        alm_buffer_printf(&text, "%s(%s, %s)", i ? ", " : "",
                          alm_sql_literal(c->arena, result->node[i].level),
                          alm_sql_literal(c->arena, result->node[i].node));
    }
    alm_buffer_text(&text,
                    ")), lines AS (SELECT level, node, target_date, 0 AS side, "
                    "UNNEST(old_list) AS line FROM both_runs UNION ALL "
                    "SELECT level, node, target_date, 1, UNNEST(new_list) FROM both_runs) "
                    "SELECT level, node, line.feature AS feature, side, target_date, "
                    "line.contribution AS contribution FROM lines "
                    "ORDER BY level, node, feature, side, target_date, contribution");
    alm_err code = alm_buffer_status(&text, c->error);
    if (code == ALM_OK) {
        code = alm_sql_collect(c->sql, text.data, CONTRIBUTION_ROWS_MAX, c->arena, out, c->error);
    }
    alm_buffer_deinit(&text);
    return code;
}

/* Are rows `row` and the next one of the same level, node and feature? */
static bool same_feature(const alm_table *lines, size_t row)
{
    bool same = true;
    for (size_t c = 0; c < 3; c++) {
        const alm_str *text = lines->columns[c].values.text;
        same = same && alm_str_equal(text[row], text[row + 1]);
    }
    return same;
}

static void end_feature(alm_table_builder *builder, const alm_table *lines, size_t row,
                        const double sum[2])
{
    for (size_t c = 0; c < 3; c++) {
        alm_table_builder_text(builder, lines->columns[c].values.text[row]);
    }
    alm_table_builder_f64(builder, sum[0]);
    alm_table_builder_f64(builder, sum[1]);
}

static alm_err explain(comparer *c, const alm_diff_result *result)
{
    static const char *const names[] = {"level", "node", "feature", "old_value", "new_value"};
    static const alm_type types[] = {ALM_TYPE_TEXT, ALM_TYPE_TEXT, ALM_TYPE_TEXT, ALM_TYPE_F64,
                                     ALM_TYPE_F64};
    if (result->nodes == 0) {
        return ALM_OK;
    }
    alm_table lines, table;
    ALM_TRY(read_contributions(c, result, &lines));
    alm_table_builder *builder;
    ALM_TRY(alm_table_builder_create(names, types, 5, &builder, c->error));
    double sum[2] = {0.0, 0.0};
    for (size_t r = 0; r < lines.rows; r++) {
        sum[lines.columns[3].values.i64[r]] += lines.columns[5].values.f64[r];
        if (r + 1 == lines.rows || !same_feature(&lines, r)) {
            end_feature(builder, &lines, r, sum);
            sum[0] = sum[1] = 0.0;
        }
    }
    alm_err code = alm_table_builder_finish(builder, &table, c->error);
    if (code == ALM_OK) {
        code = alm_diff_explain(c->diff, &table, c->error);
    }
    alm_table_builder_destroy(builder);
    return code;
}

/* ---- the result outlives the diff ---- */

static alm_str copy(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static void copy_result(comparer *c, const alm_diff_result *from, alm_diff_result *out)
{
    *out = *from;
    out->old_run = c->described[0]; /* of the catalog, whose texts may be the table's: copied */
    out->new_run = c->described[1];
    out->between = c->described[2];
    alm_diff_run *runs[] = {&out->old_run, &out->new_run, &out->between};
    for (size_t i = 0; i < 3; i++) {
        runs[i]->run_id = copy(c->arena, runs[i]->run_id);
        runs[i]->model_version = copy(c->arena, runs[i]->model_version);
    }
    alm_diff_level *level = ALM_NEW_ARRAY(c->arena, alm_diff_level, from->levels);
    alm_diff_node *node = ALM_NEW_ARRAY(c->arena, alm_diff_node, from->nodes);
    for (size_t i = 0; i < from->levels; i++) {
        level[i] = from->level[i];
        level[i].level = copy(c->arena, level[i].level);
    }
    for (size_t i = 0; i < from->nodes; i++) {
        node[i] = from->node[i];
        node[i].node = copy(c->arena, node[i].node);
        node[i].level = copy(c->arena, node[i].level);
        for (size_t k = 0; k < node[i].contribution_count; k++) {
            node[i].contribution[k].feature = copy(c->arena, node[i].contribution[k].feature);
        }
    }
    out->level = level;
    out->node = node;
}

static alm_err compare(comparer *c, alm_diff_result *out)
{
    ALM_TRY(almi_catalog_read(c->stores, c->arena, &c->catalog, c->error));
    ALM_TRY(almi_data_columns(&c->catalog, c->arena, &c->columns, c->error));
    ALM_TRY(choose(c));
    ALM_TRY(alm_diff_create(&c->described[0], &c->described[1],
                            c->run[2] ? &c->described[2] : NULL,
                            c->options->top ? c->options->top : TOP_DEFAULT, &c->diff, c->error));
    alm_sql_options options = {.threads = c->stores->threads,
                               .memory_limit_bytes = c->stores->memory_limit_bytes,
                               .scratch_directory = c->stores->scratch_directory};
    ALM_TRY(alm_sql_open(&options, &c->sql, c->error));
    for (size_t i = 0; i < 3; i++) {
        if (c->run[i]) {
            ALM_TRY(open_view(c, i));
        }
    }
    ALM_TRY(add_rows(c));
    alm_diff_result result;
    alm_diff_finish(c->diff, &result);
    ALM_TRY(explain(c, &result));
    copy_result(c, &result, out);
    return ALM_OK;
}

alm_err alm_diff_runs(const alm_read_stores *stores, const alm_diff_options *options,
                      alm_arena *arena, alm_diff_result *out, alm_error *error)
{
    comparer c = {.stores = stores, .options = options, .arena = arena, .error = error};
    alm_err code = compare(&c, out);
    alm_sql_close(c.sql);
    alm_diff_destroy(c.diff);
    return code;
}

/* ---- for a person ---- */

/* Children sum to their parents within 1e-9; what is smaller than that is rounding, no cause. */
#define ROUNDING 1e-9

static bool is_change(double change, double old_sum, double new_sum)
{
    return fabs(change) > ROUNDING * (fabs(old_sum) + fabs(new_sum));
}

/* Without "-0.0". */
static double shown(double value, int decimals)
{
    static const double halves[] = {0.5, 0.05, 0.005, 0.0005};
    return fabs(value) < halves[decimals] ? 0.0 : value;
}

static void put_number(alm_buffer *out, double value, int width, int decimals)
{
    if (isfinite(value)) {
        alm_buffer_printf(out, "%*.*f", width, decimals, shown(value, decimals));
    } else {
        alm_buffer_printf(out, "%*s", width, "-");
    }
}

static void print_run(const char *title, const alm_diff_run *run, alm_buffer *out)
{
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(run->prediction_date, date);
    int short_id = run->snapshot_id.size > 12 ? 12 : (int)run->snapshot_id.size;
    alm_buffer_printf(out, "%-9s " ALM_STR_FMT "  " ALM_STR_FMT "  date %s  snapshot %.*s\n",
                      title, ALM_STR_ARG(run->run_id), ALM_STR_ARG(run->model_version), date,
                      short_id, run->snapshot_id.data);
}

static bool has_cause(const alm_diff_result *result, size_t cause)
{
    for (size_t i = 0; i < result->levels; i++) {
        const alm_diff_level *level = &result->level[i];
        if (is_change(level->absolute[cause], level->old_sum, level->new_sum)) {
            return true;
        }
    }
    return false;
}

static void print_levels(const alm_diff_result *result, alm_buffer *out)
{
    alm_buffer_printf(out, "%-16s %9s %13s %13s %11s %8s", "level", "rows", "old sum", "new sum",
                      "mean |chg|", "churn %");
    for (size_t c = 0; c < ALM_DIFF_CAUSES; c++) {
        if (has_cause(result, c)) {
            alm_buffer_printf(out, " %16s", alm_diff_cause_text((alm_diff_cause)c));
        }
    }
    alm_buffer_text(out, "\n");
    for (size_t i = 0; i < result->levels; i++) {
        const alm_diff_level *level = &result->level[i];
        alm_buffer_printf(out, "%-16.*s %9lld", ALM_STR_ARG(level->level),
                          (long long)level->rows);
        put_number(out, level->old_sum, 14, 1);
        put_number(out, level->new_sum, 14, 1);
        put_number(out, alm_diff_mean_absolute(level), 12, 3);
        put_number(out, 100.0 * alm_diff_churn(level), 9, 1);
        for (size_t c = 0; c < ALM_DIFF_CAUSES; c++) {
            if (has_cause(result, c)) {
                alm_buffer_text(out, " ");
                put_number(out, level->net[c], 16, 1);
            }
        }
        alm_buffer_text(out, "\n");
        if (level->old_only + level->new_only > 0) {
            alm_buffer_printf(out, "  not compared: %lld rows only in the old run, %lld only in "
                              "the new\n", (long long)level->old_only,
                              (long long)level->new_only);
        }
    }
}

static void print_node(const alm_diff_node *node, alm_buffer *out)
{
    alm_buffer_printf(out, ALM_STR_FMT " (" ALM_STR_FMT "): %.1f -> %.1f", ALM_STR_ARG(node->node),
                      ALM_STR_ARG(node->level), node->old_sum, node->new_sum);
    for (size_t c = 0; c < ALM_DIFF_CAUSES; c++) {
        if (is_change(node->net[c], node->old_sum, node->new_sum)) {
            alm_buffer_printf(out, ", %s %+.1f", alm_diff_cause_text((alm_diff_cause)c),
                              shown(node->net[c], 1));
        }
    }
    alm_buffer_text(out, "\n");
    for (size_t k = 0; k < node->contribution_count; k++) {
        const alm_diff_contribution *line = &node->contribution[k];
        if (!is_change(line->new_value - line->old_value, node->old_sum, node->new_sum)) {
            continue;
        }
        alm_buffer_printf(out, "    %-28.*s %+10.2f   (%.2f -> %.2f)\n",
                          ALM_STR_ARG(line->feature),
                          shown(line->new_value - line->old_value, 2),
                          line->old_value, line->new_value);
    }
}

void alm_diff_print(const alm_diff_result *result, alm_buffer *out)
{
    print_run("old run", &result->old_run, out);
    print_run("new run", &result->new_run, out);
    if (result->has_between) {
        print_run("between", &result->between, out);
    }
    alm_buffer_text(out, "\n");
    if (result->levels == 0) {
        alm_buffer_text(out, "The runs have no rows.\n");
        return;
    }
    print_levels(result, out);
    alm_buffer_text(out, "The columns by cause are net changes of the sum of means over the rows "
                         "that both runs have.\n");
    if (has_cause(result, ALM_DIFF_UNEXPLAINED)) {
        alm_buffer_text(out, "WARNING: base forecasts differ although data and release are the "
                             "same: check 'almanac predictions verify'.\n");
    }
    if (result->nodes > 0) {
        alm_buffer_text(out, "\nlargest changes, with the contributions that moved most:\n");
    }
    for (size_t i = 0; i < result->nodes; i++) {
        print_node(&result->node[i], out);
    }
}

static void json_run(alm_json_writer *json, const char *key, const alm_diff_run *run)
{
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(run->prediction_date, date);
    alm_json_key(json, key);
    alm_json_open_object(json);
    alm_json_put_str(json, "run_id", run->run_id);
    alm_json_put_str(json, "model_version", run->model_version);
    alm_json_put_str(json, "release_hash", run->release_hash);
    alm_json_put_str(json, "snapshot_id", run->snapshot_id);
    alm_json_put_text(json, "prediction_date", date);
    alm_json_close_object(json);
}

static void json_causes(alm_json_writer *json, const char *key, const double *value)
{
    alm_json_key(json, key);
    alm_json_open_object(json);
    for (size_t c = 0; c < ALM_DIFF_CAUSES; c++) {
        alm_json_put_double(json, alm_diff_cause_text((alm_diff_cause)c), value[c]);
    }
    alm_json_close_object(json);
}

static void json_level(alm_json_writer *json, const alm_diff_level *level)
{
    alm_json_open_object(json);
    alm_json_put_str(json, "level", level->level);
    alm_json_put_i64(json, "rows", level->rows);
    alm_json_put_i64(json, "old_only", level->old_only);
    alm_json_put_i64(json, "new_only", level->new_only);
    alm_json_put_double(json, "old_sum", level->old_sum);
    alm_json_put_double(json, "new_sum", level->new_sum);
    alm_json_put_double(json, "mean_absolute_change", alm_diff_mean_absolute(level));
    alm_json_put_double(json, "churn", alm_diff_churn(level));
    json_causes(json, "net", level->net);
    json_causes(json, "absolute", level->absolute);
    alm_json_close_object(json);
}

static void json_node(alm_json_writer *json, const alm_diff_node *node)
{
    alm_json_open_object(json);
    alm_json_put_str(json, "node", node->node);
    alm_json_put_str(json, "level", node->level);
    alm_json_put_i64(json, "rows", node->rows);
    alm_json_put_double(json, "old_sum", node->old_sum);
    alm_json_put_double(json, "new_sum", node->new_sum);
    alm_json_put_double(json, "absolute_change", node->absolute_sum);
    json_causes(json, "net", node->net);
    alm_json_key(json, "contributions");
    alm_json_open_array(json);
    for (size_t k = 0; k < node->contribution_count; k++) {
        alm_json_open_object(json);
        alm_json_put_str(json, "feature", node->contribution[k].feature);
        alm_json_put_double(json, "old", node->contribution[k].old_value);
        alm_json_put_double(json, "new", node->contribution[k].new_value);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
    alm_json_close_object(json);
}

void alm_diff_print_json(const alm_diff_result *result, alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    json_run(&json, "old", &result->old_run);
    json_run(&json, "new", &result->new_run);
    if (result->has_between) {
        json_run(&json, "between", &result->between);
    }
    alm_json_key(&json, "levels");
    alm_json_open_array(&json);
    for (size_t i = 0; i < result->levels; i++) {
        json_level(&json, &result->level[i]);
    }
    alm_json_close_array(&json);
    alm_json_key(&json, "nodes");
    alm_json_open_array(&json);
    for (size_t i = 0; i < result->nodes; i++) {
        json_node(&json, &result->node[i]);
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
    alm_buffer_text(out, "\n");
}
