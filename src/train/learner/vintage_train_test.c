#include "train/train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "train/learner/vintage_fixture.h"

enum { NEVER = SYNTHETIC_DAYS + 1, FIRST_SCORED = 131 /* origins 131, 138 and 145 */ };
#define COMMIT "0123456789012345678901234567890123456789"

static bool prompt(int series, int day, int k, vintage_row *out)
{
    return vintage_prompt(series, day, k, 0, out);
}

static bool two_days_late(int series, int day, int k, vintage_row *out)
{
    return vintage_prompt(series, day, k, 2, out);
}

/* On the last day all days up to the first scored origin become a thousand times as much: what was
 * seen at every origin, and the outcomes of the records that the choices are made from. */
static bool poisoned(int series, int day, int k, vintage_row *out)
{
    bool first = vintage_prompt(series, day, k, 0, out);
    if (k == 1) {
        *out = (vintage_row){1000 * out->units, SYNTHETIC_DAYS};
    }
    return first || (k == 1 && series > 0 && day <= FIRST_SCORED);
}

typedef struct trained {
    alm_bundle_parts parts;
    alm_json_document *report;
} trained;

static trained train(fixture *f)
{
    trained t = {0};
    alm_digest hash;
    alm_train_result result = {0};
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_train_options options = {.project = f->project, .model = &f->project->models[0],
                                 .snapshot = &snapshot, .objects = f->objects,
                                 .project_commit = ALM_STR(COMMIT), .unregistered = true,
                                 .who = ALM_STR("ann"), .why = ALM_STR("test")};
    size_t held = alm_heap_held_bytes();
    alm_arena *arena = alm_arena_create(0);
    alm_err code = alm_train(&f->env, &options, arena, &result, &f->error);
    if (code != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
    assert_true(alm_digest_parse(result.bundle_hash, &hash));
    alm_arena_destroy(arena);
    assert_int_equal(alm_heap_held_bytes(), held);
    assert_int_equal(alm_bundle_read(f->objects, &hash, f->arena, &t.parts, &f->error), ALM_OK);
    assert_int_equal(alm_json_parse(t.parts.report, "report.json", &t.report, &f->error), ALM_OK);
    return t;
}

static bool is_listed(alm_str key, const char *const *list)
{
    while (*list && !alm_str_is(key, *list)) {
        list++;
    }
    return *list != NULL;
}

static void expect_same(const alm_json *a, const alm_json *b, const char *const *but,
                        size_t *compared)
{
    assert_int_equal(alm_json_kind_of(a), alm_json_kind_of(b));
    assert_int_equal(alm_json_count(a), alm_json_count(b));
    bool object = alm_json_kind_of(a) == ALM_JSON_OBJECT;
    for (size_t i = 0; i < alm_json_count(a); i++) {
        alm_str key = {0};
        alm_str other = {0};
        const alm_json *x = object ? alm_json_member_at(a, i, &key) : alm_json_at(a, i);
        const alm_json *y = object ? alm_json_member_at(b, i, &other) : alm_json_at(b, i);
        assert_true(alm_str_equal(key, other));
        if (!is_listed(key, but)) {
            expect_same(x, y, but, compared);
        }
    }
    double u = NAN;
    double v = NAN;
    if (alm_json_as_double(a, &u) && alm_json_as_double(b, &v)) {
        assert_true(u == v);
        (*compared)++;
    }
}

/* Forests, choices, calibrations and baselines at the scored origins do not see what was restated
 * after them, so every figure is the same that is not divided by a scale, which is final. The
 * bundle itself was made after the restatement and is another. */
static void later_vintages_move_no_score(void **state)
{
    fixture *f = *state;
    vintage_open(f, prompt, 0, NEVER, true);
    trained before = train(f);
    vintage_open(f, poisoned, 0, NEVER, true);
    trained after = train(f);
    static const char *const BUT[] = {"rmsse", "mase", "weight", "weights", "importance",
                                      "snapshot_id", NULL};
    size_t compared = 0;
    expect_same(alm_json_root(before.report), alm_json_root(after.report), BUT, &compared);
    assert_true(compared > 500);
    assert_false(alm_str_equal(before.parts.mean_model[0], after.parts.mean_model[0]));
    assert_false(alm_str_equal(before.parts.method, after.parts.method));
    alm_json_document_destroy(before.report);
    alm_json_document_destroy(after.report);
}

/* A column `known_at` that says what the publication delay says changes not one bit. */
static void without_restatements_nothing_changes(void **state)
{
    fixture *f = *state;
    trained t[2];
    for (int known_at = 0; known_at < 2; known_at++) {
        vintage_open(f, two_days_late, 2, NEVER, known_at);
        assert_int_equal(alm_panel_restates(f->project), known_at);
        t[known_at] = train(f);
    }
    static const char *const BUT[] = {"snapshot_id", NULL};
    size_t compared = 0;
    assert_true(alm_str_equal(t[0].parts.mean_model[0], t[1].parts.mean_model[0]));
    assert_true(alm_str_equal(t[0].parts.method, t[1].parts.method));
    assert_true(alm_str_equal(t[0].parts.encoders, t[1].parts.encoders));
    expect_same(alm_json_root(t[0].report), alm_json_root(t[1].report), BUT, &compared);
    assert_true(compared > 500);
    alm_json_document_destroy(t[0].report);
    alm_json_document_destroy(t[1].report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(later_vintages_move_no_score, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(without_restatements_nothing_changes, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
