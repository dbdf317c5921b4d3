#include "batch/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "batch/read_fixture.h"

/* Versions: 0 the table; 1 r1; 2 r2; 3 r3 supersedes r2; 4 r4 of demand-2. */
static int setup(void **state)
{
    read_fixture *f = read_fixture_create();
    const fixture_run runs[] = {
        {.run_id = "r1", .release = "demand-1", .date = "2011-12-01", .snapshot = "snapshot one",
         .has_fan = true},
        {.run_id = "r2", .release = "demand-1", .date = "2011-12-02", .snapshot = "snapshot one"},
        {.run_id = "r3", .release = "demand-1", .date = "2011-12-02", .snapshot = "snapshot two",
         .supersedes = "r2", .base_shift = 0.5},
        {.run_id = "r4", .release = "demand-2", .date = "2011-12-02",
         .snapshot = "snapshot two"}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fixture_add_run(f, &runs[i]), i + 1);
    }
    alm_ledger_entry entry;
    const alm_ledger_action actions[] = {ALM_LEDGER_COMPARE, ALM_LEDGER_APPROVE,
                                         ALM_LEDGER_PROMOTE};
    for (size_t i = 0; i < 3; i++) {
        alm_ledger_note note = {.action = actions[i], .subject = ALM_STR("demand-1"),
                                .alias = alm_str_of(i == 2 ? "production" : NULL),
                                .who = ALM_STR("anna"), .when = 10, .why = ALM_STR("test")};
        OK(f, alm_ledger_append(f->stores.registry, &note, f->arena, &entry, &f->error));
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    read_fixture_destroy(*state);
    return 0;
}

static alm_query_options asking(const char *model)
{
    return (alm_query_options){.model = alm_str_of(model), .date = ALM_DATE_NONE};
}

static alm_err collect(void *context, alm_str bytes, alm_error *error)
{
    (void)error;
    alm_buffer_str(context, bytes);
    return ALM_OK;
}

static alm_err write_text(read_fixture *f, alm_query *query, alm_query_format format, int width,
                          alm_buffer *out, int64_t *rows)
{
    alm_query_sink sink = {collect, out, width};
    return alm_query_write(query, format, &sink, rows, &f->error);
}

/* The whole answer as text in the arena. */
static const char *answer(read_fixture *f, const alm_query_options *options,
                          alm_query_format format, int64_t *rows)
{
    alm_query *query;
    alm_buffer out = {0};
    OK(f, alm_query_open(&f->stores, options, &query, &f->error));
    OK(f, write_text(f, query, format, 0, &out, rows));
    const char *text = alm_arena_copy_text(f->arena, out.data ? out.data : "", out.size);
    alm_buffer_deinit(&out);
    alm_query_close(query);
    return text;
}

static const char *run_of(read_fixture *f, const alm_query_options *options)
{
    alm_query *query;
    OK(f, alm_query_open(&f->stores, options, &query, &f->error));
    const alm_query_facts *facts = alm_query_facts_of(query);
    assert_int_equal(facts->run_count, 1);
    const char *id = alm_arena_copy_text(f->arena, facts->run_ids[0].data,
                                         facts->run_ids[0].size);
    alm_query_close(query);
    return id;
}

static alm_err open_err(read_fixture *f, alm_query_options options)
{
    alm_query *query = NULL;
    alm_err code = alm_query_open(&f->stores, &options, &query, &f->error);
    alm_query_close(query);
    return code;
}

static void demands_a_model(void **state)
{
    read_fixture *f = *state;
    REFUSED(f, ALM_ERR_USAGE, "production (alias of demand-1), demand-1, demand-2",
            open_err(f, asking(NULL)));
    REFUSED(f, ALM_ERR_NOT_FOUND, "demand-1", open_err(f, asking("demand-9")));
    REFUSED(f, ALM_ERR_INVALID, "latest", open_err(f, asking("latest")));
}

