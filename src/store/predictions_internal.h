/* predictions_internal.h: the open table, shared by predictions.c and predictions_commit.c. */
#ifndef ALM_STORE_PREDICTIONS_INTERNAL_H
#define ALM_STORE_PREDICTIONS_INTERNAL_H

#include "store/delta_log.h"
#include "store/staging.h"

struct alm_predictions {
    alm_fs *fs;
    alm_arena *arena; /* holds the struct too */
    const char *root;
    const char *log;
    const char *staging;
    alm_predictions_commit *commit; /* versions 0 .. commits-1 */
    size_t commits, commit_capacity;
    int64_t safe_version; /* entries up to here survive a power cut: we synced the folder */
    int64_t reader_version, writer_version; /* the newest protocol */
    alm_str schema_text;                    /* of entry 0, as the next three */
    alm_str partition_columns, configuration;
    int64_t changed_version; /* first later entry with another schema or protocol; -1: none */
};

/* Syncs the log folder unless all entries read are known to be safe already. */
ALM_NODISCARD alm_err almi_predictions_secure(alm_predictions *table, alm_error *error);

#endif
