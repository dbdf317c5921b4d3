/* predict_explain_test.c: every kind of explanation as columns of a file: names, sums, blocks; the
 * background as a file; and what does not go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "batch/predict_file.h"
#include "model/forest/forest_cases.h"

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

static void put(world *w, const char *path, const char *text)
{
    ok(w, alm_fs_write_all(w->fs, path, alm_str_of(text), &w->error));
}

/* rows.csv of so many rows for a model, drawn from `seed`. */
static void put_drawn(world *w, const char *path, const char *header, size_t columns, size_t rows)
{
    alm_buffer text = {0};
    alm_buffer_text(&text, header);
    for (size_t i = 0; i < rows * columns; i++) {
        double u = alm_rng_uniform(strlen(path), ALM_RNG_TEST, i, 0);
        alm_buffer_text(&text, i % columns ? "," : "\n");
        alm_buffer_double(&text, u * 4 - 2);
    }
    alm_buffer_text(&text, "\n");
    put(w, path, text.data);
    alm_buffer_deinit(&text);
}

static void use_model(world *w, const char *name)
{
    alm_str text = case_fixture(w->arena, name);
    alm_model_file_close(w->model);
    w->model = NULL;
    ok(w, alm_model_file_parse(text, name, &w->model, &w->error));
}

static alm_err append(void *context, alm_str bytes, alm_error *error)
{
    (void)error;
    alm_buffer_str(context, bytes);
    return ALM_OK;
}

static alm_err predict(world *w, alm_predict_options options, alm_str *out,
                       alm_predict_facts *facts)
{
    alm_predict *p = NULL;
    options.model = w->model;
    options.path = "rows.csv";
    ALM_TRY(alm_predict_open(&w->env, &options, &p, &w->error));
    alm_buffer text = {0};
    alm_predict_sink sink = {append, &text};
    alm_err code = alm_predict_write_csv(p, &sink, &w->error);
    *out = (alm_str){alm_arena_copy_text(w->arena, text.data, text.size), text.size};
    if (facts) {
        *facts = *alm_predict_describe(p);
    }
    alm_buffer_deinit(&text);
    alm_predict_close(p);
    return code;
}

static void refused(world *w, alm_predict_options options, alm_err code, const char *words)
{
    alm_str text;
    alm_err got = predict(w, options, &text, NULL);
    if (got != code || !strstr(w->error.message, words)) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), w->error.message, words);
    }
}

enum { CLASSES = 4 };

/* Softprob; returns the columns. */
static size_t put_classes(world *w)
{
    use_model(w, "xgb_softprob.json");
    const alm_model_file_info *info = alm_model_file_describe(w->model);
    assert_int_equal(info->forest.output_count, CLASSES);
    alm_buffer header = {0};
    for (size_t i = 0; i < info->forest.feature_count; i++) {
        alm_buffer_printf(&header, "%s" ALM_STR_FMT, i ? "," : "",
                          ALM_STR_ARG(info->feature_names[i]));
    }
    put_drawn(w, "rows.csv", header.data, info->forest.feature_count, 40);
    put_drawn(w, "background.csv", header.data, info->forest.feature_count, 90);
    alm_buffer_deinit(&header);
    return info->forest.feature_count;
}

/* Rows begin with the raw scores, and the numbers of each follow. */
static void check_sums(world *w, alm_str text, size_t scores, size_t width)
{
    size_t line = scores + scores * width;
    double *value = ALM_NEW_ARRAY(w->arena, double, 40 * line + 1);
    assert_int_equal(case_numbers(text, value, 40 * line + 1), 40 * line);
    for (size_t i = 0; i < 40 * scores; i++) {
        const double *row = value + i / scores * line;
        double sum = 0, size = 0;
        for (size_t k = 0; k < width; k++) {
            sum += row[scores + i % scores * width + k];
            size += fabs(row[scores + i % scores * width + k]);
        }
        if (!(fabs(sum - row[i % scores]) <= 1e-5 * size)) { /* scores are sums of floats */
            fail_msg("%zu: %g, %g, %g", i, sum, row[i % scores], size);
        }
    }
}