static void demands_a_date(void **state)
{
    read_fixture *f = *state;
    REFUSED(f, ALM_ERR_USAGE, "dates in force: 2011-12-02, 2011-12-01",
            open_err(f, asking("demand-1")));
    alm_query_options options = asking("demand-1");
    options.date = f->start + 30;
    REFUSED(f, ALM_ERR_NOT_FOUND, "in force for 2011-12-31", open_err(f, options));
    options.run = ALM_STR("r1");
    REFUSED(f, ALM_ERR_USAGE, "a run id says everything", open_err(f, options));
    options = asking("demand-2");
    options.run = ALM_STR("r1");
    REFUSED(f, ALM_ERR_USAGE, "run r1 is of demand-1, not of demand-2", open_err(f, options));
    options.run = ALM_STR("nothing");
    REFUSED(f, ALM_ERR_NOT_FOUND, "no run 'nothing'", open_err(f, options));
}

static void alias_is_echoed_as_its_release(void **state)
{
    read_fixture *f = *state;
    alm_query *query;
    alm_query_options options = asking("production");
    options.date = f->start;
    OK(f, alm_query_open(&f->stores, &options, &query, &f->error));
    const alm_query_facts *facts = alm_query_facts_of(query);
    assert_true(alm_str_is(facts->model_version, "demand-1"));
    assert_true(alm_str_is(facts->asked_model, "production"));
    assert_int_equal(facts->file_count, FIXTURE_STEPS);
    assert_false(facts->used_fan_file);
    alm_query_close(query);
}

static void superseded_runs_are_read_only_by_id_or_earlier(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("demand-1");
    options.date = f->start + 1;
    assert_string_equal(run_of(f, &options), "r3");
    options.as_of = ALM_STR("2");
    assert_string_equal(run_of(f, &options), "r2");
    options = asking("demand-1");
    options.run = ALM_STR("r2");
    assert_string_equal(run_of(f, &options), "r2");
}

/* Commits are one day apart, the first at 1970-01-02T00:00:01. */
static void as_of_reads_the_store_of_that_time(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("demand-1");
    options.as_of = ALM_STR("1");
    assert_string_equal(run_of(f, &options), "r1");
    options.as_of = ALM_STR("1970-01-03");
    assert_string_equal(run_of(f, &options), "r2");
    options.as_of = ALM_STR("1970-01-04T00:00:00Z");
    assert_string_equal(run_of(f, &options), "r2");
    options.as_of = ALM_STR("1970-01-04T00:00:01Z");
    assert_string_equal(run_of(f, &options), "r3");
    options.as_of = ALM_STR("99");
    REFUSED(f, ALM_ERR_NOT_FOUND, "its versions are 0 to 4", open_err(f, options));
    options.as_of = ALM_STR("yesterday");
    REFUSED(f, ALM_ERR_USAGE, "neither a version", open_err(f, options));
    options.as_of = ALM_STR("1969-12-31");
    REFUSED(f, ALM_ERR_NOT_FOUND, "was not there", open_err(f, options));
}

/* The numbers themselves, against the fixture's formula. */
static void gives_the_rows_of_the_run(void **state)
{
    read_fixture *f = *state;
    alm_query *query;
    alm_query_options options = asking("demand-1");
    options.run = ALM_STR("r3");
    OK(f, alm_query_open(&f->stores, &options, &query, &f->error));
    alm_table t;
    OK(f, alm_query_next(query, f->arena, &t, &f->error));
    assert_int_equal(t.rows, FIXTURE_NODES * FIXTURE_STEPS);
    assert_int_equal(t.column_count, 17);
    const alm_column *node = alm_table_column(&t, "node");
    const alm_column *level = alm_table_column(&t, "level");
    const alm_column *mean = alm_table_column(&t, "mean");
    const alm_column *date = alm_table_column(&t, "prediction_date");
    const alm_column *step = alm_table_column(&t, "forecast_horizon");
    const alm_column *version = alm_table_column(&t, "model_version");
    assert_int_equal(date->type, ALM_TYPE_DATE);
    assert_int_equal(step->type, ALM_TYPE_I64);
    assert_null(alm_table_column(&t, "region")); /* of the path */
    for (size_t r = 0; r < t.rows; r++) {
        size_t n = r / FIXTURE_STEPS;
        int h = (int)(r % FIXTURE_STEPS) + 1;
        assert_true(alm_str_is(node->values.text[r], fixture_nodes[n].node));
        assert_true(alm_str_is(level->values.text[r], fixture_nodes[n].level));
        assert_int_equal(step->values.i64[r], h);
        assert_int_equal(date->values.date[r], f->start + 1);
        assert_true(alm_str_is(version->values.text[r], "demand-1"));
        assert_true(mean->values.f64[r] == fixture_base(n, h) + 0.5 * (double)(n + 1));
    }
    OK(f, alm_query_next(query, f->arena, &t, &f->error));
    assert_int_equal(t.rows, 0);
    alm_query_close(query);
}

