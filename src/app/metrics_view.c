#include "app/metrics_view.h"

#include "app/signal_view.h"

#include <math.h>
#include <string.h>

/* Names that backtest.c gives to the published forecast and to its two parts. */
static const char *const RELEASE = "final";
static const char *const PARTS[] = {"statistical", "gbm"};

static double number_of(const alm_json *row, const char *key, const char *pinball)
{
    const alm_json *owner = pinball ? alm_json_member(row, "pinball") : row;
    const alm_json *member = owner ? alm_json_member(owner, pinball ? pinball : key) : NULL;
    double value = NAN;
    return member && alm_json_as_double(member, &value) ? value : (double)NAN;
}

static alm_err read_method(const alm_json *method, alm_arena *arena, almi_metric_row *row,
                           alm_error *error)
{
    alm_str name;
    ALM_TRY(alm_json_get_str(method, "method", &name, error));
    row->method = alm_str_of(alm_arena_copy_text(arena, name.data, name.size));
    row->is_release = alm_str_is(name, RELEASE);
    row->is_baseline = !row->is_release;
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        row->is_baseline = row->is_baseline && !alm_str_is(name, PARTS[i]);
    }
#define METRIC_READ(key, level, title, decimals) row->key = number_of(method, #key, level);
    ALMI_METRIC_MAP(METRIC_READ)
#undef METRIC_READ
    return ALM_OK;
}

static size_t count_rows(const alm_json *levels)
{
    size_t count = 0;
    for (size_t i = 0; i < alm_json_count(levels); i++) {
        const alm_json *methods = alm_json_member(alm_json_at(levels, i), "methods");
        count += methods ? alm_json_count(methods) : 0;
    }
    return count;
}

static alm_err read_level(const alm_json *level, alm_arena *arena, almi_metric_row *rows,
                          size_t *count, alm_error *error)
{
    almi_metric_row row = {.series = 0};
    alm_str name;
    const alm_json *methods = NULL;
    ALM_TRY(alm_json_get_str(level, "level", &name, error));
    ALM_TRY(alm_json_get_i64(level, "series", &row.series, error));
    ALM_TRY(alm_json_get_i64(level, "unscaled", &row.unscaled, error));
    ALM_TRY(alm_json_get(level, "methods", ALM_JSON_ARRAY, &methods, error));
    row.level = alm_str_of(alm_arena_copy_text(arena, name.data, name.size));
    for (size_t i = 0; i < alm_json_count(methods); i++) {
        rows[*count] = row;
        ALM_TRY(read_method(alm_json_at(methods, i), arena, &rows[*count], error));
        (*count)++;
    }
    return ALM_OK;
}

static alm_err read_rows(const alm_json *root, alm_arena *arena, almi_metric_row **out,
                         size_t *count, alm_error *error)
{
    const alm_json *levels = NULL;
    ALM_TRY(alm_json_get(root, "levels", ALM_JSON_ARRAY, &levels, error));
    almi_metric_row *rows = ALM_NEW_ARRAY(arena, almi_metric_row, count_rows(levels));
    size_t made = 0;
    for (size_t i = 0; i < alm_json_count(levels); i++) {
        ALM_TRY(read_level(alm_json_at(levels, i), arena, rows, &made, error));
    }
    *out = rows;
    *count = made;
    return ALM_OK;
}

alm_err almi_metrics_read(alm_str report, alm_arena *arena, almi_metric_row **out, size_t *count,
                          alm_error *error)
{
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(report, "report.json", &document, error));
    alm_err code = read_rows(alm_json_root(document), arena, out, count, error);
    alm_json_document_destroy(document);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "report.json");
}

/* clang-format off */
static const almi_grid_column report_columns[] = {
    {.key = "level", .title = "LEVEL"},
    {.key = "series", .title = "SERIES", .right = true},
    {.key = "unscaled", .title = "NO SCALE", .right = true},
    {.key = "method", .title = "METHOD"},
#define METRIC_COLUMN(name, pinball, text, digits) \
    {.key = #name, .title = text, .decimals = digits, .right = true,   \
     .optional = true},
    ALMI_METRIC_MAP(METRIC_COLUMN)
#undef METRIC_COLUMN
};
/* clang-format on */

