#include "report/backtest_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define STEPS 8

static alm_error error;

/* Ours is twice as far off at the last step as at the first; ETS half of that, zero ten times. */
static void put_method(alm_buffer *out, const char *name, double size, size_t step)
{
    double rmsse = size * (1 + (double)step / (STEPS - 1));
    alm_buffer_printf(out, "{\"method\":\"%s\",\"wape\":1,\"bias\":0,\"rmsse\":%.17g,\"mae\":2%s}",
                      name, rmsse, strcmp(name, "final") ? "" : ",\"coverage_90\":0.9");
}

static const char *const NAME[] = {"final", "gbm", "ets<b>", "zero"};
static const double SIZE[] = {1, 1.1, 0.5, 10};

static void put_methods(alm_buffer *out, size_t step)
{
    alm_buffer_text(out, "\"methods\":[");
    for (size_t i = 0; i < sizeof NAME / sizeof NAME[0]; i++) {
        alm_buffer_text(out, i ? "," : "");
        put_method(out, NAME[i], SIZE[i], step);
    }
    alm_buffer_text(out, "]");
}

static void put_group(alm_buffer *out, const char *key, const char *name, int nodes)
{
    alm_buffer_printf(out, "{\"%s\":\"%s\",\"series\":%d,\"unscaled\":0,", key, name, nodes);
    put_methods(out, 0);
    alm_buffer_text(out, ",\"steps\":[");
    for (size_t h = 0; h < STEPS; h++) {
        alm_buffer_printf(out, "%s{\"step\":%zu,", h ? "," : "", h + 1);
        put_methods(out, h);
        alm_buffer_text(out, "}");
    }
    alm_buffer_text(out, "]}");
}

static void put_report(alm_buffer *out, bool in_detail)
{
    alm_buffer_text(out, "{\"model\":\"demand\",\"horizon\":8,\"snapshot_id\":\"cab9\",\"origins\":"
                         "{\"scored\":[\"2023-05-14\",\"2023-05-21\"],\"selection\":[]},"
                         "\"levels\":[");
    if (in_detail) {
        put_group(out, "level", "series", 40);
        alm_buffer_text(out, ",");
        put_group(out, "level", "region", 2); /* too few windows for a share by step */
        alm_buffer_text(out, "],\"classes\":[");
        put_group(out, "class", "smooth", 40);
        alm_buffer_text(out, "],\"verdicts\":[{\"level\":\"series\",\"verdict\":\"final is <worse>"
                             "\"}],\"ranks\":[{\"level\":\"series\",\"rows\":40,"
                             "\"critical_distance\":0.5,\"verdict\":\"ets has the best\","
                             "\"methods\":["
                             "{\"method\":\"final\",\"mean_rank\":2,\"among_best\":false},"
                             "{\"method\":\"ets\",\"mean_rank\":1,\"among_best\":true},"
                             "{\"method\":\"zero\",\"mean_rank\":3,\"among_best\":false}]}");
    }
    alm_buffer_text(out, "],\"importance\":[]}");
}

