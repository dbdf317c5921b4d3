/* committed_run.h: one committed run in memory, for answers within microseconds.
 *
 * Loaded from the run's fan file, column by column; every number is the stored one, bit for bit,
 * and a null of the store is NaN here (a stored NaN or infinity is ALM_ERR_CORRUPT: no run writes
 * one). Immutable once loaded; any thread may read it. Runs are counted: who keeps one takes a
 * reference.
 *
 * Memory, in bytes a node: steps x (8 x (2 + quantiles + 3 with stock) + 5) + 12 for each line of
 * an explanation + names + what node_tree.h says + 1.1 KB for its sample paths. A run of 28 steps,
 * 8 quantiles, stock and 7 lines takes about 6.5 KB a node.
 *
 * Errors of loading: ALM_ERR_UNSUPPORTED (the run names no fan file), ALM_ERR_CORRUPT (object, or
 * rows that are not nodes x steps of this run), ALM_ERR_LIMIT (before anything is loaded),
 * ALM_ERR_MEMORY, ALM_ERR_IO. */
#ifndef ALM_SERVE_COMMITTED_RUN_H
#define ALM_SERVE_COMMITTED_RUN_H

#include "pipeline/paths/path_file.h"
#include "project/project.h"
#include "serve/committed/node_tree.h"
#include "store/run_catalog.h"

#define ALM_COMMITTED_STEPS_MAX 400
#define ALM_COMMITTED_QUANTILES_MAX 64
#define ALM_COMMITTED_LINES_MAX 64 /* of one explanation */

typedef struct alm_committed_run alm_committed_run;

typedef struct alm_committed_facts {
    alm_str run_id, schedule, model_version, release_hash;
    alm_str snapshot_id, feature_version, training_run_id;
    alm_digest manifest; /* of the run, an object */
    alm_date prediction_date;         /* the day of step 1 */
    alm_instant prediction_timestamp; /* logical: the prediction date at 00:00 UTC */
    alm_instant committed;            /* time of the commit in the store's log */
    int64_t version;                  /* of the prediction store */
    int32_t steps;
    size_t nodes;
    const double *quantile; /* levels, rising; NULL without any */
    size_t quantiles;
    uint64_t bytes; /* that the run keeps */
} alm_committed_facts;

/* One node; arrays of `steps`, views into the run. */
typedef struct alm_committed_node {
    alm_str node, level; /* level "series" of leaves */
    size_t index;        /* of the node in the run */
    alm_str method;      /* what made the base forecast */
    alm_str fallback;    /* empty: none */
    const double *mean, *base_mean;
    const double *quantile; /* quantiles x steps, by level */
    /* NULL where no node of the run has a stock position; NaN where this one has none. */
    const double *stockout_probability, *days_to_stockout, *shortfall;
} alm_committed_node;

typedef struct alm_committed_line {
    alm_str feature;
    double contribution; /* units */
} alm_committed_line;

typedef struct alm_committed_load {
    uint64_t memory_limit_bytes;   /* of what the run keeps; 0: none */
    uint64_t engine_memory_bytes;  /* of the table engine while it reads; 0: its default */
    const char *scratch_directory; /* of the engine; NULL: none */
    const alm_project *project;    /* whose levels the nodes are of; NULL: not known */
} alm_committed_load;

/* Reads the run (not on a worker: it hashes and decodes the file). A reference is the caller's. */
ALM_NODISCARD alm_err alm_committed_run_load(const alm_run_stores *stores,
                                             const alm_catalog_run *run,
                                             const alm_committed_load *options,
                                             alm_committed_run **out, alm_error *error);
alm_committed_run *alm_committed_run_ref(alm_committed_run *run);
void alm_committed_run_unref(alm_committed_run *run); /* takes NULL; the last one destroys */

const alm_committed_facts *alm_committed_run_facts(const alm_committed_run *run);
const alm_node_tree *alm_committed_run_tree(const alm_committed_run *run);
/* The sample paths of a series, made again in `arena`: half a millisecond. ALM_ERR_UNSUPPORTED: the
 * run kept none; ALM_ERR_INVALID: an aggregate. When what they are made of cannot be read, the run
 * answers everything else, and this tells why (ALM_ERR_UNAVAILABLE). */
ALM_NODISCARD alm_err alm_committed_paths(const alm_committed_run *run,
                                          const alm_committed_node *node, alm_arena *arena,
                                          alm_node_paths *out, alm_error *error);
/* By name. `level` empty: the series of that name, else the one aggregate that has it.
 * ALM_ERR_NOT_FOUND; ALM_ERR_USAGE names the levels when several aggregates have the name. */
ALM_NODISCARD alm_err alm_committed_find(const alm_committed_run *run, alm_str node, alm_str level,
                                         alm_committed_node *out, alm_error *error);
/* By the values of all series keys, in the project's order. */
ALM_NODISCARD alm_err alm_committed_find_keys(const alm_committed_run *run, const alm_str *values,
                                              size_t count, alm_committed_node *out,
                                              alm_error *error);
/* index < facts->nodes; in the order of the file. */
void alm_committed_at(const alm_committed_run *run, size_t index, alm_committed_node *out);
/* Value `key` of a series' name, of `keys` in all; false for an aggregate. */
bool alm_committed_key(const alm_committed_node *node, size_t keys, size_t key, alm_str *out);
/* The lines of a step (from 1) into out[ALM_COMMITTED_LINES_MAX], as stored; returns their number.
 * They sum to the step's mean; there are none where that is 0. */
size_t alm_committed_explanation(const alm_committed_run *run, const alm_committed_node *node,
                                 int32_t step, alm_committed_line *out);

#endif