/* "lstm could not learn: ...": its row is another forecast's. */
static alm_err print_reasons(almi_cli *cli, const alm_json *root, alm_error *error)
{
    const alm_json *global = alm_json_member(root, "global");
    for (size_t i = 0; global && i < alm_json_count(global); i++) {
        alm_str method;
        alm_str reason;
        const alm_json *one = alm_json_at(global, i);
        if (alm_json_member(one, "reason")) {
            ALM_TRY(alm_json_get_str(one, "method", &method, error));
            ALM_TRY(alm_json_get_str(one, "reason", &reason, error));
            alm_buffer_printf(&cli->out, ALM_STR_FMT " could not learn, so its row is the seasonal "
                              "naive forecast: " ALM_STR_FMT "\n", ALM_STR_ARG(method),
                              ALM_STR_ARG(reason));
        }
    }
    return ALM_OK;
}

/* "series: final is better than ...", of a backtest in detail. */
static alm_err print_sentences(almi_cli *cli, const alm_json *list, alm_error *error)
{
    for (size_t i = 0; list && i < alm_json_count(list); i++) {
        alm_str level;
        alm_str verdict;
        const alm_json *one = alm_json_at(list, i);
        ALM_TRY(alm_json_get_str(one, "level", &level, error));
        ALM_TRY(alm_json_get_str(one, "verdict", &verdict, error));
        alm_buffer_printf(&cli->out, "%s" ALM_STR_FMT ": " ALM_STR_FMT "\n", i ? "" : "\n",
                          ALM_STR_ARG(level), ALM_STR_ARG(verdict));
    }
    return ALM_OK;
}

/* clang-format off */
static const almi_grid_column kind_columns[] = {
    {.key = "class", .title = "CLASS"},
    {.key = "movers", .title = "MOVERS"},
    {.key = "windows", .title = "WINDOWS", .right = true},
    {.key = "kind", .title = "FORECASTER"},
    {.key = "rmsse", .title = "RMSSE", .decimals = 3, .right = true},
    {.key = "candidates", .title = "CANDIDATES", .wrap = true},
};
/* clang-format on */

static alm_err add_kind(almi_cli *cli, almi_grid *grid, alm_str class_name, const alm_json *cell,
                        alm_error *error)
{
    alm_str kind, movers, name;
    int64_t windows;
    double rmsse = NAN;
    const alm_json *candidates = NULL;
    const char *all = "";
    ALM_TRY(alm_json_get_str(cell, "kind", &kind, error));
    ALM_TRY(alm_json_get_str(cell, "movers", &movers, error));
    ALM_TRY(alm_json_get_i64(cell, "windows", &windows, error));
    ALM_TRY(alm_json_get(cell, "candidates", ALM_JSON_ARRAY, &candidates, error));
    for (size_t k = 0; k < alm_json_count(candidates); k++) {
        const alm_json *candidate = alm_json_at(candidates, k);
        ALM_TRY(alm_json_get_str(candidate, "kind", &name, error));
        if (alm_str_equal(name, kind)) {
            rmsse = number_of(candidate, "rmsse", NULL);
        }
        all = alm_arena_printf(cli->arena, "%s%s" ALM_STR_FMT, all, k ? ", " : "",
                               ALM_STR_ARG(name));
    }
    almi_grid_str(grid, class_name);
    almi_grid_str(grid, movers);
    almi_grid_i64(grid, windows);
    almi_grid_str(grid, kind);
    almi_grid_double(grid, rmsse);
    almi_grid_text(grid, all);
    return ALM_OK;
}

/* Which forecaster serves which class, of a model that has a choice; classes without a series on
 * the earlier origins are left out. */
static alm_err print_kinds(almi_cli *cli, const alm_json *kinds, alm_error *error)
{
    almi_grid *grid = almi_grid_create(cli->arena, kind_columns,
                                       sizeof kind_columns / sizeof kind_columns[0]);
    for (size_t c = 0; c < alm_json_count(kinds); c++) {
        alm_str class_name;
        const alm_json *cells = alm_json_member_at(kinds, c, &class_name);
        for (size_t m = 0; m < alm_json_count(cells); m++) {
            int64_t windows = 0;
            const alm_json *cell = alm_json_at(cells, m);
            ALM_TRY(alm_json_get_i64(cell, "windows", &windows, error));
            if (windows > 0) {
                ALM_TRY(add_kind(cli, grid, class_name, cell, error));
            }
        }
    }
    alm_buffer_text(&cli->out, "\nforecasters by class, chosen on earlier origins\n");
    almi_grid_print(grid, &cli->term, &cli->out);
    return ALM_OK;
}

