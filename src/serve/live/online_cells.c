/* online_cells.c: what events make of a cell, and sums over cells.
 *
 * The rules are those of project/panel_source.c: a day with a row is observed, or closed when it
 * sold nothing on a closed day; a day without one is closed, zero or missing; where stock was
 * counted as nothing, an open day is out of stock and its sale a lower bound. */
#include "serve/live/online_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/exact_sum.h"

/* ---- growing lists ---- */

static alm_err make_room(void **item, size_t room, size_t larger, size_t size, alm_error *error)
{
    void *memory = *item;
    ALM_TRY(alm_heap_try_resize(*item, room * size, larger * size, &memory, error));
    *item = memory;
    return ALM_OK;
}

alm_err almi_changes_add(almi_changes *changes, size_t series, size_t period, alm_error *error)
{
    if (changes->count == changes->room) {
        size_t larger = changes->room ? 2 * changes->room : 64;
        void *item = changes->item;
        ALM_TRY(make_room(&item, changes->room, larger, sizeof *changes->item, error));
        changes->item = item;
        changes->room = larger;
    }
    changes->item[changes->count++] = (almi_change){(uint32_t)series, (uint32_t)period};
    return ALM_OK;
}

static int compare_changes(const void *a, const void *b)
{
    const almi_change *x = a, *y = b;
    if (x->series != y->series) {
        return x->series < y->series ? -1 : 1;
    }
    return x->period < y->period ? -1 : x->period > y->period;
}

void almi_changes_sort(almi_changes *changes)
{
    if (changes->count == 0) {
        return;
    }
    qsort(changes->item, changes->count, sizeof *changes->item, compare_changes);
    size_t kept = 1;
    for (size_t i = 1; i < changes->count; i++) {
        if (compare_changes(&changes->item[i], &changes->item[kept - 1]) != 0) {
            changes->item[kept++] = changes->item[i];
        }
    }
    changes->count = kept;
}

/* ---- entries ---- */

static bool comes_before(const almi_entry *a, const almi_entry *b)
{
    if (a->period != b->period) {
        return a->period < b->period;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind;
    }
    return a->known_at != b->known_at ? a->known_at < b->known_at : a->order < b->order;
}

alm_err almi_entries_add(almi_entries *entries, const almi_entry *entry, alm_error *error)
{
    if (entries->count == entries->room) {
        uint32_t larger = entries->room ? 2 * entries->room : 4;
        void *item = entries->item;
        ALM_TRY(make_room(&item, entries->room, larger, sizeof *entries->item, error));
        entries->item = item;
        entries->room = larger;
    }
    uint32_t at = entries->count; /* mostly the newest comes last */
    while (at > 0 && comes_before(entry, &entries->item[at - 1])) {
        at--;
    }
    memmove(entries->item + at + 1, entries->item + at,
            (entries->count - at) * sizeof *entries->item);
    entries->item[at] = *entry;
    entries->count++;
    return ALM_OK;
}

/* The first entry of the period, or where it would be. */
static uint32_t first_entry(const almi_entries *entries, size_t period)
{
    uint32_t low = 0;
    uint32_t high = entries->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entries->item[middle].period < period) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_of_stock(const almi_entry *entry)
{
    return entry->what == ALM_EVENT_RECEIPT || entry->what == ALM_EVENT_STOCK_COUNT;
}

/* Does a panel that ends after `end` periods show it? As almi_panel_visible. */
static bool is_shown(const alm_online_state *online, const almi_entry *entry, size_t end)
{
    if (entry->kind != ALMI_ENTRY_EVENT) {
        return true;
    }
    bool stock = is_of_stock(entry);
    if (stock ? online->stock_known_at : online->target_known_at) {
        return entry->known_at <= alm_instant_of_date(online->start + (alm_date)end);
    }
    return !stock || online->stock_in_advance || entry->period + online->stock_delay < end;
}

size_t almi_cell_shown(const alm_online_state *online, size_t series, size_t period, size_t end,
                       size_t *all)
{
    const almi_entries *entries = &online->entries[series];
    size_t shown = 0;
    *all = 0;
    for (uint32_t i = first_entry(entries, period);
         i < entries->count && entries->item[i].period == period; i++) {
        shown += is_shown(online, &entries->item[i], end);
        ++*all;
    }
    return shown;
}