static void filters_nodes_levels_steps_columns(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("demand-1");
    alm_str nodes[] = {ALM_STR("g\"h,|UK"), ALM_STR("c'x|UK")};
    options.run = ALM_STR("r3");
    options.nodes = nodes;
    options.node_count = 2;
    options.first_step = 2;
    options.last_step = 3;
    options.columns = ALM_STR("node, forecast_horizon,mean,fallback");
    int64_t rows;
    assert_string_equal(answer(f, &options, ALM_QUERY_CSV, &rows),
                        "node,forecast_horizon,mean,fallback\n"
                        "c'x|UK,2,86,\nc'x|UK,3,87,\n"
                        "\"g\"\"h,|UK\",2,128,\n\"g\"\"h,|UK\",3,129,\n");
    assert_int_equal(rows, 4);
    options = asking("demand-1");
    options.run = ALM_STR("r3");
    options.level = ALM_STR("region");
    options.limit = 2;
    options.columns = ALM_STR("level,node,target_date");
    assert_string_equal(answer(f, &options, ALM_QUERY_CSV, NULL),
                        "level,node,target_date\nregion,France,2011-12-02\n"
                        "region,France,2011-12-03\n");
    options.columns = ALM_STR("node,men");
    REFUSED(f, ALM_ERR_INVALID, "no column 'men'; there are run_id, schedule, node",
            open_err(f, options));
    options.columns = (alm_str){0};
    options.first_step = 9;
    REFUSED(f, ALM_ERR_NOT_FOUND, "steps 9", open_err(f, options));
    options.first_step = 3;
    options.last_step = 2;
    REFUSED(f, ALM_ERR_USAGE, "steps 3 to 2", open_err(f, options));
}

static void unknown_nodes_are_an_error(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("demand-1");
    alm_str node = ALM_STR("z|UK");
    options.run = ALM_STR("r3");
    options.nodes = &node;
    options.node_count = 1;
    alm_query *query;
    alm_buffer out = {0};
    OK(f, alm_query_open(&f->stores, &options, &query, &f->error));
    REFUSED(f, ALM_ERR_NOT_FOUND, "node 'z|UK': not among the predictions of demand-1 (run r3)",
            write_text(f, query, ALM_QUERY_CSV, 0, &out, NULL));
    assert_int_equal(out.size, 0);
    alm_query_close(query);
}

static void writes_json_with_explanations(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("production");
    alm_str node = ALM_STR("a|UK");
    options.date = f->start;
    options.nodes = &node;
    options.node_count = 1;
    options.last_step = 1;
    options.columns = ALM_STR("node,mean,fallback,explanation");
    assert_string_equal(
        answer(f, &options, ALM_QUERY_JSON, NULL),
        "{\"model_version\":\"demand-1\",\"store_version\":4,\"runs\":[\"r1\"],\"rows\":[\n"
        "{\"node\":\"a|UK\",\"mean\":51,\"fallback\":null,\"explanation\":"
        "[{\"feature\":\"lag_7\",\"contribution\":38.25},"
        "{\"feature\":\"base\",\"contribution\":12.75},"
        "{\"feature\":\"reconciliation\",\"contribution\":0.0}]}\n]}\n");
    options.columns = ALM_STR("node,prediction_timestamp");
    assert_string_equal(answer(f, &options, ALM_QUERY_JSON_LINES, NULL),
                        "{\"node\":\"a|UK\",\"prediction_timestamp\":"
                        "\"2011-12-01T00:00:00.000000Z\"}\n");
}

