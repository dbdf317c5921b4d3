/* bar_source.h: the bars of a snapshot, symbol by symbol, in memory.
 *
 * A bar takes 48 bytes, so 20 million of them take a gigabyte: what is learned from them is larger
 * (a row of features per bar), so holding them is not what limits a training. */
#ifndef ALM_PROJECT_BAR_SOURCE_H
#define ALM_PROJECT_BAR_SOURCE_H

#include "project/snapshot.h"

typedef struct alm_bar_series {
    alm_str symbol;
    const alm_bar *bars; /* strictly rising time */
    size_t count;        /* at least 1 */
} alm_bar_series;

typedef struct alm_bar_set {
    const alm_bar_series *series; /* sorted by symbol */
    size_t series_count;
    size_t bar_count; /* of all */
} alm_bar_set;

typedef struct alm_bar_request {
    const alm_project *project;
    alm_objects *objects;
    const alm_snapshot *snapshot;
} alm_bar_request;

/* The columns are those that the project's `bars` name. An empty field is NaN, a date the midnight
 * of its day. ALM_ERR_NOT_FOUND: the snapshot has no such source; ALM_ERR_INVALID: it was a dry
 * run; ALM_ERR_LIMIT: more bars than the env's memory limit holds; ALM_ERR_CORRUPT. Everything in
 * `arena`. */
ALM_NODISCARD alm_err alm_bar_source_read(const alm_env *env, const alm_bar_request *request,
                                          alm_arena *arena, alm_bar_set *out, alm_error *error);

#endif
