/* published.h: one pointer to an immutable object that is swapped while threads read it, without a
 * lock on their side.
 *
 * Each reader has a number, 0..readers-1, and a cache line in which it announces the object that it
 * reads. A swap takes effect for whoever enters after it. The old object is destroyed as soon as no
 * reader announces it any more: at once, or by a later swap or alm_published_collect. So a reader
 * may take its time, and nobody waits for anybody.
 *
 * enter and leave belong to one thread per reader, in pairs that do not nest; swap and collect to
 * one thread at a time. */
#ifndef ALM_BASE_PUBLISHED_H
#define ALM_BASE_PUBLISHED_H

#include "base/error.h"

typedef struct alm_published alm_published;

/* `object` may be NULL, and so may what `swap` brings; `destroy` is never called with NULL. */
alm_published *alm_published_create(int readers, void *object, void (*destroy)(void *object));
/* No reader is inside. Destroys the object and the old ones. Takes NULL. */
void alm_published_destroy(alm_published *published);

const void *alm_published_enter(alm_published *published, int reader);
void alm_published_leave(alm_published *published, int reader);

void alm_published_swap(alm_published *published, void *object); /* takes `object` over */
/* Destroys what nobody reads any more; returns how many old objects are left. */
size_t alm_published_collect(alm_published *published);

#endif
