/* committed_load.c: a run's fan file into columns.
 *
 * Two statements: one over the whole file, which gives the counts that the memory is asked for by
 * and what is the same in every row; then the rows in turn. Neither sorts: a row says which node
 * and step it is of, and every place must be filled exactly once. */
#include "serve/committed/node_tree_internal.h"

#include <math.h>
#include <string.h>


#define NODES_MAX ((int64_t)50000000)
#define COLUMNS_MAX 10000
#define PATH_BYTES_MAX ((size_t)4 << 30)

typedef struct quantile_column {
    const char *name;
    double level;
} quantile_column;

typedef struct loader {
    const alm_catalog_run *entry;
    const alm_committed_load *options;
    alm_committed_run *run;
    alm_arena *scratch;
    alm_sql *sql;
    const char *from; /* "read_parquet(['..'], hive_partitioning = false)" */
    alm_table schema; /* column_name, column_type */
    quantile_column quantile[ALM_COMMITTED_QUANTILES_MAX];
    size_t quantiles;
    bool has_stock, has_lines;
    int64_t rows, lines;
    size_t lines_max; /* of one row */
    uint8_t *filled;  /* rows */
    size_t line_count;
    alm_error *error;
} loader;

static alm_err fail_run(loader *l, const char *what)
{
    return alm_fail(l->error, ALM_ERR_CORRUPT, "fan file of run " ALM_STR_FMT ": %s",
                    ALM_STR_ARG(l->entry->run_id), what);
}

/* ---- the file ---- */

static alm_err locate(loader *l, const alm_run_stores *stores)
{
    alm_json_document *manifest;
    ALM_TRY(alm_run_manifest_read(stores->objects, &l->entry->commit->manifest, &manifest,
                                  l->error));
    alm_str fan = alm_run_manifest_text(manifest, "fan_object", l->scratch);
    alm_json_document_destroy(manifest);
    alm_digest digest;
    const char *path;
    if (fan.size == 0) {
        return alm_fail(l->error, ALM_ERR_UNSUPPORTED,
                        "run " ALM_STR_FMT " names no fan file, which online answers come from: "
                        "a new run has one", ALM_STR_ARG(l->entry->run_id));
    }
    if (!alm_digest_parse(fan, &digest)) {
        return fail_run(l, "fan_object of the manifest is no digest");
    }
    alm_err code = alm_objects_locate(stores->objects, &digest, l->scratch, &path, l->error);
    if (code != ALM_OK) {
        return alm_error_wrap(l->error, code, "fan file of run " ALM_STR_FMT,
                              ALM_STR_ARG(l->entry->run_id));
    }
    l->from = alm_arena_printf(l->scratch, "read_parquet([%s], hive_partitioning = false)",
                               alm_sql_literal(l->scratch, alm_str_of(path)));
    return ALM_OK;
}

static bool has_column(const loader *l, const char *name, const char *type)
{
    for (size_t r = 0; r < l->schema.rows; r++) {
        if (alm_str_is(l->schema.columns[0].values.text[r], name)) {
            return !type || alm_str_is(l->schema.columns[1].values.text[r], type);
        }
    }
    return false;
}

/* "q05" is .05, "q97_5" .975, "q99_99" .9999. */
static bool quantile_level(alm_str name, double *out)
{
    int64_t whole = 0;
    int64_t rest = 0;
    alm_str digits = {name.data + 1, name.size ? name.size - 1 : 0};
    if (name.size < 3 || name.data[0] != 'q' ||
        !alm_str_to_i64((alm_str){digits.data, 2}, &whole) || whole < 0) {
        return false;
    }
    if (digits.size > 2) {
        alm_str behind = {digits.data + 3, digits.size - 3};
        if (digits.data[2] != '_' || behind.size < 1 || behind.size > 2 ||
            !alm_str_to_i64(behind, &rest) || rest < 0) {
            return false;
        }
        rest *= behind.size == 1 ? 10 : 1;
    }
    *out = (double)(whole * 100 + rest) / 10000;
    return true;
}

