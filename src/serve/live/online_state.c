/* online_state.c: moving on, publishing, lending.
 *
 * A writer works on drafts: copies of the views that change. Histories are appended to in place,
 * because a reader does not look behind its origin; a correction copies them. When all is done, a
 * table of all views replaces the one before (base/epoch.h), which takes along what only readers of
 * it or of older ones can still see. */
#include "serve/live/online_internal.h"

#include <math.h>
#include <string.h>

#include "feature/sold_out.h"

/* ---- views ---- */

void almi_view_destroy(almi_view *view)
{
    if (view) {
        alm_feature_state_destroy(view->state);
        alm_heap_free(view->history.target);
        alm_heap_free(view);
    }
}

static alm_err draft_of(alm_online_state *online, size_t series, almi_view **out,
                        alm_error *error)
{
    if (!online->draft[series]) {
        const almi_view *view = online->view[series];
        void *memory = NULL;
        ALM_TRY(alm_heap_try(sizeof(almi_view), &memory, error));
        almi_view *draft = memory;
        alm_err code = alm_feature_state_clone(view->state, &draft->state, error);
        if (code != ALM_OK) {
            alm_heap_free(draft);
            return code;
        }
        draft->history = view->history; /* shared until a correction */
        online->draft[series] = draft;
    }
    *out = online->draft[series];
    return ALM_OK;
}

/* For a cell that readers may look at. */
static alm_err own_history(alm_online_state *online, size_t series, almi_view *draft,
                           alm_error *error)
{
    const almi_history *shared = &online->view[series]->history;
    if (draft->history.target == shared->target) {
        almi_history copy;
        ALM_TRY(almi_history_create(online->cap, &copy, error));
        memcpy(copy.target, shared->target, online->cap * (sizeof(double) + 2));
        draft->history = copy;
    }
    return ALM_OK;
}

/* ---- publishing ---- */

static void destroy_table(void *memory)
{
    almi_table *table = memory;
    for (size_t i = 0; i < table->dropped_count; i++) {
        alm_feature_state_destroy(table->dropped[i].state);
        alm_heap_free(table->dropped[i].memory);
    }
    alm_heap_free(table->dropped);
    alm_heap_free(table);
}

void almi_impute_one(const alm_online_state *online, alm_panel *panel, alm_arena *arena)
{
    alm_sold_out_rule rule = alm_feature_plan_sold_out(online->plan);
    panel->imputed = NULL;
    if (rule != ALM_SOLD_OUT_MASKED &&
        memchr(panel->state, ALM_PERIOD_STOCKOUT, panel->periods)) {
        double *imputed = ALM_NEW_ARRAY(arena, double, panel->periods);
        alm_sold_out_series(panel, 0, rule, imputed);
        panel->imputed = imputed;
    }
}

static double scale_of(const alm_online_state *online, const almi_view *view)
{
    alm_panel_column column = {.name = online->columns[0].panel.name, .role = ALM_ROLE_OBSERVED,
                               .values = view->history.target, .stride = online->cap};
    alm_panel panel = {.start = online->start, .periods = online->cap, .series_count = 1,
                       .state = view->history.states, .column_count = 1, .columns = &column};
    alm_history_view past = {.panel = &panel, .origin = online->end - 1, .delay = online->delay};
    alm_arena_reset(online->scratch);
    almi_impute_one(online, &panel, online->scratch);
    return alm_history_scale(&past, online->scratch);
}

static void show_draft(alm_online_state *online, almi_view *view)
{
    view->seen = (alm_online_series){.state = view->state, .target = view->history.target,
                                     .states = view->history.states,
                                     .scale = scale_of(online, view)};
}

static almi_table *make_table(alm_online_state *online, alm_error *error)
{
    void *memory = NULL;
    size_t bytes = sizeof(almi_table) + online->series_count * sizeof(alm_online_series *) +
                   ALM_PROFILE_PERIODS * sizeof(double);
    if (alm_heap_try(bytes, &memory, error) != ALM_OK) {
        return NULL;
    }
    almi_table *table = memory;
    *table = (almi_table){0};
    table->series = (const alm_online_series **)(void *)(table + 1);
    double *totals = (double *)(void *)(table->series + online->series_count);
    for (size_t s = 0; s < online->series_count; s++) {
        const almi_view *view = online->draft[s] ? online->draft[s] : online->view[s];
        table->series[s] = &view->seen;
    }
    size_t origin = online->end - 1;
    almi_span recent = almi_profile_span(online, origin);
    memcpy(totals, online->totals + recent.begin,
           (recent.end - recent.begin) * sizeof *totals);
    table->now = (alm_online_now){
        .start = online->start,
        .end = online->start + (alm_date)online->end,
        .origin = origin,
        .profile = alm_profile_of(online->totals, online->closed, online->start, origin,
                                  online->delay),
        .totals = totals,
        .events = online->events,
        .mark = online->mark,
        .series_count = online->series_count,
        .series = table->series,
    };
    return table;
}

