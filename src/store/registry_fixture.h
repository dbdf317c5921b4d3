/* registry_fixture.h: for the tests of the registry and of the ledger only.
 * A fixture holds an open registry with one snapshot and the arena of the test. */
#ifndef ALM_STORE_REGISTRY_FIXTURE_H
#define ALM_STORE_REGISTRY_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/registry_internal.h"

typedef struct fixture {
    alm_registry *registry;
    alm_arena *arena;
    alm_error error;
    char folder[64];
    char path[96];
} fixture;

/* Fails the test with the message when `expression` is not ALM_OK. */
#define OK(f, expression)                                                                          \
    do {                                                                                           \
        alm_error_clear(&(f)->error);                                                              \
        if ((expression) != ALM_OK) {                                                              \
            fail_msg("%s: %s", #expression, (f)->error.message);                                   \
        }                                                                                          \
    } while (0)

/* Fails the test unless `expression` gives `wanted` with `part` in its message. */
#define REFUSED(f, wanted, part, expression)                                                       \
    do {                                                                                           \
        alm_error_clear(&(f)->error);                                                              \
        alm_err refused_code = (expression);                                                       \
        if (refused_code != (wanted) || !strstr((f)->error.message, (part))) {                     \
            fail_msg("%s: code %s, message '%s', wanted %s '%s'", #expression,                     \
                     alm_err_name(refused_code), (f)->error.message, #wanted, (part));             \
        }                                                                                          \
    } while (0)

/* The header knows no test library, so what cannot go wrong in a fixture stops the program. */
static inline void fixture_ok(const fixture *f, alm_err code) {
    if (code != ALM_OK) {
        fprintf(stderr, "fixture: %s\n", f->error.message);
    }
    alm_assert(code == ALM_OK);
}

static inline alm_digest digest_of(const char *text) {
    return alm_hash_bytes(text, strlen(text));
}

static inline alm_snapshot_record fixture_snapshot(const char *content) {
    return (alm_snapshot_record){.id = digest_of(content),
                                 .manifest = ALM_STR("{\"objects\":[]}"),
                                 .sources = ALM_STR("{\"sales\":\"sales.csv\"}"),
                                 .window_start = 100,
                                 .window_end = 200,
                                 .created = 300};
}

static inline void fixture_open(fixture *f) {
    alm_snapshot_record snapshot = fixture_snapshot("snapshot");
    fixture_ok(f, alm_registry_open(f->path, &f->registry, &f->error));
    fixture_ok(f, alm_registry_add_snapshot(f->registry, &snapshot, &f->error));
}

static inline fixture *fixture_allocate(void) {
    void *memory = NULL;
    alm_err code = alm_heap_try(sizeof(fixture), &memory, NULL);
    alm_assert(code == ALM_OK);
    fixture *f = memory;
    f->arena = alm_arena_create(0);
    return f;
}

static inline int fixture_create(void **state) {
    fixture *f = fixture_allocate();
    memcpy(f->path, ":memory:", 9);
    fixture_open(f);
    *state = f;
    return 0;
}

/* The same in a file of its own folder. */
static inline int fixture_create_file(void **state) {
    fixture *f = fixture_allocate();
    memcpy(f->folder, "/tmp/alm_registry_XXXXXX", 25);
    const char *folder = mkdtemp(f->folder);
    alm_assert(folder != NULL);
    snprintf(f->path, sizeof f->path, "%s/registry.db", f->folder);
    fixture_open(f);
    *state = f;
    return 0;
}

static inline int fixture_destroy(void **state) {
    fixture *f = *state;
    alm_registry_close(f->registry);
    alm_arena_destroy(f->arena);
    if (f->folder[0]) {
        unlink(f->path);
        rmdir(f->folder);
    }
    alm_heap_free(f);
    return 0;
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_create, fixture_destroy)
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, fixture_create_file, fixture_destroy)

static inline alm_training_run fixture_training(const char *inputs, const char *bundle,
                                                bool experimental) {
    return (alm_training_run){.id = digest_of(inputs),
                              .inputs = ALM_STR("{\"seed\":1}"),
                              .bundle = digest_of(bundle),
                              .report = ALM_STR("{\"wape\":0.5}"),
                              .experimental = experimental,
                              .who = ALM_STR("anna"),
                              .created = 400};
}

/* Trains and registers a release of model `demand` whose one bundle has the content `bundle`. */
static inline alm_release fixture_release(fixture *f, const char *bundle, bool experimental) {
    alm_training_run run = fixture_training(bundle, bundle, experimental);
    fixture_ok(f, alm_registry_add_training_run(f->registry, &run, &f->error));
    alm_release_member member = {ALM_STR("demand"), run.bundle};
    alm_release_request request = {.model = ALM_STR("demand"),
                                   .members = &member,
                                   .member_count = 1,
                                   .training_run = &run.id,
                                   .experimental = experimental,
                                   .who = ALM_STR("anna"),
                                   .when = 1000,
                                   .why = ALM_STR("trained")};
    alm_release release;
    alm_err code =
        alm_registry_register_release(f->registry, &request, f->arena, &release, &f->error);
    fixture_ok(f, code);
    return release;
}

static inline alm_err fixture_append(fixture *f, alm_ledger_action action, const char *subject,
                                     const char *alias) {
    alm_ledger_note note = {.action = action,
                            .subject = alm_str_of(subject),
                            .alias = alm_str_of(alias),
                            .who = ALM_STR("bert"),
                            .when = 2000,
                            .why = ALM_STR("because")};
    alm_ledger_entry entry;
    return alm_ledger_append(f->registry, &note, f->arena, &entry, &f->error);
}

static inline void fixture_promote(fixture *f, const char *release, const char *alias) {
    fixture_ok(f, fixture_append(f, ALM_LEDGER_COMPARE, release, ""));
    fixture_ok(f, fixture_append(f, ALM_LEDGER_APPROVE, release, ""));
    fixture_ok(f, fixture_append(f, ALM_LEDGER_PROMOTE, release, alias));
}

static inline alm_batch_run fixture_run(const char *id, const char *release) {
    alm_batch_run run = {.run_id = alm_str_of(id),
                         .run_key = alm_str_of(id), /* one key per id is enough here */
                         .schedule = ALM_STR("nightly"),
                         .release = alm_str_of(release),
                         .snapshot = digest_of("snapshot"),
                         .manifest = digest_of(id),
                         .predictions_version = 4,
                         .who = ALM_STR("cron"),
                         .created = 5000};
    alm_date_parse(ALM_STR("2011-12-01"), &run.prediction_date);
    return run;
}

#endif
