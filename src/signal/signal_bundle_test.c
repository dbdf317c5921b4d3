#include "signal/signal_bundle.h"

#include "base/fs_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HEX16 "0123456789abcdef"
#define DIGEST HEX16 HEX16 HEX16 HEX16

typedef struct world {
    alm_fs *fs;
    alm_objects *objects;
    alm_arena *arena;
    alm_error error;
} world;

static const alm_scorer_file FILES[] = {
    {{"bars.json", 9}, {"{\"a\":1}", 7}},
    {{"models/boost_05.txt", 19}, {"tree\n", 5}},
    {{"scorer.json", 11}, {"{}", 2}},
};

static alm_signal_bundle bundle_of(void)
{
    return (alm_signal_bundle){.signal = ALM_STR("swing"),
                               .training_run_id = ALM_STR(DIGEST),
                               .inputs = ALM_STR("{\"seed\":1}"),
                               .feature_version = ALM_STR(DIGEST),
                               .snapshot_id = ALM_STR(DIGEST),
                               .file = FILES,
                               .file_count = 3,
                               .report = ALM_STR("{\"horizons\":[]}")};
}

static int setup(void **state)
{
    static world w;
    w = (world){.arena = alm_arena_create(0)};
    *state = &w;
    bool ok = alm_fs_memory_create(&w.fs, &w.error) == ALM_OK &&
              alm_objects_folder_open(w.fs, "objects", &w.objects, &w.error) == ALM_OK;
    return ok ? 0 : -1;
}

static int teardown(void **state)
{
    world *w = *state;
    alm_objects_close(w->objects);
    alm_fs_destroy(w->fs);
    alm_arena_destroy(w->arena);
    return 0;
}

static void comes_back_as_it_was(void **state)
{
    world *w = *state;
    alm_signal_bundle bundle = bundle_of();
    alm_signal_bundle again;
    alm_digest hash;
    alm_digest second;
    bool is = false;
    assert_int_equal(alm_signal_bundle_save(w->objects, &bundle, &hash, &w->error), ALM_OK);
    assert_int_equal(alm_signal_bundle_read(w->objects, &hash, w->arena, &again, &w->error),
                     ALM_OK);
    assert_true(alm_str_equal(again.signal, bundle.signal));
    assert_true(alm_str_equal(again.inputs, bundle.inputs));
    assert_true(alm_str_equal(again.report, bundle.report));
    assert_int_equal(again.file_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(alm_str_equal(again.file[i].name, FILES[i].name));
        assert_true(alm_str_equal(again.file[i].bytes, FILES[i].bytes));
    }
    assert_int_equal(alm_signal_bundle_save(w->objects, &again, &second, &w->error), ALM_OK);
    assert_true(alm_digest_equal(&hash, &second));
    assert_int_equal(alm_signal_bundle_is(w->objects, &hash, &is, &w->error), ALM_OK);
    assert_true(is);
}

/* The manifest's bytes are a promise: a change is a new format. */
static void the_manifest_is_canonical(void **state)
{
    world *w = *state;
    alm_signal_bundle bundle = bundle_of();
    alm_digest hash;
    alm_str text;
    assert_int_equal(alm_signal_bundle_save(w->objects, &bundle, &hash, &w->error), ALM_OK);
    assert_int_equal(alm_objects_get(w->objects, &hash, 4096, w->arena, &text, &w->error), ALM_OK);
    static const char HEAD[] = "{\"feature_version\":\"" DIGEST "\",\"files\":{\"bars.json\":\"";
    static const char TAIL[] = "\"signal\":\"swing\",\"snapshot_id\":\"" DIGEST
                               "\",\"training_run_id\":\"" DIGEST "\"}";
    assert_memory_equal(text.data, HEAD, sizeof HEAD - 1);
    assert_memory_equal(text.data + text.size - (sizeof TAIL - 1), TAIL, sizeof TAIL - 1);
    assert_non_null(strstr(text.data, "},\"format\":1,\"inputs\":\"{\\\"seed\\\":1}\",\"kind\":"
                                      "\"signal\",\"origin\":\"trained\",\"report\":\""));
}

static void every_part_is_in_the_hash(void **state)
{
    world *w = *state;
    alm_scorer_file files[3];
    memcpy(files, FILES, sizeof files);
    files[1].bytes = ALM_STR("trees");
    alm_signal_bundle bundles[] = {bundle_of(), bundle_of(), bundle_of(), bundle_of(), bundle_of()};
    bundles[1].signal = ALM_STR("swings");
    bundles[2].report = ALM_STR("{}");
    bundles[3].inputs = ALM_STR("{}");
    bundles[4].file = files;
    alm_digest hash[5];
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(alm_signal_bundle_save(w->objects, &bundles[i], &hash[i], &w->error),
                         ALM_OK);
        for (size_t k = 0; k < i; k++) {
            assert_false(alm_digest_equal(&hash[i], &hash[k]));
        }
    }
}

static void refuse_text(world *w, const char *text, alm_err expected, const char *message)
{
    alm_digest hash;
    alm_signal_bundle out;
    assert_int_equal(alm_objects_put(w->objects, alm_str_of(text), &hash, &w->error), ALM_OK);
    w->error = (alm_error){0};
    assert_int_equal(alm_signal_bundle_read(w->objects, &hash, w->arena, &out, &w->error),
                     expected);
    if (!strstr(w->error.message, message)) {
        print_error("%s\n", w->error.message);
    }
    assert_non_null(strstr(w->error.message, message));
}

static void refuses_what_is_no_signal(void **state)
{
    world *w = *state;
    bool is = true;
    alm_digest hash = alm_hash_bytes("nothing", 7);
    assert_int_equal(alm_signal_bundle_is(w->objects, &hash, &is, &w->error), ALM_ERR_NOT_FOUND);
    refuse_text(w, "{\"kind\":\"scorer\",\"format\":1}", ALM_ERR_UNSUPPORTED, "it is no signal");
    refuse_text(w, "{\"format\":1}", ALM_ERR_UNSUPPORTED, "it is no signal");
    refuse_text(w, "{\"kind\":\"signal\",\"format\":2}", ALM_ERR_UNSUPPORTED, "has format 2");
    refuse_text(w, "{\"kind\":\"signal\",\"format\":1}", ALM_ERR_CORRUPT, "feature_version");
    refuse_text(w, "no manifest", ALM_ERR_CORRUPT, "manifest.json");
    refuse_text(w, "{\"kind\":\"signal\",\"format\":1,\"feature_version\":\"a\",\"inputs\":\"a\","
                   "\"signal\":\"a\",\"snapshot_id\":\"a\",\"training_run_id\":\"a\",\"files\":{}}",
                ALM_ERR_CORRUPT, "it has no scorer.json");
    refuse_text(w, "{\"kind\":\"signal\",\"format\":1,\"feature_version\":\"a\",\"inputs\":\"a\","
                   "\"signal\":\"a\",\"snapshot_id\":\"a\",\"training_run_id\":\"a\","
                   "\"files\":{\"scorer.json\":\"" DIGEST "\"}}",
                ALM_ERR_NOT_FOUND, "scorer.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(the_manifest_is_canonical, setup, teardown),
        cmocka_unit_test_setup_teardown(every_part_is_in_the_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_signal, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