alm_err almi_keep_base(alm_online_state *online, size_t series, uint32_t period, alm_error *error)
{
    const almi_entries *entries = &online->entries[series];
    uint32_t at = first_entry(entries, period);
    if (at < entries->count && entries->item[at].period == period) {
        return ALM_OK; /* kept, or not changed by the snapshot's word */
    }
    const almi_history *history = almi_history_of(online, series);
    almi_entry base = {.period = period, .kind = ALMI_ENTRY_BASE,
                       .what = history->states[period], .known_at = INT64_MIN,
                       .quantity = history->target[period], .said = SIZE_MAX};
    return almi_entries_add(&online->entries[series], &base, error);
}

/* ---- a cell ---- */

typedef struct said { /* what the shown entries of a cell come to */
    const almi_entry *base;
    bool sold;     /* the day has a row */
    bool out;
    bool counted;
    double count;  /* the newest */
    bool received;
    alm_exact_sum total;
    alm_exact_sum receipts;
} said;

static void say_values(alm_online_state *online, const almi_entry *entry, size_t series)
{
    for (size_t c = 0; entry->said != SIZE_MAX && c < online->column_count; c++) {
        if (online->columns[c].kind == ALMI_FEED_OWN) {
            double value = online->said[entry->said + online->columns[c].said];
            double *cell = almi_column_cell(online, c, series, entry->period);
            *cell = isnan(value) ? *cell : value;
        }
    }
}

static void say_snapshot(said *s, const almi_entry *entry)
{
    s->out = entry->kind == ALMI_ENTRY_OUT || entry->what == ALM_PERIOD_STOCKOUT;
    if (entry->kind == ALMI_ENTRY_BASE) {
        s->base = entry;
        if (!isnan(entry->quantity)) {
            alm_exact_sum_add(&s->total, entry->quantity);
        }
    }
}

static void say(said *s, const almi_entry *entry)
{
    if (entry->kind != ALMI_ENTRY_EVENT) {
        say_snapshot(s, entry);
        return;
    }
    switch ((alm_event_kind)entry->what) {
    case ALM_EVENT_CORRECTION:
        alm_exact_sum_clear(&s->total);
        alm_exact_sum_add(&s->total, entry->quantity);
        s->sold = true;
        return;
    case ALM_EVENT_SALE:
    case ALM_EVENT_RETURN:
        alm_exact_sum_add(&s->total, entry->what == ALM_EVENT_SALE ? entry->quantity
                                                                   : -entry->quantity);
        s->sold = true;
        return;
    case ALM_EVENT_RECEIPT:
        alm_exact_sum_add(&s->receipts, entry->quantity);
        s->received = true;
        return;
    case ALM_EVENT_STOCK_COUNT:
        s->count = entry->quantity;
        s->counted = true;
        return;
    case ALM_EVENT_KINDS:
        break;
    }
    alm_assert(false);
}

static void say_stock(alm_online_state *online, const said *s, size_t series, size_t period)
{
    for (size_t c = 0; c < online->column_count; c++) {
        if (s->counted && online->columns[c].kind == ALMI_FEED_ON_HAND) {
            *almi_column_cell(online, c, series, period) = s->count;
        }
        if (s->received && online->columns[c].kind == ALMI_FEED_RECEIPTS) {
            *almi_column_cell(online, c, series, period) = alm_exact_sum_value(&s->receipts);
        }
    }
}

almi_cell almi_cell_sold(const alm_online_state *online, size_t period, double total)
{
    bool closed = total == 0 && online->closed[period] != 0;
    uint8_t state = closed ? ALM_PERIOD_CLOSED : ALM_PERIOD_OBSERVED;
    return (almi_cell){total, state, state};
}

almi_cell almi_cell_untold(const alm_online_state *online, size_t period)
{
    if (online->closed[period] != 0) {
        return (almi_cell){0, ALM_PERIOD_CLOSED, ALM_PERIOD_CLOSED};
    }
    uint8_t state = online->unknown_gaps ? ALM_PERIOD_MISSING : ALM_PERIOD_ZERO;
    return (almi_cell){online->unknown_gaps ? NAN : 0, state, state};
}

/* Before the stock is asked. */
static almi_cell cell_of_target(const alm_online_state *online, const said *s, size_t period)
{
    if (s->sold) {
        double total = alm_exact_sum_value(&s->total);
        return almi_cell_sold(online, period, total > 0 ? total : 0);
    }
    if (s->base) {
        uint8_t state = s->base->what;
        state = state == ALM_PERIOD_STOCKOUT ? ALM_PERIOD_OBSERVED : state;
        return (almi_cell){s->base->quantity, state, state};
    }
    return almi_cell_untold(online, period);
}

