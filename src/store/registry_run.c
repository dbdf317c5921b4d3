/* registry_run.c: batch runs and which of them is in force. */
#include "base/json.h"
#include "store/registry_internal.h"

#define RUN_COLUMNS                                                                                \
    "run_id, run_key, schedule, prediction_date, release, snapshot, manifest,"                     \
    " predictions_version, supersedes, reason, who, created"

/* ---- reading ---- */

static void read_run(almi_query *query, alm_arena *arena, void *out) {
    alm_batch_run *run = out;
    run->run_id = almi_read_text(query, arena);
    run->run_key = almi_read_text(query, arena);
    run->schedule = almi_read_text(query, arena);
    if (!alm_date_parse(almi_read_text(query, arena), &run->prediction_date)) {
        run->prediction_date = ALM_DATE_NONE;
        almi_query_remember(query, ALM_ERR_CORRUPT,
                            "the registry holds a prediction date that is not YYYY-MM-DD; it was "
                            "edited: restore it from a copy");
    }
    run->release = almi_read_text(query, arena);
    run->snapshot = almi_read_digest(query, arena);
    run->manifest = almi_read_digest(query, arena);
    run->predictions_version = almi_read_i64(query);
    run->supersedes = almi_read_text(query, arena);
    run->reason = almi_read_text(query, arena);
    run->who = almi_read_text(query, arena);
    run->created = almi_read_i64(query);
}

typedef struct run_name {
    const char *column; /* "run_id" or "run_key" */
    alm_str value;
} run_name;

static alm_err find_run(alm_registry *registry, run_name name, alm_arena *arena,
                        alm_batch_run *out, bool *found, alm_error *error) {
    const char *statement = alm_arena_printf(
        arena, "SELECT " RUN_COLUMNS " FROM batch_runs WHERE %s = ?1", name.column);
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql, statement, &query, error));
    almi_bind_text(query, name.value);
    alm_batch_run run;
    bool has_row = false;
    ALM_TRY(almi_query_one(query, read_run, arena, &run, &has_row, error));
    if (has_row) {
        *out = run;
    }
    *found = has_row;
    return ALM_OK;
}

alm_err alm_registry_get_batch_run(alm_registry *registry, alm_str run_id, alm_arena *arena,
                                   alm_batch_run *out, alm_error *error) {
    bool found = false;
    run_name name = {"run_id", run_id};
    ALM_TRY(find_run(registry, name, arena, out, &found, error));
    return found ? ALM_OK
                 : alm_fail(error, ALM_ERR_NOT_FOUND,
                            "no run '" ALM_STR_FMT "'; 'predictions runs' lists them",
                            ALM_STR_ARG(run_id));
}

alm_err alm_registry_find_batch_run(alm_registry *registry, alm_str run_key, alm_arena *arena,
                                    alm_batch_run *out, alm_error *error) {
    bool found = false;
    run_name name = {"run_key", run_key};
    ALM_TRY(find_run(registry, name, arena, out, &found, error));
    return found ? ALM_OK
                 : alm_fail(error, ALM_ERR_NOT_FOUND, "no run with the key '" ALM_STR_FMT "'",
                            ALM_STR_ARG(run_key));
}

static const char list_all[] = "SELECT " RUN_COLUMNS " FROM batch_runs"
                               " WHERE (?1 = '' OR schedule = ?1) AND (?2 = '' OR release = ?2)"
                               " AND (?3 = '' OR prediction_date = ?3) ORDER BY added";
static const char list_current[] = "SELECT " RUN_COLUMNS " FROM current_runs"
                                   " WHERE (?1 = '' OR schedule = ?1)"
                                   " AND (?2 = '' OR release = ?2)"
                                   " AND (?3 = '' OR prediction_date = ?3) ORDER BY added";

alm_err almi_list_batch_runs(alm_registry *registry, const alm_batch_run_filter *filter,
                             alm_arena *arena, almi_rows *out, alm_error *error) {
    char date[ALM_DATE_TEXT_BYTES] = "";
    if (filter->prediction_date) {
        alm_date_text(*filter->prediction_date, date);
    }
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql, filter->current_only ? list_current : list_all, &query,
                            error));
    almi_bind_text(query, filter->schedule);
    almi_bind_text(query, filter->release);
    almi_bind_text(query, alm_str_of(date));
    return almi_query_all(query, read_run, sizeof(alm_batch_run), arena, out, error);
}

alm_err alm_registry_list_batch_runs(alm_registry *registry, const alm_batch_run_filter *filter,
                                     alm_arena *arena, alm_batch_run **out, size_t *count,
                                     alm_error *error) {
    almi_rows rows;
    ALM_TRY(almi_list_batch_runs(registry, filter, arena, &rows, error));
    *out = rows.items;
    *count = rows.count;
    return ALM_OK;
}