static alm_err collect_quantiles(loader *l)
{
    for (size_t r = 0; r < l->schema.rows; r++) {
        alm_str name = l->schema.columns[0].values.text[r];
        double level;
        if (!quantile_level(name, &level)) {
            continue;
        }
        if (l->quantiles == ALM_COMMITTED_QUANTILES_MAX) {
            return fail_run(l, "it has more quantiles than are known to us");
        }
        size_t at = l->quantiles++;
        for (; at > 0 && l->quantile[at - 1].level > level; at--) {
            l->quantile[at] = l->quantile[at - 1];
        }
        l->quantile[at] =
            (quantile_column){alm_arena_copy_text(l->scratch, name.data, name.size), level};
    }
    return ALM_OK;
}

static alm_err read_schema(loader *l)
{
    static const char *const NEEDED[][2] = {
        {"node", "VARCHAR"}, {"level", "VARCHAR"}, {"run_id", "VARCHAR"}, {"mean", "DOUBLE"},
        {"base_mean", "DOUBLE"}, {"forecast_horizon", "INTEGER"}};
    const char *statement =
        alm_arena_printf(l->scratch, "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM "
                         "%s)", l->from);
    ALM_TRY(alm_sql_collect(l->sql, statement, COLUMNS_MAX, l->scratch, &l->schema, l->error));
    for (size_t i = 0; i < sizeof(NEEDED) / sizeof(NEEDED[0]); i++) {
        if (!has_column(l, NEEDED[i][0], NEEDED[i][1])) {
            return alm_fail(l->error, ALM_ERR_CORRUPT,
                            "fan file of run " ALM_STR_FMT " has no column %s of type %s",
                            ALM_STR_ARG(l->entry->run_id), NEEDED[i][0], NEEDED[i][1]);
        }
    }
    l->has_lines = has_column(l, "explanation", NULL);
    return collect_quantiles(l);
}

/* ---- what the file says as a whole ---- */

/* "min(x)", or a null where the file has no such column. */
static const char *constant_term(loader *l, const char *name)
{
    return has_column(l, name, "VARCHAR") ? alm_arena_printf(l->scratch, "min(%s)", name)
                                          : "NULL::VARCHAR";
}

static const char *summary(loader *l)
{
    char day[ALM_DATE_TEXT_BYTES];
    alm_date_text(l->entry->prediction_date, day);
    const char *lines = l->has_lines ? "len(explanation)" : "NULL::BIGINT";
    const char *stock = has_column(l, "stockout_probability", "DOUBLE") &&
                                has_column(l, "expected_days_to_stockout", "DOUBLE") &&
                                has_column(l, "expected_shortfall", "DOUBLE")
                            ? "count(stockout_probability)" : "0::BIGINT";
    const char *days = has_column(l, "target_date", "DATE")
                           ? alm_arena_printf(l->scratch,
                                              "count(*) FILTER (target_date IS DISTINCT FROM "
                                              "DATE '%s' + (forecast_horizon - 1))", day)
                           : "0::BIGINT";
    return alm_arena_printf(
        l->scratch,
        "SELECT count(*), min(forecast_horizon)::BIGINT, max(forecast_horizon)::BIGINT, "
        "COALESCE(max(%s), 0)::BIGINT, COALESCE(sum(%s), 0)::BIGINT, %s, %s, "
        "count(*) FILTER (run_id IS DISTINCT FROM %s), %s, %s, %s, %s FROM %s",
        lines, lines, stock, days, alm_sql_literal(l->scratch, l->entry->run_id),
        constant_term(l, "feature_version"), constant_term(l, "training_run_id"),
        constant_term(l, "snapshot_id"), constant_term(l, "release_hash"), l->from);
}

static alm_str keep(alm_committed_run *run, alm_str text)
{
    return (alm_str){alm_arena_copy_text(run->arena, text.data, text.size), text.size};
}

static alm_str text_of(const loader *l, const alm_table *row, size_t column)
{
    const alm_column *c = &row->columns[column];
    return alm_column_is_valid(c, 0) ? keep(l->run, c->values.text[0]) : (alm_str){0};
}

