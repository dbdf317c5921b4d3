#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"
#include "store/registry_fixture.h"

/* ---- the chain ---- */

/* Generator, Python 3.11:
 *   from hashlib import sha256; from struct import pack
 *   t = lambda x: pack("<Q", len(x)) + x.encode()
 *   h = lambda x: sha256(x.encode())
 *   release = sha256(t("almanac release 1") + pack("<Q", 1) + t("demand") + h("one").digest())
 *   record = sha256(t("almanac training run 1") + t('{"seed":1}') + h("one").digest() +
 *                   t('{"wape":0.5}'))
 *   detail = ('{"experimental":false,"members":{"demand":"%s"},"model":"demand",'
 *             '"origin":"trained","training_record":"%s","training_run":"%s","version":1}' %
 *             (h("one").hexdigest(), record.hexdigest(), h("one").hexdigest()))
 *   run = ('{"prediction_date":"2011-12-01","predictions_version":4,"run_id":"r1","run_key":"r1",'
 *          '"schedule":"nightly","snapshot":"%s","supersedes":""}' % h("snapshot").hexdigest())
 *   entries = [("register", "demand-1", release.hexdigest(), "", detail, "anna", 1000, "trained")]
 *   entries += [(a, "demand-1", release.hexdigest(), b, "{}", "bert", 2000, "because")
 *               for a, b in (("compare", ""), ("approve", ""), ("promote", "production"))]
 *   entries += [("run", "demand-1", h("r1").hexdigest(), "", run, "cron", 5000,
 *                "schedule nightly for 2011-12-01")]
 *   head = bytes(32)
 *   for seq, (action, subject, obj, alias, det, who, when, why) in enumerate(entries, 1):
 *       head = sha256(t("almanac ledger 1") + head + pack("<Q", seq) + t(action) + t(subject) +
 *                     t(obj) + t(alias) + t(det) + t(who) + pack("<q", when) + t(why)).digest()
 *       print(head.hex()) */
static const char *const golden_chain[] = {
    "cd802d027be24b9ee0fcfffb1b2156d35064e870643ec98cbbc00dd1bf8585d3",
    "86681ca223382a8cb326622d68d447ab1fe498dda6b27348c522cf0e4b721f5d",
    "32f6726a2dc2b1ef5c9e71737d23dcfc4cea8c8ad8a36e6d9433ba157c55fdc0",
    "c9aad600db933315966681bc8b347c71d3ce3af9ef3a50b7ffeb3c707188e51c",
    "ddcfe569ea6b49ecaadafdf380ae1cb4ce8b42140a13d27587448c7c9499969f",
};

static void fill(fixture *f) {
    fixture_release(f, "one", false);
    fixture_promote(f, "demand-1", "production");
    alm_batch_run run = fixture_run("r1", "demand-1");
    OK(f, alm_registry_add_batch_run(f->registry, &run, &f->error));
}

static void the_chain_matches_the_golden_values(void **state) {
    fixture *f = *state;
    fill(f);
    const alm_ledger_filter all = {0};
    alm_ledger_entry *entries;
    size_t count = 0;
    OK(f, alm_ledger_list(f->registry, &all, f->arena, &entries, &count, &f->error));
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        char text[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(&entries[i].hash, text);
        assert_string_equal(text, golden_chain[i]);
    }
    alm_ledger_head head;
    OK(f, alm_ledger_get_head(f->registry, &head, &f->error));
    assert_true(head.seq == 5 && alm_digest_equal(&head.hash, &entries[4].hash));
    alm_ledger_head verified = {0};
    int64_t bad_seq = 99;
    OK(f, alm_ledger_verify(f->registry, &head, &verified, &bad_seq, &f->error));
    assert_true(verified.seq == 5 && alm_digest_equal(&head.hash, &verified.hash));
    assert_int_equal(bad_seq, 99); /* untouched without a finding */
}

static void an_empty_ledger_is_sound(void **state) {
    fixture *f = *state;
    alm_ledger_head head = {.seq = 9};
    OK(f, alm_ledger_get_head(f->registry, &head, &f->error));
    const alm_digest zero = {{0}};
    assert_true(head.seq == 0 && alm_digest_equal(&head.hash, &zero));
    OK(f, alm_ledger_verify(f->registry, &head, &head, NULL, &f->error));
    assert_int_equal(head.seq, 0);
}

