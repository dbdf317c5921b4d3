/* signal_bundle.h: a trained signal as objects: files of its scorer, its report and a manifest.
 *
 * manifest.json is canonical and its SHA-256 is the bundle's identity. It names every file by its
 * hash and holds what determined them, nothing of people and clocks:
 *   {"feature_version":DIGEST,"files":{"bars.json":DIGEST,...,"scorer.json":DIGEST},"format":1,
 *    "inputs":TEXT,"kind":"signal","origin":"trained","report":DIGEST,"signal":NAME,
 *    "snapshot_id":DIGEST,"training_run_id":DIGEST}
 * Data only: nothing in it can execute. Reading verifies every hash before anything is parsed. */
#ifndef ALM_SIGNAL_SIGNAL_BUNDLE_H
#define ALM_SIGNAL_SIGNAL_BUNDLE_H

#include "model/scorer/scorer.h"
#include "store/objects.h"

typedef struct alm_signal_bundle {
    alm_str signal;          /* name in the project file */
    alm_str training_run_id; /* hash of `inputs` */
    alm_str inputs;          /* canonical JSON */
    alm_str feature_version; /* digest text: of the plan over bars */
    alm_str snapshot_id;
    const alm_scorer_file *file; /* sorted by name, one of them scorer.json */
    size_t file_count;
    alm_str report;          /* report.json */
} alm_signal_bundle;

/* Puts the files, then the manifest. The same bundle again gives the same hash. */
ALM_NODISCARD alm_err alm_signal_bundle_save(alm_objects *objects, const alm_signal_bundle *bundle,
                                             alm_digest *out, alm_error *error);

/* Everything, verified, in `arena`. ALM_ERR_UNSUPPORTED: a bundle of another kind, or a newer
 * format; ALM_ERR_CORRUPT; ALM_ERR_NOT_FOUND. */
ALM_NODISCARD alm_err alm_signal_bundle_read(alm_objects *objects, const alm_digest *hash,
                                             alm_arena *arena, alm_signal_bundle *out,
                                             alm_error *error);

/* Is it the bundle of a signal? Errors of reading its manifest. */
ALM_NODISCARD alm_err alm_signal_bundle_is(alm_objects *objects, const alm_digest *hash, bool *out,
                                           alm_error *error);

#endif
