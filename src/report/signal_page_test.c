#include "report/signal_page.h"

#include "train/signal/signal_figures_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define INPUTS                                                                                     \
    "{\"engine_source\":\"eeee\",\"feature_version\":\"ffff\",\"project_commit\":\"cccc\","        \
    "\"snapshot_id\":\"5555\"}"

static const alm_signal_page_feature FEATURES[] = {{{"rsi_close_14", 12}, true, 14},
                                                   {{"sma<5>", 6}, false, 4}};

static alm_signal_page_input input_of(const alm_signal_figures *figures)
{
    static const alm_ledger_entry ledger[] = {{.seq = 7,
                                               .action = ALM_LEDGER_APPROVE,
                                               .who = {"ann", 3},
                                               .why = {"read & accepted", 15}}};
    return (alm_signal_page_input){.project = ALM_STR("desk <1>"),
                                   .release = ALM_STR("swing-1"),
                                   .alias = ALM_STR("live"),
                                   .engine = ALM_STR("almanac x"),
                                   .bundle = ALM_STR("bbbb"),
                                   .training_run = ALM_STR("aaaa"),
                                   .feature_version = ALM_STR("ffff"),
                                   .inputs = ALM_STR(INPUTS),
                                   .figures = figures,
                                   .feature = FEATURES,
                                   .feature_count = 2,
                                   .ledger = ledger,
                                   .ledger_count = 1};
}

static void read_case(alm_arena *arena, alm_signal_figures *out)
{
    alm_error error = {0};
    assert_int_equal(alm_signal_figures_read(alm_str_of(CASE_REPORT), arena, out, &error),
                     ALM_OK);
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what)) {
        count++;
    }
    return count;
}

static void has_every_section(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_signal_figures figures;
    alm_buffer page = {0};
    alm_buffer again = {0};
    alm_error error = {0};
    read_case(arena, &figures);
    alm_signal_page_input input = input_of(&figures);
    assert_int_equal(alm_signal_page_render(&input, &page, &error), ALM_OK);
    assert_int_equal(alm_signal_page_render(&input, &again, &error), ALM_OK);
    assert_true(alm_str_equal(alm_buffer_view(&page), alm_buffer_view(&again)));
    static const char *const parts[] = {
        "<!doctype html>", "Signal swing-1</title>", "desk &lt;1&gt;", "asked for as live",
        "<section id=\"verdict\"", "Horizon 5: better &lt;than&gt; the prior.", "No edge.",
        "Edge, but not in which way.",
        "horizons that know which way</span><span class=\"value\">0 <small>of 2",
        "<section id=\"figures\"", "0.9800", "its member net", "logistic regression",
        "<section id=\"reliability\"", "said 0.625, came 0.500, 10 samples",
        "<section id=\"balance\"", "<section id=\"confusion\"",
        /* said and came are both a side in 3 of -1/-1, 1 of +1/-1 and 1 of +1/+1 */
        ("Of 5 moves for which it said a side, 80.0\xe2\x80\xaf% went there; always saying the "
         "side that came more often would have been right in 60.0"), "<section id=\"windows\"",
        "A&amp;B", "<section id=\"features\"", "sma&lt;5&gt;", "<section id=\"lineage\"",
        "read &amp; accepted", "title=\"bbbb\"", "title=\"5555\"", "title=\"cccc\"", "</html>",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!strstr(page.data, parts[i])) {
            print_error("the page has no %s\n", parts[i]);
            fail();
        }
    }
    /* A chart, a group of figures and one of classes for each horizon. */
    assert_int_equal(count_of(page.data, "<figure>"), 2);
    assert_int_equal(count_of(page.data, "<th scope=\"row\">logistic regression"), 1);
    assert_int_equal(count_of(page.data, "<tr class=\"ours\">"), 2);
    assert_int_equal(count_of(page.data, "src=") + count_of(page.data, "http"), 0);
    alm_buffer_deinit(&page);
    alm_buffer_deinit(&again);
    alm_arena_destroy(arena);
}

static void the_best_is_bold(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_signal_figures figures;
    alm_buffer page = {0};
    alm_error error = {0};
    read_case(arena, &figures);
    alm_signal_page_input input = input_of(&figures);
    assert_int_equal(alm_signal_page_render(&input, &page, &error), ALM_OK);
    /* .98 is the lowest log loss at both horizons; the others are never bold. */
    assert_int_equal(count_of(page.data, "<td class=\"best\">0.9800"), 2);
    assert_int_equal(count_of(page.data, "<td class=\"best\">0.99"), 0);
    assert_int_equal(count_of(page.data, "<td class=\"best\">1."), 0);
    alm_buffer_deinit(&page);
    alm_arena_destroy(arena);
}

static void broken_inputs_are_refused(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_signal_figures figures;
    alm_buffer page = {0};
    alm_error error = {0};
    read_case(arena, &figures);
    alm_signal_page_input input = input_of(&figures);
    input.inputs = ALM_STR("{");
    assert_int_equal(alm_signal_page_render(&input, &page, &error), ALM_ERR_CORRUPT);
    alm_buffer_deinit(&page);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_every_section),
        cmocka_unit_test(the_best_is_bold),
        cmocka_unit_test(broken_inputs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
