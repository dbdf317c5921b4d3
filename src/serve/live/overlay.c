#include "serve/live/overlay.h"

#include <math.h>
#include <string.h>

#include "serve/live/online_internal.h"

const char *alm_change_reach_text(alm_change_reach reach)
{
    static const char *const TEXTS[] = {
#define TEXT(name, text) text,
        ALM_CHANGE_REACH_MAP(TEXT)
#undef TEXT
    };
    return TEXTS[reach];
}

/* ---- an overlay while it is made ---- */

typedef struct cells { /* of a changed column, by period; NULL: as it is */
    double *value;
    bool *changed;
} cells;

typedef struct work {
    const alm_online_state *online;
    const alm_online_now *now;
    size_t series;
    alm_date today;
    const alm_changes *changes;
    alm_arena *arena;
    size_t places; /* of the grid: days that may close, and those ahead of them */
    size_t pushed; /* periods that the published state has seen */
    size_t kept;   /* and those of them that it holds */
    cells *column; /* by column of the panel */
    uint8_t *closed;
    almi_history history; /* of the series; as published when no sales are said */
    size_t end;           /* periods that are over */
    bool *said;           /* places: the period's sales are said */
    alm_overlay *out;
} work;

/* "units of 2024-02-01 lie in the future: the last day that can be told of is 2024-01-31" */
static alm_err fail_day(const char *what, alm_date day, const char *why, alm_date bound,
                        alm_error *error)
{
    char text[2][ALM_DATE_TEXT_BYTES];
    alm_date_text(day, text[0]);
    alm_date_text(bound, text[1]);
    return alm_fail(error, ALM_ERR_INVALID, "%s of %s %s %s", what, text[0], why, text[1]);
}

static alm_err check_list(const char *what, const alm_day_value *list, size_t count,
                          alm_error *error)
{
    if (count > ALM_OVERLAY_DAYS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: %zu days, at most %d can be said", what, count,
                        ALM_OVERLAY_DAYS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        char text[ALM_DATE_TEXT_BYTES];
        alm_date_text(list[i].day, text);
        if (!isfinite(list[i].value) || fabs(list[i].value) > ALM_EVENT_QUANTITY_MAX) {
            return alm_fail(error, ALM_ERR_INVALID, "%s of %s: a finite number of at most %g is "
                            "needed", what, text, ALM_EVENT_QUANTITY_MAX);
        }
    }
    return ALM_OK;
}

static alm_err fail_twice(const char *what, alm_date day, alm_error *error)
{
    char text[ALM_DATE_TEXT_BYTES];
    alm_date_text(day, text);
    return alm_fail(error, ALM_ERR_INVALID, "%s of %s is said twice", what, text);
}

/* Anchored features remember all of the past; what lies before the state's cells is summed up. */
static alm_err check_age(const work *w, const char *what, alm_date day, size_t period,
                         alm_error *error)
{
    if (!alm_feature_plan_is_anchored(w->online->plan) || period + w->kept >= w->pushed) {
        return ALM_OK;
    }
    char text[2][ALM_DATE_TEXT_BYTES];
    alm_date_text(day, text[0]);
    alm_date_text(w->online->start + (alm_date)(w->pushed - w->kept), text[1]);
    return alm_fail(error, ALM_ERR_LIMIT, "%s of %s: features of this model look at all of the "
                    "past, of which days before %s are summed up already: say days from then on",
                    what, text[0], text[1]);
}

/* ---- sales ---- */

static const almi_view *view_of(const alm_online_now *now, size_t series)
{
    return (const almi_view *)(const void *)now->series[series]; /* its first member */
}

static void copy_history(work *w)
{
    const almi_view *view = view_of(w->now, w->series);
    size_t places = w->online->cap;
    w->history.target = ALM_NEW_ARRAY(w->arena, double, places);
    w->history.states = ALM_NEW_ARRAY(w->arena, uint8_t, places);
    w->history.raw = ALM_NEW_ARRAY(w->arena, uint8_t, places);
    size_t seen_end = w->now->origin + 1; /* what lies behind it the writer may be writing */
    memcpy(w->history.target, view->history.target, seen_end * sizeof(double));
    memcpy(w->history.states, view->history.states, seen_end);
    memcpy(w->history.raw, view->history.raw, seen_end);
}

