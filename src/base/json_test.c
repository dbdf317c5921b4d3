#include "base/json.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static alm_json_document *parse(const char *text)
{
    alm_json_document *document = NULL;
    alm_error error = {0};
    if (alm_json_parse(alm_str_of(text), "t.json", &document, &error) != ALM_OK) {
        fail_msg("%s: %s", text, error.message);
    }
    return document;
}

/* ---- reading ---- */

static void values_keep_kind_and_document_order(void **state)
{
    (void)state;
    alm_json_document *document =
        parse("{\"z\":1,\"a\":[true,null,-2.5,\"x\\u00e9\"],\"m\":{},\"e\":1e2,\"f\":1.0}");
    const alm_json *root = alm_json_root(document);
    assert_int_equal(alm_json_kind_of(root), ALM_JSON_OBJECT);
    assert_int_equal(alm_json_count(root), 5);
    const char *const order[] = {"z", "a", "m", "e", "f"};
    for (size_t i = 0; i < 5; i++) {
        alm_str key;
        assert_non_null(alm_json_member_at(root, i, &key));
        assert_true(alm_str_is(key, order[i]));
    }
    assert_null(alm_json_member_at(root, 5, NULL));
    const alm_json *list = alm_json_member(root, "a");
    assert_int_equal(alm_json_count(list), 4);
    assert_int_equal(alm_json_kind_of(alm_json_at(list, 0)), ALM_JSON_BOOL);
    assert_int_equal(alm_json_kind_of(alm_json_at(list, 1)), ALM_JSON_NULL);
    double real = 0;
    assert_true(alm_json_as_double(alm_json_at(list, 2), &real));
    assert_true(real == -2.5);
    alm_str text;
    assert_true(alm_json_as_str(alm_json_at(list, 3), &text));
    assert_true(alm_str_is(text, "x\xc3\xa9"));
    assert_int_equal(text.data[text.size], 0);
    assert_null(alm_json_at(list, 4));
    assert_null(alm_json_at(root, 0));
    assert_null(alm_json_member(list, "a"));
    assert_int_equal(alm_json_count(alm_json_member(root, "m")), 0);
    /* A whole number stays an integer only without point and exponent. */
    assert_int_equal(alm_json_kind_of(alm_json_member(root, "z")), ALM_JSON_INTEGER);
    assert_int_equal(alm_json_kind_of(alm_json_member(root, "e")), ALM_JSON_DOUBLE);
    assert_int_equal(alm_json_kind_of(alm_json_member(root, "f")), ALM_JSON_DOUBLE);
    alm_json_document_destroy(document);
    alm_json_document_destroy(NULL);
}

static void large_objects_are_found_by_name(void **state)
{
    (void)state;
    alm_buffer text = {0};
    alm_json_writer writer = alm_json_writer_on(&text);
    alm_json_open_object(&writer);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", (i * 577) % 1000); /* 577 and 1000 are coprime */
        alm_json_put_i64(&writer, key, i);
    }
    alm_json_close_object(&writer);
    assert_int_equal(alm_buffer_status(&text, NULL), ALM_OK);
    alm_json_document *document = parse(text.data);
    const alm_json *root = alm_json_root(document);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", (i * 577) % 1000);
        int64_t value = -1;
        assert_int_equal(alm_json_get_i64(root, key, &value, NULL), ALM_OK);
        assert_int_equal(value, i);
    }
    assert_null(alm_json_member(root, "k1000"));
    assert_null(alm_json_member(root, ""));
    alm_json_document_destroy(document);
    alm_buffer_deinit(&text);
}

typedef struct refused {
    const char *text;
    const char *message_part;
} refused;