static void fits_a_table_to_its_width(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("demand-1");
    options.run = ALM_STR("r1");
    for (int width = 40; width <= 160; width += 30) {
        alm_query *query;
        alm_buffer out = {0};
        OK(f, alm_query_open(&f->stores, &options, &query, &f->error));
        OK(f, write_text(f, query, ALM_QUERY_TABLE, width, &out, NULL));
        size_t lines = 0;
        for (alm_str rest = alm_buffer_view(&out); rest.data; lines++) {
            alm_str line = alm_str_split(&rest, '\n');
            bool is_note = line.size > 0 && line.data[0] == '(';
            if (!is_note && line.size > (size_t)width) { /* the fixture is ASCII */
                fail_msg("width %d: '" ALM_STR_FMT "'", width, ALM_STR_ARG(line));
            }
        }
        assert_int_equal(lines, 1 + FIXTURE_NODES * FIXTURE_STEPS + 2);
        assert_non_null(strstr(out.data, "more columns: choose with --columns"));
        alm_buffer_deinit(&out);
        alm_query_close(query);
    }
}

static void a_table_shows_numbers_of_any_size(void **state)
{
    read_fixture *f = *state;
    const fixture_run run = {.run_id = "r5", .release = "demand-1", .date = "2011-12-03",
                             .snapshot = "snapshot one", .base_shift = 9e15};
    alm_query_options options = asking("demand-1");
    alm_str node = ALM_STR("b|UK");
    (void)fixture_add_run(f, &run);
    options.run = ALM_STR("r5");
    options.columns = ALM_STR("node,mean,q05");
    options.nodes = &node;
    options.node_count = 1;
    options.first_step = 1;
    options.last_step = 1;
    assert_string_equal(answer(f, &options, ALM_QUERY_TABLE, NULL),
                        "node          mean           q05\n"
                        "b|UK  6.300000e+16  3.150000e+16\n");
}

/* A node's fan comes from one file: with every data file gone it is still there, and another
 * query is not. */
static void one_node_opens_one_file(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("demand-1");
    alm_str node = ALM_STR("b|UK");
    options.run = ALM_STR("r1");
    options.columns = ALM_STR("forecast_horizon,mean,prediction_date,model_version");
    options.nodes = &node;
    options.node_count = 1;
    alm_query *query;
    OK(f, alm_query_open(&f->stores, &options, &query, &f->error));
    const alm_query_facts *facts = alm_query_facts_of(query);
    assert_true(facts->used_fan_file);
    assert_int_equal(facts->file_count, 1);
    assert_non_null(strstr(facts->files[0], "/objects/"));
    alm_query_close(query);

    const char *partition = alm_path_join(f->arena, f->root, "prediction_date=2011-12-01");
    OK(f, alm_fs_remove_tree(f->fs, partition, &f->error));
    assert_string_equal(answer(f, &options, ALM_QUERY_CSV, NULL),
                        "forecast_horizon,mean,prediction_date,model_version\n"
                        "1,71,2011-12-01,demand-1\n2,72,2011-12-01,demand-1\n"
                        "3,73,2011-12-01,demand-1\n4,74,2011-12-01,demand-1\n"
                        "5,75,2011-12-01,demand-1\n");
    options.node_count = 0;
    REFUSED(f, ALM_ERR_IO, "prediction_date=2011-12-01", open_err(f, options));
}

