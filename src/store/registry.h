/* registry.h: names, versions and records of everything that was made, in one SQL database.
 *
 * A bundle is identified by its content hash. A release is a set of bundles (by role); its identity
 * is the hash of its members, its name (`demand-3`: model and version number) is the model version
 * that consumers see. An alias (`production`) is where the ledger's last promotion or rollback of
 * that alias points. Nothing is implicit: `latest` is refused.
 *
 * Everything only grows: rows of all tables are insert-only (triggers). Adding the same thing
 * again is fine and changes nothing; adding another thing under the same identity is
 * ALM_ERR_CONFLICT. Each function is one transaction: a failure leaves nothing half done. Digests
 * of the content, who and when come from the caller; the registry reads no clock.
 *
 * The twin in memory is SQLite's own database ":memory:" behind the same code. Statements, triggers
 * and transactions are what must be tested, and a second implementation would have none of them;
 * the seam for another database is registry_internal.h, below the rules, above the driver.
 *
 * Errors: ALM_ERR_NOT_FOUND, ALM_ERR_INVALID (fields), ALM_ERR_CONFLICT (other content, or locked
 * by another process for longer than 10 s), ALM_ERR_UNSUPPORTED (made by a newer almanac),
 * ALM_ERR_CORRUPT, ALM_ERR_IO. Thread safety: one thread per alm_registry; any number of processes
 * and connections per file. Returned texts live in the given arena, NUL terminated. */
#ifndef ALM_STORE_REGISTRY_H
#define ALM_STORE_REGISTRY_H

#include "base/date.h"
#include "base/hash.h"

typedef struct alm_registry alm_registry;

/* Makes the database when the file is absent (its folder must be there); ":memory:" for tests.
 * Commits are durable: they sync the file, the journal and the journal's folder. */
ALM_NODISCARD alm_err alm_registry_open(const char *path, alm_registry **out, alm_error *error);
/* A registry that is there, for reading only and for who must not wait: whatever would have to wait
 * for a lock gives ALM_ERR_CONFLICT at once, at opening or later. Writing functions fail. */
ALM_NODISCARD alm_err alm_registry_look(const char *path, alm_registry **out, alm_error *error);
void alm_registry_close(alm_registry *registry); /* takes NULL */

/* ---- snapshots and feature versions ---- */

typedef struct alm_snapshot_record {
    alm_digest id;    /* of canonical column values */
    alm_str manifest; /* JSON: object digests, rows, known_at rules */
    alm_str sources;  /* JSON: what was read, with digests */
    alm_instant window_start;
    alm_instant window_end; /* exclusive */
    alm_instant created;
} alm_snapshot_record;

/* The same id with another manifest is a conflict; `sources` and `created` stay as first given. */
ALM_NODISCARD alm_err alm_registry_add_snapshot(alm_registry *registry,
                                                const alm_snapshot_record *record,
                                                alm_error *error);
ALM_NODISCARD alm_err alm_registry_get_snapshot(alm_registry *registry, const alm_digest *id,
                                                alm_arena *arena, alm_snapshot_record *out,
                                                alm_error *error);
/* In the order of adding. */
ALM_NODISCARD alm_err alm_registry_list_snapshots(alm_registry *registry, alm_arena *arena,
                                                  alm_snapshot_record **out, size_t *count,
                                                  alm_error *error);

typedef struct alm_feature_version_record {
    alm_digest id;      /* of the definition and of the operators' revisions */
    alm_str definition; /* canonical JSON */
    alm_instant created;
} alm_feature_version_record;

ALM_NODISCARD alm_err alm_registry_add_feature_version(alm_registry *registry,
                                                       const alm_feature_version_record *record,
                                                       alm_error *error);
ALM_NODISCARD alm_err alm_registry_get_feature_version(alm_registry *registry,
                                                       const alm_digest *id, alm_arena *arena,
                                                       alm_feature_version_record *out,
                                                       alm_error *error);

/* ---- training runs ---- */

typedef struct alm_training_run {
    alm_digest id;     /* hash of `inputs` */
    alm_str inputs;    /* JSON: snapshot, feature version, commits, libraries, seed, windows */
    alm_digest bundle; /* what came out */
    alm_str report;    /* JSON */
    bool experimental; /* from a dirty tree: can never be approved or promoted */
    alm_str who;
    alm_instant created;
} alm_training_run;

/* The same inputs must give the same bundle: another bundle under the same id is a conflict whose
 * message says so. An experimental and a clean run of one id are two records, because what the
 * commit does not show may differ. */
ALM_NODISCARD alm_err alm_registry_add_training_run(alm_registry *registry,
                                                    const alm_training_run *run,
                                                    alm_error *error);
/* The clean record when there are two. */
ALM_NODISCARD alm_err alm_registry_get_training_run(alm_registry *registry, const alm_digest *id,
                                                    alm_arena *arena, alm_training_run *out,
                                                    alm_error *error);
/* `release` is a name, not an alias. ALM_ERR_NOT_FOUND for an imported release. */
ALM_NODISCARD alm_err alm_registry_training_run_of(alm_registry *registry, alm_str release,
                                                   alm_arena *arena, alm_training_run *out,
                                                   alm_error *error);

/* ---- releases and aliases ---- */

