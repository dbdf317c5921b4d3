#include "batch/predict_series.h"

#include <string.h>

#define NONE UINT32_MAX
#define TABLE_FIRST 1024 /* places; a power of two */

/* Series by number; those with a state are a list, the one used last in front. */
typedef struct entry {
    alm_str name;
    uint64_t hash;
    void *state; /* NULL: dropped */
    uint32_t before, behind;
} entry;

struct almi_predict_series {
    almi_predict_series_ops ops;
    alm_arena *names;
    entry *entries;
    size_t count, capacity;
    uint32_t *table; /* numbers by hash, NONE: free; table_size a power of two */
    size_t table_size;
    uint32_t first, last;
    size_t held, held_max; /* states */
};

/* FNV-1a; where a series lies in the table shows nowhere. */
static uint64_t hash_of(alm_str name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ (uint8_t)name.data[i]) * UINT64_C(1099511628211);
    }
    return hash ^ hash >> 32;
}

/* The place of the name, or the free one where it would be. */
static size_t place_of(const almi_predict_series *s, alm_str name, uint64_t hash)
{
    size_t at = hash & (s->table_size - 1);
    while (s->table[at] != NONE) {
        const entry *e = &s->entries[s->table[at]];
        if (e->hash == hash && alm_str_equal(e->name, name)) {
            break;
        }
        at = (at + 1) & (s->table_size - 1);
    }
    return at;
}

/* At most half full. */
static alm_err grow_table(almi_predict_series *s, size_t size, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(size * sizeof *s->table, &memory, error));
    alm_heap_free(s->table);
    s->table = memory;
    s->table_size = size;
    memset(s->table, 0xff, size * sizeof *s->table);
    for (size_t i = 0; i < s->count; i++) {
        s->table[place_of(s, s->entries[i].name, s->entries[i].hash)] = (uint32_t)i;
    }
    return ALM_OK;
}

static alm_err make_room(almi_predict_series *s, alm_error *error)
{
    if (s->count == ALMI_PREDICT_SERIES_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "more than %d series: split the file",
                        ALMI_PREDICT_SERIES_MAX);
    }
    if (2 * (s->count + 1) > s->table_size) {
        ALM_TRY(grow_table(s, s->table_size ? 2 * s->table_size : TABLE_FIRST, error));
    }
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : TABLE_FIRST;
        void *memory = NULL;
        ALM_TRY(alm_heap_try_resize(s->entries, s->capacity * sizeof *s->entries,
                                    capacity * sizeof *s->entries, &memory, error));
        s->entries = memory;
        s->capacity = capacity;
    }
    return ALM_OK;
}

/* ---- the list ---- */

static void take_out(almi_predict_series *s, uint32_t number)
{
    const entry *e = &s->entries[number];
    *(e->before == NONE ? &s->first : &s->entries[e->before].behind) = e->behind;
    *(e->behind == NONE ? &s->last : &s->entries[e->behind].before) = e->before;
}

static void put_first(almi_predict_series *s, uint32_t number)
{
    s->entries[number].before = NONE;
    s->entries[number].behind = s->first;
    *(s->first == NONE ? &s->last : &s->entries[s->first].before) = number;
    s->first = number;
}

static void drop(almi_predict_series *s, uint32_t number)
{
    take_out(s, number);
    s->ops.destroy(s->entries[number].state);
    s->entries[number].state = NULL;
    s->held--;
}

/* ---- outside ---- */

alm_err almi_predict_series_create(const almi_predict_series_ops *ops, almi_predict_series **out,
                                   alm_error *error)
{
    void *memory = NULL;
    size_t bytes = ops->states_bytes ? ops->states_bytes : ALMI_PREDICT_STATES_BYTES_MAX;
    ALM_TRY(alm_heap_try(sizeof(almi_predict_series), &memory, error));
    almi_predict_series *s = memory;
    s->ops = *ops;
    s->names = alm_arena_create(0);
    s->first = s->last = NONE;
    s->held_max = bytes / (ops->state_bytes ? ops->state_bytes : 1);
    s->held_max = s->held_max < 1 ? 1 : s->held_max;
    *out = s;
    return ALM_OK;
}

void almi_predict_series_restart(almi_predict_series *s)
{
    while (s->first != NONE) {
        drop(s, s->first);
    }
    s->count = 0;
    alm_arena_reset(s->names);
    if (s->table) {
        memset(s->table, 0xff, s->table_size * sizeof *s->table);
    }
}

void almi_predict_series_destroy(almi_predict_series *s)
{
    if (s) {
        almi_predict_series_restart(s);
        alm_arena_destroy(s->names);
        alm_heap_free(s->entries);
        alm_heap_free(s->table);
        alm_heap_free(s);
    }
}

static alm_err add(almi_predict_series *s, alm_str name, void **state, alm_error *error)
{
    uint64_t hash = hash_of(name);
    ALM_TRY(make_room(s, error));
    if (s->held == s->held_max) {
        drop(s, s->last);
    }
    entry *e = &s->entries[s->count];
    ALM_TRY(s->ops.create(s->ops.context, &e->state, error));
    e->name = (alm_str){alm_arena_copy_text(s->names, name.data, name.size), name.size};
    e->hash = hash;
    s->table[place_of(s, name, hash)] = (uint32_t)s->count;
    put_first(s, (uint32_t)s->count);
    s->count++;
    s->held++;
    *state = e->state;
    return ALM_OK;
}

alm_err almi_predict_series_find(almi_predict_series *s, alm_str name, void **state,
                                 alm_error *error)
{
    if (s->first != NONE && alm_str_equal(s->entries[s->first].name, name)) {
        *state = s->entries[s->first].state; /* rows of one series often follow each other */
        return ALM_OK;
    }
    uint32_t number = s->table ? s->table[place_of(s, name, hash_of(name))] : NONE;
    if (number == NONE) {
        return add(s, name, state, error);
    }
    if (!s->entries[number].state) {
        return alm_fail(error, ALM_ERR_LIMIT, "comes again after its state was dropped, because "
                        "those of %zu other series were needed: sort the rows by series, or split "
                        "the file", s->held_max);
    }
    take_out(s, number);
    put_first(s, number);
    *state = s->entries[number].state;
    return ALM_OK;
}
