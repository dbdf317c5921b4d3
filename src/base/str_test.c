#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"

/* ---- views ---- */

static void views_compare_bytewise(void **state)
{
    (void)state;
    alm_str empty = {NULL, 0};
    assert_true(alm_str_equal(alm_str_of(NULL), ALM_STR("")));
    assert_true(alm_str_equal(empty, ALM_STR("")));
    assert_true(alm_str_is(ALM_STR("ab"), "ab"));
    assert_false(alm_str_is(ALM_STR("ab"), "abc"));
    assert_false(alm_str_is((alm_str){"ab\0c", 4}, "ab"));
    assert_true(alm_str_compare(ALM_STR("ab"), ALM_STR("abc")) < 0);
    assert_true(alm_str_compare(ALM_STR("b"), ALM_STR("abc")) > 0);
    assert_true(alm_str_compare(ALM_STR("Z"), ALM_STR("a")) < 0);
    assert_true(alm_str_compare(ALM_STR("z"), ALM_STR("\xC3\xA4")) < 0);
    assert_true(alm_str_compare(empty, ALM_STR("")) == 0);
    assert_true(alm_str_starts_with(ALM_STR("sku-1"), "sku-"));
    assert_false(alm_str_starts_with(ALM_STR("sk"), "sku-"));
    assert_true(alm_str_starts_with(empty, ""));
}

static void u64_has_its_lowest_byte_first(void **state)
{
    (void)state;
    alm_buffer buffer = {0};
    alm_buffer_u64(&buffer, UINT64_C(0x8070605040302010));
    assert_int_equal(buffer.size, 8);
    assert_memory_equal(buffer.data, "\x10\x20\x30\x40\x50\x60\x70\x80", 8);
    assert_true(alm_u64_at(buffer.data) == UINT64_C(0x8070605040302010));
    alm_buffer_deinit(&buffer);
}

static void trim_and_split(void **state)
{
    (void)state;
    assert_true(alm_str_is(alm_str_trim(ALM_STR(" \t a b\r\n ")), "a b"));
    assert_true(alm_str_is(alm_str_trim(ALM_STR(" \t ")), ""));
    assert_true(alm_str_is(alm_str_trim((alm_str){NULL, 0}), ""));
    static const char *PARTS[] = {"a", "", "bc", ""};
    size_t count = 0;
    for (alm_str rest = ALM_STR("a,,bc,"); rest.data; count++) {
        alm_str part = alm_str_split(&rest, ',');
        assert_true(count < 4 && alm_str_is(part, PARTS[count]));
    }
    assert_int_equal(count, 4);
    count = 0;
    for (alm_str rest = ALM_STR(""); rest.data; count++) {
        assert_true(alm_str_is(alm_str_split(&rest, ','), ""));
    }
    assert_int_equal(count, 1);
}

typedef struct utf8_row {
    const char *text;
    int bad; /* offset, -1 for well-formed */
} utf8_row;

