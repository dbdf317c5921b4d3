/* cmd_forecast.c: forecasts of the series of a file, without a project; the work is
 * batch/forecast_file, the page report/forecast_page. */
#include <string.h>

#include "app/forecast_view.h"
#include "app/parse.h"
#include "app/session.h"
#include "base/build_info.h"
#include "model/statistical/automatic/mstl.h"
#include "model/statistical/forecaster_kinds.h"
#include "report/forecast_page.h"

static const almi_option options[] = {
    {"id", "COLUMNS", "what tells series apart, several by commas (default: by usual names)"},
    {"time", "COLUMN", "the time of a row (default: ds, date, time, month, ...)"},
    {"value", "COLUMN", "what is forecast (default: y, value, target, sales, ...); several by "
                        "commas: a series each"},
    {"freq", "CODE", "step between times, as in pandas: 15min, h, D, B, W, MS, QS, YS, or a whole "
                     "number for an index (default: from the times)"},
    {"zero-gaps", NULL, "a period without a row is 0, up to the last time of the file, as in lists "
                        "of sales (default: missing)"},
    {"sold-out", "COLUMN", "says 1, true or yes where a series was sold out: what was sold is a "
                           "lower bound of demand with --method count, missing with others"},
    {"stock", "COLUMN", "the stock at a period's close, instead: sold out at 0 or less"},
    {"regressors", "COLUMNS", "what explains the value and is known in advance, by commas: price, "
                              "promotion, event; the plan is in rows behind the last value"},
    {"observed", "COLUMNS", "what explains the value and is known when a period is over, by "
                            "commas: used a horizon later"},
    {"future", "FILE", "the plan of --regressors in a file of its own: times, series, columns"},
    {"holidays", "FILE", "days and names, as in ds,holiday: an indicator for each name"},
    {"season", "LIST", "steps of a season, 1 for none; several by commas, as in 7,365, with "
                       "--method auto or mstl (default: by rule from the step)"},
    {"horizon", "N", "steps to look ahead (default: by rule from the step)"},
    {"level", "LIST", "intervals in percent (default: 80,95)"},
    {"intervals", "KIND", "calibrated: as wide as errors at earlier origins say; model: as the "
                          "method has them (default: calibrated)"},
    {"method", "NAME", "auto; best, weighted, median: of candidates by class of demand; learned: "
                       "weighted as 100 series and more teach; or one forecaster for all series "
                       "(default: auto)"},
    {"paths", "N", "sample paths that intervals come from; 0: Normal, quicker (default: 500)"},
    {"seed", "N", "of the paths (default: 1)"},
    {"check", "N", "earlier origins that the method is tried on; 0: none (default: 4)"},
    {"output", "FILE", "write every forecast, Parquet when the name ends with .parquet, else CSV; "
                       "'-': CSV on standard output"},
    {"reasons", NULL, "with --output: two columns more, method and reason of each series"},
    {"html", "FILE", "and a page with fan charts"},
};

/* ---- options ---- */

static alm_err read_count(almi_cli *cli, const char *name, int64_t least, int64_t most,
                          size_t *out, alm_error *error)
{
    int64_t number = (int64_t)*out;
    ALM_TRY(almi_option_i64(cli, name, &number, error));
    if (almi_option_text(cli, name) && (number < least || number > most)) {
        return alm_fail(error, ALM_ERR_USAGE, "--%s takes %lld to %lld, not %lld", name,
                        (long long)least, (long long)most, (long long)number);
    }
    *out = (size_t)number;
    return ALM_OK;
}

