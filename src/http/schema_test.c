#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/schema.h"

static const char *const sizes[] = {"day", "week", NULL};
static const alm_schema choice = {.kind = ALM_SCHEMA_STRING, .choices = sizes};
static const alm_schema small = {.kind = ALM_SCHEMA_INTEGER, .min = 1, .max = 5};
static const alm_schema pair = {.kind = ALM_SCHEMA_ARRAY,
                                .items = &alm_schema_number,
                                .count_min = 2,
                                .count_max = 2};
static const alm_schema short_text = {.kind = ALM_SCHEMA_STRING, .count_max = 3};
static const alm_schema counts = {
    .kind = ALM_SCHEMA_MAP, .items = &small, .count_min = 1, .count_max = 2};
static const alm_schema maybe = {.kind = ALM_SCHEMA_NUMBER, .is_nullable = true};
static const alm_schema_member inner_members[] = {{"a/b~c", &small, true, "odd key"}};
static const alm_schema inner = {.name = "Inner",
                                 .kind = ALM_SCHEMA_OBJECT,
                                 .is_open = true,
                                 ALM_MEMBERS(inner_members)};
static const alm_schema list = {.kind = ALM_SCHEMA_ARRAY, .items = &inner};
static const alm_schema_member members[] = {
    {"name", &alm_schema_name, true, "who"},
    {"size", &choice, false, NULL},
    {"pair", &pair, false, NULL},
    {"text", &short_text, false, NULL},
    {"day", &alm_schema_date, false, NULL},
    {"time", &alm_schema_instant, false, NULL},
    {"counts", &counts, false, NULL},
    {"maybe", &maybe, false, NULL},
    {"flag", &alm_schema_boolean, false, NULL},
    {"list", &list, false, NULL},
    {"inner", &inner, false, "one"},
    {"any", &alm_schema_any, false, NULL},
};
static const alm_schema whole = {.name = "Whole", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

static alm_err check(const char *text, char pointer[ALM_POINTER_BYTES], alm_error *error)
{
    alm_json_document *document = NULL;
    assert_int_equal(alm_json_parse(alm_str_of(text), "test", &document, NULL), ALM_OK);
    alm_err code = alm_schema_check(&whole, alm_json_root(document), pointer, error);
    alm_json_document_destroy(document);
    return code;
}

static void what_fits_is_accepted(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"name\":\"x\"}",
        "{\"name\":\"\xc3\xa9\",\"size\":\"week\",\"pair\":[1,2.5],\"text\":\"\xc3\xa9\xc3\xa9x\"}",
        "{\"name\":\"x\",\"day\":\"2026-02-28\",\"time\":\"2026-02-28T10:00:00Z\"}",
        "{\"name\":\"x\",\"counts\":{\"p\":1,\"q\":5},\"maybe\":null,\"flag\":false}",
        "{\"name\":\"x\",\"maybe\":-1e300,\"any\":[{}],\"inner\":{\"a/b~c\":2,\"more\":1}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char pointer[ALM_POINTER_BYTES];
        alm_error error;
        if (check(texts[i], pointer, &error) != ALM_OK) {
            fail_msg("%s: %s", texts[i], error.message);
        }
    }
}

static void what_does_not_is_named_by_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pointer, *message;
    } cases[] = {
        {"[]", "", "the body: expected an object"},
        {"{}", "", "the body: key 'name' is missing"},
        {"{\"name\":\"\"}", "/name", "a name is not empty"},
        {"{\"name\":\"a\\nb\"}", "/name", "control characters"},
        {"{\"name\":\"x\",\"nmae\":1}", "", "there is no key 'nmae' here; known are name, size"},
        {"{\"name\":\"x\",\"size\":\"year\"}", "/size", "it may be day, week"},
        {"{\"name\":\"x\",\"pair\":[1]}", "/pair", "1 items; there may be 2 to 2"},
        {"{\"name\":\"x\",\"pair\":[1,\"2\"]}", "/pair/1", "expected a number"},
        {"{\"name\":\"x\",\"text\":\"abcd\"}", "/text", "4 characters"},
        {"{\"name\":\"x\",\"day\":\"2026-02-30\"}", "/day", "YYYY-MM-DD"},
        {"{\"name\":\"x\",\"time\":\"noon\"}", "/time", "date and time"},
        {"{\"name\":\"x\",\"counts\":{\"p\":6}}", "/counts/p", "it may be 1 to 5"},
        {"{\"name\":\"x\",\"counts\":{\"p\":1.0}}", "/counts/p", "a whole number"},
        {"{\"name\":\"x\",\"counts\":{\"p\":1,\"q\":1,\"r\":1}}", "/counts", "3 items"},
        {"{\"name\":\"x\",\"maybe\":\"1\"}", "/maybe", "a number or null"},
        {"{\"name\":\"x\",\"flag\":null}", "/flag", "true or false"},
        {"{\"name\":\"x\",\"list\":[{\"a/b~c\":1},{\"a/b~c\":9}]}", "/list/1/a~1b~0c", "1 to 5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char pointer[ALM_POINTER_BYTES];
        alm_error error;
        assert_int_equal(check(cases[i].text, pointer, &error), ALM_ERR_INVALID);
        assert_string_equal(pointer, cases[i].pointer);
        if (!strstr(error.message, cases[i].message)) {
            fail_msg("%s: %s", cases[i].text, error.message);
        }
    }
}