static alm_err check_sale(const work *w, const alm_day_value *sale, alm_error *error)
{
    alm_date first = w->online->start + (alm_date)w->online->first[w->series];
    alm_date last = alm_online_state_last_end(w->online) - 1;
    last = w->today < last ? w->today : last;
    if (sale->value < 0) {
        return alm_fail(error, ALM_ERR_INVALID, "sales are not below 0");
    }
    if (sale->day < first) {
        return fail_day("sales", sale->day, "lie before the history of the series, which begins on",
                        first, error);
    }
    if (sale->day > last) {
        return fail_day("sales", sale->day, "lie in the future: the last day that can be told of "
                        "is", last, error);
    }
    return ALM_OK;
}

static alm_err take_sales(work *w, alm_error *error)
{
    const alm_changes *c = w->changes;
    ALM_TRY(check_list("sales", c->sales, c->sales_count, error));
    if (c->sales_count == 0) {
        return ALM_OK;
    }
    copy_history(w);
    w->said = ALM_NEW_ARRAY(w->arena, bool, w->online->cap);
    for (size_t i = 0; i < c->sales_count; i++) {
        const alm_day_value *sale = &c->sales[i];
        ALM_TRY(check_sale(w, sale, error));
        size_t period = (size_t)(sale->day - w->online->start);
        if (w->said[period]) {
            return fail_twice("sales", sale->day, error);
        }
        ALM_TRY(check_age(w, "sales", sale->day, period, error));
        bool over = period <= w->now->origin;
        bool out = over && w->history.states[period] == ALM_PERIOD_STOCKOUT;
        almi_cell cell = almi_cell_sold(w->online, period, sale->value + 0.0);
        if (out && cell.state != ALM_PERIOD_CLOSED) {
            cell.state = ALM_PERIOD_STOCKOUT; /* that is said about stock, not about sales */
        }
        almi_put_cell(&w->history, period, cell);
        w->said[period] = true;
        w->end = period >= w->end ? period + 1 : w->end;
        w->out->replaced += over;
        w->out->extended += !over;
    }
    for (size_t t = w->now->origin + 1; t < w->end; t++) {
        if (!w->said[t]) {
            almi_put_cell(&w->history, t, almi_cell_untold(w->online, t));
        }
    }
    return ALM_OK;
}

/* ---- columns ---- */

static alm_err fail_column(const work *w, alm_str name, alm_error *error)
{
    const alm_series_spec *spec = &w->online->project->series;
    alm_buffer text = {0};
    alm_buffer_visible(&text, name);
    alm_buffer known = {0};
    for (size_t i = 0; i < spec->column_count; i++) {
        alm_buffer_printf(&known, "%s" ALM_STR_FMT, i ? ", " : "",
                          ALM_STR_ARG(spec->columns[i].name));
    }
    alm_err code = alm_fail(error, ALM_ERR_INVALID, "the project has no column '%.100s' of its "
                            "series; known: %s", text.data ? text.data : "",
                            known.data ? known.data : "none");
    alm_buffer_deinit(&known);
    alm_buffer_deinit(&text);
    return code;
}

static bool says_closed(const alm_series_spec *spec, const alm_series_column *column)
{
    return spec->closed_source.size > 0 && !column->is_indicator &&
           alm_str_equal(column->source, spec->closed_source) &&
           alm_str_equal(column->column, spec->closed_column);
}

/* What the reader can know of the column: of the past what the state holds, and what is known in
 * advance. */
static cells *cells_of(work *w, size_t c)
{
    cells *out = &w->column[c];
    if (out->value) {
        return out;
    }
    const almi_online_column *column = &w->online->columns[c];
    const alm_feature_state *state = w->now->series[w->series]->state;
    out->value = ALM_NEW_ARRAY(w->arena, double, w->places);
    out->changed = ALM_NEW_ARRAY(w->arena, bool, w->places);
    for (size_t t = 0; t < w->places; t++) {
        out->value[t] = NAN;
    }
    if (column->kind == ALMI_FEED_KNOWN) {
        memcpy(out->value, almi_column_cell(w->online, c, w->series, 0),
               column->stride * sizeof(double));
    } else {
        for (size_t back = 0; back < w->kept; back++) {
            out->value[w->pushed - 1 - back] =
                alm_feature_state_value(state, (uint32_t)back, (uint32_t)c);
        }
    }
    return out;
}

