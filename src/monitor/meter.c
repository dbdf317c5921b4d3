/* meter.c: a family is a hash table of pointers that are only ever written under one lock and read
 * without it.
 *
 * Invariants:
 * (1) A slot goes from NULL to a meter, from there to "other", which stands for a retired one, and
 *     from there to another meter, never back to NULL: a search that meets NULL may stop.
 * (2) A meter's labels do not change after it has been put into a slot (release; acquire).
 * (3) Meters, retired ones too, are freed by destroy only, so a reader's pointer stays good.
 * (4) The table has at least twice as many slots as there may be meters, so that a search stops;
 *     retired slots are used again by the next insertion that meets them. */
#include "monitor/meter.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

enum { LINE_BYTES = 64, LINE_WORDS = LINE_BYTES / 8 };

typedef struct family_state family_state;

/* What a move needs stands first, in one cache line, and is never written again. */
struct alm_meter {
    atomic_uint_fast64_t *cell; /* `stride` words per worker, from a cache line on */
    size_t stride;
    unsigned worker_mask;
    alm_meter_kind kind;
    const uint64_t *bounds;
    size_t bound_count;
    const family_state *family;
    uint64_t hash;
    alm_str label[ALM_METER_LABELS_MAX]; /* their text stands behind the cells */
    alm_meter *next; /* of all that were ever made; under the lock */
};

struct family_state {
    const alm_meter_family *family;
    alm_str label_name[ALM_METER_LABELS_MAX];
    size_t label_count;
    unsigned worker_mask;
    size_t slot_mask;
    _Atomic(alm_meter *) *slot;
    alm_meter *other; /* also the only one of a family without labels */
    atomic_bool other_used;
    size_t count; /* shown in slots, under the lock */
};

struct alm_meters {
    alm_mutex mutex; /* of insertions and retirements */
    size_t family_count;
    alm_meter *made;
    family_state *family;
};

const uint64_t ALM_LATENCY_BOUNDS[ALM_LATENCY_BOUND_COUNT] = {
    50000,     100000,    250000,    500000,     1000000,    2500000,    5000000,    10000000,
    25000000,  50000000,  100000000, 250000000,  500000000,  1000000000, 2500000000, 5000000000,
    10000000000};

/* ---- the table of families ---- */

static bool is_name(alm_str name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = c >= 'a' && c <= 'z';
        if (!letter && (i == 0 || (c != '_' && !(c >= '0' && c <= '9')))) {
            return false;
        }
    }
    return name.size > 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size > tail && strcmp(text + size - tail, end) == 0;
}

static alm_err check_labels(family_state *state, alm_error *error)
{
    const alm_meter_family *family = state->family;
    alm_str rest = alm_str_of(family->labels);
    while (rest.data && rest.size > 0) {
        alm_str name = alm_str_split(&rest, ' ');
        if (state->label_count == ALM_METER_LABELS_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "%s has more than %d labels", family->name,
                            ALM_METER_LABELS_MAX);
        }
        if (!is_name(name) || alm_str_is(name, "le")) {
            return alm_fail(error, ALM_ERR_USAGE, "%s: \"" ALM_STR_FMT "\" is no name of a label",
                            family->name, ALM_STR_ARG(name));
        }
        state->label_name[state->label_count++] = name;
    }
    return ALM_OK;
}

static alm_err check_bounds(const alm_meter_family *family, alm_error *error)
{
    bool histogram = family->kind == ALM_METER_HISTOGRAM;
    if (histogram != (family->bound_count > 0)) {
        return alm_fail(error, ALM_ERR_USAGE, "%s: histograms, and no others, have bounds",
                        family->name);
    }
    if (family->bound_count > ALM_METER_BOUNDS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s has more than %d bounds", family->name,
                        ALM_METER_BOUNDS_MAX);
    }
    for (size_t i = 1; i < family->bound_count; i++) {
        if (family->bounds[i] <= family->bounds[i - 1]) {
            return alm_fail(error, ALM_ERR_USAGE, "%s: bounds must ascend", family->name);
        }
    }
    return ALM_OK;
}

