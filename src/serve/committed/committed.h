/* committed.h: the committed runs that answer now, by route, and how they are renewed.
 *
 * A set is immutable and says for every route which release its name stands for, which run of it is
 * in force for the newest prediction date, and the same of the release promoted before. It also
 * holds what the registry knows of releases, so that no answer needs the registry. Workers read the
 * current set inside an epoch (epoch.h).
 *
 * One thread (not a worker) owns the `alm_committed`, its stores and their handles, and calls
 * `refresh` as often as it likes: when neither the log of the prediction store nor the ledger has
 * grown, a refresh is one look for the log's next entry and one row of the registry. Else it loads
 * the runs that it does not have yet, makes a new set and publishes it. A rollback loads nothing,
 * because the run of the release promoted before is there already.
 *
 * Nothing that goes wrong takes a run away that answers: a run that cannot be loaded leaves the one
 * before it in its place, and the set says so (`problem` of the route; the run is tried again after
 * `retry_s`); stores that cannot be read leave the whole set (`problem` of the set).
 *
 * Memory: a refresh holds the old and the new runs at once, and the limit is on both together. */
#ifndef ALM_SERVE_COMMITTED_H
#define ALM_SERVE_COMMITTED_H

#include "base/epoch.h"
#include "project/project.h"
#include "serve/committed/committed_run.h"
#include "store/ledger.h"

typedef struct alm_committed_metric { /* of the backtest, by level; NaN: not known */
    alm_str level;
    double mape, rmse, wape, bias;
} alm_committed_metric;

typedef struct alm_committed_release { /* of the registry */
    alm_str name, model, hash, who;
    int64_t version;
    alm_instant created;
    bool is_imported, is_experimental, is_retired;
    alm_str training_run; /* empty: imported */
    /* What it was trained from; empty: not known. */
    alm_str snapshot_id, feature_version, project_commit, engine_version;
    const alm_str *aliases; /* that stand for it */
    size_t alias_count;
    const alm_committed_metric *metric; /* none: imported */
    size_t metrics;
} alm_committed_release;

/* What answers for a release on a route. */
typedef struct alm_committed_source {
    const alm_committed_release *release; /* NULL: it cannot be resolved */
    const alm_committed_run *run;         /* NULL: there is none */
    alm_str problem; /* why there is none, or none newer; empty: all is well. For answers */
    alm_str detail;  /* the same with all that is known (paths too), for logs and operators */
} alm_committed_source;

typedef struct alm_committed_route {
    const alm_deployment_spec *spec;
    int32_t season; /* of its model, for the rule */
    alm_committed_source current;
    alm_committed_source previous; /* without a release where none was promoted before */
    const alm_committed_source *beside; /* further releases of the schedule */
    size_t beside_count;
} alm_committed_route;

#define ALM_COMMITTED_LEDGER_MAX 256 /* entries that a set holds */

typedef struct alm_committed_set {
    const alm_committed_route *route; /* of all deployments of the project */
    size_t routes;
    const alm_committed_release *release; /* in the order of registration */
    size_t releases;
    int64_t version;    /* of the prediction store; -1: not read yet */
    int64_t ledger_seq; /* of the registry's ledger */
    const alm_ledger_entry *ledger; /* its last entries, in order of seq */
    size_t ledger_entries;
    alm_instant read;   /* when both were read last */
    alm_str problem;    /* why they cannot be read now; empty: they can */
    uint64_t bytes;     /* of all runs */
} alm_committed_set;

typedef struct alm_committed alm_committed;

typedef struct alm_committed_options {
    const alm_project *project; /* outlives it, as everything here */
    alm_run_stores stores;
    alm_epoch *epoch;
    uint64_t memory_limit_bytes;   /* of all runs; 0: none */
    uint64_t engine_memory_bytes;  /* of the table engine while it reads; 0: its default */
    const char *scratch_directory; /* of the engine; NULL: none */
    uint32_t retry_s;              /* until a run that could not be loaded is tried again */
} alm_committed_options;

/* Publishes a set without runs. */
ALM_NODISCARD alm_err alm_committed_create(const alm_committed_options *options,
                                           alm_committed **out, alm_error *error);
/* No worker is inside. Takes NULL. */
void alm_committed_destroy(alm_committed *committed);
/* *changed: a new set was published. An error is that of the stores; the current set then says it,
 * and holds what it held. That a single run cannot be loaded is no error: its route says it. */
ALM_NODISCARD alm_err alm_committed_refresh(alm_committed *committed, alm_instant now,
                                            bool *changed, alm_error *error);
/* Inside an epoch, or in the thread that refreshes. Never NULL. */
const alm_committed_set *alm_committed_current(alm_committed *committed);
/* The current set for longer than a stay in the epoch, for an answer in many pieces; inside one.
 * Its runs stay in memory, beyond the limit, until it is given back (from anywhere, without a wait;
 * the thread that refreshes frees it), which is before alm_committed_destroy. */
const alm_committed_set *alm_committed_keep(alm_committed *committed);
void alm_committed_give_back(alm_committed *committed, const alm_committed_set *set);

/* NULL if there is none. */
const alm_committed_route *alm_committed_set_route(const alm_committed_set *set, alm_str name);
/* A release by name or alias; NULL. */
const alm_committed_release *alm_committed_set_release(const alm_committed_set *set,
                                                       alm_str name_or_alias);
/* What answers on a route for a release, by name or alias (empty: the route's own).
 * ALM_ERR_NOT_FOUND lists what is known; ALM_ERR_UNAVAILABLE: the route's own release cannot be
 * resolved. */
ALM_NODISCARD alm_err alm_committed_route_source(const alm_committed_set *set,
                                                 const alm_committed_route *route,
                                                 alm_str name_or_alias,
                                                 const alm_committed_source **out,
                                                 alm_error *error);

#endif