/* Unicode 15, table 3-7, at every border, and the maximal subparts of table 3-8. */
static void utf8_accepts_and_rejects(void **state)
{
    (void)state;
    static const utf8_row ROWS[] = {
        {"", -1},
        {"plain \x7F", -1},
        {"\xC2\x80 \xDF\xBF", -1},
        {"\xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF", -1},
        {"\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF", -1},
        {"a\x80", 1},                 /* a continuation alone */
        {"ab\xBF", 2},
        {"\xC0\x80", 0},              /* overlong NUL */
        {"\xC1\xBF", 0},              /* overlong 0x7F */
        {"\xE0\x9F\xBF", 0},          /* overlong U+07FF */
        {"\xF0\x8F\xBF\xBF", 0},      /* overlong U+FFFF */
        {"x\xED\xA0\x80", 1},         /* surrogate U+D800 */
        {"\xED\xBF\xBF", 0},          /* surrogate U+DFFF */
        {"\xF4\x90\x80\x80", 0},      /* U+110000 */
        {"\xF5\x80\x80\x80", 0},
        {"\xF8\x88\x80\x80\x80", 0},  /* five bytes */
        {"\xFE", 0},
        {"\xFF", 0},
        {"\xC3", 0},                  /* cut */
        {"\xE2\x82", 0},
        {"abc\xF0\x9F\x98", 3},
        {"\xC3(", 0},                 /* no continuation */
        {"\xE2(\xA1", 0},
        {"\xE2\x82(", 0},
        {"\xF0\x9F\x98(", 0},
        {"\xF0(\x8C\xBC", 0},
        {"caf\xE9 au lait", 3},       /* Latin-1 */
        {"\xC3\xA9\xE9", 2},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        size_t bad = 999;
        bool good = alm_str_is_utf8(alm_str_of(ROWS[i].text), &bad);
        if (good != (ROWS[i].bad < 0) || (!good && bad != (size_t)ROWS[i].bad)) {
            fail_msg("row %zu: good %d, bad offset %zu", i, good, bad);
        }
        assert_true(!good || bad == 999);
        assert_int_equal(alm_str_is_utf8(alm_str_of(ROWS[i].text), NULL), good);
    }
    assert_true(alm_str_is_utf8((alm_str){"a\0b", 3}, NULL));
    /* The continuation behind the end of the view does not count. */
    assert_false(alm_str_is_utf8((alm_str){"\xC3\xA9", 1}, NULL));
}

/* All code points, encoded by the definition; and every pair of bytes by the definition. */
static void utf8_over_all_code_points(void **state)
{
    (void)state;
    for (uint32_t c = 0x80; c < 0x120000; c++) {
        char text[4];
        size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        uint32_t rest = c;
        for (size_t i = size; i-- > 1; rest >>= 6) {
            text[i] = (char)(0x80 | (rest & 0x3F));
        }
        text[0] = (char)((0xF00u >> size & 0xFF) | rest);
        bool legal = c < 0x110000 && !(c >= 0xD800 && c < 0xE000);
        assert_true(alm_str_is_utf8((alm_str){text, size}, NULL) == legal);
    }
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char text[2] = {(char)a, (char)b};
            bool legal = a < 0x80 ? b < 0x80 : a >= 0xC2 && a <= 0xDF && b >= 0x80 && b < 0xC0;
            assert_true(alm_str_is_utf8((alm_str){text, 2}, NULL) == legal);
        }
    }
}

static void safe_names(void **state)
{
    (void)state;
    static const char *GOOD[] = {"a", "demand-1", "A_z.9", "-x", "_", "0", "a..b"};
    static const char *BAD[] = {"",     ".",    "..",   ".a",      "a b",      "a/b",  "a\\b",
                                "a=b",  "a%20", "a:b",  "\xC3\xA9", "a\n",     "a*",   "~",
                                "a,b",  "a@b",  "a[b",  "a`b",     "a{b",      "a+b"};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        assert_true(alm_str_is_safe_name(alm_str_of(GOOD[i])));
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        if (alm_str_is_safe_name(alm_str_of(BAD[i]))) {
            fail_msg("'%s' passed as a safe name", BAD[i]);
        }
    }
    char longest[101];
    memset(longest, 'n', sizeof longest);
    assert_true(alm_str_is_safe_name((alm_str){longest, 100}));
    assert_false(alm_str_is_safe_name((alm_str){longest, 101}));
    assert_false(alm_str_is_safe_name((alm_str){"a\0b", 3}));
}

/* ---- numbers ---- */

static void integers(void **state)
{
    (void)state;
    int64_t value = 5;
    assert_true(alm_str_to_i64(ALM_STR("-9223372036854775808"), &value) && value == INT64_MIN);
    assert_true(alm_str_to_i64(ALM_STR("9223372036854775807"), &value) && value == INT64_MAX);
    assert_true(alm_str_to_i64(ALM_STR("+0042"), &value) && value == 42);
    assert_true(alm_str_to_i64(ALM_STR("-0"), &value) && value == 0);
    static const char *BAD[] = {"",    "-",   "+",    "--1",  "+-1", " 1",  "1 ",
                                "1.0", "1e3", "0x10", "12a", "1_000", "9223372036854775808",
                                "-9223372036854775809", "18446744073709551617",
                                "99999999999999999999999999"};
    value = 5;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        if (alm_str_to_i64(alm_str_of(BAD[i]), &value) || value != 5) {
            fail_msg("'%s' was read as %lld", BAD[i], (long long)value);
        }
    }
}

