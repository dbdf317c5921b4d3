#include "pipeline/paths/path_file.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "pipeline/paths/path_file_internal.h"
#include "pipeline/pipeline_fixture.h"

/* A sink that keeps the values of every node, and lets the writer see the blocks. */
typedef struct tap {
    fixture *f;
    alm_panel_source *source;
    const alm_method *method;
    alm_path_writer *writer;
    alm_str *names;  /* leaves, then aggregates */
    double **values; /* of each */
    alm_forecast *forecasts;
    size_t count, width;
} tap;

static alm_str name_of(tap *t, const alm_forecast_block *block, size_t index)
{
    if (!block->aggregates) {
        return alm_panel_source_node_name(t->source, index, t->f->arena);
    }
    alm_str name = alm_panel_source_hierarchy(t->source)->node_names[index];
    return (alm_str){alm_arena_copy_text(t->f->arena, name.data, name.size), name.size};
}

static alm_err tap_block(void *context, const alm_forecast_block *block, alm_error *error)
{
    tap *t = context;
    alm_str *names = &t->names[t->count];
    t->width = ((size_t)t->method->paths + 1) * block->steps;
    for (size_t i = 0; i < block->count; i++) {
        const alm_forecast *f = &block->forecasts[i];
        names[i] = name_of(t, block, f->index);
        double *kept = ALM_NEW_ARRAY(t->f->arena, double, t->width);
        memcpy(kept, f->values, t->width * sizeof *kept);
        double *receipts = ALM_NEW_ARRAY(t->f->arena, double, block->steps);
        if (f->has_stock) {
            memcpy(receipts, f->receipts, block->steps * sizeof *receipts);
        }
        t->values[t->count] = kept;
        t->forecasts[t->count] = *f;
        t->forecasts[t->count++].receipts = receipts;
    }
    return alm_path_writer_block(t->writer, block, names, error);
}

static alm_err run_tap(tap *t, const alm_bundle_parts *parts, const char *path)
{
    fixture *f = t->f;
    alm_bundle *bundle = NULL;
    alm_pipeline_request request = {.source = t->source, .scratch = f->root, .stock = true};
    alm_forecast_sink sink = {tap_block, t};
    alm_err code = alm_bundle_of_parts(parts, alm_panel_source_schema(t->source), &bundle,
                                       &f->error);
    request.bundle = bundle;
    if (code == ALM_OK) {
        code = alm_path_writer_open(f->env.fs, path, t->method,
                                    alm_panel_source_hierarchy(t->source), &t->writer, &f->error);
    }
    if (code == ALM_OK) {
        code = alm_pipeline_run(&f->env, &request, &sink, &f->error);
    }
    if (code == ALM_OK) {
        code = alm_path_writer_finish(t->writer, &f->error);
    }
    alm_path_writer_close(t->writer);
    alm_bundle_destroy(bundle);
    return code;
}

static alm_panel_source *open_source(fixture *f, const alm_snapshot *snapshot, size_t block)
{
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = fixture_date(SYNTHETIC_END),
                                 .future = SYNTHETIC_HORIZON, .membership_date = ALM_DATE_NONE,
                                 .block_series = block};
    alm_panel_source *source = NULL;
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, snapshot, &options,
                                           &source, &f->error), ALM_OK);
    return source;
}

/* Runs the synthetic shop and gives the file's bytes. */
static alm_str bytes_of_run(tap *t, const alm_snapshot *snapshot, const alm_method *method,
                            size_t block)
{
    fixture *f = t->f;
    t->source = open_source(f, snapshot, block);
    t->method = method;
    t->count = 0;
    size_t room = SYNTHETIC_SERIES + 16;
    t->names = ALM_NEW_ARRAY(f->arena, alm_str, room);
    t->values = ALM_NEW_ARRAY(f->arena, double *, room);
    t->forecasts = ALM_NEW_ARRAY(f->arena, alm_forecast, room);
    alm_bundle_parts parts = synthetic_parts(f, alm_panel_source_schema(t->source), method);
    const char *path = alm_path_join(f->arena, f->root, "paths");
    alm_err code = run_tap(t, &parts, path);
    assert_string_equal(f->error.message, "");
    assert_int_equal(code, ALM_OK);
    alm_str bytes;
    assert_int_equal(alm_fs_read_all(f->fs, path, 1 << 26, f->arena, &bytes, &f->error), ALM_OK);
    assert_int_equal(f->fs->ops->unlink(f->fs, path, &f->error), ALM_OK);
    alm_panel_source_close(t->source);
    return bytes;
}

