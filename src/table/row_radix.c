/* row_radix.c: sorting the records of a block, eight bytes at a time. */
#include "table/row_sort_internal.h"

#define SMALL 24 /* so few are inserted one by one */

static uint64_t key_at(const uint8_t *record, size_t depth)
{
    size_t size = almi_record_size(record);
    const uint8_t *bytes = record + ALMI_RECORD_HEAD + depth;
    uint64_t key = 0;
    if (depth + 8 <= size) {
        for (int i = 0; i < 8; i++) {
            key = key << 8 | bytes[i];
        }
        return key;
    }
    for (size_t i = 0; i < 8; i++) {
        key = key << 8 | (depth + i < size ? bytes[i] : 0);
    }
    return key;
}

/* The records are equal before `depth`. */
static void insert_sorted(almi_sort_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        almi_sort_item item = items[i];
        size_t at = i;
        while (at > 0 && (items[at - 1].key > item.key ||
                          (items[at - 1].key == item.key &&
                           almi_record_compare(items[at - 1].record, item.record) > 0))) {
            items[at] = items[at - 1];
            at--;
        }
        items[at] = item;
    }
}

/* One stable pass over the byte at `shift` of the keys. */
static void pass(const almi_sort_item *from, almi_sort_item *to, size_t count, int shift)
{
    size_t places[256] = {0};
    for (size_t i = 0; i < count; i++) {
        places[(from[i].key >> shift) & 255]++;
    }
    size_t place = 0;
    for (size_t b = 0; b < 256; b++) {
        size_t here = places[b];
        places[b] = place;
        place += here;
    }
    for (size_t i = 0; i < count; i++) {
        to[places[(from[i].key >> shift) & 255]++] = from[i];
    }
}

/* Sorts by key, with a pass for every byte in which keys differ. */
static void sort_keys(almi_sort_item *items, almi_sort_item *spare, size_t count)
{
    uint64_t differ = 0;
    bool sorted = true; /* often: the days of a series mostly come in order */
    for (size_t i = 1; i < count; i++) {
        differ |= items[i].key ^ items[0].key;
        sorted &= items[i - 1].key <= items[i].key;
    }
    if (sorted) {
        return;
    }
    almi_sort_item *from = items;
    almi_sort_item *to = spare;
    for (int shift = 0; shift < 64; shift += 8) {
        if ((differ >> shift & 255) == 0) {
            continue;
        }
        pass(from, to, count, shift);
        almi_sort_item *other = from;
        from = to;
        to = other;
    }
    if (from != items) {
        memcpy(items, from, count * sizeof(*items));
    }
}

/* The records are equal before `depth`. What recurses is a part that is smaller; a group that is
 * the whole goes on in the loop, so that long equal texts need no stack. */
static void sort_from(almi_sort_item *items, almi_sort_item *spare, size_t count, size_t depth)
{
    for (;; depth += 8) {
        for (size_t i = 0; i < count; i++) {
            items[i].key = key_at(items[i].record, depth);
        }
        if (count <= SMALL) {
            insert_sorted(items, count);
            return;
        }
        sort_keys(items, spare, count);
        if (items[0].key == items[count - 1].key) {
            if (almi_record_size(items[0].record) <= depth + 8) {
                return; /* no record is the beginning of another: all are equal */
            }
            continue;
        }
        for (size_t first = 0; first < count;) {
            size_t end = first + 1;
            while (end < count && items[end].key == items[first].key) {
                end++;
            }
            if (end - first > 1) {
                sort_from(items + first, spare, end - first, depth + 8);
            }
            first = end;
        }
        return;
    }
}

void almi_radix_sort(almi_sort_item *items, almi_sort_item *spare, size_t count)
{
    sort_from(items, spare, count, 0);
}
