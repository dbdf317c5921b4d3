#include "train/signal/signal_figures.h"

#include "train/signal/signal_figures_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void reads_a_report(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_signal_figures f;
    alm_error error = {0};
    assert_true(alm_signal_figures_are(alm_str_of(CASE_REPORT)));
    alm_err code = alm_signal_figures_read(alm_str_of(CASE_REPORT), arena, &f, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(code, ALM_OK);
    assert_true(alm_str_is(f.name, "swing"));
    assert_int_equal(f.folds, 4);
    assert_int_equal(f.horizon_count, 2);
    const alm_signal_horizon_figures *h = &f.horizon[0];
    assert_int_equal(h->bars, 5);
    assert_int_equal(h->class_count, 3);
    assert_int_equal(h->label[0], -1);
    assert_int_equal(h->train_count[2], 10);
    assert_true(h->answer.log_loss == 0.98 && h->prior.log_loss == 1.0);
    assert_true(h->has_logistic && h->logistic.log_loss == 1.01);
    assert_int_equal(h->member_count, 2);
    assert_true(alm_str_is(h->member[1].name, "net") && h->member[1].log_loss == 1.25);
    assert_int_equal(h->answer.confusion[1][0], 2);
    assert_int_equal(h->answer.bin_count, 2);
    assert_int_equal(h->answer.bin[1].count, 10);
    assert_true(h->answer.bin[1].probability == 0.625);
    assert_int_equal(h->test.samples, 10);
    assert_true(h->has_side && !h->knows_side && h->side_log_loss == 0.7);
    assert_int_equal(h->side_samples, 6);
    assert_true(h->edge && !f.horizon[1].edge && !f.horizon[1].has_logistic);
    assert_int_equal(f.symbol_count, 2);
    assert_int_equal(f.symbol[1].first.size, 0);
    alm_arena_destroy(arena);
}

/* One place of the report is replaced. */
static alm_err read_changed(const char *old, const char *new, alm_error *error)
{
    const char *at = strstr(CASE_REPORT, old);
    assert_non_null(at);
    alm_buffer text = {0};
    alm_arena *arena = alm_arena_create(0);
    alm_signal_figures f;
    alm_buffer_append(&text, CASE_REPORT, (size_t)(at - CASE_REPORT));
    alm_buffer_text(&text, new);
    alm_buffer_text(&text, at + strlen(old));
    alm_err code = alm_signal_figures_read(alm_buffer_view(&text), arena, &f, error);
    alm_buffer_deinit(&text);
    alm_arena_destroy(arena);
    return code;
}

static void refuses_what_it_cannot_show(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new;
        alm_err code;
        const char *message;
    } cases[] = {
        {"signal_report\":1", "signal_report\":2", ALM_ERR_UNSUPPORTED, "layout 1, not 2"},
        {"\"log_loss\":0.98", "\"log_loss\":null", ALM_ERR_CORRUPT,
         "report.json of a signal: horizons[0]: answer: "},
        {"[[3,1,0],", "[[3,1],", ALM_ERR_CORRUPT, "confusion is no table of 3 classes"},
        {"[2,2,0],[1,0,1]]", "[2,2,0]]", ALM_ERR_CORRUPT, "confusion is no table of 3 classes"},
        {"{\"label\":-1,", "{\"label\":-2,\"test\":0,\"train\":0},{\"label\":-1,",
         ALM_ERR_CORRUPT, "classes has 4 items, at most 3 are known"},
        {"\"prior\":{", "\"prior\":7,\"priors\":{", ALM_ERR_CORRUPT, "prior: figures are missing"},
        {"\"edge\":true", "\"edge\":1", ALM_ERR_CORRUPT, "edge"},
        {"\"symbols\":[{\"bars\":120", "\"symbols\":[{\"bar\":120", ALM_ERR_CORRUPT, "bars"},
        {"\"side\":{\"blocks\"", "\"side\":{\"block\"", ALM_OK, ""},
        {"\"samples\":6,", "", ALM_ERR_CORRUPT, "samples"},
        {"{\"almanac", "[{\"almanac", ALM_ERR_CORRUPT, "report.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alm_error error = {0};
        alm_err code = read_changed(cases[i].old, cases[i].new, &error);
        if (code != cases[i].code || !strstr(error.message, cases[i].message)) {
            print_error("%s: %s\n", cases[i].new, error.message);
        }
        assert_int_equal(code, cases[i].code);
        assert_non_null(strstr(error.message, cases[i].message));
    }
    assert_false(alm_signal_figures_are(ALM_STR("{\"levels\":[]}")));
    assert_false(alm_signal_figures_are(ALM_STR("")));
    assert_false(alm_signal_figures_are(ALM_STR("[1]")));
}

static void another_question_is_another_test(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"\"label\":-1,\"test\":4", "\"label\":-1,\"test\":3"}, /* other barriers */
        {"\"label\":1,", "\"label\":2,"},
        {"2020-06-30T15:30:00.000000Z\",\"samples\"", "2020-06-30T14:30:00.000000Z\",\"samples\""},
        {"\"A&B\"", "\"A&D\""},
        {"\"bars\":5", "\"bars\":6"},
    };
    alm_arena *arena = alm_arena_create(0);
    alm_signal_figures a, b;
    alm_error error = {0};
    assert_int_equal(alm_signal_figures_read(alm_str_of(CASE_REPORT), arena, &a, &error), ALM_OK);
    assert_true(alm_signal_tests_are_same(&a, 0, &a, 0));
    assert_false(alm_signal_tests_are_same(&a, 0, &a, 1));
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const char *at = strstr(CASE_REPORT, changes[i][0]);
        assert_non_null(at);
        alm_str text = alm_str_of(alm_arena_printf(arena, "%.*s%s%s", (int)(at - CASE_REPORT),
                                                   CASE_REPORT, changes[i][1],
                                                   at + strlen(changes[i][0])));
        assert_int_equal(alm_signal_figures_read(text, arena, &b, &error), ALM_OK);
        assert_false(alm_signal_tests_are_same(&a, 0, &b, 0));
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_report),
        cmocka_unit_test(refuses_what_it_cannot_show),
        cmocka_unit_test(another_question_is_another_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
