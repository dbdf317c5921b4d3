/* lookahead_test.c: no feature of the example project sees past its origin.
 *
 * For several cutoffs: the features of a panel that ends there (what was known then) must be, bit
 * for bit, those of the whole panel (cut test), also when everything observed after the cutoff is
 * replaced by nonsense (poison test). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "project/panel_source.h"
#include "project/project_fixture.h"

enum { STEPS = 28, SERIES_SAMPLED = 400 };

typedef struct retail {
    fixture *f;
    alm_snapshot snapshot;
    alm_panel_source *whole;
    alm_panel panel; /* all series in one block */
    alm_feature_plan *plan;
    size_t width;
} retail;

static void open_panel(retail *r, alm_date end, alm_panel_source **source, alm_panel *panel)
{
    size_t count = 0;
    const alm_categories *categories =
        r->whole ? alm_panel_source_categories(r->whole, &count) : NULL;
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = end, .future = STEPS,
                                 .membership_date = r->snapshot.end, .block_series = 100000,
                                 .categories = categories, .category_count = count};
    fixture *f = r->f;
    alm_err code = alm_panel_source_open(&f->env, f->project, f->objects, &r->snapshot, &options,
                                         source, &f->error);
    if (code != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
    assert_int_equal(alm_panel_source_next(*source, f->arena, panel, &f->error), ALM_OK);
    assert_int_equal(panel->series_count, alm_panel_source_series(*source));
}

static void open_retail(fixture *f, retail *r)
{
    *r = (retail){.f = f};
    assert_int_equal(alm_project_open(&f->env, "examples/retail", &f->project, &f->error), ALM_OK);
    f->project->state = alm_path_join(f->arena, f->root, "state"); /* leave the example alone */
    const char *objects = alm_path_join(f->arena, f->project->state, "objects");
    assert_int_equal(alm_fs_make_directories(f->fs, f->project->state, &f->error), ALM_OK);
    assert_int_equal(alm_objects_folder_open(f->fs, objects, &f->objects, &f->error), ALM_OK);
    assert_int_equal(fixture_take(f, "2010-12-01", "2011-11-12", &r->snapshot), ALM_OK);
    open_panel(r, ALM_DATE_NONE, &r->whole, &r->panel);
    const alm_project *p = f->project;
    assert_int_equal(alm_feature_plan_compile(p->features, p->feature_count, p->models[0].blocks,
                                              p->models[0].block_count,
                                              alm_panel_source_schema(r->whole), &r->plan,
                                              &f->error), ALM_OK);
    r->width = alm_feature_plan_width(r->plan);
    assert_int_equal(r->width, p->feature_count);
}

/* The number in the whole panel of a series of a panel that ends earlier. Both are sorted. */
static size_t match(const retail *r, const alm_panel *cut, size_t series, size_t from)
{
    for (size_t i = from; i < r->panel.series_count; i++) {
        bool same = true;
        for (size_t k = 0; same && k < cut->key_count; k++) {
            same = alm_str_equal(cut->keys[series * cut->key_count + k],
                                 r->panel.keys[i * cut->key_count + k]);
        }
        if (same) {
            return i;
        }
    }
    fail_msg("series %zu is not in the whole panel", series);
    return 0;
}

static void features_at(const retail *r, const alm_panel *panel, size_t series, size_t origin,
                        double *out)
{
    alm_feature_row rows[STEPS];
    for (uint32_t h = 0; h < STEPS; h++) {
        rows[h] = (alm_feature_row){(uint32_t)origin, h + 1, 1.5};
    }
    alm_arena *scratch = alm_arena_create(0);
    assert_int_equal(alm_feature_rows(r->plan, panel, series, rows, STEPS, out, r->width, scratch,
                                      &r->f->error), ALM_OK);
    alm_arena_destroy(scratch);
}

static void expect_same(const retail *r, const double *want, const double *got, size_t series,
                        size_t origin, const char *what)
{
    for (size_t i = 0; i < STEPS * r->width; i++) {
        if (memcmp(&want[i], &got[i], sizeof want[i]) != 0) {
            fail_msg("%s: feature %s of series %zu at origin %zu, step %zu: %.17g became %.17g",
                     what, alm_feature_plan_name(r->plan, i % r->width), series, origin,
                     i / r->width + 1, want[i], got[i]);
        }
    }
}

/* Everything that is not known in advance, from period `from` on. */
static void poison(const alm_panel *panel, size_t from, double value)
{
    for (size_t c = 0; c < panel->column_count; c++) {
        const alm_panel_column *column = &panel->columns[c];
        for (size_t i = 0; column->role == ALM_ROLE_OBSERVED && i < panel->series_count; i++) {
            size_t row = column->row_of_series ? column->row_of_series[i] : i;
            for (size_t t = from; t < panel->periods; t++) {
                ((double *)column->values)[row * column->stride + t] = value;
            }
        }
    }
    for (size_t i = 0; i < panel->series_count; i++) {
        for (size_t t = from; t < panel->periods; t++) {
            ((uint8_t *)panel->state)[i * panel->periods + t] =
                isnan(value) ? ALM_PERIOD_STOCKOUT : ALM_PERIOD_OBSERVED;
        }
    }
}

/* Newest cutoff first: the poison of one then lies behind the next, where it belongs. */
static void no_feature_sees_past_its_origin(void **state)
{
    retail r;
    open_retail(*state, &r);
    static const size_t CUTS[] = {330, 289, 201, 97, 31};
    static const double POISONS[] = {1e9, -1e9, NAN};
    size_t finite = 0;
    double *want = ALM_NEW_ARRAY(r.f->arena, double, STEPS * r.width);
    double *got = ALM_NEW_ARRAY(r.f->arena, double, STEPS * r.width);
    for (size_t c = 0; c < sizeof CUTS / sizeof CUTS[0]; c++) {
        size_t origin = CUTS[c] - 1;
        alm_panel_source *source = NULL;
        alm_panel cut;
        open_panel(&r, r.snapshot.start + (alm_date)CUTS[c], &source, &cut);
        assert_int_equal(cut.periods, CUTS[c]);
        alm_rng rng = alm_rng_stream(12, c);
        for (int pass = 0; pass < 4; pass++) { /* cut, then poisons on the whole panel */
            if (pass) {
                poison(&r.panel, CUTS[c], POISONS[pass - 1]);
            }
            size_t stride = cut.series_count / SERIES_SAMPLED + 1;
            size_t at = 0;
            for (size_t i = alm_rng_next_below(&rng, stride); i < cut.series_count; i += stride) {
                at = match(&r, &cut, i, at);
                features_at(&r, &cut, i, origin, want);
                features_at(&r, &r.panel, at, origin, got);
                expect_same(&r, want, got, at, origin, pass ? "poisoned" : "cut");
                for (size_t k = 0; k < STEPS * r.width; k++) {
                    finite += isfinite(want[k]);
                }
            }
        }
        alm_panel_source_close(source);
    }
    assert_true(finite > 1000000); /* it was not a comparison of missing values */

    /* The test can fail: the poison does reach the features of a later origin. */
    features_at(&r, &r.panel, 7, 100, got);
    poison(&r.panel, 60, 5);
    features_at(&r, &r.panel, 7, 100, want);
    assert_memory_not_equal(want, got, STEPS * r.width * sizeof *want);
    alm_feature_plan_destroy(r.plan);
    alm_panel_source_close(r.whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_feature_sees_past_its_origin, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