almi_cell almi_cell_of(alm_online_state *online, size_t series, size_t period, size_t end)
{
    const almi_entries *entries = &online->entries[series];
    said s = {.base = NULL};
    for (uint32_t i = first_entry(entries, period);
         i < entries->count && entries->item[i].period == period; i++) {
        if (is_shown(online, &entries->item[i], end)) {
            say(&s, &entries->item[i]);
            say_values(online, &entries->item[i], series);
        }
    }
    say_stock(online, &s, series, period);
    almi_cell cell = cell_of_target(online, &s, period);
    bool out = s.counted ? online->flags_stockouts && s.count <= 0 : s.out;
    if (out && cell.state != ALM_PERIOD_BEFORE && cell.state != ALM_PERIOD_CLOSED) {
        cell.state = ALM_PERIOD_STOCKOUT;
        cell.target = isnan(cell.target) ? 0 : cell.target;
    }
    return cell;
}

void almi_put_cell(const almi_history *history, size_t period, almi_cell cell)
{
    history->target[period] = cell.target;
    history->states[period] = cell.state;
    history->raw[period] = cell.raw;
}

/* ---- sums ---- */

const almi_history *almi_history_of(const alm_online_state *online, size_t series)
{
    const almi_view *draft = online->draft[series];
    return draft ? &draft->history : &online->view[series]->history;
}

bool almi_add_up(alm_online_state *online, almi_grouping *grouping, size_t row, size_t period)
{
    double sum = 0; /* plainly, in the order of the series: the bits of a batch */
    bool known = false;
    for (uint32_t i = grouping->start[row]; i < grouping->start[row + 1]; i++) {
        const almi_history *history = almi_history_of(online, grouping->member[i]);
        uint8_t raw = history->raw[period];
        if (raw != ALM_PERIOD_BEFORE && raw != ALM_PERIOD_MISSING) {
            sum += history->target[period];
            known = true;
        }
    }
    sum = known ? sum : NAN;
    double *cell = &grouping->sums[row * online->cap + period];
    bool changed = memcmp(cell, &sum, sizeof sum) != 0 && !(isnan(*cell) && isnan(sum));
    *cell = sum;
    return changed;
}

void almi_add_up_total(alm_online_state *online, size_t period)
{
    double total = 0;
    for (size_t row = 0; online->level && row < online->level->rows; row++) {
        double value = online->level->sums[row * online->cap + period];
        total += isnan(value) ? 0 : value;
    }
    online->totals[period] = total;
}

/* ---- states ---- */

void almi_values_at(alm_online_state *online, const almi_history *history, size_t series,
                    size_t period)
{
    for (size_t c = 0; c < online->column_count; c++) {
        const almi_online_column *column = &online->columns[c];
        double value = NAN;
        if (column->kind == ALMI_FEED_TARGET) {
            value = history->target[period];
        } else if (column->kind == ALMI_FEED_GROUP) {
            const almi_grouping *g = &online->groupings[column->said];
            value = g->sums[g->row_of_series[series] * online->cap + period];
        } else if (column->kind != ALMI_FEED_NONE) {
            value = *almi_column_cell(online, c, series, period);
        }
        online->values[c] = value;
    }
}

alm_err almi_replay_series(alm_online_state *online, const almi_history *history, size_t series,
                           size_t to, alm_feature_state **out, alm_error *error)
{
    const alm_feature_plan *plan = online->plan;
    size_t lookback = alm_feature_plan_lookback(plan);
    bool whole = alm_feature_plan_is_anchored(plan) || to < lookback;
    size_t from = whole ? 0 : to - lookback;
    alm_feature_state *state = NULL;
    ALM_TRY(alm_feature_state_create(plan, online->start + (alm_date)from,
                                     online->statics + series * online->static_count, &state,
                                     error));
    alm_err code = ALM_OK;
    for (size_t period = from; code == ALM_OK && period < to; period++) {
        almi_values_at(online, history, series, period);
        code = alm_feature_update(state, online->values,
                                  (alm_period_state)history->states[period], error);
    }
    if (code != ALM_OK) {
        alm_feature_state_destroy(state);
        return code;
    }
    *out = state;
    return ALM_OK;
}

alm_err almi_history_create(size_t cap, almi_history *out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(cap * (sizeof(double) + 2), &memory, error));
    out->target = memory;
    out->states = (uint8_t *)(out->target + cap);
    out->raw = out->states + cap;
    return ALM_OK;
}
