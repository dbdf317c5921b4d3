#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static int create_arena(void **state) {
    *state = alm_arena_create(0);
    return 0;
}

static int destroy_arena(void **state) {
    alm_arena_destroy(*state);
    return 0;
}

static const alm_yaml *parse(alm_arena *arena, const char *text) {
    alm_yaml *root = NULL;
    alm_error error = {0};
    if (alm_yaml_parse(alm_str_of(text), "t.yaml", arena, &root, &error) != ALM_OK) {
        fail_msg("%s: %s", text, error.message);
    }
    return root;
}

static void assert_place(const alm_yaml *node, int line, int column) {
    assert_non_null(node);
    assert_int_equal(node->line, line);
    assert_int_equal(node->column, column);
    assert_string_equal(node->file, "t.yaml");
}

static void nodes_keep_order_kind_and_place(void **state) {
    const alm_yaml *root = parse(*state, "# project\n"
                                         "series:\n"
                                         "  keys: [sku, 'store']\n"
                                         "  frequency: day\n"
                                         "models:\n"
                                         "  - name: gbm\n"
                                         "    rounds: 200\n"
                                         "  - \"ses\"\n"
                                         "note: |\n"
                                         "  two\n"
                                         "  lines\n"
                                         "empty:\n"
                                         "none: {}\n");
    assert_int_equal(root->kind, ALM_YAML_MAP);
    assert_place(root, 2, 1);
    assert_int_equal(root->count, 5);
    const alm_yaml *series = alm_yaml_member(root, "series");
    assert_place(series, 2, 1); /* of the key, where an unknown one is to be shown */
    assert_ptr_equal(series, &root->child[0]);
    assert_true(alm_str_is(series->key, "series"));
    const alm_yaml *keys = alm_yaml_member(series, "keys");
    assert_int_equal(keys->kind, ALM_YAML_LIST);
    assert_place(keys, 3, 3);
    assert_int_equal(keys->count, 2);
    assert_place(&keys->child[0], 3, 10);
    assert_true(alm_str_is(keys->child[0].scalar, "sku") && !keys->child[0].quoted);
    assert_true(alm_str_is(keys->child[1].scalar, "store") && keys->child[1].quoted);
    assert_int_equal(keys->child[0].key.size, 0);
    assert_place(alm_yaml_member(series, "frequency"), 4, 3);
    const alm_yaml *models = alm_yaml_member(root, "models");
    assert_place(&models->child[0], 6, 5);
    const alm_yaml *rounds = alm_yaml_member(&models->child[0], "rounds");
    assert_true(alm_str_is(rounds->scalar, "200"));
    assert_int_equal(rounds->scalar.data[rounds->scalar.size], 0);
    assert_place(&models->child[1], 8, 5);
    const alm_yaml *note = alm_yaml_member(root, "note");
    assert_true(alm_str_is(note->scalar, "two\nlines\n") && note->quoted);
    const alm_yaml *empty = alm_yaml_member(root, "empty");
    assert_true(empty->kind == ALM_YAML_SCALAR && empty->scalar.size == 0 && !empty->quoted);
    assert_place(empty, 12, 1);
    const alm_yaml *none = alm_yaml_member(root, "none");
    assert_true(none->kind == ALM_YAML_MAP && none->count == 0);
    assert_null(alm_yaml_member(root, "absent"));
    assert_null(alm_yaml_member(keys, "sku"));
}

static void columns_count_characters(void **state) {
    const alm_yaml *root = parse(*state, "[\"\xc3\xa9\xc3\xa9\", x]");
    assert_place(&root->child[1], 1, 8);
}

static void a_scalar_or_list_may_be_the_root(void **state) {
    assert_true(alm_str_is(parse(*state, "--- hello\n...\n")->scalar, "hello"));
    assert_int_equal(parse(*state, "- a\n- b\n")->count, 2);
    assert_int_equal(parse(*state, "%YAML 1.1\n---\na: 1\n")->count, 1);
}

typedef struct refused {
    const char *text;
    const char *message_part;
} refused;

