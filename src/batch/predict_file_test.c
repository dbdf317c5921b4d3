/* predict_file_test.c: columns by name and by position, blocks, messages, files. Golden models and
 * rows are those of tests/golden/forest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "batch/predict_file.h"
#include "model/forest/forest_cases.h"
#include "table/sql.h"

typedef struct world {
    alm_fs *fs;
    alm_env env;
    alm_arena *arena;
    alm_model_file *model;
    alm_error error;
} world;

static int setup(void **state)
{
    void *memory = NULL;
    alm_assert(alm_heap_try(sizeof(world), &memory, NULL) == ALM_OK);
    world *w = memory;
    alm_assert(alm_fs_memory_create(&w->fs, &w->error) == ALM_OK);
    w->env.fs = w->fs;
    w->arena = alm_arena_create(0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    alm_model_file_close(w->model);
    alm_arena_destroy(w->arena);
    alm_fs_destroy(w->fs);
    alm_heap_free(w);
    return 0;
}

static void ok(const world *w, alm_err code)
{
    if (code != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
}

static void use_model(world *w, const char *name)
{
    alm_model_file_close(w->model);
    w->model = NULL;
    ok(w, alm_model_file_parse(case_fixture(w->arena, name), name, &w->model, &w->error));
}

static void put_rows(world *w, const char *text)
{
    ok(w, alm_fs_write_all(w->fs, "rows.csv", alm_str_of(text), &w->error));
}

/* The rows of a table of numbers, with `header` before them. */
static void put_table(world *w, const char *header, const double *value, size_t rows, size_t width)
{
    alm_buffer out = {0};
    alm_buffer_text(&out, header);
    for (size_t i = 0; i < rows * width; i++) {
        alm_buffer_text(&out, i % width ? "," : "\n");
        alm_buffer_double(&out, value[i]);
    }
    ok(w, alm_buffer_status(&out, &w->error));
    put_rows(w, out.data);
    alm_buffer_deinit(&out);
}

static alm_err append(void *context, alm_str bytes, alm_error *error)
{
    (void)error;
    alm_buffer_str(context, bytes);
    return ALM_OK;
}

/* The CSV in the arena; a failure gives its code. */
static alm_err predict(world *w, alm_predict_options options, alm_str *out)
{
    alm_predict *p = NULL;
    options.model = w->model;
    options.path = options.path ? options.path : "rows.csv";
    ALM_TRY(alm_predict_open(&w->env, &options, &p, &w->error));
    alm_buffer text = {0};
    alm_predict_sink sink = {append, &text};
    alm_err code = alm_predict_write_csv(p, &sink, &w->error);
    if (text.size) {
        *out = (alm_str){alm_arena_copy_text(w->arena, text.data, text.size), text.size};
    }
    alm_buffer_deinit(&text);
    alm_predict_close(p);
    return code;
}

static void refused(world *w, alm_predict_options options, alm_err code, const char *words)
{
    alm_str text;
    alm_err got = predict(w, options, &text);
    if (got != code || !strstr(w->error.message, words)) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), w->error.message, words);
    }
}

#define SIMPLE "model_simple.txt" /* columns X1, X2 */

/* The rows of multiclass_test.tsv: a label, then 28 columns. */
static size_t put_multiclass(world *w)
{
    double *value = ALM_NEW_ARRAY(w->arena, double, 60 * 29);
    size_t count = case_numbers(case_fixture(w->arena, "multiclass_test.tsv"), value, 60 * 29);
    alm_buffer header = {0};
    alm_buffer_text(&header, "label");
    for (int i = 0; i < 28; i++) {
        alm_buffer_printf(&header, ",Column_%d", i);
    }
    put_table(w, header.data, value, count / 29, 29);
    alm_buffer_deinit(&header);
    use_model(w, "lgmulticlass.model");
    return count / 29;
}

