/* Properties and refusals of calibrators, votes, meta-learner and scaler. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/ensemble/calibrator.h"
#include "model/ensemble/combine.h"
#include "model/ensemble/logistic.h"
#include "model/ensemble/robust_scaler.h"

enum { ROWS = 60, CLASSES = 3 };

typedef struct made {
    double probability[ROWS * CLASSES];
    uint32_t label[ROWS];
    double weight[ROWS];
    alm_calibration_data data;
} made;

/* Labels drawn from the probabilities, which have one decimal, so that there are many ties. */
static void make(made *m, uint64_t seed, size_t classes)
{
    alm_rng rng = alm_rng_stream(seed, 9);
    for (size_t i = 0; i < ROWS; i++) {
        double *p = m->probability + i * classes;
        double left = 1;
        for (size_t k = 0; k + 1 < classes; k++) {
            p[k] = floor(alm_rng_next_uniform(&rng) * left * 10) / 10;
            left -= p[k];
        }
        p[classes - 1] = left;
        double draw = alm_rng_next_uniform(&rng);
        m->label[i] = 0;
        while (m->label[i] + 1 < classes && draw > p[m->label[i]]) {
            draw -= p[m->label[i]++];
        }
        m->weight[i] = 0.25 * (double)(1 + alm_rng_next_below(&rng, 8));
    }
    for (uint32_t k = 0; k < classes; k++) {
        m->label[k] = k; /* every class occurs */
    }
    m->data = (alm_calibration_data){ROWS, classes, m->probability, m->label, m->weight};
}