/* ---- rules ---- */

static alm_err check_fields(const alm_batch_run *run, alm_error *error) {
    if (!alm_str_is_safe_name(run->run_id) || run->prediction_date == ALM_DATE_NONE) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "run '" ALM_STR_FMT "': it needs an id of A-Z a-z 0-9 . _ - and a "
                        "prediction date",
                        ALM_STR_ARG(run->run_id));
    }
    ALM_TRY(almi_check_text(run->run_key, "run key", error));
    ALM_TRY(almi_check_text(run->schedule, "schedule of the run", error));
    if (run->supersedes.size > 0 && almi_str_is_blank(run->reason)) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "run " ALM_STR_FMT " supersedes " ALM_STR_FMT ": say why with --reason",
                        ALM_STR_ARG(run->run_id), ALM_STR_ARG(run->supersedes));
    }
    return ALM_OK;
}

static alm_err check_references(alm_registry *registry, const alm_batch_run *run,
                                alm_arena *scratch, alm_error *error) {
    alm_release release;
    bool found = false;
    ALM_TRY(almi_find_release(registry, run->release, scratch, &release, &found, error));
    if (!found) {
        return almi_unknown_release(registry, run->release, scratch, error);
    }
    alm_snapshot_record snapshot;
    return alm_registry_get_snapshot(registry, &run->snapshot, scratch, &snapshot, error);
}

/* Exactly the run in force must be named, so that history is a line and never a fork. */
static alm_err check_in_force(alm_registry *registry, const alm_batch_run *run, alm_arena *scratch,
                              alm_error *error) {
    alm_batch_run_filter filter = {.schedule = run->schedule,
                                   .release = run->release,
                                   .prediction_date = &run->prediction_date,
                                   .current_only = true};
    almi_rows rows;
    ALM_TRY(almi_list_batch_runs(registry, &filter, scratch, &rows, error));
    const alm_batch_run *current = rows.items;
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(run->prediction_date, date);
    if (rows.count == 0 && run->supersedes.size > 0) {
        return alm_fail(error, ALM_ERR_CONFLICT,
                        "run " ALM_STR_FMT " would supersede " ALM_STR_FMT ", but no run of "
                        ALM_STR_FMT " on schedule " ALM_STR_FMT " is in force for %s",
                        ALM_STR_ARG(run->run_id), ALM_STR_ARG(run->supersedes),
                        ALM_STR_ARG(run->release), ALM_STR_ARG(run->schedule), date);
    }
    if (rows.count > 0 && !alm_str_equal(current[0].run_id, run->supersedes)) {
        return alm_fail(error, ALM_ERR_CONFLICT,
                        "run " ALM_STR_FMT " of " ALM_STR_FMT " on schedule " ALM_STR_FMT
                        " is in force for %s; replace it with --supersede " ALM_STR_FMT
                        " --reason TEXT",
                        ALM_STR_ARG(current[0].run_id), ALM_STR_ARG(run->release),
                        ALM_STR_ARG(run->schedule), date, ALM_STR_ARG(current[0].run_id));
    }
    return ALM_OK;
}

/* who, reason and created may differ: a restart after the commit says them anew. */
static bool same_run(const alm_batch_run *a, const alm_batch_run *b) {
    return alm_str_equal(a->run_id, b->run_id) && alm_str_equal(a->schedule, b->schedule) &&
           a->prediction_date == b->prediction_date && alm_str_equal(a->release, b->release) &&
           alm_digest_equal(&a->snapshot, &b->snapshot) &&
           alm_digest_equal(&a->manifest, &b->manifest) &&
           a->predictions_version == b->predictions_version &&
           alm_str_equal(a->supersedes, b->supersedes);
}

/* ALM_ERR_EXISTS with *known filled when the run key is there. */
static alm_err check_run(alm_registry *registry, const alm_batch_run *run, alm_arena *scratch,
                         alm_batch_run *known, alm_error *error) {
    ALM_TRY(check_fields(run, error));
    bool found = false;
    run_name key = {"run_key", run->run_key};
    ALM_TRY(find_run(registry, key, scratch, known, &found, error));
    if (found) {
        return alm_fail(error, ALM_ERR_EXISTS,
                        "this run is committed already, as run " ALM_STR_FMT,
                        ALM_STR_ARG(known->run_id));
    }
    alm_batch_run other;
    run_name id = {"run_id", run->run_id};
    ALM_TRY(find_run(registry, id, scratch, &other, &found, error));
    if (found) {
        return alm_fail(error, ALM_ERR_CONFLICT,
                        "run id " ALM_STR_FMT " belongs to another run (key " ALM_STR_FMT ")",
                        ALM_STR_ARG(run->run_id), ALM_STR_ARG(other.run_key));
    }
    ALM_TRY(check_references(registry, run, scratch, error));
    return check_in_force(registry, run, scratch, error);
}

