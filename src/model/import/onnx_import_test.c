/* onnx_import_test.c: the node test of the ONNX project, what is refused and how, damaged bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/forest/forest_cases.h"
#include "model/import/onnx_graph.h"
#include "model/import/onnx_wire.h"

/* The doubles at the end of a TensorProto. */
static const double *last_doubles(alm_arena *arena, const char *name, size_t count)
{
    alm_str bytes = case_fixture(arena, name);
    double *out = ALM_NEW_ARRAY(arena, double, count);
    assert_true(bytes.size > count * sizeof *out);
    memcpy(out, bytes.data + bytes.size - count * sizeof *out, count * sizeof *out);
    return out;
}

static void the_node_test_of_onnx(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = NULL;
    alm_error error;
    double score[6];
    alm_str bytes = case_fixture(arena, "onnx_node_single_tree.onnx");
    if (alm_forest_parse_onnx(bytes, "m", &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_forest_info info = alm_forest_describe(forest);
    assert_int_equal(info.output_count, 2);
    assert_int_equal(info.feature_count, 2);
    const double *row = last_doubles(arena, "onnx_node_single_tree_input.pb", 6);
    const double *expected = last_doubles(arena, "onnx_node_single_tree_output.pb", 6);
    alm_forest_score(forest, row, 3, 2, score);
    assert_memory_equal(score, expected, sizeof score);
    assert_true(alm_str_is(info.objective, "NONE double"));
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

/* ---- small models, field by field ---- */

static void put_varint(alm_buffer *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        char byte = (char)(0x80 | (value & 0x7F));
        alm_buffer_append(to, &byte, 1);
    }
    char last = (char)value;
    alm_buffer_append(to, &last, 1);
}

static void put_number(alm_buffer *to, uint32_t field, uint64_t value)
{
    put_varint(to, field << 3);
    put_varint(to, value);
}

static void put_bytes(alm_buffer *to, uint32_t field, alm_str bytes)
{
    put_varint(to, field << 3 | 2);
    put_varint(to, bytes.size);
    alm_buffer_str(to, bytes);
}

static void put_text(alm_buffer *to, uint32_t field, const char *text)
{
    put_bytes(to, field, alm_str_of(text));
}

static void put_message(alm_buffer *to, uint32_t field, alm_buffer *message)
{
    put_bytes(to, field, alm_buffer_view(message));
    alm_buffer_deinit(message);
}

static void put_ints(alm_buffer *node, const char *name, const int *values, size_t count)
{
    alm_buffer attribute = {0};
    put_text(&attribute, 1, name);
    for (size_t i = 0; i < count; i++) {
        put_number(&attribute, 8, (uint64_t)(int64_t)values[i]);
    }
    put_message(node, 5, &attribute);
}

static void put_floats(alm_buffer *node, const char *name, const float *values, size_t count)
{
    alm_buffer attribute = {0};
    put_text(&attribute, 1, name);
    put_bytes(&attribute, 7, (alm_str){(const char *)values, count * sizeof *values}); /* packed */
    put_message(node, 5, &attribute);
}

static void put_strings(alm_buffer *node, const char *name, const char *const *values,
                        size_t count)
{
    alm_buffer attribute = {0};
    put_text(&attribute, 1, name);
    for (size_t i = 0; i < count; i++) {
        put_text(&attribute, 9, values[i]);
    }
    put_message(node, 5, &attribute);
}

static void put_string(alm_buffer *node, const char *name, const char *value)
{
    alm_buffer attribute = {0};
    put_text(&attribute, 1, name);
    put_text(&attribute, 4, value);
    put_message(node, 5, &attribute);
}

/* One tree: x0 <= 0.5 ? 1 : 2. What is not set is as it should be. */
typedef struct small {
    const char *modes[3];
    int yes, no, feature, leaf_node, target, targets, second_tree, type, constant;
    float value;
    const char *aggregate, *transform, *before, *behind;
} small;

static const small GOOD = {.modes = {"BRANCH_LEQ", "LEAF", "LEAF"}, .yes = 1, .no = 2,
                           .leaf_node = 2, .targets = 1, .type = 1, .value = 0.5f,
                           .aggregate = "SUM", .transform = "NONE"};

static void put_node(alm_buffer *graph, const char *op, const char *input, const char *output,
                     alm_buffer *attributes)
{
    alm_buffer node = {0};
    put_text(&node, 1, input);
    put_text(&node, 2, output);
    put_text(&node, 4, op);
    alm_buffer_str(&node, alm_buffer_view(attributes));
    alm_buffer_deinit(attributes);
    put_message(graph, 1, &node);
}

static void put_ensemble(alm_buffer *graph, const small *s)
{
    alm_buffer node = {0};
    const int trees[] = {0, 0, s->second_tree}, ids[] = {0, 1, 2}, features[] = {s->feature, 0, 0};
    const int yes[] = {s->yes, 0, 0}, no[] = {s->no, 0, 0}, leaf[] = {1, s->leaf_node};
    const int target[] = {0, s->target}, target_tree[] = {0, 0};
    const float values[] = {s->value, 0, 0}, weights[] = {1, 2};
    put_ints(&node, "nodes_treeids", trees, 3);
    put_ints(&node, "nodes_nodeids", ids, 3);
    put_ints(&node, "nodes_featureids", features, 3);
    put_ints(&node, "nodes_truenodeids", yes, 3);
    put_ints(&node, "nodes_falsenodeids", no, 3);
    put_strings(&node, "nodes_modes", s->modes, 3);
    put_floats(&node, "nodes_values", values, 3);
    put_ints(&node, "target_treeids", target_tree, 2);
    put_ints(&node, "target_nodeids", leaf, 2);
    put_ints(&node, "target_ids", target, 2);
    put_floats(&node, "target_weights", weights, 2);
    put_string(&node, "aggregate_function", s->aggregate);
    put_string(&node, "post_transform", s->transform);
    alm_buffer number = {0};
    put_text(&number, 1, "n_targets");
    put_number(&number, 3, (uint64_t)(int64_t)s->targets);
    put_message(&node, 5, &number);
    put_node(graph, "TreeEnsembleRegressor", s->before ? "P" : "X", "Y", &node);
}

static void put_input(alm_buffer *graph, const char *name, int type)
{
    alm_buffer shape = {0}, dim = {0}, tensor = {0}, kind = {0}, value = {0};
    put_message(&shape, 1, &dim);
    put_number(&dim, 1, 2);
    put_message(&shape, 1, &dim);
    put_number(&tensor, 1, (uint64_t)type);
    put_message(&tensor, 2, &shape);
    put_message(&kind, 1, &tensor);
    put_text(&value, 1, name);
    put_message(&value, 2, &kind);
    put_message(graph, 11, &value);
}

static void put_model(alm_buffer *out, const small *s)
{
    alm_buffer graph = {0}, none = {0};
    if (s->before) {
        put_node(&graph, s->before, "X", "P", &none);
    }
    put_ensemble(&graph, s);
    if (s->behind) {
        put_node(&graph, s->behind, "Y", "Z", &none);
    }
    put_input(&graph, "X", s->type);
    if (s->constant) { /* an old graph lists its constants as inputs */
        alm_buffer tensor = {0};
        put_text(&tensor, 8, "C");
        put_message(&graph, 5, &tensor);
        put_input(&graph, "C", 1);
    }
    put_number(out, 1, 8);
    put_message(out, 7, &graph);
}

static void refused(small s, alm_err code, const char *words)
{
    alm_buffer bytes = {0};
    alm_forest *forest = NULL;
    alm_error error = {0};
    put_model(&bytes, &s);
    alm_err got = alm_forest_parse_onnx(alm_buffer_view(&bytes), "m.onnx", &forest, &error);
    if (got != code || strncmp(error.message, "m.onnx: ", 8) != 0 ||
        !strstr(error.message, words) || forest) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), error.message, words);
    }
    alm_buffer_deinit(&bytes);
}