/* Rising. */
static alm_err add_season(alm_forecast_options *out, alm_str text, alm_error *error)
{
    int64_t steps = 0;
    if (!alm_str_to_i64(alm_str_trim(text), &steps) || steps < 2 ||
        steps > (int64_t)ALM_PAST_COUNT_MAX / 2) {
        return alm_fail(error, ALM_ERR_USAGE, "--season takes 2 to %zu of several seasons, as in "
                        "7,365, not '" ALM_STR_FMT "'", ALM_PAST_COUNT_MAX / 2, ALM_STR_ARG(text));
    }
    if (out->season_count == ALM_MSTL_SEASONS_MAX) {
        return alm_fail(error, ALM_ERR_USAGE, "--season takes at most %d of them",
                        ALM_MSTL_SEASONS_MAX);
    }
    size_t at = out->season_count++;
    for (; at > 0 && out->seasons[at - 1] > (size_t)steps; at--) {
        out->seasons[at] = out->seasons[at - 1];
    }
    out->seasons[at] = (size_t)steps;
    if (at > 0 && out->seasons[at - 1] == (size_t)steps) {
        return alm_fail(error, ALM_ERR_USAGE, "--season: " ALM_STR_FMT " is there twice",
                        ALM_STR_ARG(text));
    }
    return ALM_OK;
}

/* Nobody can tell which of several seasons a method with one would be meant to have. */
static alm_err read_seasons(almi_cli *cli, alm_forecast_options *out, alm_error *error)
{
    const char *text = almi_option_text(cli, "season");
    if (!text || !strchr(text, ',')) {
        return read_count(cli, "season", 1, ALM_PAST_SEASON_MAX, &out->season, error);
    }
    for (alm_str rest = alm_str_of(text); rest.data;) {
        ALM_TRY(add_season(out, alm_str_split(&rest, ','), error));
    }
    out->season = out->seasons[0];
    if (out->season > ALM_PAST_SEASON_MAX) {
        return alm_fail(error, ALM_ERR_USAGE, "--season: the shortest may have %d steps, not %zu",
                        ALM_PAST_SEASON_MAX, out->season);
    }
    if (out->kind && out->kind != &alm_mstl) {
        return alm_fail(error, ALM_ERR_USAGE, "--season %s: %s works with one season: name one of "
                        "them, or take --method mstl", text, out->kind->name);
    }
    return ALM_OK;
}

static alm_err add_level(alm_forecast_options *out, alm_str text, alm_error *error)
{
    double percent = 0;
    if (!alm_str_to_double(alm_str_trim(text), &percent) || !(percent >= 1 && percent <= 99.9)) {
        return alm_fail(error, ALM_ERR_USAGE, "--level takes percentages from 1 to 99.9, as in "
                        "80,95, not '" ALM_STR_FMT "'", ALM_STR_ARG(text));
    }
    if (out->level_count == ALM_FORECAST_LEVELS_MAX) {
        return alm_fail(error, ALM_ERR_USAGE, "--level takes at most %d of them",
                        ALM_FORECAST_LEVELS_MAX);
    }
    size_t at = out->level_count++;
    for (; at > 0 && out->level[at - 1] > percent / 100; at--) {
        out->level[at] = out->level[at - 1];
    }
    out->level[at] = percent / 100;
    if (at > 0 && !(out->level[at - 1] < out->level[at])) {
        return alm_fail(error, ALM_ERR_USAGE, "--level: " ALM_STR_FMT " is there twice",
                        ALM_STR_ARG(text));
    }
    return ALM_OK;
}

static alm_err read_levels(almi_cli *cli, alm_forecast_options *out, alm_error *error)
{
    const char *text = almi_option_text(cli, "level");
    for (alm_str rest = alm_str_of(text ? text : "80,95"); rest.data;) {
        ALM_TRY(add_level(out, alm_str_split(&rest, ','), error));
    }
    return ALM_OK;
}

static alm_err read_intervals(almi_cli *cli, alm_forecast_options *out, alm_error *error)
{
    const char *text = almi_option_text(cli, "intervals");
    out->calibrated = !text || strcmp(text, "calibrated") == 0;
    if (!out->calibrated && strcmp(text, "model") != 0) {
        return alm_fail(error, ALM_ERR_USAGE, "--intervals takes calibrated or model, not '%s'",
                        text);
    }
    return ALM_OK;
}