static alm_change_reach put_closed(work *w, size_t period, double value)
{
    if (period <= w->now->origin) {
        return ALM_CHANGE_TOO_OLD; /* of days that are over the calendar is the snapshot's */
    }
    if (!w->closed) {
        w->closed = ALM_NEW_ARRAY(w->arena, uint8_t, w->places);
        memcpy(w->closed, w->online->closed, w->places);
    }
    uint8_t closed = value == 0.0;
    bool same = w->closed[period] == closed;
    w->closed[period] = closed;
    return same ? ALM_CHANGE_SAME : ALM_CHANGE_READ;
}

static alm_change_reach put_cell(work *w, size_t c, size_t period, double value)
{
    almi_feed_kind kind = w->online->columns[c].kind;
    if (kind == ALMI_FEED_NONE) {
        return ALM_CHANGE_NOT_READ;
    }
    bool ahead = period + w->online->lag >= w->end; /* days that sales are said of are over */
    if (ahead && kind != ALMI_FEED_KNOWN) {
        return ALM_CHANGE_NOT_AHEAD;
    }
    if (period + w->kept < w->pushed) {
        return ALM_CHANGE_TOO_OLD;
    }
    cells *column = cells_of(w, c);
    if (column->value[period] == value) {
        return ALM_CHANGE_SAME;
    }
    column->value[period] = value;
    column->changed[period] = true;
    return ALM_CHANGE_READ;
}

static alm_err check_column_day(const work *w, const char *name, alm_date day, alm_error *error)
{
    alm_date last = w->online->start + (alm_date)(w->end - 1 + w->online->future);
    if (day < w->online->start) {
        return fail_day(name, day, "lies before the first day that is known,", w->online->start,
                        error);
    }
    if (day > last) {
        return fail_day(name, day, "lies behind the last day that is looked at,", last, error);
    }
    return ALM_OK;
}

static void put(work *w, size_t i, size_t c, size_t period, double value)
{
    const alm_series_spec *spec = &w->online->project->series;
    alm_change_reach *reach = &w->out->reach[i];
    alm_change_reach read = put_cell(w, c + 1, period, value + 0.0);
    alm_change_reach closes = says_closed(spec, &spec->columns[c])
                                  ? put_closed(w, period, value) : ALM_CHANGE_NOT_READ;
    read = closes > read ? closes : read;
    *reach = read > *reach ? read : *reach;
}

static alm_err take_list(work *w, size_t i, size_t c, alm_error *error)
{
    const alm_column_change *change = &w->changes->column[i];
    /* NUL terminated, as all of the project file. */
    const char *name = w->online->project->series.columns[c].name.data;
    ALM_TRY(check_list(name, change->value, change->count, error));
    bool *said = ALM_NEW_ARRAY(w->arena, bool, w->places);
    for (size_t k = 0; k < change->count; k++) {
        const alm_day_value *day = &change->value[k];
        ALM_TRY(check_column_day(w, name, day->day, error));
        size_t period = (size_t)(day->day - w->online->start);
        if (said[period]) {
            return fail_twice(name, day->day, error);
        }
        said[period] = true;
        ALM_TRY(check_age(w, name, day->day, period, error));
        put(w, i, c, period, day->value);
    }
    for (size_t t = w->end; change->has_ahead && t < w->end + w->online->future; t++) {
        if (!said[t]) {
            put(w, i, c, t, change->ahead);
        }
    }
    return ALM_OK;
}

static alm_err take_column(work *w, size_t i, alm_error *error)
{
    const alm_series_spec *spec = &w->online->project->series;
    const alm_column_change *change = &w->changes->column[i];
    size_t c = 0;
    while (c < spec->column_count && !alm_str_equal(spec->columns[c].name, change->column)) {
        c++;
    }
    if (c == spec->column_count) {
        return fail_column(w, change->column, error);
    }
    if (change->has_ahead &&
        (!isfinite(change->ahead) || fabs(change->ahead) > ALM_EVENT_QUANTITY_MAX)) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: a finite number of at most %g is needed",
                        spec->columns[c].name.data, ALM_EVENT_QUANTITY_MAX);
    }
    return take_list(w, i, c, error);
}