typedef struct double_row {
    const char *text;
    double value;
} double_row;

static void doubles_are_read_correctly_rounded(void **state)
{
    (void)state;
    static const double_row ROWS[] = {
        {"0", 0.0},
        {"1", 1.0},
        {"-1.5", -1.5},
        {"+2.25", 2.25},
        {".5", 0.5},
        {"-.5", -0.5},
        {"0.1", 0x1.999999999999ap-4},
        {"123456789012345", 123456789012345.0},
        {"0.000000000000001", 0x1.203af9ee75616p-50},
        {"9007199254740993", 9007199254740992.0},    /* a tie, to even */
        {"9007199254740995", 9007199254740996.0},
        {"1e23", 0x1.52d02c7e14af6p+76},             /* not 10^23 rounded by steps */
        {"8.5e-1", 0x1.b333333333333p-1},
        {"1E+2", 100.0},
        {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022}, /* once hung other readers */
        {"4.9e-324", 0x1p-1074},
        {"2.4703282292062327e-324", 0.0},            /* just below half of the least */
        {"2.4703282292062328e-324", 0x1p-1074},
        {"1.7976931348623157e308", 0x1.fffffffffffffp+1023},
        {"0.3000000000000000000000000000000000000000000000000000001", 0x1.3333333333333p-2},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        double value = 77;
        if (!alm_str_to_double(alm_str_of(ROWS[i].text), &value) || value != ROWS[i].value) {
            fail_msg("'%s' gives %a, expected %a", ROWS[i].text, value, ROWS[i].value);
        }
    }
    double zero = 1;
    assert_true(alm_str_to_double(ALM_STR("-0"), &zero) && zero == 0 && signbit(zero));
    assert_true(alm_str_to_double(ALM_STR("-0.00"), &zero) && zero == 0 && signbit(zero));
    /* The view ends before the buffer does. */
    assert_true(alm_str_to_double((alm_str){"12.57", 4}, &zero) && zero == 12.5);
}

/* A float is rounded from the decimal itself: on the way of a double some come out wrong. */
static void floats_are_rounded_once(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        float value;
    } ROWS[] = {
        {"16777217", 16777216.0f}, /* half way: to even */
        {"16777219", 16777220.0f},
        {"1.6777217000000000000001E7", 16777218.0f},
        {"16777217.0000000001", 16777218.0f},
        {"16777216.9999999999", 16777216.0f},
        {"-9.708353E0", -9.708353f},
        {"5E-1", 0.5f},
        {"1E-45", 0x1p-149f},
        {"7.1E-46", 0x1p-149f},
        {"7E-46", 0.0f},
        {"1.1754942E-38", 0x1.fffffcp-127f},
        {"3.4028235E38", 0x1.fffffep127f},
        {"0E0", 0.0f},
    };
    float value = 77;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (!alm_str_to_float(alm_str_of(ROWS[i].text), &value) || value != ROWS[i].value) {
            fail_msg("'%s' gives %a, expected %a", ROWS[i].text, (double)value,
                     (double)ROWS[i].value);
        }
    }
    static const char *BAD[] = {"", "-", "1e", "1E+", "3.5E38", "nan", "inf", "1.", "1E5E5", " 1"};
    value = 77;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_true(!alm_str_to_float(alm_str_of(BAD[i]), &value) && value == 77);
    }
    alm_rng rng = alm_rng_stream(1, 31);
    for (int i = 0; i < 200000; i++) {
        char text[64];
        uint32_t bits = (uint32_t)alm_rng_next(&rng);
        float single = 0;
        memcpy(&single, &bits, sizeof single);
        /* Few digits, the digits of a float, and the middle between two floats. */
        double near = i % 3 == 2 ? ((double)single + (double)nextafterf(single, 0)) / 2
                                 : (double)single;
        snprintf(text, sizeof text, "%.*E", i % 3 == 0 ? 5 : i % 3 == 1 ? 8 : 14, near);
        if (isfinite(strtof(text, NULL))) {
            assert_true(alm_str_to_float(alm_str_of(text), &value));
            assert_true(value == strtof(text, NULL));
        }
    }
}