static alm_calibrator *fit(alm_calibration_kind kind, const alm_calibration_data *data)
{
    alm_calibrator *c = NULL;
    alm_error error = {0};
    if (alm_calibrator_fit(kind, data, &c, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return c;
}

/* Isotonic regression by its min-max formula: at x it is the largest over a <= x of the smallest
 * over b >= x of the mean of [a, b] (Barlow et al. 1972). */
static double min_max(const made *m, double x)
{
    double best = -1;
    for (size_t a = 0; a < ROWS; a++) {
        double low = m->probability[2 * a + 1], least = 2;
        for (size_t b = 0; low <= x && b < ROWS; b++) {
            double high = m->probability[2 * b + 1], sum = 0, mass = 0;
            for (size_t i = 0; high >= x && i < ROWS; i++) {
                double p = m->probability[2 * i + 1];
                bool inside = p >= low && p <= high;
                sum += inside ? m->weight[i] * m->label[i] : 0;
                mass += inside ? m->weight[i] : 0;
            }
            least = mass > 0 && sum / mass < least ? sum / mass : least;
        }
        best = least <= 1 && least > best ? least : best;
    }
    return best;
}

static void isotonic_is_its_formula(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        made m;
        make(&m, seed, 2);
        alm_calibrator *c = fit(ALM_CALIBRATE_ISOTONIC, &m.data);
        double before = -1;
        for (size_t i = 0; i < ROWS; i++) {
            double out[2];
            alm_calibrator_apply(c, m.probability + 2 * i, out);
            assert_true(fabs(out[1] - min_max(&m, m.probability[2 * i + 1])) < 1e-12);
        }
        for (int i = -1; i <= 1001; i++) {
            double row[2] = {0, i / 1000.0};
            alm_calibrator_apply(c, row, row);
            assert_true(row[1] >= before && row[1] >= 0 && row[1] <= 1);
            before = row[1];
        }
        alm_calibrator_destroy(c);
    }
}

/* Whatever the kind: probabilities in, probabilities out, the same after a round trip as text, and
 * a log loss on the fitted rows that is not worse (but for Platt's smoothing). */
static void calibrated_rows_are_probabilities(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    for (size_t classes = 2; classes <= CLASSES; classes++) {
        for (int kind = 0; kind <= ALM_CALIBRATE_TEMPERATURE; kind++) {
            made m;
            make(&m, 31, classes);
            alm_calibrator *c = fit((alm_calibration_kind)kind, &m.data);
            alm_calibrator *back = NULL;
            alm_buffer text = {0}, again = {0};
            alm_error error = {0};
            alm_calibrator_write(c, &text);
            assert_int_equal(alm_calibrator_read(alm_buffer_view(&text), "c.json", &back, &error),
                             ALM_OK);
            alm_calibrator_write(back, &again);
            assert_int_equal(again.size, text.size);
            assert_memory_equal(again.data, text.data, text.size);
            made after = m;
            for (size_t i = 0; i < ROWS; i++) {
                double *row = after.probability + i * classes;
                double same[CLASSES];
                double sum = 0;
                alm_calibrator_apply(back, row, same);
                alm_calibrator_apply(c, row, row); /* in place */
                assert_memory_equal(row, same, classes * sizeof *row);
                for (size_t k = 0; k < classes; k++) {
                    assert_true(row[k] >= 0 && row[k] <= 1);
                    sum += row[k];
                }
                assert_true(fabs(sum - 1) < 1e-12);
            }
            after.data.probability = after.probability;
            after.data.label = after.label;
            after.data.weight = after.weight;
            double was = alm_reliability_of(&m.data, 10, arena).log_loss;
            assert_true(alm_reliability_of(&after.data, 10, arena).log_loss < was + 0.02);
            alm_calibrator_destroy(c);
            alm_calibrator_destroy(back);
            alm_buffer_deinit(&text);
            alm_buffer_deinit(&again);
        }
    }
    alm_arena_destroy(arena);
}

static void bad_calibration_is_refused(void **state)
{
    (void)state;
    made m;
    make(&m, 3, 3);
    static const struct {
        int what;
        const char *message;
    } CASES[] = {{0, "row 5, class 1: 1.5 is no probability"}, {1, "row 5, class 1: nan"},
                 {2, "row 7: class 3 of 3"}, {3, "row 2: the weight -1"},
                 {4, "class 2 never occurs"}, {5, "at least one row"}};
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        made bad = m;
        alm_calibrator *out = NULL;
        alm_error error = {0};
        bad.data = (alm_calibration_data){ROWS, 3, bad.probability, bad.label, bad.weight};
        bad.probability[4 * 3 + 1] = CASES[c].what == 0   ? 1.5
                                     : CASES[c].what == 1 ? NAN
                                                          : bad.probability[4 * 3 + 1];
        bad.label[6] = CASES[c].what == 2 ? 3 : bad.label[6];
        bad.weight[1] = CASES[c].what == 3 ? -1 : bad.weight[1];
        for (size_t i = 0; CASES[c].what == 4 && i < ROWS; i++) {
            bad.label[i] %= 2;
        }
        bad.data.count = CASES[c].what == 5 ? 0 : ROWS;
        assert_int_equal(alm_calibrator_fit(ALM_CALIBRATE_ISOTONIC, &bad.data, &out, &error),
                         ALM_ERR_INVALID);
        if (!strstr(error.message, CASES[c].message)) {
            fail_msg("'%s' does not say '%s'", error.message, CASES[c].message);
        }
    }
}

static void bad_texts_are_refused(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "", "[]", "{\"kind\":\"magic\",\"class_count\":2,\"classes\":[]}",
        "{\"kind\":\"platt\",\"class_count\":1,\"classes\":[{\"a\":1,\"b\":1}]}",
        "{\"kind\":\"platt\",\"class_count\":3,\"classes\":[{\"a\":1,\"b\":1}]}",
        "{\"kind\":\"platt\",\"class_count\":2,\"classes\":[{\"a\":1}]}",
        "{\"kind\":\"platt\",\"class_count\":2,\"classes\":[7]}",
        "{\"kind\":\"temperature\",\"class_count\":3,\"classes\":[{\"scale\":0}]}",
        "{\"kind\":\"isotonic\",\"class_count\":2,\"classes\":[{\"x\":[],\"y\":[]}]}",
        "{\"kind\":\"isotonic\",\"class_count\":2,\"classes\":[{\"x\":[0,1],\"y\":[0]}]}",
        "{\"kind\":\"isotonic\",\"class_count\":2,\"classes\":[{\"x\":[1,0],\"y\":[0,1]}]}",
        "{\"kind\":\"isotonic\",\"class_count\":2,\"classes\":[{\"x\":[0,1],\"y\":[1,0]}]}",
        "{\"kind\":\"isotonic\",\"class_count\":2,\"classes\":[{\"x\":[0,1],\"y\":[0,2]}]}",
        "{\"kind\":\"isotonic\",\"class_count\":2,\"classes\":[{\"x\":[0,null],\"y\":[0,1]}]}"};
    for (size_t t = 0; t < sizeof TEXTS / sizeof *TEXTS; t++) {
        alm_calibrator *c = NULL;
        alm_error error = {0};
        assert_int_equal(alm_calibrator_read(alm_str_of(TEXTS[t]), "c.json", &c, &error),
                         ALM_ERR_CORRUPT);
        assert_non_null(strstr(error.message, "c.json"));
        assert_null(c);
    }
}