/* The unit stands at the end of the name, before the suffix of the kind. */
static bool is_unit_named(const alm_meter_family *family)
{
    bool counter = family->kind == ALM_METER_COUNTER;
    switch (family->unit) {
    case ALM_UNIT_SECONDS: return ends_with(family->name, counter ? "_seconds_total" : "_seconds");
    case ALM_UNIT_BYTES: return ends_with(family->name, counter ? "_bytes_total" : "_bytes");
    default: return true;
    }
}

static alm_err check_family(family_state *state, alm_error *error)
{
    const alm_meter_family *family = state->family;
    if (!is_name(alm_str_of(family->name)) || !is_unit_named(family) ||
        (family->kind == ALM_METER_COUNTER) != ends_with(family->name, "_total") ||
        (family->kind == ALM_METER_INFO) != ends_with(family->name, "_info")) {
        return alm_fail(error, ALM_ERR_USAGE, "\"%s\" is no name for its kind and unit: lower "
                        "case, then _seconds or _bytes, then _total or _info", family->name);
    }
    if (!family->help || !family->help[0] || !family->labels) {
        return alm_fail(error, ALM_ERR_USAGE, "%s needs a help text and labels (\"\" = none)",
                        family->name);
    }
    ALM_TRY(check_labels(state, error));
    if (state->label_count > 0 &&
        (family->series_max == 0 || family->series_max > ALM_METER_SERIES_MAX)) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: series_max must be 1 to %d", family->name,
                        ALM_METER_SERIES_MAX);
    }
    return check_bounds(family, error);
}

static size_t power_of_two_from(size_t value)
{
    size_t power = 1;
    while (power < value) {
        power *= 2;
    }
    return power;
}

/* ---- making meters ---- */

static size_t word_count(const alm_meter_family *family)
{
    return family->kind == ALM_METER_HISTOGRAM ? family->bound_count + 2 : 1;
}

static uint64_t hash_labels(const alm_str *label, size_t count)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325); /* FNV-1a, the value's end as one more byte */
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < label[i].size; j++) {
            hash = (hash ^ (unsigned char)label[i].data[j]) * UINT64_C(0x100000001B3);
        }
        hash = (hash ^ 0xFF) * UINT64_C(0x100000001B3);
    }
    return hash ^ (hash >> 32);
}

static alm_err meter_create(const family_state *state, const alm_str *label, alm_meter **out,
                            alm_error *error)
{
    size_t lines = (word_count(state->family) + LINE_WORDS - 1) / LINE_WORDS, text = 0;
    size_t cells = ((size_t)state->worker_mask + 1) * lines * LINE_BYTES;
    size_t head = (sizeof(alm_meter) + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    for (size_t i = 0; i < state->label_count; i++) {
        text += label[i].size;
    }
    void *memory = NULL;
    ALM_TRY(alm_heap_try(head + cells + text, &memory, error)); /* zeroed, at a cache line */
    alm_meter *meter = memory;
    meter->stride = lines * LINE_WORDS;
    meter->worker_mask = state->worker_mask;
    meter->kind = state->family->kind;
    meter->bounds = state->family->bounds;
    meter->bound_count = state->family->bound_count;
    meter->family = state;
    meter->hash = hash_labels(label, state->label_count);
    meter->cell = (atomic_uint_fast64_t *)(void *)((char *)memory + head);
    char *at = (char *)memory + head + cells;
    for (size_t i = 0; i < state->label_count; i++) {
        if (label[i].size > 0) {
            memcpy(at, label[i].data, label[i].size);
        }
        meter->label[i] = (alm_str){at, label[i].size};
        at += label[i].size;
    }
    *out = meter;
    return ALM_OK;
}

static alm_err family_init(family_state *state, alm_meters *meters, alm_error *error)
{
    ALM_TRY(check_family(state, error));
    alm_str label[ALM_METER_LABELS_MAX];
    for (size_t i = 0; i < state->label_count; i++) {
        label[i] = ALM_STR(ALM_LABEL_OTHER);
    }
    ALM_TRY(meter_create(state, label, &state->other, error));
    state->other->next = meters->made;
    meters->made = state->other;
    if (state->label_count == 0) {
        atomic_store(&state->other_used, true);
        return ALM_OK;
    }
    size_t slots = power_of_two_from(2 * (size_t)state->family->series_max);
    void *memory = NULL;
    ALM_TRY(alm_heap_try(slots * sizeof *state->slot, &memory, error));
    state->slot = memory;
    state->slot_mask = slots - 1;
    return ALM_OK;
}

/* OpenMetrics leaves out what the kind adds, so that is no difference. */
static alm_str bare_name(const alm_meter_family *family)
{
    alm_str name = alm_str_of(family->name);
    name.size -= family->kind == ALM_METER_COUNTER ? strlen("_total")
                 : family->kind == ALM_METER_INFO  ? strlen("_info")
                                                   : 0;
    return name;
}

static alm_err check_unique(const alm_meter_family *family, size_t count, alm_error *error)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (alm_str_equal(bare_name(&family[i]), bare_name(&family[j]))) {
                return alm_fail(error, ALM_ERR_USAGE, "two families are called %s",
                                family[i].name);
            }
        }
    }
    return ALM_OK;
}