static void a_run_without_fan_file_reads_the_table(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("demand-1");
    alm_str node = ALM_STR("b|UK");
    options.run = ALM_STR("r3");
    options.columns = ALM_STR("mean");
    options.nodes = &node;
    options.node_count = 1;
    alm_query *query;
    OK(f, alm_query_open(&f->stores, &options, &query, &f->error));
    assert_false(alm_query_facts_of(query)->used_fan_file);
    assert_int_equal(alm_query_facts_of(query)->file_count, FIXTURE_STEPS);
    alm_query_close(query);
    assert_string_equal(answer(f, &options, ALM_QUERY_CSV, NULL),
                        "mean\n74.5\n75.5\n76.5\n77.5\n78.5\n");
}

static void writes_parquet(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("demand-1");
    options.run = ALM_STR("r3");
    options.level = ALM_STR("series");
    const char *path = alm_path_join(f->arena, f->folder, "out.parquet");
    alm_query *query;
    int64_t rows = 0;
    OK(f, alm_query_open(&f->stores, &options, &query, &f->error));
    OK(f, alm_query_write_parquet(query, path, &rows, &f->error));
    alm_query_close(query);
    assert_int_equal(rows, 9 * FIXTURE_STEPS);
    int64_t lists = 0;
    OK(f, alm_sql_i64(f->sql,
                      alm_arena_printf(f->arena,
                                       "SELECT sum(len(explanation))::BIGINT FROM '%s'", path),
                      &lists, &f->error));
    assert_int_equal(lists, 3 * 9 * FIXTURE_STEPS);
}

static void sql_reads_and_cannot_write(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("demand-1");
    options.sql = ALM_STR("SELECT run_id, count(*) AS n FROM predictions GROUP BY run_id "
                          "ORDER BY run_id -- in force\n ;");
    assert_string_equal(answer(f, &options, ALM_QUERY_CSV, NULL), "run_id,n\nr1,65\nr3,65\n");
    options.sql = ALM_STR("SELECT run_id, is_in_force, superseded_by FROM runs ORDER BY version");
    assert_string_equal(answer(f, &options, ALM_QUERY_CSV, NULL),
                        "run_id,is_in_force,superseded_by\nr1,true,\nr2,false,r3\nr3,true,\n");
    options.sql = ALM_STR("SELECT count(DISTINCT run_id) AS n FROM predictions_history");
    assert_string_equal(answer(f, &options, ALM_QUERY_CSV, NULL), "n\n3\n");
    options.model = ALM_STR("*");
    assert_string_equal(answer(f, &options, ALM_QUERY_CSV, NULL), "n\n4\n");
    static const char *const refused[] = {
        "DROP VIEW predictions", "SELECT 1) AS x; COPY runs TO 'x.csv'; SELECT * FROM (SELECT 1",
        "COPY predictions TO 'x.csv'", "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'", "INSERT INTO runs SELECT * FROM runs",
        "SELECT nothing FROM predictions"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        alm_query *query;
        alm_table table;
        options.sql = alm_str_of(refused[i]);
        OK(f, alm_query_open(&f->stores, &options, &query, &f->error));
        alm_err code = alm_query_next(query, f->arena, &table, &f->error);
        if (code == ALM_OK) {
            fail_msg("not refused: %s", refused[i]);
        }
        assert_non_null(strstr(f->error.message, "SQL: "));
        alm_query_close(query);
    }
    options.limit = 3;
    REFUSED(f, ALM_ERR_USAGE, "with --sql the statement chooses", open_err(f, options));
}

/* Lists and structs are JSON, as text in CSV and as values in JSON; what is missing stays missing.
 * Sums of integers and decimals are numbers, though no type of ours holds them. */