static alm_err print_choice(almi_cli *cli, alm_str report, alm_error *error)
{
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(report, "report.json", &document, error));
    const alm_json *kinds = alm_json_member(alm_json_root(document), "kinds");
    alm_err code = kinds ? print_kinds(cli, kinds, error) : ALM_OK;
    alm_json_document_destroy(document);
    return code;
}

/* clang-format off */
static const almi_grid_column interval_columns[] = {
    {.key = "level", .title = "LEVEL"},
    {.key = "coverage_90", .title = "PUBLISHED", .decimals = 3, .right = true},
    {.key = "coverage_90_base", .title = "BASE", .decimals = 3, .right = true},
    {.key = "censored", .title = "SOLD OUT", .right = true, .optional = true},
};
/* clang-format on */

/* "196 of 420 days", which have no score; NULL: none. */
static alm_err sold_out_days(almi_cli *cli, const alm_json *level, const char **out,
                             alm_error *error)
{
    int64_t censored = 0;
    int64_t pairs = 0;
    *out = NULL;
    if (alm_json_member(level, "censored")) {
        ALM_TRY(alm_json_get_i64(level, "censored", &censored, error));
        ALM_TRY(alm_json_get_i64(level, "pairs", &pairs, error));
        *out = alm_arena_printf(cli->arena, "%lld of %lld days", (long long)censored,
                                (long long)(censored + pairs));
    }
    return ALM_OK;
}

static alm_err add_intervals(almi_cli *cli, almi_grid *grid, const alm_json *level, bool *any,
                             alm_error *error)
{
    alm_str name;
    alm_str method;
    const char *sold_out;
    const alm_json *methods = NULL;
    double published = NAN;
    double base = NAN;
    ALM_TRY(alm_json_get_str(level, "level", &name, error));
    ALM_TRY(alm_json_get(level, "methods", ALM_JSON_ARRAY, &methods, error));
    ALM_TRY(sold_out_days(cli, level, &sold_out, error));
    for (size_t i = 0; i < alm_json_count(methods); i++) {
        const alm_json *one = alm_json_at(methods, i);
        ALM_TRY(alm_json_get_str(one, "method", &method, error));
        if (alm_str_is(method, RELEASE)) {
            published = number_of(one, "coverage_90", NULL);
            base = number_of(one, "coverage_90_base", NULL);
        }
    }
    *any = *any || isfinite(base) || sold_out;
    almi_grid_str(grid, name);
    almi_grid_double(grid, published);
    almi_grid_double(grid, base);
    almi_grid_text(grid, sold_out);
    return ALM_OK;
}

/* Reports of releases from before there was a second figure say what they said. */
static alm_err print_intervals(almi_cli *cli, const alm_json *root, alm_error *error)
{
    const alm_json *levels = NULL;
    bool any = false;
    ALM_TRY(alm_json_get(root, "levels", ALM_JSON_ARRAY, &levels, error));
    almi_grid *grid = almi_grid_create(cli->arena, interval_columns,
                                       sizeof interval_columns / sizeof interval_columns[0]);
    for (size_t i = 0; i < alm_json_count(levels); i++) {
        ALM_TRY(add_intervals(cli, grid, alm_json_at(levels, i), &any, error));
    }
    if (any) {
        alm_buffer_text(&cli->out, "\nshare of days within the 90% interval, as published and "
                                   "before levels were made to add up\n");
        almi_grid_print(grid, &cli->term, &cli->out);
    }
    return ALM_OK;
}

/* ", the best of bottom_up .812, ... at 2 earlier origins", where the project asked for that. */
static alm_err print_candidates(almi_cli *cli, const alm_json *reconcile, alm_error *error)
{
    const alm_json *list = alm_json_member(reconcile, "best_of");
    int64_t origins = 0;
    for (size_t k = 0; list && k < alm_json_count(list); k++) {
        alm_str method;
        const alm_json *one = alm_json_at(list, k);
        double rmsse = number_of(one, "rmsse", NULL);
        ALM_TRY(alm_json_get_str(one, "method", &method, error));
        alm_buffer_printf(&cli->out, "%s" ALM_STR_FMT, k ? ", " : ", the best of ",
                          ALM_STR_ARG(method));
        if (isfinite(rmsse)) {
            alm_buffer_printf(&cli->out, " %.3f", rmsse);
        } else {
            alm_buffer_text(&cli->out, " (not judged)");
        }
    }
    if (list) {
        ALM_TRY(alm_json_get_i64(reconcile, "judged_at", &origins, error));
        alm_buffer_printf(&cli->out, " (mean RMSSE of the levels at %lld earlier origin%s)",
                          (long long)origins, origins == 1 ? "" : "s");
    }
    return ALM_OK;
}

