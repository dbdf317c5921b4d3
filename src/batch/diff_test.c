#include "batch/diff.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "batch/read_fixture.h"

/* ---- the pure part ---- */

static alm_diff_run described(const char *id, const char *release, const char *snapshot)
{
    return (alm_diff_run){alm_str_of(id), alm_str_of(release), alm_str_of(release),
                          alm_str_of(snapshot), 100};
}

static const char *const joined_names[] = {"level", "node", "target_date", "old_mean",
                                           "old_base", "new_mean", "new_base", "between_base"};
static const alm_type joined_types[] = {ALM_TYPE_TEXT, ALM_TYPE_TEXT, ALM_TYPE_DATE,
                                        ALM_TYPE_F64,  ALM_TYPE_F64,  ALM_TYPE_F64,
                                        ALM_TYPE_F64,  ALM_TYPE_F64};

static void add_row(alm_table_builder *b, const char *level, const char *node, alm_date date,
                    const double value[5])
{
    alm_table_builder_text(b, alm_str_of(level));
    alm_table_builder_text(b, alm_str_of(node));
    alm_table_builder_date(b, date);
    for (size_t i = 0; i < 5; i++) {
        if (isnan(value[i])) {
            alm_table_builder_null(b);
        } else {
            alm_table_builder_f64(b, value[i]);
        }
    }
}

static alm_table_builder *joined_builder(void)
{
    alm_table_builder *b;
    assert_int_equal(alm_table_builder_create(joined_names, joined_types, 8, &b, NULL), ALM_OK);
    return b;
}

/* Old mean 10 (base 9), new mean 16 (base 13), between 11: +2 and +2 of base, +2 reconciliation. */
static void splits_by_cause(void **state)
{
    (void)state;
    const alm_diff_run old_run = described("o", "x", "s1");
    const alm_diff_run data = described("d", "x", "s2");
    const alm_diff_run release = described("r", "y", "s1");
    const alm_diff_run both = described("b", "y", "s2");
    const struct {
        const alm_diff_run *new_run, *between;
        double wanted[ALM_DIFF_CAUSES];
    } cases[] = {{&data, NULL, {4, 0, 0, 0, 2}},
                 {&release, NULL, {0, 4, 0, 0, 2}},
                 {&both, NULL, {0, 0, 4, 0, 2}},
                 {&both, &data, {1.5, 2.5, 0, 0, 2}},
                 {&both, &release, {2.5, 1.5, 0, 0, 2}},
                 {&old_run, NULL, {0, 0, 0, 4, 2}}};
    alm_table_builder *b = joined_builder();
    add_row(b, "total", "total", 1, (double[]){10, 9, 16, 13, 10.5});
    alm_table table;
    assert_int_equal(alm_table_builder_finish(b, &table, NULL), ALM_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        alm_diff *diff;
        alm_diff_result result;
        assert_int_equal(alm_diff_create(&old_run, cases[i].new_run, cases[i].between, 3, &diff,
                                         NULL), ALM_OK);
        assert_int_equal(alm_diff_add(diff, &table, NULL), ALM_OK);
        alm_diff_finish(diff, &result);
        assert_int_equal(result.levels, 1);
        for (size_t c = 0; c < ALM_DIFF_CAUSES; c++) {
            assert_true(result.level[0].net[c] == cases[i].wanted[c]);
            assert_true(result.node[0].net[c] == cases[i].wanted[c]);
        }
        assert_true(alm_diff_mean_absolute(&result.level[0]) == 6.0);
        assert_true(alm_diff_churn(&result.level[0]) == 0.6);
        alm_diff_destroy(diff);
    }
    alm_table_builder_destroy(b);
}

static void refuses_a_run_that_separates_nothing(void **state)
{
    (void)state;
    const alm_diff_run old_run = described("o", "x", "s1");
    const alm_diff_run both = described("b", "y", "s2");
    const alm_diff_run other = described("z", "z", "s2");
    alm_diff *diff;
    alm_error error;
    assert_int_equal(alm_diff_create(&old_run, &both, &other, 3, &diff, &error),
                     ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "run z does not separate"));
    const alm_diff_run data = described("d", "x", "s2");
    assert_int_equal(alm_diff_create(&old_run, &data, &both, 3, &diff, &error), ALM_ERR_INVALID);
}