static void lists_are_filtered(void **state) {
    fixture *f = *state;
    fill(f);
    fixture_release(f, "two", false);
    fixture_promote(f, "demand-2", "production");
    const struct {
        alm_ledger_filter filter;
        size_t count;
        int64_t first;
    } cases[] = {
        {{0}, 9, 1},
        {{.action = ALM_LEDGER_PROMOTE}, 2, 4},
        {{.subject = ALM_STR("demand-2")}, 4, 6},
        {{.alias = ALM_STR("production")}, 2, 4},
        {{.after_seq = 7}, 2, 8},
        {{.after_seq = 2, .limit = 3}, 3, 3},
        {{.action = ALM_LEDGER_APPROVE, .subject = ALM_STR("demand-2")}, 1, 8},
        {{.action = ALM_LEDGER_RETIRE}, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        alm_ledger_entry *entries;
        size_t count = 0;
        OK(f, alm_ledger_list(f->registry, &cases[i].filter, f->arena, &entries, &count,
                              &f->error));
        assert_int_equal(count, cases[i].count);
        assert_true(count == 0 || entries[0].seq == cases[i].first);
    }
}

static void action_names_round_trip(void **state) {
    (void)state;
    alm_ledger_action action = ALM_LEDGER_ANY;
    for (int i = 1; i < ALM_LEDGER_ACTION_COUNT; i++) {
        const char *text = alm_ledger_action_text((alm_ledger_action)i);
        assert_true(alm_ledger_action_parse(alm_str_of(text), &action));
        assert_int_equal(action, i);
    }
    assert_false(alm_ledger_action_parse(ALM_STR("any"), &action));
    assert_false(alm_ledger_action_parse(ALM_STR("Promote"), &action));
}

/* ---- tampering: the triggers are removed first, as an intruder would ---- */

typedef struct tampering {
    const char *statement;
    int64_t bad_seq;
    const char *message;
} tampering;

static void tamper(fixture *f, const char *statement) {
    OK(f, almi_sql_execute(f->registry->sql,
                           "PRAGMA foreign_keys=OFF; PRAGMA recursive_triggers=OFF;"
                           "DROP TRIGGER ledger_no_UPDATE; DROP TRIGGER ledger_no_DELETE;"
                           "DROP TRIGGER ledger_in_order;"
                           "DROP TRIGGER releases_no_UPDATE; DROP TRIGGER releases_no_DELETE;"
                           "DROP TRIGGER release_members_no_UPDATE;"
                           "DROP TRIGGER training_runs_no_UPDATE;"
                           "DROP TRIGGER training_runs_no_DELETE;"
                           "DROP TRIGGER batch_runs_no_UPDATE; DROP TRIGGER batch_runs_no_DELETE",
                           &f->error));
    OK(f, almi_sql_execute(f->registry->sql, statement, &f->error));
}

#define EDITED "its content does not give its hash"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void every_edit_is_found(void **state) {
    (void)state;
    static const tampering cases[] = {
        {"UPDATE ledger SET who = 'eve' WHERE seq = 3", 3, EDITED},
        {"UPDATE ledger SET why = why || '!' WHERE seq = 1", 1, EDITED},
        {"UPDATE ledger SET at = at + 1 WHERE seq = 5", 5, EDITED},
        {"UPDATE ledger SET subject = 'demand-2' WHERE seq = 4", 4, EDITED},
        {"UPDATE ledger SET object = '' WHERE seq = 4", 4, EDITED},
        {"UPDATE ledger SET alias = 'staging' WHERE seq = 4", 4, EDITED},
        {"UPDATE ledger SET detail = '{ }' WHERE seq = 2", 2, EDITED},
        {"UPDATE ledger SET action = 'approve' WHERE seq = 2", 2, EDITED},
        {"UPDATE ledger SET action = 'aprove' WHERE seq = 3", 3, "its action or a hash"},
        {"UPDATE ledger SET action = 'any' WHERE seq = 3", 3, "its action or a hash"},
        {"UPDATE ledger SET hash = 'x' WHERE seq = 3", 3, "its action or a hash"},
        {"UPDATE ledger SET hash = '" ZEROS "' WHERE seq = 3", 3, EDITED},
        {"UPDATE ledger SET previous = '" ZEROS "' WHERE seq = 3", 3, EDITED},
        {"DELETE FROM ledger WHERE seq = 1", 1, "it is missing"},
        {"DELETE FROM ledger WHERE seq = 3", 3, "it is missing"},
        {"DELETE FROM ledger WHERE seq >= 4; UPDATE ledger SET seq = 4 WHERE seq = 3", 3,
         "it is missing"},
        {"UPDATE ledger SET seq = 7 WHERE seq = 5", 5, "it is missing"},
        {"UPDATE releases SET experimental = 1", 1, "the training run of demand-1 is gone"},
        {"UPDATE releases SET version = 7", 1, "the recorded detail of release demand-1"},
        {"UPDATE releases SET hash = '" ZEROS "'", 1, "the content hash of release demand-1"},
        {"UPDATE release_members SET bundle = '" ZEROS "'", 1, "the recorded detail of release"},
        {"UPDATE training_runs SET report = '{}'", 1, "the recorded detail of release demand-1"},
        {"UPDATE training_runs SET bundle = '" ZEROS "'", 1, "the recorded detail of release"},
        {"DELETE FROM training_runs", 1, "the training run of demand-1 is gone"},
        {"UPDATE releases SET name = 'demand-9'", 1, "that it records is gone"},
        {"DELETE FROM releases", 1, "the release or run that it records is gone"},
        {"DELETE FROM batch_runs", 5, "the release or run that it records is gone"},
        {"UPDATE batch_runs SET manifest = '" ZEROS "'", 5, "the content hash of run r1"},
        {"UPDATE batch_runs SET predictions_version = 5", 5, "the recorded detail of run r1"},
        {"UPDATE batch_runs SET run_id = 'r2'", 5, "the recorded detail of run r2"},
        {"UPDATE batch_runs SET release = 'demand-2'", 5, "the model version of run r1"},
        {"INSERT INTO releases SELECT 9, 'demand-9', model, 9, 'x' || hash, training_run, imported,"
         " 2, who, created FROM releases",
         -1, "that is not 64 hexadecimal digits"},
        {"INSERT INTO releases SELECT 9, 'demand-9', model, 9, hash, NULL, 1, 1, who, created"
         " FROM releases",
         0, "release demand-9 has no ledger entry"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *own = NULL;
        fixture_create(&own);
        fixture *f = own;
        fill(f);
        OK(f, alm_ledger_verify(f->registry, NULL, NULL, NULL, &f->error));
        tamper(f, cases[i].statement);
        int64_t bad_seq = -1;
        alm_ledger_head head = {.seq = 77};
        alm_err code = alm_ledger_verify(f->registry, NULL, &head, &bad_seq, &f->error);
        bool as_wanted = cases[i].bad_seq < 0 || bad_seq == cases[i].bad_seq;
        if (code != ALM_ERR_CORRUPT || !as_wanted || head.seq != 77 ||
            !strstr(f->error.message, cases[i].message)) {
            fail_msg("%s: %s at %d: %s", cases[i].statement, alm_err_name(code), (int)bad_seq,
                     f->error.message);
        }
        fixture_destroy(&own);
    }
}

/* Gives the entries from `seq` on the hashes that they need, as an intruder with time would. */
static void hash_anew(fixture *f, int64_t seq) {
    const alm_ledger_filter all = {0};
    alm_ledger_entry *entries;
    size_t count = 0;
    OK(f, alm_ledger_list(f->registry, &all, f->arena, &entries, &count, &f->error));
    for (size_t i = (size_t)seq - 1; i < count; i++) {
        if (i > 0) {
            entries[i].previous = entries[i - 1].hash;
        }
        entries[i].hash = alm_ledger_entry_hash(&entries[i], &entries[i].previous);
        char previous[ALM_DIGEST_TEXT_BYTES];
        char hash[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(&entries[i].previous, previous);
        alm_digest_text(&entries[i].hash, hash);
        OK(f, almi_sql_execute(f->registry->sql,
                               alm_arena_printf(f->arena,
                                                "UPDATE ledger SET previous='%s', hash='%s'"
                                                " WHERE seq=%d",
                                                previous, hash, (int)entries[i].seq),
                               &f->error));
    }
}

static void a_rehashed_entry_breaks_the_next(void **state) {
    fixture *f = *state;
    fill(f);
    const alm_ledger_filter all = {0};
    alm_ledger_entry *entries;
    size_t count = 0;
    OK(f, alm_ledger_list(f->registry, &all, f->arena, &entries, &count, &f->error));
    entries[2].who = ALM_STR("eve");
    alm_digest hash = alm_ledger_entry_hash(&entries[2], &entries[2].previous);
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&hash, text);
    tamper(f, alm_arena_printf(f->arena, "UPDATE ledger SET who='eve', hash='%s' WHERE seq=3",
                               text));
    int64_t bad_seq = 0;
    REFUSED(f, ALM_ERR_CORRUPT, "ledger entry 4: its previous hash is not that of the entry before",
            alm_ledger_verify(f->registry, NULL, NULL, &bad_seq, &f->error));
    assert_int_equal(bad_seq, 4);
}

static void a_head_kept_elsewhere_finds_what_the_chain_cannot(void **state) {
    fixture *f = *state;
    fill(f);
    alm_ledger_head kept;
    OK(f, alm_ledger_get_head(f->registry, &kept, &f->error));
    fixture_release(f, "two", false);
    OK(f, alm_ledger_verify(f->registry, &kept, NULL, NULL, &f->error)); /* an older head */
    tamper(f, "UPDATE ledger SET who = 'eve' WHERE seq = 3");
    hash_anew(f, 3);
    OK(f, alm_ledger_verify(f->registry, NULL, NULL, NULL, &f->error));
    int64_t bad_seq = 0;
    REFUSED(f, ALM_ERR_CORRUPT,
            "ledger entry 5: its hash is not the head recorded elsewhere; the ledger was computed "
            "anew",
            alm_ledger_verify(f->registry, &kept, NULL, &bad_seq, &f->error));
    assert_int_equal(bad_seq, 5);
}

static void a_cut_off_end_is_found_by_the_head(void **state) {
    fixture *f = *state;
    fill(f);
    alm_ledger_head kept;
    OK(f, alm_ledger_get_head(f->registry, &kept, &f->error));
    tamper(f, "DELETE FROM ledger WHERE seq = 5; DELETE FROM batch_runs");
    OK(f, alm_ledger_verify(f->registry, NULL, NULL, NULL, &f->error));
    int64_t bad_seq = 0;
    REFUSED(f, ALM_ERR_CORRUPT,
            "ledger entry 5: it is missing; a head recorded elsewhere is entry 5, but the ledger "
            "ends at 4",
            alm_ledger_verify(f->registry, &kept, NULL, &bad_seq, &f->error));
    assert_int_equal(bad_seq, 5);
}

/* ---- rules ---- */

static void promotion_needs_comparison_and_approval(void **state) {
    fixture *f = *state;
    fixture_release(f, "one", false);
    fixture_release(f, "two", false);
    fixture_promote(f, "demand-1", "production"); /* of another release: counts for nothing */
    REFUSED(f, ALM_ERR_DENIED,
            "demand-2 has no recorded comparison since its registration; 'models compare demand-2' "
            "comes before promotion",
            fixture_append(f, ALM_LEDGER_PROMOTE, "demand-2", "production"));
    OK(f, fixture_append(f, ALM_LEDGER_COMPARE, "demand-2", ""));
    REFUSED(f, ALM_ERR_DENIED, "demand-2 has no recorded approval since its registration",
            fixture_append(f, ALM_LEDGER_PROMOTE, "demand-2", "production"));
    OK(f, fixture_append(f, ALM_LEDGER_APPROVE, "demand-2", ""));
    OK(f, fixture_append(f, ALM_LEDGER_PROMOTE, "demand-2", "production"));
    REFUSED(f, ALM_ERR_EXISTS, "alias production points to demand-2 already",
            fixture_append(f, ALM_LEDGER_PROMOTE, "demand-2", "production"));
    OK(f, fixture_append(f, ALM_LEDGER_PROMOTE, "demand-2", "staging"));
    REFUSED(f, ALM_ERR_NOT_FOUND, "no model version or alias 'demand-3'; known: ",
            fixture_append(f, ALM_LEDGER_APPROVE, "demand-3", ""));
}

static void an_approval_alone_is_not_enough(void **state) {
    fixture *f = *state;
    fixture_release(f, "one", false);
    OK(f, fixture_append(f, ALM_LEDGER_APPROVE, "demand-1", ""));
    REFUSED(f, ALM_ERR_DENIED, "no recorded comparison",
            fixture_append(f, ALM_LEDGER_PROMOTE, "demand-1", "production"));
}

/* Written past the rules: nothing that precedes the registration may count. */
static void what_came_before_the_registration_counts_for_nothing(void **state) {
    fixture *f = *state;
    OK(f, almi_sql_execute(f->registry->sql,
                           "PRAGMA foreign_keys=OFF;"
                           "INSERT INTO ledger VALUES(1, 'compare', 'demand-1', '', '', '{}', 'x',"
                           " 1, 'y', '" ZEROS "', '" ZEROS "');"
                           "INSERT INTO ledger VALUES(2, 'approve', 'demand-1', '', '', '{}', 'x',"
                           " 1, 'y', '" ZEROS "', '" ZEROS "');"
                           "PRAGMA foreign_keys=ON",
                           &f->error));
    fixture_release(f, "one", false);
    REFUSED(f, ALM_ERR_DENIED, "demand-1 has no recorded comparison since its registration",
            fixture_append(f, ALM_LEDGER_PROMOTE, "demand-1", "production"));
    OK(f, fixture_append(f, ALM_LEDGER_COMPARE, "demand-1", ""));
    REFUSED(f, ALM_ERR_DENIED, "demand-1 has no recorded approval since its registration",
            fixture_append(f, ALM_LEDGER_PROMOTE, "demand-1", "production"));
}

/* A foreign connection need not switch recursive triggers on. */
static void entries_are_not_replaced(void **state) {
    fixture *f = *state;
    fill(f);
    OK(f, almi_sql_execute(f->registry->sql, "PRAGMA recursive_triggers=OFF", &f->error));
    REFUSED(f, ALM_ERR_DENIED, "ledger is insert-only: entries follow each other",
            almi_sql_execute(f->registry->sql, "INSERT OR REPLACE INTO ledger SELECT * FROM ledger",
                             &f->error));
    REFUSED(f, ALM_ERR_DENIED, "ledger is insert-only: entries follow each other",
            almi_sql_execute(f->registry->sql,
                             "INSERT INTO ledger SELECT 9, action, subject, object, alias, detail,"
                             " who, at, why, previous, hash FROM ledger WHERE seq = 5",
                             &f->error));
}

static void experimental_releases_never_serve(void **state) {
    fixture *f = *state;
    fixture_release(f, "one", true);
    OK(f, fixture_append(f, ALM_LEDGER_COMPARE, "demand-1", ""));
    REFUSED(f, ALM_ERR_DENIED,
            "demand-1 is experimental (trained from a dirty tree) and can never be approved",
            fixture_append(f, ALM_LEDGER_APPROVE, "demand-1", ""));
    REFUSED(f, ALM_ERR_DENIED, "can never be promoted",
            fixture_append(f, ALM_LEDGER_PROMOTE, "demand-1", "production"));
}

static void a_rollback_goes_back_in_history(void **state) {
    fixture *f = *state;
    alm_release out;
    static const char *const bundles[] = {"one", "two", "three"};
    static const char *const names[] = {"demand-1", "demand-2", "demand-3"};
    REFUSED(f, ALM_ERR_NOT_FOUND, "alias production: nothing was ever promoted to it",
            fixture_append(f, ALM_LEDGER_ROLLBACK, "", "production"));
    for (int i = 0; i < 3; i++) {
        fixture_release(f, bundles[i], false);
        fixture_promote(f, names[i], "production");
    }
    REFUSED(f, ALM_ERR_DENIED,
            "alias production: a rollback leads to demand-2, not to demand-1; promote that one",
            fixture_append(f, ALM_LEDGER_ROLLBACK, "demand-1", "production"));
    for (int i = 1; i >= 0; i--) {
        alm_str previous;
        OK(f, alm_ledger_previous_release(f->registry, ALM_STR("production"), f->arena, &previous,
                                          &f->error));
        assert_true(alm_str_is(previous, names[i]));
        OK(f, fixture_append(f, ALM_LEDGER_ROLLBACK, i ? "demand-2" : "", "production"));
        OK(f, alm_registry_resolve(f->registry, ALM_STR("production"), f->arena, &out, &f->error));
        assert_true(alm_str_is(out.name, names[i]));
    }
    REFUSED(f, ALM_ERR_DENIED, "no release was promoted before demand-1",
            fixture_append(f, ALM_LEDGER_ROLLBACK, "", "production"));
    /* A promotion behind rollbacks starts from where they led to. */
    OK(f, fixture_append(f, ALM_LEDGER_PROMOTE, "demand-3", "production"));
    OK(f, fixture_append(f, ALM_LEDGER_ROLLBACK, "", "production"));
    OK(f, alm_registry_resolve(f->registry, ALM_STR("production"), f->arena, &out, &f->error));
    assert_true(alm_str_is(out.name, "demand-1"));
    OK(f, alm_ledger_verify(f->registry, NULL, NULL, NULL, &f->error));
}

static void retired_releases_stay_out_of_service(void **state) {
    fixture *f = *state;
    fixture_release(f, "one", false);
    fixture_release(f, "two", false);
    fixture_promote(f, "demand-1", "production");
    REFUSED(f, ALM_ERR_DENIED, "demand-1 is what alias production points to",
            fixture_append(f, ALM_LEDGER_RETIRE, "demand-1", ""));
    fixture_promote(f, "demand-2", "production");
    OK(f, fixture_append(f, ALM_LEDGER_RETIRE, "demand-1", ""));
    REFUSED(f, ALM_ERR_EXISTS, "demand-1 is retired already",
            fixture_append(f, ALM_LEDGER_RETIRE, "demand-1", ""));
    REFUSED(f, ALM_ERR_DENIED, "demand-1 is retired and cannot be promoted",
            fixture_append(f, ALM_LEDGER_PROMOTE, "demand-1", "production"));
    REFUSED(f, ALM_ERR_DENIED, "demand-1 is retired and cannot be put back into service",
            fixture_append(f, ALM_LEDGER_ROLLBACK, "", "production"));
    alm_release out;
    OK(f, alm_registry_resolve(f->registry, ALM_STR("demand-1"), f->arena, &out, &f->error));
    assert_true(out.retired); /* its predictions can still be named */
}

static void fields_are_checked(void **state) {
    fixture *f = *state;
    fixture_release(f, "one", false);
    OK(f, fixture_append(f, ALM_LEDGER_COMPARE, "demand-1", ""));
    alm_ledger_note note = {.action = ALM_LEDGER_APPROVE,
                            .subject = ALM_STR("demand-1"),
                            .who = ALM_STR("bert"),
                            .why = ALM_STR(" \t")};
    alm_ledger_entry out;
    REFUSED(f, ALM_ERR_INVALID, "approve of demand-1 must say who and why: 'why' is blank",
            alm_ledger_append(f->registry, &note, f->arena, &out, &f->error));
    note.why = ALM_STR("good\xff");
    REFUSED(f, ALM_ERR_INVALID, "'why' must be UTF-8 text without NUL",
            alm_ledger_append(f->registry, &note, f->arena, &out, &f->error));
    note.why = ALM_STR("go\0od");
    REFUSED(f, ALM_ERR_INVALID, "'why' must be UTF-8 text without NUL",
            alm_ledger_append(f->registry, &note, f->arena, &out, &f->error));
    note.why = ALM_STR("good");
    note.who = ALM_STR("");
    REFUSED(f, ALM_ERR_INVALID, "'who' is blank",
            alm_ledger_append(f->registry, &note, f->arena, &out, &f->error));
    note.who = ALM_STR("bert");
    note.detail = ALM_STR("{\"a\":1,\"a\":2}");
    REFUSED(f, ALM_ERR_INVALID, "detail of the ledger entry:1:",
            alm_ledger_append(f->registry, &note, f->arena, &out, &f->error));
    note.detail = ALM_STR("7");
    REFUSED(f, ALM_ERR_INVALID, "detail of the ledger entry must be a JSON object",
            alm_ledger_append(f->registry, &note, f->arena, &out, &f->error));
    note.detail = ALM_STR("{\"a\":1}");
    note.alias = ALM_STR("production");
    REFUSED(f, ALM_ERR_INVALID, "ledger: approve takes no alias",
            alm_ledger_append(f->registry, &note, f->arena, &out, &f->error));
    note.alias = ALM_STR("");
    OK(f, alm_ledger_append(f->registry, &note, f->arena, &out, &f->error));
    assert_true(out.seq == 3 && alm_str_is(out.detail, "{\"a\":1}"));
    static const char *const aliases[] = {"", "latest", "a b", "demand-3", "x-0", ".hidden", "a/b"};
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        REFUSED(f, ALM_ERR_INVALID, "names that end like a model version",
                fixture_append(f, ALM_LEDGER_PROMOTE, "demand-1", aliases[i]));
    }
    OK(f, fixture_append(f, ALM_LEDGER_PROMOTE, "demand-1", "eu-west"));
    OK(f, fixture_append(f, ALM_LEDGER_PROMOTE, "demand-1", "v2"));
    static const alm_ledger_action own[] = {ALM_LEDGER_REGISTER, ALM_LEDGER_RUN,
                                            ALM_LEDGER_SUPERSEDE};
    for (size_t i = 0; i < 3; i++) {
        REFUSED(f, ALM_ERR_INVALID, "is written together with its record only",
                fixture_append(f, own[i], "demand-1", ""));
    }
}

