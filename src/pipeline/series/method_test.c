#include "pipeline/series/method.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"

static alm_method make_method(void)
{
    alm_rng rng = alm_rng_stream(5, 1);
    alm_method m = {.horizon = 28, .paths = 200, .templates = 24, .season = 7, .seed = 9,
                    .counts = true, .block_count = 1,
                    .base_score = {0.1234567890123456789}, .quantile_count = 3,
                    .quantile = {.05, .5, .95}};
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        m.weight[c] = alm_rng_next_uniform(&rng);
    }
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        m.remap[0][k] = alm_rng_next_uniform(&rng);
        m.remap[1][k] = alm_rng_next_uniform(&rng);
    }
    for (int b = 0; b < ALM_SHAPE_BINS; b++) {
        m.bin_edge[b] = alm_rng_next_uniform(&rng);
        for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
            m.bin_shape[b][k] = 30 * alm_rng_next_uniform(&rng);
        }
    }
    return m;
}

static void round_trip(void **state)
{
    (void)state;
    alm_method m = make_method();
    alm_buffer text = {0};
    alm_method_write(&m, &text);
    alm_method back;
    memset(&back, 0xA5, sizeof back);
    alm_error error = {0};
    assert_int_equal(alm_method_read(alm_buffer_view(&text), "method.json", &back, &error), ALM_OK);
    alm_buffer again = {0};
    alm_method_write(&back, &again);
    assert_string_equal(text.data, again.data); /* shortest text reads back to the same bits */
    assert_memory_equal(back.remap, m.remap, sizeof m.remap);
    assert_memory_equal(back.bin_shape, m.bin_shape, sizeof m.bin_shape);
    assert_true(back.base_score[0] == m.base_score[0] && back.seed == m.seed && back.counts);
    alm_buffer_deinit(&text);
    alm_buffer_deinit(&again);
}

/* Every truncation and every changed digit either reads or is refused; nothing else happens. */
static void damaged_texts_are_refused(void **state)
{
    (void)state;
    alm_method m = make_method();
    alm_buffer text = {0};
    alm_method_write(&m, &text);
    size_t refused = 0;
    for (size_t size = 0; size < text.size; size += 61) {
        alm_method back = m;
        alm_error error = {0};
        alm_str cut = {text.data, size};
        alm_err code = alm_method_read(cut, "method.json", &back, &error);
        refused += code == ALM_ERR_CORRUPT && strstr(error.message, "method.json") != NULL;
        assert_memory_equal(&back, &m, sizeof m); /* untouched */
    }
    assert_int_equal(refused, (text.size + 60) / 61);
    alm_buffer_deinit(&text);
}

static void wrong_values_are_named(void **state)
{
    (void)state;
    alm_method m = make_method();
    m.weight[ALM_CLASS_lumpy] = 1.5;
    alm_buffer text = {0};
    alm_method_write(&m, &text);
    alm_method back;
    alm_error error = {0};
    assert_int_equal(alm_method_read(alm_buffer_view(&text), "method.json", &back, &error),
                     ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "lumpy"));
    alm_buffer_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(damaged_texts_are_refused),
        cmocka_unit_test(wrong_values_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
