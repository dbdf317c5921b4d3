/* audit.h: the append-only record of what changed the state of the service: who did what, when, by
 * which request, with which outcome.
 *
 * A record is one line of JSON in a file of the folder, synced before alm_audit_append returns:
 *
 *   {"seq":1,"time":"…","who":"anna","kind":"token","action":"deploy","object":"demand-3",
 *    "outcome":"done","request_id":"…","detail":"…","previous":"<64 digits>","hash":"<64 digits>"}
 *
 * Chain: `hash` is the SHA-256 of the line's bytes before `,"hash":`, and `previous` is the hash of
 * the line before (64 zeros before the first). So a line that is changed, taken out or put in
 * breaks the chain, and one cut off at the end is found by comparing the head with one noted
 * elsewhere.
 *
 * Files are audit-000001.jsonl and so on. A file is never written again once it was left: each
 * process begins its own with its first record, and so does the record after a failed write or
 * after ALM_AUDIT_FILE_BYTES. A file begins with a copy of the last acknowledged line, so it does
 * not depend on the end of the file before it, where a crash may have left half a line, or a whole
 * one that was never acknowledged. Reading passes over such a line there, and nowhere else.
 *
 * No member ever holds credentials: there is none in alm_audit_entry. Texts are bounded.
 *
 * Thread safety: append from any thread, one at a time inside; it waits for the disk, so not on an
 * event loop that must answer others. */
#ifndef ALM_HTTP_ACCESS_AUDIT_H
#define ALM_HTTP_ACCESS_AUDIT_H

#include "base/fs.h"
#include "base/hash.h"
#include "http/access/role.h"

#define ALM_AUDIT_TEXT_BYTES_MAX 1024 /* of each text; longer ones are refused */
#define ALM_AUDIT_FILE_BYTES ((uint64_t)16 << 20)

typedef struct alm_audit alm_audit;

typedef struct alm_audit_entry {
    alm_instant when;
    alm_identity_kind kind;
    alm_str who;        /* subject of the identity */
    alm_str action;     /* "deploy", "train", "keys.reload" */
    alm_str object;     /* what it was done to: a release, a job */
    alm_str outcome;    /* "done", "refused", "failed" */
    alm_str request_id;
    alm_str detail;     /* may be empty */
} alm_audit_entry;

typedef struct alm_audit_head {
    uint64_t seq; /* 0: no record; the hash is zero then */
    alm_digest hash;
} alm_audit_head;

/* Reads the folder (made when it is not there) up to its end and checks the chain on the way;
 * ALM_ERR_CORRUPT names the file and line that break it. One process per folder. */
ALM_NODISCARD alm_err alm_audit_open(alm_fs *fs, const char *folder, alm_audit **out,
                                     alm_error *error);
void alm_audit_close(alm_audit *audit); /* takes NULL */

/* Durable when it returns ALM_OK. ALM_ERR_INVALID: a text that is too long or no UTF-8, or no who,
 * action or outcome. After another failure the record may be there or not; a new file is begun for
 * the next one. */
ALM_NODISCARD alm_err alm_audit_append(alm_audit *audit, const alm_audit_entry *entry,
                                       alm_error *error);
alm_audit_head alm_audit_get_head(alm_audit *audit);

/* Checks the whole folder without opening it for writing. `out` may be NULL. */
ALM_NODISCARD alm_err alm_audit_verify(alm_fs *fs, const char *folder, alm_audit_head *out,
                                       alm_error *error);

#endif