/* ---- several connections ---- */

enum { WRITERS = 3, APPENDS = 15 };

static alm_err append_many(void *context, size_t task, int worker, alm_error *error) {
    (void)worker;
    const fixture *f = context;
    alm_registry *registry;
    ALM_TRY(alm_registry_open(f->path, &registry, error));
    alm_arena *arena = alm_arena_create(0);
    alm_err code = ALM_OK;
    for (int i = 0; i < APPENDS && code == ALM_OK; i++) {
        alm_ledger_note note = {.action = ALM_LEDGER_COMPARE,
                                .subject = ALM_STR("demand-1"),
                                .who = alm_str_of(task == 0 ? "anna" : task == 1 ? "bert" : "carl"),
                                .when = i,
                                .why = ALM_STR("because")};
        alm_ledger_entry out;
        code = alm_ledger_append(registry, &note, arena, &out, error);
    }
    alm_arena_destroy(arena);
    alm_registry_close(registry);
    return code;
}

static void connections_append_without_losing_an_entry(void **state) {
    fixture *f = *state;
    fixture_release(f, "one", false);
    alm_pool *pool;
    OK(f, alm_pool_create(WRITERS, &pool, &f->error));
    OK(f, alm_pool_run(pool, WRITERS, append_many, f, &f->error));
    alm_pool_destroy(pool);
    alm_ledger_head head;
    OK(f, alm_ledger_verify(f->registry, NULL, &head, NULL, &f->error));
    assert_int_equal(head.seq, 1 + WRITERS * APPENDS);
    const alm_ledger_filter all = {.action = ALM_LEDGER_COMPARE};
    alm_ledger_entry *entries;
    size_t count = 0;
    OK(f, alm_ledger_list(f->registry, &all, f->arena, &entries, &count, &f->error));
    alm_instant next[3] = {0};
    for (size_t i = 0; i < count; i++) { /* each writer's entries are there and in its order */
        char first = entries[i].who.data[0];
        assert_int_equal(entries[i].when, next[first - 'a']++);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(next[i], APPENDS);
    }
}