static void sql_gives_nested_values_as_json(void **state)
{
    read_fixture *f = *state;
    alm_query_options options = asking("demand-1");
    options.run = ALM_STR("r1");
    options.sql = ALM_STR(
        "SELECT node, explanation, explanation[1] AS \"first \"\"one\"\"\", [1, NULL] AS n, "
        "sum(forecast_horizon) OVER (ORDER BY node) AS h, 1.50 AS d FROM predictions "
        "WHERE forecast_horizon = 1 AND node IN ('a|UK', 'total') ORDER BY node DESC");
    assert_string_equal(
        answer(f, &options, ALM_QUERY_CSV, NULL),
        "node,explanation,\"first \"\"one\"\"\",n,h,d\n"
        "total,,,\"[1,null]\",2,1.50\n"
        "a|UK,\"[{\"\"feature\"\":\"\"lag_7\"\",\"\"contribution\"\":38.25},"
        "{\"\"feature\"\":\"\"base\"\",\"\"contribution\"\":12.75},"
        "{\"\"feature\"\":\"\"reconciliation\"\",\"\"contribution\"\":0.0}]\","
        "\"{\"\"feature\"\":\"\"lag_7\"\",\"\"contribution\"\":38.25}\",\"[1,null]\",1,"
        "1.50\n");
    assert_string_equal(
        answer(f, &options, ALM_QUERY_JSON_LINES, NULL),
        "{\"node\":\"total\",\"explanation\":null,\"first \\\"one\\\"\":null,\"n\":[1,null],"
        "\"h\":2,\"d\":1.50}\n"
        "{\"node\":\"a|UK\",\"explanation\":[{\"feature\":\"lag_7\",\"contribution\":38.25},"
        "{\"feature\":\"base\",\"contribution\":12.75},{\"feature\":\"reconciliation\","
        "\"contribution\":0.0}],"
        "\"first \\\"one\\\"\":{\"feature\":\"lag_7\",\"contribution\":38.25},"
        "\"n\":[1,null],\"h\":1,\"d\":1.50}\n");
}

static void two_schedules_must_be_told_apart(void **state)
{
    read_fixture *f = *state;
    fixture_run run = {.run_id = "r5", .release = "demand-1", .date = "2011-12-01",
                       .snapshot = "snapshot one", .schedule = "weekly"};
    fixture_add_run(f, &run);
    alm_query_options options = asking("demand-1");
    options.date = f->start;
    REFUSED(f, ALM_ERR_USAGE, "nightly and weekly both have a run", open_err(f, options));
    options.schedule = ALM_STR("weekly");
    assert_string_equal(run_of(f, &options), "r5");
}

/* Committed, and then the process died: readers see it all the same, with what it supersedes. */
static void a_run_not_yet_recorded_is_read(void **state)
{
    read_fixture *f = *state;
    fixture_run run = {.run_id = "r5", .release = "demand-1", .date = "2011-12-01",
                       .snapshot = "snapshot two", .supersedes = "r1", .skip_registry = true};
    fixture_add_run(f, &run);
    alm_query_options options = asking("demand-1");
    options.date = f->start;
    assert_string_equal(run_of(f, &options), "r5");
}

/* Those that only read share one store. */
#define CHANGES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest reading[] = {
        cmocka_unit_test(demands_a_model),
        cmocka_unit_test(demands_a_date),
        cmocka_unit_test(alias_is_echoed_as_its_release),
        cmocka_unit_test(superseded_runs_are_read_only_by_id_or_earlier),
        cmocka_unit_test(as_of_reads_the_store_of_that_time),
        cmocka_unit_test(gives_the_rows_of_the_run),
        cmocka_unit_test(filters_nodes_levels_steps_columns),
        cmocka_unit_test(unknown_nodes_are_an_error),
        cmocka_unit_test(writes_json_with_explanations),
        cmocka_unit_test(fits_a_table_to_its_width),
        cmocka_unit_test(a_run_without_fan_file_reads_the_table),
        cmocka_unit_test(writes_parquet),
        cmocka_unit_test(sql_reads_and_cannot_write),
        cmocka_unit_test(sql_gives_nested_values_as_json),
    };
    const struct CMUnitTest changing[] = {
        CHANGES(a_table_shows_numbers_of_any_size),
        CHANGES(one_node_opens_one_file),
        CHANGES(two_schedules_must_be_told_apart),
        CHANGES(a_run_not_yet_recorded_is_read),
    };
    int failed = cmocka_run_group_tests(reading, setup, teardown);
    return failed + cmocka_run_group_tests(changing, NULL, NULL);
}
