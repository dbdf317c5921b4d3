#include "store/event_index.h"

#include <string.h>

#define PLACES_MIN 1024

almi_event_entry almi_event_entry_of(alm_str id, alm_str content, uint64_t sequence) {
    almi_event_entry entry = {.sequence = sequence};
    alm_digest digest = alm_hash_bytes(id.data, id.size);
    memcpy(entry.id, digest.bytes, sizeof entry.id);
    digest = alm_hash_bytes(content.data, content.size);
    memcpy(entry.content, digest.bytes, sizeof entry.content);
    return entry;
}

static size_t home_of(const almi_event_index *index, const almi_event_entry *entry) {
    return entry->id[0] & (index->places - 1);
}

/* The entry's place, or the free one where it would go. */
static size_t place_of(const almi_event_index *index, const almi_event_entry *wanted) {
    size_t place = home_of(index, wanted);
    while (index->entry[place].sequence != 0 &&
           (index->entry[place].id[0] != wanted->id[0] ||
            index->entry[place].id[1] != wanted->id[1])) {
        place = (place + 1) & (index->places - 1);
    }
    return place;
}

const almi_event_entry *almi_event_index_find(const almi_event_index *index,
                                              const almi_event_entry *wanted) {
    if (index->places == 0) {
        return NULL;
    }
    const almi_event_entry *found = &index->entry[place_of(index, wanted)];
    return found->sequence != 0 ? found : NULL;
}

static alm_err grow(almi_event_index *index, alm_error *error) {
    almi_event_index larger = {.places = index->places ? 2 * index->places : PLACES_MIN};
    void *memory = NULL;
    ALM_TRY(alm_heap_try(larger.places * sizeof *larger.entry, &memory, error));
    larger.entry = memory;
    for (size_t i = 0; i < index->places; i++) {
        if (index->entry[i].sequence != 0) {
            larger.entry[place_of(&larger, &index->entry[i])] = index->entry[i];
            larger.count++;
        }
    }
    alm_heap_free(index->entry);
    *index = larger;
    return ALM_OK;
}

alm_err almi_event_index_add(almi_event_index *index, const almi_event_entry *entry,
                             alm_error *error) {
    alm_assert(entry->sequence > 0);
    if (index->count >= index->places / 6 * 5) {
        ALM_TRY(grow(index, error));
    }
    size_t place = place_of(index, entry);
    alm_assert(index->entry[place].sequence == 0);
    index->entry[place] = *entry;
    index->count++;
    return ALM_OK;
}

static void free_place(almi_event_index *index, size_t hole) {
    size_t mask = index->places - 1;
    for (size_t at = (hole + 1) & mask; index->entry[at].sequence != 0; at = (at + 1) & mask) {
        /* An entry may move back to the hole unless its home lies behind the hole. */
        size_t home = home_of(index, &index->entry[at]);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            index->entry[hole] = index->entry[at];
            hole = at;
        }
    }
    index->entry[hole] = (almi_event_entry){.sequence = 0};
    index->count--;
}

void almi_event_index_remove(almi_event_index *index, const almi_event_entry *entry) {
    size_t place = place_of(index, entry);
    alm_assert(index->entry[place].sequence != 0);
    free_place(index, place);
}

void almi_event_index_forget(almi_event_index *index, uint64_t from) {
    for (size_t place = 0; place < index->places; place++) {
        /* What moves back into the place is looked at too; what wraps around to the front was
         * looked at before it moved, or is looked at when its turn comes. */
        while (index->entry[place].sequence != 0 && index->entry[place].sequence < from) {
            free_place(index, place);
        }
    }
}

void almi_event_index_deinit(almi_event_index *index) {
    alm_heap_free(index->entry);
    *index = (almi_event_index){0};
}