/* Whether a text is a plain decimal; its value must be that of the whole reader. */
static bool is_plain_decimal(const char *text)
{
    char inside[200];
    double value = 77, whole = 77;
    snprintf(inside, sizeof inside, "%s 123456789", text);
    bool is = alm_str_plain_decimal((alm_str){inside, strlen(text)}, &value);
    if (is && (!alm_str_to_double(alm_str_of(text), &whole) ||
               memcmp(&value, &whole, sizeof value) != 0)) {
        fail_msg("'%s' gives %a, expected %a", text, value, whole);
    }
    assert_true(is || value == 77);
    return is;
}

static void plain_decimals_are_those_of_the_whole_reader(void **state)
{
    (void)state;
    static const char *PLAIN[] = {
        "59.500000000000007", "-0.33360551558426882", "0.0000000000000000001", "-0.0", "5.5",
        "9999999.999999999999", "9007199.254740993", "1.12345678", "1.1234567812345678",
        "0.9999999999999999999", "-007.5", "9007199.254740992", "0.9007199254740993"};
    static const char *OTHERS[] = {
        "", "-", ".", "5.", "5", ".5", "+1.5", "--1.5", "1.5e-05", "1.5E5", "12345678.5", "nan",
        "1.1234567890123456789", "0.00000000000000000001", "1.1234567x", "1.12345678x", "1.x",
        "1.1234567812345678x", "1..5", "1.5.5", "1,5", "1.-5", "12345678"};
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++) {
        if (!is_plain_decimal(PLAIN[i])) {
            fail_msg("'%s' is not plain", PLAIN[i]);
        }
    }
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        if (is_plain_decimal(OTHERS[i])) {
            fail_msg("'%s' is plain", OTHERS[i]);
        }
    }
    /* What stands behind the end is no part of it. */
    double value = 77;
    assert_true(alm_str_plain_decimal((alm_str){"12.575757575757", 4}, &value) && value == 12.5);
    assert_false(alm_str_plain_decimal((alm_str){"12.575757575757", 3}, &value));
    assert_false(alm_str_plain_decimal((alm_str){"1234.5757575757", 2}, &value));
    alm_rng rng = alm_rng_stream(1, 32);
    for (int i = 0; i < 300000; i++) {
        char text[40];
        value = alm_rng_next_uniform(&rng) * (i % 4 == 0 ? 1 : i % 4 == 1 ? 1e7 : 100);
        snprintf(text, sizeof text, "%.*g", 1 + i % 19, value);
        (void)is_plain_decimal(text);
    }
}

static void texts_that_are_no_number_are_rejected(void **state)
{
    (void)state;
    static const char *BAD[] = {
        "",     "-",     "+",        ".",    "-.",    "1.",    "1..2", "1.2.3", "1,5",
        " 1",   "1 ",    "\t1",      "nan",  "NaN",   "inf",   "-inf", "0x10",  "0x1p3",
        "1e",   "1e+",   "e5",       "1e400", "-1e309", "1e5.5", "1-2",  "--1",   "+-1",
        "1d5",  "1f",    "Infinity", "12a",  "1 000", "1'000", "1e5-3",
        "1.7976931348623159e308"};
    double value = 77;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        if (alm_str_to_double(alm_str_of(BAD[i]), &value) || value != 77) {
            fail_msg("'%s' was read as %g", BAD[i], value);
        }
    }
    assert_false(alm_str_to_double((alm_str){"1\0", 2}, &value));
    char digits[5000];
    memset(digits, '1', sizeof digits);
    assert_false(alm_str_to_double((alm_str){digits, sizeof digits}, &value));
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* The text reads back to the same bits, and no text with a digit less does. */
static void assert_shortest(double value)
{
    char text[32];
    size_t size = alm_double_text(value, text);
    assert_true(size < sizeof text && strlen(text) == size);
    double back = 77;
    if (!alm_str_to_double((alm_str){text, size}, &back) || !same_bits(back, value)) {
        fail_msg("%a is written as '%s'", value, text);
    }
    int digits = 0;
    bool leading = true;
    int zeros = 0;
    for (size_t i = 0; i < size && text[i] != 'e'; i++) {
        leading = leading && (text[i] < '1' || text[i] > '9');
        digits += !leading && text[i] >= '0' && text[i] <= '9';
        zeros = text[i] == '0' ? zeros + 1 : 0;
    }
    digits -= strchr(text, '.') ? 0 : zeros;
    if (digits > 1) {
        char shorter[40];
        snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
        assert_false(same_bits(strtod(shorter, NULL), value));
    }
}

