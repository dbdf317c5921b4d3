/* ledger_verify.c: has anybody changed what must never change?
 *
 * Three checks in one read transaction: the chain by itself; a head that was recorded elsewhere
 * (without one, a ledger that was cut off or computed anew cannot be told from a true one); and the
 * tables whose rows the chain vouches for: releases with their training runs, and batch runs.
 * Digests are read as text here, because a spoilt one must be reported with its place. */
#include "store/ledger.h"

#include "store/registry_internal.h"

typedef struct verifier {
    alm_registry *registry;
    alm_arena *row_arena; /* reset after each row: the ledger may be long */
    const alm_ledger_head *expected;
    alm_ledger_head head; /* of what was checked so far */
    int64_t bad_seq;
    alm_error *error;
} verifier;

static alm_err corrupt(verifier *v, int64_t seq, const char *what) {
    v->bad_seq = seq;
    return alm_fail(v->error, ALM_ERR_CORRUPT, "ledger entry %lld: %s", (long long)seq, what);
}

/* ---- the chain ---- */

typedef struct raw_entry {
    alm_ledger_entry fields;
    bool readable; /* a known action and whole digests */
} raw_entry;

static void read_raw_entry(almi_query *query, alm_arena *arena, raw_entry *out) {
    alm_ledger_entry *entry = &out->fields;
    entry->seq = almi_read_i64(query);
    out->readable = alm_ledger_action_parse(almi_read_text(query, arena), &entry->action);
    entry->subject = almi_read_text(query, arena);
    entry->object = almi_read_text(query, arena);
    entry->alias = almi_read_text(query, arena);
    entry->detail = almi_read_text(query, arena);
    entry->who = almi_read_text(query, arena);
    entry->when = almi_read_i64(query);
    entry->why = almi_read_text(query, arena);
    out->readable &= alm_digest_parse(almi_read_text(query, arena), &entry->previous);
    out->readable &= alm_digest_parse(almi_read_text(query, arena), &entry->hash);
}

static alm_err check_entry(verifier *v, const raw_entry *row) {
    const alm_ledger_entry *entry = &row->fields;
    int64_t expected_seq = v->head.seq + 1;
    if (entry->seq != expected_seq) {
        return corrupt(v, expected_seq, "it is missing; entries cannot be removed");
    }
    if (!row->readable) {
        return corrupt(v, entry->seq, "its action or a hash is not a valid one; it was edited");
    }
    alm_digest hash = alm_ledger_entry_hash(entry, &entry->previous);
    if (!alm_digest_equal(&hash, &entry->hash)) {
        return corrupt(v, entry->seq,
                       "its content does not give its hash; the action, subject, object, alias, "
                       "detail, who, when, why or hash was edited");
    }
    if (!alm_digest_equal(&entry->previous, &v->head.hash)) {
        return corrupt(v, entry->seq,
                       "its previous hash is not that of the entry before; that one was edited "
                       "and hashed anew, or entries were exchanged");
    }
    v->head = (alm_ledger_head){entry->seq, entry->hash};
    if (v->expected && v->expected->seq == entry->seq &&
        !alm_digest_equal(&v->expected->hash, &entry->hash)) {
        return corrupt(v, entry->seq,
                       "its hash is not the head recorded elsewhere; the ledger was computed anew");
    }
    return ALM_OK;
}

static alm_err check_entries(verifier *v, almi_query *query) {
    for (;;) {
        bool has_row = false;
        ALM_TRY(almi_query_next(query, &has_row, v->error));
        if (!has_row) {
            return ALM_OK;
        }
        raw_entry row = {0};
        read_raw_entry(query, v->row_arena, &row);
        alm_err code = almi_query_status(query, v->error);
        if (code == ALM_OK) {
            code = check_entry(v, &row);
        }
        alm_arena_reset(v->row_arena);
        ALM_TRY(code);
    }
}

static alm_err check_chain(verifier *v) {
    almi_query *query;
    ALM_TRY(almi_query_open(v->registry->sql,
                            "SELECT seq, action, subject, object, alias, detail, who, at, why,"
                            " previous, hash FROM ledger ORDER BY seq",
                            &query, v->error));
    alm_err code = check_entries(v, query);
    ALM_TRY(almi_query_close(query, code, v->error));
    if (v->expected && v->expected->seq > v->head.seq) {
        v->bad_seq = v->head.seq + 1;
        return alm_fail(v->error, ALM_ERR_CORRUPT,
                        "ledger entry %lld: it is missing; a head recorded elsewhere is entry "
                        "%lld, but the ledger ends at %lld",
                        (long long)v->bad_seq, (long long)v->expected->seq,
                        (long long)v->head.seq);
    }
    return ALM_OK;
}

/* ---- the tables that the chain vouches for ---- */

typedef struct witness {
    int64_t seq;
    alm_str subject;
    alm_str object;
    alm_str detail;
} witness;

static void read_witness(almi_query *query, alm_arena *arena, void *out) {
    witness *entry = out;
    entry->seq = almi_read_i64(query);
    entry->subject = almi_read_text(query, arena);
    entry->object = almi_read_text(query, arena);
    entry->detail = almi_read_text(query, arena);
}

/* What the entry must say, given the row. */
typedef struct claim {
    const char *kind; /* "release", "run" */
    alm_str name;
    alm_str subject;
    const alm_digest *object;
    alm_str detail;
} claim;

