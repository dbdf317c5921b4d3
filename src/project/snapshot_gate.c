/* snapshot_gate.c: what a snapshot is refused for. */
#include "project/snapshot_internal.h"

#include <string.h>

static alm_err fail_source(const almi_taken_source *source, alm_error *error, alm_err code,
                           const char *text)
{
    return alm_fail(error, code, "source " ALM_STR_FMT ": %s", ALM_STR_ARG(source->spec->name),
                    text);
}

static alm_err gate_rejects(almi_taking *taking, const almi_taken_source *source,
                            alm_error *error)
{
    double share = source->read ? (double)source->rejected / (double)source->read : 0.0;
    if (share <= source->spec->reject_share_max) {
        return ALM_OK;
    }
    char limit[32];
    (void)alm_double_text(source->spec->reject_share_max, limit);
    return fail_source(
        source, error, ALM_ERR_INVALID,
        alm_arena_printf(taking->scratch, "%lld of %lld rows do not fit (reject_share_max is %s), "
                         "the first: %s", (long long)source->rejected, (long long)source->read,
                         limit, taking->first_reject.data ? taking->first_reject.data : ""));
}

static alm_err gate_rows(almi_taking *taking, const almi_taken_source *source, alm_error *error)
{
    char start[ALM_DATE_TEXT_BYTES];
    char end[ALM_DATE_TEXT_BYTES];
    if (source->kept > 0) {
        return ALM_OK;
    }
    if (source->read == 0) {
        return fail_source(source, error, ALM_ERR_INVALID, "its files have no rows");
    }
    if (source->outside == 0) {
        return fail_source(source, error, ALM_ERR_INVALID, "every row was rejected");
    }
    alm_date_text(taking->options->start, start);
    alm_date_text(taking->options->end, end);
    return fail_source(source, error, ALM_ERR_INVALID,
                       alm_arena_printf(taking->scratch,
                                        "none of its %lld rows lies in [%s, %s) and is known",
                                        (long long)source->read, start, end));
}

static alm_err gate_missing(almi_taking *taking, const almi_taken_source *source,
                            alm_error *error)
{
    for (size_t i = 0; i < source->spec->column_count; i++) {
        const alm_source_column *column = &source->spec->columns[i];
        double share = (double)source->nulls[i] / (double)source->kept;
        if (share <= column->missing_share_max) {
            continue;
        }
        char limit[32];
        (void)alm_double_text(column->missing_share_max, limit);
        return fail_source(
            source, error, ALM_ERR_INVALID,
            alm_arena_printf(taking->scratch, "column " ALM_STR_FMT " is empty in %lld of %lld "
                             "rows (missing_share_max is %s)", ALM_STR_ARG(column->name),
                             (long long)source->nulls[i], (long long)source->kept, limit));
    }
    return ALM_OK;
}

static alm_err gate_freshness(almi_taking *taking, const almi_taken_source *source,
                              alm_error *error)
{
    int32_t limit = source->spec->freshness_days_max;
    if (limit < 0 || taking->options->end - source->last <= limit) {
        return ALM_OK;
    }
    char last[ALM_DATE_TEXT_BYTES];
    char end[ALM_DATE_TEXT_BYTES];
    alm_date_text(source->last, last);
    alm_date_text(taking->options->end, end);
    return fail_source(source, error, ALM_ERR_INCOMPLETE,
                       alm_arena_printf(taking->scratch, "its newest row is of %s, %d days before "
                                        "the end %s (freshness_days_max is %d)", last,
                                        taking->options->end - source->last, end, limit));
}

/* ---- duplicates ---- */

alm_err almi_gate_duplicates(almi_taking *taking, const almi_taken_source *source,
                             alm_error *error)
{
    alm_arena *arena = taking->scratch;
    if (source->duplicate == 0) {
        return ALM_OK;
    }
    return fail_source(
        source, error, ALM_ERR_CONFLICT,
        alm_arena_printf(arena, "%s and %s have the same keys (" ALM_STR_FMT "): remove one%s",
                         almi_row_name(source->spec, source->duplicate_of, arena),
                         almi_row_name(source->spec, source->duplicate, arena),
                         ALM_STR_ARG(source->duplicate_key),
                         source->is_bars ? "" : ", or declare `duplicates: sum`"));
}

alm_err almi_gate_source(almi_taking *taking, const almi_taken_source *source, alm_error *error)
{
    ALM_TRY(gate_rejects(taking, source, error));
    ALM_TRY(gate_rows(taking, source, error));
    ALM_TRY(gate_missing(taking, source, error));
    return gate_freshness(taking, source, error);
}

/* ---- the calendar ---- */

static const almi_taken_source *find(const almi_taking *taking, const almi_taken_source *sources,
                                     alm_str name)
{
    for (size_t i = 0; i < taking->project->source_count; i++) {
        if (alm_str_equal(sources[i].spec->name, name)) {
            return &sources[i];
        }
    }
    return NULL;
}

static bool has_day(const almi_days *days, alm_date day)
{
    int64_t at = (int64_t)day - days->first;
    return at >= 0 && at < (int64_t)days->count && days->rows[at] != 0;
}

/* Names the first row, in the order of reading, whose day the calendar does not have. */
static alm_err gate_days(almi_taking *taking, const almi_taken_source *series,
                         const almi_taken_source *calendar, alm_error *error)
{
    int64_t row = INT64_MAX;
    alm_date day = 0;
    for (size_t i = 0; i < series->days.count; i++) {
        int64_t first = series->days.rows[i];
        alm_date at = series->days.first + (alm_date)i;
        if (first != 0 && first < row && !has_day(&calendar->days, at)) {
            row = first;
            day = at;
        }
    }
    if (row == INT64_MAX) {
        return ALM_OK;
    }
    char date[ALM_DATE_TEXT_BYTES];
    char first[ALM_DATE_TEXT_BYTES];
    char last[ALM_DATE_TEXT_BYTES];
    alm_date_text(day, date);
    alm_date_text(calendar->first, first);
    alm_date_text(calendar->last, last);
    alm_arena *arena = taking->scratch;
    return fail_source(
        series, error, ALM_ERR_INVALID,
        alm_arena_printf(arena, "%s: %s is outside the calendar: source " ALM_STR_FMT " (%s to %s) "
                         "has no row for it", almi_row_name(series->spec, row, arena), date,
                         ALM_STR_ARG(calendar->spec->name), first, last));
}

alm_err almi_gate_calendar(almi_taking *taking, const almi_taken_source *sources,
                           alm_error *error)
{
    const alm_series_spec *s = &taking->project->series;
    const almi_taken_source *series = find(taking, sources, s->source);
    const almi_taken_source *done = NULL;
    if (!series) {
        return ALM_OK; /* bars have no calendar: a gap is no bar */
    }
    if (s->closed_source.size) {
        done = find(taking, sources, s->closed_source);
        ALM_TRY(gate_days(taking, series, done, error));
    }
    for (size_t i = 0; i < s->column_count; i++) {
        const almi_taken_source *calendar = find(taking, sources, s->columns[i].source);
        if (!s->columns[i].known || calendar == done || calendar->spec->key_count > 0) {
            continue;
        }
        ALM_TRY(gate_days(taking, series, calendar, error));
        done = calendar;
    }
    return ALM_OK;
}
