/* registry_fixture.h: for the tests of the registry and of the ledger only. A fixture holds an open
 * registry with one snapshot and the arena of the test. */
#ifndef ALM_STORE_REGISTRY_FIXTURE_H
#define ALM_STORE_REGISTRY_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/registry_internal.h"
#include "store/release_fixture.h"

typedef struct fixture {
    alm_registry *registry;
    alm_arena *arena;
    alm_error error;
    char folder[64];
    char path[96];
} fixture;

static inline void fixture_open(fixture *f) {
    alm_snapshot_record snapshot = given_snapshot("snapshot");
    given_ok(&f->error, alm_registry_open(f->path, &f->registry, &f->error));
    given_ok(&f->error, alm_registry_add_snapshot(f->registry, &snapshot, &f->error));
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

/* Trains and registers a release of model `demand` whose one bundle has the content `bundle`. */
static inline alm_release fixture_release(fixture *f, const char *bundle, bool experimental) {
    return given_release(f->registry, f->arena, bundle, experimental);
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
    given_ok(&f->error, fixture_append(f, ALM_LEDGER_COMPARE, release, ""));
    given_ok(&f->error, fixture_append(f, ALM_LEDGER_APPROVE, release, ""));
    given_ok(&f->error, fixture_append(f, ALM_LEDGER_PROMOTE, release, alias));
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