/* Rows of one run only are counted and in no sum; unsorted rows are refused. */
static void counts_what_cannot_be_compared(void **state)
{
    (void)state;
    const alm_diff_run old_run = described("o", "x", "s1");
    const alm_diff_run data = described("d", "x", "s2");
    alm_diff *diff;
    alm_diff_result result;
    alm_table table;
    alm_error error;
    assert_int_equal(alm_diff_create(&old_run, &data, NULL, 3, &diff, NULL), ALM_OK);
    alm_table_builder *b = joined_builder();
    add_row(b, "series", "a", 1, (double[]){1, 1, NAN, NAN, NAN});
    add_row(b, "series", "a", 2, (double[]){1, 1, 2, 2, NAN});
    add_row(b, "series", "b", 1, (double[]){NAN, NAN, 5, 5, NAN});
    assert_int_equal(alm_table_builder_finish(b, &table, NULL), ALM_OK);
    assert_int_equal(alm_diff_add(diff, &table, NULL), ALM_OK);
    assert_int_equal(alm_diff_add(diff, &table, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "not sorted"));
    alm_diff_finish(diff, &result);
    assert_int_equal(result.level[0].rows, 1);
    assert_int_equal(result.level[0].old_only, 1);
    assert_int_equal(result.level[0].new_only, 1);
    assert_true(result.level[0].absolute_sum == 1.0);
    assert_int_equal(result.nodes, 1);
    alm_diff_destroy(diff);
    alm_table_builder_destroy(b);
}

/* Property: for random rows the parts sum to the change, and the top nodes are those of a sort. */
static void parts_sum_to_the_change(void **state)
{
    (void)state;
    const alm_diff_run old_run = described("o", "x", "s1");
    const alm_diff_run both = described("b", "y", "s2");
    const alm_diff_run data = described("d", "x", "s2");
    for (uint64_t seed = 0; seed < 20; seed++) {
        alm_rng rng = alm_rng_stream(seed, 1);
        alm_table_builder *b = joined_builder();
        double change[40] = {0};
        for (int n = 0; n < 40; n++) {
            char name[16];
            (void)snprintf(name, sizeof(name), "n%02d", n);
            for (int d = 0; d < 3; d++) {
                double value[5];
                for (size_t i = 0; i < 5; i++) {
                    value[i] = 100.0 * alm_rng_next_uniform(&rng);
                }
                change[n] += fabs(value[2] - value[0]);
                add_row(b, "series", name, d, value);
            }
        }
        alm_table table;
        alm_diff *diff;
        alm_diff_result result;
        assert_int_equal(alm_table_builder_finish(b, &table, NULL), ALM_OK);
        assert_int_equal(alm_diff_create(&old_run, &both, &data, 5, &diff, NULL), ALM_OK);
        assert_int_equal(alm_diff_add(diff, &table, NULL), ALM_OK);
        alm_diff_finish(diff, &result);
        double sum = 0.0;
        for (size_t c = 0; c < ALM_DIFF_CAUSES; c++) {
            sum += result.level[0].net[c];
        }
        /* 120 sums of numbers below 100: rounding stays below 1e-10. */
        assert_true(fabs(sum - (result.level[0].new_sum - result.level[0].old_sum)) < 1e-10);
        assert_int_equal(result.nodes, 5);
        for (size_t k = 0; k < 5; k++) {
            size_t larger = 0;
            for (size_t n = 0; n < 40; n++) {
                larger += change[n] > result.node[k].absolute_sum;
            }
            assert_int_equal(larger, k);
        }
        alm_diff_destroy(diff);
        alm_table_builder_destroy(b);
    }
}

/* ---- over the stores ---- */