static alm_err look_and_check(fixture *f, const char *release) {
    alm_registry *look = NULL;
    alm_ledger_note note = {.action = ALM_LEDGER_PROMOTE,
                            .subject = alm_str_of(release),
                            .alias = ALM_STR("production"),
                            .who = ALM_STR("bert"),
                            .why = ALM_STR("because")};
    alm_err code = alm_registry_look(f->path, &look, &f->error);
    if (code == ALM_OK) {
        code = alm_ledger_check(look, &note, f->arena, &f->error);
    }
    alm_registry_close(look);
    return code;
}

static void checking_says_what_appending_would(void **state) {
    fixture *f = *state;
    alm_registry *look = NULL;
    alm_ledger_head before, after;
    fixture_release(f, "one", false);
    REFUSED(f, ALM_ERR_DENIED, "has no recorded comparison", look_and_check(f, "demand-1"));
    REFUSED(f, ALM_ERR_NOT_FOUND, "demand-9", look_and_check(f, "demand-9"));
    OK(f, fixture_append(f, ALM_LEDGER_COMPARE, "demand-1", ""));
    REFUSED(f, ALM_ERR_DENIED, "has no recorded approval", look_and_check(f, "demand-1"));
    OK(f, fixture_append(f, ALM_LEDGER_APPROVE, "demand-1", ""));
    OK(f, alm_ledger_get_head(f->registry, &before, &f->error));
    OK(f, look_and_check(f, "demand-1"));
    OK(f, alm_ledger_get_head(f->registry, &after, &f->error));
    assert_int_equal(before.seq, after.seq); /* nothing was written */
    OK(f, fixture_append(f, ALM_LEDGER_PROMOTE, "demand-1", "production"));
    REFUSED(f, ALM_ERR_EXISTS, "already", look_and_check(f, "demand-1"));
    alm_ledger_note blank = {.action = ALM_LEDGER_APPROVE, .subject = ALM_STR("demand-1"),
                             .who = ALM_STR("bert"), .why = ALM_STR(" ")};
    REFUSED(f, ALM_ERR_INVALID, "must say who and why",
            alm_ledger_check(f->registry, &blank, f->arena, &f->error));
    REFUSED(f, ALM_ERR_IO, "unable to open",
            alm_registry_look("/tmp/no/such/registry.db", &look, &f->error));
}