static void golden_probabilities_come_back(void **state)
{
    world *w = *state;
    double *value = ALM_NEW_ARRAY(w->arena, double, 57 * 30);
    double expected[57], got[57];
    size_t count = case_numbers(case_fixture(w->arena, "breast_cancer_test.tsv"), value, 57 * 30);
    assert_int_equal(count, 57 * 30);
    alm_buffer header = {0};
    for (int i = 0; i < 30; i++) {
        alm_buffer_printf(&header, "%smeasure %d", i ? "," : "", i);
    }
    put_table(w, header.data, value, 57, 30);
    alm_buffer_deinit(&header);
    use_model(w, "lg_dart_breast_cancer.model");
    alm_str text;
    ok(w, predict(w, (alm_predict_options){0}, &text));
    assert_true(alm_str_starts_with(text, "prediction\n"));
    assert_int_equal(case_numbers(text, got, 57), 57);
    text = case_fixture(w->arena, "lg_dart_breast_cancer_true_predictions.txt");
    count = case_numbers(text, expected, 57);
    assert_int_equal(count, 57);
    for (size_t i = 0; i < count; i++) {
        /* An ulp: exp is that of the machine. */
        assert_true(fabs(got[i] - expected[i]) <= 2.3e-16);
    }
}

static void golden_raw_scores_come_back(void **state)
{
    world *w = *state;
    double expected[60 * 5], got[60 * 5];
    size_t rows = put_multiclass(w);
    alm_str text;
    ok(w, predict(w, (alm_predict_options){.raw = true}, &text));
    assert_true(alm_str_starts_with(text, "raw_0,raw_1,raw_2,raw_3,raw_4\n"));
    assert_int_equal(case_numbers(text, got, 300), rows * 5);
    text = case_fixture(w->arena, "lgmulticlass_true_raw_predictions.txt");
    size_t count = case_numbers(text, expected, 300);
    assert_int_equal(count, rows * 5);
    for (size_t i = 0; i < count; i++) {
        /* The file has 18 digits, so the nearest double is the same. */
        assert_true(got[i] == expected[i]);
    }
    ok(w, predict(w, (alm_predict_options){0}, &text));
    assert_true(alm_str_starts_with(text, "p_0,p_1,p_2,p_3,p_4\n"));
    (void)case_numbers(text, got, 300);
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t k = 0; k < 5; k++) {
            sum += got[i * 5 + k];
        }
        assert_true(fabs(sum - 1) < 1e-15 * 5); /* five roundings */
    }
}

static alm_str json_of(world *w, size_t block)
{
    alm_predict *p = NULL;
    alm_predict_options options = {.model = w->model, .path = "rows.csv", .block_rows = block};
    ok(w, alm_predict_open(&w->env, &options, &p, &w->error));
    alm_buffer all = {0}, buffer = {0};
    alm_predict_sink sink = {append, &all};
    alm_json_writer json = alm_json_writer_on(&buffer);
    ok(w, alm_predict_write_json(p, &json, &sink, &w->error));
    alm_buffer_str(&all, alm_buffer_view(&buffer)); /* what was not written yet */
    alm_str copy = {alm_arena_copy_text(w->arena, all.data, all.size), all.size};
    alm_buffer_deinit(&all);
    alm_buffer_deinit(&buffer);
    alm_predict_close(p);
    return copy;
}

static void bytes_do_not_depend_on_the_block(void **state)
{
    static const size_t block[] = {1, 7, 1000, 0};
    world *w = *state;
    alm_str first = {NULL, 0}, first_json = {NULL, 0}, text;
    (void)put_multiclass(w);
    for (size_t i = 0; i < sizeof block / sizeof *block; i++) {
        alm_predict_options options = {.block_rows = block[i], .contributions = true};
        ok(w, predict(w, options, &text));
        alm_str json = json_of(w, block[i]);
        first = i ? first : text;
        first_json = i ? first_json : json;
        assert_true(alm_str_equal(text, first));
        assert_true(alm_str_equal(json, first_json));
    }
    alm_json_document *document = NULL;
    ok(w, alm_json_parse(first_json, "rows", &document, &w->error));
    assert_int_equal(alm_json_count(alm_json_root(document)), 60);
    alm_json_document_destroy(document);
}

