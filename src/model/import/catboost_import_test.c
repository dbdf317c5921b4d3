/* catboost_import_test.c: rules on a small model, hashes, refusals with their messages, damaged
 * bytes. What CatBoost says itself is in catboost_conformance_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/import/import_cases.h"
#include "model/forest/forest_internal.h"

/* ---- categories ---- */

/* Numbers as CatBoost hashed their texts: cat_features_hash of a JSON export, and Python's str() of
 * what is no integer. */
static void categories_have_the_hashes_of_catboost(void **state)
{
    (void)state;
    static const struct {
        double x;
        uint32_t hash;
    } table[] = {
        {0, 2856682258u}, {-0.0, 2856682258u}, {1, 1121341681u}, {7, 4277023987u},
        {29, 3940690768u}, {19, 2537103341u},
        {-1.0, 288298918u}, {12.0, 1445320840u}, {345.0, 1218123620u}, {-345.0, 613968933u},
        {9999.0, 3644426120u}, {12345.0, 151767304u}, {123456.0, 2564628181u},
        {1234567.0, 215762447u}, {12345678.0, 1054993967u}, {123456789.0, 1389760245u},
        {1234567890.0, 4234440265u}, {123456789012345.0, 2433698426u},
        {9007199254740991.0, 3810321282u}, {9007199254740992.0, 371926911u},
        {-123456789012345680.0, 3798729268u}, {1234567890123456768.0, 2594548039u},
        {-9223372036854775808.0, 953718104u}, {2.5, 3921453763u}, {-0.5, 370760837u},
        {1e+300, 1857765355u}, {NAN, 761118297u}, {INFINITY, 1860042588u}, {1e+20, 1208498892u},
        {0.1, 1357177543u},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if ((uint32_t)almi_category_hash(table[i].x) != table[i].hash) {
            fail_msg("%.17g: %u", table[i].x, (unsigned)almi_category_hash(table[i].x));
        }
    }
}

/* The formulas of all kinds; two of them only a GPU makes, so there is no fixture with them. The
 * table has one row, for the category 7. */
static void statistics_follow_their_formulas(void **state)
{
    (void)state;
    const uint64_t factor = 0x4906ba494954cb65u, none = UINT64_MAX;
    const uint64_t hash = factor * (factor * (uint64_t)(int64_t)almi_category_hash(7));
    const uint32_t row = 0, column = 1;
    const float sum = 3.5f;
    uint8_t bucket[24];
    memcpy(bucket + 12 * (hash & 1), &hash, 8);
    memcpy(bucket + 12 * (hash & 1) + 8, &row, 4);
    memcpy(bucket + 12 * (~hash & 1), &none, 8);
    int32_t count[3] = {5, 2, 4}, mean[2] = {0, 2};
    memcpy(mean, &sum, sizeof sum);
    const struct {
        almi_ctr_kind kind;
        const int32_t *count;
        size_t width;
        float seen, unseen; /* good and total counts, below */
        float total, unseen_total;
    } table[] = {
        {ALMI_CTR_BORDERS, count, 3, 6, 0, 11, 0}, {ALMI_CTR_BUCKETS, count, 3, 5, 0, 11, 0},
        {ALMI_CTR_CLASS_MEAN, mean, 2, sum, 0, 2, 0}, {ALMI_CTR_TARGET_MEAN, mean, 2, sum, 0, 2, 0},
        {ALMI_CTR_COUNTER, count, 1, 5, 0, 20, 20}, {ALMI_CTR_FREQUENCY, count, 1, 5, 0, 20, 20},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        almi_ctr ctr = {.kind = table[i].kind, .category = &column, .category_count = 1,
                        .bucket = bucket, .bucket_count = 2, .count = table[i].count,
                        .row_width = table[i].width, .denominator = 20, .prior = 0.5f,
                        .prior_weight = 3, .shift = 0.25f, .scale = 15};
        double seven[2] = {0, 7}, eight[2] = {0, 8};
        float seen = (table[i].seen + 0.5f) / (table[i].total + 3);
        float unseen = (table[i].unseen + 0.5f) / (table[i].unseen_total + 3);
        assert_true(almi_ctr_value(&ctr, seven) == (seen + 0.25f) * 15);
        assert_true(almi_ctr_value(&ctr, eight) == (unseen + 0.25f) * 15);
    }
}

