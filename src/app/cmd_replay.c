/* cmd_replay.c: predictions on record, made again and compared. */
#include <string.h>

#include "app/line_reader.h"
#include "app/replay_world.h"

#define SHOWN_MAX 1000 /* rows of the table; what is beyond is counted */

static const almi_option options[] = {
    {"request-id", "ID", "only the answers to this request"},
    {"model", "FILES", "models that are in no registry, each [NAME=]PATH as of 'almanac predict', "
                       "with commas between them"},
    {"category-codes", NULL, "their rows hold the numbers of categories"},
};

static const almi_grid_column columns[] = {
    {.key = "result", .title = "RESULT"},
    {.key = "answers", .title = "ANSWERS", .right = true},
    {.key = "model", .title = "MODEL"},
    {.key = "version", .title = "VERSION"},
    {.key = "request_id", .title = "REQUEST", .optional = true},
    {.key = "file", .title = NULL},
    {.key = "line", .title = "LINE", .right = true, .optional = true},
    {.key = "why", .title = "WHY", .wrap = true, .optional = true},
};

/* A row of the table: answers alike, or one that is different. */
typedef struct verdict {
    const char *result;
    alm_str model, version, request_id;
    const char *why;
    const char *file; /* NULL: several answers */
    uint64_t line, count;
} verdict;

typedef struct replaying {
    almi_cli *cli;
    almi_replay_world world;
    alm_str only; /* request id; empty: all */
    const char *file;
    verdict *row;
    size_t rows, room;
    uint64_t answers, equal, different, impossible, unreadable, torn;
} replaying;

static alm_str keep(replaying *r, alm_str text)
{
    return (alm_str){alm_arena_copy_text(r->cli->arena, text.data, text.size), text.size};
}

static void add_row(replaying *r, const verdict *v)
{
    if (r->rows == r->room) {
        size_t room = r->room ? 2 * r->room : 64;
        verdict *grown = ALM_NEW_ARRAY(r->cli->arena, verdict, room);
        for (size_t i = 0; i < r->rows; i++) {
            grown[i] = r->row[i];
        }
        r->row = grown;
        r->room = room;
    }
    r->row[r->rows] = *v;
    r->row[r->rows].model = keep(r, v->model);
    r->row[r->rows].version = keep(r, v->version);
    r->row[r->rows].request_id = keep(r, v->request_id);
    r->row[r->rows++].why = alm_arena_printf(r->cli->arena, "%s", v->why);
}

/* Answers that are no concern are counted together. */
static void note(replaying *r, const verdict *v)
{
    for (size_t i = 0; !v->file && i < r->rows; i++) {
        verdict *other = &r->row[i];
        if (!other->file && strcmp(other->result, v->result) == 0 &&
            alm_str_equal(other->model, v->model) && alm_str_equal(other->version, v->version) &&
            strcmp(other->why, v->why) == 0) {
            other->count++;
            return;
        }
    }
    if (r->rows < SHOWN_MAX) {
        add_row(r, v);
    }
}

static void replay_record(replaying *r, const alm_prediction_record *record, uint64_t line,
                          alm_arena *arena)
{
    alm_replay made = {.result = ALM_REPLAY_IMPOSSIBLE};
    almi_replay_record(&r->world, record, arena, &made);
    bool is_different = made.result == ALM_REPLAY_DIFFERENT;
    verdict v = {.result = alm_replay_result_text(made.result), .model = record->model,
                 .version = record->version, .why = made.detail, .count = 1,
                 .file = is_different ? r->file : NULL, .line = line,
                 .request_id = is_different ? record->request_id : (alm_str){NULL, 0}};
    r->answers++;
    r->equal += made.result == ALM_REPLAY_EQUAL;
    r->different += is_different;
    r->impossible += made.result == ALM_REPLAY_IMPOSSIBLE;
    note(r, &v);
}

static void replay_line(replaying *r, alm_str line, uint64_t number, alm_arena *arena)
{
    alm_prediction_record record;
    alm_error error = {0};
    if (alm_prediction_read(line, arena, &record, &error) != ALM_OK) {
        verdict v = {.result = "unreadable", .why = error.message, .count = 1, .file = r->file,
                     .line = number};
        r->unreadable++;
        note(r, &v);
    } else if (r->only.size == 0 || alm_str_equal(record.request_id, r->only)) {
        replay_record(r, &record, number, arena);
    }
}

static alm_err replay_file(replaying *r, const char *path, alm_error *error)
{
    almi_line_reader reader;
    alm_arena *arena = alm_arena_create(0);
    bool found = true;
    r->file = path;
    alm_err code = almi_line_reader_open(r->cli->env.fs, path, ALM_PREDICTION_LINE_BYTES_MAX,
                                         &reader, error);
    while (code == ALM_OK && found) {
        alm_str line;
        code = almi_line_reader_next(&reader, &line, &found, error);
        if (code == ALM_OK && found) {
            replay_line(r, line, reader.lines, arena);
            alm_arena_reset(arena);
        }
    }
    r->torn += reader.is_torn;
    almi_line_reader_close(&reader);
    alm_arena_destroy(arena);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "%s", path);
}