/* Notes in the table what the drafts replace. */
static alm_err drop_replaced(const alm_online_state *online, almi_table *table, size_t drafts,
                             alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(2 * drafts * sizeof(almi_dropped) + 1, &memory, error));
    table->dropped = memory;
    for (size_t s = 0; s < online->series_count; s++) {
        const almi_view *draft = online->draft[s];
        almi_view *view = online->view[s];
        if (draft) {
            if (draft->history.target != view->history.target) {
                table->dropped[table->dropped_count++].memory = view->history.target;
            }
            table->dropped[table->dropped_count++] = (almi_dropped){view, view->state};
        }
    }
    return ALM_OK;
}

static void drop_nothing(almi_table *table)
{
    alm_heap_free(table->dropped);
    table->dropped = NULL;
    table->dropped_count = 0;
}

/* The old table is complete before it is replaced: it may be freed at once. */
static alm_err replace_table(alm_online_state *online, almi_table *next, size_t drafts,
                             alm_error *error)
{
    almi_table *old = alm_epoch_read(&online->table); /* nobody else publishes here */
    if (old) {
        ALM_TRY(drop_replaced(online, old, drafts, error));
    }
    alm_err code = alm_epoch_publish(online->epoch, &online->table, next, destroy_table, error);
    if (code != ALM_OK && old) {
        drop_nothing(old);
    }
    return code;
}

alm_err almi_online_show(alm_online_state *online, alm_error *error)
{
    size_t drafts = 0;
    for (size_t s = 0; s < online->series_count; s++) {
        if (online->draft[s]) {
            show_draft(online, online->draft[s]);
            drafts++;
        }
    }
    almi_table *table = make_table(online, error);
    if (!table) {
        return ALM_ERR_MEMORY;
    }
    alm_err code = replace_table(online, table, drafts, error);
    if (code != ALM_OK) {
        destroy_table(table);
        return code;
    }
    for (size_t s = 0; s < online->series_count; s++) {
        online->view[s] = online->draft[s] ? online->draft[s] : online->view[s];
        online->draft[s] = NULL;
    }
    return ALM_OK;
}

/* ---- opening and closing ---- */

alm_err alm_online_state_open(const alm_online_options *options, alm_online_state **out,
                              alm_error *error)
{
    alm_assert(options->workers > 0 && options->workers <= ALM_ONLINE_WORKERS_MAX);
    alm_arena *arena = alm_arena_create(0);
    alm_online_state *online = ALM_NEW(arena, alm_online_state);
    online->arena = arena;
    online->scratch = alm_arena_create(0);
    online->project = options->project;
    online->plan = options->plan;
    alm_err code = alm_epoch_create(options->workers, &online->epoch, error);
    code = code == ALM_OK ? almi_online_read(online, options, error) : code;
    for (size_t s = 0; s < online->series_count && code == ALM_OK; s++) {
        show_draft(online, online->view[s]);
    }
    code = code == ALM_OK ? almi_online_show(online, error) : code;
    if (code != ALM_OK) {
        alm_online_state_close(online);
        return code;
    }
    *out = online;
    return ALM_OK;
}

static void destroy_draft(alm_online_state *online, size_t series)
{
    almi_view *draft = online->draft[series];
    if (draft && draft->history.target == online->view[series]->history.target) {
        draft->history.target = NULL;
    }
    almi_view_destroy(draft);
}

void alm_online_state_close(alm_online_state *online)
{
    if (!online) {
        return;
    }
    for (size_t s = 0; online->view && online->draft && s < online->series_count; s++) {
        destroy_draft(online, s);
        almi_view_destroy(online->view[s]);
        alm_heap_free(online->entries[s].item);
    }
    almi_table *table = alm_epoch_exchange(&online->table, NULL);
    if (table) {
        destroy_table(table);
    }
    alm_epoch_destroy(online->epoch);
    for (size_t g = 0; g < online->grouping_count; g++) {
        alm_heap_free(online->groupings[g].dirty.item);
    }
    alm_heap_free(online->dirty.item);
    alm_heap_free(online->pending.item);
    alm_heap_free(online->said);
    alm_arena_destroy(online->scratch);
    alm_arena_destroy(online->arena); /* the struct lies in it */
}