alm_err alm_meters_create(const alm_meter_family *family, size_t family_count, int workers,
                          alm_meters **out, alm_error *error)
{
    if (family_count > ALM_METER_FAMILIES_MAX || workers < 1 || workers > ALM_METER_WORKERS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "at most %d families and 1 to %d workers, not %zu "
                        "and %d", ALM_METER_FAMILIES_MAX, ALM_METER_WORKERS_MAX, family_count,
                        workers);
    }
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_meters), &memory, error));
    alm_meters *meters = memory;
    alm_mutex_init(&meters->mutex);
    alm_err code = alm_heap_try(family_count * sizeof(family_state), &memory, error);
    if (code == ALM_OK) {
        meters->family = memory;
        meters->family_count = family_count;
    }
    for (size_t i = 0; code == ALM_OK && i < family_count; i++) {
        meters->family[i].family = &family[i];
        meters->family[i].worker_mask = (unsigned)power_of_two_from((size_t)workers) - 1;
        code = family_init(&meters->family[i], meters, error);
    }
    if (code == ALM_OK) {
        code = check_unique(family, family_count, error);
    }
    if (code != ALM_OK) {
        alm_meters_destroy(meters);
        return code;
    }
    *out = meters;
    return ALM_OK;
}

void alm_meters_destroy(alm_meters *meters)
{
    if (!meters) {
        return;
    }
    for (size_t i = 0; i < meters->family_count; i++) {
        alm_heap_free((void *)meters->family[i].slot);
    }
    while (meters->made) {
        alm_meter *next = meters->made->next;
        alm_heap_free(meters->made);
        meters->made = next;
    }
    alm_mutex_deinit(&meters->mutex);
    alm_heap_free(meters->family);
    alm_heap_free(meters);
}

size_t alm_meters_family_count(const alm_meters *meters)
{
    return meters->family_count;
}

static family_state *state_of(const alm_meters *meters, size_t family)
{
    alm_assert(family < meters->family_count);
    return &meters->family[family];
}

const alm_meter_family *alm_meters_family(const alm_meters *meters, size_t family)
{
    return state_of(meters, family)->family;
}

size_t alm_meters_label_count(const alm_meters *meters, size_t family)
{
    return state_of(meters, family)->label_count;
}

alm_str alm_meters_label_name(const alm_meters *meters, size_t family, size_t label)
{
    family_state *state = state_of(meters, family);
    alm_assert(label < state->label_count);
    return state->label_name[label];
}

/* ---- finding ---- */

static bool has_labels(const alm_meter *meter, const alm_str *label, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!alm_str_equal(meter->label[i], label[i])) {
            return false;
        }
    }
    return true;
}

/* The slot of these labels, or the first that they may take (a retired one, else the empty one at
 * the end of the search); NULL when a full round met neither. */
static _Atomic(alm_meter *) *search(const family_state *state, const alm_str *label, uint64_t hash,
                                    alm_meter **found)
{
    _Atomic(alm_meter *) *place = NULL;
    for (size_t i = 0; i <= state->slot_mask; i++) {
        _Atomic(alm_meter *) *slot = &state->slot[(hash + i) & state->slot_mask];
        alm_meter *meter = atomic_load_explicit(slot, memory_order_acquire);
        if (!meter) {
            return place ? place : slot;
        }
        if (meter == state->other) {
            place = place ? place : slot;
        } else if (meter->hash == hash && has_labels(meter, label, state->label_count)) {
            *found = meter;
            return slot;
        }
    }
    return place;
}