static alm_err take_facts(loader *l, const alm_table *row)
{
    enum { ROWS, FIRST, LAST, LINES_MAX, LINES, STOCK, DAYS, FOREIGN, FEATURES, TRAINING, SNAPSHOT,
           RELEASE };
    int64_t number[FEATURES];
    for (size_t i = 0; i < FEATURES; i++) {
        const alm_column *c = &row->columns[i];
        number[i] = alm_column_is_valid(c, 0) ? c->values.i64[0] : 0;
    }
    alm_committed_facts *facts = &l->run->facts;
    l->rows = number[ROWS];
    if (l->rows <= 0 || number[FIRST] != 1 || number[LAST] > ALM_COMMITTED_STEPS_MAX ||
        l->rows % number[LAST] != 0 || l->rows / number[LAST] > NODES_MAX) {
        return fail_run(l, "its rows are not a number of nodes with the same steps");
    }
    if (number[FOREIGN] != 0 || number[DAYS] != 0) {
        return fail_run(l, number[DAYS] ? "a step is not of its day" : "rows are of another run");
    }
    if (number[LINES_MAX] > ALM_COMMITTED_LINES_MAX || number[LINES] > UINT32_MAX) {
        return fail_run(l, "its explanations have more lines than are known to us");
    }
    l->lines_max = (size_t)number[LINES_MAX];
    l->lines = number[LINES];
    l->has_lines = l->has_lines && l->lines > 0;
    l->has_stock = number[STOCK] > 0;
    facts->steps = (int32_t)number[LAST];
    facts->nodes = (size_t)(l->rows / number[LAST]);
    facts->feature_version = text_of(l, row, FEATURES);
    facts->training_run_id = text_of(l, row, TRAINING);
    facts->release_hash = text_of(l, row, RELEASE);
    facts->snapshot_id = text_of(l, row, SNAPSHOT);
    return ALM_OK;
}

static void take_entry(loader *l)
{
    const alm_catalog_run *entry = l->entry;
    alm_committed_facts *facts = &l->run->facts;
    facts->run_id = keep(l->run, entry->run_id);
    facts->schedule = keep(l->run, entry->schedule);
    facts->model_version = keep(l->run, entry->model_version);
    facts->prediction_date = entry->prediction_date;
    facts->prediction_timestamp = alm_instant_of_date(entry->prediction_date);
    facts->committed = entry->commit->timestamp;
    facts->version = entry->commit->version;
    facts->manifest = entry->commit->manifest;
    if (facts->snapshot_id.size == 0) {
        facts->snapshot_id = keep(l->run, entry->snapshot_id);
    }
    double *level = ALM_NEW_ARRAY(l->run->arena, double, l->quantiles);
    for (size_t q = 0; q < l->quantiles; q++) {
        level[q] = l->quantile[q].level;
    }
    facts->quantile = l->quantiles ? level : NULL;
    facts->quantiles = l->quantiles;
}

/* ---- memory ---- */

static alm_err allocate(loader *l, size_t size, void *slot)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(l->run->arena, size, &memory, l->error));
    memcpy(slot, &memory, sizeof(memory));
    return ALM_OK;
}

static uint64_t bytes_wanted(const loader *l)
{
    uint64_t rows = (uint64_t)l->rows;
    uint64_t numbers = 2 + l->quantiles + (l->has_stock ? 3 : 0);
    uint64_t lines = l->has_lines ? rows * 5 + (uint64_t)l->lines * 12 : 0;
    const alm_project *project = l->options->project;
    uint64_t tree = l->run->facts.nodes * (4 * (project ? project->level_count + 1 : 0) + 9);
    uint64_t tables = ALMI_LEVELS_MAX + ALMI_METHODS_MAX + (l->has_lines ? ALMI_FEATURES_MAX : 1);
    /* Names of 32 bytes with their slots; longer ones are few. */
    return rows * numbers * 8 + lines + l->run->facts.nodes * (32 + 16 + 16 + 18) + tables * 32 +
           tree;
}