/* ---- what never changes ---- */

size_t alm_online_state_series_count(const alm_online_state *online)
{
    return online->series_count;
}

alm_date alm_online_state_last_end(const alm_online_state *online)
{
    return online->start + (alm_date)online->cap;
}

uint64_t alm_online_state_bytes(const alm_online_state *online)
{
    return online->bytes;
}

alm_err alm_online_state_find(const alm_online_state *online, const alm_str *keys, size_t count,
                              size_t *out, alm_error *error)
{
    size_t low = 0;
    size_t high = count == online->key_count ? online->series_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = 0;
        for (size_t k = 0; order == 0 && k < count; k++) {
            order = alm_str_compare(online->keys[middle * count + k], keys[k]);
        }
        if (order == 0) {
            *out = middle;
            return ALM_OK;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    alm_arena *scratch = alm_arena_create(1024);
    alm_buffer text = {0};
    for (size_t k = 0; k < count; k++) {
        alm_buffer_text(&text, k ? "|" : "");
        alm_buffer_visible(&text, keys[k]);
    }
    alm_err code = alm_fail(error, ALM_ERR_NOT_FOUND, "there is no series '%.200s' in the "
                            "snapshot: a new one is known with the next snapshot",
                            text.data ? text.data : "");
    alm_buffer_deinit(&text);
    alm_arena_destroy(scratch);
    return code;
}

/* ---- events ---- */

static bool is_of_stock(const alm_event *event)
{
    return event->kind == ALM_EVENT_RECEIPT || event->kind == ALM_EVENT_STOCK_COUNT;
}

/* Periods before this one are published in the snapshot. */
static size_t published(const alm_online_state *online, const alm_event *event)
{
    if (is_of_stock(event)) {
        bool late = !online->stock_known_at && !online->stock_in_advance;
        size_t delay = late ? online->stock_delay : 0;
        return delay < online->periods ? online->periods - delay : 0;
    }
    return online->periods - (online->target_known_at ? 0 : online->delay);
}

static alm_err check_day(const alm_online_state *online, size_t series, alm_date day, alm_date last,
                         alm_error *error)
{
    char text[ALM_DATE_TEXT_BYTES];
    alm_date first = online->start + (alm_date)online->first[series];
    if (day < first) {
        alm_date_text(first, text);
        return alm_fail(error, ALM_ERR_INVALID, "the event's day lies before the history of its "
                        "series, which begins on %s", text);
    }
    if (day > last) {
        alm_date_text(last, text);
        return alm_fail(error, ALM_ERR_INVALID, "the event's day lies in the future: the last day "
                        "that can be told of is %s", text);
    }
    return ALM_OK;
}

alm_err alm_online_state_check(const alm_online_state *online, const alm_online_now *now,
                               const alm_event *event, alm_error *error)
{
    size_t series = 0;
    ALM_TRY(alm_online_state_find(online, event->keys, event->key_count, &series, error));
    alm_date last = alm_online_state_last_end(online) - 1;
    last = now->end + 1 < last ? now->end + 1 : last;
    ALM_TRY(check_day(online, series, event->day, last, error));
    if (event->day >= online->start + (alm_date)published(online, event)) {
        return ALM_OK;
    }
    if (is_of_stock(event)) {
        return alm_fail(error, ALM_ERR_INVALID, "the snapshot has the stock of that day: correct "
                        "the source, and the next snapshot shows it");
    }
    if (event->known_at == ALM_EVENT_NOT_SAID) {
        return alm_fail(error, ALM_ERR_INVALID, "the snapshot has that day: say `known_at`, which "
                        "tells whether it has this event, too");
    }
    return ALM_OK;
}

static alm_err refuse_broken(const alm_online_state *online, alm_error *error)
{
    return online->broken ? alm_fail(error, ALM_ERR_INCOMPLETE, "the online state stopped in the "
                                     "middle of a change: open it again")
                          : ALM_OK;
}

static alm_err keep_said(alm_online_state *online, const alm_event *event, size_t *out,
                         alm_error *error)
{
    *out = SIZE_MAX;
    if (event->value_count == 0 || online->said_count == 0) {
        return ALM_OK;
    }
    if (online->said_used + online->said_count > online->said_room) {
        size_t room = 2 * online->said_room + online->said_count;
        void *memory = online->said;
        ALM_TRY(alm_heap_try_resize(online->said, online->said_room * sizeof(double),
                                    room * sizeof(double), &memory, error));
        online->said = memory;
        online->said_room = room;
    }
    double *values = online->said + online->said_used;
    for (size_t c = 1; c < online->column_count; c++) {
        if (online->columns[c].kind != ALMI_FEED_OWN) {
            continue;
        }
        double *value = &values[online->columns[c].said];
        *value = NAN;
        for (size_t i = 0; i < event->value_count; i++) {
            bool same = alm_str_is(event->values[i].column, online->columns[c].panel.name);
            *value = same ? event->values[i].value : *value;
        }
    }
    *out = online->said_used;
    online->said_used += online->said_count;
    return ALM_OK;
}

static alm_err keep_event(alm_online_state *online, const alm_event *event, alm_instant known_at,
                          size_t series, alm_error *error)
{
    uint32_t period = (uint32_t)(event->day - online->start);
    almi_entry entry = {.period = period, .kind = ALMI_ENTRY_EVENT, .what = (uint8_t)event->kind,
                        .known_at = known_at, .order = ++online->orders,
                        .quantity = event->quantity};
    size_t all = 0;
    ALM_TRY(keep_said(online, event, &entry.said, error));
    if (period < published(online, &(alm_event){.kind = ALM_EVENT_SALE})) {
        ALM_TRY(almi_keep_base(online, series, period, error));
    }
    ALM_TRY(almi_entries_add(&online->entries[series], &entry, error));
    online->events++;
    if (period >= online->end) {
        return ALM_OK; /* the day is not over */
    }
    if (almi_cell_shown(online, series, period, online->end, &all) < all) {
        ALM_TRY(almi_changes_add(&online->pending, series, period, error));
    }
    return almi_changes_add(&online->dirty, series, period, error);
}

alm_err alm_online_state_apply(alm_online_state *online, const alm_event *event,
                               alm_instant received, alm_online_effect *effect, alm_error *error)
{
    size_t series = 0;
    alm_instant known_at = event->known_at == ALM_EVENT_NOT_SAID ? received : event->known_at;
    ALM_TRY(refuse_broken(online, error));
    ALM_TRY(alm_online_state_find(online, event->keys, event->key_count, &series, error));
    bool over = event->day < online->start + (alm_date)published(online, event);
    if (over && (is_of_stock(event) || known_at <= online->known_until)) {
        *effect = ALM_ONLINE_IN_SNAPSHOT;
        return ALM_OK;
    }
    ALM_TRY(check_day(online, series, event->day, alm_online_state_last_end(online) - 1, error));
    alm_err code = keep_event(online, event, known_at, series, error);
    online->broken = code != ALM_OK;
    if (code == ALM_OK) {
        *effect = ALM_ONLINE_COUNTED;
    }
    return code;
}

/* ---- corrections ---- */

/* Periods of one series whose columns have changed. */
static alm_err retract(alm_online_state *online, const almi_change *changed, size_t count,
                       alm_error *error)
{
    size_t series = changed[0].series;
    almi_view *draft = NULL;
    ALM_TRY(draft_of(online, series, &draft, error));
    size_t kept = alm_feature_state_kept(draft->state);
    size_t width = online->column_count;
    alm_arena_reset(online->scratch);
    alm_feature_cells *cells = ALM_NEW_ARRAY(online->scratch, alm_feature_cells, count);
    double *values = ALM_NEW_ARRAY(online->scratch, double, count * width);
    size_t used = 0;
    bool beyond = false;
    for (size_t i = 0; i < count; i++) {
        size_t period = changed[i].period;
        if (period >= online->pushed || online->pushed - period > kept) {
            beyond = beyond || period < online->pushed;
            continue;
        }
        almi_values_at(online, &draft->history, series, period);
        memcpy(values + used * width, online->values, width * sizeof *values);
        cells[used] = (alm_feature_cells){(uint32_t)(online->pushed - 1 - period),
                                          values + used * width,
                                          (alm_period_state)draft->history.states[period]};
        used++;
    }
    /* Without ANCHORED operators no window reaches back as far as what is beyond. */
    if (!beyond || !alm_feature_plan_is_anchored(online->plan)) {
        return alm_feature_retract_all(draft->state, cells, used, error);
    }
    alm_feature_state *state = NULL;
    ALM_TRY(almi_replay_series(online, &draft->history, series, online->pushed, &state, error));
    alm_feature_state_destroy(draft->state);
    draft->state = state;
    return ALM_OK;
}

/* Adds up again what the changed cells are part of; members of a sum that the plan reads change
 * too. */
static alm_err regroup(alm_online_state *online, almi_changes *changed, alm_error *error)
{
    for (size_t g = 0; g < online->grouping_count; g++) {
        almi_grouping *grouping = &online->groupings[g];
        grouping->dirty.count = 0;
        for (size_t i = 0; i < online->dirty.count; i++) {
            const almi_change *cell = &online->dirty.item[i];
            ALM_TRY(almi_changes_add(&grouping->dirty, grouping->row_of_series[cell->series],
                                     cell->period, error));
        }
        almi_changes_sort(&grouping->dirty);
        for (size_t i = 0; i < grouping->dirty.count; i++) {
            almi_change sum = grouping->dirty.item[i];
            bool moves = almi_add_up(online, grouping, sum.series, sum.period) &&
                         grouping->column > 0;
            for (uint32_t m = grouping->start[sum.series];
                 moves && m < grouping->start[sum.series + 1]; m++) {
                ALM_TRY(almi_changes_add(changed, grouping->member[m], sum.period, error));
            }
        }
    }
    for (size_t i = 0; i < online->dirty.count; i++) {
        almi_add_up_total(online, online->dirty.item[i].period);
    }
    return ALM_OK;
}

static alm_err rework(alm_online_state *online, almi_changes *changed, alm_error *error)
{
    almi_changes_sort(&online->dirty);
    for (size_t i = 0; i < online->dirty.count; i++) {
        almi_change cell = online->dirty.item[i];
        almi_view *draft = NULL;
        ALM_TRY(draft_of(online, cell.series, &draft, error));
        ALM_TRY(own_history(online, cell.series, draft, error));
        almi_put_cell(&draft->history, cell.period,
                      almi_cell_of(online, cell.series, cell.period, online->end));
        ALM_TRY(almi_changes_add(changed, cell.series, cell.period, error));
    }
    ALM_TRY(regroup(online, changed, error));
    online->dirty.count = 0;
    almi_changes_sort(changed);
    for (size_t i = 0, n; i < changed->count; i += n) {
        for (n = 1; i + n < changed->count &&
                    changed->item[i + n].series == changed->item[i].series;) {
            n++;
        }
        ALM_TRY(retract(online, changed->item + i, n, error));
    }
    return ALM_OK;
}

static alm_err work_in(alm_online_state *online, alm_error *error)
{
    if (online->dirty.count == 0) {
        return ALM_OK;
    }
    almi_changes changed = {0};
    alm_err code = rework(online, &changed, error);
    alm_heap_free(changed.item);
    return code;
}

void alm_online_state_mark(alm_online_state *online, uint64_t mark)
{
    online->mark = mark;
}

alm_err alm_online_state_publish(alm_online_state *online, alm_error *error)
{
    ALM_TRY(refuse_broken(online, error));
    alm_err code = work_in(online, error);
    code = code == ALM_OK ? almi_online_show(online, error) : code;
    online->broken = code != ALM_OK;
    return code;
}

/* ---- closing a day ---- */

/* Cells with something that this end shows and the one before did not. */
static alm_err look_at_pending(alm_online_state *online, alm_error *error)
{
    almi_changes *pending = &online->pending;
    size_t kept = 0;
    almi_changes_sort(pending);
    for (size_t i = 0; i < pending->count; i++) {
        almi_change cell = pending->item[i];
        size_t all = 0;
        size_t before = almi_cell_shown(online, cell.series, cell.period, online->end - 1, &all);
        size_t now = almi_cell_shown(online, cell.series, cell.period, online->end, &all);
        if (now > before) {
            ALM_TRY(almi_changes_add(&online->dirty, cell.series, cell.period, error));
        }
        if (now < all) {
            pending->item[kept++] = cell;
        }
    }
    pending->count = kept;
    return ALM_OK;
}

static alm_err fill_day(alm_online_state *online, size_t day, alm_error *error)
{
    for (size_t s = 0; s < online->series_count; s++) {
        size_t all = 0;
        almi_put_cell(almi_history_of(online, s), day, almi_cell_of(online, s, day, online->end));
        if (almi_cell_shown(online, s, day, online->end, &all) < all) {
            ALM_TRY(almi_changes_add(&online->pending, s, day, error));
        }
    }
    for (size_t g = 0; g < online->grouping_count; g++) {
        for (size_t row = 0; row < online->groupings[g].rows; row++) {
            (void)almi_add_up(online, &online->groupings[g], row, day);
        }
    }
    almi_add_up_total(online, day);
    return ALM_OK;
}

static alm_err push_period(alm_online_state *online, size_t period, alm_error *error)
{
    for (size_t s = 0; s < online->series_count; s++) {
        almi_view *draft = NULL;
        ALM_TRY(draft_of(online, s, &draft, error));
        almi_values_at(online, &draft->history, s, period);
        ALM_TRY(alm_feature_update(draft->state, online->values,
                                   (alm_period_state)draft->history.states[period], error));
    }
    online->pushed++;
    return ALM_OK;
}

static alm_err close_day(alm_online_state *online, alm_error *error)
{
    ALM_TRY(work_in(online, error)); /* as of the end before */
    size_t day = online->end++;
    ALM_TRY(look_at_pending(online, error));
    ALM_TRY(work_in(online, error));
    ALM_TRY(fill_day(online, day, error));
    return push_period(online, day - online->lag, error);
}

alm_err alm_online_state_advance(alm_online_state *online, alm_date end, alm_error *error)
{
    ALM_TRY(refuse_broken(online, error));
    if (end > alm_online_state_last_end(online)) {
        char text[ALM_DATE_TEXT_BYTES];
        alm_date_text(alm_online_state_last_end(online), text);
        return alm_fail(error, ALM_ERR_LIMIT, "what is known in advance lets days before %s close: "
                        "take a new snapshot, with more days of calendar", text);
    }
    alm_err code = ALM_OK;
    bool moved = online->dirty.count > 0;
    while (code == ALM_OK && online->start + (alm_date)online->end < end) {
        code = close_day(online, error);
        moved = true;
    }
    code = code == ALM_OK ? work_in(online, error) : code;
    code = code == ALM_OK && moved ? almi_online_show(online, error) : code;
    online->broken = code != ALM_OK;
    return code;
}

/* ---- readers ---- */

const alm_online_now *alm_online_state_enter(alm_online_state *online, size_t worker)
{
    alm_epoch_enter(online->epoch, worker);
    return &((almi_table *)alm_epoch_read(&online->table))->now;
}

void alm_online_state_leave(alm_online_state *online, size_t worker)
{
    alm_epoch_leave(online->epoch, worker);
}

void alm_online_state_panel(const alm_online_state *online, const alm_online_now *now,
                            size_t series, alm_arena *arena, alm_panel *out)
{
    const alm_online_series *seen = now->series[series];
    size_t periods = now->origin + 1;
    alm_panel_column *columns = ALM_NEW_ARRAY(arena, alm_panel_column, online->column_count);
    for (size_t c = 0; c < online->column_count; c++) {
        const almi_online_column *column = &online->columns[c];
        columns[c] = column->panel;
        columns[c].stride = column->stride;
        if (column->kind == ALMI_FEED_TARGET) {
            columns[c].values = seen->target;
        } else if (column->kind == ALMI_FEED_KNOWN) {
            columns[c].values = almi_column_cell(online, c, series, 0);
        }
    }
    *out = (alm_panel){
        .start = online->start,
        .periods = periods,
        .future = online->future,
        .series_count = 1,
        .first_series = series,
        .keys = online->keys + series * online->key_count,
        .key_count = online->key_count,
        .state = seen->states,
        .closed = online->closed,
        .column_count = online->column_count,
        .columns = columns,
        .static_count = online->static_count,
        .static_names = online->static_names,
        .statics = online->statics + series * online->static_count,
    };
    almi_impute_one(online, out, arena);
}

alm_err alm_online_state_features(const alm_online_state *online, const alm_online_rows *rows,
                                  alm_arena *arena, double *out, alm_error *error)
{
    const alm_feature_state *state = rows->now->series[rows->series]->state;
    size_t width = alm_feature_plan_width(online->plan);
    size_t stride = online->future;
    size_t next = rows->now->origin + 1 - online->lag; /* the state's */
    double *known = ALM_NEW_ARRAY(arena, double, online->column_count * stride);
    for (size_t c = 0; c < online->column_count; c++) {
        if (online->columns[c].kind == ALMI_FEED_KNOWN) {
            memcpy(known + c * stride, almi_column_cell(online, c, rows->series, next),
                   stride * sizeof *known);
        }
    }
    for (size_t step = 1; step <= rows->steps; step++) {
        ALM_TRY(alm_feature_emit(state, (uint32_t)step, rows->scale, known, stride,
                                 out + (step - 1) * width, error));
    }
    return ALM_OK;
}