static alm_meter *other_of(family_state *state)
{
    if (!atomic_load_explicit(&state->other_used, memory_order_relaxed)) {
        atomic_store_explicit(&state->other_used, true, memory_order_relaxed);
    }
    return state->other;
}

/* With the lock held, of labels that are in no slot: the meter that had them, or NULL. Without it a
 * model that comes and goes would take memory each time. */
static alm_meter *find_retired(const alm_meters *meters, const family_state *state,
                               const alm_str *label, uint64_t hash)
{
    alm_meter *meter = meters->made;
    while (meter && !(meter->family == state && meter->hash == hash &&
                      has_labels(meter, label, state->label_count))) {
        meter = meter->next;
    }
    return meter;
}

/* With the lock held. */
static alm_meter *insert(alm_meters *meters, family_state *state, const alm_str *label,
                         uint64_t hash)
{
    alm_meter *meter = NULL;
    _Atomic(alm_meter *) *slot = search(state, label, hash, &meter);
    if (meter) {
        return meter; /* another thread was faster */
    }
    if (!slot || state->count >= state->family->series_max) {
        return other_of(state);
    }
    meter = find_retired(meters, state, label, hash);
    if (!meter) {
        if (meter_create(state, label, &meter, NULL) != ALM_OK) {
            return other_of(state);
        }
        meter->next = meters->made;
        meters->made = meter;
    }
    state->count++;
    atomic_store_explicit(slot, meter, memory_order_release);
    return meter;
}

alm_meter *alm_meters_find(alm_meters *meters, size_t family, const alm_str *label)
{
    family_state *state = state_of(meters, family);
    if (state->label_count == 0) {
        return state->other;
    }
    size_t others = 0;
    for (size_t i = 0; i < state->label_count; i++) {
        if (label[i].size > ALM_LABEL_BYTES_MAX || !alm_str_is_utf8(label[i], NULL)) {
            return other_of(state);
        }
        others += alm_str_is(label[i], ALM_LABEL_OTHER);
    }
    if (others == state->label_count) {
        return other_of(state); /* two series of the same labels would be no exposition */
    }
    uint64_t hash = hash_labels(label, state->label_count);
    alm_meter *meter = NULL;
    (void)search(state, label, hash, &meter);
    if (!meter) {
        alm_mutex_lock(&meters->mutex);
        meter = insert(meters, state, label, hash);
        alm_mutex_unlock(&meters->mutex);
    }
    return meter;
}

alm_meter *alm_meters_find_texts(alm_meters *meters, size_t family, const char *const *text,
                                 size_t count)
{
    alm_str label[ALM_METER_LABELS_MAX];
    alm_assert(count == state_of(meters, family)->label_count);
    for (size_t i = 0; i < count; i++) {
        label[i] = alm_str_of(text[i]);
    }
    return alm_meters_find(meters, family, label);
}

void alm_meters_retire(alm_meters *meters, alm_meter *meter)
{
    family_state *state = &meters->family[meter->family - meters->family];
    if (meter == state->other) {
        return;
    }
    alm_mutex_lock(&meters->mutex);
    alm_meter *found = NULL;
    _Atomic(alm_meter *) *slot = search(state, meter->label, meter->hash, &found);
    if (found == meter) {
        atomic_store_explicit(slot, state->other, memory_order_release);
        state->count--;
    }
    alm_mutex_unlock(&meters->mutex);
}

void alm_meters_retire_all(alm_meters *meters, size_t family, const alm_str *label, size_t count)
{
    family_state *state = state_of(meters, family);
    alm_assert(count <= state->label_count);
    alm_mutex_lock(&meters->mutex);
    for (size_t i = 0; state->slot && i <= state->slot_mask; i++) {
        alm_meter *meter = atomic_load_explicit(&state->slot[i], memory_order_relaxed);
        if (meter && meter != state->other && has_labels(meter, label, count)) {
            atomic_store_explicit(&state->slot[i], state->other, memory_order_release);
            state->count--;
        }
    }
    alm_mutex_unlock(&meters->mutex);
}

/* ---- moving ---- */

static atomic_uint_fast64_t *cells_of(const alm_meter *meter, int worker)
{
    return meter->cell + ((unsigned)worker & meter->worker_mask) * meter->stride;
}