/* A good model with one change. */
#define REFUSED(change, code, words)    \
    do {                                \
        small changed = GOOD;           \
        changed.change;                 \
        refused(changed, code, words);  \
    } while (0)

static void what_is_not_done_is_named(void **state)
{
    (void)state;
    const alm_err no = ALM_ERR_UNSUPPORTED;
    REFUSED(aggregate = "MIN", no, "aggregate_function MIN");
    REFUSED(aggregate = "MAX", no, "aggregate_function MAX");
    REFUSED(transform = "PROBIT", no, "post_transform PROBIT");
    REFUSED(transform = "SOFTMAX_ZERO", no, "post_transform SOFTMAX_ZERO");
    REFUSED(transform = "CUBE", ALM_ERR_CORRUPT, "post_transform CUBE is unknown");
    REFUSED(before = "Scaler", no, "'Scaler'");
    REFUSED(before = "Normalizer", no, "'Normalizer' before");
    REFUSED(behind = "Exp", no, "'Exp'");
    REFUSED(behind = "TreeEnsembleRegressor", no, "more than one tree ensemble");
    REFUSED(type = 7, no, "element type 7");
    REFUSED(modes[0] = "BRANCH_MEMBER", no, "'BRANCH_MEMBER'");
}

static void what_is_no_tree_is_refused(void **state)
{
    (void)state;
    const alm_err bad = ALM_ERR_CORRUPT;
    REFUSED(yes = 7, bad, "tree 0 has no node 7");
    REFUSED(yes = 2, bad, "node 2 is reached twice");
    REFUSED(yes = 0, bad, "2 nodes are not reached from a root");
    REFUSED(second_tree = 1, bad, "tree 0 has no node 2");
    REFUSED(feature = 2, bad, "feature 2 of 2");
    REFUSED(feature = -1, bad, "nodes_featureids: value 0 is -1");
    REFUSED(leaf_node = 0, bad, "not a leaf");
    REFUSED(leaf_node = 5, bad, "tree 0 has no node 5");
    REFUSED(target = 1, bad, "adds to output 1 of 1");
    REFUSED(targets = 0, bad, "0 outputs");
    REFUSED(targets = 70000, ALM_ERR_LIMIT, "70000 outputs");
    REFUSED(leaf_node = 1, ALM_ERR_UNSUPPORTED, "two weights for output 0");
    REFUSED(value = NAN, bad, "compares with NaN");
}

