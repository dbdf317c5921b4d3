/* What compiles and what is refused, the columns' names, the canonical text and its hash. */
#include "feature/bars/bars_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static alm_err compile_one(const char *text, alm_bars_plan **plan, alm_error *error)
{
    return case_compile(&text, 1, plan, error);
}

static alm_bars_plan *plan_of(const char *const *texts, size_t count)
{
    alm_bars_plan *plan;
    alm_error error = {0};
    if (case_compile(texts, count, &plan, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return plan;
}

/* ---- refusals ---- */

static const struct {
    const char *text;
    const char *message;
} refusals[] = {
    {"", "declaration 1 '': there is no operator ''"},
    {"rsi", "expected '(' behind the operator at ''"},
    {"rsii(close, 14)", "there is no operator 'rsii'"},
    {"RSI(close, 14)", "there is no operator 'RSI'"},
    {"rsi(close, 14", "expected ',' or ')' at ''"},
    {"rsi(close 14)", "expected ',' or ')' at '14)'"},
    {"rsi(close,)", "expected a column or a number at ')'"},
    {"rsi(close, 14,)", "expected a column or a number at ')'"},
    {"rsi(, 14)", "expected a column or a number at ', 14)'"},
    {"rsi(close, \n\x01)", "expected a column or a number at '\\x01)'"},
    {"rsi(close)", "rsi(column, n) takes 2 arguments, not 1"},
    {"rsi()", "rsi(column, n) takes 2 arguments, not 0"},
    {"rsi(close, 14, 3)", "rsi(column, n) takes 2 arguments, not 3"},
    {"rsi(close, 1, 2, 3, 4)", "too many arguments: it is rsi(column, n)"},
    {"rsi(14, close)", "rsi(column, n): there is no column '14'"},
    {"rsi(Close, 14)", "there is no column 'Close'"},
    {"rsi(close, close)", "rsi(column, n) takes a whole number in 1..10000, not 'close'"},
    {"rsi(close, 0)", "takes a whole number in 1..10000, not '0'"},
    {"rsi(close, -1)", "takes a whole number in 1..10000, not '-1'"},
    {"rsi(close, 14.0)", "takes a whole number in 1..10000, not '14.0'"},
    {"rsi(close, 10001)", "takes a whole number in 1..10000, not '10001'"},
    {"rsi(close, 99999999999999999999)", "takes a whole number in 1..10000"},
    {"zscore(close, 1)", "takes a whole number in 2..10000, not '1'"},
    {"bollinger(close, 20, 0)", "takes a factor above 0 and at most 1000, not '0'"},
    {"bollinger(close, 20, -2)", "takes a factor above 0 and at most 1000, not '-2'"},
    {"bollinger(close, 20, nan)", "takes a factor above 0 and at most 1000, not 'nan'"},
    {"bollinger(close, 20, 1e9)", "takes a factor above 0 and at most 1000, not '1e9'"},
    {"macd(close, 26, 12, 9)", "the fast window must be shorter than the slow one"},
    {"macd(close, 12, 12, 9)", "the fast window must be shorter than the slow one"},
    {"macd(close, 12, 26, 9).lin", "operator 'macd' has no output 'lin'"},
    {"rsi(close, 14).value", "operator 'rsi' has no output 'value'"},
    {"rsi(close, 14) as", "does not start with a dot, not ''"},
    {"rsi(close, 14) as .x", "does not start with a dot, not '.x'"},
    {"rsi(close, 14) as a/b", "does not start with a dot, not 'a/b'"},
    {"rsi(close, 14) named x", "expected '.output', 'as name' or the end at 'named x'"},
    {"rsi(close, 14) obv()", "expected '.output', 'as name' or the end at 'obv()'"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        alm_bars_plan *plan = NULL;
        alm_error error = {0};
        assert_int_equal(compile_one(refusals[i].text, &plan, &error), ALM_ERR_CONFIG);
        if (!strstr(error.message, refusals[i].message)) {
            fail_msg("%s, not %s", error.message, refusals[i].message);
        }
        assert_null(plan);
        assert_true(alm_str_starts_with(alm_str_of(error.message), "declaration 1 '"));
    }
}

static void test_refusals_of_lists(void **state)
{
    const char *const twice[] = {"sma(close, 5)", "rsi(close, 5) as x", "sma( close ,5 )"};
    const char *const clash[] = {"sma(close, 5) as x", "rsi(close, 5) as x"};
    const char *const heavy[] = {
        "sma(open, 10000)", "sma(high, 10000)", "sma(low, 10000)", "sma(close, 10000)"};
    alm_str many[ALM_BARS_DECLARATIONS_MAX + 1];
    char name[ALM_BARS_DECLARATIONS_MAX][60];
    alm_bars_plan *plan = NULL;
    alm_error error = {0};
    const alm_bars_options bad[] = {{-1}, {1440}};
    alm_str one = ALM_STR("sma(close, 5)");
    (void)state;
    assert_int_equal(case_compile(twice, 3, &plan, &error), ALM_ERR_CONFIG);
    assert_string_equal(error.message, "declaration 3 'sma( close ,5 )': there is a column "
                        "'sma_close_5' already: give it another name with 'as'");
    assert_int_equal(case_compile(clash, 2, &plan, &error), ALM_ERR_CONFIG);
    assert_int_equal(case_compile(clash, 0, &plan, &error), ALM_ERR_CONFIG);
    assert_string_equal(error.message, "a plan over bars has 1 to 1000 declarations, not 0");
    assert_int_equal(alm_bars_plan_compile(many, ALM_BARS_DECLARATIONS_MAX + 1, NULL, &plan,
                                           &error), ALM_ERR_CONFIG);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(alm_bars_plan_compile(&one, 1, &bad[i], &plan, &error), ALM_ERR_CONFIG);
        assert_non_null(strstr(error.message, "a session opens at a minute in 0..1439 of the day"));
    }
    /* Long windows over derived cells: each has a ring of its own. */
    for (int i = 0; i < ALM_BARS_DECLARATIONS_MAX; i++) {
        int size = snprintf(name[i], sizeof name[i], "stochastic(%d, 10000, 2) as s%d", i + 1, i);
        many[i] = (alm_str){name[i], (size_t)size};
    }
    assert_int_equal(alm_bars_plan_compile(many, ALM_BARS_DECLARATIONS_MAX, NULL, &plan, &error),
                     ALM_ERR_LIMIT);
    assert_non_null(strstr(error.message, "bytes per symbol, at most 67108864 are allowed"));
    assert_null(plan);
    assert_int_equal(case_compile(heavy, 4, &plan, &error), ALM_OK);
    alm_bars_plan_destroy(plan);
}

static void test_long_texts(void **state)
{
    char text[400];
    alm_bars_plan *plan;
    alm_error error = {0};
    (void)state;
    memset(text, ' ', sizeof text);
    memcpy(text, "sma(close, 5) as x", 18);
    text[300] = '\0';
    assert_int_equal(compile_one(text, &plan, &error), ALM_OK);
    assert_string_equal(alm_bars_plan_name(plan, 0), "x");
    alm_bars_plan_destroy(plan);
    text[300] = ' ';
    text[301] = '\0';
    assert_int_equal(compile_one(text, &plan, &error), ALM_ERR_CONFIG);
    assert_non_null(strstr(error.message, "301 bytes are too long for a declaration"));
}

/* ---- columns ---- */

static void test_names(void **state)
{
    const char *const texts[] = {"rsi(close,14)", " macd ( close , 12 , 26 , 9 ) ",
                                 "macd(close, 12, 26, 9).signal as s", "obv()",
                                 "bollinger(close, 20, 2.50).width", "adx(14) as trend",
                                 "bollinger(typical, 20, 0.0001).lower"};
    static const char *const names[] = {
        "rsi_close_14", "macd_close_12_26_9_line", "macd_close_12_26_9_signal",
        "macd_close_12_26_9_histogram", "s", "obv", "bollinger_close_20_2.5_width", "trend_adx",
        "trend_plus_di", "trend_minus_di", "bollinger_typical_20_0.0001_lower"};
    (void)state;
    alm_bars_plan *plan = plan_of(texts, 7);
    assert_int_equal(alm_bars_plan_width(plan), sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_string_equal(alm_bars_plan_name(plan, i), names[i]);
    }
    alm_bars_plan_destroy(plan);
}

/* Equal parts are computed once. */
static void test_sharing(void **state)
{
    const char *const alone[] = {"macd(close, 12, 26, 9)"};
    const char *const more[] = {"macd(close, 12, 26, 9)", "ema(close, 12)",
                                "macd(close, 12, 26, 9).line as again", "ema(close, 26)"};
    const char *const other[] = {"macd(close, 12, 26, 9)", "ema(open, 12)"};
    (void)state;
    alm_bars_plan *first = plan_of(alone, 1);
    alm_bars_plan *second = plan_of(more, 4);
    alm_bars_plan *third = plan_of(other, 2);
    assert_int_equal(second->graph.count, first->graph.count);
    assert_int_equal(third->graph.count, first->graph.count + 1);
    alm_bars_plan_destroy(third);
    alm_bars_plan_destroy(second);
    alm_bars_plan_destroy(first);
}

static void test_classes_and_lookback(void **state)
{
    const char *const texts[] = {"sma(close, 7)", "return(close, 9)", "volatility(close, 20)",
                                 "stochastic(14, 3, 5)", "aroon(25)", "ema(close, 500)", "obv()",
                                 "bar_of_session()", "minutes_since_open()", "vwap(close, 3)"};
    static const bool anchored[] = {false, false, false, false, false, false,
                                    false, false, true,  true,  true,  false, false};
    const char *const recursive[] = {"rsi(close, 14)", "adx(14)"};
    (void)state;
    alm_bars_plan *plan = plan_of(texts, 10);
    assert_int_equal(alm_bars_plan_width(plan), sizeof anchored / sizeof *anchored);
    for (size_t i = 0; i < alm_bars_plan_width(plan); i++) {
        assert_int_equal(alm_bars_plan_is_anchored(plan, i), anchored[i]);
    }
    assert_int_equal(alm_bars_plan_lookback(plan), 26); /* aroon: 25 bars and this one */
    alm_bars_plan_destroy(plan);
    plan = plan_of(recursive, 2);
    assert_int_equal(alm_bars_plan_lookback(plan), 1);
    alm_bars_plan_destroy(plan);
}

/* ---- the text and its hash ---- */

static void text_of(const alm_bars_plan *plan, alm_buffer *out)
{
    alm_bars_plan_write(plan, out);
    assert_false(out->failed);
}

/* Golden: a change of this text changes every feature version. */
static void test_canonical_text(void **state)
{
    const char *const texts[] = {"  rsi( close,014 )", "bollinger(close, 20, 2.0) .width as  w"};
    char digest[ALM_DIGEST_TEXT_BYTES];
    alm_buffer text = {0};
    (void)state;
    alm_bars_plan *plan = plan_of(texts, 2);
    text_of(plan, &text);
    assert_string_equal(text.data,
                        "{\"bars_format\":1,\"declarations\":[{\"revision\":1,\"text\":"
                        "\"rsi(close, 14)\"},{\"revision\":1,\"text\":"
                        "\"bollinger(close, 20, 2).width as w\"}],"
                        "\"session_open_minutes\":570}");
    alm_digest expected = alm_hash_bytes(text.data, text.size);
    assert_true(alm_digest_equal(&expected, alm_bars_plan_version(plan)));
    alm_digest_text(alm_bars_plan_version(plan), digest);
    assert_string_equal(digest,
                        "bfc3dac9c105e64fe363569eef11ac2ab7d13259d2665faa8f15b5df4a5e9fb2");
    alm_buffer_deinit(&text);
    alm_bars_plan_destroy(plan);
}

static void test_everything_is_in_the_version(void **state)
{
    const char *const texts[] = {"bollinger(close, 20, 2) as b", "bollinger(open, 20, 2) as b",
                                 "bollinger(close, 21, 2) as b", "bollinger(close, 20, 2.5) as b",
                                 "bollinger(close, 20, 2) as c", "bollinger(close, 20, 2)",
                                 "bollinger(close, 20, 2).upper as b", "sma(close, 20) as b"};
    enum { COUNT = sizeof texts / sizeof *texts };
    alm_digest versions[COUNT + 1];
    alm_str first = alm_str_of(texts[0]);
    const alm_bars_options other = {0};
    alm_bars_plan *plan;
    alm_error error = {0};
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        plan = plan_of(&texts[i], 1);
        versions[i] = *alm_bars_plan_version(plan);
        alm_bars_plan_destroy(plan);
    }
    assert_int_equal(alm_bars_plan_compile(&first, 1, &other, &plan, &error), ALM_OK);
    versions[COUNT] = *alm_bars_plan_version(plan);
    alm_bars_plan_destroy(plan);
    for (size_t i = 0; i <= COUNT; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_false(alm_digest_equal(&versions[i], &versions[j]));
        }
    }
}