static alm_err compare_claim(verifier *v, const claim *row, const witness *entry) {
    if (entry->seq == 0) {
        return alm_fail(v->error, ALM_ERR_CORRUPT,
                        "%s " ALM_STR_FMT " has no ledger entry; it was not recorded by almanac",
                        row->kind, ALM_STR_ARG(row->name));
    }
    char object[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(row->object, object);
    const char *field = NULL;
    if (!alm_str_equal(entry->subject, row->subject)) {
        field = "model version";
    } else if (!alm_str_is(entry->object, object)) {
        field = "content hash";
    } else if (!alm_str_equal(entry->detail, row->detail)) {
        field = "recorded detail";
    }
    if (!field) {
        return ALM_OK;
    }
    return alm_fail(v->error, ALM_ERR_CORRUPT,
                    "ledger entry %lld: the %s of %s " ALM_STR_FMT
                    " differs from its row; the row was edited",
                    (long long)entry->seq, field, row->kind, ALM_STR_ARG(row->name));
}

/* The entry is looked up first, so that also an unreadable row is reported with its seq. */
static alm_err find_witness(verifier *v, const char *statement, alm_str name, alm_arena *arena,
                            witness *out) {
    almi_query *query;
    ALM_TRY(almi_query_open(v->registry->sql, statement, &query, v->error));
    almi_bind_text(query, name);
    bool found = false;
    ALM_TRY(almi_query_one(query, read_witness, arena, out, &found, v->error));
    v->bad_seq = found ? out->seq : 0;
    return ALM_OK;
}

static alm_err check_release(verifier *v, const alm_release *release, alm_arena *arena) {
    witness entry = {0};
    ALM_TRY(find_witness(v,
                         "SELECT seq, subject, object, detail FROM ledger"
                         " WHERE subject = ?1 AND action = 'register'",
                         release->name, arena, &entry));
    claim row = {.kind = "release",
                 .name = release->name,
                 .subject = release->name,
                 .object = &release->hash};
    ALM_TRY(almi_release_detail(v->registry, release, arena, &row.detail, v->error));
    return compare_claim(v, &row, &entry);
}

static alm_err check_releases(verifier *v, alm_arena *arena) {
    almi_rows rows;
    ALM_TRY(almi_list_releases(v->registry, ALM_STR(""), arena, &rows, v->error));
    const alm_release *releases = rows.items;
    for (size_t i = 0; i < rows.count; i++) {
        ALM_TRY(check_release(v, &releases[i], arena));
    }
    return ALM_OK;
}

static alm_err check_run(verifier *v, const alm_batch_run *run, alm_arena *arena) {
    witness entry = {0};
    ALM_TRY(find_witness(v,
                         "SELECT seq, subject, object, detail FROM ledger WHERE seq ="
                         " (SELECT entry FROM batch_runs WHERE run_id = ?1)",
                         run->run_id, arena, &entry));
    claim row = {.kind = "run",
                 .name = run->run_id,
                 .subject = run->release,
                 .object = &run->manifest};
    ALM_TRY(almi_batch_run_detail(run, arena, &row.detail, v->error));
    return compare_claim(v, &row, &entry);
}

static alm_err check_runs(verifier *v, alm_arena *arena) {
    const alm_batch_run_filter all = {0};
    almi_rows rows;
    ALM_TRY(almi_list_batch_runs(v->registry, &all, arena, &rows, v->error));
    const alm_batch_run *runs = rows.items;
    for (size_t i = 0; i < rows.count; i++) {
        ALM_TRY(check_run(v, &runs[i], arena));
    }
    return ALM_OK;
}

/* An entry whose row is gone: somebody deleted from a table that only grows. */
static alm_err check_orphans(verifier *v, alm_arena *arena) {
    almi_query *query;
    ALM_TRY(almi_query_open(v->registry->sql,
                            "SELECT seq, subject, object, detail FROM ledger WHERE"
                            " (action = 'register' AND subject NOT IN (SELECT name FROM releases))"
                            " OR (action IN ('run', 'supersede')"
                            "   AND seq NOT IN (SELECT entry FROM batch_runs))"
                            " ORDER BY seq LIMIT 1",
                            &query, v->error));
    witness entry;
    bool found = false;
    ALM_TRY(almi_query_one(query, read_witness, arena, &entry, &found, v->error));
    return found ? corrupt(v, entry.seq, "the release or run that it records is gone") : ALM_OK;
}

static alm_err verify(verifier *v, alm_arena *arena) {
    ALM_TRY(check_chain(v));
    ALM_TRY(check_orphans(v, arena));
    ALM_TRY(check_releases(v, arena));
    return check_runs(v, arena);
}

alm_err alm_ledger_verify(alm_registry *registry, const alm_ledger_head *expected,
                          alm_ledger_head *out, int64_t *bad_seq, alm_error *error) {
    ALM_TRY(almi_sql_begin_read(registry->sql, error));
    alm_arena *arena = alm_arena_create(0);
    verifier v = {.registry = registry, .expected = expected, .error = error};
    v.row_arena = alm_arena_create(4096);
    alm_err code = verify(&v, arena);
    alm_arena_destroy(v.row_arena);
    alm_arena_destroy(arena);
    code = almi_sql_end(registry->sql, code, error);
    if (code == ALM_ERR_CORRUPT && bad_seq) {
        *bad_seq = v.bad_seq;
    }
    ALM_TRY(code);
    if (out) {
        *out = v.head;
    }
    return ALM_OK;
}