static void doubles_are_written_shortest(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(5, 5);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = alm_rng_next(&rng);
        if (i % 4 == 1) {
            bits &= UINT64_C(0x800FFFFFFFFFFFFF); /* subnormal */
        } else if (i % 4 == 2) {
            bits = (bits & UINT64_C(0x800FFFFFFFFFFFFF)) | (1003 + bits % 40) << 52;
        }
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            assert_shortest(value);
        }
    }
    for (int k = 0; k < 20000; k++) {
        assert_shortest((double)alm_rng_next_below(&rng, 10000000) / 1000);
    }
    for (int power = -1074; power < 1024; power++) {
        assert_shortest(ldexp(1.0, power));
        assert_shortest(nextafter(ldexp(1.0, power), 0));
    }
}

static void texts_of_doubles(void **state)
{
    (void)state;
    static const double_row ROWS[] = {
        {"0", 0.0},       {"-0", -0.0},     {"0.1", 0.1},           {"-1", -1.0},
        {"1e+300", 1e300}, {"1e-07", 1e-7}, {"100000", 1e5},        {"123456.75", 123456.75},
        {"0.30000000000000004", 0.1 + 0.2}, {"5e-324", 0x1p-1074},  {"1e+15", 1e15},
        {"999999999999999", 999999999999999.0},                     {"nan", (double)NAN},
        {"inf", (double)INFINITY},          {"-inf", -(double)INFINITY},
        {"1.7976931348623157e+308", 0x1.fffffffffffffp+1023},
        {"-2.2250738585072014e-308", -0x1p-1022},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char text[32];
        assert_int_equal(alm_double_text(ROWS[i].value, text), strlen(ROWS[i].text));
        assert_string_equal(text, ROWS[i].text);
    }
}

/* A compiled LC_NUMERIC of glibc with decimal comma and dot for thousands, as in German: made by
 * `localedef --no-archive` (Debian 12, glibc 2.36) from a source with these three lines only. No
 * German locale need be installed. */
static const unsigned char COMMA_LOCALE[] = {
    0x14, 0x11, 0x03, 0x20, 0x06, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x22,
    0x00, 0x00, 0x00, 0x24, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x2c, 0x00,
    0x00, 0x00, 0x30, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x2e, 0x00, 0x03, 0x03, 0x00,
    0x00, 0x2c, 0x00, 0x00, 0x00, 0x2e, 0x00, 0x00, 0x00, 0x41, 0x4e, 0x53, 0x49,
    0x5f, 0x58, 0x33, 0x2e, 0x34, 0x2d, 0x31, 0x39, 0x36, 0x38, 0x00};

static void enter_comma_locale(void)
{
    char folder[] = "/tmp/almanac_locale_XXXXXX";
    assert_non_null(mkdtemp(folder));
    char inner[64];
    char path[80];
    snprintf(inner, sizeof inner, "%s/comma", folder);
    snprintf(path, sizeof path, "%s/LC_NUMERIC", inner);
    assert_int_equal(mkdir(inner, 0700), 0);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(COMMA_LOCALE, 1, sizeof COMMA_LOCALE, file), sizeof COMMA_LOCALE);
    assert_int_equal(fclose(file), 0);
    setenv("LOCPATH", folder, 1);
    const char *name = setlocale(LC_NUMERIC, "comma");
    unsetenv("LOCPATH");
    unlink(path);
    rmdir(inner);
    rmdir(folder);
    assert_non_null(name);
}