static void expect_same_paths(tap *t, const alm_path_file *file, bool adjusted)
{
    size_t steps = SYNTHETIC_HORIZON;
    for (size_t i = 0; i < t->count; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_node_paths paths;
        assert_int_equal(alm_paths_of_node(file, t->names[i], arena, &paths, &t->f->error),
                         ALM_OK);
        assert_int_equal(paths.steps, steps);
        assert_int_equal(paths.paths, t->method->paths);
        assert_memory_equal(paths.values, t->values[i], t->width * sizeof(double));
        assert_ptr_equal(paths.mean, paths.values + paths.paths * steps);
        assert_true(paths.counts == t->method->counts);
        assert_true(paths.whole == !adjusted);
        assert_true(paths.has_stock == t->forecasts[i].has_stock);
        if (paths.has_stock) {
            assert_true(paths.on_hand == t->forecasts[i].on_hand);
            assert_memory_equal(paths.receipts, t->forecasts[i].receipts, steps * sizeof(double));
        }
        alm_arena_destroy(arena);
    }
}

static void paths_are_those_of_the_run(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    static const struct {
        int paths, templates;
        double weight;
        bool counts;
    } CASES[] = {{20, 12, 1, true}, {20, 12, .5, true}, {7, 0, 0, true}, {33, 5, .5, false},
                 {20, 1, .25, true}, {20, 7, .25, true}};
    for (size_t c = 0; c < sizeof CASES / sizeof CASES[0]; c++) {
        alm_method method = synthetic_method(CASES[c].paths);
        method.templates = CASES[c].templates;
        method.counts = CASES[c].counts;
        method.weight[ALM_CLASS_aggregate] = CASES[c].weight;
        tap t = {.f = f};
        alm_str bytes = bytes_of_run(&t, &snapshot, &method, 7);
        alm_path_file *file = NULL;
        assert_int_equal(alm_path_file_open(bytes, &file, &f->error), ALM_OK);
        assert_int_equal(t.count, SYNTHETIC_SERIES + 10);
        expect_same_paths(&t, file, CASES[c].weight < 1 || !CASES[c].counts);
        alm_path_file_close(file);
    }
}

static void bytes_do_not_depend_on_threads_or_blocks(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(20);
    method.weight[ALM_CLASS_aggregate] = .5;
    static const size_t BLOCKS[] = {256, 1, 7};
    alm_str first = {0};
    for (size_t c = 0; c < 3; c++) {
        synthetic_threads(f, (int)c + 1);
        tap t = {.f = f};
        alm_str bytes = bytes_of_run(&t, &snapshot, &method, BLOCKS[c]);
        first = c ? first : bytes;
        assert_true(alm_str_equal(first, bytes));
    }
}

/* Without aggregates' paths and multipliers, a series takes little more than its ranks. */
static void a_series_takes_few_bytes(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(20);
    tap t = {.f = f};
    alm_str bytes = bytes_of_run(&t, &snapshot, &method, 256);
    size_t aggregates = 10 * (t.width * 8 + 64);
    size_t leaf = (bytes.size - aggregates) / SYNTHETIC_SERIES;
    /* mean 14 x 8, shape 43 x 8, ranks 12 x 14 x 4 bits, 13 words beside and 2 of the index, and
     * the receipts of the few that have some */
    assert_in_range(leaf, 600, 112 + 344 + 84 + 15 * 8 + 32);
}

static void an_unknown_node_is_named(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(3);
    tap t = {.f = f};
    alm_str bytes = bytes_of_run(&t, &snapshot, &method, 256);
    alm_path_file *file = NULL;
    assert_int_equal(alm_path_file_open(bytes, &file, &f->error), ALM_OK);
    alm_node_paths paths = {.paths = 77};
    assert_int_equal(alm_paths_of_node(file, ALM_STR("no\nsuch"), f->arena, &paths, &f->error),
                     ALM_ERR_NOT_FOUND);
    assert_string_equal(f->error.message, "the run has no node no\\nsuch");
    assert_int_equal(paths.paths, 77); /* untouched */
    alm_path_file_close(file);
}

