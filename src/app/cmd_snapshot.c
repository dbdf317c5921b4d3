#include <string.h>

#include "app/session.h"

static const almi_option options[] = {
    {"start", "DATE", "first day of the snapshot"},
    {"end", "DATE", "first day that is not in it any more"},
    {"known-at", "INSTANT", "only rows that were known by then (default: no bound)"},
    {"rejected", "FILE", "where rejected rows go (default: .almanac/rejected/ID.csv)"},
    {"dry-run", NULL, "validate and compute the id, store nothing"},
};

static const almi_grid_column source_columns[] = {
    {.key = "name", .title = "SOURCE", .shrink = true},
    {.key = "rows", .title = "ROWS", .right = true},
    {.key = "rejected", .title = "REJECTED", .right = true},
    {.key = "outside", .title = "OUTSIDE", .right = true},
    {.key = "first", .title = "FIRST"},
    {.key = "last", .title = "LAST"},
    {.key = "content", .title = NULL},
};

static void put_date(almi_grid *grid, alm_date date)
{
    char text[ALM_DATE_TEXT_BYTES];
    if (date == ALM_DATE_NONE) {
        almi_grid_none(grid);
        return;
    }
    alm_date_text(date, text);
    almi_grid_text(grid, text);
}

static almi_grid *source_grid(almi_cli *cli, const alm_snapshot *snapshot)
{
    almi_grid *grid = almi_grid_create(cli->arena, source_columns,
                                       sizeof source_columns / sizeof source_columns[0]);
    for (size_t s = 0; s < snapshot->source_count; s++) {
        const alm_snapshot_source *source = &snapshot->sources[s];
        almi_grid_str(grid, source->name);
        almi_grid_i64(grid, source->rows);
        almi_grid_i64(grid, source->rejected);
        almi_grid_i64(grid, source->outside);
        put_date(grid, source->first);
        put_date(grid, source->last);
        almi_grid_str(grid, source->content);
    }
    return grid;
}

/* What was read, for the registry: names, rows and digests of the files as they were. */
static void write_sources(const alm_snapshot *snapshot, alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    for (size_t s = 0; s < snapshot->source_count; s++) {
        const alm_snapshot_source *source = &snapshot->sources[s];
        char name[256];
        size_t size = source->name.size < sizeof name - 1 ? source->name.size : sizeof name - 1;
        memcpy(name, source->name.data, size);
        name[size] = '\0';
        alm_json_key(&json, name);
        alm_json_open_object(&json);
        alm_json_key(&json, "files");
        alm_json_open_array(&json);
        for (size_t f = 0; f < source->file_count; f++) {
            alm_json_str(&json, source->file_digests[f]);
        }
        alm_json_close_array(&json);
        alm_json_put_i64(&json, "outside", source->outside);
        alm_json_put_i64(&json, "rejected", source->rejected);
        alm_json_put_i64(&json, "rows", source->rows);
        alm_json_close_object(&json);
    }
    alm_json_close_object(&json);
}

/* The same values may come from other files (another order of rows, compressed or not): then the
 * record of the first time stays, and nothing is added. */
static alm_err record(almi_cli *cli, const alm_snapshot *snapshot, bool *existed, alm_error *error)
{
    alm_snapshot_record row = {.manifest = snapshot->manifest,
                               .window_start = alm_instant_of_date(snapshot->start),
                               .window_end = alm_instant_of_date(snapshot->end),
                               .created = alm_env_now(&cli->env)};
    if (!alm_digest_parse(snapshot->id, &row.id)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the snapshot's id is no digest");
    }
    alm_snapshot_record before;
    alm_err found = alm_registry_get_snapshot(cli->registry, &row.id, cli->arena, &before, error);
    *existed = found == ALM_OK;
    if (found != ALM_ERR_NOT_FOUND) {
        return found;
    }
    alm_buffer sources = {0};
    write_sources(snapshot, &sources);
    row.sources = alm_buffer_view(&sources);
    alm_err code = alm_buffer_status(&sources, error);
    if (code == ALM_OK) {
        code = alm_registry_add_snapshot(cli->registry, &row, error);
    }
    alm_buffer_deinit(&sources);
    return code;
}

static void put_bar_facts(alm_json_writer *json, const alm_snapshot *snapshot)
{
    for (size_t s = 0; s < snapshot->source_count; s++) {
        const alm_bar_facts *bars = &snapshot->sources[s].bars;
        if (snapshot->sources[s].is_bars) {
            alm_json_key(json, "bars");
            alm_json_open_object(json);
            alm_json_put_i64(json, "missing_price", bars->missing);
            alm_json_put_i64(json, "not_positive", bars->not_positive);
            alm_json_put_i64(json, "high_below_low", bars->reversed);
            alm_json_close_object(json);
        }
    }
}

/* Rows that say less than they seem to; nothing when there are none. */
static void note_bar_facts(almi_cli *cli, const alm_snapshot *snapshot)
{
    for (size_t s = 0; s < snapshot->source_count; s++) {
        const alm_bar_facts *bars = &snapshot->sources[s].bars;
        if (bars->missing + bars->not_positive + bars->reversed > 0) {
            almi_note(cli, "bars: %lld with a high below the low, %lld with a price of 0 or less, "
                      "%lld with an empty price; they are kept, features and labels take what is "
                      "impossible as missing (docs/bars.md)", (long long)bars->reversed,
                      (long long)bars->not_positive, (long long)bars->missing);
        }
    }
}

