/* registry_sqlite.c: the SQLite driver of the registry; the only file that includes sqlite3.h.
 *
 * Durability: the rollback journal (not WAL, which needs shared memory and three files to copy)
 * with synchronous=EXTRA, which also syncs the folder after the journal is unlinked; under FULL a
 * power cut can bring the journal back and undo a commit that was acknowledged.
 * SQLite does its own file operations: alm_fs has no locks, and a database behind another file
 * layer would be a database nobody has tested. */
#include "store/registry_internal.h"

#include <sqlite3.h>
#include <string.h>

enum {
    BUSY_TRIES_MAX = 10000, /* a millisecond or a little more each */
    APPLICATION_ID = 0x414c4d52 /* "ALMR": tells a registry from any other SQLite file */
};

struct almi_sql {
    sqlite3 *db;
    bool in_transaction;
    bool is_look; /* for reading, without waiting */
    char path[200]; /* for messages; cut when longer */
};

struct almi_query {
    almi_sql *sql;
    sqlite3_stmt *statement;
    int bound;       /* parameters bound so far */
    int column;      /* next column to read */
    alm_error first; /* first failure to bind or read */
};

/* ---- failures ---- */

static alm_err code_of(int result) {
    switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ALM_ERR_CONFLICT;
    case SQLITE_CONSTRAINT:
        return result == SQLITE_CONSTRAINT_TRIGGER ? ALM_ERR_DENIED : ALM_ERR_CONFLICT;
    case SQLITE_NOMEM:
        return ALM_ERR_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ALM_ERR_CORRUPT;
    case SQLITE_TOOBIG:
        return ALM_ERR_LIMIT;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ALM_ERR_IO;
    default:
        return ALM_ERR_EXTERNAL;
    }
}

static const char *remedy_of(int result) {
    switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "; another process holds it for more than 10 s: try again when that is done";
    case SQLITE_NOTADB:
        return "; choose the registry of an almanac project";
    case SQLITE_CORRUPT:
        return "; restore it from a copy";
    case SQLITE_FULL:
        return "; the disk is full: free some space and repeat";
    case SQLITE_CANTOPEN:
        return "; its folder must be there and be writable";
    case SQLITE_READONLY:
        return "; the file and its folder must be writable";
    default:
        return "";
    }
}

static alm_err fail_from(const almi_sql *sql, alm_error *error) {
    int result = sqlite3_extended_errcode(sql->db);
    return alm_fail(error, code_of(result), "registry %s: %s%s", sql->path, sqlite3_errmsg(sql->db),
                    remedy_of(result));
}

/* ---- statements without rows ---- */

alm_err almi_sql_execute(almi_sql *sql, const char *text, alm_error *error) {
    if (sqlite3_exec(sql->db, text, NULL, NULL, NULL) != SQLITE_OK) {
        return fail_from(sql, error);
    }
    return ALM_OK;
}

static alm_err begin(almi_sql *sql, const char *text, alm_error *error) {
    alm_assert(!sql->in_transaction);
    ALM_TRY(almi_sql_execute(sql, text, error));
    sql->in_transaction = true;
    return ALM_OK;
}

alm_err almi_sql_begin(almi_sql *sql, alm_error *error) {
    return begin(sql, "BEGIN IMMEDIATE", error);
}

alm_err almi_sql_begin_read(almi_sql *sql, alm_error *error) {
    return begin(sql, "BEGIN", error);
}

