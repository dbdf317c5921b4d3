/* verify.h: recomputes every hash that vouches for the predictions.
 *
 * The chain that is checked: data file bytes -> name (SHA-256) -> run manifest (object, named by
 * its SHA-256) -> commit -> registry row -> ledger entry -> chain head -> commit. Whatever an
 * outsider changed (a byte, a row, a commit, a file) breaks one link and is named. Nothing is
 * repaired and nothing is written. Thread safety: as the stores. */
#ifndef ALM_BATCH_VERIFY_H
#define ALM_BATCH_VERIFY_H

#include "batch/query.h"

/* X(name, text): the checks in the order in which they are made and printed. */
#define ALM_VERIFY_CHECK_MAP(X)                                                          \
    X(LOG, "commit log", "versions without gap, protocol and schema unchanged")          \
    X(FOREIGN, "foreign commits", "every commit is a run of ours, nothing was removed")  \
    X(DATA, "data files", "size and SHA-256 of every file")                              \
    X(MANIFEST, "run manifests", "manifest, commit and file list agree")                 \
    X(REGISTRY, "registry", "runs of the registry and of the table agree")               \
    X(LEDGER, "ledger", "hash chain, and the head that every commit recorded")           \
    X(FAN, "fan files", "SHA-256 of every node-sorted copy")                             \
    X(LINEAGE, "lineage", "snapshot and bundles that runs name are there")               \
    X(OBJECTS, "objects", "SHA-256 of every object")

typedef enum alm_verify_check {
#define ALM_VERIFY_ENUM(name, title, text) ALM_VERIFY_##name,
    ALM_VERIFY_CHECK_MAP(ALM_VERIFY_ENUM)
#undef ALM_VERIFY_ENUM
        ALM_VERIFY_CHECKS
} alm_verify_check;

typedef struct alm_verify_line {
    const char *title;
    const char *text;
    int64_t checked;     /* things looked at */
    int64_t problems;
    const char *problem; /* the first one, precisely; NULL without problems */
} alm_verify_line;

typedef struct alm_verify_report {
    alm_verify_line line[ALM_VERIFY_CHECKS];
    int64_t problems;
    int64_t bytes;     /* of the data files */
    int64_t rows;
} alm_verify_report;

/* `root` is the folder of the prediction store; it is opened anew (`stores->predictions` is not
 * used and may be NULL, so that a table that no longer opens can be examined). ALM_OK also when
 * there are problems: the caller fails with alm_verify_status. Everything in `arena`. */
ALM_NODISCARD alm_err alm_verify_predictions(alm_fs *fs, const char *root,
                                             const alm_read_stores *stores, alm_arena *arena,
                                             alm_verify_report *out, alm_error *error);
/* ALM_ERR_CORRUPT with the first problem of the first check that has one, or ALM_OK. */
ALM_NODISCARD alm_err alm_verify_status(const alm_verify_report *report, alm_error *error);
/* One line per check: "ok    data files       56 checked   size and SHA-256 of every file". */
void alm_verify_print(const alm_verify_report *report, alm_buffer *out);
/* {"ok":true,"problems":0,"checks":[{"name","checked","problems","problem"}, ..]} */
void alm_verify_print_json(const alm_verify_report *report, alm_buffer *out);

#endif
