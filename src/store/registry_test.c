#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "base/thread.h"
#include "store/registry_fixture.h"

/* ---- the file ---- */

static void a_registry_outlives_its_connection(void **state) {
    fixture *f = *state;
    fixture_release(f, "bundle", false);
    alm_registry_close(f->registry);
    f->registry = NULL;
    OK(f, alm_registry_open(f->path, &f->registry, &f->error));
    alm_release release;
    OK(f, alm_registry_get_release(f->registry, ALM_STR("demand-1"), f->arena, &release,
                                   &f->error));
    assert_true(alm_str_is(release.name, "demand-1"));
    alm_registry_close(NULL);
}

static void a_newer_schema_is_refused(void **state) {
    fixture *f = *state;
    OK(f, almi_sql_execute(f->registry->sql, "PRAGMA user_version=7", &f->error));
    alm_registry *again = NULL;
    REFUSED(f, ALM_ERR_UNSUPPORTED,
            "its schema version is 7, this almanac knows up to 1; use the newer almanac",
            alm_registry_open(f->path, &again, &f->error));
    OK(f, almi_sql_execute(f->registry->sql, "PRAGMA user_version=0", &f->error));
    REFUSED(f, ALM_ERR_CORRUPT, "schema version 0 does not exist",
            alm_registry_open(f->path, &again, &f->error));
    OK(f, almi_sql_execute(f->registry->sql, "PRAGMA application_id=5", &f->error));
    REFUSED(f, ALM_ERR_CORRUPT, "a database of another program",
            alm_registry_open(f->path, &again, &f->error));
    assert_null(again);
}

static void other_files_are_refused(void **state) {
    fixture *f = *state;
    alm_registry *again = NULL;
    char path[120];
    snprintf(path, sizeof path, "%s/notes.txt", f->folder);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 200; i++) {
        fputs("this is not a database\n", file);
    }
    fclose(file);
    REFUSED(f, ALM_ERR_CORRUPT, "file is not a database; choose the registry",
            alm_registry_open(path, &again, &f->error));
    unlink(path);
    snprintf(path, sizeof path, "%s/missing/registry.db", f->folder);
    REFUSED(f, ALM_ERR_IO, "its folder must be there and be writable",
            alm_registry_open(path, &again, &f->error));
    REFUSED(f, ALM_ERR_INVALID, "is empty", alm_registry_open("", &again, &f->error));
    assert_null(again);
}