static int setup(void **state)
{
    read_fixture *f = read_fixture_create();
    const fixture_run runs[] = {
        {.run_id = "r1", .release = "demand-1", .date = "2011-12-01", .snapshot = "snapshot one"},
        {.run_id = "r2", .release = "demand-1", .date = "2011-12-01", .snapshot = "snapshot two",
         .supersedes = "r1", .base_shift = 0.5},
        {.run_id = "r3", .release = "demand-2", .date = "2011-12-01", .snapshot = "snapshot two",
         .base_shift = 0.75, .adjustment = -1.0}};
    for (size_t i = 0; i < 3; i++) {
        fixture_add_run(f, &runs[i]);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    read_fixture_destroy(*state);
    return 0;
}

static alm_diff_result compare(read_fixture *f, const char *old_run, const char *new_run)
{
    alm_diff_options options = {.old_run = alm_str_of(old_run), .new_run = alm_str_of(new_run),
                                .top = 3};
    alm_diff_result result;
    OK(f, alm_diff_runs(&f->stores, &options, f->arena, &result, &f->error));
    return result;
}

static void new_data_is_the_cause(void **state)
{
    read_fixture *f = *state;
    alm_diff_result result = compare(f, "r1", "r2");
    assert_int_equal(result.levels, 4);
    const alm_diff_level *total = &result.level[3];
    assert_true(alm_str_is(total->level, "total"));
    /* Node 13 shifts by 0.5 x 13 on each of five days. */
    assert_true(total->net[ALM_DIFF_DATA] == 0.5 * 13 * FIXTURE_STEPS);
    assert_true(total->absolute_sum == 0.5 * 13 * FIXTURE_STEPS);
    assert_true(total->net[ALM_DIFF_RECONCILIATION] == 0.0);
    assert_true(total->net[ALM_DIFF_RELEASE] == 0.0);
    assert_false(result.has_between);
    assert_int_equal(result.nodes, 3);
    assert_true(alm_str_is(result.node[0].node, "total"));
    assert_true(alm_str_is(result.node[1].node, "g\"h,|UK"));
    assert_int_equal(result.node[1].contribution_count, 2);
    assert_true(alm_str_is(result.node[1].contribution[0].feature, "lag_7"));
    double change = result.node[1].contribution[0].new_value -
                    result.node[1].contribution[0].old_value;
    assert_true(change == 0.75 * 0.5 * 12 * FIXTURE_STEPS); /* dyadic, so exact */
}

/* r1 to r3 differs in both; r2 has the new data and the old release. */
static void a_third_run_separates(void **state)
{
    read_fixture *f = *state;
    alm_diff_result result = compare(f, "r1", "r3");
    const alm_diff_level *total = &result.level[3];
    assert_true(result.has_between);
    assert_true(alm_str_is(result.between.run_id, "r2"));
    assert_true(total->net[ALM_DIFF_DATA] == 0.5 * 13 * FIXTURE_STEPS);
    assert_true(total->net[ALM_DIFF_RELEASE] == 0.25 * 13 * FIXTURE_STEPS);
    assert_true(total->net[ALM_DIFF_DATA_AND_RELEASE] == 0.0);
    assert_true(total->net[ALM_DIFF_RECONCILIATION] == -1.0 * FIXTURE_STEPS);
    alm_buffer out = {0};
    alm_diff_print(&result, &out);
    assert_non_null(strstr(out.data, "between   r2  demand-1"));
    assert_non_null(strstr(out.data, "reconciliation"));
    assert_null(strstr(out.data, "unexplained"));
    alm_buffer_clear(&out);
    alm_diff_print_json(&result, &out);
    alm_json_document *document;
    OK(f, alm_json_parse(alm_buffer_view(&out), "diff", &document, &f->error));
    alm_json_document_destroy(document);
    alm_buffer_deinit(&out);
}

static void refuses_what_it_cannot_compare(void **state)
{
    read_fixture *f = *state;
    alm_diff_result result;
    alm_diff_options options = {.old_run = ALM_STR("r1"), .new_run = ALM_STR("r9")};
    REFUSED(f, ALM_ERR_NOT_FOUND, "no run 'r9'",
            alm_diff_runs(&f->stores, &options, f->arena, &result, &f->error));
    options.new_run = ALM_STR("r1");
    REFUSED(f, ALM_ERR_USAGE, "two different runs",
            alm_diff_runs(&f->stores, &options, f->arena, &result, &f->error));
    options.new_run = ALM_STR("r2");
    options.between = ALM_STR("r3");
    REFUSED(f, ALM_ERR_INVALID, "does not separate",
            alm_diff_runs(&f->stores, &options, f->arena, &result, &f->error));
}

/* What the last bits of a sum did is shown neither as a cause nor as a contribution, and no number
 * is "-0.0". */
static void rounding_is_no_cause(void **state)
{
    (void)state;
    const alm_diff_run old_run = described("o", "x", "s1");
    const alm_diff_run data = described("d", "x", "s2");
    alm_table_builder *b = joined_builder();
    add_row(b, "total", "total", 1, (double[]){100, 100, 99.96, 99.96 - 1e-11, NAN});
    alm_table table;
    alm_diff *diff;
    alm_diff_result result;
    alm_buffer out = {0};
    assert_int_equal(alm_table_builder_finish(b, &table, NULL), ALM_OK);
    assert_int_equal(alm_diff_create(&old_run, &data, NULL, 3, &diff, NULL), ALM_OK);
    assert_int_equal(alm_diff_add(diff, &table, NULL), ALM_OK);
    alm_diff_finish(diff, &result);
    alm_diff_print(&result, &out);
    assert_null(strstr(out.data, "reconciliation"));
    assert_null(strstr(out.data, "-0.0"));
    assert_non_null(strstr(out.data, "data +0.0\n"));
    alm_buffer_deinit(&out);
    alm_diff_destroy(diff);
    alm_table_builder_destroy(b);
}

int main(void)
{
    const struct CMUnitTest pure[] = {
        cmocka_unit_test(splits_by_cause),
        cmocka_unit_test(refuses_a_run_that_separates_nothing),
        cmocka_unit_test(counts_what_cannot_be_compared),
        cmocka_unit_test(parts_sum_to_the_change),
        cmocka_unit_test(rounding_is_no_cause),
    };
    const struct CMUnitTest stores[] = {
        cmocka_unit_test(new_data_is_the_cause),
        cmocka_unit_test(a_third_run_separates),
        cmocka_unit_test(refuses_what_it_cannot_compare),
    };
    int failed = cmocka_run_group_tests(pure, NULL, NULL);
    return failed + cmocka_run_group_tests(stores, setup, teardown);
}
