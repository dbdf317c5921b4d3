/* registry_internal.h: the seam between the rules (registry*.c, ledger*.c) and a database driver
 * (registry_sqlite.c). A driver for another database implements exactly the almi_sql, almi_query,
 * almi_bind and almi_read functions; statements are plain SQL with ?1, ?2, ... parameters.
 *
 * Use: open a query, bind its parameters in order, then hand it to almi_query_run, _one or _all,
 * which close it. A failure to bind or to read is remembered and returned there. */
#ifndef ALM_STORE_REGISTRY_INTERNAL_H
#define ALM_STORE_REGISTRY_INTERNAL_H

#include "store/ledger.h"

typedef struct almi_sql almi_sql;
typedef struct almi_query almi_query;

struct alm_registry {
    almi_sql *sql;
};

/* ---- schema (registry_schema.c) ---- */

#define ALMI_SCHEMA_VERSION 1

/* Every create statement but the insert-only triggers, whose syntax belongs to the driver. */
extern const char almi_schema_tables[];
/* Tables that the driver makes insert-only; NULL at the end. */
extern const char *const almi_schema_insert_only[];

/* ---- driver (registry_sqlite.c) ---- */

/* Opens or makes the database and its schema; settings as registry.h promises. `is_look`: what is
 * there, for reading, without waiting for a lock. */
ALM_NODISCARD alm_err almi_sql_open(const char *path, bool is_look, almi_sql **out,
                                    alm_error *error);
void almi_sql_close(almi_sql *sql);
/* A writing transaction from its start, so that a check and the write behind it are one. */
ALM_NODISCARD alm_err almi_sql_begin(almi_sql *sql, alm_error *error);
/* Several reads that must see one state. */
ALM_NODISCARD alm_err almi_sql_begin_read(almi_sql *sql, alm_error *error);
/* Commits when `code` is ALM_OK, else rolls back; returns what the caller is to return. */
ALM_NODISCARD alm_err almi_sql_end(almi_sql *sql, alm_err code, alm_error *error);
/* Statements without parameters or rows; tests use it to tamper. */
ALM_NODISCARD alm_err almi_sql_execute(almi_sql *sql, const char *text, alm_error *error);

ALM_NODISCARD alm_err almi_query_open(almi_sql *sql, const char *text, almi_query **out,
                                      alm_error *error);
void almi_bind_text(almi_query *query, alm_str value);
void almi_bind_i64(almi_query *query, int64_t value);
void almi_bind_null(almi_query *query);
ALM_NODISCARD alm_err almi_query_next(almi_query *query, bool *has_row, alm_error *error);
/* Columns of the row in order. */
alm_str almi_read_text(almi_query *query, alm_arena *arena); /* NULL reads as empty */
int64_t almi_read_i64(almi_query *query);
bool almi_next_is_null(const almi_query *query);
/* The remembered failure, for whoever judges a row before the next step would report it. */
ALM_NODISCARD alm_err almi_query_status(const almi_query *query, alm_error *error);
void almi_query_remember(almi_query *query, alm_err code, const char *message);
/* Returns `code`, or the remembered failure when that is ALM_OK. */
ALM_NODISCARD alm_err almi_query_close(almi_query *query, alm_err code, alm_error *error);

/* ---- on top of the driver (registry_query.c) ---- */

void almi_bind_digest(almi_query *query, const alm_digest *value);
alm_digest almi_read_digest(almi_query *query, alm_arena *arena);

typedef void (*almi_row_reader)(almi_query *query, alm_arena *arena, void *out);

ALM_NODISCARD alm_err almi_query_run(almi_query *query, alm_error *error);
/* *found false and `out` untouched when there is no row. */
ALM_NODISCARD alm_err almi_query_one(almi_query *query, almi_row_reader reader, alm_arena *arena,
                                     void *out, bool *found, alm_error *error);

typedef struct almi_rows {
    void *items;
    size_t count;
} almi_rows;

ALM_NODISCARD alm_err almi_query_all(almi_query *query, almi_row_reader reader, size_t item_bytes,
                                     alm_arena *arena, almi_rows *out, alm_error *error);

/* ---- pieces that the rules share ---- */

bool almi_str_is_blank(alm_str text);
/* ALM_ERR_INVALID unless it is UTF-8 with something but blanks and no NUL in it. */
ALM_NODISCARD alm_err almi_check_text(alm_str text, const char *what, alm_error *error);
/* ALM_ERR_INVALID unless it is a JSON object; `what` goes into the message. */
ALM_NODISCARD alm_err almi_check_json_object(alm_str text, const char *what, alm_error *error);

/* Inside a transaction of the caller: */
ALM_NODISCARD alm_err almi_find_release(alm_registry *registry, alm_str name, alm_arena *arena,
                                        alm_release *out, bool *found, alm_error *error);
/* "no model version or alias 'x'; known: ..." */
ALM_NODISCARD alm_err almi_unknown_release(alm_registry *registry, alm_str name,
                                           alm_arena *scratch, alm_error *error);
ALM_NODISCARD alm_err almi_list_releases(alm_registry *registry, alm_str model, alm_arena *arena,
                                         almi_rows *out, alm_error *error);
ALM_NODISCARD alm_err almi_list_batch_runs(alm_registry *registry,
                                           const alm_batch_run_filter *filter, alm_arena *arena,
                                           almi_rows *out, alm_error *error);
/* The training run of a release that has one. */
ALM_NODISCARD alm_err almi_training_run_of(alm_registry *registry, const alm_release *release,
                                           alm_arena *arena, alm_training_run *out,
                                           alm_error *error);
/* `detail` texts of entries that mirror a row: verify makes them again and compares. The one of a
 * release also holds a hash of its training run's record, so that the report which was approved
 * cannot be exchanged; SHA-256 over "almanac training run 1", inputs, bundle and report. */
ALM_NODISCARD alm_err almi_release_detail(alm_registry *registry, const alm_release *release,
                                          alm_arena *arena, alm_str *out, alm_error *error);
ALM_NODISCARD alm_err almi_batch_run_detail(const alm_batch_run *run, alm_arena *arena,
                                            alm_str *out, alm_error *error);
/* Copies the text into the arena and frees the buffer; ALM_ERR_MEMORY if it had failed. */
ALM_NODISCARD alm_err almi_take_text(alm_buffer *buffer, alm_arena *arena, alm_str *out,
                                     alm_error *error);
/* Checks fields, writes the entry behind the head. The caller has checked the rules. */
ALM_NODISCARD alm_err almi_ledger_write(alm_registry *registry, const alm_ledger_note *note,
                                        alm_str object, alm_arena *arena, alm_ledger_entry *out,
                                        alm_error *error);

#endif