/* The C library's digits, the fewest of them that read back: what the text always was. */
static void assert_printf(double value)
{
    char text[32], expected[40];
    int digits = 15;
    alm_double_text(value, text);
    do {
        snprintf(expected, sizeof expected, "%.*g", digits, value);
    } while (strtod(expected, NULL) != value && ++digits <= 17);
    if (strcmp(text, expected) != 0) {
        fail_msg("%a is written as '%s' and not '%s'", value, text, expected);
    }
}

static void texts_are_those_of_the_c_library(void **state)
{
    (void)state;
    static const double ODD[] = {0.5, 0.1, 1e-4, 9.9999999999999995e-5, 1e-5, 0.00012345, 1e-11,
                                 1e-12, 999999999999999.9, 99999999999999.97, 9.999999999999999e22,
                                 1e15, 1e16, 1e17, 123456789012345678.0, 0x1p-30, 0x1.8p-37,
                                 0.30000000000000004, 3e-308, 1.7976931348623157e308};
    for (size_t i = 0; i < sizeof ODD / sizeof ODD[0]; i++) {
        assert_printf(-ODD[i] - (ODD[i] == floor(ODD[i]) && ODD[i] < 1e15 ? 0.5 : 0));
        assert_printf(ODD[i] + (ODD[i] == floor(ODD[i]) && ODD[i] < 1e15 ? 0.5 : 0));
    }
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t bits = alm_rng_u64(7, ALM_RNG_TEST, i, 0);
        /* Around the fast range: 2^-45 to 2^62; some with few bits, so that there are ties. */
        int exponent = (int)(bits % 108) - 45;
        double value = ldexp((double)(bits >> (i % 2 ? 11 : 11 + i % 50)) + 1, -53);
        value = ldexp(value, exponent);
        if (value < 1e15 && value == floor(value)) {
            continue; /* written as an integer */
        }
        assert_printf(bits & 1024 ? -value : value);
    }
}

static void numbers_do_not_follow_the_locale(void **state)
{
    (void)state;
    enter_comma_locale();
    char probe[16];
    snprintf(probe, sizeof probe, "%.1f", 1.5);
    assert_string_equal(probe, "1,5"); /* or this test would prove nothing */
    char text[32];
    double value = 0;
    alm_double_text(0.1 + 0.2, text);
    assert_string_equal(text, "0.30000000000000004");
    alm_double_text(1234567.125, text);
    assert_string_equal(text, "1234567.125");
    alm_double_text(1.5e300, text);
    assert_string_equal(text, "1.5e+300");
    assert_true(alm_str_to_double(ALM_STR("1.5"), &value) && value == 1.5);
    assert_true(alm_str_to_double(ALM_STR("1.2345678901234567e-5"), &value));
    assert_true(value == 0x1.9e409302678bap-17);
    assert_false(alm_str_to_double(ALM_STR("1,5"), &value));
    assert_false(alm_str_to_double(ALM_STR("1,2345678901234567e-5"), &value));
    alm_buffer buffer = {0};
    alm_buffer_double(&buffer, 2.5);
    assert_true(alm_str_is(alm_buffer_view(&buffer), "2.5"));
    alm_buffer_deinit(&buffer);
    assert_non_null(setlocale(LC_NUMERIC, "C"));
}

/* ---- growing text ---- */