static void columns_go_by_name(void **state)
{
    world *w = *state;
    alm_str plain, moved;
    use_model(w, SIMPLE);
    put_rows(w, "X1,X2\n100,1\n700,3\n,0\n");
    ok(w, predict(w, (alm_predict_options){0}, &plain));
    put_rows(w, "X2,id,X1\r\n1,a,100\r\n3,\"b,c\",700\r\n0,d, nan \r\n");
    ok(w, predict(w, (alm_predict_options){0}, &moved));
    assert_true(alm_str_equal(plain, moved));
    alm_predict *p = NULL;
    alm_predict_options options = {.model = w->model, .path = "rows.csv"};
    ok(w, alm_predict_open(&w->env, &options, &p, &w->error));
    const alm_predict_facts *facts = alm_predict_describe(p);
    assert_int_equal(facts->ignored_count, 1);
    assert_true(alm_str_is(facts->ignored[0], "id"));
    assert_false(facts->by_position);
    alm_predict_close(p);
    refused(w, (alm_predict_options){.path = "none.csv"}, ALM_ERR_NOT_FOUND, "none.csv");
    put_rows(w, "x1,id\n1,2\n");
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID,
            "rows.csv lacks 2 of the model's 2 columns: X1, X2");
}

static void blanks_are_what_the_library_made_of_them(void **state)
{
    world *w = *state;
    alm_str text = case_fixture(w->arena, SIMPLE), plain, blank;
    char *copy = alm_arena_copy_text(w->arena, text.data, text.size);
    memcpy(strstr(copy, "X1 X2"), "a_ X2", 5);
    ok(w, alm_model_file_parse((alm_str){copy, text.size}, "m", &w->model, &w->error));
    put_rows(w, "a_,X2\n100,1\n");
    ok(w, predict(w, (alm_predict_options){0}, &plain));
    put_rows(w, "a ,X2\n100,1\n");
    ok(w, predict(w, (alm_predict_options){0}, &blank));
    assert_true(alm_str_equal(plain, blank));
    put_rows(w, "a ,a_,X2\n700,100,1\n"); /* the exact name wins */
    ok(w, predict(w, (alm_predict_options){0}, &blank));
    assert_true(alm_str_equal(plain, blank));
}

static void columns_without_names_must_fit(void **state)
{
    world *w = *state;
    alm_str text;
    use_model(w, "tiniest_single_tree.txt"); /* Column_0 to Column_2 */
    put_rows(w, "a,b\n1,2\n");
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID,
            "rows.csv has 2 columns, the model takes 3");
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID, "Column_0 to Column_2");
    put_rows(w, "0.5,1,2\n1,2,3\n");
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID, "the first row holds numbers");
    put_rows(w, "a,b,c\n");
    ok(w, predict(w, (alm_predict_options){0}, &text));
    assert_true(alm_str_is(text, "prediction\n"));
    put_rows(w, "Column_0,b,c\n"); /* a name of its own, where it belongs */
    ok(w, predict(w, (alm_predict_options){0}, &text));
    put_rows(w, "Column_2,Column_1,c\n1,2,3\n");
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID,
            "rows.csv has column Column_2 where the model has Column_0, and not all of the model's "
            "names (Column_0 to Column_2)");
    put_rows(w, " column_1,column_0,column_2\n1,2,3\n"); /* blanks and capitals are slips */
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID, "where the model has Column_0");
}

static void values_that_are_no_numbers_are_named(void **state)
{
    world *w = *state;
    alm_str text;
    use_model(w, SIMPLE);
    put_rows(w, "X1,X2\n1,2\n3,old\n");
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID,
            "rows.csv: row 2, column X2: 'old' is not a number");
    put_rows(w, "X1,X2\n1,\"two\nlines\"\n");
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID, "row 1, column X2: 'two...' is not");
    put_rows(w, "X1,X2\n1,0x10\n");
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID, "'0x10' is not a number");
    put_rows(w, "X1,X2\n1,2,3\n");
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID, "row 1 has 3 values, the header has 2");
    put_rows(w, "X1,X2\ninf,-inf\nNaN,1e308\n");
    ok(w, predict(w, (alm_predict_options){0}, &text));
    put_rows(w, "");
    refused(w, (alm_predict_options){0}, ALM_ERR_INVALID, "the file is empty");
    refused(w, (alm_predict_options){.block_rows = 65537}, ALM_ERR_INVALID, "1 to 65536 rows");
}