static void a_lost_process_leaves_nothing(void **state) {
    fixture *f = *state;
    pid_t child = fork();
    if (child == 0) {
        alm_registry *registry = NULL;
        bool begun = alm_registry_open(f->path, &registry, NULL) == ALM_OK &&
                     almi_sql_begin(registry->sql, NULL) == ALM_OK &&
                     almi_sql_execute(registry->sql,
                                      "INSERT INTO models(name, created) VALUES('lost', 1)",
                                      NULL) == ALM_OK;
        _exit(begun ? 7 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    /* The name would be taken if the half transaction had stayed. */
    OK(f, almi_sql_execute(f->registry->sql, "INSERT INTO models(name, created) VALUES('lost', 2)",
                           &f->error));
}

static void a_locked_registry_is_a_conflict(void **state) {
    fixture *f = *state;
    alm_registry *other = NULL;
    OK(f, alm_registry_open(f->path, &other, &f->error));
    OK(f, almi_sql_execute(other->sql, "PRAGMA busy_timeout=1", &f->error));
    OK(f, almi_sql_begin(f->registry->sql, &f->error));
    alm_snapshot_record snapshot = given_snapshot("second");
    REFUSED(f, ALM_ERR_CONFLICT, "database is locked; another process holds it",
            alm_registry_add_snapshot(other, &snapshot, &f->error));
    OK(f, almi_sql_end(f->registry->sql, ALM_OK, &f->error));
    OK(f, alm_registry_add_snapshot(other, &snapshot, &f->error));
    alm_registry_close(other);
}

typedef struct waiting { /* for a registry that another connection holds */
    alm_registry *registry;
    struct timespec got;
} waiting;

static void read_it(void *context) {
    waiting *w = context;
    alm_err code = almi_sql_execute(w->registry->sql, "SELECT count(*) FROM ledger", NULL);
    alm_assert(code == ALM_OK);
    clock_gettime(CLOCK_MONOTONIC, &w->got);
}

/* How long after the lock was given up the other one has read, in milliseconds. */
static double read_after_lock(fixture *f, waiting *w) {
    const struct timespec held = {.tv_nsec = 240000000};
    struct timespec freed;
    alm_thread *thread = NULL;
    OK(f, almi_sql_execute(f->registry->sql, "BEGIN EXCLUSIVE", &f->error));
    OK(f, alm_thread_start("reader", read_it, w, &thread, &f->error));
    nanosleep(&held, NULL);
    OK(f, almi_sql_execute(f->registry->sql, "COMMIT", &f->error));
    clock_gettime(CLOCK_MONOTONIC, &freed);
    alm_thread_join(thread);
    return 1e3 * (double)(w->got.tv_sec - freed.tv_sec) +
           1e-6 * (double)(w->got.tv_nsec - freed.tv_nsec);
}

/* A busy machine may take any time once, so most of several count; SQLite's own waiting needs 90 ms
 * here, and on a busy machine any time up to 100. */
static void who_waits_for_a_lock_is_there_soon(void **state) {
    fixture *f = *state;
    waiting w = {0};
    int soon = 0;
    OK(f, alm_registry_open(f->path, &w.registry, &f->error));
    for (int i = 0; i < 9; i++) {
        soon += read_after_lock(f, &w) < 25;
    }
    assert_true(soon >= 5);
    alm_registry_close(w.registry);
}

static void rows_cannot_be_changed(void **state) {
    fixture *f = *state;
    fixture_release(f, "bundle", false);
    alm_batch_run run = fixture_run("r1", "demand-1");
    OK(f, alm_registry_add_batch_run(f->registry, &run, &f->error));
    static const char *const columns[][2] = {
        {"models", "created"},        {"snapshots", "manifest"}, {"training_runs", "report"},
        {"releases", "experimental"}, {"ledger", "why"},         {"batch_runs", "reason"},
        {"release_members", "bundle"}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        char text[200];
        char message[100];
        snprintf(message, sizeof message, "%s is insert-only: UPDATE refused", columns[i][0]);
        snprintf(text, sizeof text, "UPDATE %s SET %s = '0'", columns[i][0], columns[i][1]);
        REFUSED(f, ALM_ERR_DENIED, message,
                almi_sql_execute(f->registry->sql, text, &f->error));
        snprintf(message, sizeof message, "%s is insert-only: DELETE refused", columns[i][0]);
        snprintf(text, sizeof text, "DELETE FROM %s", columns[i][0]);
        REFUSED(f, ALM_ERR_DENIED, message,
                almi_sql_execute(f->registry->sql, text, &f->error));
        snprintf(text, sizeof text, "INSERT OR REPLACE INTO %s SELECT * FROM %s", columns[i][0],
                 columns[i][0]);
        REFUSED(f, ALM_ERR_DENIED, "is insert-only",
                almi_sql_execute(f->registry->sql, text, &f->error));
    }
}

/* ---- snapshots, feature versions, training runs ---- */

static void snapshots_are_added_once(void **state) {
    fixture *f = *state;
    alm_snapshot_record record = given_snapshot("second");
    OK(f, alm_registry_add_snapshot(f->registry, &record, &f->error));
    OK(f, alm_registry_add_snapshot(f->registry, &record, &f->error));
    alm_snapshot_record *all;
    size_t count = 0;
    OK(f, alm_registry_list_snapshots(f->registry, f->arena, &all, &count, &f->error));
    assert_int_equal(count, 2);
    assert_true(alm_digest_equal(&all[1].id, &record.id));
    alm_snapshot_record back;
    OK(f, alm_registry_get_snapshot(f->registry, &record.id, f->arena, &back, &f->error));
    assert_true(alm_str_equal(back.manifest, record.manifest));
    assert_true(alm_str_equal(back.sources, record.sources));
    assert_true(back.window_start == 100 && back.window_end == 200 && back.created == 300);

    record.manifest = ALM_STR("{\"objects\":[1]}");
    REFUSED(f, ALM_ERR_CONFLICT, "is recorded with another manifest",
            alm_registry_add_snapshot(f->registry, &record, &f->error));
    record.manifest = ALM_STR("[]");
    REFUSED(f, ALM_ERR_INVALID, "manifest of the snapshot must be a JSON object",
            alm_registry_add_snapshot(f->registry, &record, &f->error));
    record.window_end = record.window_start;
    REFUSED(f, ALM_ERR_INVALID, "its window is empty",
            alm_registry_add_snapshot(f->registry, &record, &f->error));
    alm_digest unknown = digest_of("unknown");
    REFUSED(f, ALM_ERR_NOT_FOUND, "no snapshot b23a6a8439c0dde5515893e7c90c1e3233b8616e634470f2",
            alm_registry_get_snapshot(f->registry, &unknown, f->arena, &back, &f->error));
}

static void feature_versions_are_added_once(void **state) {
    fixture *f = *state;
    alm_feature_version_record record = {digest_of("features"), ALM_STR("{\"lags\":[7]}"), 9};
    OK(f, alm_registry_add_feature_version(f->registry, &record, &f->error));
    OK(f, alm_registry_add_feature_version(f->registry, &record, &f->error));
    alm_feature_version_record back;
    OK(f, alm_registry_get_feature_version(f->registry, &record.id, f->arena, &back, &f->error));
    assert_true(alm_str_is(back.definition, "{\"lags\":[7]}") && back.created == 9);
    record.definition = ALM_STR("{\"lags\":[8]}");
    REFUSED(f, ALM_ERR_CONFLICT, "is recorded with another definition",
            alm_registry_add_feature_version(f->registry, &record, &f->error));
    record.id = digest_of("other");
    REFUSED(f, ALM_ERR_NOT_FOUND, "no feature version",
            alm_registry_get_feature_version(f->registry, &record.id, f->arena, &back, &f->error));
}

static void equal_inputs_must_give_equal_bundles(void **state) {
    fixture *f = *state;
    alm_training_run run = given_training("inputs", "bundle", true);
    OK(f, alm_registry_add_training_run(f->registry, &run, &f->error));
    OK(f, alm_registry_add_training_run(f->registry, &run, &f->error));
    alm_training_run back;
    OK(f, alm_registry_get_training_run(f->registry, &run.id, f->arena, &back, &f->error));
    assert_true(back.experimental && alm_str_is(back.who, "anna") && back.created == 400);
    assert_true(alm_digest_equal(&back.bundle, &run.bundle));
    assert_true(alm_str_is(back.report, "{\"wape\":0.5}"));

    run.bundle = digest_of("other");
    REFUSED(f, ALM_ERR_CONFLICT, "equal inputs must give equal bytes",
            alm_registry_add_training_run(f->registry, &run, &f->error));
    /* A clean run is another record, and the one that is found. */
    run.experimental = false;
    OK(f, alm_registry_add_training_run(f->registry, &run, &f->error));
    OK(f, alm_registry_get_training_run(f->registry, &run.id, f->arena, &back, &f->error));
    assert_true(!back.experimental && alm_digest_equal(&back.bundle, &run.bundle));
    run.inputs = ALM_STR("{\"seed\":2}");
    REFUSED(f, ALM_ERR_CONFLICT, "is recorded with other inputs",
            alm_registry_add_training_run(f->registry, &run, &f->error));
    run.who = ALM_STR(" ");
    REFUSED(f, ALM_ERR_INVALID, "'who started the training run' is blank",
            alm_registry_add_training_run(f->registry, &run, &f->error));
    run.inputs = ALM_STR("{\"seed\":2,}");
    REFUSED(f, ALM_ERR_INVALID, "inputs of the training run:1:",
            alm_registry_add_training_run(f->registry, &run, &f->error));
}

/* ---- releases ---- */

static void releases_are_numbered_and_idempotent(void **state) {
    fixture *f = *state;
    alm_release first = fixture_release(f, "one", false);
    alm_release second = fixture_release(f, "two", false);
    alm_release again = fixture_release(f, "one", false);
    assert_true(alm_str_is(first.name, "demand-1") && first.version == 1);
    assert_true(alm_str_is(second.name, "demand-2") && second.version == 2);
    assert_true(alm_str_is(again.name, "demand-1"));
    assert_true(alm_digest_equal(&again.hash, &first.hash));
    assert_int_equal(again.member_count, 1);
    assert_true(alm_str_is(again.members[0].role, "demand"));
    alm_ledger_head head;
    OK(f, alm_ledger_get_head(f->registry, &head, &f->error));
    assert_int_equal(head.seq, 2); /* the repetition wrote nothing */
    alm_training_run run;
    OK(f, alm_registry_training_run_of(f->registry, ALM_STR("demand-2"), f->arena, &run,
                                       &f->error));
    alm_digest id = digest_of("two");
    assert_true(alm_digest_equal(&run.id, &id));
    alm_release *all;
    size_t count = 0;
    OK(f, alm_registry_list_releases(f->registry, ALM_STR("demand"), f->arena, &all, &count,
                                     &f->error));
    assert_int_equal(count, 2);
    assert_true(alm_str_is(all[1].name, "demand-2") && all[1].member_count == 1);
    OK(f, alm_registry_list_releases(f->registry, ALM_STR("other"), f->arena, &all, &count,
                                     &f->error));
    assert_int_equal(count, 0);
}

static void a_clean_release_stands_beside_an_experimental_one(void **state) {
    fixture *f = *state;
    alm_release experimental = fixture_release(f, "same", true);
    alm_release clean = fixture_release(f, "same", false);
    alm_release later = fixture_release(f, "same", true);
    assert_true(alm_str_is(experimental.name, "demand-1") && experimental.experimental);
    assert_true(alm_str_is(clean.name, "demand-2") && !clean.experimental);
    assert_true(alm_str_is(later.name, "demand-2"));
}

/* Generator: hashlib.sha256 over s(b"almanac release 1") + struct.pack("<Q", 2) + s(b"demand") +
 * sha256(b"x").digest() + s(b"stockout") + sha256(b"y").digest(), where s(t) is
 * struct.pack("<Q", len(t)) + t; Python 3.11. */
static void release_hash_does_not_depend_on_order(void **state) {
    fixture *f = *state;
    alm_release_member members[2] = {{ALM_STR("stockout"), digest_of("y")},
                                     {ALM_STR("demand"), digest_of("x")}};
    static const char golden[] =
        "933a29c5ea6addcb3ba26e48c0bed5de603706fcee713a86e6d98fd645b7712b";
    char text[ALM_DIGEST_TEXT_BYTES];
    for (int i = 0; i < 2; i++) {
        alm_digest hash = alm_release_hash(members, 2, f->arena);
        alm_digest_text(&hash, text);
        assert_string_equal(text, golden);
        alm_release_member swap = members[0];
        members[0] = members[1];
        members[1] = swap;
    }
    members[0].bundle = digest_of("z");
    alm_digest hash = alm_release_hash(members, 2, f->arena);
    alm_digest_text(&hash, text);
    assert_string_not_equal(text, golden);
}

static void bad_registrations_are_refused(void **state) {
    fixture *f = *state;
    alm_digest run = digest_of("not recorded");
    alm_release_member members[2] = {{ALM_STR("demand"), digest_of("x")},
                                     {ALM_STR("demand"), digest_of("y")}};
    alm_release_request request = {.model = ALM_STR("demand"),
                                   .members = members,
                                   .member_count = 1,
                                   .training_run = &run,
                                   .who = ALM_STR("anna"),
                                   .why = ALM_STR("trained")};
    alm_release out;
    REFUSED(f, ALM_ERR_NOT_FOUND, "no clean training run",
            alm_registry_register_release(f->registry, &request, f->arena, &out, &f->error));
    request.member_count = 2;
    REFUSED(f, ALM_ERR_INVALID, "the role 'demand' is given to two bundles",
            alm_registry_register_release(f->registry, &request, f->arena, &out, &f->error));
    request.member_count = 0;
    REFUSED(f, ALM_ERR_INVALID, "it has no bundle",
            alm_registry_register_release(f->registry, &request, f->arena, &out, &f->error));
    request.member_count = 1;
    request.training_run = NULL;
    REFUSED(f, ALM_ERR_INVALID, "a trained one needs its training run",
            alm_registry_register_release(f->registry, &request, f->arena, &out, &f->error));
    request.training_run = &run;
    request.origin = ALM_RELEASE_IMPORTED;
    REFUSED(f, ALM_ERR_INVALID, "an imported one has no training run",
            alm_registry_register_release(f->registry, &request, f->arena, &out, &f->error));
    request.training_run = NULL;
    request.model = ALM_STR("a/b");
    REFUSED(f, ALM_ERR_INVALID, "model name 'a/b'",
            alm_registry_register_release(f->registry, &request, f->arena, &out, &f->error));
    request.model = ALM_STR("imported");
    request.why = ALM_STR("");
    REFUSED(f, ALM_ERR_INVALID, "register of imported-1 must say who and why: 'why' is blank",
            alm_registry_register_release(f->registry, &request, f->arena, &out, &f->error));
    alm_release *all;
    size_t count = 1;
    OK(f, alm_registry_list_releases(f->registry, ALM_STR(""), f->arena, &all, &count, &f->error));
    assert_int_equal(count, 0); /* the last one failed behind its insert, which was undone */

    request.why = ALM_STR("brought along");
    OK(f, alm_registry_register_release(f->registry, &request, f->arena, &out, &f->error));
    assert_true(alm_str_is(out.name, "imported-1") && !out.has_training_run);
    alm_training_run training;
    REFUSED(f, ALM_ERR_NOT_FOUND, "imported-1 was imported, not trained here",
            alm_registry_training_run_of(f->registry, out.name, f->arena, &training, &f->error));
    request.model = ALM_STR("other");
    REFUSED(f, ALM_ERR_EXISTS, "registered already, as imported-1 of another model",
            alm_registry_register_release(f->registry, &request, f->arena, &out, &f->error));
}

static void names_and_aliases_resolve(void **state) {
    fixture *f = *state;
    alm_release out;
    REFUSED(f, ALM_ERR_NOT_FOUND, "no model version or alias 'x'; known: none yet",
            alm_registry_resolve(f->registry, ALM_STR("x"), f->arena, &out, &f->error));
    fixture_release(f, "one", false);
    fixture_release(f, "two", false);
    fixture_promote(f, "demand-1", "production");
    OK(f, alm_registry_resolve(f->registry, ALM_STR("demand-2"), f->arena, &out, &f->error));
    assert_true(alm_str_is(out.name, "demand-2"));
    OK(f, alm_registry_resolve(f->registry, ALM_STR("production"), f->arena, &out, &f->error));
    assert_true(alm_str_is(out.name, "demand-1") && out.member_count == 1);
    fixture_promote(f, "demand-2", "production");
    OK(f, alm_registry_resolve(f->registry, ALM_STR("production"), f->arena, &out, &f->error));
    assert_true(alm_str_is(out.name, "demand-2"));

    REFUSED(f, ALM_ERR_NOT_FOUND,
            "no model version or alias 'x'; known: production (demand-2), demand-2, demand-1",
            alm_registry_resolve(f->registry, ALM_STR("x"), f->arena, &out, &f->error));
    REFUSED(f, ALM_ERR_NOT_FOUND, "no model version or alias 'production'; known:",
            alm_registry_get_release(f->registry, ALM_STR("production"), f->arena, &out,
                                     &f->error));
    REFUSED(f, ALM_ERR_INVALID,
            "there is no 'latest': nothing is implicit, name a model version or an alias; known: "
            "production (demand-2), demand-2, demand-1",
            alm_registry_resolve(f->registry, ALM_STR("latest"), f->arena, &out, &f->error));
    REFUSED(f, ALM_ERR_INVALID, "no model version is named: nothing is implicit",
            alm_registry_resolve(f->registry, ALM_STR(""), f->arena, &out, &f->error));
    assert_true(alm_str_is(out.name, "demand-2")); /* untouched by the failures */
    alm_alias *aliases;
    size_t count = 0;
    OK(f, alm_registry_list_aliases(f->registry, f->arena, &aliases, &count, &f->error));
    assert_int_equal(count, 1);
    assert_true(alm_str_is(aliases[0].alias, "production") && aliases[0].seq == 8);
}

static void long_lists_of_known_names_are_cut(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 12; i++) {
        char bundle[16];
        snprintf(bundle, sizeof bundle, "b%d", i);
        fixture_release(f, bundle, false);
    }
    alm_release out;
    REFUSED(f, ALM_ERR_NOT_FOUND, "known: demand-12, demand-11,",
            alm_registry_resolve(f->registry, ALM_STR("x"), f->arena, &out, &f->error));
    assert_non_null(strstr(f->error.message, "demand-3, ..."));
}

/* ---- batch runs ---- */

static void runs_are_recorded_once(void **state) {
    fixture *f = *state;
    fixture_release(f, "one", false);
    alm_batch_run run = fixture_run("r1", "demand-1");
    OK(f, alm_registry_check_batch_run(f->registry, &run, &f->error));
    OK(f, alm_registry_add_batch_run(f->registry, &run, &f->error));
    OK(f, alm_registry_add_batch_run(f->registry, &run, &f->error)); /* a restart */
    assert_int_equal(f->error.code, ALM_OK);
    REFUSED(f, ALM_ERR_EXISTS, "this run is committed already, as run r1",
            alm_registry_check_batch_run(f->registry, &run, &f->error));
    alm_batch_run back;
    OK(f, alm_registry_find_batch_run(f->registry, run.run_key, f->arena, &back, &f->error));
    assert_true(alm_str_is(back.run_id, "r1") && alm_str_is(back.schedule, "nightly"));
    assert_true(back.prediction_date == run.prediction_date && back.predictions_version == 4);
    assert_true(alm_digest_equal(&back.manifest, &run.manifest) && back.supersedes.size == 0);
    alm_ledger_entry *entries;
    size_t count = 0;
    alm_ledger_filter filter = {.action = ALM_LEDGER_RUN};
    OK(f, alm_ledger_list(f->registry, &filter, f->arena, &entries, &count, &f->error));
    assert_int_equal(count, 1);
    assert_true(alm_str_is(entries[0].why, "schedule nightly for 2011-12-01"));

    alm_batch_run changed = run;
    changed.manifest = digest_of("changed");
    REFUSED(f, ALM_ERR_EXISTS, "committed already, as run r1",
            alm_registry_add_batch_run(f->registry, &changed, &f->error));
    changed.run_key = ALM_STR("other key");
    REFUSED(f, ALM_ERR_CONFLICT, "run id r1 belongs to another run (key r1)",
            alm_registry_add_batch_run(f->registry, &changed, &f->error));
    REFUSED(f, ALM_ERR_NOT_FOUND, "no run 'r9'",
            alm_registry_get_batch_run(f->registry, ALM_STR("r9"), f->arena, &back, &f->error));
    REFUSED(f, ALM_ERR_NOT_FOUND, "no run with the key 'k'",
            alm_registry_find_batch_run(f->registry, ALM_STR("k"), f->arena, &back, &f->error));
}

static size_t count_runs(fixture *f, bool current_only) {
    alm_batch_run_filter filter = {.schedule = ALM_STR("nightly"), .current_only = current_only};
    alm_batch_run *runs;
    size_t count = 0;
    OK(f, alm_registry_list_batch_runs(f->registry, &filter, f->arena, &runs, &count, &f->error));
    return count;
}

static void a_run_is_superseded_in_a_line(void **state) {
    fixture *f = *state;
    fixture_release(f, "one", false);
    alm_batch_run first = fixture_run("r1", "demand-1");
    alm_batch_run second = fixture_run("r2", "demand-1");
    second.supersedes = ALM_STR("r1");
    REFUSED(f, ALM_ERR_INVALID, "run r2 supersedes r1: say why with --reason",
            alm_registry_check_batch_run(f->registry, &second, &f->error));
    second.reason = ALM_STR("late sales");
    REFUSED(f, ALM_ERR_CONFLICT, "run r2 would supersede r1, but no run of demand-1",
            alm_registry_check_batch_run(f->registry, &second, &f->error));
    OK(f, alm_registry_add_batch_run(f->registry, &first, &f->error));
    alm_batch_run silent = fixture_run("r3", "demand-1");
    REFUSED(f, ALM_ERR_CONFLICT,
            "run r1 of demand-1 on schedule nightly is in force for 2011-12-01; replace it with "
            "--supersede r1 --reason TEXT",
            alm_registry_add_batch_run(f->registry, &silent, &f->error));
    OK(f, alm_registry_add_batch_run(f->registry, &second, &f->error));
    silent.supersedes = ALM_STR("r1");
    silent.reason = ALM_STR("again");
    REFUSED(f, ALM_ERR_CONFLICT, "run r2 of demand-1",
            alm_registry_add_batch_run(f->registry, &silent, &f->error));
    assert_int_equal(count_runs(f, false), 2);
    assert_int_equal(count_runs(f, true), 1);

    alm_batch_run other_date = fixture_run("r4", "demand-1");
    other_date.prediction_date++;
    OK(f, alm_registry_add_batch_run(f->registry, &other_date, &f->error));
    alm_batch_run_filter filter = {.release = ALM_STR("demand-1"),
                                   .prediction_date = &first.prediction_date,
                                   .current_only = true};
    alm_batch_run *runs;
    size_t count = 0;
    OK(f, alm_registry_list_batch_runs(f->registry, &filter, f->arena, &runs, &count, &f->error));
    assert_int_equal(count, 1);
    assert_true(alm_str_is(runs[0].run_id, "r2") && alm_str_is(runs[0].supersedes, "r1"));
    assert_true(alm_str_is(runs[0].reason, "late sales"));
    OK(f, alm_ledger_verify(f->registry, NULL, NULL, NULL, &f->error));
}

static void runs_need_their_inputs(void **state) {
    fixture *f = *state;
    fixture_release(f, "one", false);
    alm_batch_run run = fixture_run("r1", "demand-7");
    REFUSED(f, ALM_ERR_NOT_FOUND, "no model version or alias 'demand-7'; known: demand-1",
            alm_registry_add_batch_run(f->registry, &run, &f->error));
    run.release = ALM_STR("demand-1");
    run.snapshot = digest_of("unknown");
    REFUSED(f, ALM_ERR_NOT_FOUND, "no snapshot",
            alm_registry_add_batch_run(f->registry, &run, &f->error));
    run.snapshot = digest_of("snapshot");
    run.run_id = ALM_STR("a b");
    REFUSED(f, ALM_ERR_INVALID, "run 'a b'",
            alm_registry_add_batch_run(f->registry, &run, &f->error));
    run.run_id = ALM_STR("r1");
    run.who = ALM_STR("");
    REFUSED(f, ALM_ERR_INVALID, "'who' is blank",
            alm_registry_add_batch_run(f->registry, &run, &f->error));
    run.who = ALM_STR("cron");
    run.schedule = ALM_STR("");
    REFUSED(f, ALM_ERR_INVALID, "'schedule of the run' is blank",
            alm_registry_add_batch_run(f->registry, &run, &f->error));
    assert_int_equal(count_runs(f, false), 0);
}

/* ---- failing allocations ---- */

static alm_err do_snapshot(fixture *f) {
    alm_snapshot_record record = given_snapshot("sweep");
    return alm_registry_add_snapshot(f->registry, &record, &f->error);
}

static alm_err do_training(fixture *f) {
    alm_training_run run = given_training("sweep", "sweep", false);
    return alm_registry_add_training_run(f->registry, &run, &f->error);
}

static alm_err do_register(fixture *f) {
    alm_digest run = digest_of("sweep");
    alm_release_member member = {ALM_STR("demand"), run};
    alm_release_request request = {.model = ALM_STR("demand"),
                                   .members = &member,
                                   .member_count = 1,
                                   .training_run = &run,
                                   .who = ALM_STR("anna"),
                                   .why = ALM_STR("trained")};
    alm_release out;
    return alm_registry_register_release(f->registry, &request, f->arena, &out, &f->error);
}

static alm_err do_compare(fixture *f) {
    return fixture_append(f, ALM_LEDGER_COMPARE, "demand-1", "");
}

static alm_err do_approve(fixture *f) {
    return fixture_append(f, ALM_LEDGER_APPROVE, "demand-1", "");
}

static alm_err do_promote(fixture *f) {
    return fixture_append(f, ALM_LEDGER_PROMOTE, "demand-1", "production");
}

static alm_err do_run(fixture *f) {
    alm_batch_run run = fixture_run("sweep", "demand-1");
    return alm_registry_add_batch_run(f->registry, &run, &f->error);
}

static alm_err do_verify(fixture *f) {
    return alm_ledger_verify(f->registry, NULL, NULL, NULL, &f->error);
}

static alm_err do_resolve(fixture *f) {
    alm_release out;
    return alm_registry_resolve(f->registry, ALM_STR("production"), f->arena, &out, &f->error);
}

static void each_operation_survives_each_failed_allocation(void **state) {
    fixture *f = *state;
    alm_err (*const operations[])(fixture *) = {do_snapshot, do_training, do_register,
                                                do_compare,  do_approve,  do_promote,
                                                do_run,      do_verify,   do_resolve};
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        alm_ledger_head before;
        OK(f, alm_ledger_get_head(f->registry, &before, &f->error));
        bool done = false;
        uint64_t nth = 1;
        for (; !done && nth < 1000; nth++) {
            alm_heap_fail_at(nth);
            alm_err code = operations[i](f);
            alm_heap_fail_at(0);
            done = code == ALM_OK;
            if (!done && code != ALM_ERR_MEMORY) {
                fail_msg("operation %zu, allocation %d: %s", i, (int)nth, f->error.message);
            }
            alm_ledger_head after;
            OK(f, alm_ledger_get_head(f->registry, &after, &f->error));
            assert_true(done || after.seq == before.seq);
            OK(f, alm_ledger_verify(f->registry, NULL, NULL, NULL, &f->error));
        }
        assert_true(done && nth > 2); /* at least one allocation did fail */
    }
}