static void buffers_grow(void **state)
{
    (void)state;
    size_t start = alm_heap_held_bytes();
    alm_buffer buffer = {0};
    assert_true(alm_str_is(alm_buffer_view(&buffer), ""));
    alm_buffer_str(&buffer, (alm_str){NULL, 0});
    alm_buffer_text(&buffer, "a=");
    alm_buffer_double(&buffer, 0.5);
    alm_buffer_printf(&buffer, ";%s=%d", "b", 7);
    alm_buffer_append(&buffer, "\0z", 2);
    assert_true(alm_str_equal(alm_buffer_view(&buffer), (alm_str){"a=0.5;b=7\0z", 11}));
    alm_buffer_clear(&buffer);
    assert_true(alm_str_is(alm_buffer_view(&buffer), ""));
    for (int i = 0; i < 10000; i++) {
        alm_buffer_printf(&buffer, "%05d,", i);
        assert_int_equal(buffer.data[buffer.size], '\0');
    }
    assert_int_equal(buffer.size, 60000);
    assert_memory_equal(buffer.data + 6 * 1234, "01234,", 6);
    assert_int_equal(alm_buffer_status(&buffer, NULL), ALM_OK);
    alm_buffer_deinit(&buffer);
    assert_null(buffer.data);
    assert_int_equal(alm_heap_held_bytes(), start);
}

static void write_much(alm_buffer *buffer)
{
    for (int i = 0; i < 300; i++) {
        alm_buffer_text(buffer, "some text; ");
        alm_buffer_printf(buffer, "%d and ", i);
        alm_buffer_double(buffer, i + 0.25);
        alm_buffer_str(buffer, ALM_STR("\n"));
    }
}

/* Fails each allocation in turn until the writer gets through; the failure is kept, what was
 * written stays a terminated prefix, and nothing leaks. */
static void buffers_remember_a_failed_allocation(void **state)
{
    (void)state;
    size_t start = alm_heap_held_bytes();
    alm_buffer whole = {0};
    write_much(&whole);
    uint64_t failures = 0;
    for (uint64_t nth = 1;; nth++) {
        alm_buffer buffer = {0};
        alm_heap_fail_at(nth);
        write_much(&buffer);
        alm_heap_fail_at(0);
        alm_error error = {0};
        alm_err code = alm_buffer_status(&buffer, &error);
        alm_str view = alm_buffer_view(&buffer);
        assert_true(view.size <= whole.size && view.data[view.size] == '\0');
        assert_memory_equal(view.data, whole.data, view.size);
        if (code == ALM_OK) {
            assert_int_equal(view.size, whole.size);
            alm_buffer_deinit(&buffer);
            break;
        }
        failures++;
        assert_int_equal(code, ALM_ERR_MEMORY);
        assert_non_null(strstr(error.message, "out of memory"));
        alm_buffer_clear(&buffer); /* forgets the failure */
        alm_buffer_text(&buffer, "again");
        assert_int_equal(alm_buffer_status(&buffer, NULL), ALM_OK);
        assert_true(alm_str_is(alm_buffer_view(&buffer), "again"));
        alm_buffer_deinit(&buffer);
    }
    /* 256 doubled until it holds everything */
    assert_int_equal(failures, (uint64_t)ceil(log2((double)(whole.size + 1) / 256)) + 1);
    alm_buffer_append(&whole, "x", SIZE_MAX / 2); /* refused before anything is read */
    assert_int_equal(alm_buffer_status(&whole, NULL), ALM_ERR_MEMORY);
    alm_buffer_deinit(&whole);
    assert_int_equal(alm_heap_held_bytes(), start);
}

static void control_characters_become_visible(void **state)
{
    (void)state;
    alm_buffer out = {0};
    alm_buffer_visible(&out, alm_str_of("a\nb\tc\r\x1b[31m\x7f \xc2\x9b \xc3\xa4\\n"));
    assert_string_equal(out.data, "a\\nb\\tc\\r\\x1b[31m\\x7f \\x9b \xc3\xa4\\n");
    alm_buffer_clear(&out);
    alm_buffer_visible(&out, (alm_str){"\xc2", 1}); /* a cut character is passed on */
    assert_int_equal(out.size, 1);
    alm_buffer_deinit(&out);
    alm_arena *arena = alm_arena_create(0);
    alm_str plain = ALM_STR("caf\xc3\xa9");
    assert_ptr_equal(alm_str_visible(plain, arena).data, plain.data);
    assert_true(alm_str_is(alm_str_visible(ALM_STR("a\nb \xc2\xa9"), arena), "a\\nb \xc2\xa9"));
    alm_arena_destroy(arena);
}

