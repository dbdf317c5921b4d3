/* joins.h: requests that wait for the end of their event loop's round, to be answered together.
 *
 * For models that were named (nets, see serve/models/inference_join.h): a request is put aside, and
 * when the loop has read everything that was there, all that wait are answered by one call. Nobody
 * waits for a request that has not come: joining has no delay, so that it needs no bound of time,
 * and as many wait as connections were readable.
 *
 * Thread safety: made before the server starts; each worker has a list of its own. */
#ifndef ALM_HTTP_JOINS_H
#define ALM_HTTP_JOINS_H

#include "http/route.h"

typedef struct alm_joins alm_joins;

/* In the request's arena. */
typedef struct alm_joined {
    alm_later later;
    alm_call call;
    alm_reply *reply;
    struct alm_joined *next;
} alm_joined;

/* `models`: names with commas between them, borrowed. ALM_ERR_USAGE: an empty name. */
ALM_NODISCARD alm_err alm_joins_create(alm_str models, int workers, alm_joins **out,
                                       alm_error *error);
void alm_joins_destroy(alm_joins *joins); /* takes NULL; nobody waits */

/* True: the request of a model that was named was put aside; its reply comes with the round's end.
 * `joins` may be NULL. */
bool alm_joins_put(alm_joins *joins, const alm_call *call, alm_reply *reply);
/* Those that wait, in the order of coming; the caller sets their replies and wakes them. */
alm_joined *alm_joins_take(alm_joins *joins, int worker);
void alm_joined_wake(alm_joined *first); /* all of the list */

#endif
