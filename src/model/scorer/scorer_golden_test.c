/* scorer_golden_test.c: a system that scikit-learn, LightGBM and XGBoost made and ran, as a scorer
 * folder: what it answered there is what it answers here (tests/golden/scorer names versions and
 * generator). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/scorer/scorer_cases.h"

#define FOLDER "tests/golden/scorer"
#define ROWS 200
#define COLUMNS 6
#define EXPECTED 10 /* class, three probabilities, two models of three */

/* 1e-12: an exp of another machine differs in the last bit, and the steepest step of isotonic
 * calibration multiplies that; where the files were made it is 3e-16, and 0 for most values. */
#define TOLERANCE 1e-12

/* Numbers behind the header; an empty field is missing. */
static void read_table(alm_fs *fs, const char *path, size_t width, alm_arena *arena, alm_str *names,
                       double *out)
{
    alm_str text;
    alm_error error;
    if (alm_fs_read_all(fs, path, 1 << 20, arena, &text, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    for (size_t line = 0; line <= ROWS; line++) {
        alm_str rest = alm_str_split(&text, '\n');
        for (size_t c = 0; c < width; c++) {
            alm_str field = alm_str_split(&rest, ',');
            if (line == 0) {
                names[c] = field;
            } else if (!alm_str_to_double(field, &out[(line - 1) * width + c])) {
                assert_int_equal(field.size, 0);
                out[(line - 1) * width + c] = NAN;
            }
        }
        assert_null(rest.data);
    }
}

static void is_close(double ours, double theirs, size_t row)
{
    if (!(fabs(ours - theirs) <= TOLERANCE)) {
        fail_msg("row %zu: %.17g and not %.17g", row + 1, ours, theirs);
    }
}

static void check_rows(const double *expected, const alm_scorer_output *out)
{
    size_t seen[3] = {0};
    for (size_t i = 0; i < ROWS; i++) {
        const double *row = expected + i * EXPECTED;
        assert_true(out->value[i] == row[0]);
        seen[(size_t)(row[0] + 1)]++;
        for (size_t k = 0; k < 3; k++) {
            is_close(out->probability[i * 3 + k], row[1 + k], i);
            is_close(out->member[i * 6 + k], row[4 + k], i);
            is_close(out->member[i * 6 + 3 + k], row[7 + k], i);
        }
    }
    assert_true(seen[0] > 20 && seen[1] > 20 && seen[2] > 20);
}

static void system_answers_as_in_training(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    alm_error error;
    alm_scorer *scorer = NULL;
    alm_scorer_binding *binding = NULL;
    alm_scorer_scratch *scratch = NULL;
    alm_arena *arena = alm_arena_create(0);
    alm_str names[COLUMNS], other[EXPECTED];
    static double rows[ROWS * COLUMNS], expected[ROWS * EXPECTED];
    static double value[ROWS], probability[ROWS * 3], member[ROWS * 6];
    alm_scorer_output out = {.value = value, .probability = probability, .member = member};
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    read_table(fs, FOLDER "/rows.csv", COLUMNS, arena, names, rows);
    read_table(fs, FOLDER "/expected.csv", EXPECTED, arena, other, expected);
    alm_scorer_columns columns = {.row = names, .row_count = COLUMNS};
    alm_scorer_batch batch = {.count = ROWS, .rows = rows, .stride = COLUMNS};
    if (alm_scorer_open(&(alm_env){.fs = fs}, FOLDER, FOLDER, &scorer, &error) != ALM_OK ||
        alm_scorer_bind(scorer, &columns, &binding, &error) != ALM_OK ||
        alm_scorer_scratch_create(binding, NULL, &scratch, &error) != ALM_OK ||
        alm_scorer_predict(scratch, &batch, &out, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    check_rows(expected, &out);
    alm_scorer_scratch_destroy(scratch);
    alm_scorer_binding_destroy(binding);
    alm_scorer_destroy(scorer);
    alm_arena_destroy(arena);
    alm_fs_destroy(fs);
}

/* The identity of a released scorer may never change: a new value here is a new format. */
static void identity_stays(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    alm_error error;
    alm_scorer *scorer = NULL;
    char text[ALM_DIGEST_TEXT_BYTES];
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    assert_int_equal(alm_scorer_open(&(alm_env){.fs = fs}, FOLDER, FOLDER, &scorer, &error),
                     ALM_OK);
    alm_digest_text(&alm_scorer_describe(scorer)->digest, text);
    assert_string_equal(text, "8282aaffe3cfeffcabc2a1fa2ad44d3809e63654a638e6e3444b9ff27786a336");
    alm_scorer_destroy(scorer);
    alm_fs_destroy(fs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_answers_as_in_training),
        cmocka_unit_test(identity_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