typedef enum alm_release_origin { ALM_RELEASE_TRAINED, ALM_RELEASE_IMPORTED } alm_release_origin;

typedef struct alm_release_member {
    alm_str role; /* what the bundle is for: "demand", "stockout", a class or a level; UTF-8 */
    alm_digest bundle;
} alm_release_member;

typedef struct alm_release_request {
    alm_str model;                     /* [A-Za-z0-9._-], at most 80 bytes */
    const alm_release_member *members; /* at least one, each role once, any order */
    size_t member_count;
    const alm_digest *training_run; /* NULL exactly when imported */
    alm_release_origin origin;
    bool experimental; /* that of the training run */
    alm_str who;
    alm_instant when;
    alm_str why;
} alm_release_request;

typedef struct alm_release {
    alm_str name; /* "demand-3" */
    alm_str model;
    int64_t version; /* 3 */
    alm_digest hash;
    const alm_release_member *members; /* sorted by role */
    size_t member_count;
    bool has_training_run;
    alm_digest training_run;
    alm_release_origin origin;
    bool experimental;
    bool retired;
    alm_str who;
    alm_instant created;
} alm_release;

/* SHA-256 over "almanac release 1", the count, and role and bundle of the members, sorted by
 * role; hashed as texts (size first), u64 and raw bytes of base/hash.h. */
alm_digest alm_release_hash(const alm_release_member *members, size_t count, alm_arena *scratch);

/* Gives the next name of the model and writes the ledger's `register` entry. The same members
 * again give the release that is there (*out tells which) and write nothing, except that a clean
 * release is made beside an experimental one. Members registered under another model are
 * ALM_ERR_EXISTS. */
ALM_NODISCARD alm_err alm_registry_register_release(alm_registry *registry,
                                                    const alm_release_request *request,
                                                    alm_arena *arena, alm_release *out,
                                                    alm_error *error);
ALM_NODISCARD alm_err alm_registry_get_release(alm_registry *registry, alm_str name,
                                               alm_arena *arena, alm_release *out,
                                               alm_error *error);
/* All, or those of one model (`model` empty: all), in the order of registration. */
ALM_NODISCARD alm_err alm_registry_list_releases(alm_registry *registry, alm_str model,
                                                 alm_arena *arena, alm_release **out,
                                                 size_t *count, alm_error *error);

/* A model version or an alias; the answer's name is to be echoed. ALM_ERR_NOT_FOUND names what is
 * known; an empty name and `latest` are ALM_ERR_INVALID, since nothing is implicit. */
ALM_NODISCARD alm_err alm_registry_resolve(alm_registry *registry, alm_str name_or_alias,
                                           alm_arena *arena, alm_release *out, alm_error *error);

typedef struct alm_alias {
    alm_str alias;
    alm_str release;
    int64_t seq; /* the ledger entry that set it */
} alm_alias;

/* Sorted by alias. */
ALM_NODISCARD alm_err alm_registry_list_aliases(alm_registry *registry, alm_arena *arena,
                                                alm_alias **out, size_t *count, alm_error *error);

/* ---- batch runs ---- */

typedef struct alm_batch_run {
    alm_str run_id;
    alm_str run_key; /* identity of (schedule, prediction date, release, snapshot) */
    alm_str schedule;
    alm_date prediction_date;
    alm_str release; /* a name, not an alias */
    alm_digest snapshot;
    alm_digest manifest;
    int64_t predictions_version; /* of the prediction store's table */
    alm_str supersedes;          /* run_id, or empty */
    alm_str reason;              /* needed when it supersedes */
    alm_str who;
    alm_instant created;
} alm_batch_run;

typedef struct alm_batch_run_filter { /* all zero: every run */
    alm_str schedule;
    alm_str release;
    const alm_date *prediction_date; /* NULL: any */
    bool current_only;               /* those that no other run supersedes */
} alm_batch_run_filter;

/* Would alm_registry_add_batch_run accept it? To be asked before the prediction store's commit:
 * ALM_ERR_EXISTS when the run key is there; ALM_ERR_CONFLICT when another run is in force for the
 * schedule, date and release and `supersedes` does not name it. */
ALM_NODISCARD alm_err alm_registry_check_batch_run(alm_registry *registry,
                                                   const alm_batch_run *run, alm_error *error);
/* Records a committed run and writes the ledger's `run` or `supersede` entry. The same run again
 * (a restart after the commit) changes nothing. */
ALM_NODISCARD alm_err alm_registry_add_batch_run(alm_registry *registry, const alm_batch_run *run,
                                                 alm_error *error);
ALM_NODISCARD alm_err alm_registry_get_batch_run(alm_registry *registry, alm_str run_id,
                                                 alm_arena *arena, alm_batch_run *out,
                                                 alm_error *error);
ALM_NODISCARD alm_err alm_registry_find_batch_run(alm_registry *registry, alm_str run_key,
                                                  alm_arena *arena, alm_batch_run *out,
                                                  alm_error *error);
/* In the order of adding. */
ALM_NODISCARD alm_err alm_registry_list_batch_runs(alm_registry *registry,
                                                   const alm_batch_run_filter *filter,
                                                   alm_arena *arena, alm_batch_run **out,
                                                   size_t *count, alm_error *error);

#endif
