/* path_file.h: what a run leaves behind so that the sample paths of one node can be made again
 * without its panel: the question of a planner about one product at one store.
 *
 * The paths themselves are large and never stored for leaves; what determines them is small: the
 * marginal (mean per step, shape), the ranks at the templates (a few bits each), and the node's
 * rows of the reconciliation's multipliers. From these alm_paths_make and alm_leaf_adjust give the
 * bits that the run itself read its quantiles and stock-out risk from. Aggregates are sums over
 * leaves, which one node alone cannot make again, so their reconciled paths are in the file.
 *
 * Layout, all 8-byte words, lowest byte first; doubles as their bits; arrays in row-major order:
 *   "almpaths", version 1, steps, paths, templates, seed, counts, levels, leaves, nodes, adjusted
 *   lambda      nodes x (paths + 1) x steps doubles, when adjusted
 *   leaves      name (size, bytes filled up to words), 0, number of the series, variance, on
 *               hand, a row of lambda per level, mean (steps), shape (ALM_SHAPE_LEVELS), ranks
 *               (packed, the lowest bits first, `templates` standing for no rank), number of days
 *               with a receipt, and (day, units) for each
 *   aggregates  name, 1, then (paths + 1) x steps doubles
 *   index       per record: first 8 bytes of the name's SHA-256, offset; ascending
 *   end         offset of the index, number of records
 * Version 2 is written where the leaves are adjusted by another rule than a shift by the
 * aggregates' multipliers (decide/reconcile.h): behind `adjusted` stand the rule (0 shift, 1
 * share, 2 scale) and the number of factors; lambda has a row more per factor; a leaf has a
 * loading per factor behind its rows of lambda.
 * It is an object of the run's store, named `paths_object` by the run's manifest. */
#ifndef ALM_PIPELINE_PATH_FILE_H
#define ALM_PIPELINE_PATH_FILE_H

#include "pipeline/pipeline.h"

/* ---- writing: blocks in the order of the sink ---- */

typedef struct alm_path_writer alm_path_writer;

/* `path`: a scratch file that does not exist. Everything given is borrowed until close. */
ALM_NODISCARD alm_err alm_path_writer_open(alm_fs *fs, const char *path, const alm_method *method,
                                           const alm_hierarchy *hierarchy, alm_path_writer **out,
                                           alm_error *error);
/* `names`: of the block's nodes. */
ALM_NODISCARD alm_err alm_path_writer_block(alm_path_writer *writer,
                                            const alm_forecast_block *block, const alm_str *names,
                                            alm_error *error);
/* Index and end; the file is complete and closed. */
ALM_NODISCARD alm_err alm_path_writer_finish(alm_path_writer *writer, alm_error *error);
void alm_path_writer_close(alm_path_writer *writer); /* takes NULL */

/* ---- reading ---- */

typedef struct alm_path_file alm_path_file;

typedef struct alm_node_paths {
    size_t paths, steps;
    const double *values;   /* paths x steps, row-major, reconciled, >= 0 */
    const double *mean;     /* steps, reconciled */
    bool counts;            /* the target is counted in ones */
    bool whole;             /* and nothing adjusted the paths: every value is an integer */
    bool has_stock;
    double on_hand;         /* with has_stock; as it was given, perhaps negative */
    const double *receipts; /* steps, with has_stock: on order, by day due */
} alm_node_paths;

/* A file in memory: immutable, any number of threads. `bytes` are borrowed and start at a multiple
 * of 8. ALM_ERR_CORRUPT for what is no such file, ALM_ERR_UNSUPPORTED for a newer version. */
ALM_NODISCARD alm_err alm_path_file_open(alm_str bytes, alm_path_file **out, alm_error *error);
/* The file of the run with this manifest, read into memory of its own. ALM_ERR_UNSUPPORTED for a
 * run of an engine that left none: its paths are not available. */
ALM_NODISCARD alm_err alm_path_file_of_run(alm_objects *objects, const alm_digest *manifest,
                                           size_t limit_bytes, alm_path_file **out,
                                           alm_error *error);
void alm_path_file_close(alm_path_file *file); /* takes NULL */
uint64_t alm_path_file_bytes(const alm_path_file *file);

/* Paths of a node by its name, bit-equal to those of the run, in `arena`. Where an aggregate has a
 * series' name, the series is meant. ALM_ERR_NOT_FOUND: the run has no such node. */
ALM_NODISCARD alm_err alm_paths_of_node(const alm_path_file *file, alm_str node, alm_arena *arena,
                                        alm_node_paths *out, alm_error *error);

#endif
