/* forecast_file_test.c: a file of series into tables, as a whole or not at all. */
#include "batch/forecast_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "table/sql.h"

typedef struct world {
    alm_fs *fs;
    alm_env env;
    alm_arena *arena;
    alm_error error;
} world;

static int setup(void **state)
{
    static world w;
    w = (world){.arena = alm_arena_create(0)};
    alm_assert(alm_fs_memory_create(&w.fs, &w.error) == ALM_OK);
    w.env.fs = w.fs;
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    alm_arena_destroy(w->arena);
    alm_fs_destroy(w->fs);
    return 0;
}

static void ok(const world *w, alm_err code)
{
    if (code != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
}

static alm_forecast_options options_of(const char *path)
{
    return (alm_forecast_options){.input = {.path = path}, .kind = &alm_seasonal_naive,
                                  .season = 2, .steps = 3, .level = {.5}, .level_count = 1};
}

static void put(world *w, const char *text)
{
    ok(w, alm_fs_write_all(w->fs, "in.csv", alm_str_of(text), &w->error));
}

/* Of a season of two: b has a gap, and one value of one phase. */
#define TWO                                                                                \
    "unique_id,ds,y\n\"a,1\",2024-01-01,1\n\"a,1\",2024-01-02,2\n\"a,1\",2024-01-03,1\n"     \
    "b,2024-01-31,0.5\nb,2024-02-02,\n"

static alm_err to_buffer(void *context, alm_str bytes, alm_error *error)
{
    (void)error;
    alm_buffer_str(context, bytes);
    return ALM_OK;
}

static void rows_of_all_series_are_written(void **state)
{
    world *w = *state;
    alm_forecast_file file;
    alm_buffer text = {0};
    alm_forecast_sink sink = {to_buffer, &text};
    alm_forecast_options asked = options_of("in.csv");
    put(w, TWO);
    ok(w, alm_forecast_file_make(&w->env, &asked, w->arena, &file, &w->error));
    ok(w, alm_forecast_file_csv(&file, true, &sink, &w->error));
    assert_string_equal(text.data,
                        "unique_id,ds,seasonal_naive,seasonal_naive-lo-50,seasonal_naive-hi-50,"
                        "method,reason\n"
                        "\"a,1\",2024-01-04,2,2,2,seasonal_naive,fitted\n"
                        "\"a,1\",2024-01-05,1,1,1,seasonal_naive,fitted\n"
                        "\"a,1\",2024-01-06,2,2,2,seasonal_naive,fitted\n"
                        "b,2024-02-03,0.5,,,seasonal_naive,fitted\n"
                        "b,2024-02-04,0.5,,,seasonal_naive,fitted\n"
                        "b,2024-02-05,0.5,,,seasonal_naive,fitted\n");
    alm_buffer_deinit(&text);
}

static void json_says_what_was_understood(void **state)
{
    world *w = *state;
    alm_forecast_file file;
    alm_buffer text = {0};
    alm_buffer work = {0};
    alm_json_document *document = NULL;
    alm_forecast_sink sink = {to_buffer, &text};
    alm_forecast_options asked = options_of("in.csv");
    put(w, TWO);
    ok(w, alm_forecast_file_make(&w->env, &asked, w->arena, &file, &w->error));
    ok(w, alm_forecast_file_json(&file, &work, &sink, &w->error));
    ok(w, alm_json_parse(alm_buffer_view(&text), "json", &document, &w->error));
    const alm_json *root = alm_json_root(document);
    alm_str word;
    int64_t number = 0;
    ok(w, alm_json_get_str(root, "frequency", &word, &w->error));
    assert_true(alm_str_is(word, "D"));
    ok(w, alm_json_get_i64(root, "gaps", &number, &w->error));
    assert_int_equal(number, 1);
    assert_int_equal(alm_json_kind_of(alm_json_member(root, "check")), ALM_JSON_NULL);
    const alm_json *b = alm_json_at(alm_json_member(root, "series"), 1);
    ok(w, alm_json_get_str(b, "intervals", &word, &w->error));
    assert_true(alm_str_is(word, "none"));
    const alm_json *row = alm_json_at(alm_json_member(b, "forecast"), 0);
    ok(w, alm_json_get_str(row, "ds", &word, &w->error));
    assert_true(alm_str_is(word, "2024-02-03"));
    assert_int_equal(alm_json_kind_of(alm_json_member(row, "seasonal_naive-lo-50")),
                     ALM_JSON_NULL);
    alm_json_document_destroy(document);
    alm_buffer_deinit(&work);
    alm_buffer_deinit(&text);
}

/* Whatever call goes wrong: the old file or the new one, and nothing beside it. */
static void a_file_is_there_as_a_whole(void **state)
{
    world *w = *state;
    alm_fs *faulty = NULL;
    alm_str got;
    put(w, TWO);
    ok(w, alm_fs_fault_create(w->fs, &faulty, &w->error));
    alm_env env = {.fs = faulty};
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        alm_forecast_file file;
        alm_forecast_options asked = options_of("in.csv");
        ok(w, alm_fs_write_all(w->fs, "out.csv", ALM_STR("old"), &w->error));
        alm_fs_fault_set(faulty, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL, .nth = nth});
        alm_err code = alm_forecast_file_make(&env, &asked, w->arena, &file, &w->error);
        code = code == ALM_OK ? alm_forecast_file_write(&env, &file, "out.csv", false, &w->error)
                              : code;
        done = !alm_fs_fault_happened(faulty);
        assert_true(code == ALM_OK || !done);
        ok(w, alm_fs_read_all(w->fs, "out.csv", 1 << 20, w->arena, &got, &w->error));
        assert_true(code == ALM_OK ? alm_str_starts_with(got, "unique_id,ds,seasonal_naive")
                                   : alm_str_is(got, "old"));
        alm_fs_entry *entry = NULL;
        size_t count = 0;
        ok(w, w->fs->ops->list(w->fs, ".", w->arena, &entry, &count, &w->error));
        assert_int_equal(count, 2); /* in.csv and out.csv */
    }
    alm_fs_destroy(faulty);
}

