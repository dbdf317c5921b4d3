#include "batch/run.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "batch/batch_fixture.h"
#include "batch/verify.h"
#include "decide/stockout.h"
#include "num/quantile.h"
#include "pipeline/paths/path_file.h"
#include "table/sql.h"

static alm_err run(shop *s, alm_run_result *out)
{
    s->f->error = (alm_error){0};
    return alm_run(&s->f->env, &s->options, s->f->arena, out, &s->f->error);
}

static alm_run_result must_run(shop *s)
{
    alm_run_result result = {0};
    alm_err code = run(s, &result);
    if (code != ALM_OK) {
        fail_msg("%s", s->f->error.message);
    }
    assert_string_equal(s->f->error.message, "");
    return result;
}

/* Path and size of every file below `path`, in order. */
static void describe_tree(fixture *f, const char *path, alm_buffer *out)
{
    alm_fs_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(f->fs->ops->list(f->fs, path, f->arena, &entries, &count, &f->error), ALM_OK);
    for (size_t i = 0; i < count; i++) {
        const char *child = alm_path_join(f->arena, path, entries[i].name);
        if (entries[i].kind == ALM_FS_DIRECTORY) {
            describe_tree(f, child, out);
            continue;
        }
        alm_fs_stat stat;
        assert_int_equal(f->fs->ops->stat(f->fs, child, &stat, &f->error), ALM_OK);
        alm_buffer_printf(out, "%s %llu\n", child, (unsigned long long)stat.size_bytes);
    }
}

static const char *tree(shop *s)
{
    alm_buffer out = {0};
    describe_tree(s->f, s->f->project->state, &out);
    return fixture_keep(s->f->arena, &out).data;
}

static size_t runs_in_table(shop *s)
{
    alm_predictions *table = NULL;
    const alm_predictions_commit *commits = NULL;
    size_t count = 0;
    size_t runs = 0;
    const char *root = alm_path_join(s->f->arena, s->f->project->state, "predictions");
    assert_int_equal(alm_predictions_open(s->f->fs, root, &table, &s->f->error), ALM_OK);
    assert_int_equal(alm_predictions_list(table, &commits, &count, &s->f->error), ALM_OK);
    for (size_t i = 0; i < count; i++) {
        runs += commits[i].is_run;
    }
    alm_predictions_close(table);
    return runs;
}

static size_t runs_in_registry(shop *s)
{
    alm_batch_run_filter all = {0};
    alm_batch_run *runs = NULL;
    size_t count = 0;
    assert_int_equal(alm_registry_list_batch_runs(s->registry, &all, s->f->arena, &runs, &count,
                                                  &s->f->error), ALM_OK);
    return count;
}

static void expect_no_scratch(shop *s)
{
    const char *path = alm_path_join(s->f->arena, s->f->project->state, "scratch");
    alm_fs_entry *entries = NULL;
    size_t count = 0;
    if (alm_fs_exists(s->f->fs, path)) {
        assert_int_equal(s->f->fs->ops->list(s->f->fs, path, s->f->arena, &entries, &count, NULL),
                         ALM_OK);
    }
    assert_int_equal(count, 0);
}

/* Every hash from the data files to the ledger. */
static void expect_verified(shop *s)
{
    alm_read_stores stores = {.predictions = s->predictions, .objects = s->f->objects,
                              .registry = s->registry};
    alm_verify_report report;
    const char *root = alm_path_join(s->f->arena, s->f->project->state, "predictions");
    assert_int_equal(alm_verify_predictions(s->f->fs, root, &stores, s->f->arena, &report,
                                            &s->f->error), ALM_OK);
    if (alm_verify_status(&report, &s->f->error) != ALM_OK) {
        fail_msg("%s", s->f->error.message);
    }
}