static alm_err allocate_columns(loader *l)
{
    alm_committed_run *run = l->run;
    size_t rows = (size_t)l->rows;
    size_t nodes = run->facts.nodes;
    size_t column = rows * sizeof(double);
    uint64_t limit = l->options->memory_limit_bytes;
    if (limit > 0 && bytes_wanted(l) > limit) {
        return alm_fail(l->error, ALM_ERR_LIMIT,
                        "run " ALM_STR_FMT " needs %llu MiB of memory to be served, the limit is "
                        "%llu MiB", ALM_STR_ARG(l->entry->run_id),
                        (unsigned long long)(bytes_wanted(l) >> 20) + 1,
                        (unsigned long long)limit >> 20);
    }
    ALM_TRY(allocate(l, nodes * sizeof(uint16_t), &run->method));
    ALM_TRY(allocate(l, nodes * sizeof(alm_str), &run->fallback));
    ALM_TRY(allocate(l, column, &run->mean));
    ALM_TRY(allocate(l, column, &run->base_mean));
    if (l->quantiles > 0) {
        ALM_TRY(allocate(l, column * l->quantiles, &run->quantile));
    }
    if (l->has_stock) {
        ALM_TRY(allocate(l, column, &run->probability));
        ALM_TRY(allocate(l, column, &run->days));
        ALM_TRY(allocate(l, column, &run->shortfall));
    }
    if (l->has_lines) {
        ALM_TRY(allocate(l, rows * sizeof(uint32_t), &run->line_first));
        ALM_TRY(allocate(l, rows, &run->line_count));
        ALM_TRY(allocate(l, (size_t)l->lines * sizeof(uint32_t), &run->line_feature));
        ALM_TRY(allocate(l, (size_t)l->lines * sizeof(double), &run->line_contribution));
    }
    ALM_TRY(almi_dictionary_init(&run->nodes, nodes, run->arena, l->error));
    ALM_TRY(almi_dictionary_init(&run->levels, ALMI_LEVELS_MAX, run->arena, l->error));
    ALM_TRY(almi_dictionary_init(&run->methods, ALMI_METHODS_MAX, run->arena, l->error));
    size_t features = l->has_lines ? ALMI_FEATURES_MAX : 1;
    ALM_TRY(almi_dictionary_init(&run->features, features, run->arena, l->error));
    void *filled = NULL;
    ALM_TRY(alm_arena_try_alloc(l->scratch, rows, &filled, l->error));
    l->filled = filled;
    return ALM_OK;
}

/* ---- rows ---- */

enum { NODE, LEVEL, STEP, METHOD, FALLBACK, MEAN }; /* then base mean, quantiles, stock, lines */

static const char *select_rows(loader *l)
{
    const char *list = alm_arena_printf(
        l->scratch, "node, level, forecast_horizon::BIGINT, %s, %s, mean, base_mean",
        has_column(l, "method", "VARCHAR") ? "method" : "NULL::VARCHAR",
        has_column(l, "fallback", "VARCHAR") ? "fallback" : "NULL::VARCHAR");
    for (size_t q = 0; q < l->quantiles; q++) {
        list = alm_arena_printf(l->scratch, "%s, %s", list, l->quantile[q].name);
    }
    if (l->has_stock) {
        list = alm_arena_printf(l->scratch, "%s, stockout_probability, expected_days_to_stockout, "
                                "expected_shortfall", list);
    }
    if (l->has_lines) {
        list = alm_arena_printf(l->scratch, "%s, COALESCE(len(explanation), 0)::BIGINT", list);
    }
    for (size_t i = 1; l->has_lines && i <= l->lines_max; i++) {
        list = alm_arena_printf(l->scratch,
                                "%s, explanation[%zu].feature, explanation[%zu].contribution", list,
                                i, i);
    }
    return alm_arena_printf(l->scratch, "SELECT %s FROM %s", list, l->from);
}