/* ---- the result ---- */

static almi_grid *grid_of(const replaying *r)
{
    almi_grid *grid = almi_grid_create(r->cli->arena, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < r->rows; i++) {
        const verdict *v = &r->row[i];
        almi_grid_text(grid, v->result);
        almi_grid_i64(grid, (int64_t)v->count);
        almi_grid_optional(grid, v->model);
        almi_grid_optional(grid, v->version);
        almi_grid_optional(grid, v->request_id);
        almi_grid_text(grid, v->file);
        if (v->file) {
            almi_grid_i64(grid, (int64_t)v->line);
        } else {
            almi_grid_none(grid);
        }
        almi_grid_optional(grid, alm_str_of(v->why));
    }
    return grid;
}

static void show_json(const replaying *r, const almi_grid *grid)
{
    alm_json_writer json = alm_json_writer_on(&r->cli->out);
    alm_json_open_object(&json);
    alm_json_put_i64(&json, "answers", (int64_t)r->answers);
    alm_json_put_i64(&json, "equal", (int64_t)r->equal);
    alm_json_put_i64(&json, "different", (int64_t)r->different);
    alm_json_put_i64(&json, "not_replayable", (int64_t)r->impossible);
    alm_json_put_i64(&json, "unreadable", (int64_t)r->unreadable);
    alm_json_put_i64(&json, "torn", (int64_t)r->torn);
    alm_json_key(&json, "results");
    almi_grid_write_rows(grid, &json);
    alm_json_close_object(&json);
    alm_buffer_text(&r->cli->out, "\n");
}

static void show(const replaying *r)
{
    almi_grid *grid = grid_of(r);
    if (r->cli->json) {
        show_json(r, grid);
    } else if (!r->cli->quiet && r->rows > 0) {
        almi_grid_print(grid, &r->cli->term, &r->cli->out);
    }
    almi_note(r->cli, "%llu answer%s: %llu equal, %llu different, %llu not replayable%s",
              (unsigned long long)r->answers, r->answers == 1 ? "" : "s",
              (unsigned long long)r->equal,
              (unsigned long long)r->different, (unsigned long long)r->impossible,
              r->torn ? "; a last line is torn and is none" : "");
}

static alm_err judge(replaying *r, alm_error *error)
{
    if (r->different + r->unreadable == 0) {
        return ALM_OK;
    }
    r->cli->says_error = true;
    ALM_TRY(almi_flush(r->cli, error)); /* the table says which, also when the command fails */
    return alm_fail(error, ALM_ERR_CORRUPT, "%llu of %llu answers are not what they were, and "
                    "%llu lines cannot be read", (unsigned long long)r->different,
                    (unsigned long long)r->answers, (unsigned long long)r->unreadable);
}

static alm_err replay_files(replaying *r, alm_error *error)
{
    almi_cli *cli = r->cli;
    for (int i = 0; i < cli->argument_count; i++) {
        ALM_TRY(replay_file(r, cli->argument[i], error));
    }
    if (r->only.size > 0 && r->answers == 0) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "no answer to request " ALM_STR_FMT " is on "
                        "record there", ALM_STR_ARG(r->only));
    }
    show(r);
    return judge(r, error);
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    const char *only = almi_option_text(cli, "request-id");
    replaying r = {.cli = cli, .only = only ? alm_str_of(only) : (alm_str){NULL, 0}};
    ALM_TRY(almi_replay_world_open(cli, &r.world, error));
    alm_err code = replay_files(&r, error);
    almi_replay_world_close(&r.world);
    return code;
}

const almi_command almi_cmd_replay = {
    .name = "replay",
    .arguments = "FILE [FILE]...",
    .arguments_min = 1,
    .arguments_max = ALMI_ARGUMENTS_MAX,
    .summary = "make predictions on record again, and compare",
    .text = "Reads files of the prediction log that 'almanac serve' keeps if its settings say so "
            "(docs/prediction-log.md). What a model answered is computed again from the values on "
            "record, by the model whose content has the hash on record: a release of the project, "
            "or a file of --model. What a committed run answered is given again from that run in "
            "the prediction store, and what was computed for a request from that run's snapshot "
            "and the events that were counted then. All is compared bit for bit.\n"
            "It fails when something is different, or a line cannot be read. What cannot be made "
            "again, because its model or run is not there, is counted with the reason and is no "
            "failure; nor is a last line without a line break, which a crash leaves behind.",
    .example = "almanac replay log/predictions-00000001.ndjson\n"
               "almanac replay log/predictions-*.ndjson --model model.txt --json\n"
               "almanac replay predictions-00000007.ndjson --request-id 4f1c7c9e",
    ALMI_OPTIONS(options),
    .run = run,
};