/* Every word changed and every length cut: an error or an answer of finite paths, never a crash. */
static void damage_is_found_or_harmless(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(2);
    method.weight[ALM_CLASS_aggregate] = .5;
    tap t = {.f = f};
    alm_str good = bytes_of_run(&t, &snapshot, &method, 256);
    size_t words = good.size / 8;
    uint64_t *copy = ALM_NEW_ARRAY(f->arena, uint64_t, words);
    static const uint64_t VALUES[] = {0, 1, 255, UINT64_MAX, (uint64_t)1 << 62, 0x7FF8000000000000};
    size_t refused = 0;
    for (size_t w = 0; w < words; w += w < 400 || w + 300 > words ? 1 : 13) {
        for (size_t v = 0; v < sizeof VALUES / sizeof VALUES[0]; v++) {
            memcpy(copy, good.data, good.size);
            copy[w] = VALUES[v];
            alm_path_file *file = NULL;
            alm_str bytes = {(const char *)copy, good.size};
            if (alm_path_file_open(bytes, &file, &f->error) != ALM_OK) {
                refused++;
                continue;
            }
            /* Of the frame only the seed may be anything. */
            assert_true(v != 3 || w == 5 || (w >= ALMI_PATH_HEAD_WORDS && w < words - 2));
            alm_arena *arena = alm_arena_create(0);
            for (size_t i = 0; i < t.count; i += 7) {
                alm_node_paths paths;
                refused += alm_paths_of_node(file, t.names[i], arena, &paths, &f->error) != ALM_OK;
            }
            alm_arena_destroy(arena);
            alm_path_file_close(file);
        }
    }
    assert_true(refused > 300); /* no node asked for uses the others */
    for (size_t size = 0; size < good.size; size += size < 200 ? 1 : 1003) {
        alm_path_file *file = NULL;
        assert_int_equal(alm_path_file_open((alm_str){good.data, size}, &file, &f->error),
                         ALM_ERR_CORRUPT);
    }
    copy[1] = 3;
    memcpy(copy, good.data, 8);
    alm_path_file *file = NULL;
    assert_int_equal(alm_path_file_open((alm_str){(const char *)copy, good.size}, &file,
                                        &f->error), ALM_ERR_UNSUPPORTED);
}

static void the_manifest_names_the_file(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(4);
    tap t = {.f = f};
    alm_str bytes = bytes_of_run(&t, &snapshot, &method, 256);
    alm_digest object;
    alm_digest manifest;
    assert_int_equal(alm_objects_put(f->objects, bytes, &object, &f->error), ALM_OK);
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&object, text);
    const char *json = alm_arena_printf(f->arena, "{\"paths_object\":\"%s\"}", text);
    assert_int_equal(alm_objects_put(f->objects, alm_str_of(json), &manifest, &f->error), ALM_OK);
    alm_path_file *file = NULL;
    assert_int_equal(alm_path_file_of_run(f->objects, &manifest, 1 << 26, &file, &f->error),
                     ALM_OK);
    expect_same_paths(&t, file, false);
    alm_path_file_close(file);
    assert_int_equal(alm_path_file_of_run(f->objects, &manifest, 100, &file, &f->error),
                     ALM_ERR_LIMIT);
    alm_str old = ALM_STR("{\"fan_object\":\"x\"}");
    assert_int_equal(alm_objects_put(f->objects, old, &manifest, &f->error), ALM_OK);
    f->error = (alm_error){0};
    assert_int_equal(alm_path_file_of_run(f->objects, &manifest, 1 << 26, &file, &f->error),
                     ALM_ERR_UNSUPPORTED);
    assert_string_equal(f->error.message, "the run kept no sample paths: it was made by an engine "
                        "before them; a new run has them");
    old = ALM_STR("{\"paths_object\":\"x\"}");
    assert_int_equal(alm_objects_put(f->objects, old, &manifest, &f->error), ALM_OK);
    assert_int_equal(alm_path_file_of_run(f->objects, &manifest, 1 << 26, &file, &f->error),
                     ALM_ERR_CORRUPT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(paths_are_those_of_the_run),
        CASE(bytes_do_not_depend_on_threads_or_blocks),
        CASE(a_series_takes_few_bytes),
        CASE(an_unknown_node_is_named),
        CASE(damage_is_found_or_harmless),
        CASE(the_manifest_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