static size_t occurrences(alm_str text, const char *part)
{
    size_t count = 0;
    for (const char *at = text.data; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

static alm_str render(alm_str report, alm_buffer *out)
{
    alm_backtest_page_input input = {ALM_STR("shop & co"), ALM_STR("almanac 1"), report};
    if (alm_backtest_page_render(&input, out, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return alm_buffer_view(out);
}

static void every_group_has_its_chart(void **state)
{
    (void)state;
    alm_buffer report = {0};
    alm_buffer out = {0};
    put_report(&report, true);
    alm_str page = render(alm_buffer_view(&report), &out);
    assert_int_equal(occurrences(page, "Error of every method by step ahead"), 3);
    assert_int_equal(occurrences(page, "Coverage by step ahead"), 1);
    assert_int_equal(occurrences(page, ">region</text>"), 0); /* not among the coverages */
    assert_int_equal(occurrences(page, "not drawn, over twice as far off: always zero"), 3);
    /* The name of the best of the others, once per chart, and ours. */
    assert_int_equal(occurrences(page, "<text class=\"rival\""), 3);
    assert_int_equal(occurrences(page, "<path class=\"rival\""), 3);
    assert_int_equal(occurrences(page, ">ets&lt;b&gt;</text>"), 3);
    assert_int_equal(occurrences(page, ">released forecast</text>"), 3 + 1); /* and a rank */
    assert_int_equal(occurrences(page, "final is &lt;worse&gt;"), 1);
    assert_int_equal(occurrences(page, "shop &amp; co"), 1);
    assert_int_equal(occurrences(page, "<b>"), occurrences(page, "</b>"));
    assert_int_equal(occurrences(page, "<section"), occurrences(page, "</section>"));
    assert_int_equal(occurrences(page, "<figure"), occurrences(page, "</figure>"));
    static const char *const FORBIDDEN[] = {"http:", "https:", "//", "url(", "src=", "style=\"",
                                            "nan", "inf\""};
    for (size_t i = 0; i < sizeof FORBIDDEN / sizeof FORBIDDEN[0]; i++) {
        if (occurrences(page, FORBIDDEN[i]) > 0) {
            fail_msg("the page has %s", FORBIDDEN[i]);
        }
    }
    alm_buffer again = {0};
    assert_true(alm_str_equal(page, render(alm_buffer_view(&report), &again)));
    alm_buffer_deinit(&again);
    alm_buffer_deinit(&report);
    alm_buffer_deinit(&out);
}

/* Axis from .5 to 2.5 in halves, 38 to 328 across, 214 to 10 up: ours goes from 1 to 2. */
static void lines_are_where_the_figures_are(void **state)
{
    (void)state;
    alm_buffer report = {0};
    alm_buffer out = {0};
    put_report(&report, true);
    alm_str page = render(alm_buffer_view(&report), &out);
    assert_int_equal(occurrences(page, "class=\"mean\" d=\"M38 163"), 3);
    assert_int_equal(occurrences(page, "L328 61"), 3);
    alm_buffer_deinit(&report);
    alm_buffer_deinit(&out);
}

/* Three ranks from .5 to 3.5 over 132 to 424: rank 1 at 180.67, and half of .5 is 24.33 wide. */
static void ranks_have_their_critical_distance(void **state)
{
    (void)state;
    alm_buffer report = {0};
    alm_buffer out = {0};
    put_report(&report, true);
    alm_str page = render(alm_buffer_view(&report), &out);
    assert_int_equal(occurrences(page, "Mean ranks of the methods"), 1);
    const char *zone = strstr(page.data, "Mean ranks of the methods");
    assert_non_null(strstr(zone, "x=\"156.33\" y=\"2\" width=\"48.67\""));
    const char *ets = strstr(zone, ">ets</text>");
    const char *ours = strstr(zone, ">released forecast</text>");
    const char *zero = strstr(zone, ">always zero</text>");
    assert_true(ets && ours && zero && ets < ours && ours < zero);
    assert_int_equal(occurrences(page, ">1.00</text>"), 1);
    alm_buffer_deinit(&report);
    alm_buffer_deinit(&out);
}

/* The report of a training has neither steps nor ranks. */
static void without_detail_the_sections_are_left_out(void **state)
{
    (void)state;
    alm_buffer report = {0};
    alm_buffer out = {0};
    put_report(&report, false);
    alm_str page = render(alm_buffer_view(&report), &out);
    assert_int_equal(occurrences(page, "id=\"steps\"") + occurrences(page, "#steps"), 0);
    assert_int_equal(occurrences(page, "id=\"ranks\"") + occurrences(page, "#ranks"), 0);
    assert_int_equal(occurrences(page, "id=\"accuracy\""), 1);
    alm_backtest_page_input input = {ALM_STR("p"), ALM_STR("e"), ALM_STR("{\"levels\":")};
    assert_int_equal(alm_backtest_page_render(&input, &out, &error), ALM_ERR_CORRUPT);
    alm_buffer_deinit(&report);
    alm_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_group_has_its_chart),
        cmocka_unit_test(lines_are_where_the_figures_are),
        cmocka_unit_test(ranks_have_their_critical_distance),
        cmocka_unit_test(without_detail_the_sections_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
