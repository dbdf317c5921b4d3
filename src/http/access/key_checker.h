/* key_checker.h: a thread that checks API keys which nobody remembers, so that event loops do not.
 *
 * A check hashes for some 20 ms (secret.h), in which a loop would answer hundreds of requests. A
 * loop that meets ALM_ACCESS_DEFERRED asks here and goes on; the verdict is that of
 * alm_access_check, with its limits and its memory, so keys that were right are remembered for all
 * loops. One thread, in the order of asking: what hashing takes of the machine is bounded by one
 * processor, and by `checks_per_minute`.
 *
 * Thread safety: ask from any thread. */
#ifndef ALM_HTTP_ACCESS_KEY_CHECKER_H
#define ALM_HTTP_ACCESS_KEY_CHECKER_H

#include "base/crew.h"
#include "http/access/access.h"

#define ALM_KEY_CHECKS_WAITING_MAX 64 /* 1.5 s of hashing */

typedef struct alm_key_checker alm_key_checker;

/* The caller's memory until `told` was called; so are the texts of `request`. */
typedef struct alm_key_check {
    alm_access_request request;
    alm_arena *arena; /* of the verdict's texts; nobody else touches it meanwhile */
    void (*told)(void *context); /* on the checker's thread, when `verdict` is there */
    void *context;
    alm_access_verdict verdict;
    alm_crew_job job; /* the checker's, as the next */
    alm_key_checker *checker;
} alm_key_check;

/* `worker` is a number of `access` that is nobody else's. */
ALM_NODISCARD alm_err alm_key_checker_create(alm_access *access, int worker, alm_key_checker **out,
                                             alm_error *error);
/* Checks what still waits, so that everybody is told. Takes NULL. */
void alm_key_checker_destroy(alm_key_checker *checker);

/* False: as many as may be wait already, and `check` was not taken. */
bool alm_key_checker_ask(alm_key_checker *checker, alm_key_check *check);

#endif