static void malformed_text_is_refused_with_its_place(void **state)
{
    (void)state;
    static const refused cases[] = {
        {"", "t.json: empty"},
        {" ", "t.json:1:1: not valid JSON"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "duplicate object key"},
        {"{\"a\":1,\n\"b\":{\"c\":1,\"c\":2}}", "t.json:2:"},
        {"[1] x", "end of file expected"},
        {"[1][2]", "end of file expected"},
        {"{} {}", "end of file expected"},
        {"[1,]", "unexpected token"},
        {"[,1]", "unexpected token"},
        {"[1 2]", "']' expected"},
        {"[", "']' expected"},
        {"{", "string or '}' expected"},
        {"{\"a\"}", "':' expected"},
        {"{\"a\":}", "unexpected token"},
        {"{\"a\":1,}", "string or '}' expected"},
        {"{a:1}", "string or '}' expected"},
        {"{1:1}", "string or '}' expected"},
        {"]", "unexpected token"},
        {"nul", "invalid token"},
        {"NaN", "invalid token"},
        {"[Infinity]", "invalid token"},
        {"[-]", "invalid token"},
        {"[+1]", "invalid token"},
        {"[01]", "invalid token"},
        {"[1.]", "invalid token"},
        {"[.5]", "invalid token"},
        {"[1e]", "invalid token"},
        {"[0x10]", "']' expected"},
        {"[1e400]", "real number overflow"},
        {"[-1e400]", "real number overflow"},
        {"[9223372036854775808]", "too big integer"},
        {"[-9223372036854775809]", "too big negative integer"},
        {"[\"a", "premature end of input"},
        {"[\"a\nb\"]", "unexpected newline"},
        {"[\"\t\"]", "control character 0x9"},
        {"[\"\\x\"]", "invalid escape"},
        {"[\"\\u12\"]", "invalid escape"},
        {"[\"\\u0000\"]", "\\u0000 is not allowed"},
        {"[\"\\ud800\"]", "invalid Unicode"},
        {"[\"\\udc00\"]", "invalid Unicode"},
        {"[\"\xff\"]", "unable to decode byte 0xff"},
        {"[\"\xc0\xaf\"]", "unable to decode byte 0xc0"},
        {"[\"\xed\xa0\x80\"]", "unable to decode byte 0xed"},
        {"[\"\xf5\x80\x80\x80\"]", "unable to decode byte 0xf5"},
        {"\xef\xbb\xbf[]", "t.json:1:1: not valid JSON"},
        {"['a']", "invalid token"},
        {"[1] // note", "end of file expected"},
        {"/* */ 1", "invalid token"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        alm_error error = {0};
        alm_json_document *document = NULL;
        alm_err code = alm_json_parse(alm_str_of(cases[i].text), "t.json", &document, &error);
        if (code != ALM_ERR_INVALID || !strstr(error.message, cases[i].message_part) ||
            strncmp(error.message, "t.json:", 7) != 0 || document) {
            fail_msg("case %zu '%s': code %d, message '%s', wanted '%s'", i, cases[i].text,
                     (int)code, error.message, cases[i].message_part);
        }
    }
}

static void a_nul_is_no_end(void **state)
{
    (void)state;
    const char with_nul[] = "[1]\0";
    alm_json_document *document = NULL;
    alm_error error = {0};
    assert_int_equal(alm_json_parse((alm_str){with_nul, 4}, "t", &document, &error),
                     ALM_ERR_INVALID);
    assert_string_equal(error.message, "t: not valid JSON: byte 3 is a NUL byte");
    const char number_and_nul[] = "8\0";
    assert_int_equal(alm_json_parse((alm_str){number_and_nul, 2}, "t", &document, NULL),
                     ALM_ERR_INVALID);
}

static void depth_is_bounded_with_a_place(void **state)
{
    (void)state;
    char text[200] = "\n";
    for (size_t depth = 64; depth <= 65; depth++) {
        memset(text + 1, '[', depth);
        memset(text + 1 + depth, ']', depth);
        text[1 + 2 * depth] = '\0';
        alm_json_document *document = NULL;
        alm_error error = {0};
        alm_err code = alm_json_parse(alm_str_of(text), "deep", &document, &error);
        if (depth == 64) {
            assert_int_equal(code, ALM_OK);
        } else {
            assert_int_equal(code, ALM_ERR_INVALID);
            assert_string_equal(error.message, "deep:2:65: nested deeper than 64 levels");
        }
        alm_json_document_destroy(document);
    }
    /* Brackets in strings do not count, escaped quotes do not end a string. */
    alm_json_document_destroy(parse("[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                                    "[[[[[[[[[[[[[[[[[[[[\\\\\",\"[[[[[[[[[[[\"]"));
}

static void unknown_keys_are_named(void **state)
{
    (void)state;
    alm_error error = {0};
    alm_json_document *document = parse("[{\"name\":1,\"steps\":2},{\"name\":1,\"step\":2},{}]");
    const alm_json *root = alm_json_root(document);
    assert_int_equal(alm_json_check_keys(alm_json_at(root, 0), "name steps?", &error), ALM_OK);
    assert_int_equal(alm_json_check_keys(alm_json_at(root, 2), "name steps?", &error), ALM_OK);
    assert_int_equal(alm_json_check_keys(alm_json_at(root, 1), "name steps?", &error),
                     ALM_ERR_INVALID);
    assert_string_equal(error.message, "unknown key `step`; known are: name steps?");
    assert_int_equal(alm_json_check_keys(root, "name", &error), ALM_ERR_INVALID);
    assert_int_equal(alm_json_check_keys(NULL, "name", &error), ALM_ERR_INVALID);
    alm_json_document_destroy(document);
}

/* Refused before anything is built; what is not counted is text. */
static void values_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t values;
    } CASES[] = {{"1", 1},         {"[]", 5},           {"[1]", 5},      {"[1,2,3]", 7},
                 {"{}", 5},        {"{\"a\":[1,2]}", 10}, {"\"[,{\\\",\"", 1},
                 {"[[],[],{}]", 19}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        alm_str text = alm_str_of(CASES[i].text);
        alm_json_document *document = NULL;
        alm_error error = {0};
        assert_int_equal(alm_json_parse_bounded(text, "t", CASES[i].values, &document, &error),
                         ALM_OK);
        alm_json_document_destroy(document);
        assert_int_equal(alm_json_parse_bounded(text, "t", CASES[i].values - 1, &document, &error),
                         ALM_ERR_LIMIT);
        assert_non_null(strstr(error.message, "send it in parts"));
    }
}

static void integer_limits_are_exact(void **state)
{
    (void)state;
    alm_json_document *document = parse("[9223372036854775807,-9223372036854775808,-0,-0.0]");
    const alm_json *root = alm_json_root(document);
    int64_t value = 0;
    assert_true(alm_json_as_i64(alm_json_at(root, 0), &value));
    assert_true(value == INT64_MAX);
    assert_true(alm_json_as_i64(alm_json_at(root, 1), &value));
    assert_true(value == INT64_MIN);
    assert_true(alm_json_as_i64(alm_json_at(root, 2), &value));
    assert_true(value == 0);
    assert_false(alm_json_as_i64(alm_json_at(root, 3), &value));
    double real = 1;
    assert_true(alm_json_as_double(alm_json_at(root, 3), &real));
    assert_true(real == 0 && signbit(real));
    alm_json_document_destroy(document);
}

static void typed_members_name_key_and_expectation(void **state)
{
    (void)state;
    alm_json_document *document = parse("{\"s\":\"t\",\"i\":3,\"d\":0.5,\"b\":true,\"n\":null}");
    const alm_json *root = alm_json_root(document);
    alm_error error = {0};
    alm_str text = ALM_STR("kept");
    int64_t integer = 7;
    double real = 7;
    bool flag = false;
    const alm_json *value = NULL;
    assert_int_equal(alm_json_get_str(root, "s", &text, &error), ALM_OK);
    assert_true(alm_str_is(text, "t"));
    assert_int_equal(alm_json_get_double(root, "i", &real, &error), ALM_OK);
    assert_true(real == 3);
    assert_int_equal(alm_json_get_bool(root, "b", &flag, &error), ALM_OK);
    assert_true(flag);
    assert_int_equal(alm_json_get(root, "n", ALM_JSON_NULL, &value, &error), ALM_OK);
    assert_int_equal(alm_json_get(root, "i", ALM_JSON_DOUBLE, &value, &error), ALM_OK);

    assert_int_equal(alm_json_get_str(root, "q", &text, &error), ALM_ERR_INVALID);
    assert_string_equal(error.message, "key 'q' is missing");
    assert_int_equal(alm_json_get_str(root, "i", &text, &error), ALM_ERR_INVALID);
    assert_string_equal(error.message, "key 'i' must be a string, found an integer");
    assert_int_equal(alm_json_get_i64(root, "d", &integer, &error), ALM_ERR_INVALID);
    assert_string_equal(error.message, "key 'd' must be an integer, found a number");
    assert_int_equal(alm_json_get_double(root, "n", &real, &error), ALM_ERR_INVALID);
    assert_string_equal(error.message, "key 'n' must be a number, found null");
    assert_int_equal(alm_json_get_bool(root, "s", &flag, &error), ALM_ERR_INVALID);
    assert_string_equal(error.message, "key 's' must be true or false, found a string");
    assert_int_equal(alm_json_get(value, "s", ALM_JSON_ARRAY, &value, &error), ALM_ERR_INVALID);
    assert_string_equal(error.message, "key 's' needs an object around it, found an integer");
    assert_true(alm_str_is(text, "t") && integer == 7 && real == 3 && flag); /* untouched */
    alm_json_document_destroy(document);
}

/* A locale with a decimal comma needs its files; where none is installed, the test still sees that
 * the thread's locale is given back. */
static void numbers_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    static const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ru_RU.UTF-8", "C"};
    locale_t comma = (locale_t)0;
    for (size_t i = 0; comma == (locale_t)0; i++) {
        comma = newlocale(LC_ALL_MASK, commas[i], (locale_t)0);
    }
    locale_t before = uselocale(comma);
    alm_json_document *document = parse("[1234.5]");
    locale_t after = uselocale(before);
    assert_ptr_equal(after, comma);
    freelocale(comma);
    double real = 0;
    assert_true(alm_json_as_double(alm_json_at(alm_json_root(document), 0), &real));
    assert_true(real == 1234.5);
    alm_json_document_destroy(document);
}

static void a_failed_allocation_leaves_nothing(void **state)
{
    (void)state;
    alm_str text = ALM_STR("{\"a\":[1,2,{\"b\":\"c\"}]}");
    bool done = false;
    uint64_t nth = 1;
    for (; !done && nth < 100; nth++) {
        size_t held = alm_heap_held_bytes();
        alm_json_document *document = NULL;
        alm_heap_fail_at(nth);
        alm_err code = alm_json_parse(text, "t", &document, NULL);
        alm_heap_fail_at(0);
        done = code == ALM_OK;
        assert_true(done || (code == ALM_ERR_MEMORY && !document));
        alm_json_document_destroy(document);
        assert_int_equal(alm_heap_held_bytes(), held);
    }
    assert_true(done && nth > 2); /* at least one allocation did fail */
}

/* ---- random input ---- */

static void write_again(alm_json_writer *writer, const alm_json *value)
{
    int64_t integer = 0;
    double real = 0;
    bool flag = false;
    alm_str text;
    if (alm_json_as_i64(value, &integer)) {
        alm_json_i64(writer, integer);
    } else if (alm_json_as_double(value, &real)) {
        alm_json_double(writer, real);
    } else if (alm_json_as_str(value, &text)) {
        alm_json_str(writer, text);
    } else if (alm_json_kind_of(value) == ALM_JSON_ARRAY) {
        alm_json_open_array(writer);
        for (size_t i = 0; i < alm_json_count(value); i++) {
            write_again(writer, alm_json_at(value, i));
        }
        alm_json_close_array(writer);
    } else if (alm_json_kind_of(value) == ALM_JSON_OBJECT) {
        alm_json_open_object(writer);
        for (size_t i = 0; i < alm_json_count(value); i++) {
            alm_str key;
            const alm_json *member = alm_json_member_at(value, i, &key);
            assert_ptr_equal(alm_json_member(value, key.data), member);
            alm_json_key(writer, key.data);
            write_again(writer, member);
        }
        alm_json_close_object(writer);
    } else if (alm_json_as_bool(value, &flag)) {
        alm_json_bool(writer, flag);
    } else {
        assert_int_equal(alm_json_kind_of(value), ALM_JSON_NULL);
        alm_json_null(writer);
    }
}

static void check_fixed_point(alm_str text, size_t *accepted)
{
    alm_json_document *document = NULL;
    if (alm_json_parse(text, "fuzz", &document, NULL) != ALM_OK) {
        assert_null(document);
        return;
    }
    ++*accepted;
    alm_buffer once = {0};
    alm_buffer twice = {0};
    alm_json_writer writer = alm_json_writer_on(&once);
    write_again(&writer, alm_json_root(document));
    alm_json_document_destroy(document);
    document = parse(once.data);
    writer = alm_json_writer_on(&twice);
    write_again(&writer, alm_json_root(document));
    alm_json_document_destroy(document);
    assert_string_equal(once.data, twice.data);
    alm_buffer_deinit(&once);
    alm_buffer_deinit(&twice);
}

/* Mutated text never crashes, and whatever is accepted is written as a fixed point. */
static void random_mutations_never_crash(void **state)
{
    (void)state;
    static const char seed[] =
        "{\"name\":\"demand-1\",\"list\":[1,-2.5e3,null,true,{\"deep\":[[\"\\u00e9\\n\"]]}],"
        "\"f\":0.1,\"g\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,"
        "\"f\":6,\"g\":7,\"h\":8,\"i\":9}}";
    static const char alphabet[] = "{}[]\",:\\u0019eE.+-ntfals \n\xc3\xa9\xff";
    alm_rng rng = alm_rng_stream(20240601, 1);
    size_t accepted = 0;
    for (int round = 0; round < 20000; round++) {
        char text[sizeof seed];
        memcpy(text, seed, sizeof seed);
        size_t size = sizeof seed - 1;
        uint64_t edits = 1 + alm_rng_next_below(&rng, 4);
        for (uint64_t i = 0; i < edits; i++) {
            size_t at = alm_rng_next_below(&rng, size);
            if (alm_rng_next_below(&rng, 8) == 0) {
                size = at + 1;
            }
            text[at] = alphabet[alm_rng_next_below(&rng, sizeof alphabet - 1)];
        }
        check_fixed_point((alm_str){text, size}, &accepted);
    }
    assert_in_range(accepted, 100, 19900); /* both outcomes really happened */
}

/* ---- writing ---- */

static void writer_output_is_canonical(void **state)
{
    (void)state;
    alm_buffer text = {0};
    alm_json_writer writer = alm_json_writer_on(&text);
    alm_json_open_object(&writer);
    alm_json_put_text(&writer, "a", "q\"b\\n\n\t\x01/\x7f\xc3\xa9");
    alm_json_key(&writer, "list");
    alm_json_open_array(&writer);
    alm_json_i64(&writer, INT64_MIN);
    alm_json_double(&writer, 0.1);
    alm_json_double(&writer, -0.0);
    alm_json_double(&writer, (double)INFINITY);
    alm_json_double(&writer, (double)NAN);
    alm_json_open_object(&writer);
    alm_json_close_object(&writer);
    alm_json_open_array(&writer);
    alm_json_close_array(&writer);
    alm_json_null(&writer);
    alm_json_close_array(&writer);
    alm_json_put_bool(&writer, "t", true);
    alm_json_put_i64(&writer, "i", 5);
    alm_json_put_double(&writer, "d", 2.5);
    alm_json_put_str(&writer, "bad", ALM_STR("x\xff\xc3yz\xe2\x82"));
    alm_json_close_object(&writer);
    assert_int_equal(alm_buffer_status(&text, NULL), ALM_OK);
    assert_string_equal(text.data, "{\"a\":\"q\\\"b\\\\n\\n\\t\\u0001/\x7f\xc3\xa9\",\"list\":"
                                   "[-9223372036854775808,0.1,-0.0,null,null,{},[],null],"
                                   "\"t\":true,\"i\":5,\"d\":2.5,\"bad\":\"x\xef\xbf\xbd"
                                   "\xef\xbf\xbdyz\xef\xbf\xbd\xef\xbf\xbd\"}");
    alm_json_document_destroy(parse(text.data));
    alm_buffer_deinit(&text);
}

static void doubles_round_trip_through_text(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(20240601, 2);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = alm_rng_next(&rng);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        value = i % 2 ? value : rint(ldexp(value, -(ilogb(value) - i % 60))); /* whole numbers */
        alm_buffer text = {0};
        alm_json_writer writer = alm_json_writer_on(&text);
        alm_json_double(&writer, value);
        alm_json_document *document = parse(text.data);
        double back = 0;
        assert_true(alm_json_as_double(alm_json_root(document), &back));
        assert_memory_equal(&back, &value, sizeof value);
        alm_json_document_destroy(document);
        alm_buffer_deinit(&text);
    }
}

static void writer_reaches_depth_63(void **state)
{
    (void)state;
    alm_buffer text = {0};
    alm_json_writer writer = alm_json_writer_on(&text);
    for (int i = 0; i < 63; i++) {
        alm_json_open_array(&writer);
        alm_json_i64(&writer, i);
    }
    for (int i = 0; i < 63; i++) {
        alm_json_close_array(&writer);
    }
    assert_true(alm_str_starts_with(alm_buffer_view(&text), "[0,[1,[2,[3,"));
    alm_json_document *document = parse(text.data);
    assert_int_equal(alm_json_count(alm_json_root(document)), 2);
    alm_json_document_destroy(document);
    alm_buffer_deinit(&text);
}

static void defaults_stand_behind_what_is_said(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_json_document *own = parse("{\"a\":1,\"b\":null}");
    alm_json_document *few = parse("{\"b\":2,\"c\":3}");
    alm_json_document *many = parse("{\"z\":1,\"y\":2,\"x\":3,\"w\":4,\"v\":5,\"u\":6,"
                                    "\"t\":7,\"s\":8,\"a\":9}");
    const alm_json *whole = alm_json_with_defaults(alm_json_root(own), alm_json_root(few), arena);
    int64_t number = 0;
    assert_int_equal(alm_json_count(whole), 3);
    assert_int_equal(alm_json_kind_of(alm_json_member(whole, "b")), ALM_JSON_NULL);
    assert_true(alm_json_as_i64(alm_json_member(whole, "c"), &number) && number == 3);
    whole = alm_json_with_defaults(alm_json_root(own), alm_json_root(many), arena);
    assert_int_equal(alm_json_count(whole), 10); /* enough for a sorted index */
    assert_true(alm_json_as_i64(alm_json_member(whole, "a"), &number) && number == 1);
    assert_true(alm_json_as_i64(alm_json_member(whole, "s"), &number) && number == 8);
    assert_null(alm_json_member(whole, "q"));
    alm_json_document_destroy(own);
    alm_json_document_destroy(few);
    alm_json_document_destroy(many);
    alm_arena_destroy(arena);
}

/* What is JSON already goes in as it stands, without its white space; what was read comes out as it
 * would be written. */
static void raw_and_copied_values(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"a b\" : [ 1, 2.50,\n\"x\\\" y\\\\\" , true,null],"
                               "\"c\":{ },\"d\":-0.0}";
    alm_buffer raw = {0}, copied = {0};
    alm_json_document *document = NULL;
    alm_json_writer json = alm_json_writer_on(&raw);
    alm_json_open_array(&json);
    alm_json_raw(&json, alm_str_of(TEXT));
    alm_json_raw(&json, ALM_STR(" 7 "));
    alm_json_close_array(&json);
    assert_string_equal(raw.data,
                        "[{\"a b\":[1,2.50,\"x\\\" y\\\\\",true,null],\"c\":{},\"d\":-0.0},7]");
    assert_int_equal(alm_json_parse(alm_buffer_view(&raw), "raw", &document, NULL), ALM_OK);
    json = alm_json_writer_on(&copied);
    alm_json_copy(&json, alm_json_root(document));
    assert_string_equal(copied.data,
                        "[{\"a b\":[1,2.5,\"x\\\" y\\\\\",true,null],\"c\":{},\"d\":-0.0},7]");
    alm_json_document_destroy(document);
    alm_buffer_deinit(&raw);
    alm_buffer_deinit(&copied);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_keys_are_named),
        cmocka_unit_test(values_keep_kind_and_document_order),
        cmocka_unit_test(defaults_stand_behind_what_is_said),
        cmocka_unit_test(large_objects_are_found_by_name),
        cmocka_unit_test(malformed_text_is_refused_with_its_place),
        cmocka_unit_test(a_nul_is_no_end),
        cmocka_unit_test(depth_is_bounded_with_a_place),
        cmocka_unit_test(values_are_bounded),
        cmocka_unit_test(integer_limits_are_exact),
        cmocka_unit_test(typed_members_name_key_and_expectation),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(a_failed_allocation_leaves_nothing),
        cmocka_unit_test(random_mutations_never_crash),
        cmocka_unit_test(writer_output_is_canonical),
        cmocka_unit_test(doubles_round_trip_through_text),
        cmocka_unit_test(writer_reaches_depth_63),
        cmocka_unit_test(raw_and_copied_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
