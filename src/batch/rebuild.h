/* rebuild.h: trains a release again from its record and compares the bundle's hash.
 *
 * The promise "(snapshot, feature version, commit) rebuilds a model byte for byte" is only worth
 * something when it is tried. The snapshot comes from the object store, the project file and the
 * engine are those at hand: when they are not what the record names, that is said before any work
 * is done, since another result would prove nothing. */
#ifndef ALM_BATCH_REBUILD_H
#define ALM_BATCH_REBUILD_H

#include "project/snapshot.h"
#include "store/registry.h"

typedef struct alm_rebuild_options {
    const alm_project *project;
    alm_objects *objects;
    alm_registry *registry;
    alm_str release;        /* name or alias */
    alm_str project_commit; /* of the project folder now; empty: dirty */
    alm_str who;
} alm_rebuild_options;

typedef struct alm_rebuild_result {
    alm_str release;  /* the name that the alias meant */
    alm_str recorded; /* bundle hash in the record */
    alm_str rebuilt;
    bool identical;
} alm_rebuild_result;

/* ALM_OK also when the hashes differ: see `identical`. ALM_ERR_CONFLICT when commit, engine source,
 * a training library or the definition of model or signal are not those of the record; the message
 * names which.
 * ALM_ERR_UNSUPPORTED for an imported release. Results in `arena`. */
ALM_NODISCARD alm_err alm_rebuild(const alm_env *env, const alm_rebuild_options *options,
                                  alm_arena *arena, alm_rebuild_result *out, alm_error *error);

#endif
