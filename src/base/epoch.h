/* epoch.h: publishing immutable things that readers use without a lock.
 *
 * For everything of the online service that changes while requests are answered: models, committed
 * runs, the online state, keys. What is published never changes again; a new one takes its place.
 *
 *   alm_epoch_enter(epoch, worker);                 one store into the worker's own cache line
 *   const thing *seen = alm_epoch_read(&cell);      one load; valid until the leave
 *   ...
 *   alm_epoch_leave(epoch, worker);
 *
 *   alm_epoch_publish(epoch, &cell, next, destroy); swaps the pointer; what was there is destroyed
 *                                                   once every worker that may see it has left
 *
 *   old = alm_epoch_exchange(&cell, next);          the same for a publisher who may wait, and who
 *   alm_epoch_wait(epoch);                          frees more than one thing then; cannot fail
 *   destroy(old);
 *
 * Order (all of it sequentially consistent). A reader notes the count and then reads the pointer; a
 * publisher swaps the pointer, takes the count and raises it. A reader whose note the publisher's
 * scan misses reads the pointer after the swap; a reader whose note is above the taken count began
 * after the swap. So what was replaced at count n is out of reach when every note is 0 or above n.
 *
 * A worker is a number in 0..workers-1 that one thread at a time uses. Between enter and leave it
 * neither waits nor enters again: a worker that stays inside keeps everything that is replaced.
 * Publishing and reclaiming may be done by any thread, workers inside too (what they replaced then
 * goes later). `destroy` runs in the thread that publishes or reclaims, never in a reader. */
#ifndef ALM_BASE_EPOCH_H
#define ALM_BASE_EPOCH_H

#include <stdatomic.h>

#include "base/arena.h"

#define ALM_EPOCH_WORKERS_MAX 1024

typedef struct alm_epoch alm_epoch;

/* A place that something is published in. Init with {0}: nothing is there. */
typedef struct alm_epoch_cell {
    _Atomic(void *) current;
    void (*destroy)(void *); /* of what is there; the publisher's alone */
} alm_epoch_cell;

ALM_NODISCARD alm_err alm_epoch_create(size_t workers, alm_epoch **out, alm_error *error);
/* No worker is inside. Destroys what waits; cells are emptied before, see alm_epoch_publish. Takes
 * NULL. */
void alm_epoch_destroy(alm_epoch *epoch);

void alm_epoch_enter(alm_epoch *epoch, size_t worker);
void alm_epoch_leave(alm_epoch *epoch, size_t worker);
/* What is published, or NULL. Inside only, unless the caller is the only one who publishes here. */
void *alm_epoch_read(alm_epoch_cell *cell);

/* `next` (NULL: empties the cell) takes the place of what is there. `destroy` (NULL: it is not
 * owned) is kept for `next`. The caller sees to it that a cell has one publisher at a time.
 * ALM_ERR_MEMORY: nothing has happened. */
ALM_NODISCARD alm_err alm_epoch_publish(alm_epoch *epoch, alm_epoch_cell *cell, void *next,
                                        void (*destroy)(void *), alm_error *error);
/* `next` takes the place of what is there, which is the caller's now; readers may still see it
 * until a wait that begins later is over. One publisher at a time; the cell does not own `next`. */
void *alm_epoch_exchange(alm_epoch_cell *cell, void *next);
/* Until every worker that is inside now has left. Not to be called by one that is inside. */
void alm_epoch_wait(alm_epoch *epoch);
/* Destroys what no reader can see any more and returns how much still waits. Publishing does this
 * too; something that is replaced rarely is freed sooner by a call now and then. */
size_t alm_epoch_reclaim(alm_epoch *epoch);

#endif
