/* queue.h: how long requests wait for others of their event loop; internal to the server, which
 * says what it means (server.h). Of one worker's thread. */
#ifndef ALM_HTTP_QUEUE_H
#define ALM_HTTP_QUEUE_H

#include "http/exchange.h"

#define ALMI_QUEUE_LONG_NS 100000000u /* RFC 8289: a queue that stays is one that lasts so long */

typedef struct almi_queue {
    uint64_t round_ns; /* the first request of the round was received; 0: none yet */
    uint64_t long_ns;  /* rounds have been longer than the bound since then; 0: the last was not */
} almi_queue;

/* `limit` 0: nothing is overdue. */
static inline void almi_queue_take(almi_queue *queue, uint64_t limit, alm_request *request)
{
    uint64_t now = request->received_ns;
    queue->round_ns = queue->round_ns ? queue->round_ns : now;
    request->queued_ns = now - queue->round_ns;
    request->is_overdue = limit && request->queued_ns > limit && queue->long_ns &&
                          now - queue->long_ns > ALMI_QUEUE_LONG_NS;
}

static inline void almi_queue_end_round(almi_queue *queue, uint64_t limit, uint64_t now)
{
    bool is_long = queue->round_ns && now - queue->round_ns > limit;
    queue->long_ns = is_long ? queue->long_ns ? queue->long_ns : queue->round_ns : 0;
    queue->round_ns = 0;
}

#endif
