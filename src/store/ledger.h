/* ledger.h: who did what to which release, when and why; append-only and hash-chained.
 *
 * Approvals, comparisons and aliases are nothing but ledger entries: the registry shows them as
 * views, so there is no second truth that could disagree. Rules, checked in the transaction that
 * writes the entry:
 *   every entry    a subject that is a registered release, who, when and why (not blank);
 *   register       only by alm_registry_register_release;
 *   run, supersede only by alm_registry_add_batch_run;
 *   approve        not of an experimental or retired release;
 *   promote        needs a comparison and an approval of that release, recorded after its
 *                  registration; never an experimental or retired one; a valid alias;
 *   rollback       the alias goes back to the release promoted before (a promotion pushes, a
 *                  rollback pops); an error when there is none;
 *   retire         not while an alias points to the release.
 *
 * Chain: hash(n) = SHA-256 over "almanac ledger 1", hash(n-1) (32 zero bytes before the first), and
 * seq, action, subject, object, alias, detail, who, when, why in this order; numbers are 8 bytes
 * little endian (`when` as two's complement), texts have their size in front (alm_hash_update_str).
 * Triggers refuse UPDATE and DELETE; whoever removes the triggers is found by alm_ledger_verify.
 *
 * Errors: ALM_ERR_INVALID (fields), ALM_ERR_NOT_FOUND (subject), ALM_ERR_DENIED (rule),
 * ALM_ERR_EXISTS (the alias already points there), ALM_ERR_CONFLICT (locked by another process),
 * ALM_ERR_CORRUPT (verify). A failed append leaves the ledger as it was. */
#ifndef ALM_STORE_LEDGER_H
#define ALM_STORE_LEDGER_H

#include "store/registry.h"

/* X(name, text) */
#define ALM_LEDGER_ACTION_MAP(X) \
    X(REGISTER, "register")      \
    X(COMPARE, "compare")        \
    X(APPROVE, "approve")        \
    X(PROMOTE, "promote")        \
    X(ROLLBACK, "rollback")      \
    X(RUN, "run")                \
    X(SUPERSEDE, "supersede")    \
    X(RETIRE, "retire")

typedef enum alm_ledger_action {
    ALM_LEDGER_ANY, /* for filters */
#define ALM_LEDGER_ENUM(name, text) ALM_LEDGER_##name,
    ALM_LEDGER_ACTION_MAP(ALM_LEDGER_ENUM)
#undef ALM_LEDGER_ENUM
        ALM_LEDGER_ACTION_COUNT
} alm_ledger_action;

typedef struct alm_ledger_head {
    int64_t seq; /* 0: empty ledger, the hash is zero then */
    alm_digest hash;
} alm_ledger_head;

typedef struct alm_ledger_entry {
    int64_t seq; /* from 1, without gaps */
    alm_ledger_action action;
    alm_str subject; /* release name */
    alm_str object;  /* hexadecimal digest: release hash, or manifest of a run */
    alm_str alias;   /* promote and rollback; else empty */
    alm_str detail;  /* a JSON object */
    alm_str who;
    alm_instant when;
    alm_str why;
    alm_digest previous;
    alm_digest hash;
} alm_ledger_entry;

/* What an append needs. */
typedef struct alm_ledger_note {
    alm_ledger_action action;
    alm_str subject; /* rollback: may be empty, else it must be the release that it leads to */
    alm_str alias;   /* promote and rollback */
    alm_str detail;  /* a JSON object; empty means {} */
    alm_str who;
    alm_instant when;
    alm_str why;
} alm_ledger_note;

typedef struct alm_ledger_filter { /* all zero: everything */
    alm_ledger_action action;
    alm_str subject;
    alm_str alias;
    int64_t after_seq;
    int64_t limit; /* 0: no limit */
} alm_ledger_filter;

const char *alm_ledger_action_text(alm_ledger_action action);
bool alm_ledger_action_parse(alm_str text, alm_ledger_action *out);

/* compare, approve, promote, rollback, retire. `out` gets the entry as written, in `arena`. */
ALM_NODISCARD alm_err alm_ledger_append(alm_registry *registry, const alm_ledger_note *note,
                                        alm_arena *arena, alm_ledger_entry *out, alm_error *error);
/* Would alm_ledger_append write it now? The same errors; nothing is written, and it may have
 * changed until something is. */
ALM_NODISCARD alm_err alm_ledger_check(alm_registry *registry, const alm_ledger_note *note,
                                       alm_arena *scratch, alm_error *error);
ALM_NODISCARD alm_err alm_ledger_get_head(alm_registry *registry, alm_ledger_head *out,
                                          alm_error *error);
/* In order of seq. */
ALM_NODISCARD alm_err alm_ledger_list(alm_registry *registry, const alm_ledger_filter *filter,
                                      alm_arena *arena, alm_ledger_entry **out, size_t *count,
                                      alm_error *error);

/* Has somebody approved the release? */
ALM_NODISCARD alm_err alm_ledger_is_approved(alm_registry *registry, alm_str release, bool *out,
                                             alm_error *error);

/* The release that a rollback of `alias` would lead to; ALM_ERR_DENIED when there is none. */
ALM_NODISCARD alm_err alm_ledger_previous_release(alm_registry *registry, alm_str alias,
                                                  alm_arena *arena, alm_str *out,
                                                  alm_error *error);

/* The hash that an entry must have after `previous`; for tests and for other implementations. */
alm_digest alm_ledger_entry_hash(const alm_ledger_entry *entry, const alm_digest *previous);

/* Recomputes the chain and compares releases (members, training run with inputs and report) and
 * batch runs with their entries. ALM_ERR_CORRUPT names the first bad entry by seq and what differs,
 * and sets *bad_seq (may be NULL; 0 when a row without an entry is at fault). `expected` (may be
 * NULL) is a head that was recorded elsewhere, such as in a commit of the prediction store: it
 * finds entries cut off at the end and a chain that was computed anew. `out` (may be NULL) gets the
 * head. */
ALM_NODISCARD alm_err alm_ledger_verify(alm_registry *registry, const alm_ledger_head *expected,
                                        alm_ledger_head *out, int64_t *bad_seq, alm_error *error);

#endif
