/* event_index.h: which event ids the log has, and with which content. Internal to store/.
 *
 * Open addressing with linear probing over 128 bits of the id's SHA-256: nobody can find two ids
 * that share them. Removing shifts entries back, so that it needs no memory and cannot fail. */
#ifndef ALM_STORE_EVENT_INDEX_H
#define ALM_STORE_EVENT_INDEX_H

#include "base/hash.h"

typedef struct almi_event_entry {
    uint64_t id[2];
    uint64_t content[2];
    uint64_t sequence; /* 0: the place is free */
} almi_event_entry;

typedef struct almi_event_index { /* zeros: empty */
    almi_event_entry *entry;
    size_t places; /* a power of two, or 0 */
    size_t count;
} almi_event_index;

almi_event_entry almi_event_entry_of(alm_str id, alm_str content, uint64_t sequence);
/* The entry with that id, or NULL; until the next change. */
const almi_event_entry *almi_event_index_find(const almi_event_index *index,
                                              const almi_event_entry *wanted);
/* An id that is not there yet. ALM_ERR_MEMORY: nothing has changed. */
ALM_NODISCARD alm_err almi_event_index_add(almi_event_index *index, const almi_event_entry *entry,
                                           alm_error *error);
void almi_event_index_remove(almi_event_index *index, const almi_event_entry *entry);
/* Forgets all sequences below `from`. */
void almi_event_index_forget(almi_event_index *index, uint64_t from);
void almi_event_index_deinit(almi_event_index *index);

#endif