/* ---- a small model ---- */

/* The price above 0.5 is bit 0, the category 7 is bit 1; twice the leaf, and a quarter. */
static const char SMALL[] =
    "{\"features_info\":{\"categorical_features\":[{\"feature_id\":\"\\u00e9t\\u00e9\","
    "\"feature_index\":0,\"flat_feature_index\":1,\"values\":[-17943309]}],"
    "\"cat_features_hash\":[{\"hash\":4277023987,\"value\":\"7\"}],"
    "\"float_features\":[{\"borders\":[0.5,2],\"feature_id\":\"price\",\"feature_index\":0,"
    "\"flat_feature_index\":0,\"has_nans\":true,\"nan_value_treatment\":\"AsTrue\"}]},"
    "\"model_info\":{\"params\":{\"loss_function\":{\"type\":\"RMSE\"}},\"x\":\"\\ud83d\\udd22\"},"
    "\"oblivious_trees\":[{\"leaf_values\":[1,2,4,8],\"leaf_weights\":[4,3,2,1],"
    "\"splits\":[{\"split_index\":0},{\"split_index\":2}]}],\"scale_and_bias\":[2,[0.25]]}";

/* The same as nodes, but that the category is asked only above the border. */
static const char NODES[] =
    "{\"features_info\":{\"categorical_features\":[{\"feature_index\":0,\"flat_feature_index\":1,"
    "\"values\":[-17943309]}],\"float_features\":[{\"borders\":[0.5,2],\"feature_index\":0,"
    "\"flat_feature_index\":0,\"has_nans\":false,\"nan_value_treatment\":\"AsIs\"}]},"
    "\"trees\":[{\"split\":{\"split_index\":0},\"left\":{\"value\":1,\"weight\":5},\"right\":"
    "{\"split\":{\"split_index\":2},\"left\":{\"value\":2,\"weight\":4},\"right\":"
    "{\"value\":8,\"weight\":1}}}]}";

/* `small` with the first `from` replaced by `to`. */
static alm_err parse_edited(const char *small, const char *from, const char *to,
                            alm_forest **forest, alm_error *error)
{
    alm_buffer text = {0};
    const char *at = strstr(small, from);
    assert_non_null(at);
    alm_buffer_append(&text, small, (size_t)(at - small));
    alm_buffer_text(&text, to);
    alm_buffer_text(&text, at + strlen(from));
    *forest = NULL;
    alm_err code = alm_forest_parse_catboost(alm_buffer_view(&text), "m.json", forest, error);
    assert_true((code == ALM_OK) == (*forest != NULL));
    alm_buffer_deinit(&text);
    return code;
}