static alm_err take_number(loader *l, const alm_column *column, size_t row, double *out)
{
    bool valid = alm_column_is_valid(column, row);
    double value = valid ? column->values.f64[row] : (double)NAN;
    if (valid && !isfinite(value)) {
        return fail_run(l, "a number is not finite");
    }
    *out = value;
    return ALM_OK;
}

static alm_str cell(const alm_column *column, size_t row)
{
    return alm_column_is_valid(column, row) ? column->values.text[row] : (alm_str){0};
}

/* Number of the row's node, which is new when none had its name; what a node has once is the same
 * in all of its rows. */
static alm_err take_node(loader *l, const alm_table *table, size_t row, size_t *out)
{
    alm_committed_run *run = l->run;
    char key[ALMI_NODE_NAME_BYTES_MAX];
    size_t before = run->nodes.count;
    uint32_t level = almi_dictionary_add(&run->levels, cell(&table->columns[LEVEL], row));
    uint32_t method = almi_dictionary_add(&run->methods, cell(&table->columns[METHOD], row));
    if (level == UINT32_MAX || method == UINT32_MAX) {
        return fail_run(l, "it has more levels or methods than are known to us");
    }
    size_t size = almi_node_key(level, cell(&table->columns[NODE], row), key);
    uint32_t node = size ? almi_dictionary_add(&run->nodes, (alm_str){key, size}) : UINT32_MAX;
    if (node == UINT32_MAX) {
        return fail_run(l, size ? "a node has not every step" : "the name of a node is too long");
    }
    alm_str fallback = cell(&table->columns[FALLBACK], row);
    if (run->nodes.count > before) {
        run->method[node] = (uint16_t)method;
        run->fallback[node] = fallback.size ? keep(run, fallback) : (alm_str){0};
    } else if (run->method[node] != method || !alm_str_equal(run->fallback[node], fallback)) {
        return fail_run(l, "a node has steps of several methods or fallbacks");
    }
    *out = node;
    return ALM_OK;
}

static alm_err take_lines(loader *l, const alm_column *column, size_t row, size_t at)
{
    alm_committed_run *run = l->run;
    int64_t count = column[0].values.i64[row];
    if (count < 0 || (size_t)count > l->lines_max ||
        l->line_count + (size_t)count > (size_t)l->lines) {
        return fail_run(l, "its explanations changed while it was read");
    }
    run->line_first[at] = (uint32_t)l->line_count;
    run->line_count[at] = (uint8_t)count;
    for (size_t i = 0; i < (size_t)count; i++, l->line_count++) {
        double value;
        uint32_t feature = almi_dictionary_add(&run->features, cell(&column[1 + 2 * i], row));
        ALM_TRY(take_number(l, &column[2 + 2 * i], row, &value));
        if (feature == UINT32_MAX || isnan(value)) {
            return fail_run(l, "a line of an explanation has no number, or there are too many "
                            "features");
        }
        run->line_feature[l->line_count] = feature;
        run->line_contribution[l->line_count] = value;
    }
    return ALM_OK;
}

static alm_err take_row(loader *l, const alm_table *table, size_t row)
{
    alm_committed_run *run = l->run;
    const alm_column *column = table->columns;
    size_t steps = (size_t)run->facts.steps;
    size_t node = 0;
    ALM_TRY(take_node(l, table, row, &node));
    int64_t step = column[STEP].values.i64[row] - 1; /* within bounds by the summary */
    size_t at = node * steps + (size_t)step;
    if (step < 0 || (size_t)step >= steps || l->filled[at]++) {
        return fail_run(l, "a node has a step twice");
    }
    column += MEAN;
    ALM_TRY(take_number(l, column++, row, &run->mean[at]));
    ALM_TRY(take_number(l, column++, row, &run->base_mean[at]));
    if (isnan(run->mean[at])) {
        return fail_run(l, "a mean is missing");
    }
    for (size_t q = 0; q < l->quantiles; q++) {
        double *place = &run->quantile[(node * l->quantiles + q) * steps + (size_t)step];
        ALM_TRY(take_number(l, column++, row, place));
    }
    if (l->has_stock) {
        ALM_TRY(take_number(l, column++, row, &run->probability[at]));
        ALM_TRY(take_number(l, column++, row, &run->days[at]));
        ALM_TRY(take_number(l, column++, row, &run->shortfall[at]));
    }
    return l->has_lines ? take_lines(l, column, row, at) : ALM_OK;
}