static void test_round_trip(void **state)
{
    alm_buffer text = {0};
    alm_bars_plan *again;
    alm_error error = {0};
    (void)state;
    alm_bars_plan *plan = case_plan();
    text_of(plan, &text);
    assert_int_equal(alm_bars_plan_read(alm_buffer_view(&text), "plan.json", &again, &error),
                     ALM_OK);
    assert_true(alm_digest_equal(alm_bars_plan_version(plan), alm_bars_plan_version(again)));
    assert_int_equal(alm_bars_plan_width(plan), alm_bars_plan_width(again));
    alm_bars_plan_destroy(again);
    alm_bars_plan_destroy(plan);
    alm_buffer_deinit(&text);
}

static const struct {
    const char *json;
    alm_err code;
    const char *message;
} foreign[] = {
    {"{}", ALM_ERR_INVALID, "p: "},
    {"{\"bars_format\":2}", ALM_ERR_UNSUPPORTED, "format 2; this engine reads format 1"},
    {"{\"bars_format\":1,\"declarations\":[{\"revision\":2,\"text\":\"obv()\"}],"
     "\"session_open_minutes\":0}", ALM_ERR_UNSUPPORTED,
     "needs revision 2 of operator 'obv', this engine has revision 1"},
    {"{\"bars_format\":1,\"declarations\":[{\"revision\":1,\"text\":\"obw()\"}],"
     "\"session_open_minutes\":0}", ALM_ERR_UNSUPPORTED, "no operator over bars 'obw'"},
    {"{\"bars_format\":1,\"declarations\":[{\"revision\":1,\"text\":\"obv(1)\"}],"
     "\"session_open_minutes\":0}", ALM_ERR_CONFIG, "obv() takes 0 arguments, not 1"},
    {"{\"bars_format\":1,\"declarations\":[{\"revision\":1,\"text\":\"obv( )\"}],"
     "\"session_open_minutes\":0}", ALM_ERR_CORRUPT, "not in its canonical form"},
    {"{\"bars_format\":1,\"declarations\":[{\"revision\":1,\"text\":\"obv()\"}],"
     "\"more\":1,\"session_open_minutes\":0}", ALM_ERR_CORRUPT, "not in its canonical form"},
    {"{\"bars_format\":1,\"declarations\":[],\"session_open_minutes\":1440}", ALM_ERR_CORRUPT,
     "out of range"},
    {"{\"bars_format\":1,\"declarations\":[],\"session_open_minutes\":0}", ALM_ERR_CONFIG,
     "1 to 1000 declarations"},
    {"{\"bars_format\":1,\"declarations\":[7],\"session_open_minutes\":0}", ALM_ERR_INVALID, "p: "},
    {"[1", ALM_ERR_INVALID, "p"},
};

static void test_foreign_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        alm_bars_plan *plan = NULL;
        alm_error error = {0};
        alm_err code = alm_bars_plan_read(alm_str_of(foreign[i].json), "p", &plan, &error);
        if (code != foreign[i].code || !strstr(error.message, foreign[i].message)) {
            fail_msg("%s: %s", foreign[i].json, error.message);
        }
        assert_null(plan);
    }
}

/* The page lists what there is: `usage` in a row of its own. */
static void test_documented(void **state)
{
    static char page[100000];
    (void)state;
    FILE *file = fopen("docs/bars.md", "rb");
    assert_non_null(file);
    size_t size = fread(page, 1, sizeof page - 1, file);
    assert_true(size > 0 && size < sizeof page - 1);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; almi_bars_operator_at(i); i++) {
        char row[120];
        snprintf(row, sizeof row, "\n| `%s` |", almi_bars_operator_at(i)->usage);
        if (!strstr(page, row)) {
            fail_msg("docs/bars.md has no row %s", row + 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refusals_of_lists),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_classes_and_lookback),
        cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_everything_is_in_the_version),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_foreign_plans),
        cmocka_unit_test(test_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
