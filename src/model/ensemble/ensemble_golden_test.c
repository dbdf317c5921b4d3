/* Calibrators, meta-learner and scaler against scikit-learn: tests/golden/ensemble/README.md. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "model/ensemble/calibrator.h"
#include "model/ensemble/combine.h"
#include "model/ensemble/robust_scaler.h"

enum { ROWS = 240, CLASSES = 3, MODELS = 2, CURVE = 41 };

typedef struct golden {
    alm_arena *arena;
    alm_json_document *document;
    const alm_json *root;
    alm_calibration_data data;
} golden;

static const double *list(const golden *g, const char *key, size_t count)
{
    const alm_json *array = alm_json_member(g->root, key);
    double *out = ALM_NEW_ARRAY(g->arena, double, count);
    assert_int_equal(alm_json_count(array), count);
    assert_true(alm_json_as_doubles(array, out));
    return out;
}

static void numbers(const golden *g, const char *key, size_t class, size_t count, double *out)
{
    const alm_json *array = alm_json_at(alm_json_member(g->root, key), class);
    assert_int_equal(alm_json_count(array), count);
    assert_true(alm_json_as_doubles(array, out));
}

static double number(const golden *g, const char *key)
{
    double value = 0;
    assert_int_equal(alm_json_get_double(g->root, key, &value, NULL), ALM_OK);
    return value;
}

static int setup(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    golden *g = ALM_NEW(arena, golden);
    alm_fs *fs = NULL;
    alm_str text;
    alm_error error = {0};
    g->arena = arena;
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    assert_int_equal(alm_fs_read_all(fs, "tests/golden/ensemble/ensemble.json", 1 << 20, arena,
                                     &text, &error), ALM_OK);
    assert_int_equal(alm_json_parse(text, "ensemble.json", &g->document, &error), ALM_OK);
    alm_fs_destroy(fs);
    g->root = alm_json_root(g->document);
    uint32_t *label = ALM_NEW_ARRAY(arena, uint32_t, ROWS);
    const double *labels = list(g, "label", ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        label[i] = (uint32_t)labels[i];
    }
    g->data = (alm_calibration_data){ROWS, CLASSES, list(g, "probability", (size_t)ROWS * CLASSES),
                                     label, list(g, "weight", ROWS)};
    *state = g;
    return 0;
}

static int teardown(void **state)
{
    golden *g = *state;
    alm_json_document_destroy(g->document);
    alm_arena_destroy(g->arena);
    return 0;
}

/* The class against the rest, as a problem of two classes. */
static alm_calibrator *fit_class(const golden *g, alm_calibration_kind kind, size_t class)
{
    double *p = ALM_NEW_ARRAY(g->arena, double, (size_t)ROWS * 2);
    uint32_t *label = ALM_NEW_ARRAY(g->arena, uint32_t, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        p[2 * i + 1] = g->data.probability[i * CLASSES + class];
        p[2 * i] = 1 - p[2 * i + 1];
        label[i] = g->data.label[i] == class;
    }
    alm_calibration_data data = {ROWS, 2, p, label, g->data.weight};
    alm_calibrator *c = NULL;
    alm_error error = {0};
    if (alm_calibrator_fit(kind, &data, &c, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return c;
}

static double at(const alm_calibrator *c, double p)
{
    double row[2] = {1 - p, p};
    alm_calibrator_apply(c, row, row);
    assert_true(row[0] == 1 - row[1]);
    return row[1];
}

static void isotonic_is_scikit_learns(void **state)
{
    golden *g = *state;
    for (size_t k = 0; k < CLASSES; k++) {
        double want[CURVE];
        alm_calibrator *c = fit_class(g, ALM_CALIBRATE_ISOTONIC, k);
        numbers(g, "isotonic", k, CURVE, want);
        for (size_t i = 0; i < CURVE; i++) {
            /* both sides are means of the same numbers, added in another order */
            assert_true(fabs(at(c, (double)i / (CURVE - 1)) - want[i]) < 1e-12);
        }
        alm_calibrator_destroy(c);
    }
}

static double logit(double p)
{
    return log(p / (1 - p));
}

static void platt_and_beta_are_the_optima(void **state)
{
    golden *g = *state;
    for (size_t k = 0; k < CLASSES; k++) {
        double platt[2], beta[3];
        numbers(g, "platt", k, 2, platt);
        numbers(g, "beta", k, 3, beta);
        alm_calibrator *a = fit_class(g, ALM_CALIBRATE_PLATT, k);
        alm_calibrator *b = fit_class(g, ALM_CALIBRATE_BETA, k);
        for (double p = 0.05; p < 1; p += 0.1) {
            /* scikit-learn's optimisers stop at about 1e-5 and 1e-8 */
            assert_true(fabs(logit(at(a, p)) + platt[0] * p + platt[1]) < 2e-3);
            double want = beta[0] * log(p) - beta[1] * log1p(-p) + beta[2];
            assert_true(fabs(logit(at(b, p)) - want) < 1e-6);
        }
        alm_calibrator_destroy(a);
        alm_calibrator_destroy(b);
    }
}

static void temperature_is_the_optimum(void **state)
{
    golden *g = *state;
    alm_calibrator *c = NULL;
    alm_error error = {0};
    assert_int_equal(alm_calibrator_fit(ALM_CALIBRATE_TEMPERATURE, &g->data, &c, &error), ALM_OK);
    double row[CLASSES] = {0.2, 0.5, 0.3};
    alm_calibrator_apply(c, row, row);
    /* scipy's bounded search ends at about the square root of a double's precision */
    assert_true(fabs(log(row[1] / row[0]) / log(2.5) - number(g, "temperature")) < 1e-6);
    assert_true(fabs(row[0] + row[1] + row[2] - 1) < 1e-15);
    alm_calibrator_destroy(c);
}

static void scores_are_scikit_learns(void **state)
{
    golden *g = *state;
    alm_reliability r = alm_reliability_of(&g->data, 10, g->arena);
    assert_true(fabs(r.log_loss - number(g, "log_loss")) < 1e-12);
    assert_true(fabs(r.brier - number(g, "brier")) < 1e-12);
}

static void the_meta_learner_is_scikit_learns(void **state)
{
    golden *g = *state;
    const double *other = list(g, "other", (size_t)ROWS * CLASSES);
    const double *want = list(g, "stack", CLASSES * (MODELS * CLASSES + 1));
    double *both = ALM_NEW_ARRAY(g->arena, double, (size_t)ROWS * MODELS * CLASSES);
    uint32_t *fold = ALM_NEW_ARRAY(g->arena, uint32_t, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        double *row = both + i * MODELS * CLASSES;
        memcpy(row, g->data.probability + i * CLASSES, CLASSES * sizeof *row);
        memcpy(row + CLASSES, other + i * CLASSES, CLASSES * sizeof *row);
        fold[i] = i % 5;
    }
    alm_out_of_fold data = {ROWS, MODELS, CLASSES, both, g->data.label, fold, fold};
    alm_stacker s;
    alm_error error = {0};
    assert_int_equal(alm_stacker_fit(&data, 0.5, g->arena, &s, &error), ALM_OK);
    for (size_t i = 0; i < CLASSES * (MODELS * CLASSES + 1); i++) {
        assert_true(fabs(s.coefficient[i] - want[i]) < 1e-6); /* newton-cg stops there */
    }
}

static void the_scaler_is_scikit_learns(void **state)
{
    golden *g = *state;
    const alm_json *array = alm_json_member(g->root, "rows");
    const double *centre = list(g, "center", 4), *scale = list(g, "scale", 4);
    size_t count = alm_json_count(array);
    double *rows = ALM_NEW_ARRAY(g->arena, double, count);
    for (size_t i = 0; i < count; i++) {
        if (!alm_json_as_double(alm_json_at(array, i), &rows[i])) {
            rows[i] = NAN;
        }
    }
    alm_robust_scaler s;
    alm_error error = {0};
    assert_int_equal(alm_robust_scaler_fit(rows, count / 4, 4, g->arena, &s, &error), ALM_OK);
    for (size_t c = 0; c < 4; c++) {
        assert_true(fabs(s.centre[c] - centre[c]) <= 1e-15 * fabs(centre[c]));
        assert_true(fabs(s.scale[c] - scale[c]) <= 1e-15 * fabs(scale[c]));
    }
    double first = rows[0], missing = rows[12];
    alm_robust_scaler_apply(&s, rows, count / 4);
    assert_true(isnan(missing) && isnan(rows[12]));
    assert_true(rows[0] == (first - s.centre[0]) / s.scale[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(isotonic_is_scikit_learns, setup, teardown),
        cmocka_unit_test_setup_teardown(platt_and_beta_are_the_optima, setup, teardown),
        cmocka_unit_test_setup_teardown(temperature_is_the_optimum, setup, teardown),
        cmocka_unit_test_setup_teardown(scores_are_scikit_learns, setup, teardown),
        cmocka_unit_test_setup_teardown(the_meta_learner_is_scikit_learns, setup, teardown),
        cmocka_unit_test_setup_teardown(the_scaler_is_scikit_learns, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