static void every_kind_sums_to_the_score(void **state)
{
    world *w = *state;
    size_t features = put_classes(w), scores = CLASSES;
    const alm_predict_options ways[] = {
        {.raw = true, .contributions = true},
        {.raw = true, .contributions = true, .strict = true},
        {.raw = true, .contributions = true, .background = "background.csv"},
        {.raw = true, .interactions = true}};
    alm_str made[4], again;
    for (size_t i = 0; i < 4; i++) {
        alm_predict_options blocks = ways[i];
        ok(w, predict(w, ways[i], &made[i], NULL));
        check_sums(w, made[i], scores,
                   i < 3 ? features + 1 : features * (features + 1) / 2 + 1);
        blocks.block_rows = 3;
        ok(w, predict(w, blocks, &again, NULL));
        assert_true(alm_str_equal(made[i], again));
        assert_true(i == 0 || !alm_str_equal(made[i], made[i - 1]));
    }
    assert_non_null(strstr(made[0].data, ",expected_0,contribution_1_"));
    assert_non_null(strstr(made[3].data, "raw_3,interaction_0_f0,interaction_0_f0*f1,"));
    assert_non_null(strstr(made[3].data, ",interaction_0_f1,interaction_0_f1*f2,"));
}

/* ---- backgrounds ---- */

static void a_background_is_drawn_and_counted(void **state)
{
    world *w = *state;
    alm_predict_facts facts;
    alm_str all, drawn, again;
    (void)put_classes(w);
    alm_predict_options asked = {.contributions = true, .background = "background.csv"};
    ok(w, predict(w, asked, &all, &facts));
    assert_true(facts.background_rows == 90 && facts.background_used == 90);
    asked.background_sample = 90;
    ok(w, predict(w, asked, &again, &facts));
    assert_true(alm_str_equal(all, again));
    asked.background_sample = 20;
    ok(w, predict(w, asked, &drawn, &facts));
    assert_true(facts.background_rows == 90 && facts.background_used == 20);
    asked.block_rows = 7;
    ok(w, predict(w, asked, &again, &facts));
    assert_true(alm_str_equal(drawn, again) && !alm_str_equal(drawn, all));
}

/* How often each row of 10 is among 2 drawn of them cannot be seen, but its mean can: the expected
 * value of many draws is that of all rows. Draws differ by the rows in front. */
static void a_draw_takes_late_rows_too(void **state)
{
    world *w = *state;
    use_model(w, "model_simple.txt");
    put(w, "rows.csv", "X1,X2\n100,1\n");
    alm_buffer text = {0};
    alm_buffer_text(&text, "X1,X2\n");
    for (size_t i = 0; i < 400; i++) {
        alm_buffer_text(&text, i < 200 ? "100,1\n" : "700,1\n");
    }
    put(w, "background.csv", text.data);
    alm_buffer_deinit(&text);
    double all[4], drawn[4];
    alm_str csv;
    alm_predict_options asked = {.contributions = true, .background = "background.csv"};
    ok(w, predict(w, asked, &csv, NULL));
    assert_int_equal(case_numbers(csv, all, 4), 4);
    asked.background_sample = 100;
    ok(w, predict(w, asked, &csv, NULL));
    assert_int_equal(case_numbers(csv, drawn, 4), 4);
    /* X1 contributes in proportion to the share of the other half: 0.5, of 100 drawn +-0.05. */
    double share = drawn[1] / all[1] * 0.5;
    assert_true(share > 0.3 && share < 0.7);
}