/* ---- Parquet ---- */

static char *real_folder(world *w, alm_fs **real)
{
    const char *base = getenv("TMPDIR");
    char *root = alm_arena_printf(w->arena, "%s/alm_forecast_XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(root));
    ok(w, alm_fs_real_create(real, &w->error));
    w->env.fs = *real;
    return root;
}

static void check_parquet(world *w, const char *root, const char *first_time,
                          const char *second_time, const char *type)
{
    alm_forecast_file file;
    alm_sql *sql = NULL;
    alm_table table;
    char *in = alm_path_join(w->arena, root, "in.csv");
    char *out = alm_path_join(w->arena, root, "out.parquet");
    char *text = alm_arena_printf(w->arena, "ds,y\n%s,1.5\n%s,\n", first_time, second_time);
    alm_forecast_options asked = options_of(in);
    ok(w, alm_fs_write_all(w->env.fs, in, alm_str_of(text), &w->error));
    ok(w, alm_forecast_file_make(&w->env, &asked, w->arena, &file, &w->error));
    ok(w, alm_forecast_file_write(&w->env, &file, out, true, &w->error));
    ok(w, alm_sql_open(&(alm_sql_options){.threads = 1}, &sql, &w->error));
    char *query = alm_arena_printf(w->arena, "SELECT typeof(ds), CAST(ds AS VARCHAR), unique_id, "
                                             "seasonal_naive, \"seasonal_naive-lo-50\", reason "
                                             "FROM '%s'", out);
    ok(w, alm_sql_collect(sql, query, 10, w->arena, &table, &w->error));
    assert_int_equal(table.rows, 3);
    assert_true(alm_str_is(table.columns[0].values.text[0], type));
    assert_true(alm_str_is(table.columns[2].values.text[2], "y"));
    assert_true(table.columns[3].values.f64[0] == 1.5);
    assert_false(alm_column_is_valid(&table.columns[4], 0));
    assert_true(alm_str_is(table.columns[5].values.text[0], "fitted"));
    alm_sql_close(sql);
}

static void parquet_has_types_of_its_own(void **state)
{
    world *w = *state;
    alm_fs *real = NULL;
    char *root = real_folder(w, &real);
    check_parquet(w, root, "2024-01", "2024-02", "DATE");
    check_parquet(w, root, "2024-01-01 10:00", "2024-01-01 11:00", "TIMESTAMP");
    check_parquet(w, root, "5", "6", "BIGINT");
    ok(w, alm_fs_remove_tree(real, root, &w->error));
    w->env.fs = w->fs;
    alm_fs_destroy(real);
}

static void time_ends_somewhere(void **state)
{
    world *w = *state;
    alm_forecast_file file;
    alm_forecast_options asked = options_of("in.csv");
    put(w, "ds,y\n9999-12-28,1\n9999-12-29,1\n");
    assert_int_equal(alm_forecast_file_make(&w->env, &asked, w->arena, &file, &w->error),
                     ALM_ERR_INVALID);
    assert_non_null(strstr(w->error.message, "look less far ahead"));
    asked.steps = 2;
    ok(w, alm_forecast_file_make(&w->env, &asked, w->arena, &file, &w->error));
}

/* Three years of days are enough for a season of the year, by rule; what is asked for is kept. */
static void a_year_of_days_is_a_season_by_rule(void **state)
{
    world *w = *state;
    enum { YEARS = 3 * 365 };
    alm_forecast_file file;
    alm_frequency daily;
    assert_true(alm_frequency_parse(ALM_STR("D"), &daily));
    for (int64_t short_by = 0; short_by < 2; short_by++) {
        alm_buffer text = {0};
        alm_buffer_text(&text, "ds,y\n");
        for (int64_t day = 0; day < YEARS - short_by; day++) {
            char time[ALM_INSTANT_TEXT_BYTES];
            int level = (int)(100 + day % 7 + day % 365 / 14 * 37 % 50); /* no trend foretells it */
            alm_time_write(&(alm_time_style){.form = ALM_TIME_DAY, .between = ' '},
                           (15000 + day) * ALM_DAY_MICROS, time);
            alm_buffer_printf(&text, "%s,%d\n", time, level);
        }
        put(w, text.data);
        alm_buffer_deinit(&text);
        alm_forecast_options asked = options_of("in.csv");
        asked.kind = NULL;
        asked.season = 0;
        asked.steps = 28;
        ok(w, alm_forecast_file_make(&w->env, &asked, w->arena, &file, &w->error));
        assert_int_equal(file.made.plan.season, 7);
        assert_int_equal(file.made.plan.season_count, short_by ? 0 : 2);
        assert_string_equal(file.made.set.series[0].kind->name, short_by ? "auto" : "mstl");
        asked.kind = &alm_seasonal_naive; /* has one */
        ok(w, alm_forecast_file_make(&w->env, &asked, w->arena, &file, &w->error));
        assert_int_equal(file.made.plan.season_count, 0);
        asked.kind = NULL;
        asked.season = 7; /* alone */
        ok(w, alm_forecast_file_make(&w->env, &asked, w->arena, &file, &w->error));
        assert_int_equal(file.made.plan.season_count, 0);
        assert_string_equal(file.made.set.series[0].kind->name, "auto");
    }
}

int main(void)
{
#define ON(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON(rows_of_all_series_are_written),
        ON(json_says_what_was_understood),
        ON(a_file_is_there_as_a_whole),
        ON(parquet_has_types_of_its_own),
        ON(time_ends_somewhere),
        ON(a_year_of_days_is_a_season_by_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