/* The Parquet files of a run as SQL: the fan as 'path', the steps as ['path', ...]. */
static void files_of(shop *s, alm_str run_key, const char **fan, const char **steps)
{
    fixture *f = s->f;
    const alm_predictions_commit *commit = alm_predictions_find(s->predictions, run_key);
    alm_str text;
    alm_json_document *manifest = NULL;
    assert_int_equal(alm_objects_get(f->objects, &commit->manifest, 1 << 20, f->arena, &text,
                                     &f->error), ALM_OK);
    assert_int_equal(alm_json_parse(text, "manifest", &manifest, &f->error), ALM_OK);
    alm_str object = {0};
    alm_digest digest;
    assert_true(alm_json_as_str(alm_json_member(alm_json_root(manifest), "fan_object"), &object));
    assert_true(alm_digest_parse(object, &digest));
    alm_json_document_destroy(manifest);
    const char *path = NULL;
    assert_int_equal(alm_objects_locate(f->objects, &digest, f->arena, &path, &f->error), ALM_OK);
    *fan = alm_sql_literal(f->arena, alm_str_of(path));
    *steps = "[";
    for (size_t i = 0; i < commit->files; i++) {
        path = alm_predictions_path(s->predictions, &commit->file[i], f->arena);
        *steps = alm_arena_printf(f->arena, "%s%s%s", *steps, i ? ", " : "",
                                  alm_sql_literal(f->arena, alm_str_of(path)));
    }
    *steps = alm_arena_printf(f->arena, "%s]", *steps);
}

/* The fan has exactly the rows of the steps, by node and step; a step's rows are by node. */
static void the_fan_is_the_steps_by_node(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    alm_run_result result = must_run(&s);
    fixture *f = s.f;
    alm_sql *sql = NULL;
    const char *fan = NULL;
    const char *steps = NULL;
    files_of(&s, result.run_key, &fan, &steps);
    assert_int_equal(alm_sql_open(&(alm_sql_options){.threads = 1}, &sql, &f->error), ALM_OK);
    char *tables = alm_arena_printf(
        f->arena, "CREATE TABLE fan AS SELECT row_number() OVER () AS nth, * FROM "
        "read_parquet(%s); CREATE TABLE steps AS SELECT * FROM "
        "read_parquet(%s, hive_partitioning = false, file_row_number = true)", fan, steps);
    assert_int_equal(alm_sql_run(sql, tables, &f->error), ALM_OK);
    static const char *const COUNTS[] = {
        "SELECT count(*) FROM fan",
        "SELECT count(*) FROM steps",
        "SELECT count(*) FROM (SELECT * EXCLUDE (nth, forecast_horizon) FROM fan INTERSECT ALL "
        "SELECT * EXCLUDE (file_row_number) FROM steps)",
        "SELECT count(*) FROM fan WHERE target_date = DATE '2023-06-11' + forecast_horizon - 1",
        "SELECT count(*) FROM (SELECT nth, row_number() OVER (ORDER BY node, forecast_horizon) AS "
        "place FROM fan) WHERE nth = place",
        "SELECT count(*) FROM (SELECT file_row_number AS nth, row_number() OVER (PARTITION BY "
        "target_date ORDER BY node) - 1 AS place FROM steps) WHERE nth = place"};
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
        int64_t rows = -1;
        assert_int_equal(alm_sql_i64(sql, COUNTS[i], &rows, &f->error), ALM_OK);
        if (rows != result.rows) {
            fail_msg("%s: %lld", COUNTS[i], (long long)rows);
        }
    }
    alm_sql_close(sql);
    shop_close(&s);
}

/* What a reader of one node makes again from the committed run is what the run published. */
static void expect_rows_of_paths(shop *s, alm_str run_key)
{
    fixture *f = s->f;
    const char *fan = NULL;
    const char *steps = NULL;
    files_of(s, run_key, &fan, &steps);
    const char *select = alm_arena_printf(
        f->arena, "SELECT node, forecast_horizon::BIGINT, mean, q05, q10, q50, q90, q95, "
        "stockout_probability FROM read_parquet(%s)", fan);
    static const double LEVELS[] = {.05, .1, .5, .9, .95};
    const alm_predictions_commit *commit = alm_predictions_find(s->predictions, run_key);
    alm_path_file *file = NULL;
    alm_sql *sql = NULL;
    alm_table rows;
    assert_int_equal(alm_path_file_of_run(f->objects, &commit->manifest, 1 << 24, &file,
                                          &f->error), ALM_OK);
    assert_int_equal(alm_sql_open(&(alm_sql_options){.threads = 1}, &sql, &f->error), ALM_OK);
    assert_int_equal(alm_sql_collect(sql, select, 10000, f->arena, &rows, &f->error), ALM_OK);
    assert_int_equal(rows.rows, 50 * SYNTHETIC_HORIZON);
    for (size_t r = 0; r < rows.rows; r++) {
        alm_arena *arena = alm_arena_create(0);
        alm_node_paths paths;
        assert_int_equal(alm_paths_of_node(file, rows.columns[0].values.text[r], arena, &paths,
                                           &f->error), ALM_OK);
        size_t h = (size_t)rows.columns[1].values.i64[r] - 1;
        assert_true(rows.columns[2].values.f64[r] == paths.mean[h]);
        double *column = ALM_NEW_ARRAY(arena, double, paths.paths);
        for (size_t p = 0; p < paths.paths; p++) {
            column[p] = paths.values[p * paths.steps + h];
        }
        alm_sort_doubles(column, paths.paths);
        for (size_t k = 0; k < 5; k++) {
            assert_true(rows.columns[3 + k].values.f64[r] ==
                        alm_quantile_sorted(column, paths.paths, LEVELS[k]));
        }
        if (paths.has_stock) {
            alm_stockout_risk risk = {.probability = ALM_NEW_ARRAY(arena, double, paths.steps),
                                 .shortfall = ALM_NEW_ARRAY(arena, double, paths.steps)};
            alm_stockout_of_paths(paths.values, paths.paths, paths.steps, paths.on_hand,
                                  paths.receipts, &risk);
            assert_true(rows.columns[8].values.f64[r] == risk.probability[h]);
        }
        alm_arena_destroy(arena);
    }
    alm_sql_close(sql);
    alm_path_file_close(file);
}

