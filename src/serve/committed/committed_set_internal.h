/* committed_set_internal.h: a set while it is made; committed.c and committed_set.c. */
#ifndef ALM_SERVE_COMMITTED_SET_INTERNAL_H
#define ALM_SERVE_COMMITTED_SET_INTERNAL_H

#include <stdatomic.h>

#include "serve/committed/committed.h"

typedef struct almi_set {
    alm_committed_set set; /* first: the public part */
    atomic_size_t references;
    alm_arena *arena;       /* holds the struct too */
    struct almi_set *base;  /* whose routes, releases and runs these are; NULL: its own */
    alm_committed_run **run; /* references that the set holds, each run once */
    size_t runs, capacity;
    struct almi_set *returned; /* the next one that waits to be destroyed */
} almi_set;

almi_set *almi_set_create(size_t runs_max);
/* The same content, and a problem that it has now. */
almi_set *almi_set_with_problem(almi_set *set, const char *problem);
void almi_set_unref(void *set); /* takes NULL; the last one destroys */
bool almi_set_drop(almi_set *set); /* the same, but true instead: the caller destroys */
void almi_set_destroy(almi_set *set);
/* Takes a reference, unless the set has the run. */
void almi_set_hold(almi_set *set, alm_committed_run *run);
alm_str almi_set_text(almi_set *set, alm_str text); /* copied */

/* Releases, aliases and figures of the registry into the set. */
ALM_NODISCARD alm_err almi_set_read_releases(almi_set *set, alm_registry *registry,
                                             alm_error *error);
/* The last entries of the ledger, up to its head `seq`, into the set. */
ALM_NODISCARD alm_err almi_set_read_ledger(almi_set *set, alm_registry *registry, int64_t seq,
                                           alm_error *error);

#endif