/* ---- votes and stacking ---- */

static void votes(void **state)
{
    (void)state;
    static const double P[] = {.6, .3, .1, .2, .4, .4, 0, .1, .9};
    static const double WEIGHT[] = {2, 1, 1};
    double out[3];
    alm_votes plain = {3, 3, NULL}, weighted = {3, 3, WEIGHT};
    alm_vote_soft(&plain, P, out);
    assert_true(fabs(out[0] - .8 / 3) < 1e-15 && fabs(out[2] - 1.4 / 3) < 1e-15);
    alm_vote_soft(&weighted, P, out);
    assert_true(fabs(out[0] - .35) < 1e-15 && fabs(out[1] - .275) < 1e-15);
    alm_vote_hard(&plain, P, out); /* the tie of the second model goes to class 1 */
    assert_true(out[0] == 1 / 3.0 && out[1] == 1 / 3.0 && out[2] == 1 / 3.0);
    alm_vote_hard(&weighted, P, out);
    assert_true(out[0] == .5 && out[1] == .25 && out[2] == .25);
}

static void in_fold_predictions_are_refused(void **state)
{
    (void)state;
    made m;
    make(&m, 8, 2);
    uint32_t fold[ROWS], left_out[ROWS];
    for (uint32_t i = 0; i < ROWS; i++) {
        fold[i] = left_out[i] = i % 4;
    }
    alm_arena *arena = alm_arena_create(0);
    alm_out_of_fold data = {ROWS, 1, 2, m.probability, m.label, fold, left_out};
    alm_stacker s = {0};
    alm_error error = {0};
    assert_int_equal(alm_stacker_fit(&data, 1, arena, &s, &error), ALM_OK);
    left_out[37] = 2; /* row 38 is of fold 1: this prediction has seen it */
    s = (alm_stacker){0};
    assert_int_equal(alm_stacker_fit(&data, 1, arena, &s, &error), ALM_ERR_DENIED);
    assert_non_null(strstr(error.message, "row 38 belongs to fold 1"));
    assert_null(s.coefficient);
    for (uint32_t i = 0; i < ROWS; i++) {
        fold[i] = left_out[i] = 1;
    }
    assert_int_equal(alm_stacker_fit(&data, 1, arena, &s, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "at least two folds"));
    alm_arena_destroy(arena);
}

static void a_stacker_survives_its_text(void **state)
{
    (void)state;
    made m;
    make(&m, 8, 3);
    uint32_t fold[ROWS];
    for (uint32_t i = 0; i < ROWS; i++) {
        fold[i] = i % 3;
    }
    alm_arena *arena = alm_arena_create(0);
    alm_out_of_fold data = {ROWS, 1, 3, m.probability, m.label, fold, fold};
    alm_stacker s, back;
    alm_buffer text = {0};
    alm_error error = {0};
    assert_int_equal(alm_stacker_fit(&data, 0.1, arena, &s, &error), ALM_OK);
    alm_stacker_write(&s, &text);
    assert_int_equal(alm_stacker_read(alm_buffer_view(&text), "s.json", arena, &back, &error),
                     ALM_OK);
    assert_memory_equal(back.coefficient, s.coefficient, 12 * sizeof(double));
    double p[3];
    alm_stacker_predict(&back, m.probability, p);
    assert_true(fabs(p[0] + p[1] + p[2] - 1) < 1e-15);
    static const char *const BAD[] = {"{}", "{\"classes\":2,\"coefficient\":[1],\"models\":1}",
                                      "{\"classes\":1,\"coefficient\":[],\"models\":1}"};
    for (size_t b = 0; b < 3; b++) {
        assert_int_equal(alm_stacker_read(alm_str_of(BAD[b]), "s.json", arena, &back, &error),
                         ALM_ERR_CORRUPT);
    }
    alm_buffer_deinit(&text);
    alm_arena_destroy(arena);
}

