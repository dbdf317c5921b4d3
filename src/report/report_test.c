#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "report/html.h"
#include "report/report_fixture.h"
#include "report/report_internal.h"
#include "report/svg.h"

static alm_error error;

static alm_str render(const alm_report_input *input, alm_buffer *out)
{
    if (alm_report_render(input, out, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return alm_buffer_view(out);
}

static size_t occurrences(alm_str text, const char *part)
{
    size_t count = 0;
    for (const char *at = text.data; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

/* ---- text ---- */

static const char *written(alm_buffer *out)
{
    return out->data ? out->data : "";
}

static void escapes_what_comes_from_data(void **state)
{
    (void)state;
    alm_buffer out = {0};
    almi_html_text(&out, ALM_STR("<b a=\"1\" b='2'>&\xff" "\xc3\xa9</b>"));
    assert_string_equal(written(&out), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;"
                                       "\xef\xbf\xbd\xc3\xa9&lt;/b&gt;");
    alm_buffer_deinit(&out);
}

static void writes_numbers_for_readers(void **state)
{
    (void)state;
    static const struct {
        double value;
        int decimals;
        const char *text;
    } cases[] = {{0, 0, "0"},
                 {-0.001, 2, "0.00"},
                 {1234, 0, "1234"},
                 {12345.678, 1, "12\xe2\x80\xaf" "345.7"},
                 {-1234567, 0, "\xe2\x88\x92" "1\xe2\x80\xaf" "234\xe2\x80\xaf" "567"},
                 {NAN, 1, "\xe2\x80\x93"},
                 {INFINITY, 1, "\xe2\x80\x93"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        alm_buffer out = {0};
        almi_html_number(&out, cases[i].value, cases[i].decimals);
        assert_string_equal(written(&out), cases[i].text);
        alm_buffer_deinit(&out);
    }
    alm_buffer out = {0};
    almi_html_instant(&out, -1);
    alm_buffer_text(&out, "; ");
    almi_html_date(&out, 15340);
    assert_string_equal(written(&out), "31 Dec 1969, 23:59 UTC; 1 Jan 2012");
    alm_buffer_deinit(&out);
}

/* A round step, and never fewer than half nor more than the asked number of marks. */
static void chooses_round_steps(void **state)
{
    (void)state;
    assert_true(almi_svg_tick_step(100.0, 4) == 50.0);
    assert_true(almi_svg_tick_step(7.0, 3) == 5.0);
    assert_true(almi_svg_tick_step(0.0, 3) == 1.0);
    alm_rng rng = alm_rng_stream(3, 1);
    for (int i = 0; i < 1000; i++) {
        double largest = 1e-3 + 1e6 * alm_rng_next_uniform(&rng);
        double marks = largest / almi_svg_tick_step(largest, 4);
        assert_true(marks <= 4.0 + 1e-9 && marks >= 1.6 - 1e-9);
    }
}

/* Three to six round marks within every range, which their texts tell apart. */
static void an_axis_has_three_to_six_marks(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(3, 2);
    almi_axis axis = almi_svg_axis(112, 197);
    assert_int_equal(axis.count, 3);
    assert_true(axis.step == 25 && axis.first * axis.step == 125);
    for (int i = 0; i < 20000; i++) {
        double size = 1e-6;
        for (uint64_t k = alm_rng_next_below(&rng, 16); k > 0; k--) {
            size *= 10;
        }
        double low = size * alm_rng_next_normal(&rng);
        double high = low + size * (.01 + alm_rng_next_uniform(&rng));
        char text[2][48];
        axis = almi_svg_axis(low, high);
        assert_true(axis.count >= 3 && axis.count <= 6);
        assert_true(axis.first * axis.step >= low - 1e-9 * size);
        assert_true((axis.first + axis.count - 1) * axis.step <= high + 1e-9 * size);
        for (int k = 0; axis.step >= 1e-6 && k < 2; k++) {
            (void)snprintf(text[k], sizeof text[k], "%.*f", almi_svg_step_decimals(axis.step),
                           (axis.first + k) * axis.step);
        }
        assert_true(axis.step < 1e-6 || strcmp(text[0], text[1]) != 0);
    }
    assert_int_equal(almi_svg_step_decimals(25), 0);
    assert_int_equal(almi_svg_step_decimals(2.5), 1);
    assert_int_equal(almi_svg_step_decimals(.25), 2);
    assert_int_equal(almi_svg_step_decimals(.3 - .1), 1);
    /* Ranges of the last bits end all the same. */
    axis = almi_svg_axis(1e16, 1e16 + 2);
    assert_true(axis.count <= 6);
}

/* x or y of the text that holds `what`. */
static double place_of(const char *svg, const char *what, const char *attribute)
{
    const char *at = strstr(svg, what);
    assert_non_null(at);
    while (at > svg && strncmp(at, "<text", 5) != 0) {
        at--;
    }
    char name[8];
    (void)snprintf(name, sizeof name, " %s=\"", attribute);
    return strtod(strstr(at, name) + strlen(name), NULL);
}

/* Two days far above the others just before a prediction of few days: no text is over another, and
 * none leaves the chart. */
static void labels_of_cut_bars_have_room(void **state)
{
    (void)state;
    enum { DAYS = 90, STEPS = 3 };
    double history[DAYS];
    double mean[STEPS] = {10, 11, 10};
    for (size_t d = 0; d < DAYS; d++) {
        history[d] = 8 + (double)(d % 5);
    }
    history[DAYS - 2] = 5000;
    history[DAYS - 1] = 4000;
    alm_buffer out = {0};
    alm_arena *arena = alm_arena_create(0);
    almi_page page = {.out = &out, .arena = arena};
    almi_fan fan = {.first = 20000, .start = 20000 + DAYS, .history_count = DAYS,
                    .history = history, .steps = STEPS, .mean = mean};
    almi_fan_draw(&page, &fan, 380, 170, "x");
    double half = almi_svg_text_width("\xe2\x86\x91 5000") / 2;
    double first = place_of(out.data, "5000</text>", "x");
    double second = place_of(out.data, "4000</text>", "x");
    assert_true(second - first >= 2 * half && second + half <= 380);
    assert_true(place_of(out.data, "5000</text>", "y") >=
                place_of(out.data, ">predicted<", "y") + 10.5); /* the size of letters */
    assert_non_null(strstr(out.data, "\"note\" text-anchor=\"end\""));
    /* As one of a year ago, at the left end. */
    history[0] = 5000;
    history[DAYS - 2] = 9;
    alm_buffer_clear(&out);
    almi_fan_draw(&page, &fan, 380, 170, "x");
    assert_true(place_of(out.data, "5000</text>", "x") - half >= 0);
    /* Where nothing is cut, and the future is long, all is as it was. */
    history[0] = history[DAYS - 1] = 9;
    double long_mean[40];
    for (size_t h = 0; h < 40; h++) {
        long_mean[h] = 10;
    }
    fan.mean = long_mean;
    fan.steps = 40;
    alm_buffer_clear(&out);
    almi_fan_draw(&page, &fan, 380, 170, "x");
    assert_non_null(strstr(out.data, "\"note\" text-anchor=\"start\""));
    assert_null(strstr(out.data, "\xe2\x86\x91"));
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

/* ---- the page ---- */

static void same_input_gives_same_bytes(void **state)
{
    (void)state;
    report_fixture a, b;
    alm_buffer first = {0}, second = {0};
    report_fixture_init(&a);
    report_fixture_init(&b);
    alm_str x = render(&a.input, &first);
    alm_str y = render(&b.input, &second);
    assert_true(x.size > 50000);
    assert_true(alm_str_equal(x, y));
    alm_buffer_deinit(&first);
    alm_buffer_deinit(&second);
    report_fixture_deinit(&a);
    report_fixture_deinit(&b);
}

/* One of the series alone: four bins, the tallest as high as the picture, the line of a flat one at
 * .25 of .5 (twice flat is the least height). */
static void histogram_of_the_transform(void **state)
{
    (void)state;
    report_fixture f;
    alm_buffer out = {0};
    report_fixture_init(&f);
    alm_str page = render(&f.input, &out);
    assert_int_equal(occurrences(page, "where days fell in their forecast distributions"), 1);
    assert_int_equal(occurrences(page, "0.5 to 0.75: 40.0 % of days"), 1);
    assert_int_equal(occurrences(page, "y=\"28\" width=\"158\" height=\"112\""), 1); /* .4 of .5 */
    alm_buffer_deinit(&out);
    report_fixture_deinit(&f);
}

/* Nothing is fetched: no address, no import, no external script, style, font or picture. */
static void page_is_self_contained(void **state)
{
    (void)state;
    report_fixture f;
    alm_buffer out = {0};
    report_fixture_init(&f);
    alm_str page = render(&f.input, &out);
    static const char *const forbidden[] = {"http:", "https:", "//", "@import", "url(", "src=",
                                            "<img", "<iframe", "@font-face", "style=\"", "fetch("};
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        if (occurrences(page, forbidden[i]) > 0) {
            fail_msg("the page has %s", forbidden[i]);
        }
    }
    assert_int_equal(occurrences(page, "<style>"), 1);
    assert_int_equal(occurrences(page, "<script>"), 1);
    assert_true(alm_str_is_utf8(page, NULL));
    alm_buffer_deinit(&out);
    report_fixture_deinit(&f);
}

/* Elements that need an end have one, in the right order. */
static void elements_are_nested(void **state)
{
    (void)state;
    report_fixture f;
    alm_buffer out = {0};
    report_fixture_init(&f);
    alm_str page = render(&f.input, &out);
    const char *stack[64];
    size_t sizes[64];
    size_t depth = 0;
    for (const char *at = strchr(page.data, '<'); at; at = strchr(at + 1, '<')) {
        bool ends = at[1] == '/';
        const char *name = at + 1 + ends;
        size_t size = strcspn(name, " />");
        const char *close = strchr(at, '>');
        assert_non_null(close);
        bool is_void = name[0] == '!' || strncmp(name, "meta", 4) == 0 ||
                       strncmp(name, "link", 4) == 0 || close[-1] == '/';
        if (ends) {
            if (depth == 0 || sizes[depth - 1] != size ||
                memcmp(stack[depth - 1], name, size) != 0) {
                fail_msg("%.60s closes what is not open", at);
            }
            depth--;
        } else if (!is_void) {
            assert_true(depth < 64);
            stack[depth] = name;
            sizes[depth++] = size;
            if (strncmp(name, "script", 6) == 0 || strncmp(name, "style", 5) == 0) {
                at = strstr(at, "</") - 1; /* their content is no markup */
            }
        }
    }
    assert_int_equal(depth, 0);
    alm_buffer_deinit(&out);
    report_fixture_deinit(&f);
}

static void page_shows_what_it_must(void **state)
{
    (void)state;
    report_fixture f;
    alm_buffer out = {0};
    report_fixture_init(&f);
    alm_str page = render(&f.input, &out);
    static const char *const parts[] = {
        "Predictions from 26 Nov 2011", "asked for as production", "demand-3",
        "3f1a5e0c9bd2470c7e55f4a9f18b1d1ce2a8b0d56f3c9e7a4b2d8c6f0e1a3b57",
        "Anna &lt;planning&gt;", "replaces demand-2 before Christmas", "(production)",
        "late sales of &lt;22 November&gt;", "Version 12 of the prediction store",
        "&lt;b&gt;&quot;tricky&quot; &amp; co&lt;/b&gt;|EIRE", "seasonal naive", "always zero",
        "25.6\xe2\x80\xaf% below", "gradient boosting has a share of 45",
        "7 series and origins without a scale", "cold_start", "borrowed from analogues",
        "adjustment, so that parts add up", "predicted mean", "randomised probability integral",
        "sold out on 6 of 90 days", "</svg>sold out: demand was that or more</li>",
        "0, sold out: demand was that or more",
        "1234 of 10\xe2\x80\xaf" "234 days were sold out and have no score",
        "<td>87.6"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (occurrences(page, parts[i]) == 0) {
            fail_msg("the page lacks '%s'", parts[i]);
        }
    }
    assert_int_equal(occurrences(page, "<b>\"tricky\""), 0);
    assert_int_equal(occurrences(page, "<figure data-chart"), f.input.chart_count);
    assert_int_equal(occurrences(page, "<h1>"), 1);
    assert_int_equal(occurrences(page, "<table><caption>"), occurrences(page, "<table"));
    assert_int_equal(occurrences(page, "The lines sum to"), 0);
    assert_true(occurrences(page, "<td class=\"best\">") > 0);
    assert_int_equal(occurrences(page, "<td class=\"best\">90.2<"), 0); /* alone in its column */
    assert_true(occurrences(page, "<td>90.2<") > 0);
    alm_buffer_deinit(&out);
    report_fixture_deinit(&f);
}

static void lines_that_do_not_sum_are_not_hidden(void **state)
{
    (void)state;
    report_fixture f;
    alm_buffer out = {0};
    report_fixture_init(&f);
    f.input.explained_mean += 0.01;
    assert_int_equal(occurrences(render(&f.input, &out), "The lines sum to"), 1);
    alm_buffer_deinit(&out);
    report_fixture_deinit(&f);
}

static void superseded_runs_say_so(void **state)
{
    (void)state;
    report_fixture f;
    alm_buffer out = {0};
    report_fixture_init(&f);
    assert_int_equal(occurrences(render(&f.input, &out), "not in force"), 0);
    alm_buffer_clear(&out);
    f.input.superseded = true;
    f.input.superseded_by = ALM_STR("run-9");
    assert_int_equal(occurrences(render(&f.input, &out), "not in force"), 1);
    alm_buffer_deinit(&out);
    report_fixture_deinit(&f);
}

/* Where nothing was sold out nobody reads of it. */
static void what_was_not_sold_out_is_not_spoken_of(void **state)
{
    (void)state;
    report_fixture f;
    alm_buffer out = {0};
    report_fixture_init(&f);
    f.input.backtest = (alm_str){0};
    f.input.history = NULL;
    assert_int_equal(occurrences(render(&f.input, &out), "sold out"), 0);
    alm_buffer_deinit(&out);
    report_fixture_deinit(&f);
}

/* An imported release without backtest, stock, charts or explanation still has its lineage. */
static void empty_parts_are_left_out(void **state)
{
    (void)state;
    report_fixture f;
    alm_buffer out = {0};
    report_fixture_init(&f);
    alm_report_input bare = {.project = ALM_STR("x"), .manifest = f.input.manifest,
                             .snapshot_start = 1, .snapshot_end = 2};
    alm_str page = render(&bare, &out);
    assert_int_equal(occurrences(page, "id=\"lineage\""), 1);
    assert_int_equal(occurrences(page, "id=\"accuracy\""), 0);
    assert_int_equal(occurrences(page, "id=\"stockouts\""), 0);
    assert_int_equal(occurrences(page, "<figure"), 0);
    alm_buffer_deinit(&out);
    report_fixture_deinit(&f);
}

static void columns_say_when_they_are_known(void **state)
{
    (void)state;
    const alm_report_column COLUMNS[] = {
        {ALM_STR("promo<tion"), ALM_STR("plan"), true, false, 0},
        {ALM_STR("rate"), ALM_STR("calendar"), true, true, 0},
        {ALM_STR("visits"), ALM_STR("doors"), false, false, 2}};
    report_fixture f;
    alm_buffer out = {0};
    report_fixture_init(&f);
    f.input.columns = COLUMNS;
    f.input.column_count = 3;
    f.input.target_delay = 1;
    alm_str page = render(&f.input, &out);
    assert_int_equal(occurrences(page, "promo&lt;tion</code> of plan known in advance <span "
                                       "class=\"muted\">of every day that is forecast"), 1);
    assert_int_equal(occurrences(page, "rate</code> of calendar known in advance <span "
                                       "class=\"muted\">where there is a plan"), 1);
    assert_int_equal(occurrences(page, "visits</code> of doors <span class=\"muted\">observed, "
                                       "known 2 days after its day"), 1);
    assert_int_equal(occurrences(page, "units</code> (target) <span class=\"muted\">observed, "
                                       "known 1 day after its day"), 1);
    alm_buffer_deinit(&out);
    report_fixture_deinit(&f);
}

static void broken_texts_are_refused(void **state)
{
    (void)state;
    report_fixture f;
    alm_buffer out = {0};
    report_fixture_init(&f);
    alm_report_input input = f.input;
    input.manifest = ALM_STR("{\"run_id\":");
    assert_int_equal(alm_report_render(&input, &out, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "run manifest"));
    input = f.input;
    input.backtest = ALM_STR("[1]");
    assert_int_equal(alm_report_render(&input, &out, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "report.json"));
    alm_buffer_deinit(&out);
    report_fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_what_comes_from_data),
        cmocka_unit_test(writes_numbers_for_readers),
        cmocka_unit_test(chooses_round_steps),
        cmocka_unit_test(an_axis_has_three_to_six_marks),
        cmocka_unit_test(labels_of_cut_bars_have_room),
        cmocka_unit_test(same_input_gives_same_bytes),
        cmocka_unit_test(histogram_of_the_transform),
        cmocka_unit_test(page_is_self_contained),
        cmocka_unit_test(elements_are_nested),
        cmocka_unit_test(page_shows_what_it_must),
        cmocka_unit_test(lines_that_do_not_sum_are_not_hidden),
        cmocka_unit_test(superseded_runs_say_so),
        cmocka_unit_test(what_was_not_sold_out_is_not_spoken_of),
        cmocka_unit_test(empty_parts_are_left_out),
        cmocka_unit_test(columns_say_when_they_are_known),
        cmocka_unit_test(broken_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