/* ---- what all series share ---- */

/* The sum of a row as almi_add_up makes it, with this series' cell in its place. */
static double add_row(const work *w, const almi_grouping *grouping, size_t row, size_t period)
{
    double sum = 0;
    bool known = false;
    for (uint32_t i = grouping->start[row]; i < grouping->start[row + 1]; i++) {
        uint32_t member = grouping->member[i];
        const almi_history *history = member == w->series ? &w->history
                                                          : &view_of(w->now, member)->history;
        uint8_t raw = history->raw[period];
        if (raw != ALM_PERIOD_BEFORE && raw != ALM_PERIOD_MISSING) {
            sum += history->target[period];
            known = true;
        }
    }
    return known ? sum : NAN;
}

static void change_profile(work *w)
{
    const almi_grouping *level = w->online->level;
    almi_span span = almi_profile_span(w->online, w->now->origin);
    if (!level || span.end == span.begin) {
        return;
    }
    double *totals = ALM_NEW_ARRAY(w->arena, double, span.end);
    memcpy(totals + span.begin, w->now->totals, (span.end - span.begin) * sizeof *totals);
    for (size_t t = span.begin; t < span.end; t++) {
        if (!w->said[t]) {
            continue;
        }
        totals[t] = 0;
        for (size_t row = 0; row < level->rows; row++) {
            double value = add_row(w, level, row, t);
            totals[t] += isnan(value) ? 0 : value;
        }
    }
    w->out->profile = alm_profile_of(totals, w->online->closed, w->online->start, w->now->origin,
                                     w->online->delay);
}

/* ---- the state ---- */

static size_t amend_target(const work *w, alm_feature_amendment *out)
{
    size_t count = 0;
    for (size_t t = w->pushed - w->kept; w->said && t < w->pushed; t++) {
        if (!w->said[t]) {
            continue;
        }
        uint32_t back = (uint32_t)(w->pushed - 1 - t);
        out[count++] = (alm_feature_amendment){back, 0, w->history.target[t],
                                               (alm_period_state)w->history.states[t]};
        for (size_t g = 0; g < w->online->grouping_count; g++) {
            const almi_grouping *grouping = &w->online->groupings[g];
            if (grouping->column > 0) {
                double sum = add_row(w, grouping, grouping->row_of_series[w->series], t);
                out[count++] = (alm_feature_amendment){back, (uint32_t)grouping->column, sum,
                                                       ALM_PERIOD_BEFORE};
            }
        }
    }
    return count;
}

static size_t amend_columns(const work *w, alm_feature_amendment *out)
{
    size_t count = 0;
    for (size_t c = 1; c < w->online->column_count; c++) {
        for (size_t t = w->pushed - w->kept; w->column[c].value && t < w->pushed; t++) {
            if (w->column[c].changed[t]) {
                out[count++] = (alm_feature_amendment){(uint32_t)(w->pushed - 1 - t), (uint32_t)c,
                                                       w->column[c].value[t], ALM_PERIOD_BEFORE};
            }
        }
    }
    return count;
}

static double ahead_value(const work *w, size_t c, size_t period)
{
    if (c == 0) {
        return w->history.target[period];
    }
    if (w->column[c].value) {
        return w->column[c].value[period];
    }
    return w->online->columns[c].kind == ALMI_FEED_KNOWN
               ? *almi_column_cell(w->online, c, w->series, period) : NAN;
}