alm_err almi_sql_end(almi_sql *sql, alm_err code, alm_error *error) {
    alm_assert(sql->in_transaction);
    sql->in_transaction = false;
    if (code == ALM_OK) {
        code = almi_sql_execute(sql, "COMMIT", error);
    }
    if (code != ALM_OK && !sqlite3_get_autocommit(sql->db)) {
        /* Some failures have rolled back already. One of ROLLBACK itself adds nothing: the journal
         * is played back by whoever opens the file next. */
        sqlite3_exec(sql->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return code;
}

/* ---- opening ---- */

static alm_err read_pragma(almi_sql *sql, const char *text, int64_t *out, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(sql, text, &query, error));
    bool has_row = false;
    alm_err code = almi_query_next(query, &has_row, error);
    int64_t value = has_row ? almi_read_i64(query) : 0;
    ALM_TRY(almi_query_close(query, code, error));
    *out = value;
    return ALM_OK;
}

static alm_err make_insert_only(almi_sql *sql, const char *table, alm_error *error) {
    static const char *const verbs[] = {"UPDATE", "DELETE"};
    for (size_t i = 0; i < 2; i++) {
        char text[400];
        sqlite3_snprintf(sizeof text, text,
                         "CREATE TRIGGER %s_no_%s BEFORE %s ON %s BEGIN SELECT RAISE(ABORT, "
                         "'%s is insert-only: %s refused'); END",
                         table, verbs[i], verbs[i], table, table, verbs[i]);
        ALM_TRY(almi_sql_execute(sql, text, error));
    }
    return ALM_OK;
}

/* INSERT OR REPLACE deletes without asking the DELETE triggers, so it needs its own refusal. */
static const char ledger_in_order[] =
    "CREATE TRIGGER ledger_in_order BEFORE INSERT ON ledger"
    " WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM ledger)"
    " BEGIN SELECT RAISE(ABORT, 'ledger is insert-only: entries follow each other'); END";

static alm_err create_schema(almi_sql *sql, alm_error *error) {
    ALM_TRY(almi_sql_execute(sql, almi_schema_tables, error));
    ALM_TRY(almi_sql_execute(sql, ledger_in_order, error));
    for (size_t i = 0; almi_schema_insert_only[i]; i++) {
        ALM_TRY(make_insert_only(sql, almi_schema_insert_only[i], error));
    }
    char text[100];
    sqlite3_snprintf(sizeof text, text, "PRAGMA application_id=%d; PRAGMA user_version=%d",
                     APPLICATION_ID, ALMI_SCHEMA_VERSION);
    return almi_sql_execute(sql, text, error);
}

/* Inside a transaction, so that of two processes that make the file one finds it made. */
static alm_err check_or_create(almi_sql *sql, bool *is_new, alm_error *error) {
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;
    ALM_TRY(read_pragma(sql, "PRAGMA application_id", &application, error));
    ALM_TRY(read_pragma(sql, "PRAGMA user_version", &version, error));
    ALM_TRY(read_pragma(sql, "SELECT count(*) FROM sqlite_schema", &tables, error));
    if (application == 0 && version == 0 && tables == 0) {
        *is_new = true;
        return ALM_OK;
    }
    if (application != APPLICATION_ID) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "registry %s: a database of another program; choose the registry of an "
                        "almanac project",
                        sql->path);
    }
    if (version > ALMI_SCHEMA_VERSION) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED,
                        "registry %s: its schema version is %lld, this almanac knows up to %d; "
                        "use the newer almanac that made it",
                        sql->path, (long long)version, ALMI_SCHEMA_VERSION);
    }
    if (version < 1) {
        return alm_fail(error, ALM_ERR_CORRUPT, "registry %s: schema version %lld does not exist",
                        sql->path, (long long)version);
    }
    return ALM_OK;
}

static alm_err ensure_schema(almi_sql *sql, alm_error *error) {
    bool is_new = false;
    ALM_TRY(almi_sql_begin_read(sql, error));
    ALM_TRY(almi_sql_end(sql, check_or_create(sql, &is_new, error), error));
    if (!is_new) {
        return ALM_OK; /* no write lock for a registry that is only read */
    }
    is_new = false;
    ALM_TRY(almi_sql_begin(sql, error));
    alm_err code = check_or_create(sql, &is_new, error);
    if (code == ALM_OK && is_new) {
        code = create_schema(sql, error);
    }
    return almi_sql_end(sql, code, error);
}

/* SQLite's own waiting sleeps longer each time, up to 100 ms. A service that looks for a new entry
 * of the ledger while somebody writes it would see the entry that much later. */
static int wait_for_lock(void *context, int times) {
    (void)context;
    if (times >= BUSY_TRIES_MAX) {
        return 0;
    }
    (void)sqlite3_sleep(1);
    return 1;
}

static alm_err configure(almi_sql *sql, alm_error *error) {
    sqlite3_extended_result_codes(sql->db, 1);
    /* A registry from elsewhere must not run functions through its schema. */
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (sql->is_look) {
        bool is_new = false; /* then queries find no table, which is an error */
        sqlite3_busy_timeout(sql->db, 0);
        ALM_TRY(almi_sql_begin_read(sql, error));
        return almi_sql_end(sql, check_or_create(sql, &is_new, error), error);
    }
    sqlite3_busy_handler(sql->db, wait_for_lock, NULL);
    ALM_TRY(almi_sql_execute(sql,
                             "PRAGMA foreign_keys=ON; PRAGMA synchronous=EXTRA;"
                             "PRAGMA recursive_triggers=ON;"
                             "PRAGMA journal_mode=DELETE; PRAGMA cell_size_check=ON",
                             error));
    return ensure_schema(sql, error);
}