static alm_err read_method(almi_cli *cli, const alm_forecaster_kind **out, alm_error *error)
{
    const char *name = almi_option_text(cli, "method");
    if (!name || strcmp(name, "auto") == 0) {
        return ALM_OK;
    }
    *out = strcmp(name, alm_learned.name) == 0 ? &alm_learned
                                               : alm_forecast_kind(alm_str_of(name));
    if (*out) {
        return ALM_OK;
    }
    size_t count = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&count);
    const char **names = ALM_NEW_ARRAY(cli->arena, const char *, count + 1);
    alm_buffer list = {0};
    for (size_t i = 0; i <= count; i++) {
        names[i] = i < count ? kinds[i]->name : alm_learned.name;
        alm_buffer_printf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    alm_err code = alm_fail(error, ALM_ERR_USAGE, "--method: there is no '%s'%s; there are %s",
                            name, almi_suggestion(cli->arena, "", name, names, count + 1),
                            list.data ? list.data : "");
    alm_buffer_deinit(&list);
    return code;
}

static alm_err read_frequency(almi_cli *cli, alm_frequency *into, const alm_frequency **out,
                              alm_error *error)
{
    const char *text = almi_option_text(cli, "freq");
    if (!text) {
        return ALM_OK;
    }
    if (!alm_frequency_parse(alm_str_of(text), into)) {
        return alm_fail(error, ALM_ERR_USAGE, "--freq: '%s' is no step; it may be s, min, h, D, B, "
                        "W, MS, QS or YS with a number before it (15min), or a whole number for an "
                        "index", text);
    }
    *out = into;
    return ALM_OK;
}

static alm_err check_outputs(almi_cli *cli, alm_error *error)
{
    static const char *const NAMES[] = {"output", "html"};
    const char *output = almi_option_text(cli, "output");
    const char *read[] = {cli->argument[0], almi_option_text(cli, "future"),
                          almi_option_text(cli, "holidays")};
    bool to_stdout = output && strcmp(output, "-") == 0;
    if (to_stdout && cli->json) {
        return alm_fail(error, ALM_ERR_USAGE, "--output - and --json both want standard output");
    }
    if (almi_option_flag(cli, "reasons") && !output) {
        return alm_fail(error, ALM_ERR_USAGE, "--reasons goes with --output FILE; with --json they "
                        "are there");
    }
    for (size_t i = 0; i < 2; i++) {
        const char *path = almi_option_text(cli, NAMES[i]);
        for (size_t k = 0; k < sizeof read / sizeof read[0]; k++) {
            if (path && read[k] && strcmp(path, read[k]) == 0) {
                return alm_fail(error, ALM_ERR_USAGE, "--%s %s would replace the file that is read",
                                NAMES[i], path);
            }
        }
        if (path && !(i == 0 && to_stdout)) {
            ALM_TRY(almi_check_output(cli, path, error));
        }
    }
    return ALM_OK;
}