static void add_to(atomic_uint_fast64_t *cell, uint64_t amount)
{
    (void)atomic_fetch_add_explicit(cell, amount, memory_order_relaxed);
}

void alm_meter_add(alm_meter *meter, int worker, uint64_t amount)
{
    alm_assert(meter->kind == ALM_METER_COUNTER);
    add_to(cells_of(meter, worker), amount);
}

void alm_meter_move(alm_meter *meter, int worker, int64_t amount)
{
    alm_assert(meter->kind == ALM_METER_LEVEL);
    add_to(cells_of(meter, worker), (uint64_t)amount); /* wraps, as the sum does again */
}

void alm_meter_set(alm_meter *meter, double value)
{
    alm_assert(meter->kind == ALM_METER_GAUGE);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    atomic_store_explicit(meter->cell, bits, memory_order_relaxed);
}

void alm_meter_follow(alm_meter *meter, uint64_t total)
{
    alm_assert(meter->kind == ALM_METER_COUNTER);
    atomic_store_explicit(meter->cell, total, memory_order_relaxed);
}

/* Cells of a histogram: one per bound, one for what is above all, the sum. */
void alm_meter_observe(alm_meter *meter, int worker, uint64_t value)
{
    alm_assert(meter->kind == ALM_METER_HISTOGRAM);
    size_t bucket = 0;
    while (bucket < meter->bound_count && value > meter->bounds[bucket]) {
        bucket++;
    }
    atomic_uint_fast64_t *cell = cells_of(meter, worker);
    add_to(&cell[bucket], 1);
    add_to(&cell[meter->bound_count + 1], value);
}

/* ---- reading ---- */

void alm_meter_read(const alm_meter *meter, alm_meter_reading *out)
{
    uint64_t total[ALM_METER_BOUNDS_MAX + 2] = {0};
    size_t words = word_count(meter->family->family), bounds = meter->bound_count;
    for (size_t worker = 0; worker <= meter->worker_mask; worker++) {
        for (size_t i = 0; i < words; i++) {
            total[i] += atomic_load_explicit(&meter->cell[worker * meter->stride + i],
                                             memory_order_relaxed);
        }
    }
    *out = (alm_meter_reading){.total = total[0], .level = (int64_t)total[0]};
    memcpy(&out->gauge, total, sizeof out->gauge); /* the other workers' cells are zero */
    if (meter->kind == ALM_METER_HISTOGRAM) {
        out->sum = total[bounds + 1];
        for (size_t i = 0; i <= bounds; i++) {
            out->bucket[i] = total[i];
            out->count += total[i];
        }
    }
}

alm_str alm_meter_label(const alm_meter *meter, size_t label)
{
    alm_assert(label < meter->family->label_count);
    return meter->label[label];
}

static int by_labels(const void *a, const void *b)
{
    const alm_meter *x = *(const alm_meter *const *)a, *y = *(const alm_meter *const *)b;
    for (size_t i = 0; i < x->family->label_count; i++) {
        int order = alm_str_compare(x->label[i], y->label[i]);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

alm_err alm_meters_list(const alm_meters *meters, size_t family, alm_arena *arena,
                        const alm_meter *const **out, size_t *count, alm_error *error)
{
    const family_state *state = state_of(meters, family);
    size_t limit = (state->label_count > 0 ? state->family->series_max : 0) + 1, found = 0;
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, limit * sizeof(alm_meter *), &memory, error));
    const alm_meter **list = memory;
    if (atomic_load_explicit(&state->other_used, memory_order_relaxed)) {
        list[found++] = state->other;
    }
    for (size_t i = 0; state->slot && i <= state->slot_mask && found < limit; i++) {
        const alm_meter *meter = atomic_load_explicit(&state->slot[i], memory_order_acquire);
        if (meter && meter != state->other) {
            list[found++] = meter;
        }
    }
    qsort((void *)list, found, sizeof *list, by_labels);
    /* One that was retired and made again meanwhile may have been met in both its slots. */
    size_t kept = 0;
    for (size_t i = 0; i < found; i++) {
        if (kept == 0 || by_labels(&list[kept - 1], &list[i]) != 0) {
            list[kept++] = list[i];
        }
    }
    *out = list;
    *count = kept;
    return ALM_OK;
}
