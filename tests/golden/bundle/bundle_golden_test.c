/* bundle_golden_test.c: a released bundle of each format keeps loading, and keeps giving the numbers
 * that it gave when it was released. README.md beside this file says how it was made, and when it
 * may be made again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/encoders.h"
#include "pipeline/pipeline_fixture.h"
#include "train/train.h"

typedef struct golden {
    const char *format; /* ALMANAC_GOLDEN_WRITE with this value makes it */
    const char *objects, *expected;
    alm_marginals marginals;
} golden;

static const golden FORMAT_1 = {"1", "tests/golden/bundle/objects",
                                "tests/golden/bundle/expected.txt", ALM_MARGINALS_HISTORY};
static const golden FORMAT_2 = {"2", "tests/golden/bundle_2/objects",
                                "tests/golden/bundle_2/expected.txt", ALM_MARGINALS_QUANTILE};

/* Everything that a run with the bundle would publish, in order. */
typedef struct scored {
    alm_buffer text; /* of the means */
    alm_hash bits;   /* of all numbers */
    size_t quantiles;
    size_t nodes;
} scored;

static void add_bits(scored *s, const double *values, size_t count)
{
    alm_hash_update(&s->bits, values, count * sizeof *values);
}

static alm_err add_block(void *context, const alm_forecast_block *block, alm_error *error)
{
    (void)error;
    scored *s = context;
    for (size_t i = 0; i < block->count; i++) {
        const alm_forecast *f = &block->forecasts[i];
        alm_buffer_printf(&s->text, "%s %zu %s %s", block->aggregates ? "node" : "leaf", f->index,
                          alm_class_name(f->class_of_series), f->method);
        for (size_t h = 0; h < block->steps; h++) {
            char number[40];
            alm_double_text(f->mean[h], number);
            alm_buffer_printf(&s->text, " %s", number);
            for (size_t e = 0; e < f->explanation_count[h]; e++) {
                const alm_explanation *line = &f->explanation[h * ALM_EXPLANATIONS_MAX + e];
                alm_hash_update_str(&s->bits, alm_str_of(line->feature));
                add_bits(s, &line->contribution, 1);
            }
        }
        alm_buffer_text(&s->text, "\n");
        add_bits(s, f->mean, block->steps);
        add_bits(s, f->quantile, block->steps * s->quantiles);
        if (f->has_stock) {
            add_bits(s, f->stockout_probability, block->steps);
            add_bits(s, f->shortfall, block->steps);
            add_bits(s, &f->days_to_stockout, 1);
        }
        s->nodes++;
    }
    return ALM_OK;
}

static void must(fixture *f, alm_err code)
{
    if (code != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
}

/* The bundle scored over the synthetic project; the text that expected.txt holds. */
static alm_str score(fixture *f, alm_objects *bundles, const alm_digest *hash,
                     const alm_snapshot *snapshot)
{
    alm_bundle_parts parts;
    alm_encoders encoders;
    must(f, alm_bundle_read(bundles, hash, f->arena, &parts, &f->error));
    must(f, alm_encoders_read(parts.encoders, "encoders.json", f->arena, &encoders, &f->error));
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = fixture_date(SYNTHETIC_END),
                                 .future = SYNTHETIC_HORIZON,
                                 .membership_date = fixture_date(SYNTHETIC_END),
                                 .block_series = 16, .categories = encoders.categories,
                                 .category_count = encoders.count};
    alm_panel_source *source = NULL;
    alm_bundle *bundle = NULL;
    must(f, alm_panel_source_open(&f->env, f->project, f->objects, snapshot, &options, &source,
                                  &f->error));
    must(f, alm_bundle_load(bundles, hash, alm_panel_source_schema(source), &bundle, &f->error));
    scored s = {.quantiles = bundle->method.quantile_count};
    alm_hash_init(&s.bits);
    alm_forecast_sink sink = {add_block, &s};
    alm_pipeline_request request = {.bundle = bundle, .source = source, .scratch = f->root,
                                    .explain = true, .stock = true};
    must(f, alm_pipeline_run(&f->env, &request, &sink, &f->error));
    assert_int_equal(s.nodes, SYNTHETIC_SERIES + 10);
    alm_bundle_destroy(bundle);
    alm_panel_source_close(source);
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest bits = alm_hash_final(&s.bits);
    alm_digest_text(&bits, text);
    alm_buffer_printf(&s.text, "bits %s\n", text);
    return fixture_keep(f->arena, &s.text);
}

