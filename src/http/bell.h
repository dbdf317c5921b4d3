/* bell.h: what wakes an event loop that waits, from another thread; internal to the server.
 *
 * Who rings lifts the bell first, then makes known what the loop shall see, then rings; the loop
 * looks after each wait. So nothing is missed, and the bell is closed under nobody's hand.
 *
 * Thread safety: lift and ring from any thread; the others by the loop. */
#ifndef ALM_HTTP_BELL_H
#define ALM_HTTP_BELL_H

#include <stdatomic.h>

#include "base/error.h"

typedef struct almi_bell {
    int fd; /* -1: not open */
    atomic_int lifted;
} almi_bell;

ALM_NODISCARD alm_err almi_bell_open(almi_bell *out, alm_error *error);
void almi_bell_lift(almi_bell *bell);
void almi_bell_ring(almi_bell *bell);
/* Until it rings, there is something to read from `other`, or `limit_ms` are over. */
void almi_bell_wait(almi_bell *bell, int other, int limit_ms);
/* Waits for those who lifted it and have not rung yet. */
void almi_bell_close(almi_bell *bell);

#endif
