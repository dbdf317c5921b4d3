/* Numbers that are read eight bytes at a time are those of the C library; what is not a number is
 * not taken for one. json_reader_fuzz.c compares everything else. */
#include "http/protocol/json_reader.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define NUMBERS 4000

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* One in a form that clients write: shortest, 17 digits, fixed, whole, with an exponent. */
static void put_number(alm_buffer *out, uint64_t i)
{
    double u = alm_rng_uniform(3, ALM_RNG_BENCH, i, 0) * 2 - 1;
    double size = pow(10, floor(alm_rng_uniform(3, ALM_RNG_BENCH, i, 1) * 12) - 4);
    int places = (int)(alm_rng_uniform(3, ALM_RNG_BENCH, i, 2) * 20);
    switch (i % 5) {
    case 0:
        alm_buffer_double(out, u * size);
        return;
    case 1:
        alm_buffer_printf(out, "%.17g", u * size);
        return;
    case 2:
        alm_buffer_printf(out, "%.*f", places, u * size);
        return;
    case 3:
        alm_buffer_printf(out, "%.0f", u * size);
        return;
    default:
        alm_buffer_printf(out, "%.*e", places, u * size);
    }
}

static void test_numbers_are_those_of_strtod(void **state)
{
    (void)state;
    static const char *const BETWEEN[] = {",", ", ", " ,", ",\n  ", ",  "};
    alm_arena *arena = alm_arena_create(0);
    alm_buffer text = {0};
    static double got[NUMBERS];
    size_t count = 0;
    bool more = false;
    alm_buffer_text(&text, "[");
    for (uint64_t i = 0; i < NUMBERS; i++) {
        alm_buffer_text(&text, i ? BETWEEN[i / 50 % 5] : "");
        put_number(&text, i);
    }
    alm_buffer_text(&text, "]");
    almi_json_reader r = almi_json_reader_on(alm_buffer_view(&text), "test", arena);
    assert_int_equal(almi_json_open(&r, '[', NULL), ALM_OK);
    size_t taken = 0;
    for (;;) {
        size_t now = almi_json_take_numbers(&r, got + count, NUMBERS - count);
        taken += now;
        count += now;
        assert_int_equal(almi_json_more(&r, '[', &more, NULL), ALM_OK);
        if (!more) {
            break;
        }
        assert_int_equal(almi_json_read_number(&r, &got[count++], NULL, NULL, NULL), ALM_OK);
    }
    assert_int_equal(count, NUMBERS);
    assert_true(taken > NUMBERS / 4); /* or nothing was compared */
    const char *at = text.data + 1;
    for (size_t i = 0; i < NUMBERS; i++) {
        char *end = NULL;
        at += strspn(at, ", \n");
        double value = strtod(at, &end);
        bool is_integer = strcspn(at, ".eE") >= (size_t)(end - at);
        value = is_integer && value == 0 ? 0 : value; /* without a sign */
        assert_int_equal(bits_of(got[i]), bits_of(value));
        at = end;
    }
    alm_buffer_deinit(&text);
    alm_arena_destroy(arena);
}

static size_t taken_of(const char *list, double *out, size_t room)
{
    char text[256];
    alm_arena *arena = alm_arena_create(0);
    snprintf(text, sizeof text, "%s%64s", list, "");
    almi_json_reader r = almi_json_reader_on(alm_str_of(text), "test", arena);
    assert_int_equal(almi_json_open(&r, '[', NULL), ALM_OK);
    size_t taken = almi_json_take_numbers(&r, out, room);
    alm_arena_destroy(arena);
    return taken;
}

static void test_what_is_no_plain_number_is_left(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        size_t taken;
    } CASES[] = {
        {"[1,2.5,-3]", 3},   {"[1, 2.5, -3]", 3}, {"[]", 0},        {"[ 1]", 0},
        {"[1 ,2]", 1},       {"[1,  2]", 1},      {"[01]", 0},      {"[1,00]", 1},
        {"[1,-]", 1},        {"[1,.5]", 1},       {"[1,5.]", 1},    {"[1,1e5]", 1},
        {"[1,1.5E5]", 1},    {"[1,null]", 1},     {"[1,+2]", 1},    {"[1,--2]", 1},
        {"[12345678]", 0},   {"[1234567]", 1},    {"[1,\"2\"]", 1}, {"[1,0x2]", 2},
        {"[0.123456789012345678901234]", 0},      {"[0.12345678901234567]", 1},
    };
    double number[4];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_int_equal(taken_of(CASES[i].list, number, 4), CASES[i].taken);
    }
    assert_int_equal(taken_of("[1,2,3]", number, 2), 2);
    assert_int_equal(taken_of("[-0,-0.0]", number, 2), 2);
    assert_int_equal(bits_of(number[0]), bits_of(0));
    assert_int_equal(bits_of(number[1]), bits_of(-0.0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_those_of_strtod),
        cmocka_unit_test(test_what_is_no_plain_number_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