static void malformed_text_is_refused_with_its_place(void **state) {
    static const refused cases[] = {
        {"", "t.yaml:1:1: the file is empty"},
        {"# only a comment\n", "the file is empty"},
        {"a: 1\nb: 2\na: 3\n", "t.yaml:3:1: key 'a' is given twice, first on line 1"},
        {"x:\n  b: 1\n  b: 2\n", "t.yaml:3:3: key 'b' is given twice, first on line 2"},
        {"{a: 1, \"a\": 2}", "t.yaml:1:8: key 'a' is given twice"},
        {"c: 1\nb: 1\nc: 1\nb: 1\n", "t.yaml:3:1: key 'c' is given twice, first on line 1"},
        {"b: 1\nc: 1\nb: 1\nc: 1\n", "t.yaml:3:1: key 'b' is given twice, first on line 1"},
        {"a: &x 1\n", "t.yaml:1:4: anchors (&name) are not supported"},
        {"a: 1\nb: *x\n", "t.yaml:2:4: aliases (*name) are not supported"},
        {"- &x [1]\n- *x\n", "t.yaml:1:3: anchors (&name) are not supported"},
        {"a: &m {b: 1}\n", "t.yaml:1:4: anchors (&name) are not supported"},
        {"*x : 1\n", "t.yaml:1:1: aliases (*name) are not supported"},
        {"&x a: 1\n", "anchors (&name) are not supported"},
        {"a: !!str 1\n", "t.yaml:1:4: tags (!name) are not supported"},
        {"a: !mine [1]\n", "t.yaml:1:4: tags (!name) are not supported"},
        {"!map {a: 1}\n", "t.yaml:1:1: tags (!name) are not supported"},
        {"!!str a: 1\n", "tags (!name) are not supported"},
        {"%TAG ! tag:x,2000:\n---\na: 1\n", "%TAG directives are not supported"},
        {"a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document starts here"},
        {"a: 1\n...\nb: 2\n", "did not find expected <document start>"},
        {"[a, b]: 1\n", "t.yaml:1:1: a key must be text"},
        {"? {a: 1}\n: 2\n", "t.yaml:1:3: a key must be text"},
        {"'': 1\n", "t.yaml:1:1: a key must not be empty"},
        {": 1\n", "t.yaml:1:1: did not find expected key"},
        {"a: 1\n\tb: 2\n", "t.yaml:2:1: a tab where YAML needs blanks"},
        {"a:\n\t- 1\n", "t.yaml:2:1: a tab where YAML needs blanks"},
        {"a: 1\n b: 2\n", "t.yaml:2:3: mapping values are not allowed in this context"},
        {"a: b: c\n", "t.yaml:1:5: mapping values are not allowed in this context"},
        {"a: 1\nb\n", "could not find expected ':'"},
        {"a:\n  - 1\n b: 2\n", "t.yaml:3:2:"},
        {"a: [1, 2\n", "did not find expected ',' or ']'"},
        {"a: [1, 2\n", "that starts on line 1"},
        {"a: {b: 1\n", "did not find expected ',' or '}'"},
        {"a: 1]\nb: ]\n", "t.yaml:2:4:"},
        {"a: 'x\n", "found unexpected end of stream"},
        {"a: \"\\q\"\n", "t.yaml:1:5: found unknown escape character"},
        {"a: \"\\ud800\"\n", "found invalid Unicode character escape code"},
        {"a: @x\n", "t.yaml:1:4: found character that cannot start any token"},
        {"a: `x`\n", "t.yaml:1:4: found character that cannot start any token"},
        {"%FOO bar\n", "t.yaml:1:5: found unknown directive name"},
        {"%YAML 2.0\n---\na: 1\n", "found incompatible YAML document"},
        {"a: 1\nb: \xff\n", "t.yaml:2:4: invalid leading UTF-8 octet"},
        {"a: \xc3(\n", "t.yaml:1:5: invalid trailing UTF-8 octet"},
        {"a: \xed\xa0\x80\n", "t.yaml:1:4: invalid Unicode character"},
        {"a: \x01\n", "t.yaml:1:4: control characters are not allowed"},
        {"\xff\xfe"
         "a",
         "t.yaml:1:1: invalid leading UTF-8 octet"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        alm_error error = {0};
        alm_yaml *root = NULL;
        alm_err code =
            alm_yaml_parse(alm_str_of(cases[i].text), "t.yaml", *state, &root, &error);
        if (code != ALM_ERR_CONFIG || !strstr(error.message, cases[i].message_part) ||
            strncmp(error.message, "t.yaml:", 7) != 0 || root) {
            fail_msg("case %zu '%s': code %d, message '%s', wanted '%s'", i, cases[i].text,
                     (int)code, error.message, cases[i].message_part);
        }
    }
}

static void depth_is_bounded(void **state) {
    char text[200];
    for (size_t depth = 64; depth <= 65; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        alm_yaml *root = NULL;
        alm_error error = {0};
        alm_err code = alm_yaml_parse((alm_str){text, 2 * depth}, "deep", *state, &root, &error);
        if (depth == 64) {
            assert_int_equal(code, ALM_OK);
        } else {
            assert_int_equal(code, ALM_ERR_CONFIG);
            assert_string_equal(error.message, "deep:1:65: nested deeper than 64 levels");
        }
    }
}

static void long_maps_keep_their_order(void **state) {
    alm_buffer text = {0};
    for (int i = 0; i < 5000; i++) {
        alm_buffer_printf(&text, "k%d: %d\n", (i * 577) % 5000, i);
    }
    const alm_yaml *root = parse(*state, text.data);
    assert_int_equal(root->count, 5000);
    for (int i = 0; i < 5000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", (i * 577) % 5000);
        assert_true(alm_str_is(root->child[i].key, key));
        assert_int_equal(root->child[i].line, i + 1);
    }
    alm_buffer_printf(&text, "k4999: 0\n");
    alm_yaml *again = NULL;
    alm_error error = {0};
    assert_int_equal(alm_yaml_parse(alm_buffer_view(&text), "t.yaml", *state, &again, &error),
                     ALM_ERR_CONFIG);
    assert_non_null(strstr(error.message, "t.yaml:5001:1: key 'k4999' is given twice"));
    alm_buffer_deinit(&text);
}

static void failures_of_the_caller_name_the_place(void **state) {
    const alm_yaml *root = parse(*state, "a: 1\nseries:\n  lgas: [7]\n");
    const alm_yaml *typo = alm_yaml_member(alm_yaml_member(root, "series"), "lgas");
    alm_error error = {0};
    assert_int_equal(alm_yaml_fail(typo, &error, ALM_ERR_CONFIG, "unknown key '%s', meant '%s'?",
                                   typo->key.data, "lags"),
                     ALM_ERR_CONFIG);
    assert_string_equal(error.message, "t.yaml:3:3: unknown key 'lgas', meant 'lags'?");
    assert_int_equal(error.code, ALM_ERR_CONFIG);
}

static void a_failed_allocation_leaves_nothing(void **state) {
    (void)state;
    alm_buffer text = {0};
    for (int i = 0; i < 150; i++) { /* more than one block of the arena */
        alm_buffer_printf(&text, "key_%d: [a, {b: c}]\n", i);
    }
    bool done = false;
    uint64_t nth = 1;
    for (; !done && nth < 20000; nth++) { /* the hostile build allocates every piece alone */
        size_t held = alm_heap_held_bytes();
        alm_arena *arena = alm_arena_create(4096);
        alm_yaml *root = NULL;
        alm_heap_fail_at(nth);
        alm_err code = alm_yaml_parse(alm_buffer_view(&text), "t.yaml", arena, &root, NULL);
        alm_heap_fail_at(0);
        done = code == ALM_OK;
        assert_true(done || (code == ALM_ERR_MEMORY && !root));
        alm_arena_destroy(arena);
        assert_int_equal(alm_heap_held_bytes(), held);
    }
    assert_true(done && nth > 3); /* several allocations did fail */
    alm_buffer_deinit(&text);
}

static void random_mutations_never_crash(void **state) {
    static const char seed[] = "series:\n  keys: [sku, 'store']\n  frequency: day\n"
                               "models:\n  - {name: gbm, rounds: 200}\n  - \"ses\"\n"
                               "note: |\n  two\n  lines\n";
    static const char alphabet[] = "[]{}:-,'\"#&*!|>%@`? \n\t\xc3\xa9\xff" "ab1";
    alm_rng rng = alm_rng_stream(20240601, 3);
    size_t accepted = 0;
    alm_arena *arena = *state;
    for (int round = 0; round < 10000; round++) {
        char text[sizeof seed];
        memcpy(text, seed, sizeof seed);
        uint64_t edits = 1 + alm_rng_next_below(&rng, 4);
        for (uint64_t i = 0; i < edits; i++) {
            text[alm_rng_next_below(&rng, sizeof seed - 1)] =
                alphabet[alm_rng_next_below(&rng, sizeof alphabet - 1)];
        }
        alm_yaml *root = NULL;
        alm_error error = {0};
        alm_err code = alm_yaml_parse((alm_str){text, sizeof seed - 1}, "t.yaml", arena, &root,
                                      &error);
        accepted += code == ALM_OK;
        assert_true((code == ALM_OK) == (root != NULL));
        assert_true(code == ALM_OK || strncmp(error.message, "t.yaml:", 7) == 0);
        alm_arena_reset(arena);
    }
    assert_in_range(accepted, 100, 9900); /* both outcomes really happened */
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, create_arena, destroy_arena)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_ARENA(nodes_keep_order_kind_and_place),
        WITH_ARENA(columns_count_characters),
        WITH_ARENA(a_scalar_or_list_may_be_the_root),
        WITH_ARENA(malformed_text_is_refused_with_its_place),
        WITH_ARENA(depth_is_bounded),
        WITH_ARENA(long_maps_keep_their_order),
        WITH_ARENA(failures_of_the_caller_name_the_place),
        cmocka_unit_test(a_failed_allocation_leaves_nothing),
        WITH_ARENA(random_mutations_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