/* 16 to 19 digits, up to 30 decimals, and decimals half way between two doubles: as strtod. */
static void long_decimals_are_rounded_correctly(void **state)
{
    (void)state;
    static const char *const TIES[] = {"9007199254740993.0", "9007199254740995.0",
                                       "9007199254740993.01", "9007199254740992.99",
                                       "4503599627370496.5", "4503599627370497.5",
                                       "9223372036854775807.5", "0.000000000000000000000000001",
                                       "1.0000000000000001110", "1.000000000000000111"};
    for (size_t i = 0; i < sizeof TIES / sizeof *TIES; i++) {
        double value = 0;
        assert_true(alm_str_to_double(alm_str_of(TIES[i]), &value));
        assert_true(same_bits(value, strtod(TIES[i], NULL)));
    }
    alm_rng rng = alm_rng_stream(1, 2);
    for (int i = 0; i < 200000; i++) {
        char text[64];
        uint64_t digits = alm_rng_next(&rng) >> alm_rng_next_below(&rng, 20);
        int decimals = (int)alm_rng_next_below(&rng, 31);
        double value = 0;
        snprintf(text, sizeof text, "%s%llu.%llue-%d", i % 2 ? "-" : "",
                 (unsigned long long)(digits / 1000), (unsigned long long)(digits % 1000),
                 decimals);
        assert_true(alm_str_to_double(alm_str_of(text), &value));
        if (!same_bits(value, strtod(text, NULL))) {
            fail_msg("%s is read as %.17g", text, value);
        }
    }
}

/* Where numbers are written without printf, they are those that printf writes: at random, near
 * powers of ten and two, exactly between two decimals. */
static void assert_as_printf(double value)
{
    char text[32], expected[40] = "";
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(expected, sizeof expected, "%.*g", digits, value);
        if (strtod(expected, NULL) == value) {
            break;
        }
    }
    size_t size = alm_double_text(value, text);
    if (size != strlen(expected) || strcmp(text, expected) != 0) {
        fail_msg("%a is written as '%s', by printf as '%s'", value, text, expected);
    }
}

static void doubles_are_written_as_by_printf(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(17, 1);
    for (int i = 0; i < 200000; i++) {
        int exponent = (int)alm_rng_next_below(&rng, 70) - 16; /* 1e-5 to 1e16 */
        double value = ldexp(1 + alm_rng_next_uniform(&rng), exponent);
        assert_as_printf(i % 2 ? value : -value);
        /* Few decimals, as prices have. */
        assert_as_printf((double)alm_rng_next_below(&rng, 10000000) / 1000);
        /* Few bits: ties between decimals. */
        assert_as_printf(ldexp((double)alm_rng_next_below(&rng, 1024), exponent - 10));
    }
    for (int power = -6; power <= 17; power++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", power);
        double up = strtod(text, NULL), down = up;
        for (int i = 0; i < 100; i++) {
            assert_as_printf(up);
            assert_as_printf(down);
            up = nextafter(up, INFINITY);
            down = nextafter(down, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_decimals_are_rounded_correctly),
        cmocka_unit_test(views_compare_bytewise),
        cmocka_unit_test(u64_has_its_lowest_byte_first),
        cmocka_unit_test(trim_and_split),
        cmocka_unit_test(utf8_accepts_and_rejects),
        cmocka_unit_test(utf8_over_all_code_points),
        cmocka_unit_test(safe_names),
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles_are_read_correctly_rounded),
        cmocka_unit_test(floats_are_rounded_once),
        cmocka_unit_test(plain_decimals_are_those_of_the_whole_reader),
        cmocka_unit_test(texts_that_are_no_number_are_rejected),
        cmocka_unit_test(doubles_are_written_shortest),
        cmocka_unit_test(texts_of_doubles),
        cmocka_unit_test(texts_are_those_of_the_c_library),
        cmocka_unit_test(numbers_do_not_follow_the_locale),
        cmocka_unit_test(control_characters_become_visible),
        cmocka_unit_test(doubles_are_written_as_by_printf),
        cmocka_unit_test(buffers_grow),
        cmocka_unit_test(buffers_remember_a_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