static void bad_backgrounds_are_named(void **state)
{
    world *w = *state;
    use_model(w, "model_simple.txt");
    put(w, "rows.csv", "X1,X2\n100,1\n");
    alm_predict_options asked = {.contributions = true, .background = "background.csv"};
    refused(w, asked, ALM_ERR_NOT_FOUND, "background.csv");
    put(w, "background.csv", "X1\n1\n");
    refused(w, asked, ALM_ERR_INVALID, "background.csv lacks 1 of the model's 2 columns: X2");
    put(w, "background.csv", "X2,X1\n");
    refused(w, asked, ALM_ERR_INVALID, "background.csv has no rows to be a background");
    put(w, "background.csv", "X2,X1\n1,2\n1,x\n");
    refused(w, asked, ALM_ERR_INVALID, "background.csv: row 2, column X1: 'x' is not a number");
    alm_buffer text = {0};
    alm_buffer_text(&text, "X1,X2\n");
    for (size_t i = 0; i <= ALM_PREDICT_BACKGROUND_MAX; i++) {
        alm_buffer_text(&text, "100,1\n");
    }
    put(w, "background.csv", text.data);
    alm_buffer_deinit(&text);
    refused(w, asked, ALM_ERR_LIMIT, "more than 65536 rows");
    alm_str csv;
    alm_predict_facts facts;
    asked.background_sample = 10;
    ok(w, predict(w, asked, &csv, &facts));
    assert_true(facts.background_rows == 65537 && facts.background_used == 10);
}

/* ---- what does not go together ---- */

static void combinations_are_refused(void **state)
{
    world *w = *state;
    use_model(w, "model_simple.txt");
    put(w, "rows.csv", "X1,X2\n100,1\n");
    refused(w, (alm_predict_options){.strict = true}, ALM_ERR_INVALID,
            "--strict says how contributions are made");
    refused(w, (alm_predict_options){.background = "rows.csv"}, ALM_ERR_INVALID,
            "--background says how contributions are made");
    refused(w, (alm_predict_options){.contributions = true, .strict = true,
                                     .background = "rows.csv"},
            ALM_ERR_INVALID, "not both");
    refused(w, (alm_predict_options){.contributions = true, .interactions = true}, ALM_ERR_INVALID,
            "--interactions or --contributions, not both");
    refused(w, (alm_predict_options){.interactions = true, .strict = true}, ALM_ERR_INVALID,
            "--strict says how");
    refused(w, (alm_predict_options){.contributions = true, .background_sample = 3},
            ALM_ERR_INVALID, "there is none");
    use_model(w, "cb_symmetric.cbm");
    put(w, "rows.csv", "a,b,c,d,e\n1,1,1,1,1\n");
    refused(w, (alm_predict_options){.contributions = true, .strict = true}, ALM_ERR_UNSUPPORTED,
            "CatBoost");
}

static void fast_transforms_are_close(void **state)
{
    world *w = *state;
    double strict[40 * CLASSES], fast[40 * CLASSES];
    alm_str text;
    (void)put_classes(w);
    ok(w, predict(w, (alm_predict_options){0}, &text, NULL));
    assert_int_equal(case_numbers(text, strict, 40 * CLASSES), 40 * CLASSES);
    ok(w, predict(w, (alm_predict_options){.fast = true}, &text, NULL));
    assert_int_equal(case_numbers(text, fast, 40 * CLASSES), 40 * CLASSES);
    for (size_t i = 0; i < 40 * CLASSES; i++) {
        /* expf within an ulp, of a rounded difference; two sums of floats */
        assert_true(fabs(fast[i] - strict[i]) <= 8 * 0x1p-24 * strict[i]);
        assert_true((double)(float)fast[i] == fast[i]);
    }
}

int main(void)
{
#define ON(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON(every_kind_sums_to_the_score),
        ON(a_background_is_drawn_and_counted),
        ON(a_draw_takes_late_rows_too),
        ON(bad_backgrounds_are_named),
        ON(combinations_are_refused),
        ON(fast_transforms_are_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