static void a_node_can_be_asked_for_its_paths(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    expect_rows_of_paths(&s, must_run(&s).run_key);
    alm_method method = synthetic_method(20);
    method.weight[ALM_CLASS_aggregate] = .5; /* with reconciliation */
    shop_release(&s, &method);
    shop_note(&s, ALM_LEDGER_APPROVE, "demand-2", NULL);
    s.options.release = ALM_STR("demand-2");
    expect_rows_of_paths(&s, must_run(&s).run_key);
    expect_verified(&s);
    shop_close(&s);
}

/* A registered snapshot of the same window over restated sales. */
static void restate(shop *s, alm_snapshot *out)
{
    synthetic_write_sales(s->f, &(synthetic_options){.poison_from = SYNTHETIC_DAYS - 2});
    *out = synthetic_take(s->f, SYNTHETIC_END);
    alm_registry_close(synthetic_registry(s->f, out));
}

static void a_second_run_changes_nothing(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    alm_run_result first = must_run(&s);
    assert_false(first.already_committed);
    assert_true(alm_str_is(first.model_version, "demand-1"));
    assert_int_equal(first.version, 1);
    assert_int_equal(first.leaves, SYNTHETIC_SERIES);
    assert_int_equal(first.aggregates, 10);
    assert_int_equal(first.files, SYNTHETIC_HORIZON);
    assert_int_equal(first.rows, 50 * SYNTHETIC_HORIZON);
    assert_int_equal(first.fallbacks, 2); /* the new one and the one that never sold */
    assert_int_equal(runs_in_table(&s), 1);
    assert_int_equal(runs_in_registry(&s), 1);
    expect_no_scratch(&s);
    expect_verified(&s);
    const char *before = tree(&s);
    synthetic_threads(s.f, 3);
    alm_run_result second = must_run(&s);
    assert_true(second.already_committed);
    assert_int_equal(second.version, first.version);
    assert_true(alm_str_equal(second.run_id, first.run_id));
    assert_true(alm_str_equal(second.run_key, first.run_key));
    assert_string_equal(tree(&s), before);
    s.options.release = ALM_STR("demand-1"); /* by its name instead of the alias: the same run */
    assert_true(must_run(&s).already_committed);
    shop_close(&s);
}