static alm_err read_rows(loader *l)
{
    alm_sql_cursor *cursor = NULL;
    alm_arena *batch = alm_arena_create(0);
    int64_t rows = 0;
    alm_table table = {.rows = 1};
    alm_err code = alm_sql_query(l->sql, select_rows(l), &cursor, l->error);
    while (code == ALM_OK && table.rows > 0) {
        alm_arena_reset(batch);
        code = alm_sql_next(cursor, batch, &table, l->error);
        for (size_t r = 0; code == ALM_OK && r < table.rows; r++, rows++) {
            code = take_row(l, &table, r);
        }
    }
    alm_sql_cursor_close(cursor);
    alm_arena_destroy(batch);
    /* No place was filled twice, so with all rows there every place is filled. */
    if (code == ALM_OK && rows != l->rows) {
        return fail_run(l, "rows are missing");
    }
    return code;
}

/* ---- loading ---- */

/* What sample paths are made of. Without it everything else is answered. */
static void load_paths(loader *l, const alm_run_stores *stores)
{
    alm_committed_run *run = l->run;
    uint64_t limit = l->options->memory_limit_bytes;
    uint64_t left = limit > run->facts.bytes ? limit - run->facts.bytes : 0;
    alm_error reason;
    alm_err code = alm_path_file_of_run(stores->objects, &l->entry->commit->manifest,
                                        limit ? left : PATH_BYTES_MAX, &run->paths, &reason);
    if (code == ALM_OK) {
        run->facts.bytes += alm_path_file_bytes(run->paths);
        return;
    }
    run->paths_code = code == ALM_ERR_UNSUPPORTED ? code : ALM_ERR_UNAVAILABLE;
    run->paths_problem = alm_str_of(alm_arena_printf(run->arena, "run " ALM_STR_FMT ": %s",
                                                     ALM_STR_ARG(l->entry->run_id),
                                                     reason.message));
}

static alm_err load(loader *l, const alm_run_stores *stores)
{
    alm_table row;
    ALM_TRY(locate(l, stores));
    /* One thread: nothing else may take the cores of the workers. */
    alm_sql_options options = {.threads = 1,
                               .memory_limit_bytes = l->options->engine_memory_bytes,
                               .scratch_directory = l->options->scratch_directory};
    ALM_TRY(alm_sql_open(&options, &l->sql, l->error));
    ALM_TRY(read_schema(l));
    ALM_TRY(alm_sql_collect(l->sql, summary(l), 1, l->scratch, &row, l->error));
    ALM_TRY(take_facts(l, &row));
    take_entry(l);
    ALM_TRY(allocate_columns(l));
    ALM_TRY(read_rows(l));
    almi_tree_source tree = {l->options->project, stores, l->sql, l->scratch};
    ALM_TRY(almi_node_tree_build(&tree, l->run, l->error));
    l->run->facts.bytes = alm_arena_used_bytes(l->run->arena);
    load_paths(l, stores);
    return ALM_OK;
}

alm_err alm_committed_run_load(const alm_run_stores *stores, const alm_catalog_run *entry,
                               const alm_committed_load *options, alm_committed_run **out,
                               alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_committed_run *run = ALM_NEW(arena, alm_committed_run);
    run->arena = arena;
    atomic_init(&run->references, 1);
    loader l = {.entry = entry, .options = options, .run = run,
                .scratch = alm_arena_create(0), .error = error};
    alm_err code = load(&l, stores);
    alm_sql_close(l.sql);
    alm_arena_destroy(l.scratch);
    if (code != ALM_OK) {
        alm_committed_run_unref(run);
        return code;
    }
    *out = run;
    return ALM_OK;
}
