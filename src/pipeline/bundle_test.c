#include "pipeline/bundle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "pipeline/encoders.h"
#include "pipeline/pipeline_fixture.h"

/* Objects in memory, so that every byte can be flipped quickly; a schema of one column. */
typedef struct bundled {
    alm_fs *fs;
    alm_objects *objects;
    alm_arena *arena;
    alm_panel_column column;
    alm_feature_schema schema;
    alm_bundle_parts parts;
    alm_error error;
} bundled;

static void make_parts(bundled *b)
{
    static const alm_feature_spec SPECS[] = {
        {.name = "level", .op = ALM_FEATURE_mean, .column = "units", .window = 7},
        {.name = "step", .op = ALM_FEATURE_step}};
    static const alm_horizon_block BLOCK = {1, SYNTHETIC_HORIZON};
    b->column = (alm_panel_column){.name = "units", .role = ALM_ROLE_OBSERVED};
    b->schema = (alm_feature_schema){.columns = &b->column, .column_count = 1};
    alm_feature_plan *plan = NULL;
    alm_assert(alm_feature_plan_compile(SPECS, 2, &BLOCK, 1, &b->schema, &plan, &b->error) ==
               ALM_OK);
    alm_buffer plan_text = {0};
    alm_buffer method_text = {0};
    alm_feature_plan_write(plan, &plan_text);
    alm_method method = synthetic_method(20);
    alm_method_write(&method, &method_text);
    alm_feature_plan_destroy(plan);
    forest_shape shape = {.trees = 2, .outputs = 1, .features = 2, .leaves = 4, .grid = 4};
    b->parts = (alm_bundle_parts){.model = ALM_STR("demand"),
                                  .training_run_id = ALM_STR("t1"),
                                  .inputs = ALM_STR("{\"seed\":1}"),
                                  .feature_version = ALM_STR("f1"),
                                  .snapshot_id = ALM_STR("s1"),
                                  .plan = fixture_keep(b->arena, &plan_text),
                                  .encoders = ALM_STR("[]"),
                                  .mean_model = {case_text(b->arena, &shape, 3)},
                                  .method = fixture_keep(b->arena, &method_text),
                                  .report = ALM_STR("{\"levels\":[]}")};
}

static int setup(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    bundled *b = ALM_NEW(arena, bundled);
    b->arena = arena;
    alm_assert(alm_fs_memory_create(&b->fs, &b->error) == ALM_OK);
    alm_assert(alm_objects_folder_open(b->fs, "/objects", &b->objects, &b->error) == ALM_OK);
    make_parts(b);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bundled *b = *state;
    alm_objects_close(b->objects);
    alm_fs_destroy(b->fs);
    alm_arena_destroy(b->arena);
    return 0;
}

static alm_digest save(bundled *b, const alm_bundle_parts *parts)
{
    alm_digest hash;
    assert_int_equal(alm_bundle_save(b->objects, parts, &hash, &b->error), ALM_OK);
    return hash;
}

static size_t object_count(bundled *b)
{
    alm_digest *list = NULL;
    size_t count = 0;
    assert_int_equal(alm_objects_list(b->objects, b->arena, &list, &count, &b->error), ALM_OK);
    return count;
}

static alm_bundle *load(bundled *b, const alm_digest *hash)
{
    alm_bundle *bundle = NULL;
    assert_int_equal(alm_bundle_load(b->objects, hash, &b->schema, &bundle, &b->error), ALM_OK);
    return bundle;
}

static void expect_equal(alm_str a, alm_str b)
{
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
}