/* Data files have the hash of their bytes as names: equal trees are equal bytes. */
static void threads_do_not_change_a_byte(void **state)
{
    const char *trees[2] = {NULL, NULL};
    alm_arena *arena = alm_arena_create(0);
    for (int k = 0; k < 2; k++) {
        void *one = *state;
        if (k) {
            synthetic_setup(&one);
        }
        shop s;
        synthetic_threads(one, k ? 3 : 1);
        shop_open(one, NULL, &s);
        alm_run_result result = must_run(&s);
        const alm_predictions_commit *commit = alm_predictions_find(s.predictions, result.run_key);
        alm_buffer out = {0};
        for (size_t i = 0; i < commit->files; i++) {
            alm_buffer_str(&out, commit->file[i].path);
            alm_buffer_text(&out, "\n");
        }
        char manifest[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(&commit->manifest, manifest);
        alm_buffer_text(&out, manifest);
        trees[k] = fixture_keep(arena, &out).data;
        shop_close(&s);
        if (k) {
            fixture_teardown(&one);
        }
    }
    assert_string_equal(trees[0], trees[1]);
    alm_arena_destroy(arena);
}

static void other_data_for_the_date_must_supersede(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    alm_run_result first = must_run(&s);
    alm_snapshot restated;
    restate(&s, &restated);
    assert_false(alm_str_equal(restated.id, s.snapshot.id));
    s.options.snapshot = &restated;
    const char *before = tree(&s);
    alm_run_result second;
    assert_int_equal(run(&s, &second), ALM_ERR_CONFLICT);
    assert_non_null(strstr(s.f->error.message, "is in force for 2023-06-11; replace it with "
                           "--supersede run-"));
    s.options.supersede = ALM_STR("run-0000000000000000");
    s.options.reason = ALM_STR("late sales");
    assert_int_equal(run(&s, &second), ALM_ERR_CONFLICT);
    s.options.supersede = first.run_id;
    s.options.reason = (alm_str){0};
    assert_int_not_equal(run(&s, &second), ALM_OK);
    assert_non_null(strstr(s.f->error.message, "reason"));
    assert_string_equal(tree(&s), before);
    s.options.reason = ALM_STR("late sales");
    second = must_run(&s);
    assert_int_equal(second.version, 2);
    assert_false(alm_str_equal(second.run_id, first.run_id));
    assert_int_equal(runs_in_table(&s), 2); /* history stays */
    alm_batch_run_filter current = {.current_only = true};
    alm_batch_run *runs = NULL;
    size_t count = 0;
    assert_int_equal(alm_registry_list_batch_runs(s.registry, &current, s.f->arena, &runs, &count,
                                                  &s.f->error), ALM_OK);
    assert_int_equal(count, 1);
    assert_true(alm_str_equal(runs[0].run_id, second.run_id));
    assert_true(alm_str_equal(runs[0].supersedes, first.run_id));
    assert_true(alm_str_is(runs[0].reason, "late sales"));
    expect_verified(&s);
    shop_close(&s);
}

static void expect_incomplete(fixture *f, const synthetic_options *options, const char *message)
{
    shop s;
    shop_open(f, options, &s);
    const char *before = tree(&s);
    alm_run_result result;
    assert_int_equal(run(&s, &result), ALM_ERR_INCOMPLETE);
    assert_string_equal(f->error.message, message);
    assert_string_equal(tree(&s), before);
    shop_close(&s);
}

static void short_sales_are_named(void **state)
{
    expect_incomplete(*state, &(synthetic_options){.days = SYNTHETIC_DAYS - 2},
                      "source sales ends on 2023-06-08; a run for this prediction date needs it to "
                      "2023-06-10: take a snapshot with the missing days");
}

static void a_short_calendar_is_named(void **state)
{
    expect_incomplete(*state, &(synthetic_options){.calendar_short = true},
                      "source calendar has no row for 2023-06-11, which is needed (160 days and 14 "
                      "ahead): add it and take a new snapshot");
}

static void dates_and_approval_are_checked(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    alm_run_result result;
    s.options.prediction_date++;
    assert_int_equal(run(&s, &result), ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(s.f->error.message, "holds [2023-01-02, 2023-06-11); a run for "
                           "2023-06-12 needs every day before it"));
    s.options.prediction_date--;
    alm_method method = synthetic_method(8);
    shop_release(&s, &method);
    s.options.release = ALM_STR("demand-2");
    assert_int_equal(run(&s, &result), ALM_ERR_DENIED);
    assert_non_null(strstr(s.f->error.message, "release demand-2 is not approved"));
    s.options.dry_run = true; /* trying it is allowed */
    assert_int_equal(must_run(&s).version, -1);
    s.options.dry_run = false;
    s.options.release = ALM_STR("latest");
    assert_int_equal(run(&s, &result), ALM_ERR_INVALID); /* nothing is implicit */
    assert_int_equal(runs_in_table(&s), 0);
    shop_close(&s);
}

static void a_dry_run_writes_nothing(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    const char *before = tree(&s);
    s.options.dry_run = true;
    alm_run_result result = must_run(&s);
    assert_int_equal(result.version, -1);
    assert_int_equal(result.leaves, SYNTHETIC_SERIES);
    assert_int_equal(result.rows, 50 * SYNTHETIC_HORIZON);
    assert_string_equal(tree(&s), before);
    assert_int_equal(runs_in_registry(&s), 0);
    shop_close(&s);
}

/* The registry as it was before the run: what is found after a crash behind the table's commit. */
static void a_crash_before_the_registry_is_completed(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    fixture *f = s.f;
    const char *path = alm_path_join(f->arena, f->project->state, "registry.db");
    alm_registry_close(s.registry);
    alm_str old;
    assert_int_equal(alm_fs_read_all(f->fs, path, 1 << 24, f->arena, &old, &f->error), ALM_OK);
    assert_int_equal(alm_registry_open(path, &s.registry, &f->error), ALM_OK);
    s.options.registry = s.registry;
    alm_run_result first = must_run(&s);
    alm_registry_close(s.registry);
    assert_int_equal(alm_fs_write_all(f->fs, path, old, &f->error), ALM_OK);
    assert_int_equal(alm_registry_open(path, &s.registry, &f->error), ALM_OK);
    s.options.registry = s.registry;
    assert_int_equal(runs_in_registry(&s), 0);
    assert_int_equal(runs_in_table(&s), 1);
    const alm_snapshot *same = s.options.snapshot;
    alm_snapshot restated;
    restate(&s, &restated);
    s.options.snapshot = &restated;
    alm_run_result other; /* must not become a second run in force */
    assert_int_equal(run(&s, &other), ALM_ERR_CONFLICT);
    assert_non_null(strstr(f->error.message, "of demand-1 for 2023-06-11 was committed but not "
                           "recorded"));
    s.options.snapshot = same;
    s.options.reason = ALM_STR("after the crash"); /* this run's manifest would be another one */
    alm_run_result again = must_run(&s);
    assert_true(alm_str_equal(again.run_id, first.run_id));
    assert_int_equal(again.version, first.version);
    assert_int_equal(runs_in_table(&s), 1);
    assert_int_equal(runs_in_registry(&s), 1);
    alm_batch_run row;
    assert_int_equal(alm_registry_get_batch_run(s.registry, first.run_id, f->arena, &row,
                                                &f->error), ALM_OK);
    const alm_predictions_commit *commit = alm_predictions_find(s.predictions, first.run_key);
    assert_memory_equal(&row.manifest, &commit->manifest, sizeof row.manifest);
    expect_verified(&s);
    expect_no_scratch(&s);
    shop_close(&s);
}

/* Another process that runs over other data while the run of the test writes its files. */
typedef struct rival {
    shop *s;
    const alm_snapshot *snapshot;
    alm_str run_id;
} rival;

static void run_rival(void *context, const alm_progress *progress)
{
    rival *r = context;
    if (r->run_id.size || strcmp(progress->stage, "writing") != 0) {
        return;
    }
    fixture *f = r->s->f;
    alm_run_options options = r->s->options;
    alm_error error = {0};
    const char *path = alm_path_join(f->arena, f->project->state, "registry.db");
    const char *root = alm_path_join(f->arena, f->project->state, "predictions");
    alm_env env = {.fs = f->env.fs, .now = f->env.now, .pool = f->env.pool};
    assert_int_equal(alm_registry_open(path, &options.registry, &error), ALM_OK);
    assert_int_equal(alm_predictions_open(f->fs, root, &options.predictions, &error), ALM_OK);
    options.snapshot = r->snapshot;
    alm_run_result result;
    if (alm_run(&env, &options, f->arena, &result, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    r->run_id = result.run_id;
    alm_predictions_close(options.predictions);
    alm_registry_close(options.registry);
}

static void of_two_runs_for_a_date_one_is_committed(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    alm_snapshot restated;
    restate(&s, &restated);
    rival other = {&s, &restated, {0}};
    s.f->env.progress = run_rival;
    s.f->env.context = &other;
    alm_run_result result;
    assert_int_equal(run(&s, &result), ALM_ERR_CONFLICT);
    assert_non_null(strstr(s.f->error.message, "is in force for 2023-06-11; replace it with"));
    assert_int_equal(runs_in_table(&s), 1);
    assert_int_equal(runs_in_registry(&s), 1);
    expect_verified(&s);
    expect_no_scratch(&s);
    s.options.supersede = other.run_id;
    s.options.reason = ALM_STR("the other way round");
    assert_int_equal(must_run(&s).version, 2);
    expect_verified(&s);
    shop_close(&s);
}

/* The same run twice at once is one run. */
static void two_equal_runs_are_one(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    rival other = {&s, &s.snapshot, {0}};
    s.f->env.progress = run_rival;
    s.f->env.context = &other;
    alm_run_result result = must_run(&s);
    assert_int_equal(result.version, 1);
    assert_true(alm_str_equal(result.run_id, other.run_id));
    assert_int_equal(runs_in_table(&s), 1);
    assert_int_equal(runs_in_registry(&s), 1);
    expect_verified(&s);
    shop_close(&s);
}

/* Calls of the file system fail one after the other: the old state or the new one, no scratch. */
static void a_full_disk_leaves_the_old_state(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    fixture *f = s.f;
    alm_fs *real = f->fs;
    alm_fs *faulty = NULL;
    assert_int_equal(alm_fs_fault_create(real, &faulty, &f->error), ALM_OK);
    alm_objects *objects = NULL;
    alm_predictions_close(s.predictions);
    const char *folder = alm_path_join(f->arena, f->project->state, "objects");
    assert_int_equal(alm_objects_folder_open(faulty, folder, &objects, &f->error), ALM_OK);
    s.options.objects = objects;
    f->env.fs = faulty;
    uint32_t calls = ALM_FS_CALL_BIT(CREATE) | ALM_FS_CALL_BIT(WRITE) | ALM_FS_CALL_BIT(SYNC) |
                     ALM_FS_CALL_BIT(LINK) | ALM_FS_CALL_BIT(MAKE_DIRECTORY) |
                     ALM_FS_CALL_BIT(READ);
    size_t refused = 0;
    for (uint64_t nth = 1; nth < 4000; nth += 1 + nth / 2) {
        alm_fs_fault_set(faulty, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE});
        assert_int_equal(alm_prediction_table_open(&f->env, f->project, &s.predictions, &f->error),
                         ALM_OK);
        s.options.predictions = s.predictions;
        alm_fs_fault_set(faulty, &(alm_fs_fault){ALM_FS_FAULT_FAIL, calls, nth, NULL});
        alm_run_result result;
        alm_err code = run(&s, &result);
        bool happened = alm_fs_fault_happened(faulty);
        alm_fs_fault_set(faulty, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE});
        alm_predictions_close(s.predictions);
        s.predictions = NULL;
        expect_no_scratch(&s);
        if (!happened) {
            assert_int_equal(code, ALM_OK);
            break;
        }
        if (code == ALM_OK) { /* a failure that was rightly passed over */
            break;
        }
        refused++;
        assert_int_equal(code, ALM_ERR_IO);
        assert_non_null(strstr(f->error.message, "the disk is full"));
        bool visible = strstr(f->error.message, "the run is visible") != NULL;
        assert_int_equal(runs_in_table(&s), visible);
        assert_int_equal(runs_in_registry(&s), 0);
    }
    assert_true(refused >= 8);
    f->env.fs = real;
    s.options.objects = f->objects;
    alm_objects_close(objects);
    assert_int_equal(alm_prediction_table_open(&f->env, f->project, &s.predictions, &f->error),
                     ALM_OK);
    s.options.predictions = s.predictions;
    must_run(&s);
    assert_int_equal(runs_in_table(&s), 1);
    assert_int_equal(runs_in_registry(&s), 1);
    expect_verified(&s);
    alm_fs_destroy(faulty);
    shop_close(&s);
}

static void memory_returns(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    s.options.dry_run = true;
    size_t held = alm_heap_held_bytes();
    for (int k = 0; k < 2; k++) {
        alm_arena *arena = alm_arena_create(0);
        alm_run_result result;
        assert_int_equal(alm_run(&s.f->env, &s.options, arena, &result, &s.f->error), ALM_OK);
        alm_arena_destroy(arena);
        assert_int_equal(alm_heap_held_bytes(), held);
    }
    shop_close(&s);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_second_run_changes_nothing),
        CASE(the_fan_is_the_steps_by_node),
        CASE(a_node_can_be_asked_for_its_paths),
        CASE(threads_do_not_change_a_byte),
        CASE(other_data_for_the_date_must_supersede),
        CASE(short_sales_are_named),
        CASE(a_short_calendar_is_named),
        CASE(dates_and_approval_are_checked),
        CASE(a_dry_run_writes_nothing),
        CASE(a_crash_before_the_registry_is_completed),
        CASE(of_two_runs_for_a_date_one_is_committed),
        CASE(two_equal_runs_are_one),
        CASE(a_full_disk_leaves_the_old_state),
        CASE(memory_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
