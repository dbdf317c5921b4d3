/* transform_test.c: every objective beside the libraries' own predictions, and what is refused.
 * The golden files name library, version and generator (tests/golden/transform). Bits depend on the
 * C library's exp, which differs by an ulp between CPUs: a sigmoid makes two of it, a softmax
 * four. train/learner/transform_conformance_test.c asks LightGBM on this machine and allows none.
 * CatBoost has an exp of its own, whose error grows with x: its reduced argument is rounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "model/transform.h"

#define VALUES_MAX 8

static double number(alm_str text)
{
    double value = 0;
    if (alm_str_is(text, "inf") || alm_str_is(text, "-inf")) {
        return text.data[0] == '-' ? -INFINITY : INFINITY;
    }
    if (!alm_str_to_double(text, &value)) {
        fail_msg("not a number: " ALM_STR_FMT, ALM_STR_ARG(text));
    }
    return value;
}

static size_t numbers(alm_str list, double *out)
{
    size_t count = 0;
    while (list.data != NULL) {
        assert_true(count < VALUES_MAX);
        out[count++] = number(alm_str_split(&list, ' '));
    }
    return count;
}

/* Units of 2^-52 for the library's exp of these scores, or of differences of them. */
static double allowance(alm_transform_library library, const double *raw, size_t count)
{
    double ulps = 4;
    for (size_t i = 0; library == ALM_TRANSFORM_CATBOOST && i < count; i++) {
        ulps += fabs(raw[i]);
    }
    return ulps;
}