static void comes_back_and_saves_to_the_same_hash(void **state)
{
    bundled *b = *state;
    alm_digest hash = save(b, &b->parts);
    assert_int_equal(object_count(b), 6); /* five files and the manifest */
    alm_bundle *bundle = load(b, &hash);
    assert_memory_equal(&bundle->hash, &hash, sizeof hash);
    expect_equal(bundle->parts.plan, b->parts.plan);
    expect_equal(bundle->parts.encoders, b->parts.encoders);
    expect_equal(bundle->parts.mean_model[0], b->parts.mean_model[0]);
    expect_equal(bundle->parts.method, b->parts.method);
    expect_equal(bundle->parts.report, b->parts.report);
    expect_equal(bundle->parts.inputs, b->parts.inputs);
    expect_equal(bundle->parts.model, b->parts.model);
    expect_equal(bundle->parts.training_run_id, b->parts.training_run_id);
    expect_equal(bundle->parts.feature_version, b->parts.feature_version);
    expect_equal(bundle->parts.snapshot_id, b->parts.snapshot_id);
    assert_int_equal(bundle->method.horizon, SYNTHETIC_HORIZON);
    assert_int_equal(alm_feature_plan_width(bundle->plan), 2);
    assert_non_null(bundle->models[0].forest);
    assert_non_null(bundle->models[0].explainer);
    alm_digest again = save(b, &bundle->parts);
    assert_memory_equal(&again, &hash, sizeof hash);
    assert_int_equal(object_count(b), 6);
    alm_bundle_destroy(bundle);
    alm_bundle_destroy(NULL);
}

/* Everything that determines the result is in the hash. */
static void every_part_moves_the_hash(void **state)
{
    bundled *b = *state;
    alm_digest hash = save(b, &b->parts);
    alm_str *const fields[] = {&b->parts.model, &b->parts.training_run_id, &b->parts.inputs,
                               &b->parts.feature_version, &b->parts.snapshot_id, &b->parts.plan,
                               &b->parts.encoders, &b->parts.mean_model[0], &b->parts.method,
                               &b->parts.report};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        alm_str kept = *fields[i];
        *fields[i] = ALM_STR("{\"other\":1}");
        alm_digest other = save(b, &b->parts);
        assert_memory_not_equal(&other, &hash, sizeof hash);
        *fields[i] = kept;
    }
}

static void a_bundle_without_a_forest(void **state)
{
    bundled *b = *state;
    b->parts.mean_model[0] = (alm_str){0};
    alm_digest hash = save(b, &b->parts);
    assert_int_equal(object_count(b), 5);
    alm_bundle *bundle = load(b, &hash);
    assert_int_equal(bundle->model_count, 0);
    assert_int_equal(bundle->parts.mean_model[0].size, 0);
    alm_bundle_destroy(bundle);
}

/* A quantile forest for every level of the method, with one block. */
static void add_quantiles(bundled *b)
{
    forest_shape shape = {.trees = 2, .outputs = 1, .features = 2, .leaves = 4, .grid = 4};
    for (size_t k = 0; k < 5; k++) {
        b->parts.quantile_model[k][0] = case_text(b->arena, &shape, 30 + k);
    }
}

static void quantile_forests_come_back_in_format_2(void **state)
{
    bundled *b = *state;
    alm_digest plain = save(b, &b->parts);
    add_quantiles(b);
    alm_digest hash = save(b, &b->parts);
    assert_memory_not_equal(&hash, &plain, sizeof hash);
    assert_int_equal(object_count(b), 6 + 6); /* and five forests and a manifest */
    alm_str text;
    assert_int_equal(alm_objects_get(b->objects, &hash, 1 << 20, b->arena, &text, &b->error),
                     ALM_OK);
    const char *manifest = alm_arena_copy_text(b->arena, text.data, text.size);
    const char *at = manifest;
    static const char *const NAMES[] = {"models/mean.txt", "models/quantile_01.txt",
                                        "models/quantile_02.txt", "models/quantile_03.txt",
                                        "models/quantile_04.txt", "models/quantile_05.txt",
                                        "plan.json", "\"format\":2"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        at = strstr(at, NAMES[i]); /* in this order */
        assert_non_null(at);
    }
    alm_bundle *bundle = load(b, &hash);
    assert_int_equal(bundle->level_count, 5);
    for (size_t k = 0; k < 5; k++) {
        expect_equal(bundle->parts.quantile_model[k][0], b->parts.quantile_model[k][0]);
        assert_non_null(bundle->quantile[k][0]);
    }
    alm_digest again = save(b, &bundle->parts);
    assert_memory_equal(&again, &hash, sizeof hash);
    alm_bundle_destroy(bundle);
    bundle = load(b, &plain);
    assert_int_equal(bundle->level_count, 0);
    alm_bundle_destroy(bundle);
    b->parts.quantile_model[3][0] = b->parts.quantile_model[2][0];
    again = save(b, &b->parts);
    assert_memory_not_equal(&again, &hash, sizeof hash);
    /* Under the number that an engine of format 1 would read, it is refused. */
    char *lowered = alm_arena_copy_text(b->arena, manifest, text.size);
    *(strstr(lowered, "\"format\":2") + 9) = '1';
    assert_int_equal(alm_objects_put(b->objects, alm_str_of(lowered), &again, &b->error), ALM_OK);
    assert_int_equal(alm_bundle_load(b->objects, &again, &b->schema, &bundle, &b->error),
                     ALM_ERR_CORRUPT);
    assert_non_null(strstr(b->error.message, "the bundle says format 1, its files are those of "
                           "format 2"));
}