alm_err almi_sql_open(const char *path, bool is_look, almi_sql **out, alm_error *error) {
    void *memory;
    ALM_TRY(alm_heap_try(sizeof(almi_sql), &memory, error));
    almi_sql *sql = memory;
    sql->is_look = is_look;
    sqlite3_snprintf(sizeof sql->path, sql->path, "%s", path);
    int flags = SQLITE_OPEN_NOMUTEX |
                (is_look ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    alm_err code;
    if (sqlite3_open_v2(path, &sql->db, flags, NULL) != SQLITE_OK) {
        code = sql->db ? fail_from(sql, error)
                       : alm_fail(error, ALM_ERR_MEMORY, "registry %s: out of memory", path);
    } else {
        code = configure(sql, error);
    }
    if (code != ALM_OK) {
        almi_sql_close(sql);
        return code;
    }
    *out = sql;
    return ALM_OK;
}

void almi_sql_close(almi_sql *sql) {
    if (!sql) {
        return;
    }
    int result = sqlite3_close(sql->db); /* busy only if a query was left open: our mistake */
    alm_assert(result == SQLITE_OK);
    alm_heap_free(sql);
}

/* ---- queries ---- */

alm_err almi_query_open(almi_sql *sql, const char *text, almi_query **out, alm_error *error) {
    void *memory;
    ALM_TRY(alm_heap_try(sizeof(almi_query), &memory, error));
    almi_query *query = memory;
    query->sql = sql;
    if (sqlite3_prepare_v2(sql->db, text, -1, &query->statement, NULL) != SQLITE_OK) {
        alm_err code = fail_from(sql, error);
        alm_heap_free(query);
        return code;
    }
    *out = query;
    return ALM_OK;
}

void almi_query_remember(almi_query *query, alm_err code, const char *message) {
    if (query->first.code == ALM_OK) {
        alm_fail(&query->first, code, "%s", message);
    }
}

alm_err almi_query_status(const almi_query *query, alm_error *error) {
    if (query->first.code == ALM_OK) {
        return ALM_OK;
    }
    return alm_fail(error, query->first.code, "%s", query->first.message);
}

static void check_bind(almi_query *query, int result) {
    alm_assert(result != SQLITE_RANGE && result != SQLITE_MISUSE);
    if (result != SQLITE_OK) {
        almi_query_remember(query, code_of(result), sqlite3_errmsg(query->sql->db));
    }
}

void almi_bind_text(almi_query *query, alm_str value) {
    const char *data = value.data ? value.data : "";
    check_bind(query, sqlite3_bind_text64(query->statement, ++query->bound, data, value.size,
                                          SQLITE_TRANSIENT, SQLITE_UTF8));
}

void almi_bind_i64(almi_query *query, int64_t value) {
    check_bind(query, sqlite3_bind_int64(query->statement, ++query->bound, value));
}

void almi_bind_null(almi_query *query) {
    check_bind(query, sqlite3_bind_null(query->statement, ++query->bound));
}

alm_err almi_query_next(almi_query *query, bool *has_row, alm_error *error) {
    alm_assert(query->bound == sqlite3_bind_parameter_count(query->statement));
    ALM_TRY(almi_query_status(query, error));
    query->column = 0;
    int result = sqlite3_step(query->statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        return fail_from(query->sql, error);
    }
    *has_row = result == SQLITE_ROW;
    return ALM_OK;
}

alm_str almi_read_text(almi_query *query, alm_arena *arena) {
    int column = query->column++;
    alm_assert(column < sqlite3_column_count(query->statement));
    bool is_null = sqlite3_column_type(query->statement, column) == SQLITE_NULL;
    const unsigned char *text = sqlite3_column_text(query->statement, column);
    size_t size = (size_t)sqlite3_column_bytes(query->statement, column);
    if (!text && !is_null) {
        almi_query_remember(query, ALM_ERR_MEMORY, "out of memory while reading the registry");
        return ALM_STR("");
    }
    void *copy;
    if (alm_arena_try_alloc(arena, size + 1, &copy, NULL) != ALM_OK) {
        almi_query_remember(query, ALM_ERR_MEMORY, "out of memory while reading the registry");
        return ALM_STR("");
    }
    if (size > 0) {
        memcpy(copy, text, size);
    }
    ((char *)copy)[size] = '\0';
    return (alm_str){copy, size};
}

int64_t almi_read_i64(almi_query *query) {
    int column = query->column++;
    alm_assert(column < sqlite3_column_count(query->statement));
    return sqlite3_column_int64(query->statement, column);
}

bool almi_next_is_null(const almi_query *query) {
    return sqlite3_column_type(query->statement, query->column) == SQLITE_NULL;
}

alm_err almi_query_close(almi_query *query, alm_err code, alm_error *error) {
    sqlite3_finalize(query->statement); /* repeats the failure that next has returned */
    if (code == ALM_OK) {
        code = almi_query_status(query, error);
    }
    alm_heap_free(query);
    return code;
}