/* "reconciled by mint_shrink, ...", where the project chose. */
static alm_err print_reconcile(almi_cli *cli, alm_str report, alm_error *error)
{
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(report, "report.json", &document, error));
    const alm_json *one = alm_json_member(alm_json_root(document), "reconcile");
    alm_str method = {0};
    alm_str from = {0};
    int64_t errors = 0;
    double intensity = NAN;
    alm_err code = one ? alm_json_get_str(one, "method", &method, error) : ALM_OK;
    if (one && code == ALM_OK) {
        const alm_json *level = alm_json_member(one, "from");
        (void)(level && alm_json_as_str(level, &from));
        intensity = number_of(one, "intensity", NULL);
        code = alm_json_get_i64(one, "errors", &errors, error);
    }
    if (one && code == ALM_OK) {
        alm_buffer_printf(&cli->out, "\nreconciled by " ALM_STR_FMT, ALM_STR_ARG(method));
        if (from.size > 0) {
            alm_buffer_printf(&cli->out, " from level " ALM_STR_FMT, ALM_STR_ARG(from));
        }
        if (errors > 0) {
            alm_buffer_printf(&cli->out, ", learned from %lld errors of every node",
                              (long long)errors);
        }
        if (isfinite(intensity)) {
            alm_buffer_printf(&cli->out, ", shrunk by %.2f towards errors that are not correlated",
                              intensity);
        }
        code = print_candidates(cli, one, error);
        alm_buffer_text(&cli->out, "\n");
    }
    alm_json_document_destroy(document);
    return code;
}

static alm_err print_verdicts(almi_cli *cli, alm_str report, alm_error *error)
{
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(report, "report.json", &document, error));
    const alm_json *root = alm_json_root(document);
    alm_err code = print_intervals(cli, root, error);
    code = code == ALM_OK ? print_reasons(cli, root, error) : code;
    code = code == ALM_OK ? print_sentences(cli, alm_json_member(root, "verdicts"), error) : code;
    code = code == ALM_OK ? print_sentences(cli, alm_json_member(root, "ranks"), error) : code;
    alm_json_document_destroy(document);
    return code;
}

alm_err almi_print_report(almi_cli *cli, alm_str report, alm_error *error)
{
    almi_metric_row *rows = NULL;
    size_t count = 0;
    if (alm_signal_figures_are(report)) {
        return almi_print_signal(cli, report, error);
    }
    ALM_TRY(almi_metrics_read(report, cli->arena, &rows, &count, error));
    almi_grid *grid = almi_grid_create(cli->arena, report_columns,
                                       sizeof report_columns / sizeof report_columns[0]);
    for (size_t i = 0; i < count; i++) {
        almi_grid_str(grid, rows[i].level);
        almi_grid_i64(grid, rows[i].series);
        almi_grid_i64(grid, rows[i].unscaled);
        almi_grid_str(grid, rows[i].method);
#define METRIC_CELL(key, level, title, decimals) almi_grid_double(grid, rows[i].key);
        ALMI_METRIC_MAP(METRIC_CELL)
#undef METRIC_CELL
    }
    ALM_TRY(print_choice(cli, report, error));
    alm_buffer_text(&cli->out, "\nbacktest\n");
    almi_grid_print(grid, &cli->term, &cli->out);
    ALM_TRY(print_reconcile(cli, report, error));
    return print_verdicts(cli, report, error);
}

void almi_put_raw_json(alm_json_writer *json, const char *key, alm_str text)
{
    alm_json_key(json, key);
    if (!text.size) {
        alm_json_null(json);
        return;
    }
    /* Stored canonical JSON: writing it through a parser could only change it. */
    alm_buffer_str(json->buffer, text);
    json->after_key = false;
}