static void pandas_categories_need_a_word(void **state)
{
    world *w = *state;
    alm_str text = case_fixture(w->arena, SIMPLE), plain, coded;
    put_rows(w, "X1,X2\n100,1\n");
    use_model(w, SIMPLE);
    ok(w, predict(w, (alm_predict_options){0}, &plain));
    alm_model_file_close(w->model);
    w->model = NULL;
    alm_str with = alm_str_of(alm_arena_printf(w->arena, "%s\npandas_categorical:[[1, 5]]\n",
                                               text.data));
    ok(w, alm_model_file_parse(with, "m", &w->model, &w->error));
    refused(w, (alm_predict_options){0}, ALM_ERR_UNSUPPORTED, "--category-codes");
    ok(w, predict(w, (alm_predict_options){.category_codes = true}, &coded));
    assert_true(alm_str_equal(plain, coded));
}

/* The columns say what they hold, also when nobody asked for raw scores. */
static void an_unknown_objective_gives_raw_scores(void **state)
{
    world *w = *state;
    alm_str text = case_fixture(w->arena, SIMPLE), raw, unknown;
    put_rows(w, "X1,X2\n100,1\n700,3\n");
    use_model(w, SIMPLE);
    ok(w, predict(w, (alm_predict_options){.raw = true}, &raw));
    alm_model_file_close(w->model);
    w->model = NULL;
    char *copy = alm_arena_copy_text(w->arena, text.data, text.size);
    memcpy(strstr(copy, "=binary "), "=strange", 8);
    ok(w, alm_model_file_parse((alm_str){copy, text.size}, "m", &w->model, &w->error));
    ok(w, predict(w, (alm_predict_options){0}, &unknown));
    assert_true(alm_str_starts_with(unknown, "raw\n"));
    assert_true(alm_str_equal(raw, unknown));
}

/* Per row: five scores, then five times 28 contributions and an expected value. */
static void contributions_add_up_to_the_raw_score(void **state)
{
    enum { WIDTH = 5 + 5 * 29 };
    world *w = *state;
    size_t rows = put_multiclass(w);
    alm_str text;
    ok(w, predict(w, (alm_predict_options){.raw = true, .contributions = true}, &text));
    assert_non_null(strstr(text.data, "raw_4,contribution_0_Column_0,"));
    assert_non_null(strstr(text.data, ",contribution_4_Column_27,expected_4\n"));
    double *value = ALM_NEW_ARRAY(w->arena, double, rows * WIDTH);
    assert_int_equal(case_numbers(text, value, rows * WIDTH), rows * WIDTH);
    for (size_t i = 0; i < rows * 5; i++) {
        const double *row = value + i / 5 * WIDTH;
        double sum = 0, size = 0;
        for (size_t j = 0; j < 29; j++) {
            sum += row[5 + i % 5 * 29 + j];
            size += fabs(row[5 + i % 5 * 29 + j]);
        }
        assert_true(fabs(sum - row[i % 5]) <= 1e-12 * size); /* the promise of forest.h */
    }
}

/* Whatever call goes wrong: the old file or the new one, and nothing beside it. */
static void a_file_is_there_as_a_whole(void **state)
{
    world *w = *state;
    alm_str expected, got;
    alm_fs *faulty = NULL;
    (void)put_multiclass(w);
    ok(w, predict(w, (alm_predict_options){0}, &expected));
    ok(w, alm_fs_fault_create(w->fs, &faulty, &w->error));
    alm_env env = {.fs = faulty};
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        alm_predict *p = NULL;
        alm_predict_options options = {.model = w->model, .path = "rows.csv"};
        ok(w, alm_fs_write_all(w->fs, "out.csv", ALM_STR("old"), &w->error));
        alm_fs_fault_set(faulty, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL, .nth = nth});
        alm_err code = alm_predict_open(&env, &options, &p, &w->error);
        code = code == ALM_OK ? alm_predict_write_file(p, "out.csv", &w->error) : code;
        alm_predict_close(p);
        done = !alm_fs_fault_happened(faulty);
        assert_true(code == ALM_OK || !done);
        ok(w, alm_fs_read_all(w->fs, "out.csv", 1 << 20, w->arena, &got, &w->error));
        assert_true(code == ALM_OK ? alm_str_equal(got, expected) : alm_str_is(got, "old"));
        alm_fs_entry *entry = NULL;
        size_t count = 0;
        ok(w, w->fs->ops->list(w->fs, ".", w->arena, &entry, &count, &w->error));
        assert_int_equal(count, 2); /* rows.csv and out.csv */
    }
    alm_fs_destroy(faulty);
}