/* Periods behind those that the state has seen, up to the new end. */
static alm_err push_on(work *w, alm_error *error)
{
    const alm_online_state *online = w->online;
    for (size_t c = 1; online->lag > 0 && c < online->column_count; c++) {
        almi_feed_kind kind = online->columns[c].kind;
        if (kind != ALMI_FEED_NONE && kind != ALMI_FEED_KNOWN) {
            return alm_fail(error, ALM_ERR_UNSUPPORTED, "days behind the last one that is over "
                            "cannot be told here: the model's features go on from the newest "
                            "published day, and column %s of the days since is not at hand",
                            online->columns[c].panel.name);
        }
    }
    double *values = ALM_NEW_ARRAY(w->arena, double, online->column_count);
    for (size_t t = w->pushed; t + online->lag < w->end; t++) {
        for (size_t c = 0; c < online->column_count; c++) {
            values[c] = ahead_value(w, c, t);
        }
        ALM_TRY(alm_feature_update(w->out->own, values, (alm_period_state)w->history.states[t],
                                   error));
    }
    return ALM_OK;
}

static alm_err change_state(work *w, alm_error *error)
{
    size_t room = w->changes->sales_count * (1 + w->online->grouping_count);
    for (size_t i = 0; i < w->changes->column_count; i++) {
        room += w->changes->column[i].count;
    }
    alm_feature_amendment *amendment = ALM_NEW_ARRAY(w->arena, alm_feature_amendment, room);
    size_t count = amend_target(w, amendment);
    count += amend_columns(w, amendment + count);
    if (count == 0 && w->end == w->now->origin + 1) {
        return ALM_OK;
    }
    ALM_TRY(alm_feature_state_clone(w->out->state, &w->out->own, error));
    alm_err code = alm_feature_amend(w->out->own, amendment, count, error);
    code = code == ALM_OK && w->end > w->now->origin + 1 ? push_on(w, error) : code;
    if (code != ALM_OK) {
        alm_overlay_clear(w->out);
        return code;
    }
    w->out->state = w->out->own;
    return ALM_OK;
}

/* ---- the panel ---- */

static void change_panel(work *w)
{
    alm_panel *panel = &w->out->panel;
    alm_online_state_panel(w->online, w->now, w->series, w->arena, panel);
    alm_panel_column *columns = (alm_panel_column *)panel->columns; /* ours, in the arena */
    if (w->said) {
        columns[0].values = w->history.target;
        panel->state = w->history.states;
        panel->periods = w->end;
        almi_impute_one(w->online, panel, w->arena);
    }
    for (size_t c = 1; c < w->online->column_count; c++) {
        if (w->column[c].value && w->online->columns[c].kind == ALMI_FEED_KNOWN) {
            columns[c].values = w->column[c].value;
        }
    }
    panel->closed = w->closed ? w->closed : panel->closed;
}

/* ---- all of it ---- */

static alm_err make(work *w, alm_error *error)
{
    const alm_changes *changes = w->changes;
    if (changes->column_count > ALM_OVERLAY_COLUMNS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu changes of columns, at most %d can be said",
                        changes->column_count, ALM_OVERLAY_COLUMNS_MAX);
    }
    ALM_TRY(take_sales(w, error));
    w->out->reach = ALM_NEW_ARRAY(w->arena, alm_change_reach, changes->column_count);
    for (size_t i = 0; i < changes->column_count; i++) {
        ALM_TRY(take_column(w, i, error));
    }
    w->out->origin = w->end - 1;
    w->out->profile = w->now->profile;
    if (w->out->replaced > 0) {
        change_profile(w);
    }
    change_panel(w);
    return change_state(w, error);
}

alm_err alm_overlay_make(const alm_overlay_request *request, const alm_changes *changes,
                         alm_arena *arena, alm_overlay *out, alm_error *error)
{
    const alm_online_state *online = request->online;
    const alm_online_now *now = request->now;
    alm_assert(request->series < now->series_count);
    const alm_feature_state *state = now->series[request->series]->state;
    alm_overlay made = {.state = state};
    work w = {.online = online,
              .now = now,
              .series = request->series,
              .today = request->today,
              .changes = changes,
              .arena = arena,
              .places = online->cap + online->future,
              .pushed = now->origin + 1 - online->lag,
              .kept = alm_feature_state_kept(state),
              .column = ALM_NEW_ARRAY(arena, cells, online->column_count),
              .end = now->origin + 1,
              .out = &made};
    ALM_TRY(make(&w, error));
    *out = made;
    return ALM_OK;
}

void alm_overlay_clear(alm_overlay *overlay)
{
    alm_feature_state_destroy(overlay->own);
    overlay->own = NULL;
}