static void a_long_place_is_cut_at_a_key(void **state)
{
    (void)state;
    alm_buffer text = {0};
    char pointer[ALM_POINTER_BYTES];
    alm_error error;
    alm_buffer_text(&text, "{\"name\":\"x\",\"counts\":{\"");
    for (int i = 0; i < 1000; i++) {
        alm_buffer_text(&text, "~");
    }
    alm_buffer_text(&text, "\":9}}");
    assert_int_equal(check(text.data, pointer, &error), ALM_ERR_INVALID);
    assert_int_equal(strncmp(pointer, "/counts", 7), 0);
    assert_true(strlen(pointer) < ALM_POINTER_BYTES);
    alm_buffer_deinit(&text);
}

/* One byte more or less of room must neither cut a character nor point at another value. */
static void a_place_is_never_cut_inside_a_key(void **state)
{
    (void)state;
    static const alm_schema inside = {.kind = ALM_SCHEMA_MAP, .items = &counts};
    for (int size = 100; size < 140; size++) {
        alm_buffer text = {0};
        char pointer[ALM_POINTER_BYTES];
        alm_json_document *document = NULL;
        alm_error error;
        alm_buffer_text(&text, "{\"");
        for (int i = 0; i < size; i++) {
            alm_buffer_text(&text, "\xc3\xa9");
        }
        alm_buffer_text(&text, "\":{\"b\":9}}");
        assert_int_equal(alm_json_parse(alm_buffer_view(&text), "x", &document, NULL), ALM_OK);
        assert_int_equal(alm_schema_check(&inside, alm_json_root(document), pointer, &error),
                         ALM_ERR_INVALID);
        size_t outer = 1 + 2 * (size_t)size;
        size_t inner_end = outer + 2;
        size_t expected = inner_end < sizeof pointer ? inner_end
                          : outer < sizeof pointer   ? outer
                                                     : 0;
        assert_int_equal(strlen(pointer), expected);
        assert_true(alm_str_is_utf8(alm_str_of(pointer), NULL));
        alm_json_document_destroy(document);
        alm_buffer_deinit(&text);
    }
}

static void one_or_many(void **state)
{
    (void)state;
    static const alm_schema_member number[] = {{"n", &alm_schema_integer, true, "A number."}};
    static const alm_schema item = {.name = "Item", .kind = ALM_SCHEMA_OBJECT,
                                    ALM_MEMBERS(number)};
    static const alm_schema schema = {.name = "Items", .doc = "Some.", .kind = ALM_SCHEMA_ARRAY,
                                      .items = &item, .or_one = true, .count_min = 1,
                                      .count_max = 2};
    static const struct {
        const char *text, *pointer; /* NULL: it fits */
    } cases[] = {{"{\"n\":1}", NULL},     {"[{\"n\":1},{\"n\":2}]", NULL},
                 {"{\"n\":true}", "/n"},  {"[{\"n\":1},{}]", "/1"},
                 {"[]", ""},              {"[{\"n\":1},{\"n\":2},{\"n\":3}]", ""},
                 {"1", ""},               {"{\"m\":1}", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alm_json_document *document = NULL;
        char pointer[ALM_POINTER_BYTES];
        assert_int_equal(alm_json_parse(alm_str_of(cases[i].text), "x", &document, NULL), ALM_OK);
        alm_err code = alm_schema_check(&schema, alm_json_root(document), pointer, NULL);
        assert_int_equal(code, cases[i].pointer ? ALM_ERR_INVALID : ALM_OK);
        if (cases[i].pointer) {
            assert_string_equal(pointer, cases[i].pointer);
        }
        alm_json_document_destroy(document);
    }
    alm_buffer out = {0};
    alm_json_writer json = alm_json_writer_on(&out);
    alm_schema_write_component(&schema, &json);
    assert_string_equal(out.data, "{\"description\":\"Some.\",\"anyOf\":["
                        "{\"$ref\":\"#/components/schemas/Item\"},"
                        "{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":"
                        "{\"$ref\":\"#/components/schemas/Item\"}}]}");
    alm_buffer_deinit(&out);
}

static void documents_say_the_same_as_the_check(void **state)
{
    (void)state;
    alm_buffer out = {0};
    alm_json_writer json = alm_json_writer_on(&out);
    alm_schema_write_component(&whole, &json);
    static const char *const parts[] = {
        "\"required\":[\"name\"],\"additionalProperties\":false",
        "\"size\":{\"type\":\"string\",\"enum\":[\"day\",\"week\"]}",
        "\"pair\":{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,"
        "\"items\":{\"type\":\"number\"}}",
        "\"maybe\":{\"type\":[\"number\",\"null\"]}",
        "\"counts\":{\"type\":\"object\",\"minProperties\":1,\"maxProperties\":2,"
        "\"additionalProperties\":{\"type\":"
        "\"integer\",\"minimum\":1,\"maximum\":5}}",
        "\"inner\":{\"$ref\":\"#/components/schemas/Inner\",\"description\":\"one\"}",
        "\"items\":{\"$ref\":\"#/components/schemas/Inner\"}",
        "\"text\":{\"type\":\"string\",\"minLength\":0,\"maxLength\":3}",
        "\"day\":{\"type\":\"string\",\"format\":\"date\"}",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!strstr(out.data, parts[i])) {
            fail_msg("no %s in %s", parts[i], out.data);
        }
    }
    alm_json_document *document = NULL;
    assert_int_equal(alm_json_parse(alm_buffer_view(&out), "schema", &document, NULL), ALM_OK);
    alm_json_document_destroy(document);
    alm_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_accepted),
        cmocka_unit_test(what_does_not_is_named_by_its_place),
        cmocka_unit_test(a_long_place_is_cut_at_a_key),
        cmocka_unit_test(a_place_is_never_cut_inside_a_key),
        cmocka_unit_test(one_or_many),
        cmocka_unit_test(documents_say_the_same_as_the_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
