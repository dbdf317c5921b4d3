/* predict_series_test.c: many series in any order beside a plain list of who was used last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "batch/predict_series.h"

#define NAMES 5000

static size_t alive;

/* A state is the number of the series that it was made for. */
static alm_err create(void *context, void **state, alm_error *error)
{
    size_t *next = context;
    ALM_TRY(alm_heap_try(sizeof(size_t), state, error));
    memcpy(*state, next, sizeof *next);
    alive++;
    return ALM_OK;
}

static void destroy(void *state)
{
    alm_heap_free(state);
    alive--;
}

static alm_str name_of(size_t i, char text[32])
{
    (void)snprintf(text, 32, "%zu", i * 7919);
    return alm_str_of(text);
}

static void find(almi_predict_series *s, size_t i, size_t expected)
{
    char text[32];
    void *state = NULL;
    alm_error error = {0};
    if (almi_predict_series_find(s, name_of(i, text), &state, &error) != ALM_OK) {
        fail_msg("%zu: %s", i, error.message);
    }
    assert_int_equal(*(size_t *)state, expected);
}

static void every_series_keeps_its_state(void **state)
{
    (void)state;
    size_t next = 0, made[NAMES];
    almi_predict_series *s = NULL;
    alm_rng rng = alm_rng_stream(4, 4);
    almi_predict_series_ops ops = {create, destroy, &next, sizeof(size_t), 0};
    assert_int_equal(almi_predict_series_create(&ops, &s, NULL), ALM_OK);
    for (int round = 0; round < 2; round++) {
        memset(made, 0xff, sizeof made);
        for (size_t i = 0; i < 4 * NAMES; i++) {
            size_t which = alm_rng_next_below(&rng, NAMES);
            next = i;
            made[which] = made[which] == SIZE_MAX ? i : made[which];
            find(s, which, made[which]);
        }
        almi_predict_series_restart(s);
        assert_int_equal(alive, 0);
    }
    almi_predict_series_destroy(s);
}

/* Room for three: the one that was used longest ago goes, and may not come again. */
static void the_one_used_longest_ago_is_dropped(void **state)
{
    (void)state;
    size_t next = 0;
    char text[32];
    void *found = NULL;
    alm_error error = {0};
    almi_predict_series *s = NULL;
    almi_predict_series_ops ops = {create, destroy, &next, 100, 350};
    assert_int_equal(almi_predict_series_create(&ops, &s, NULL), ALM_OK);
    for (next = 0; next < 3; next++) {
        find(s, next, next);
    }
    find(s, 0, 0); /* so that 1 is the oldest */
    find(s, 3, 3);
    assert_int_equal(alive, 3);
    find(s, 2, 2);
    find(s, 0, 0);
    assert_int_equal(almi_predict_series_find(s, name_of(1, text), &found, &error), ALM_ERR_LIMIT);
    assert_non_null(strstr(error.message, "those of 3 other series"));
    for (next = 4; next < 3000; next++) { /* any number that come once */
        find(s, next, next);
        assert_int_equal(alive, 3);
    }
    almi_predict_series_destroy(s);
    assert_int_equal(alive, 0);
}

static void failed_allocations_leave_what_was(void **state)
{
    (void)state;
    size_t next = 0;
    char text[32];
    void *found = NULL;
    alm_error error = {0};
    almi_predict_series *s = NULL;
    almi_predict_series_ops ops = {create, destroy, &next, 1, 2};
    assert_int_equal(almi_predict_series_create(&ops, &s, NULL), ALM_OK);
    for (; next < 1200; next++) {
        alm_err code = ALM_ERR_MEMORY;
        for (uint64_t nth = 1; code != ALM_OK; nth++) {
            (void)alm_heap_fail_at(nth);
            code = almi_predict_series_find(s, name_of(next, text), &found, &error);
            (void)alm_heap_fail_at(0);
            assert_true(code == ALM_OK || code == ALM_ERR_MEMORY);
        }
        assert_int_equal(*(size_t *)found, next);
        assert_true(alive <= 2);
    }
    almi_predict_series_destroy(s);
    assert_int_equal(alive, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_series_keeps_its_state),
        cmocka_unit_test(the_one_used_longest_ago_is_dropped),
        cmocka_unit_test(failed_allocations_leave_what_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