static alm_err read_options(almi_cli *cli, alm_frequency *frequency, alm_forecast_options *out,
                            alm_error *error)
{
    size_t seed = ALM_FORECAST_SEED_DEFAULT;
    *out = (alm_forecast_options){.input = {.path = cli->argument[0],
                                            .id = almi_option_text(cli, "id"),
                                            .time = almi_option_text(cli, "time"),
                                            .value = almi_option_text(cli, "value"),
                                            .zero_gaps = almi_option_flag(cli, "zero-gaps"),
                                            .sold_out = almi_option_text(cli, "sold-out"),
                                            .stock = almi_option_text(cli, "stock")},
                                  .paths = ALM_FORECAST_PATHS_DEFAULT,
                                  .origins = ALM_FORECAST_ORIGINS_DEFAULT};
    out->regressors = (alm_regressor_options){.in_advance = almi_option_text(cli, "regressors"),
                                              .observed = almi_option_text(cli, "observed"),
                                              .future = almi_option_text(cli, "future"),
                                              .holidays = almi_option_text(cli, "holidays")};
    if (out->input.sold_out && out->input.stock) {
        return alm_fail(error, ALM_ERR_USAGE, "--sold-out and --stock say the same thing: keep "
                        "one of them");
    }
    if (out->regressors.future && !out->regressors.in_advance) {
        return alm_fail(error, ALM_ERR_USAGE, "--future FILE is the plan of --regressors: name its "
                        "columns");
    }
    ALM_TRY(check_outputs(cli, error));
    ALM_TRY(read_frequency(cli, frequency, &out->input.frequency, error));
    ALM_TRY(read_count(cli, "horizon", 1, ALM_FORECAST_STEPS_MAX, &out->steps, error));
    ALM_TRY(read_count(cli, "paths", 0, ALM_FORECAST_PATHS_MAX, &out->paths, error));
    ALM_TRY(read_count(cli, "check", 0, ALM_FORECAST_ORIGINS_MAX, &out->origins, error));
    ALM_TRY(read_count(cli, "seed", 0, INT64_MAX, &seed, error));
    out->seed = seed;
    ALM_TRY(read_levels(cli, out, error));
    ALM_TRY(read_intervals(cli, out, error));
    ALM_TRY(read_method(cli, &out->kind, error));
    return read_seasons(cli, out, error);
}

/* ---- output ---- */

static alm_err write_piece(void *context, alm_str bytes, alm_error *error)
{
    almi_cli *cli = context;
    alm_buffer_str(&cli->out, bytes);
    return almi_flush(cli, error);
}

/* The pieces of JSON are in `out` already. */
static alm_err write_json_piece(void *context, alm_str bytes, alm_error *error)
{
    (void)bytes;
    return almi_flush(context, error);
}

static void note_written(almi_cli *cli, const alm_forecast_file *file, const char *path)
{
    alm_buffer rows = {0};
    alm_forecast_count(&rows, (uint64_t)file->made.input.count * file->made.plan.steps);
    almi_note(cli, "%-11s%s: %s rows", "written", path, rows.data ? rows.data : "");
    alm_buffer_deinit(&rows);
}

static alm_err write_table(almi_cli *cli, const alm_forecast_file *file, alm_error *error)
{
    const char *path = almi_option_text(cli, "output");
    bool reasons = almi_option_flag(cli, "reasons");
    if (!path) {
        return ALM_OK;
    }
    if (strcmp(path, "-") == 0) {
        alm_forecast_sink sink = {write_piece, cli};
        return alm_forecast_file_csv(file, reasons, &sink, error);
    }
    ALM_TRY(alm_forecast_file_write(&cli->env, file, path, reasons, error));
    note_written(cli, file, path);
    return ALM_OK;
}

static alm_err write_page(almi_cli *cli, const alm_forecast_file *file, alm_error *error)
{
    const char *path = almi_option_text(cli, "html");
    if (!path) {
        return ALM_OK;
    }
    alm_buffer page = {0};
    alm_err code = alm_forecast_page_render(&file->made, ALM_STR("almanac " ALM_ENGINE_VERSION),
                                            &page, error);
    if (code == ALM_OK) {
        code = alm_fs_write_all(cli->env.fs, path, alm_buffer_view(&page), error);
    }
    alm_buffer_deinit(&page);
    if (code == ALM_OK && !cli->json) {
        almi_note(cli, "%-11s%s", "page", path);
    }
    return code;
}

/* The first that has a forecast. */
static size_t first_series(const alm_forecast_file *file)
{
    for (size_t i = 0; i < file->made.input.count; i++) {
        if (file->made.set.series[i].kind) {
            return i;
        }
    }
    return 0;
}

