#include "batch/rebuild.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "train/signal/signal_desk_fixture.h"

static void train(desk *d)
{
    alm_train_result result = {0};
    assert_int_equal(alm_train(&d->f->env, &d->options, d->f->arena, &result, &d->f->error),
                     ALM_OK);
    assert_true(alm_str_is(result.release, "swing-1"));
}

static alm_err rebuild(desk *d, const alm_project *project, const char *commit,
                       alm_rebuild_result *out)
{
    alm_rebuild_options options = {.project = project,
                                   .objects = d->f->objects,
                                   .registry = d->registry,
                                   .release = ALM_STR("swing-1"),
                                   .project_commit = alm_str_of(commit),
                                   .who = ALM_STR("bob")};
    d->f->error = (alm_error){0};
    return alm_rebuild(&d->f->env, &options, d->f->arena, out, &d->f->error);
}

/* On another number of threads, and with other bars in the file: only the snapshot counts. */
static void the_same_bundle_comes_out(void **state)
{
    desk d;
    alm_rebuild_result result = {0};
    alm_release *releases = NULL;
    size_t count = 0;
    desk_open(*state, DESK_YAML, &d);
    train(&d);
    desk_put_bars(d.f, 99);
    assert_int_equal(alm_pool_create(2, &d.f->pool, &d.f->error), ALM_OK);
    d.f->env.pool = d.f->pool;
    assert_int_equal(rebuild(&d, d.f->project, "c0ffee", &result), ALM_OK);
    assert_true(result.identical);
    assert_true(alm_str_is(result.release, "swing-1"));
    assert_int_equal(alm_registry_list_releases(d.registry, ALM_STR(""), d.f->arena, &releases,
                                                &count, &d.f->error), ALM_OK);
    assert_int_equal(count, 1);
    alm_registry_close(d.registry);
}

static void other_inputs_are_refused(void **state)
{
    static const struct {
        const char *old, *new, *commit, *message;
    } cases[] = {
        {"", "", "beef", "the project's commit is not the recorded one"},
        {"", "", "", "the project folder has uncommitted changes"},
        {"trees: 5", "trees: 6", "c0ffee", "the definition of the model or of its features is "
         "not the recorded one"},
        {"  swing:", "  drift:", "c0ffee", "almanac.yaml has no signal swing any more"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        desk d;
        alm_rebuild_result result = {0};
        desk_open(f, DESK_YAML, &d);
        train(&d);
        const char *at = strstr(DESK_YAML, cases[i].old);
        alm_buffer text = {0};
        alm_buffer_append(&text, DESK_YAML, (size_t)(at - DESK_YAML));
        alm_buffer_text(&text, cases[i].new);
        alm_buffer_text(&text, at + strlen(cases[i].old));
        fixture_open(f, text.data);
        alm_buffer_deinit(&text);
        assert_int_equal(rebuild(&d, f->project, cases[i].commit, &result), ALM_ERR_CONFLICT);
        if (!strstr(f->error.message, cases[i].message)) {
            print_error("%s\n", f->error.message);
        }
        assert_non_null(strstr(f->error.message, cases[i].message));
        alm_registry_close(d.registry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_bundle_comes_out, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(other_inputs_are_refused, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
