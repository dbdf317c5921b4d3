/* sklearn_ensemble_test.c: calibrators and scalers beside scikit-learn's own answers
 * (tests/golden/sklearn/generate.py), and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "model/import/sklearn_ensemble.h"

enum { WIDTH_MAX = 4 };

static alm_str fixture(alm_arena *arena, const char *name, const char *ending)
{
    alm_fs *fs = NULL;
    alm_error error;
    alm_str bytes;
    char path[120];
    (void)snprintf(path, sizeof path, "tests/golden/sklearn/%s.%s", name, ending);
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    if (alm_fs_read_all(fs, path, 1 << 20, arena, &bytes, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_fs_destroy(fs);
    return bytes;
}

/* The numbers of a line; "nan" is one of them. */
static size_t numbers(alm_str *rest, double *out)
{
    alm_str line = alm_str_split(rest, '\n');
    size_t count = 0;
    while (line.size > 0) {
        alm_str item = alm_str_split(&line, ' ');
        assert_true(count < WIDTH_MAX);
        out[count] = (double)NAN;
        assert_true(alm_str_is(item, "nan") || alm_str_to_double(item, &out[count]));
        count++;
    }
    return count;
}

static void check_calibrator(const char *name, size_t classes)
{
    alm_arena *arena = alm_arena_create(0);
    alm_calibrator *calibrator = NULL;
    alm_error error;
    alm_str text = fixture(arena, name, "txt");
    double row[WIDTH_MAX], answer[WIDTH_MAX], out[WIDTH_MAX];
    if (alm_calibrator_import_sklearn(fixture(arena, name, "json"), name, &calibrator, &error) !=
        ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(alm_calibrator_classes(calibrator), classes);
    size_t rows = 0;
    for (; text.size > 0; rows++) {
        assert_int_equal(numbers(&text, row), classes);
        size_t count = numbers(&text, answer);
        alm_calibrator_apply(calibrator, row, out);
        for (size_t k = 0; k < count; k++) {
            /* An interpolation by slope or by share, an exp of another library, a sum: 4 ulp. */
            double got = out[classes == 2 ? 1 : k];
            if (!(fabs(got - answer[k]) <= 0x1p-50 * answer[k] + 1e-16)) {
                fail_msg("%s: row %zu: %.17g instead of %.17g", name, rows, got, answer[k]);
            }
        }
    }
    assert_true(rows >= 80);
    alm_calibrator_destroy(calibrator);
    alm_arena_destroy(arena);
}

static void calibrators_answer_as_in_scikit_learn(void **state)
{
    (void)state;
    check_calibrator("isotonic", 2);
    check_calibrator("sigmoid", 2);
    check_calibrator("logistic", 2);
    check_calibrator("classes_isotonic", 3);
    check_calibrator("classes_sigmoid", 3);
}

static void scalers_have_the_bits_of_scikit_learn(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"scaler", "scaler_uncentred", "scaler_unscaled"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_robust_scaler scaler;
        alm_error error;
        alm_str text = fixture(arena, NAMES[i], "txt");
        double row[WIDTH_MAX], answer[WIDTH_MAX];
        if (alm_robust_scaler_import_sklearn(fixture(arena, NAMES[i], "json"), "m", arena, &scaler,
                                             &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        while (text.size > 0) {
            assert_int_equal(numbers(&text, row), scaler.columns);
            assert_int_equal(numbers(&text, answer), scaler.columns);
            alm_robust_scaler_apply(&scaler, row, 1);
            for (size_t k = 0; k < scaler.columns; k++) {
                assert_true(row[k] == answer[k] || (isnan(row[k]) && isnan(answer[k])));
            }
        }
        alm_arena_destroy(arena);
    }
}

static void refused(const char *json, alm_err code, const char *words)
{
    alm_calibrator *calibrator = NULL;
    alm_error error = {0};
    alm_err got = alm_calibrator_import_sklearn(alm_str_of(json), "m.json", &calibrator, &error);
    if (got != code || !strstr(error.message, words) || !strstr(error.message, "m.json") ||
        calibrator) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), error.message, words);
    }
}

static void refused_scaler(const char *json, alm_err code, const char *words)
{
    alm_arena *arena = alm_arena_create(0);
    alm_robust_scaler scaler;
    alm_error error = {0};
    alm_err got = alm_robust_scaler_import_sklearn(alm_str_of(json), "m.json", arena, &scaler,
                                                   &error);
    if (got != code || !strstr(error.message, words)) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), error.message, words);
    }
    alm_arena_destroy(arena);
}

#define OF(class, rest) "{\"library\":\"scikit-learn\",\"class\":\"" class "\"," rest "}"
#define ISOTONIC(x, y, bounds, rising)                                                       \
    OF("IsotonicRegression", "\"X_thresholds_\":" x ",\"y_thresholds_\":" y                  \
       ",\"out_of_bounds\":\"" bounds "\",\"increasing_\":" rising)

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    const alm_err no = ALM_ERR_UNSUPPORTED, bad = ALM_ERR_CORRUPT;
    refused("\x80\x04\x95", no, "m.json is a Python pickle");
    refused("{", ALM_ERR_INVALID, "m.json:1");
    refused("[]", bad, "0 calibrators");
    refused("7", bad, "needs an object");
    refused(OF("SVC", "\"a_\":1"), no, "`class` SVC of scikit-learn");
    refused(ISOTONIC("[0,1]", "[0,1]", "nan", "true"), no, "not clipped");
    refused(ISOTONIC("[0,1]", "[0,1]", "clip", "false"), no, "falling");
    refused(ISOTONIC("[0,1]", "[0,2]", "clip", "true"), bad, "lie in 0 to 1");
    refused(ISOTONIC("[1,0]", "[0,1]", "clip", "true"), bad, "x must rise");
    refused(ISOTONIC("[0,\"a\"]", "[0,1]", "clip", "true"), bad, "`X_thresholds_`");
    refused(OF("_SigmoidCalibration", "\"a_\":1"), bad, "'b_' is missing");
    refused(OF("LogisticRegression", "\"coef_\":[[1,2]],\"intercept_\":[0]"), no, "2 entries");
    refused("[" OF("_SigmoidCalibration", "\"a_\":1,\"b_\":1") ","
            OF("_SigmoidCalibration", "\"a_\":1,\"b_\":1") "]", bad, "which need one");
    refused_scaler(OF("RobustScaler", "\"center_\":null,\"scale_\":null"), bad, "both not there");
    refused_scaler(OF("RobustScaler", "\"center_\":[1],\"scale_\":[0]"), bad, "column 1 is 0");
    refused_scaler(OF("RobustScaler", "\"center_\":[1],\"scale_\":[1,2]"), bad, "of 1 numbers");
    refused_scaler(OF("StandardScaler", "\"mean_\":[1]"), no, "RobustScaler is");
    refused_scaler("\x80\x05", no, "pickle");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calibrators_answer_as_in_scikit_learn),
        cmocka_unit_test(scalers_have_the_bits_of_scikit_learn),
        cmocka_unit_test(what_does_not_fit_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