static void show(almi_cli *cli, const alm_forecast_file *file)
{
    size_t first = first_series(file);
    alm_buffer_text(&cli->out, "\n");
    almi_forecast_chart(cli, file, first);
    alm_buffer_text(&cli->out, "\n");
    almi_forecast_rows(cli, file, first);
    if (file->made.input.count > 1) {
        alm_buffer_text(&cli->out, "\n");
        almi_forecast_series(cli, file);
    }
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    alm_forecast_options asked;
    alm_forecast_file file;
    alm_frequency frequency;
    alm_forecast_line lines[ALM_FORECAST_LINES_MAX];
    ALM_TRY(read_options(cli, &frequency, &asked, error));
    ALM_TRY(alm_forecast_file_make(&cli->env, &asked, cli->arena, &file, error));
    if (!cli->json) {
        size_t count = alm_forecast_understood(&file.made, cli->arena, lines);
        almi_forecast_tell(cli, lines, count);
        count = alm_forecast_checked(&file.made, cli->arena, lines);
        almi_forecast_tell(cli, lines, count);
    }
    ALM_TRY(write_table(cli, &file, error));
    ALM_TRY(write_page(cli, &file, error));
    if (cli->json) {
        alm_forecast_sink sink = {write_json_piece, cli};
        return alm_forecast_file_json(&file, &cli->out, &sink, error);
    }
    if (!almi_option_text(cli, "output")) {
        show(cli, &file);
    }
    return ALM_OK;
}

const almi_command almi_cmd_forecast = {
    .name = "forecast",
    .arguments = "FILE.csv",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "forecast the series of a CSV file; needs no project",
    .text = "Reads a CSV file (plain or gzip) with a row per series and time (or a column per "
            "series, or one per time), says what it took it for, and "
            "forecasts every series: a fan chart and a table of the first one, a line of "
            "the others; --output writes all. Columns have their usual names (unique_id, ds, y; or "
            "date, store, item, sales) or are named; without a column that tells series apart the "
            "file is one series. Times are " ALM_TIME_FORMS ". The step between them "
            "is inferred; a period without a row is missing unless --zero-gaps, an empty value "
            "always.\n"
            "Intervals come from joint sample paths that keep to what the past of a series shows "
            "that values can be: not below 0, whole numbers. Of many series they are "
            "calibrated: as wide as the errors at earlier origins say; the coverage that is told "
            "is that of origins that did not calibrate. The method is tried on earlier "
            "origins of the same file, and its errors beside those of the seasonal naive forecast "
            "and the share of values that the intervals held are always told. A series that the "
            "method refuses is forecast by a simpler one, with the reason: 'fitted', 'too_short', "
            "'unsuited', 'numeric'; one without any value has no forecast ('no_values').\n"
            "Columns that explain the value: --regressors names those that are known in advance, "
            "whose plan for the periods to come stands in rows behind the last value of a series, "
            "with an empty value, or in --future FILE; --observed those that are not, of which a "
            "period sees the value a horizon before; texts become indicators. What each is worth "
            "is told, with its standard error: regression with ARIMA errors, and what it leaves is "
            "forecast by the method; --method arima has them in its likelihood. A plan that lacks "
            "a period is refused.\n"
            "Columns of --output: unique_id, ds, 'forecast' (or the name that --method gives), and "
            "'-lo-95', '-lo-80', '-hi-80', '-hi-95' behind that name. No result depends on "
            "--threads, and the same file, options and seed give the same bytes.",
    .example = "almanac forecast sales.csv\n"
               "almanac forecast sales.csv.gz --horizon 28 --output forecasts.parquet\n"
               "almanac forecast sales.csv --id store,item --time week --html out.html\n"
               "almanac forecast sales.csv --regressors price,promotion --future plan.csv\n"
               "almanac forecast sales.csv --method theta --level 50,90 --output - | head",
    ALMI_OPTIONS(options),
    .run = run,
};