alm_err alm_registry_check_batch_run(alm_registry *registry, const alm_batch_run *run,
                                     alm_error *error) {
    ALM_TRY(almi_sql_begin_read(registry->sql, error));
    alm_arena *scratch = alm_arena_create(0);
    alm_batch_run known;
    alm_err code = check_run(registry, run, scratch, &known, error);
    alm_arena_destroy(scratch);
    return almi_sql_end(registry->sql, code, error);
}

/* ---- writing ---- */

alm_err almi_batch_run_detail(const alm_batch_run *run, alm_arena *arena, alm_str *out,
                              alm_error *error) {
    alm_buffer text = {0};
    alm_json_writer writer = alm_json_writer_on(&text);
    char date[ALM_DATE_TEXT_BYTES];
    char snapshot[ALM_DIGEST_TEXT_BYTES];
    alm_date_text(run->prediction_date, date);
    alm_digest_text(&run->snapshot, snapshot);
    alm_json_open_object(&writer);
    alm_json_put_text(&writer, "prediction_date", date);
    alm_json_put_i64(&writer, "predictions_version", run->predictions_version);
    alm_json_put_str(&writer, "run_id", run->run_id);
    alm_json_put_str(&writer, "run_key", run->run_key);
    alm_json_put_str(&writer, "schedule", run->schedule);
    alm_json_put_text(&writer, "snapshot", snapshot);
    alm_json_put_str(&writer, "supersedes", run->supersedes);
    alm_json_close_object(&writer);
    return almi_take_text(&text, arena, out, error);
}

static alm_err write_entry(alm_registry *registry, const alm_batch_run *run, alm_arena *scratch,
                           alm_ledger_entry *out, alm_error *error) {
    alm_str detail;
    ALM_TRY(almi_batch_run_detail(run, scratch, &detail, error));
    char date[ALM_DATE_TEXT_BYTES];
    char manifest[ALM_DIGEST_TEXT_BYTES];
    alm_date_text(run->prediction_date, date);
    alm_digest_text(&run->manifest, manifest);
    alm_str why = run->reason;
    if (almi_str_is_blank(why)) {
        why = alm_str_of(alm_arena_printf(scratch, "schedule " ALM_STR_FMT " for %s",
                                          ALM_STR_ARG(run->schedule), date));
    }
    alm_ledger_note note = {.action = run->supersedes.size > 0 ? ALM_LEDGER_SUPERSEDE
                                                               : ALM_LEDGER_RUN,
                            .subject = run->release,
                            .detail = detail,
                            .who = run->who,
                            .when = run->created,
                            .why = why};
    return almi_ledger_write(registry, &note, alm_str_of(manifest), scratch, out, error);
}

static alm_err insert_run(alm_registry *registry, const alm_batch_run *run, int64_t entry_seq,
                          alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "INSERT INTO batch_runs(" RUN_COLUMNS ", entry) VALUES"
                            "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                            &query, error));
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(run->prediction_date, date);
    almi_bind_text(query, run->run_id);
    almi_bind_text(query, run->run_key);
    almi_bind_text(query, run->schedule);
    almi_bind_text(query, alm_str_of(date));
    almi_bind_text(query, run->release);
    almi_bind_digest(query, &run->snapshot);
    almi_bind_digest(query, &run->manifest);
    almi_bind_i64(query, run->predictions_version);
    if (run->supersedes.size > 0) {
        almi_bind_text(query, run->supersedes);
    } else {
        almi_bind_null(query);
    }
    almi_bind_text(query, run->reason);
    almi_bind_text(query, run->who);
    almi_bind_i64(query, run->created);
    almi_bind_i64(query, entry_seq);
    return almi_query_run(query, error);
}

static alm_err add_run(alm_registry *registry, const alm_batch_run *run, alm_arena *scratch,
                       alm_error *error) {
    alm_batch_run known;
    alm_err code = check_run(registry, run, scratch, &known, error);
    /* The process may have ended between the prediction store's commit and this record. */
    if (code == ALM_ERR_EXISTS && same_run(&known, run)) {
        alm_error_clear(error);
        return ALM_OK;
    }
    ALM_TRY(code);
    alm_ledger_entry entry;
    ALM_TRY(write_entry(registry, run, scratch, &entry, error));
    return insert_run(registry, run, entry.seq, error);
}

alm_err alm_registry_add_batch_run(alm_registry *registry, const alm_batch_run *run,
                                   alm_error *error) {
    ALM_TRY(almi_sql_begin(registry->sql, error));
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = add_run(registry, run, scratch, error);
    alm_arena_destroy(scratch);
    return almi_sql_end(registry->sql, code, error);
}