/* How much memory is held while rows are written. */
typedef struct gauge {
    size_t most;
} gauge;

static alm_err measure(void *context, alm_str bytes, alm_error *error)
{
    gauge *g = context;
    (void)bytes;
    (void)error;
    size_t held = alm_heap_held_bytes();
    g->most = held > g->most ? held : g->most;
    return ALM_OK;
}

static size_t memory_for(world *w, size_t rows)
{
    alm_buffer text = {0};
    alm_buffer_text(&text, "X1,X2\n");
    for (size_t i = 0; i < rows; i++) {
        alm_buffer_printf(&text, "%zu,%zu\n", 100 + i % 900, i % 7);
    }
    put_rows(w, text.data);
    alm_buffer_deinit(&text);
    size_t before = alm_heap_held_bytes();
    gauge g = {0};
    alm_predict *p = NULL;
    alm_predict_options options = {.model = w->model, .path = "rows.csv"};
    alm_predict_sink sink = {measure, &g};
    ok(w, alm_predict_open(&w->env, &options, &p, &w->error));
    ok(w, alm_predict_write_csv(p, &sink, &w->error));
    assert_int_equal(alm_predict_describe(p)->rows, rows);
    alm_predict_close(p);
    return g.most - before;
}

static void memory_does_not_grow_with_the_file(void **state)
{
    world *w = *state;
    use_model(w, SIMPLE);
    /* Both fill the output buffer more than once. */
    assert_int_equal(memory_for(w, 20000), memory_for(w, 200000));
}

static void parquet_gives_what_csv_gives(void **state)
{
    world *w = *state;
    char root[256];
    const char *base = getenv("TMPDIR");
    alm_str from_csv, from_parquet;
    use_model(w, SIMPLE);
    put_rows(w, "X1,X2\n100,1\n,3\n700.5,\n");
    ok(w, predict(w, (alm_predict_options){0}, &from_csv));
    (void)snprintf(root, sizeof root, "%s/alm_predict_XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(root));
    alm_fs *real = NULL;
    alm_sql *sql = NULL;
    ok(w, alm_fs_real_create(&real, &w->error));
    w->env.fs = real;
    ok(w, alm_sql_open(&(alm_sql_options){.threads = 1}, &sql, &w->error));
    char *path = alm_path_join(w->arena, root, "rows.parquet");
    char *copy = alm_arena_printf(
        w->arena, "COPY (SELECT * FROM (VALUES ('a', 1::TINYINT, 100::DOUBLE), ('b', 3, NULL), "
                  "('c', NULL, 700.5)) t(id, \"X2\", \"X1\")) TO '%s' (FORMAT parquet)", path);
    ok(w, alm_sql_run(sql, copy, &w->error));
    for (size_t block = 1; block <= 4; block++) {
        ok(w, predict(w, (alm_predict_options){.path = path, .block_rows = block}, &from_parquet));
        assert_true(alm_str_equal(from_csv, from_parquet));
    }
    copy = alm_arena_printf(w->arena, "COPY (SELECT 'a' AS \"X1\", 1 AS \"X2\") TO '%s' "
                                      "(FORMAT parquet)", path);
    ok(w, alm_sql_run(sql, copy, &w->error));
    refused(w, (alm_predict_options){.path = path, .name = "r"}, ALM_ERR_INVALID,
            "r: column X1 holds VARCHAR, not numbers");
    alm_sql_close(sql);
    ok(w, alm_fs_remove_tree(real, root, &w->error));
    alm_fs_destroy(real);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(golden_probabilities_come_back),
        ON(golden_raw_scores_come_back),
        ON(bytes_do_not_depend_on_the_block),
        ON(columns_go_by_name),
        ON(blanks_are_what_the_library_made_of_them),
        ON(columns_without_names_must_fit),
        ON(values_that_are_no_numbers_are_named),
        ON(pandas_categories_need_a_word),
        ON(an_unknown_objective_gives_raw_scores),
        ON(contributions_add_up_to_the_raw_score),
        ON(a_file_is_there_as_a_whole),
        ON(memory_does_not_grow_with_the_file),
        ON(parquet_gives_what_csv_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
