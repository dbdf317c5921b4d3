#include "app/forecast_view.h"

#include <math.h>
#include <string.h>

#define LABEL 11 /* columns */
#define WIDTH_DEFAULT 80
#define WIDTH_LEAST 40

/* ---- sentences ---- */

/* Bytes of `text` that go on a line: up to a blank. */
static size_t line_bytes(alm_str text, size_t room)
{
    size_t end = 0;
    size_t columns = 0;
    for (size_t i = 0; i <= text.size; i++) {
        bool blank = i == text.size || text.data[i] == ' ';
        if (blank && (columns <= room || end == 0)) {
            end = i;
        }
        if (columns > room && end > 0) {
            break;
        }
        columns += i < text.size && ((unsigned char)text.data[i] & 0xc0) != 0x80;
    }
    return end;
}

void almi_forecast_tell(almi_cli *cli, const alm_forecast_line *lines, size_t count)
{
    int width = cli->term.width > WIDTH_LEAST ? cli->term.width : WIDTH_DEFAULT;
    size_t room = (size_t)(width - LABEL);
    for (size_t i = 0; i < count; i++) {
        const char *label = lines[i].label;
        alm_str rest = lines[i].text;
        while (rest.size > 0) {
            size_t size = line_bytes(rest, room);
            almi_note(cli, "%-*s" ALM_STR_FMT, LABEL, label, (int)size, rest.data);
            size += size < rest.size; /* the blank */
            rest = (alm_str){rest.data + size, rest.size - size};
            label = "";
        }
    }
}

/* ---- tables ---- */

static int decimals_of(double largest)
{
    return largest >= 1000 ? 0 : largest >= 100 ? 1 : largest >= 1 ? 2 : 4;
}

static double largest_of(const double *value, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fabs(value[i]) > largest ? fabs(value[i]) : largest;
    }
    return largest;
}

static const char *title_of(const alm_forecast_file *file, size_t place, alm_arena *arena)
{
    const char *name = file->bounds[place] + strlen(file->column) + 1; /* "lo-95" */
    char *title = alm_arena_copy_text(arena, name, strlen(name));
    for (char *c = title; *c; c++) {
        *c = *c == '-' ? ' ' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    }
    return title;
}

void almi_forecast_rows(almi_cli *cli, const alm_forecast_file *file, size_t series)
{
    const alm_series_forecast *made = &file->made.set.series[series];
    size_t steps = file->made.plan.steps;
    size_t bounds = made->spread == ALM_SPREAD_NONE ? 0 : 2 * file->made.plan.level_count;
    size_t shown = steps > ALMI_FORECAST_ROWS_SHOWN ? ALMI_FORECAST_ROWS_SHOWN : steps;
    int decimals = decimals_of(largest_of(made->mean, steps));
    almi_grid_column *columns = ALM_NEW_ARRAY(cli->arena, almi_grid_column, 2 + bounds);
    columns[0] = (almi_grid_column){.key = "ds", .title = "TIME"};
    columns[1] = (almi_grid_column){.key = "forecast", .title = "FORECAST", .decimals = decimals,
                                    .right = true};
    for (size_t k = 0; k < bounds; k++) {
        bool whole = made->support == ALM_SUPPORT_COUNT;
        columns[2 + k] = (almi_grid_column){.key = file->bounds[k],
                                            .title = title_of(file, k, cli->arena),
                                            .decimals = whole ? 0 : decimals, .right = true};
    }
    almi_grid *grid = almi_grid_create(cli->arena, columns, 2 + bounds);
    for (size_t h = 0; h < shown; h++) {
        char time[ALM_INSTANT_TEXT_BYTES];
        alm_time_write(&file->made.input.style, alm_forecast_file_time(file, series, h), time);
        almi_grid_text(grid, time);
        almi_grid_double(grid, made->mean[h]);
        for (size_t k = 0; k < bounds; k++) {
            almi_grid_double(grid, alm_forecast_file_bound(file, series, h, k));
        }
    }
    almi_grid_print(grid, &cli->term, &cli->out);
    if (shown < steps) {
        almi_note(cli, "and %zu more: --output FILE writes all", steps - shown);
    }
}

static const almi_grid_column SERIES_COLUMNS[] = {
    {.key = "unique_id", .title = "SERIES", .shrink = true},
    {.key = "periods", .title = "PERIODS", .right = true},
    {.key = "sold_out", .title = "SOLD OUT", .right = true, .optional = true},
    {.key = "last", .title = "LAST", .right = true, .decimals = 2},
    {.key = "next", .title = "NEXT", .right = true, .decimals = 2},
    {.key = "mean", .title = "MEAN AHEAD", .right = true, .decimals = 2},
    {.key = "mase", .title = "MASE", .right = true, .decimals = 2},
    {.key = "method", .title = "METHOD", .shrink = true},
    {.key = "reason", .title = "REASON"},
};

static double last_known(const alm_long_one *one)
{
    for (size_t t = one->count; t-- > 0;) {
        if (!isnan(one->y[t])) {
            return one->y[t];
        }
    }
    return (double)NAN;
}

void almi_forecast_series(almi_cli *cli, const alm_forecast_file *file)
{
    size_t count = file->made.input.count;
    size_t shown = count > ALMI_FORECAST_SERIES_SHOWN ? ALMI_FORECAST_SERIES_SHOWN : count;
    almi_grid *grid = almi_grid_create(cli->arena, SERIES_COLUMNS,
                                       sizeof SERIES_COLUMNS / sizeof SERIES_COLUMNS[0]);
    for (size_t i = 0; i < shown; i++) {
        const alm_long_one *one = &file->made.input.series[i];
        const alm_series_forecast *made = &file->made.set.series[i];
        double mean = 0;
        for (size_t h = 0; h < file->made.plan.steps; h++) {
            mean += (made->mean[h] - mean) / (double)(h + 1);
        }
        almi_grid_str(grid, one->id);
        almi_grid_i64(grid, (int64_t)one->count);
        if (file->made.input.facts.sold_out.size > 0) {
            almi_grid_i64(grid, (int64_t)one->sold_out);
        } else {
            almi_grid_none(grid);
        }
        almi_grid_double(grid, last_known(one));
        almi_grid_double(grid, made->mean[0]);
        almi_grid_double(grid, mean);
        almi_grid_double(grid, alm_forecast_mase(&made->score));
        almi_grid_text(grid, made->kind ? made->kind->name : NULL);
        almi_grid_text(grid, alm_forecast_reason_text(made->reason));
    }
    almi_grid_print(grid, &cli->term, &cli->out);
    if (shown < count) {
        almi_note(cli, "and %zu more series: --output FILE writes all, --html FILE draws some",
                  count - shown);
    }
}