static void show(almi_cli *cli, const alm_snapshot *snapshot, bool stored)
{
    if (cli->json) {
        char start[ALM_DATE_TEXT_BYTES];
        char end[ALM_DATE_TEXT_BYTES];
        alm_date_text(snapshot->start, start);
        alm_date_text(snapshot->end, end);
        alm_json_writer json = alm_json_writer_on(&cli->out);
        alm_json_open_object(&json);
        alm_json_put_str(&json, "snapshot", snapshot->id);
        alm_json_put_text(&json, "start", start);
        alm_json_put_text(&json, "end", end);
        alm_json_put_bool(&json, "stored", stored);
        put_bar_facts(&json, snapshot);
        alm_json_key(&json, "sources");
        almi_grid_write_rows(source_grid(cli, snapshot), &json);
        alm_json_close_object(&json);
        alm_buffer_text(&cli->out, "\n");
        return;
    }
    if (!cli->quiet) {
        almi_grid_print(source_grid(cli, snapshot), &cli->term, &cli->out);
        alm_buffer_text(&cli->out, stored ? "\nsnapshot " : "\nsnapshot (dry run, not stored) ");
    }
    alm_buffer_str(&cli->out, snapshot->id);
    alm_buffer_text(&cli->out, "\n");
}

static alm_err read_options(almi_cli *cli, alm_snapshot_options *out, alm_error *error)
{
    alm_str needed;
    ALM_TRY(almi_option_require(cli, "start", &needed, error));
    ALM_TRY(almi_option_require(cli, "end", &needed, error));
    ALM_TRY(almi_option_date(cli, "start", &out->start, error));
    ALM_TRY(almi_option_date(cli, "end", &out->end, error));
    if (out->end <= out->start) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "--end %s must lie behind --start %s: it is the first day that is not in "
                        "the snapshot",
                        almi_option_text(cli, "end"), almi_option_text(cli, "start"));
    }
    out->known_at = INT64_MAX;
    const char *known = almi_option_text(cli, "known-at");
    if (known && !alm_instant_parse(alm_str_of(known), &out->known_at)) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "--known-at takes YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ, not '%s'", known);
    }
    out->rejected_path = almi_option_text(cli, "rejected");
    ALM_TRY(almi_check_output(cli, out->rejected_path, error));
    out->dry_run = almi_option_flag(cli, "dry-run");
    return ALM_OK;
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    alm_snapshot_options take = {0};
    ALM_TRY(read_options(cli, &take, error));
    ALM_TRY(almi_open_state(cli, error));
    alm_snapshot snapshot;
    ALM_TRY(alm_snapshot_take(&cli->env, cli->project, cli->objects, &take, cli->arena, &snapshot,
                              error));
    bool existed = false;
    if (!take.dry_run) {
        ALM_TRY(record(cli, &snapshot, &existed, error));
    }
    show(cli, &snapshot, !take.dry_run);
    note_bar_facts(cli, &snapshot);
    if (existed) {
        almi_note(cli, "a snapshot with these values was there already; it is the same one");
    }
    return ALM_OK;
}

const almi_command almi_cmd_snapshot = {
    .name = "snapshot",
    .summary = "freeze the sources for a window of days",
    .text = "Reads every source, types and validates each row against almanac.yaml, keeps those "
            "with an event time in [--start, --end), and stores an immutable copy. Rows that do "
            "not fit go to the rejected-rows file with row number, column and reason; above the "
            "declared share the snapshot is refused. The printed id is a hash of the values: the "
            "same data have the same id, late or restated data a new one.",
    .example = "almanac snapshot --start 2010-12-01 --end 2011-11-26\n"
               "almanac snapshot --start 2010-12-01 --end 2011-11-26 --dry-run",
    ALMI_OPTIONS(options),
    .run = run,
};

/* ---- snapshot list ---- */

static const almi_grid_column list_columns[] = {
    {.key = "snapshot", .title = "SNAPSHOT", .shrink = true},
    {.key = "start", .title = "START"},
    {.key = "end", .title = "END"},
    {.key = "created", .title = "TAKEN"},
};

static void put_day(almi_grid *grid, alm_instant instant)
{
    char text[ALM_INSTANT_TEXT_BYTES];
    alm_instant_text(instant, text);
    almi_grid_str(grid, (alm_str){text, 10});
}

static alm_err run_list(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_open_state(cli, error));
    alm_snapshot_record *records = NULL;
    size_t count = 0;
    ALM_TRY(alm_registry_list_snapshots(cli->registry, cli->arena, &records, &count, error));
    almi_grid *grid =
        almi_grid_create(cli->arena, list_columns, sizeof list_columns / sizeof list_columns[0]);
    for (size_t i = 0; i < count; i++) {
        char text[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(&records[i].id, text);
        almi_grid_text(grid, text);
        put_day(grid, records[i].window_start);
        put_day(grid, records[i].window_end);
        char created[ALM_INSTANT_TEXT_BYTES];
        alm_instant_text(records[i].created, created);
        almi_grid_text(grid, created);
    }
    almi_show_rows(cli, grid, "snapshots", "no snapshots yet; 'almanac snapshot' takes one");
    return ALM_OK;
}

const almi_command almi_cmd_snapshot_list = {
    .name = "snapshot list",
    .summary = "list the snapshots that were taken",
    .text = "Lists the registered snapshots in the order of taking. Wherever an id is asked for, "
            "its first digits are enough as long as they are unique.",
    .run = run_list,
};