static alm_forest *edited(const char *small, const char *from, const char *to)
{
    alm_forest *forest = NULL;
    alm_error error;
    if (parse_edited(small, from, to, &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return forest;
}

/* One row alone and the same 70 times, so that both forms of the forest are asked. */
static double score_of(const alm_forest *forest, double price, double category)
{
    double row[140], score[70], alone = 0;
    for (size_t i = 0; i < 70; i++) {
        row[2 * i] = price;
        row[2 * i + 1] = category;
    }
    alm_forest_score(forest, row, 1, 2, &alone);
    alm_forest_score(forest, row, 70, 2, score);
    for (size_t i = 0; i < 70; i++) {
        assert_true(score[i] == alone);
    }
    return alone;
}

static double score_and_destroy(alm_forest *forest, double price, double category)
{
    double score = score_of(forest, price, category);
    alm_forest_destroy(forest);
    return score;
}

static void small_model_follows_the_rules(void **state)
{
    (void)state;
    alm_forest *forest = edited(SMALL, "", "");
    alm_forest_info info = alm_forest_describe(forest);
    static const struct {
        double price, category, score;
        size_t leaf;
    } table[] = {
        {0.5, 0, 2.25, 0},            /* not above */
        {0.5000000001, 0, 2.25, 0},   /* is 0.5 as a float */
        {0.6, 0, 4.25, 1},
        {0.6, 7, 16.25, 3},
        {0.1, 7, 8.25, 2},
        {0.1, 7.5, 2.25, 0},          /* the category "7.5" */
        {NAN, 7, 16.25, 3},           /* AsTrue: above all borders */
        {NAN, NAN, 4.25, 1},
        {-INFINITY, -7, 2.25, 0},
        {1e300, 7, 16.25, 3},         /* infinity as a float */
    };
    assert_int_equal(info.feature_count, 2);
    assert_true(alm_str_is(info.feature_name[0], "price"));
    assert_true(alm_str_is(info.feature_name[1], "\xC3\xA9t\xC3\xA9"));
    assert_true(alm_str_is(info.objective, "RMSE"));
    assert_true(info.has_cover && !info.has_category_names);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double row[2] = {table[i].price, table[i].category};
        assert_true(score_of(forest, row[0], row[1]) == table[i].score);
        assert_int_equal(alm_forest_leaf(forest, 0, row), table[i].leaf);
    }
    alm_forest_destroy(forest);
}

static void missing_values_go_where_the_feature_says(void **state)
{
    (void)state;
    assert_true(score_and_destroy(edited(SMALL, "AsTrue", "AsFalse"), NAN, 0) == 2.25);
    assert_true(score_and_destroy(edited(SMALL, "AsTrue", "AsIs"), NAN, 0) == 2.25);
    /* The treatment counts only where training met a missing value. */
    assert_true(score_and_destroy(edited(SMALL, ":true", ":false"), NAN, 0) == 2.25);
    /* Infinity is not above an infinite border, not even as a missing value. */
    assert_true(score_and_destroy(edited(SMALL, "[0.5,2]", "[1e38,2e38]"), NAN, 0) == 4.25);
}

static void all_spellings_are_read(void **state)
{
    (void)state;
    assert_true(score_and_destroy(edited(SMALL, "[2,[0.25]]", "[2,0.25]"), 0, 0) == 2.25);
    assert_true(score_and_destroy(edited(SMALL, ",\"scale_and_bias\":[2,[0.25]]", ""), 0, 0) == 1);
    assert_true(score_and_destroy(edited(SMALL, "{\"features", " {\n\"features"), 0, 0) == 2.25);
    alm_forest *forest = edited(SMALL, "\"leaf_weights\":[4,3,2,1],", "");
    assert_false(alm_forest_describe(forest).has_cover);
    alm_forest_destroy(forest);
    forest = edited(SMALL, "\"value\":\"7\"", "\"value\":\"-12\"");
    alm_forest_destroy(forest);
    forest = edited(SMALL, ",\"cat_features_hash\":[{\"hash\":4277023987,\"value\":\"7\"}]", "");
    assert_true(alm_forest_describe(forest).has_category_names); /* they may be any texts */
    alm_forest_destroy(forest);
    forest = edited(SMALL, "\"price\"", "\"\"");
    assert_null(alm_forest_describe(forest).feature_name);
    alm_forest_destroy(forest);
    /* A tree without a split, and no tree at all */
    assert_true(score_and_destroy(edited(SMALL, "[1,2,4,8],\"leaf_weights\":[4,3,2,1],\"splits\":"
                                                "[{\"split_index\":0},{\"split_index\":2}]",
                                         "[3],\"splits\":null"),
                                  0, 0) == 6.25);
    assert_true(score_and_destroy(edited(SMALL, "[{\"leaf_values\":[1,2,4,8],\"leaf_weights\":"
                                                "[4,3,2,1],\"splits\":[{\"split_index\":0},"
                                                "{\"split_index\":2}]}]", "[]"), 0, 0) == 0.25);
}

static void nodes_follow_the_rules(void **state)
{
    (void)state;
    alm_forest *forest = edited(NODES, "", "");
    assert_true(score_of(forest, 0.5, 7) == 1 && score_of(forest, NAN, 7) == 1);
    assert_true(score_of(forest, 0.6, 7) == 8 && score_of(forest, 0.6, 8) == 2);
    double row[2] = {0.6, 8};
    assert_int_equal(alm_forest_leaf(forest, 0, row), 1);
    assert_true(alm_forest_describe(forest).has_cover);
    alm_forest_destroy(forest);
    forest = edited(NODES, ",\"weight\":4", "");
    assert_false(alm_forest_describe(forest).has_cover);
    alm_forest_destroy(forest);
}

/* ---- random forests ---- */

/* Borders of a feature: multiples of 1 / 8 from -4 on; more than a lane holds, if there is one. */
static size_t border_count(size_t features)
{
    return features == 1 ? 600 : 3;
}

static void write_features(alm_buffer *out, size_t features)
{
    alm_buffer_text(out, "{\"features_info\":{\"float_features\":[");
    for (size_t i = 0; i < features; i++) {
        alm_buffer_printf(out, "%s{\"feature_index\":%zu,\"flat_feature_index\":%zu,"
                          "\"has_nans\":true,\"nan_value_treatment\":\"%s\",\"borders\":[",
                          i == 0 ? "" : ",", i, i, i % 3 == 0 ? "AsTrue" : "AsFalse");
        for (size_t b = 0; b < border_count(features); b++) {
            double border = (double)(b + i % 5) / 8 - (features == 1 ? 37.5 : 0);
            alm_buffer_printf(out, "%s%.9g", b == 0 ? "" : ",", border);
        }
        alm_buffer_text(out, "]}");
    }
    alm_buffer_text(out, "]},\"scale_and_bias\":[-0.7,[0.1]],");
}

static void write_symmetric(alm_buffer *out, alm_rng *rng, size_t depth, size_t splits)
{
    alm_buffer_text(out, "{\"splits\":[");
    for (size_t d = 0; d < depth; d++) {
        alm_buffer_printf(out, "%s{\"split_index\":%d}", d == 0 ? "" : ",",
                          (int)alm_rng_next_below(rng, splits));
    }
    alm_buffer_text(out, "],\"leaf_values\":[");
    for (size_t leaf = 0; leaf < (size_t)1 << depth; leaf++) {
        alm_buffer_printf(out, "%s%.17g", leaf == 0 ? "" : ",", alm_rng_next_normal(rng));
    }
    alm_buffer_text(out, "]}");
}

/* Full down to the last levels, where some leaves come early. */
static void write_nodes(alm_buffer *out, alm_rng *rng, int depth, size_t splits)
{
    if (depth == 0 || (depth < 4 && alm_rng_next_below(rng, 4) == 0)) {
        alm_buffer_printf(out, "{\"value\":%.17g}", alm_rng_next_normal(rng));
        return;
    }
    alm_buffer_printf(out, "{\"split\":{\"split_index\":%d},\"left\":",
                      (int)alm_rng_next_below(rng, splits));
    write_nodes(out, rng, depth - 1, splits);
    alm_buffer_text(out, ",\"right\":");
    write_nodes(out, rng, depth - 1, splits);
    alm_buffer_text(out, "}");
}

static void check_random(size_t features, size_t depth, bool symmetric, uint64_t seed)
{
    alm_rng rng = alm_rng_stream(seed, 4);
    alm_buffer text = {0};
    alm_arena *arena = alm_arena_create(0);
    size_t splits = features * border_count(features), n = 200;
    write_features(&text, features);
    alm_buffer_text(&text, symmetric ? "\"oblivious_trees\":[" : "\"trees\":[");
    for (size_t t = 0; t < 120; t++) {
        alm_buffer_text(&text, t == 0 ? "" : ",");
        if (symmetric) {
            write_symmetric(&text, &rng, t % (depth + 1), splits);
        } else {
            write_nodes(&text, &rng, (int)(t % (depth + 1)), splits);
        }
    }
    alm_buffer_text(&text, "]}");
    alm_forest *forest = NULL;
    alm_error error;
    if (alm_forest_parse_catboost(alm_buffer_view(&text), "m", &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    double *rows = case_float_rows(arena, n, features, 8);
    double *score = ALM_NEW_ARRAY(arena, double, n);
    double *oracle = ALM_NEW_ARRAY(arena, double, n);
    alm_forest_score(forest, rows, n, features, score);
    alm_forest_score_reference(forest, rows, n, features, oracle);
    assert_memory_equal(score, oracle, n * sizeof *score);
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
    alm_buffer_deinit(&text);
}

/* More lanes than a group has, more borders than a lane, more leaves than a byte counts. */
static void random_forests_score_like_their_oracle(void **state)
{
    (void)state;
    check_random(2000, 9, true, 1);
    check_random(2000, 9, false, 2);
    check_random(1, 10, true, 3);
    check_random(1, 7, false, 4);
    check_random(7, 12, true, 5);
}

/* ---- refusals ---- */

static const struct {
    const char *small, *from, *to, *message;
    alm_err code;
} DAMAGE[] = {
    {SMALL, "\"features_info\"", "\"f\"", "m.json: byte 0: the key 'features_info' is missing; "
     "this is not a whole CatBoost model", ALM_ERR_CORRUPT},
    {SMALL, "\"oblivious_trees\"", "\"t\"", "neither oblivious_trees nor trees", ALM_ERR_CORRUPT},
    {SMALL, "\"value\":\"7\"", "\"value\":\"seven\"", "'seven' is one of the categories",
     ALM_ERR_UNSUPPORTED},
    {SMALL, "\"value\":\"7\"", "\"value\":\"07\"", "train with numbered categories",
     ALM_ERR_UNSUPPORTED},
    {SMALL, "\"float_features\"", "\"ctrs\":[{}],\"float_features\"", "save the model as .cbm",
     ALM_ERR_UNSUPPORTED},
    {SMALL, "\"float_features\"", "\"text_features\":[{}],\"float_features\"",
     "text_features are not read", ALM_ERR_UNSUPPORTED},
    {SMALL, "[0.5,2]", "[2,0.5]", "borders do not ascend at 1", ALM_ERR_CORRUPT},
    {SMALL, "[0.5,2]", "[0.5,two]", "numeric feature 0: borders[1] is not a valid value",
     ALM_ERR_CORRUPT},
    {SMALL, "[0.5,2]", "{}", "this must be an array", ALM_ERR_CORRUPT},
    {SMALL, "AsTrue", "AsNaN", "nan_value_treatment is unknown", ALM_ERR_CORRUPT},
    {SMALL, ":true", ":[]", "has_nans must be true or false", ALM_ERR_CORRUPT},
    {SMALL, "\"flat_feature_index\":1", "\"flat_feature_index\":-1", "impossible flat index -1",
     ALM_ERR_CORRUPT},
    {SMALL, "\"flat_feature_index\":1", "\"flat_feature_index\":99999999",
     "column 99999999; at most 1048576 are read", ALM_ERR_LIMIT},
    {SMALL, "\"split_index\":2", "\"split_index\":3", "tree 0: split 3 of 3", ALM_ERR_CORRUPT},
    {SMALL, "\"split_index\":2", "\"split_index\":-2", "tree 0: split -1 of 3", ALM_ERR_CORRUPT},
    {SMALL, "[{\"split_index\":0},{\"split_index\":2}]", "[0,2]",
     "this must be an array of objects", ALM_ERR_CORRUPT},
    {NODES, "\"trees\":[{", "\"trees\":[1],\"x\":[{", "this must be an array of objects",
     ALM_ERR_CORRUPT},
    {SMALL, "[1,2,4,8]", "[1,2,4]", "impossible number of outputs 0", ALM_ERR_CORRUPT},
    {SMALL, "[1,2,4,8]", "[1,2,4,8,9]", "leaf_values has 5 values, 4 are needed",
     ALM_ERR_CORRUPT},
    {SMALL, "[1,2,4,8]", "[1,2,4,1e999]", "leaf_values[3] is not a valid value",
     ALM_ERR_CORRUPT},
    {SMALL, "[4,3,2,1]", "[4,3,2]", "leaf_weights has 3 values", ALM_ERR_CORRUPT},
    {SMALL, "[2,[0.25]]", "[0,[0.25]]", "impossible scale", ALM_ERR_CORRUPT},
    {SMALL, "[2,[0.25]]", "[2,[0.25,1]]", "impossible scale, or number of biases 2",
     ALM_ERR_CORRUPT},
    {SMALL, "[2,[0.25]]", "[[2],[0.25]]", "scale_and_bias must be", ALM_ERR_CORRUPT},
    {SMALL, "\\ud83d\\udd22", "\\ud83d", "an escape in the text before is not valid",
     ALM_ERR_CORRUPT},
    {SMALL, "\\ud83d\\udd22", "\\udd22\\ud83d", "an escape in the text before is not valid",
     ALM_ERR_CORRUPT},
    {NODES, "\"split_index\":2", "\"split_index\":9", "tree 0: split 9 of 3", ALM_ERR_CORRUPT},
    {NODES, "\"value\":2", "\"value\":[2,3]", "a leaf needs a value for each output",
     ALM_ERR_CORRUPT},
    {NODES, "\"value\":2", "\"value\":nan", "a leaf's value is not a number", ALM_ERR_CORRUPT},
    {NODES, ",\"right\":", ",\"wrong\":", "the key 'right' is missing", ALM_ERR_CORRUPT},
    {NODES, "\"split\":{", "\"plit\":{", "the key 'split' is missing", ALM_ERR_CORRUPT},
    {NODES, "\"trees\":[", "\"trees\":[1,", "impossible number of outputs 0", ALM_ERR_CORRUPT},
};

static void damaged_documents_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof DAMAGE / sizeof *DAMAGE; i++) {
        alm_forest *forest = NULL;
        alm_error error = {0};
        alm_err code =
            parse_edited(DAMAGE[i].small, DAMAGE[i].from, DAMAGE[i].to, &forest, &error);
        if (code != DAMAGE[i].code || strstr(error.message, DAMAGE[i].message) == NULL) {
            fail_msg("case %zu: %s: %s, expected %s", i, alm_err_name(code), error.message,
                     DAMAGE[i].message);
        }
    }
}

static void refused(alm_str bytes, alm_err code, const char *message)
{
    alm_forest *forest = NULL;
    alm_error error = {0};
    alm_err got = alm_forest_parse_catboost(bytes, "m.cbm", &forest, &error);
    if (got != code || forest != NULL || strstr(error.message, message) == NULL) {
        fail_msg("%s: %s, expected %s", alm_err_name(got), error.message, message);
    }
}

/* The bytes of a fixture with the first `from` replaced by as many of `to`. */
static alm_str patched(alm_arena *arena, const char *name, alm_str from, alm_str to)
{
    alm_str bytes = case_fixture(arena, name);
    char *at = memmem(bytes.data, bytes.size, from.data, from.size);
    assert_non_null(at);
    assert_int_equal(from.size, to.size);
    memcpy(at, to.data, to.size);
    return bytes;
}

/* Single bytes of a tree: which tree and node a message names. */
static void damaged_trees_are_named(void **state)
{
    (void)state;
    static const struct {
        size_t byte;
        const char *message;
    } TURNED[] = {
        {6540, "tree 0: node 5 is a leaf with values that are not there"},
        {6548, "tree 0: node 7 is a leaf with values that are not there"},
        {8736, "tree 3: it has no nodes, or more than the file"},
        {9460, "tree 0: node 126 is a child, and lies behind the end of the tree"},
    };
    alm_arena *arena = alm_arena_create(0);
    for (size_t i = 0; i < sizeof TURNED / sizeof *TURNED; i++) {
        alm_str bytes = case_fixture(arena, "cb_multiclass_lossguide.cbm");
        ((char *)bytes.data)[TURNED[i].byte] ^= 0x7F;
        refused(bytes, ALM_ERR_CORRUPT, TURNED[i].message);
    }
    alm_arena_destroy(arena);
}

static void damaged_binaries_are_named(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    refused(ALM_STR(""), ALM_ERR_CORRUPT, "neither JSON nor CatBoost's binary format");
    refused(ALM_STR("CBM1"), ALM_ERR_CORRUPT, "neither JSON nor CatBoost's binary format");
    refused(ALM_STR("CBM1\x8\0\0\0abc"), ALM_ERR_CORRUPT,
            "the model needs 8 bytes and the file ends after 3");
    refused(ALM_STR("CBM1\4\0\0\0\xff\xff\xff\x7f"), ALM_ERR_CORRUPT,
            "byte 2147483655: what is named there lies outside of the model");
    refused(patched(arena, "cb_stumps.cbm", ALM_STR("Model_v1"), ALM_STR("Model_v2")),
            ALM_ERR_UNSUPPORTED, "the version of the format is not FlabuffersModel_v1");
    refused(patched(arena, "cb_counts.cbm", ALM_STR("static_provider_v1"),
                    ALM_STR("static_provider_v2")),
            ALM_ERR_CORRUPT,
            "byte 8768: category statistics: the trees use them and the file has none");
    alm_str bytes = case_fixture(arena, "cb_counts.cbm");
    bytes.size -= 100;
    refused(bytes, ALM_ERR_CORRUPT, "byte 9452: category statistics: the file ends inside of them");
    alm_arena_destroy(arena);
}

/* ---- a small file must not make a large forest ---- */

static void put_u16(alm_buffer *out, uint16_t value)
{
    alm_buffer_append(out, &value, sizeof value);
}

static void put_u32(alm_buffer *out, size_t value)
{
    uint32_t narrow = (uint32_t)value;
    alm_buffer_append(out, &narrow, sizeof narrow);
}

static void put_vtable(alm_buffer *out, size_t slots, uint16_t table_size, const uint16_t *slot)
{
    put_u16(out, (uint16_t)(4 + 2 * slots));
    put_u16(out, table_size);
    for (size_t i = 0; i < slots; i++) {
        put_u16(out, slot[i]);
    }
}

/* A model without trees that names one numeric feature with `borders` borders `times` times: with
 * 1 that is a good model. */
static void write_shared(alm_buffer *out, size_t times, size_t borders)
{
    static const uint16_t core[] = {4, 8}, trees[] = {4, 0, 0, 0, 0, 8}, feature[] = {0, 4, 8, 12};
    alm_buffer_clear(out);
    alm_buffer_text(out, "CBM1");
    put_u32(out, 80 + 4 * times + 12 + 16 + 4 + 4 * borders);
    put_u32(out, 12); /* the root */
    put_vtable(out, 2, 12, core);
    put_u32(out, 8); /* back to the vtable */
    put_u32(out, 24 - 16);
    put_u32(out, 64 - 20);
    put_u32(out, 18);
    alm_buffer_append(out, "FlabuffersModel_v1\0", 20);
    put_vtable(out, 6, 12, trees);
    put_u32(out, 16);
    put_u32(out, 1); /* output */
    put_u32(out, 76 - 72);
    put_u32(out, times);
    for (size_t i = 0; i < times; i++) {
        put_u32(out, 80 + 4 * times + 12 - (80 + 4 * i));
    }
    put_vtable(out, 4, 16, feature);
    put_u32(out, 12);
    put_u32(out, 0); /* index and column */
    put_u32(out, 0);
    put_u32(out, 4);
    put_u32(out, borders);
    for (size_t i = 0; i < borders; i++) {
        put_u32(out, 0); /* ascending enough */
    }
}

static void small_files_ask_for_little(void **state)
{
    (void)state;
    alm_buffer bytes = {0};
    alm_forest *forest = NULL;
    alm_error error;
    write_shared(&bytes, 1, 100);
    if (alm_forest_parse_catboost(alm_buffer_view(&bytes), "m", &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(alm_forest_describe(forest).feature_count, 1);
    alm_forest_destroy(forest);
    write_shared(&bytes, 2, 100);
    refused(alm_buffer_view(&bytes), ALM_ERR_CORRUPT, "numeric features are not in order at 1");
    write_shared(&bytes, 1000, 10000);
    size_t held = alm_heap_held_bytes();
    refused(alm_buffer_view(&bytes), ALM_ERR_CORRUPT, "is named too often");
    assert_int_equal(alm_heap_held_bytes(), held);
    alm_buffer_clear(&bytes);
    for (int i = 0; i < 100000; i++) {
        alm_buffer_text(&bytes, "{\"left\":");
    }
    refused(alm_buffer_view(&bytes), ALM_ERR_CORRUPT, "values are nested too deep");
    alm_buffer_deinit(&bytes);
}

/* Trees of step nodes whose steps were changed lead out of the tree, or to a node twice. */
static void every_bit_of_a_binary_may_flip(void **state)
{
    static const char *const name[] = {"cb_stumps.cbm", "cb_multiclass_lossguide.cbm",
                                       "cb_counts.cbm"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_str bytes = case_fixture(arena, name[i]);
        char *byte = alm_arena_alloc(arena, bytes.size);
        memcpy(byte, bytes.data, bytes.size);
        size_t accepted = 0;
        for (size_t at = 0; at < bytes.size; at++) {
            alm_forest *forest = NULL;
            alm_error error = {0};
            byte[at] ^= (char)(1 << (at * 5 % 8));
            if (alm_forest_parse_catboost((alm_str){byte, bytes.size}, "m", &forest, &error) ==
                ALM_OK) {
                case_use_forest(forest);
                accepted++;
            } else {
                assert_true(error.message[0] != '\0');
            }
            alm_forest_destroy(forest);
            byte[at] = bytes.data[at];
        }
        assert_true(accepted > 100 && accepted < bytes.size); /* both outcomes are exercised */
        alm_arena_destroy(arena);
    }
}

static void thousands_of_damaged_files_do_no_harm(void **state)
{
    static const char *const name[] = {"cb_nan_max.json", "cb_multiclass_lossguide.json",
                                       "cb_one_hot.cbm", "cb_counts_means.cbm"};
    (void)state;
    case_damage_files(alm_forest_parse_catboost, name, sizeof name / sizeof *name, 2026);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    case_fail_every_allocation(alm_forest_parse_catboost, (alm_str){SMALL, sizeof SMALL - 1});
    case_fail_every_allocation(alm_forest_parse_catboost, (alm_str){NODES, sizeof NODES - 1});
    case_fail_every_allocation(alm_forest_parse_catboost, case_fixture(arena, "cb_counts.cbm"));
    case_fail_every_allocation(alm_forest_parse_catboost,
                               case_fixture(arena, "cb_multiclass_lossguide.cbm"));
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(categories_have_the_hashes_of_catboost),
        cmocka_unit_test(statistics_follow_their_formulas),
        cmocka_unit_test(small_model_follows_the_rules),
        cmocka_unit_test(missing_values_go_where_the_feature_says),
        cmocka_unit_test(all_spellings_are_read),
        cmocka_unit_test(nodes_follow_the_rules),
        cmocka_unit_test(random_forests_score_like_their_oracle),
        cmocka_unit_test(damaged_documents_are_named),
        cmocka_unit_test(damaged_trees_are_named),
        cmocka_unit_test(damaged_binaries_are_named),
        cmocka_unit_test(small_files_ask_for_little),
        cmocka_unit_test(every_bit_of_a_binary_may_flip),
        cmocka_unit_test(thousands_of_damaged_files_do_no_harm),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