/* A separable problem has no finite optimum without a penalty, and one with it. */
static void separable_classes_need_a_penalty(void **state)
{
    (void)state;
    double x[20], target[40];
    for (size_t i = 0; i < 20; i++) {
        x[i] = (double)i - 9.5;
        target[2 * i + 1] = i >= 10;
        target[2 * i] = i < 10;
    }
    alm_arena *arena = alm_arena_create(0);
    alm_logistic_data data = {20, 1, 2, x, target, NULL};
    double *coefficient = NULL;
    alm_error error = {0};
    alm_err code = alm_logistic_fit(&data, 0, arena, &coefficient, &error);
    if (code == ALM_OK) { /* so steep that the loss is 0 to a double's precision */
        double p[2];
        alm_logistic_predict(coefficient, 1, 2, x, p);
        assert_true(p[1] < 1e-9);
    } else {
        assert_int_equal(code, ALM_ERR_NUMERIC);
    }
    assert_int_equal(alm_logistic_fit(&data, 1, arena, &coefficient, &error), ALM_OK);
    assert_true(coefficient[2] > 0 && fabs(coefficient[0] + coefficient[2]) < 1e-9);
    alm_arena_destroy(arena);
}

static void scalers_refuse_what_they_cannot_take(void **state)
{
    (void)state;
    double rows[6] = {1, NAN, 2, NAN, 4, NAN};
    alm_arena *arena = alm_arena_create(0);
    alm_robust_scaler s = {0};
    alm_error error = {0};
    assert_int_equal(alm_robust_scaler_fit(rows, 3, 2, arena, &s, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "column 2 has no value in 3 rows"));
    rows[3] = INFINITY;
    assert_int_equal(alm_robust_scaler_fit(rows, 3, 2, arena, &s, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "row 2, column 2 is infinite"));
    rows[3] = 7;
    assert_int_equal(alm_robust_scaler_fit(rows, 3, 2, arena, &s, &error), ALM_OK);
    assert_true(s.centre[0] == 2 && s.scale[0] == 1.5 && s.centre[1] == 7 && s.scale[1] == 1);
    alm_buffer text = {0};
    alm_robust_scaler back;
    alm_robust_scaler_write(&s, &text);
    assert_int_equal(alm_robust_scaler_read(alm_buffer_view(&text), "s", arena, &back, &error),
                     ALM_OK);
    assert_memory_equal(back.scale, s.scale, 2 * sizeof(double));
    static const char *const BAD[] = {"{}", "{\"center\":[1],\"scale\":[0]}",
                                      "{\"center\":[],\"scale\":[]}",
                                      "{\"center\":[1,2],\"scale\":[1]}",
                                      "{\"center\":[null],\"scale\":[1]}"};
    for (size_t b = 0; b < 5; b++) {
        assert_int_equal(alm_robust_scaler_read(alm_str_of(BAD[b]), "s", arena, &back, &error),
                         ALM_ERR_CORRUPT);
    }
    alm_buffer_deinit(&text);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(isotonic_is_its_formula),
        cmocka_unit_test(calibrated_rows_are_probabilities),
        cmocka_unit_test(bad_calibration_is_refused),
        cmocka_unit_test(bad_texts_are_refused),
        cmocka_unit_test(votes),
        cmocka_unit_test(in_fold_predictions_are_refused),
        cmocka_unit_test(a_stacker_survives_its_text),
        cmocka_unit_test(separable_classes_need_a_penalty),
        cmocka_unit_test(scalers_refuse_what_they_cannot_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
