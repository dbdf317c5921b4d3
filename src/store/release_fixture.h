/* release_fixture.h: what a registry holds before a test begins, and how a test asks it. Shared by
 * the tests of the store and of the readers above it; only tests and their fixtures include it. */
#ifndef ALM_STORE_RELEASE_FIXTURE_H
#define ALM_STORE_RELEASE_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "store/ledger.h"
#include "store/registry.h"

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
static inline void given_ok(const alm_error *error, alm_err code) {
    if (code != ALM_OK) {
        fprintf(stderr, "fixture: %s\n", error->message);
    }
    alm_assert(code == ALM_OK);
}

static inline alm_digest digest_of(const char *text) {
    return alm_hash_bytes(text, strlen(text));
}

static inline alm_snapshot_record given_snapshot(const char *content) {
    return (alm_snapshot_record){.id = digest_of(content),
                                 .manifest = ALM_STR("{\"objects\":[]}"),
                                 .sources = ALM_STR("{\"sales\":\"sales.csv\"}"),
                                 .window_start = 100,
                                 .window_end = 200,
                                 .created = 300};
}

static inline alm_training_run given_training(const char *inputs, const char *bundle,
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
static inline alm_release given_release(alm_registry *registry, alm_arena *arena,
                                        const char *bundle, bool experimental) {
    alm_error error = {0};
    alm_training_run run = given_training(bundle, bundle, experimental);
    given_ok(&error, alm_registry_add_training_run(registry, &run, &error));
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
    given_ok(&error, alm_registry_register_release(registry, &request, arena, &release, &error));
    return release;
}

#endif
