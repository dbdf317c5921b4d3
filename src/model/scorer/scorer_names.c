/* scorer_names.c: columns by name, in n log n: a header may be long, and is not trusted. */
#include <stdlib.h>

#include "model/scorer/scorer_internal.h"

/* As LightGBM writes names: a blank is '_'. */
static int compare_folded(alm_str a, alm_str b)
{
    for (size_t i = 0; i < a.size && i < b.size; i++) {
        int x = (unsigned char)(a.data[i] == ' ' ? '_' : a.data[i]);
        int y = (unsigned char)(b.data[i] == ' ' ? '_' : b.data[i]);
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return (a.size > b.size) - (a.size < b.size);
}

static int compare(alm_str a, alm_str b)
{
    int order = compare_folded(a, b);
    return order ? order : alm_str_compare(a, b);
}

typedef struct entry {
    alm_str name;
    size_t position;
} entry;

static int compare_entries(const void *left, const void *right)
{
    const entry *a = left;
    const entry *b = right;
    int order = compare(a->name, b->name);
    return order ? order : (a->position > b->position) - (a->position < b->position);
}

almi_names almi_names_index(const alm_str *names, size_t count, alm_arena *arena)
{
    alm_arena *scratch = alm_arena_create(0);
    entry *entries = ALM_NEW_ARRAY(scratch, entry, count);
    size_t *order = ALM_NEW_ARRAY(arena, size_t, count);
    for (size_t i = 0; i < count; i++) {
        entries[i] = (entry){names[i], i};
    }
    qsort(entries, count, sizeof *entries, compare_entries);
    for (size_t i = 0; i < count; i++) {
        order[i] = entries[i].position;
    }
    alm_arena_destroy(scratch);
    return (almi_names){names, count, order};
}

/* First place in the order whose name is not below `name`. */
static size_t lower_bound(const almi_names *names, alm_str name, int (*by)(alm_str, alm_str))
{
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by(names->name[names->order[middle]], name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const almi_names *names, size_t place, alm_str name,
                  int (*by)(alm_str, alm_str))
{
    return place < names->count && by(names->name[names->order[place]], name) == 0;
}

size_t almi_names_find(const almi_names *names, alm_str name, bool *twice)
{
    int (*by)(alm_str, alm_str) = compare;
    size_t place = lower_bound(names, name, by);
    if (!is_at(names, place, name, by)) {
        by = compare_folded;
        place = lower_bound(names, name, by);
    }
    *twice = is_at(names, place + 1, name, by);
    return is_at(names, place, name, by) ? names->order[place] : SIZE_MAX;
}

const alm_str *almi_names_unique(const alm_str *names, size_t count, alm_arena *arena,
                                 size_t *unique)
{
    alm_arena *scratch = alm_arena_create(0);
    almi_names index = almi_names_index(names, count, scratch);
    bool *repeated = ALM_NEW_ARRAY(scratch, bool, count);
    alm_str *out = ALM_NEW_ARRAY(arena, alm_str, count);
    for (size_t i = 1; i < count; i++) {
        repeated[index.order[i]] =
            alm_str_equal(names[index.order[i]], names[index.order[i - 1]]);
    }
    *unique = 0;
    for (size_t i = 0; i < count; i++) {
        if (!repeated[i]) {
            out[(*unique)++] = names[i];
        }
    }
    alm_arena_destroy(scratch);
    return out;
}