static void expect_unfit(bundled *b, const alm_bundle_parts *parts, const char *message)
{
    alm_bundle *bundle = NULL;
    b->error = (alm_error){0};
    assert_int_equal(alm_bundle_of_parts(parts, &b->schema, &bundle, &b->error), ALM_ERR_CORRUPT);
    assert_string_equal(b->error.message, message);
    assert_null(bundle);
}

/* A marginal with a hole would be another marginal. */
static void quantile_forests_are_all_there_and_fit(void **state)
{
    bundled *b = *state;
    add_quantiles(b);
    alm_str one = b->parts.quantile_model[0][0];
    alm_bundle_parts parts = b->parts;
    parts.quantile_model[2][0] = (alm_str){0};
    expect_unfit(b, &parts, "models/quantile_03.txt is missing: method.json has 5 quantiles, "
                 "plan.json 1 horizon blocks");
    parts = b->parts;
    parts.quantile_model[0][0] = (alm_str){0};
    expect_unfit(b, &parts, "models/quantile_01.txt is missing: method.json has 5 quantiles, "
                 "plan.json 1 horizon blocks");
    parts = b->parts;
    parts.quantile_model[5][0] = one;
    expect_unfit(b, &parts, "models/quantile_06.txt is too many: method.json has 5 quantiles, "
                 "plan.json 1 horizon blocks");
    parts = b->parts;
    parts.quantile_model[1][1] = one;
    expect_unfit(b, &parts, "models/quantile_02_02.txt is too many: method.json has 5 quantiles, "
                 "plan.json 1 horizon blocks");
    parts = b->parts;
    forest_shape wide = {.trees = 1, .outputs = 1, .features = 3, .leaves = 3, .grid = 4};
    parts.quantile_model[4][0] = case_text(b->arena, &wide, 3);
    expect_unfit(b, &parts, "models/quantile_05.txt takes 3 features, plan.json makes 2");
    forest_shape two = {.trees = 1, .outputs = 2, .features = 2, .leaves = 3, .grid = 4};
    parts.quantile_model[4][0] = case_text(b->arena, &two, 3);
    expect_unfit(b, &parts, "models/quantile_05.txt has 2 outputs, not one");
    parts = b->parts;
    parts.mean_model[0] = (alm_str){0};
    expect_unfit(b, &parts, "there are quantile forests without direct mean models");
    parts = b->parts;
    alm_method method = synthetic_method(20);
    method.quantile[3] = method.quantile[2];
    alm_buffer text = {0};
    alm_method_write(&method, &text);
    parts.method = fixture_keep(b->arena, &text);
    expect_unfit(b, &parts, "`quantiles` of method.json must rise between 0 and 1");
    parts = b->parts;
    parts.quantile_model[0][0] = ALM_STR("tree\n");
    alm_bundle *bundle = NULL;
    assert_int_equal(alm_bundle_of_parts(&parts, &b->schema, &bundle, &b->error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(b->error.message, "models/quantile_01.txt"));
}

static char *object_path(bundled *b, const alm_digest *digest)
{
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(digest, text);
    return alm_arena_printf(b->arena, "/objects/%.2s/%s", text, text + 2);
}

/* Which file of the bundle the digest names, as messages call it. */
static const char *file_of(bundled *b, const alm_digest *digest, const alm_digest *hash)
{
    static const char *const NAMES[] = {"encoders.json", "method.json", "models/mean.txt",
                                        "plan.json", "report.json"};
    const alm_str texts[] = {b->parts.encoders, b->parts.method, b->parts.mean_model[0],
                             b->parts.plan, b->parts.report};
    for (int i = 0; i < 5; i++) {
        alm_digest of_text = alm_hash_bytes(texts[i].data, texts[i].size);
        if (memcmp(&of_text, digest, sizeof of_text) == 0) {
            return NAMES[i];
        }
    }
    assert_memory_equal(digest, hash, sizeof *hash);
    return "bundle ";
}

static void expect_corrupt(bundled *b, const alm_digest *hash, const char *name, size_t byte)
{
    alm_bundle *bundle = NULL;
    alm_err code = alm_bundle_load(b->objects, hash, &b->schema, &bundle, &b->error);
    if (code != ALM_ERR_CORRUPT || !strstr(b->error.message, name)) {
        fail_msg("%s byte %zu: %s", name, byte, code == ALM_OK ? "loaded" : b->error.message);
    }
    assert_null(bundle);
}

static void every_flipped_byte_is_found(void **state)
{
    bundled *b = *state;
    alm_digest hash = save(b, &b->parts);
    alm_digest *list = NULL;
    size_t count = 0;
    assert_int_equal(alm_objects_list(b->objects, b->arena, &list, &count, &b->error), ALM_OK);
    size_t flipped = 0;
    for (size_t o = 0; o < count; o++) {
        const char *name = file_of(b, &list[o], &hash);
        char *path = object_path(b, &list[o]);
        alm_str text;
        assert_int_equal(alm_fs_read_all(b->fs, path, 1 << 20, b->arena, &text, &b->error),
                         ALM_OK);
        char *bytes = alm_arena_copy_text(b->arena, text.data, text.size);
        for (size_t at = 0; at < text.size; at++) {
            bytes[at] = (char)(bytes[at] ^ (1 << at % 8));
            assert_int_equal(alm_fs_write_all(b->fs, path, (alm_str){bytes, text.size}, &b->error),
                             ALM_OK);
            expect_corrupt(b, &hash, name, at);
            bytes[at] = text.data[at];
            flipped++;
        }
        assert_int_equal(alm_fs_write_all(b->fs, path, (alm_str){bytes, text.size - 1}, &b->error),
                         ALM_OK);
        expect_corrupt(b, &hash, name, text.size); /* cut short */
        assert_int_equal(alm_fs_write_all(b->fs, path, text, &b->error), ALM_OK);
    }
    assert_true(flipped > 3000);
    alm_bundle_destroy(load(b, &hash));
}

/* Manifests that hash right and say wrong things. */
static void expect_refused(bundled *b, const char *manifest, alm_err expected, const char *message)
{
    alm_digest hash;
    assert_int_equal(alm_objects_put(b->objects, alm_str_of(manifest), &hash, &b->error), ALM_OK);
    alm_bundle *bundle = NULL;
    alm_err code = alm_bundle_load(b->objects, &hash, &b->schema, &bundle, &b->error);
    if (code != expected || !strstr(b->error.message, message)) {
        fail_msg("%s, wanted: %s", code == ALM_OK ? "loaded" : b->error.message, message);
    }
}

static void foreign_manifests_are_refused(void **state)
{
    bundled *b = *state;
    alm_digest hash = save(b, &b->parts);
    alm_str text;
    assert_int_equal(alm_objects_get(b->objects, &hash, 1 << 20, b->arena, &text, &b->error),
                     ALM_OK);
    char *manifest = alm_arena_copy_text(b->arena, text.data, text.size);
    char *format = strstr(manifest, "\"format\":1");
    assert_non_null(format);
    format[9] = '2';
    expect_refused(b, manifest, ALM_ERR_CORRUPT, "the bundle says format 2, its files are those of "
                   "format 1");
    format[9] = '3';
    expect_refused(b, manifest, ALM_ERR_CORRUPT, "the bundle says format 3, its files are those of "
                   "format 1");
    format[9] = '4';
    expect_refused(b, manifest, ALM_ERR_UNSUPPORTED, "the bundle has format 4, this engine reads "
                   "1 to 3; use the almanac that made it or a newer one");
    format[9] = '1';
    char *plan = strstr(manifest, "\"plan.json\":\"");
    assert_non_null(plan);
    plan[13] = 'x';
    expect_refused(b, manifest, ALM_ERR_CORRUPT, "the digest of plan.json is malformed");
    plan[13] = plan[14] == '0' ? '1' : '0'; /* a digest that nobody has */
    plan[14] = plan[14] == '0' ? '1' : '0';
    expect_refused(b, manifest, ALM_ERR_NOT_FOUND, "plan.json");
    expect_refused(b, "{}", ALM_ERR_CORRUPT, "format");
    expect_refused(b, "not json", ALM_ERR_CORRUPT, "manifest.json");
    expect_refused(b, "[1]", ALM_ERR_CORRUPT, "format");
    alm_bundle *bundle = NULL;
    alm_digest nothing = alm_hash_bytes("nothing", 7);
    assert_int_equal(alm_bundle_load(b->objects, &nothing, &b->schema, &bundle, &b->error),
                     ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(b->error.message, "bundle "));
}

/* Parts that are whole but do not fit each other, or are not what they should be. */
static void parts_must_fit(void **state)
{
    bundled *b = *state;
    alm_bundle *bundle = NULL;
    alm_bundle_parts parts = b->parts;
    forest_shape shape = {.trees = 1, .outputs = 1, .features = 3, .leaves = 3, .grid = 4};
    parts.mean_model[0] = case_text(b->arena, &shape, 3);
    assert_int_equal(alm_bundle_of_parts(&parts, &b->schema, &bundle, &b->error), ALM_ERR_CORRUPT);
    assert_string_equal(b->error.message,
                        "models/mean.txt takes 3 features, plan.json makes 2");
    parts = b->parts;
    parts.mean_model[0] = ALM_STR("tree\n");
    assert_int_equal(alm_bundle_of_parts(&parts, &b->schema, &bundle, &b->error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(b->error.message, "models/mean.txt"));
    parts = b->parts;
    parts.method = ALM_STR("{}");
    assert_int_equal(alm_bundle_of_parts(&parts, &b->schema, &bundle, &b->error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(b->error.message, "method.json"));
    parts = b->parts;
    parts.plan = ALM_STR("[]");
    assert_int_equal(alm_bundle_of_parts(&parts, &b->schema, &bundle, &b->error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(b->error.message, "plan.json"));
    b->column.name = "sales"; /* the panels have another column than the plan reads */
    assert_int_not_equal(alm_bundle_of_parts(&b->parts, &b->schema, &bundle, &b->error), ALM_OK);
    assert_non_null(strstr(b->error.message, "units"));
    assert_null(bundle);
}

#define KINDS                                                                             \
    "{\"aggregate\":\"ets\",\"erratic\":{\"fast\":\"count\",\"slow\":\"level\"},"           \
    "\"intermittent\":{\"fast\":\"sba\",\"slow\":\"tsb\"},\"lumpy\":{\"fast\":\"level\","      \
    "\"slow\":\"level\"},\"smooth\":{\"fast\":\"auto\",\"slow\":\"level\"}}"

static void kinds_come_back_in_format_3(void **state)
{
    bundled *b = *state;
    alm_digest plain = save(b, &b->parts);
    b->parts.kinds = ALM_STR(KINDS);
    alm_digest hash = save(b, &b->parts);
    assert_memory_not_equal(&plain, &hash, sizeof hash);
    alm_str text;
    assert_int_equal(alm_objects_get(b->objects, &hash, 1 << 20, b->arena, &text, &b->error),
                     ALM_OK);
    char *manifest = alm_arena_copy_text(b->arena, text.data, text.size);
    char *format = strstr(manifest, "\"format\":3");
    assert_non_null(format);
    assert_non_null(strstr(manifest, "\"kinds.json\":\""));
    alm_bundle *bundle = load(b, &hash);
    assert_true(bundle->kinds.given);
    assert_string_equal(bundle->kinds.kind[ALM_CLASS_aggregate][0]->name, "ets");
    assert_string_equal(bundle->kinds.kind[ALM_CLASS_intermittent][ALM_MOVER_SLOW]->name, "tsb");
    assert_null(bundle->kinds.kind[ALM_CLASS_smooth][ALM_MOVER_SLOW]);
    expect_equal(bundle->parts.kinds, b->parts.kinds);
    alm_bundle_destroy(bundle);
    bundle = load(b, &plain);
    assert_false(bundle->kinds.given);
    alm_bundle_destroy(bundle);
    format[9] = '1'; /* an engine that reads no kinds must not think that it can */
    expect_refused(b, manifest, ALM_ERR_CORRUPT, "the bundle says format 1, its files are those of "
                   "format 3");
    alm_bundle *none = NULL;
    b->parts.kinds = ALM_STR("{\"aggregate\":\"ets\"}");
    assert_int_equal(alm_bundle_of_parts(&b->parts, &b->schema, &none, &b->error),
                     ALM_ERR_CORRUPT);
    assert_non_null(strstr(b->error.message, "kinds.json: it must be an object with the classes"));
    assert_null(none);
}

static void encoders_come_back(void **state)
{
    bundled *b = *state;
    const alm_str texts[] = {ALM_STR("EIRE"), ALM_STR("Österreich"), ALM_STR("\xc5\xbbubr")};
    alm_categories categories[] = {
        {.name = ALM_STR("region"), .texts = texts, .count = 3},
        {.name = ALM_STR("weight"), .numeric = true}};
    alm_encoders encoders = {categories, 2};
    alm_buffer json = {0};
    alm_encoders_write(&encoders, &json);
    alm_encoders back;
    assert_int_equal(alm_encoders_read(alm_buffer_view(&json), "encoders.json", b->arena, &back,
                                       &b->error), ALM_OK);
    assert_int_equal(back.count, 2);
    expect_equal(back.categories[0].name, categories[0].name);
    assert_int_equal(back.categories[0].count, 3);
    assert_false(back.categories[0].numeric);
    for (int i = 0; i < 3; i++) {
        expect_equal(back.categories[0].texts[i], texts[i]);
    }
    assert_int_equal(back.categories[1].count, 0);
    assert_true(back.categories[1].numeric);
    alm_buffer_deinit(&json);
    static const char *const BAD[] = {
        "{}", "[{}]", "[3]", "x", "[{\"name\":\"r\",\"numeric\":false,\"texts\":[\"b\",\"a\"]}]",
        "[{\"name\":\"r\",\"numeric\":false,\"texts\":[\"a\",\"a\"]}]",
        "[{\"name\":\"r\",\"numeric\":false,\"texts\":[1]}]"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(alm_encoders_read(alm_str_of(BAD[i]), "encoders.json", b->arena, &back,
                                           &b->error), ALM_ERR_CORRUPT);
        assert_non_null(strstr(b->error.message, "encoders.json"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back_and_saves_to_the_same_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(every_part_moves_the_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bundle_without_a_forest, setup, teardown),
        cmocka_unit_test_setup_teardown(quantile_forests_come_back_in_format_2, setup, teardown),
        cmocka_unit_test_setup_teardown(quantile_forests_are_all_there_and_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(every_flipped_byte_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_manifests_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_must_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(kinds_come_back_in_format_3, setup, teardown),
        cmocka_unit_test_setup_teardown(encoders_come_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
