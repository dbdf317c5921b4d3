/* panel_plans.c: what is known in advance must be known for the days to come. */
#include "project/panel_internal.h"

#include <math.h>

/* The first day to come, from 0, of which a series has no value; SIZE_MAX: all have one. */
static size_t first_missing(const alm_panel_source *source, const alm_panel *panel, size_t column,
                            size_t series)
{
    const alm_panel_column *c = &panel->columns[column];
    size_t row = c->row_of_series ? c->row_of_series[series] : series;
    const double *values = c->values + row * c->stride + panel->periods;
    for (size_t h = 0; h < source->planned; h++) {
        bool is_closed = panel->closed && panel->closed[panel->periods + h];
        if (!is_closed && isnan(values[h])) {
            return h;
        }
    }
    return SIZE_MAX;
}

static alm_err refuse(const alm_panel_source *source, const alm_panel *panel, size_t column,
                      size_t series, alm_error *error)
{
    const alm_series_column *spec = &source->project->series.columns[column - 1];
    size_t day = first_missing(source, panel, column, series);
    char date[ALM_DATE_TEXT_BYTES];
    alm_arena *arena = alm_arena_create(1024);
    bool is_shared = source->shared[column - 1] != NULL;
    alm_str name = alm_panel_source_node_name(source, panel->first_series + series, arena);
    alm_str shown = alm_str_visible(name, arena);
    alm_date_text(source->end + (alm_date)day, date);
    alm_err code = alm_fail(
        error, ALM_ERR_INCOMPLETE, "column " ALM_STR_FMT " is known in advance, and source "
        ALM_STR_FMT " has no value for %s%s%s on %s, day %zu of %zu ahead: add it and take a new "
        "snapshot, or say `optional: true` at series.columns." ALM_STR_FMT " if a day may have "
        "none", ALM_STR_ARG(spec->name), ALM_STR_ARG(spec->source),
        is_shared ? "all series" : "series '", is_shared ? "" : shown.data, is_shared ? "" : "'",
        date, day + 1, source->planned, ALM_STR_ARG(spec->name));
    alm_arena_destroy(arena);
    return code;
}

alm_err almi_panel_check_plans(const alm_panel_source *source, const alm_panel *panel,
                               alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    for (size_t i = 0; source->planned > 0 && i < spec->column_count; i++) {
        if (!spec->columns[i].known || spec->columns[i].is_optional) {
            continue;
        }
        for (size_t series = 0; series < panel->series_count; series++) {
            if (first_missing(source, panel, 1 + i, series) != SIZE_MAX) {
                return refuse(source, panel, 1 + i, series, error);
            }
        }
    }
    return ALM_OK;
}
