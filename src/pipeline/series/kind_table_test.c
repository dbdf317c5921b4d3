#include "pipeline/series/kind_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/forecaster_kinds.h"

static const alm_class WITH_KINDS[] = {ALM_CLASS_smooth, ALM_CLASS_erratic, ALM_CLASS_intermittent,
                                       ALM_CLASS_lumpy, ALM_CLASS_aggregate};

static void names_come_back(void **state)
{
    (void)state;
    size_t count = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&count);
    const alm_forecaster_kind *found = NULL;
    for (size_t k = 0; k < count; k++) {
        assert_true(alm_kind_named(alm_str_of(kinds[k]->name), &found));
        assert_ptr_equal(found, kinds[k]);
        assert_string_equal(alm_kind_name(found), kinds[k]->name);
        assert_string_not_equal(kinds[k]->name, "level"); /* the word is taken */
    }
    assert_true(alm_kind_named(ALM_STR("level"), &found));
    assert_null(found);
    assert_string_equal(alm_kind_name(NULL), "level");
    assert_false(alm_kind_named(ALM_STR("levels"), &found));
    assert_false(alm_kind_named(ALM_STR(""), &found));
}

static void expect_same(const alm_kind_table *a, const alm_kind_table *b)
{
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        for (int m = 0; m < ALM_MOVER_COUNT; m++) {
            assert_ptr_equal(a->kind[c][m], b->kind[c][m]);
        }
    }
    assert_true(a->given == b->given);
}

/* Random tables; and what is written is canonical: reading and writing changes no byte. */
static void tables_come_back(void **state)
{
    (void)state;
    size_t count = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&count);
    alm_rng rng = alm_rng_stream(61, 1);
    for (int round = 0; round < 50; round++) {
        alm_kind_table table = {.given = true};
        for (int c = 0; c < 5; c++) {
            for (int m = 0; m < ALM_MOVER_COUNT; m++) {
                size_t k = (size_t)alm_rng_next_below(&rng, (uint32_t)count + 1);
                table.kind[WITH_KINDS[c]][m] = k < count ? kinds[k] : NULL;
            }
        }
        table.kind[ALM_CLASS_aggregate][1] = table.kind[ALM_CLASS_aggregate][0];
        alm_buffer text = {0};
        alm_buffer again = {0};
        alm_kind_table back;
        alm_error error;
        alm_kind_table_write(&table, &text);
        assert_int_equal(alm_kind_table_read(alm_buffer_view(&text), "kinds.json", &back, &error),
                         ALM_OK);
        expect_same(&table, &back);
        alm_kind_table_write(&back, &again);
        assert_string_equal(text.data, again.data);
        alm_buffer_deinit(&text);
        alm_buffer_deinit(&again);
    }
}

static void by_class_and_mover(void **state)
{
    (void)state;
    alm_kind_table table = {.given = true};
    table.kind[ALM_CLASS_lumpy][ALM_MOVER_FAST] = &alm_naive;
    table.kind[ALM_CLASS_lumpy][ALM_MOVER_SLOW] = &alm_drift;
    table.kind[ALM_CLASS_new][ALM_MOVER_FAST] = &alm_drift; /* cannot be read, and is not used */
    alm_history h = {.class_of_series = ALM_CLASS_lumpy, .level = 0.5};
    assert_int_equal(alm_mover_of(&h, 19), ALM_MOVER_SLOW); /* 9.5 units over the horizon */
    assert_int_equal(alm_mover_of(&h, 20), ALM_MOVER_FAST); /* 10 */
    assert_ptr_equal(alm_kind_of(&table, &h, 19), &alm_drift);
    assert_ptr_equal(alm_kind_of(&table, &h, 20), &alm_naive);
    h.class_of_series = ALM_CLASS_smooth;
    assert_null(alm_kind_of(&table, &h, 20));
    h.class_of_series = ALM_CLASS_new;
    assert_null(alm_kind_of(&table, &h, 20));
    h.class_of_series = ALM_CLASS_lumpy;
    table.given = false;
    assert_null(alm_kind_of(&table, &h, 20));
}

#define REST ",\"lumpy\":{\"fast\":\"level\",\"slow\":\"level\"}," \
    "\"smooth\":{\"fast\":\"level\",\"slow\":\"level\"}}"
#define ERRATIC "{\"aggregate\":\"ets\",\"erratic\":{\"fast\":\"ets\",\"slow\":\"level\"}"
#define INTERMITTENT ",\"intermittent\":{\"fast\":\"count\",\"slow\":\"level\"}"

static void wrong_tables_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        alm_err code;
        const char *message;
    } BAD[] = {
        {"", ALM_ERR_CORRUPT, "kinds.json"},
        {"[]", ALM_ERR_CORRUPT, "kinds.json: it must be an object with the classes aggregate, "
                                "erratic, intermittent, lumpy and smooth alone"},
        {"{}", ALM_ERR_CORRUPT, "the classes aggregate"},
        {ERRATIC REST, ALM_ERR_CORRUPT, "the classes aggregate"},
        {ERRATIC INTERMITTENT ",\"new\":\"ets\"" REST, ALM_ERR_CORRUPT, "the classes aggregate"},
        {ERRATIC ",\"intermitent\":{\"fast\":\"count\",\"slow\":\"level\"}" REST, ALM_ERR_CORRUPT,
         "intermittent"},
        {ERRATIC ",\"intermittent\":\"count\"" REST, ALM_ERR_CORRUPT, "intermittent"},
        {ERRATIC ",\"intermittent\":{\"fast\":\"count\"}" REST, ALM_ERR_CORRUPT,
         "`intermittent` must have `fast` and `slow` alone"},
        {ERRATIC ",\"intermittent\":{\"fast\":\"count\",\"slo\":\"level\"}" REST, ALM_ERR_CORRUPT,
         "slow"},
        {ERRATIC ",\"intermittent\":{\"fast\":\"count\",\"slow\":3}" REST, ALM_ERR_CORRUPT, "slow"},
        {ERRATIC ",\"intermittent\":{\"fast\":\"counts\",\"slow\":\"level\"}" REST,
         ALM_ERR_UNSUPPORTED, "kinds.json: `fast` is the forecaster 'counts', which this engine "
                              "does not have; use the almanac that made it or a newer one"},
    };
    alm_error error;
    alm_kind_table untouched = {.kind = {{&alm_naive}}};
    assert_int_equal(alm_kind_table_read(ALM_STR(ERRATIC INTERMITTENT REST), "kinds.json",
                                         &(alm_kind_table){0}, &error), ALM_OK);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        alm_err code = alm_kind_table_read(alm_str_of(BAD[i].text), "kinds.json", &untouched,
                                           &error);
        if (code != BAD[i].code || !strstr(error.message, BAD[i].message)) {
            fail_msg("case %zu: %s", i, code == ALM_OK ? "read" : error.message);
        }
        assert_ptr_equal(untouched.kind[0][0], &alm_naive);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_back),
        cmocka_unit_test(tables_come_back),
        cmocka_unit_test(by_class_and_mover),
        cmocka_unit_test(wrong_tables_say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