static void check_line(alm_str line, alm_transform_library library)
{
    double raw[VALUES_MAX], expected[VALUES_MAX], ours[VALUES_MAX], fast[VALUES_MAX];
    alm_str rest = line;
    alm_transform transform;
    alm_error error = {0};
    alm_transform_spec spec = {.library = library, .objective = alm_str_split(&rest, '|')};
    spec.output_count = numbers(alm_str_split(&rest, '|'), raw);
    size_t count = numbers(rest, expected);
    if (alm_transform_parse(&spec, &transform, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_true(transform.is_known);
    assert_int_equal(transform.output_count, count);
    alm_transform_apply(&transform, raw, 1, ours);
    alm_transform_apply_fast(&transform, raw, 1, fast);
    bool exact = transform.kind == ALM_TRANSFORM_IDENTITY ||
                 transform.kind == ALM_TRANSFORM_SIGNED_SQUARE ||
                 transform.kind == ALM_TRANSFORM_ARGMAX || transform.kind == ALM_TRANSFORM_STEP;
    double ulp = exact ? 0 : transform.single ? 0x1p-23 : 0x1p-52;
    double share = ulp * allowance(library, raw, spec.output_count);
    for (size_t i = 0; i < count; i++) {
        bool close = fabs(ours[i] - expected[i]) <= share * fabs(expected[i]);
        if (ours[i] != expected[i] && !close) {
            fail_msg(ALM_STR_FMT ": %.17g", ALM_STR_ARG(line), ours[i]);
        }
        /* No library's exp goes as far as numbers do: it ends at 0, infinity or e^-88.7. */
        bool beyond = expected[i] == 0 || isinf(expected[i]) || expected[i] < 4e-39;
        close = fabs(fast[i] - expected[i]) <= share * fabs(expected[i]);
        if (fast[i] != expected[i] && !close && (exact || !beyond)) {
            fail_msg(ALM_STR_FMT ": %.17g, fast", ALM_STR_ARG(line), fast[i]);
        }
    }
}

static void check_file(const char *path, alm_transform_library library, size_t lines)
{
    alm_fs *fs = NULL;
    alm_error error;
    alm_str text;
    alm_arena *arena = alm_arena_create(0);
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    if (alm_fs_read_all(fs, path, 1 << 20, arena, &text, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    size_t checked = 0;
    (void)alm_str_split(&text, '\n');
    while (text.data != NULL) {
        alm_str line = alm_str_split(&text, '\n');
        if (line.size > 0) {
            check_line(line, library);
            checked++;
        }
    }
    assert_int_equal(checked, lines);
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
}

static void lightgbm_goldens(void **state)
{
    (void)state;
    check_file("tests/golden/transform/lightgbm.txt", ALM_TRANSFORM_LIGHTGBM, 652);
}

static void xgboost_goldens(void **state)
{
    (void)state;
    check_file("tests/golden/transform/xgboost.txt", ALM_TRANSFORM_XGBOOST, 316);
}

static void catboost_goldens(void **state)
{
    (void)state;
    check_file("tests/golden/transform/catboost.txt", ALM_TRANSFORM_CATBOOST, 319);
}

static alm_transform parse(alm_str objective, size_t outputs, alm_transform_library library)
{
    alm_transform out = {0};
    alm_error error;
    alm_transform_spec spec = {library, objective, false, 7, outputs};
    if (alm_transform_parse(&spec, &out, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return out;
}

static void unknown_objectives_stay_raw(void **state)
{
    (void)state;
    alm_transform made = parse(ALM_STR("my_objective a:1"), 2, ALM_TRANSFORM_LIGHTGBM);
    assert_false(made.is_known);
    assert_int_equal(made.kind, ALM_TRANSFORM_IDENTITY);
    made = parse(ALM_STR("reg:new"), 2, ALM_TRANSFORM_XGBOOST);
    assert_false(made.is_known);
    assert_true(parse(ALM_STR(""), 1, ALM_TRANSFORM_XGBOOST).is_known);
    assert_false(parse(ALM_STR(""), 1, ALM_TRANSFORM_CATBOOST).is_known);
    assert_false(parse(ALM_STR("PythonUserDefinedPerObject"), 1, ALM_TRANSFORM_CATBOOST).is_known);
    assert_false(parse(ALM_STR("RMSEWithUncertainty"), 1, ALM_TRANSFORM_CATBOOST).is_known);
    assert_true(parse((alm_str){NULL, 0}, 1, ALM_TRANSFORM_LIGHTGBM).is_known);
    assert_true(parse(ALM_STR("none"), 1, ALM_TRANSFORM_LIGHTGBM).is_known);
}

static void refused(alm_str objective, size_t outputs, const char *words)
{
    alm_transform out = {.slope = 42};
    alm_error error;
    alm_transform_spec spec = {.objective = objective, .output_count = outputs};
    assert_int_equal(alm_transform_parse(&spec, &out, &error), ALM_ERR_CORRUPT);
    if (!strstr(error.message, words)) {
        fail_msg("%s", error.message);
    }
    assert_true(out.slope == 42); /* untouched */
}

static void what_the_library_refuses_is_refused(void **state)
{
    (void)state;
    refused(ALM_STR("binary"), 1, "binary needs sigmoid:");
    refused(ALM_STR("binary sigmoid:0"), 1, "above 0");
    refused(ALM_STR("binary sigmoid:-1"), 1, "above 0");
    refused(ALM_STR("binary sigmoid:x"), 1, "above 0");
    refused(ALM_STR("binary sigmoid:"), 1, "above 0");
    refused(ALM_STR("multiclass"), 3, "num_class:3");
    refused(ALM_STR("softmax num_class:2"), 3, "num_class:3");
    refused(ALM_STR("ova num_class:3"), 3, "sigmoid:");
}

/* Value by value what the library's reader makes of it, not the nearest double. */
static void sigmoid_is_read_by_the_library_s_rule(void **state)
{
    (void)state;
    alm_transform made = parse(ALM_STR("binary sigmoid:1.5e3"), 1, ALM_TRANSFORM_LIGHTGBM);
    assert_true(made.slope == 1500.0);
    /* 123457 / 10^6 by repeated squaring, and 2 / (10 * 10 * 10 * 10 * 10) */
    made = parse(ALM_STR("binary sigmoid:0.123457"), 1, ALM_TRANSFORM_LIGHTGBM);
    assert_true(made.slope == 123457.0 / 1000000.0);
    made = parse(ALM_STR("binary sigmoid:2e-05"), 1, ALM_TRANSFORM_LIGHTGBM);
    assert_true(made.slope == 2.0 / 100000.0);
    /* Digits without end and huge exponents end. */
    made = parse(ALM_STR("binary sigmoid:1e99999999999999999999"), 1, ALM_TRANSFORM_LIGHTGBM);
    assert_true(made.slope > 1e307);
}

static void an_average_is_divided_before_the_objective(void **state)
{
    (void)state;
    alm_transform made;
    alm_error error;
    alm_transform_spec spec = {ALM_TRANSFORM_LIGHTGBM, ALM_STR("regression sqrt"), true, 4, 1};
    assert_int_equal(alm_transform_parse(&spec, &made, &error), ALM_OK);
    double raw[2] = {8.0, -12.0};
    alm_transform_apply(&made, raw, 2, raw); /* in place */
    assert_true(raw[0] == 4.0 && raw[1] == -9.0);
}

static void nan_and_infinity_go_through(void **state)
{
    (void)state;
    double raw[3] = {NAN, INFINITY, -INFINITY}, out[3];
    alm_transform made = parse(ALM_STR("binary sigmoid:1"), 1, ALM_TRANSFORM_LIGHTGBM);
    alm_transform_apply(&made, raw, 3, out);
    assert_true(isnan(out[0]) && out[1] == 1.0 && out[2] == 0.0);
    made = parse(ALM_STR("binary:logistic"), 1, ALM_TRANSFORM_XGBOOST);
    alm_transform_apply(&made, raw, 3, out);
    assert_true(isnan(out[0]) && out[1] == 1.0 && out[2] > 0 && out[2] < 1e-37);
}

/* Formulas that a golden file has no range for: many rows, in place, beside the plain ones. */
static void fast_is_the_same_formula(void **state)
{
    (void)state;
    enum { ROWS = 700, WIDTH = 4 };
    static double raw[ROWS * WIDTH], strict[ROWS * WIDTH], fast[ROWS * WIDTH];
    for (int kind = ALM_TRANSFORM_IDENTITY; kind <= ALM_TRANSFORM_SOFTMAX_PLAIN; kind++) {
        for (int form = 0; form < 4; form++) {
            bool single = form % 2 == 1;
            if (single && (kind == ALM_TRANSFORM_LOG1P_EXP || kind == ALM_TRANSFORM_VARIANCE)) {
                continue; /* no library has these in float */
            }
            alm_transform t = {.kind = (alm_transform_kind)kind, .single = single, .slope = 0.7,
                               .divisor = form < 2 ? 1.0 : 3.0, .is_known = true};
            t.input_count = kind == ALM_TRANSFORM_VARIANCE ? 2 : WIDTH;
            t.output_count = kind == ALM_TRANSFORM_ARGMAX ? 1 : t.input_count;
            for (size_t i = 0; i < ROWS * WIDTH; i++) {
                raw[i] = fast[i] = (double)(i * 7919 % 4001) * 0.01 - 20.0;
            }
            alm_transform_apply(&t, raw, ROWS, strict);
            alm_transform_apply_fast(&t, fast, ROWS, fast);
            for (size_t i = 0; i < ROWS * t.output_count; i++) {
                /* of the plain formula in its type: three roundings and exp of a rounded sum */
                double share = (single ? 0x1p-23 : 0x1p-52) * 22;
                /* onnxruntime's 1 - sigmoid is rounded beside 1 */
                double size = kind == ALM_TRANSFORM_LOGISTIC ? 1 : fabs(strict[i]);
                if (!(fabs(fast[i] - strict[i]) <= share * size)) {
                    fail_msg("kind %d, form %d, %zu: %.17g, %.17g", kind, form, i, fast[i],
                             strict[i]);
                }
                assert_true(!single || (double)(float)fast[i] == fast[i]);
            }
        }
    }
}

static void fast_takes_every_number(void **state)
{
    (void)state;
    double raw[5] = {NAN, INFINITY, -INFINITY, -740.0, 800.0}, out[5];
    alm_transform made = parse(ALM_STR("binary sigmoid:1"), 1, ALM_TRANSFORM_LIGHTGBM);
    alm_transform_apply_fast(&made, raw, 5, out);
    assert_true(isnan(out[0]) && out[1] == 1.0 && out[2] == 0.0);
    assert_true(out[3] > 0 && out[3] < 1e-320 && out[4] == 1.0);
    made.kind = ALM_TRANSFORM_LOG1P_EXP;
    alm_transform_apply_fast(&made, raw, 5, out);
    assert_true(isnan(out[0]) && isinf(out[1]) && out[2] == 0.0 && out[4] == 800.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lightgbm_goldens),
        cmocka_unit_test(xgboost_goldens),
        cmocka_unit_test(catboost_goldens),
        cmocka_unit_test(unknown_objectives_stay_raw),
        cmocka_unit_test(what_the_library_refuses_is_refused),
        cmocka_unit_test(sigmoid_is_read_by_the_library_s_rule),
        cmocka_unit_test(an_average_is_divided_before_the_objective),
        cmocka_unit_test(nan_and_infinity_go_through),
        cmocka_unit_test(fast_is_the_same_formula),
        cmocka_unit_test(fast_takes_every_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