static void opening_survives_each_failed_allocation(void **state) {
    (void)state;
    bool done = false;
    uint64_t nth = 1;
    for (; !done && nth < 100; nth++) {
        size_t held = alm_heap_held_bytes();
        alm_registry *registry = NULL;
        alm_heap_fail_at(nth);
        alm_err code = alm_registry_open(":memory:", &registry, NULL);
        alm_heap_fail_at(0);
        done = code == ALM_OK;
        assert_true(done || (code == ALM_ERR_MEMORY && !registry));
        alm_registry_close(registry);
        assert_int_equal(alm_heap_held_bytes(), held);
    }
    assert_true(done && nth > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FILE(a_registry_outlives_its_connection),
        WITH_FILE(a_newer_schema_is_refused),
        WITH_FILE(other_files_are_refused),
        WITH_FILE(a_lost_process_leaves_nothing),
        WITH_FILE(a_locked_registry_is_a_conflict),
        WITH_FILE(who_waits_for_a_lock_is_there_soon),
        WITH_FIXTURE(rows_cannot_be_changed),
        WITH_FIXTURE(snapshots_are_added_once),
        WITH_FIXTURE(feature_versions_are_added_once),
        WITH_FIXTURE(equal_inputs_must_give_equal_bundles),
        WITH_FIXTURE(releases_are_numbered_and_idempotent),
        WITH_FIXTURE(a_clean_release_stands_beside_an_experimental_one),
        WITH_FIXTURE(release_hash_does_not_depend_on_order),
        WITH_FIXTURE(bad_registrations_are_refused),
        WITH_FIXTURE(names_and_aliases_resolve),
        WITH_FIXTURE(long_lists_of_known_names_are_cut),
        WITH_FIXTURE(runs_are_recorded_once),
        WITH_FIXTURE(a_run_is_superseded_in_a_line),
        WITH_FIXTURE(runs_need_their_inputs),
        WITH_FIXTURE(each_operation_survives_each_failed_allocation),
        cmocka_unit_test(opening_survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