static alm_digest train(fixture *f, const golden *g, alm_objects *bundles,
                        const alm_snapshot *snapshot)
{
    alm_model_spec model = f->project->models[0];
    model.marginals = g->marginals;
    alm_train_options options = {.project = f->project, .model = &model,
                                 .snapshot = snapshot, .objects = f->objects,
                                 .project_commit = ALM_STR("golden"), .unregistered = true,
                                 .who = ALM_STR("golden")};
    alm_train_result result;
    must(f, alm_train(&f->env, &options, f->arena, &result, &f->error));
    alm_digest hash;
    alm_digest copy;
    alm_bundle_parts parts;
    assert_true(alm_digest_parse(result.bundle_hash, &hash));
    must(f, alm_bundle_read(f->objects, &hash, f->arena, &parts, &f->error));
    must(f, alm_bundle_save(bundles, &parts, &copy, &f->error));
    assert_memory_equal(&hash, &copy, sizeof hash);
    return hash;
}

static void write_expected(fixture *f, const golden *g, alm_objects *bundles,
                           const alm_snapshot *snapshot)
{
    alm_digest hash = train(f, g, bundles, snapshot);
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&hash, text);
    alm_str scores = score(f, bundles, &hash, snapshot);
    char *all = alm_arena_printf(f->arena, "bundle %s\n" ALM_STR_FMT, text, ALM_STR_ARG(scores));
    must(f, alm_fs_write_all(f->fs, g->expected, alm_str_of(all), &f->error));
}

static void expect_scores(fixture *f, const golden *g)
{
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_objects *bundles = NULL;
    must(f, alm_objects_folder_open(f->fs, g->objects, &bundles, &f->error));
    const char *write = getenv("ALMANAC_GOLDEN_WRITE");
    if (write && strcmp(write, g->format) == 0) {
        write_expected(f, g, bundles, &snapshot);
    }
    alm_str expected;
    must(f, alm_fs_read_all(f->fs, g->expected, 1 << 20, f->arena, &expected, &f->error));
    alm_str rest = expected;
    alm_str first = alm_str_split(&rest, '\n');
    alm_digest hash;
    assert_true(first.size == 7 + 64);
    assert_true(alm_digest_parse((alm_str){first.data + 7, 64}, &hash));
    alm_str got = score(f, bundles, &hash, &snapshot);
    while (rest.size > 0) {
        alm_str want_line = alm_str_split(&rest, '\n');
        alm_str got_line = alm_str_split(&got, '\n');
        if (!alm_str_equal(want_line, got_line)) {
            fail_msg("expected\n" ALM_STR_FMT "\ngot\n" ALM_STR_FMT, ALM_STR_ARG(want_line),
                     ALM_STR_ARG(got_line));
        }
    }
    assert_int_equal(got.size, 0);
    alm_objects_close(bundles);
}

static void scores_as_it_did(void **state)
{
    expect_scores(*state, &FORMAT_1);
}

static void format_2_scores_as_it_did(void **state)
{
    expect_scores(*state, &FORMAT_2);
}

/* Saving its parts again gives the hash that it was released under. */
static void expect_own_hash(fixture *f, const golden *g)
{
    synthetic_open(f, NULL);
    alm_objects *bundles = NULL;
    must(f, alm_objects_folder_open(f->fs, g->objects, &bundles, &f->error));
    alm_str expected;
    must(f, alm_fs_read_all(f->fs, g->expected, 1 << 20, f->arena, &expected, &f->error));
    alm_digest hash;
    alm_digest again;
    alm_bundle_parts parts;
    assert_true(alm_digest_parse((alm_str){expected.data + 7, 64}, &hash));
    must(f, alm_bundle_read(bundles, &hash, f->arena, &parts, &f->error));
    must(f, alm_bundle_save(f->objects, &parts, &again, &f->error));
    assert_memory_equal(&again, &hash, sizeof hash);
    assert_true(alm_str_is(parts.model, "demand"));
    assert_true(parts.mean_model[0].size > 1000);
    bool quantiles = g->marginals == ALM_MARGINALS_QUANTILE;
    assert_true(quantiles == (parts.quantile_model[0][0].size > 1000));
    alm_objects_close(bundles);
}

static void saves_to_its_own_hash(void **state)
{
    expect_own_hash(*state, &FORMAT_1);
}

static void format_2_saves_to_its_own_hash(void **state)
{
    expect_own_hash(*state, &FORMAT_2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scores_as_it_did, synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(saves_to_its_own_hash, synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(format_2_scores_as_it_did, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(format_2_saves_to_its_own_hash, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