static double score_of(small s, double x)
{
    alm_buffer bytes = {0};
    alm_forest *forest = NULL;
    alm_error error = {0};
    double row[2] = {x, 0}, score[2];
    put_model(&bytes, &s);
    if (alm_forest_parse_onnx(alm_buffer_view(&bytes), "m", &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_forest_score(forest, row, 1, 2, score);
    alm_forest_destroy(forest);
    alm_buffer_deinit(&bytes);
    return score[0];
}

/* 0.5 and what rounds to it in float are not above 0.5; a double ensemble sees the difference. */
static void comparisons_have_the_type_of_the_rows(void **state)
{
    (void)state;
    double above = nextafter(0.5, 1);
    assert_true(score_of(GOOD, 0.5) == 1 && score_of(GOOD, above) == 1);
    assert_true(score_of(GOOD, (double)nextafterf(0.5f, 1)) == 2);
    small changed = GOOD;
    changed.type = 11;
    assert_true(score_of(changed, 0.5) == 1 && score_of(changed, above) == 2);
    changed = GOOD;
    changed.before = "Identity";
    changed.behind = "Cast";
    changed.constant = 1;
    assert_true(score_of(changed, 0.25) == 1 && score_of(changed, 0.75) == 2);
    changed = GOOD;
    changed.value = INFINITY;
    assert_true(score_of(changed, INFINITY) == 1 && score_of(changed, (double)NAN) == 2);
}

static void broken_messages(void **state)
{
    (void)state;
    alm_forest *forest = NULL;
    alm_error error = {0};
    static const struct {
        const char *bytes, *message;
    } BAD[] = {
        {"\x08\x07\x3a\x05\x0a", "m: byte 4: the model is damaged or cut off"},
        {"\x08\x07\x3b", "m: byte 3: the model is damaged or cut off"},
        {"\x3a", "m: byte 1: the model is damaged or cut off"},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
         "m: byte 11: the model is damaged or cut off"},
        {"\x05", "m: byte 1: the model is damaged or cut off"},
        {"\x3a\x02\x0a\x07", "m: byte 4: the graph is damaged or cut off"},
        {"\x3a\x04\x0a\x02\x22\x07", "m: byte 6: a node is damaged or cut off"},
        {"\x3a\x06\x0a\x04\x2a\x02\x0a\x07", "m: byte 8: an attribute is damaged or cut off"},
        {"\x08\x01\x3a\x04\x2a\x02\x42\x07", "m: byte 8: a constant of the graph is damaged"},
        {"\x3a\x06\x5a\x04\x12\x02\x0a\x07", "m: byte 8: an input of the graph is damaged"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_int_equal(alm_forest_parse_onnx(alm_str_of(BAD[i].bytes), "m", &forest, &error),
                         ALM_ERR_CORRUPT);
        assert_non_null(strstr(error.message, BAD[i].message));
    }
    /* Two graphs, none, and one that has no nodes. */
    assert_int_equal(alm_forest_parse_onnx(ALM_STR("\x3a\0\x3a\0"), "m", &forest, &error),
                     ALM_ERR_CORRUPT);
    assert_int_equal(alm_forest_parse_onnx(ALM_STR(""), "m", &forest, &error), ALM_ERR_CORRUPT);
    assert_int_equal(alm_forest_parse_onnx(ALM_STR("\x3a\0"), "m", &forest, &error),
                     ALM_ERR_UNSUPPORTED);
    assert_null(forest);
}

static void damaged_files_give_a_message(void **state)
{
    (void)state;
    static const char *const FILES[] = {"onnx_node_single_tree.onnx", "onnx_xgb_binary.onnx",
                                        "onnx_lgbm_category.onnx", "onnx_five_targets.onnx"};
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(8, 3);
    alm_buffer scratch = {0};
    size_t accepted = 0;
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        alm_str original = case_fixture(arena, FILES[i]);
        for (size_t k = 0; k < 1500; k++) {
            accepted += case_parse_damaged(alm_forest_parse_onnx, &rng, original,
                                           ALM_STR("\0\1\2\3\x08\x0a\x12\x7f\x80\xff"), &scratch);
        }
    }
    assert_true(accepted > 100 && accepted < 5500);
    alm_buffer_deinit(&scratch);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_node_test_of_onnx),
        cmocka_unit_test(what_is_not_done_is_named),
        cmocka_unit_test(what_is_no_tree_is_refused),
        cmocka_unit_test(comparisons_have_the_type_of_the_rows),
        cmocka_unit_test(broken_messages),
        cmocka_unit_test(damaged_files_give_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