/* Whoever looks waits for nobody, however long a writer takes, and writes nothing. */
static void looking_does_not_wait(void **state) {
    fixture *f = *state;
    alm_registry *look = NULL;
    fixture_release(f, "one", false);
    OK(f, alm_registry_look(f->path, &look, &f->error));
    alm_ledger_note note = {.action = ALM_LEDGER_COMPARE, .subject = ALM_STR("demand-1"),
                            .who = ALM_STR("bert"), .why = ALM_STR("because")};
    alm_ledger_entry entry;
    assert_int_not_equal(alm_ledger_append(look, &note, f->arena, &entry, &f->error), ALM_OK);
    OK(f, almi_sql_execute(f->registry->sql, "BEGIN EXCLUSIVE", &f->error));
    assert_int_equal(alm_ledger_check(look, &note, f->arena, &f->error), ALM_ERR_CONFLICT);
    assert_int_equal(look_and_check(f, "demand-1"), ALM_ERR_CONFLICT);
    OK(f, almi_sql_execute(f->registry->sql, "ROLLBACK", &f->error));
    OK(f, alm_ledger_check(look, &note, f->arena, &f->error));
    alm_registry_close(look);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FILE(checking_says_what_appending_would),
        WITH_FILE(looking_does_not_wait),
        WITH_FIXTURE(the_chain_matches_the_golden_values),
        WITH_FIXTURE(an_empty_ledger_is_sound),
        WITH_FIXTURE(lists_are_filtered),
        cmocka_unit_test(action_names_round_trip),
        cmocka_unit_test(every_edit_is_found),
        WITH_FIXTURE(a_rehashed_entry_breaks_the_next),
        WITH_FIXTURE(a_head_kept_elsewhere_finds_what_the_chain_cannot),
        WITH_FIXTURE(a_cut_off_end_is_found_by_the_head),
        WITH_FIXTURE(promotion_needs_comparison_and_approval),
        WITH_FIXTURE(an_approval_alone_is_not_enough),
        WITH_FIXTURE(what_came_before_the_registration_counts_for_nothing),
        WITH_FIXTURE(entries_are_not_replaced),
        WITH_FIXTURE(experimental_releases_never_serve),
        WITH_FIXTURE(a_rollback_goes_back_in_history),
        WITH_FIXTURE(retired_releases_stay_out_of_service),
        WITH_FIXTURE(fields_are_checked),
        WITH_FILE(connections_append_without_losing_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
