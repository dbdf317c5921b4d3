/* off_loop.h: requests that take long are worked on by other threads than the event loop, which
 * would hold up all others of the loop meanwhile.
 *
 * A route says which (is_dear of route.h). The endpoint is the same and runs as always, in a thread
 * of the service's crew with a worker number of its own. As many wait as the crew allows; one more
 * is refused with 503 and Retry-After. The time that a request waits is time of its deadline, so
 * one that has waited too long goes down the ladder without being computed, and says so.
 *
 * Thread safety: by the worker of the call. */
#ifndef ALM_HTTP_OFF_LOOP_H
#define ALM_HTTP_OFF_LOOP_H

#include "http/service.h"

#define ALM_OFF_LOOP_WAITING_MAX 64 /* requests, of all event loops */

/* True: the reply comes later; the body stays until then. False: it is to be made at once, because
 * the request does not take long, or there is no crew. */
bool alm_off_loop(const alm_call *call, alm_reply *reply);

/* Refuses a request for which there is no time now: 503 with Retry-After, counted by `reason`. */
void alm_off_loop_shed(const alm_service *service, const alm_request *request,
                       const alm_route *route, const char *reason, alm_str detail,
                       alm_reply *reply);

#endif
