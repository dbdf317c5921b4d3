/* predict_bars_test.c: files of bars, and of rows for nets, into answers: beside pandas, LightGBM
 * and NumPy (tests/golden/signal), beside signal/ itself, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "batch/predict_file.h"
#include "signal/signal_cases.h"
#include "table/csv.h"
#include "table/sql.h"

#define FOLDER "tests/golden/signal"
#define BARS 150
#define SYMBOLS 3

static const char *const SYMBOL[SYMBOLS] = {"A", "B,\"b\"", "\xc3\xa9"};

typedef struct world {
    scorer_case files;
    alm_fs *fs;
    alm_env env;
    alm_arena *arena;
    alm_scorer *scorer;
    alm_bar bars[SYMBOLS][BARS];
    alm_error error;
} world;

static void ok(const world *w, alm_err code)
{
    if (code != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
}

static void read_scorer(world *w)
{
    alm_scorer_source source = alm_scorer_memory(&w->files.table);
    alm_scorer_destroy(w->scorer);
    w->scorer = NULL;
    ok(w, alm_scorer_read(&source, "folder", &w->scorer, &w->error));
}

static int setup(void **state)
{
    void *memory = NULL;
    alm_assert(alm_heap_try(sizeof(world), &memory, NULL) == ALM_OK);
    world *w = memory;
    alm_assert(alm_fs_memory_create(&w->fs, &w->error) == ALM_OK);
    w->env.fs = w->fs;
    scorer_case_init(&w->files);
    w->arena = w->files.arena;
    case_signal_files(&w->files);
    read_scorer(w);
    for (size_t k = 0; k < SYMBOLS; k++) {
        case_bars(k == 1 ? CASE_HOLES : CASE_CALM, 20 + k, w->bars[k], BARS);
    }
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    alm_scorer_destroy(w->scorer);
    alm_fs_destroy(w->fs);
    alm_arena_destroy(w->arena);
    alm_heap_free(w);
    return 0;
}

static alm_str kept(world *w, alm_buffer *text)
{
    ok(w, alm_buffer_status(text, &w->error));
    alm_str out = {alm_arena_copy_text(w->arena, text->data, text->size), text->size};
    alm_buffer_deinit(text);
    return out;
}

/* ---- files ---- */

static void put_field(alm_buffer *out, double value)
{
    alm_buffer_text(out, ",");
    if (!isnan(value)) {
        alm_buffer_double(out, value);
    }
}

/* Row i of the file is a bar of symbol i % SYMBOLS, or of i / BARS when they stand one by one. */
static size_t symbol_of(size_t i, bool one_by_one)
{
    return one_by_one ? i / BARS : i % SYMBOLS;
}

static size_t bar_of(size_t i, bool one_by_one)
{
    return one_by_one ? i % BARS : i / SYMBOLS;
}

static void put_bars(world *w, bool one_by_one)
{
    alm_buffer out = {0};
    alm_buffer_text(&out, "volume,note,close,low,symbol,high,open,time\n");
    for (size_t i = 0; i < BARS * SYMBOLS; i++) {
        const alm_bar *bar = &w->bars[symbol_of(i, one_by_one)][bar_of(i, one_by_one)];
        char time[ALM_INSTANT_TEXT_BYTES];
        if (!isnan(bar->volume)) {
            alm_buffer_double(&out, bar->volume);
        }
        alm_buffer_text(&out, ",x");
        put_field(&out, bar->close);
        put_field(&out, bar->low);
        alm_buffer_text(&out, ",");
        alm_csv_write(&out, alm_str_of(SYMBOL[symbol_of(i, one_by_one)]));
        put_field(&out, bar->high);
        put_field(&out, bar->open);
        alm_instant_text(bar->time, time);
        alm_buffer_printf(&out, ",%s\n", time);
    }
    ok(w, alm_buffer_status(&out, &w->error));
    ok(w, alm_fs_write_all(w->fs, "rows.csv", alm_buffer_view(&out), &w->error));
    alm_buffer_deinit(&out);
}

static alm_err append(void *context, alm_str bytes, alm_error *error)
{
    (void)error;
    alm_buffer_str(context, bytes);
    return ALM_OK;
}

static alm_predict_options with_defaults(const world *w, alm_predict_options options)
{
    options.scorer = w->scorer;
    options.path = options.path ? options.path : "rows.csv";
    return options;
}

/* The CSV in the arena; a failure gives its code. */
static alm_err predict(world *w, alm_predict_options options, alm_str *out)
{
    alm_predict *p = NULL;
    alm_predict_options all = with_defaults(w, options);
    ALM_TRY(alm_predict_open(&w->env, &all, &p, &w->error));
    alm_buffer text = {0};
    alm_predict_sink sink = {append, &text};
    alm_err code = alm_predict_write_csv(p, &sink, &w->error);
    *out = (alm_str){alm_arena_copy_text(w->arena, text.data ? text.data : "", text.size),
                     text.size};
    alm_buffer_deinit(&text);
    alm_predict_close(p);
    return code;
}

static void refused(world *w, alm_predict_options options, alm_err code, const char *words)
{
    alm_str text;
    alm_err got = predict(w, options, &text);
    if (got != code || !strstr(w->error.message, words)) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), w->error.message, words);
    }
}

/* ---- what it must print ---- */

static void put_answer(alm_buffer *out, const alm_scorer_output *at)
{
    for (size_t h = 0; h < CASE_SIGNAL_HORIZONS; h++) {
        put_field(out, at->value[h]);
        for (size_t k = 0; k < CASE_SIGNAL_CLASSES; k++) {
            put_field(out, at->probability[h * CASE_SIGNAL_CLASSES + k]);
        }
        put_field(out, at->confidence[h]);
    }
}

/* The answers of alm_signal_rows, in the file's order. */
static alm_str expected(world *w, bool one_by_one, bool with_time)
{
    alm_signal *signal = NULL;
    alm_signal_scratch *scratch = NULL;
    signal_answers answers[SYMBOLS];
    alm_buffer out = {0};
    ok(w, alm_signal_create(w->scorer, &signal, &w->error));
    ok(w, alm_signal_scratch_create(signal, NULL, &scratch, &w->error));
    for (size_t k = 0; k < SYMBOLS; k++) {
        answers[k] = case_signal_answers(w->arena, BARS);
        alm_scorer_output all = case_signal_output(&answers[k], 0);
        ok(w, alm_signal_rows(scratch, w->bars[k], BARS, &all, &w->error));
    }
    alm_buffer_printf(&out, "symbol%s", with_time ? ",time" : "");
    for (size_t h = 0; h < CASE_SIGNAL_HORIZONS; h++) {
        char name = h ? '1' : '5';
        alm_buffer_printf(&out, ",class_%c,p_-1_%c,p_0_%c,p_1_%c,confidence_%c", name, name, name,
                          name, name);
    }
    alm_buffer_text(&out, "\n");
    for (size_t i = 0; i < BARS * SYMBOLS; i++) {
        size_t k = symbol_of(i, one_by_one), bar = bar_of(i, one_by_one);
        char time[ALM_INSTANT_TEXT_BYTES];
        alm_scorer_output at = case_signal_output(&answers[k], bar);
        alm_csv_write(&out, alm_str_of(SYMBOL[k]));
        alm_instant_text(w->bars[k][bar].time, time);
        alm_buffer_printf(&out, "%s%s", with_time ? "," : "", with_time ? time : "");
        put_answer(&out, &at);
        alm_buffer_text(&out, "\n");
    }
    alm_signal_scratch_destroy(scratch);
    alm_signal_destroy(signal);
    return kept(w, &out);
}

static void same_text(alm_str got, alm_str expected_text)
{
    if (!alm_str_equal(got, expected_text)) {
        size_t at = 0;
        while (at < got.size && at < expected_text.size && got.data[at] == expected_text.data[at]) {
            at++;
        }
        fail_msg("byte %zu: '%.40s' and not '%.40s'", at, got.data + at, expected_text.data + at);
    }
}

static void a_file_of_bars_is_answered(void **state)
{
    world *w = *state;
    for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
        alm_str text, right = expected(w, one_by_one, true);
        put_bars(w, one_by_one);
        for (size_t block = 1; block < 2000; block *= 11) {
            ok(w, predict(w, (alm_predict_options){.block_rows = block}, &text));
            same_text(text, right);
        }
        /* States that are dropped are missed only by series that come again. */
        alm_predict_options few = {.states_bytes = 1};
        if (one_by_one) {
            ok(w, predict(w, few, &text));
            same_text(text, right);
        } else {
            refused(w, few, ALM_ERR_LIMIT, "rows.csv: row 4, A: comes again after its state was "
                    "dropped");
        }
    }
}

/* The plan's features as columns of a file: the nets' windows are made of its rows, and the
 * answers are the same. */
static void rows_of_features_are_answered_as_bars(void **state)
{
    world *w = *state;
    alm_str text, right = expected(w, false, false);
    alm_signal *signal = NULL;
    double *row[SYMBOLS];
    alm_buffer out = {0};
    ok(w, alm_signal_create(w->scorer, &signal, &w->error));
    const alm_bars_plan *plan = alm_signal_describe(signal)->plan;
    size_t width = alm_bars_plan_width(plan);
    for (size_t i = 0; i < width; i++) {
        alm_buffer_printf(&out, "%s,", alm_bars_plan_name(plan, i));
    }
    alm_buffer_text(&out, "symbol\n");
    for (size_t k = 0; k < SYMBOLS; k++) {
        row[k] = ALM_NEW_ARRAY(w->arena, double, BARS * width);
        ok(w, alm_bars_rows(plan, w->bars[k], BARS, row[k], width, &w->error));
    }
    for (size_t i = 0; i < BARS * SYMBOLS; i++) {
        for (size_t c = 0; c < width; c++) {
            double value = row[i % SYMBOLS][i / SYMBOLS * width + c];
            if (!isnan(value)) {
                alm_buffer_double(&out, value);
            }
            alm_buffer_text(&out, ",");
        }
        alm_csv_write(&out, alm_str_of(SYMBOL[i % SYMBOLS]));
        alm_buffer_text(&out, "\n");
    }
    alm_signal_destroy(signal);
    ok(w, alm_fs_write_all(w->fs, "rows.csv", kept(w, &out), &w->error));
    const char *bars = strstr(case_signal_document, "\"bars\":\"plan.json\",");
    scorer_case_put(&w->files, ALM_SCORER_DOCUMENT, alm_str_of(alm_arena_printf(
        w->arena, "%.*s%s", (int)(bars - case_signal_document), case_signal_document,
        bars + strlen("\"bars\":\"plan.json\","))));
    read_scorer(w);
    for (size_t block = 1; block < 2000; block *= 9) {
        ok(w, predict(w, (alm_predict_options){.group = "symbol", .block_rows = block}, &text));
        same_text(text, right);
    }
    /* Without a group the windows go over all rows: other answers, and as many. */
    ok(w, predict(w, (alm_predict_options){0}, &text));
    assert_false(alm_str_equal(text, right));
    refused(w, (alm_predict_options){.group = "sector"}, ALM_ERR_INVALID,
            "rows.csv has no column 'sector'");
    refused(w, (alm_predict_options){.bars = {.time = "t"}}, ALM_ERR_INVALID, "takes no bars");
}

/* ---- pandas, LightGBM and NumPy ---- */

#define GOLDEN_ROWS 300
#define GOLDEN_COLUMNS 10
/* Floats of the net, whose steps round: 1.5e-7 where the files were made. */
#define TOLERANCE 2e-6

static void the_system_answers_as_where_it_was_made(void **state)
{
    world *w = *state;
    alm_fs *real = NULL;
    alm_predict *p = NULL;
    alm_str text;
    const double *got = NULL;
    size_t n = 0, missing = 0;
    ok(w, alm_fs_real_create(&real, &w->error));
    alm_env env = {.fs = real};
    alm_scorer_destroy(w->scorer);
    w->scorer = NULL;
    ok(w, alm_scorer_open(&env, FOLDER, FOLDER, &w->scorer, &w->error));
    alm_predict_options options = {.scorer = w->scorer, .path = FOLDER "/bars.csv",
                                   .members = true};
    ok(w, alm_predict_open(&env, &options, &p, &w->error));
    ok(w, alm_predict_next(p, &got, &n, &w->error));
    assert_int_equal(n, GOLDEN_ROWS);
    ok(w, alm_fs_read_all(real, FOLDER "/expected.csv", 1 << 20, w->arena, &text, &w->error));
    (void)alm_str_split(&text, '\n');
    for (size_t i = 0; i < GOLDEN_ROWS; i++) {
        alm_str line = alm_str_split(&text, '\n');
        for (size_t c = 0; c < GOLDEN_COLUMNS; c++) {
            double right = NAN, ours = got[i * (GOLDEN_COLUMNS + 1) + c + (c > 3)];
            (void)alm_str_to_double(alm_str_split(&line, ','), &right);
            missing += c == 0 && isnan(right);
            if (isnan(right) != isnan(ours) || fabs(right - ours) > TOLERANCE) {
                fail_msg("row %zu, column %zu: %.17g and not %.17g", i + 1, c + 1, ours, right);
            }
        }
    }
    assert_true(missing > 40 && missing < 100);
    assert_int_equal(alm_predict_describe(p)->missing, missing);
    alm_predict_close(p);
    alm_fs_destroy(real);
}

/* Forests answer from the first bar on, by features that training never lacked. */
static void answers_within_the_warm_up_are_counted(void **state)
{
    world *w = *state;
    alm_signal *signal = NULL;
    alm_signal_scratch *scratch = NULL;
    alm_predict *p = NULL;
    alm_buffer text = {0};
    alm_predict_sink sink = {append, &text};
    uint64_t early = 0;
    put_bars(w, false);
    ok(w, alm_signal_create(w->scorer, &signal, &w->error));
    ok(w, alm_signal_scratch_create(signal, NULL, &scratch, &w->error));
    uint64_t warmup = alm_signal_describe(signal)->warmup_bars;
    for (size_t k = 0; k < SYMBOLS; k++) {
        signal_answers answers = case_signal_answers(w->arena, BARS);
        alm_scorer_output all = case_signal_output(&answers, 0);
        ok(w, alm_signal_rows(scratch, w->bars[k], BARS, &all, &w->error));
        for (size_t i = 0; i < warmup; i++) {
            const double *value = &answers.value[i * CASE_SIGNAL_HORIZONS];
            early += !isnan(value[0]) || !isnan(value[1]);
        }
    }
    assert_true(early > 0 && early < BARS);
    alm_predict_options options = with_defaults(w, (alm_predict_options){0});
    ok(w, alm_predict_open(&w->env, &options, &p, &w->error));
    ok(w, alm_predict_write_csv(p, &sink, &w->error));
    assert_int_equal(alm_predict_describe(p)->early, early);
    alm_predict_close(p);
    alm_buffer_deinit(&text);
    alm_signal_scratch_destroy(scratch);
    alm_signal_destroy(signal);
}

/* ---- memory ---- */

typedef struct gauge {
    size_t most;
} gauge;

static alm_err measure(void *context, alm_str bytes, alm_error *error)
{
    gauge *g = context;
    (void)bytes;
    (void)error;
    size_t held = alm_heap_held_bytes();
    g->most = held > g->most ? held : g->most;
    return ALM_OK;
}

/* Four symbols in turn, a bar a minute. */
static size_t memory_for(world *w, size_t rows)
{
    alm_buffer out = {0};
    alm_buffer_text(&out, "symbol,time,open,high,low,close,volume\n");
    for (size_t i = 0; i < rows; i++) {
        char time[ALM_INSTANT_TEXT_BYTES];
        alm_instant_text((alm_instant)(i / 4) * CASE_MINUTE, time);
        alm_buffer_printf(&out, "S%zu,%s,1,2,1,%zu,%zu\n", i % 4, time, 1 + i % 7 / 4, i % 11);
    }
    ok(w, alm_fs_write_all(w->fs, "rows.csv", alm_buffer_view(&out), &w->error));
    alm_buffer_deinit(&out);
    size_t before = alm_heap_held_bytes();
    gauge g = {0};
    alm_predict *p = NULL;
    alm_predict_sink sink = {measure, &g};
    alm_predict_options options = with_defaults(w, (alm_predict_options){0});
    ok(w, alm_predict_open(&w->env, &options, &p, &w->error));
    ok(w, alm_predict_write_csv(p, &sink, &w->error));
    assert_int_equal(alm_predict_describe(p)->rows, rows);
    alm_predict_close(p);
    return g.most - before;
}

static void memory_does_not_grow_with_the_bars(void **state)
{
    world *w = *state;
    /* Both fill the output buffer more than once. */
    assert_int_equal(memory_for(w, 4000), memory_for(w, 20000));
}

/* ---- Parquet and JSON ---- */

/* The same answers to bars whose times have no zone. */
static alm_str without_zones(world *w, alm_str text)
{
    alm_buffer out = {0};
    for (size_t i = 0; i < text.size; i++) {
        bool zone = i > 6 && memcmp(text.data + i - 6, "000000Z", 7) == 0;
        alm_buffer_append(&out, text.data + i, zone ? 0 : 1);
    }
    return kept(w, &out);
}

static void parquet_in_and_out(void **state)
{
    world *w = *state;
    char root[256];
    const char *base = getenv("TMPDIR");
    alm_fs *real = NULL;
    alm_sql *sql = NULL;
    alm_predict *p = NULL;
    alm_table table;
    alm_str text, right = expected(w, false, true);
    (void)snprintf(root, sizeof root, "%s/alm_bars_XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(root));
    char *csv = alm_path_join(w->arena, root, "rows.csv");
    char *in = alm_path_join(w->arena, root, "rows.parquet");
    char *out = alm_path_join(w->arena, root, "answers.parquet");
    put_bars(w, false);
    ok(w, alm_fs_read_all(w->fs, "rows.csv", 1 << 24, w->arena, &text, &w->error));
    ok(w, alm_fs_real_create(&real, &w->error));
    ok(w, alm_fs_write_all(real, csv, text, &w->error));
    ok(w, alm_sql_open(&(alm_sql_options){.threads = 1}, &sql, &w->error));
    ok(w, alm_sql_run(sql, alm_arena_printf(w->arena,
        "COPY (SELECT * EXCLUDE (time), time::TIMESTAMP AS time FROM read_csv('%s')) TO '%s' "
        "(FORMAT parquet)", csv, in), &w->error));
    w->env.fs = real;
    ok(w, predict(w, (alm_predict_options){.path = in}, &text));
    same_text(text, without_zones(w, right));
    alm_predict_options options =
        with_defaults(w, (alm_predict_options){.path = in, .block_rows = 100});
    ok(w, alm_predict_open(&w->env, &options, &p, &w->error));
    ok(w, alm_predict_write_file(p, out, &w->error));
    alm_predict_close(p);
    /* The engine reads back what CSV says. */
    ok(w, alm_sql_collect(sql, alm_arena_printf(w->arena, "SELECT symbol, time, class_5, p_0_5, "
        "typeof(class_5) AS kind FROM read_parquet('%s')", out), 10000, w->arena, &table,
        &w->error));
    assert_int_equal(table.rows, BARS * SYMBOLS);
    assert_true(alm_str_is(table.columns[4].values.text[0], "BIGINT"));
    (void)alm_str_split(&right, '\n');
    for (size_t i = 0; i < table.rows; i++) {
        alm_str line = alm_str_split(&right, '\n');
        alm_buffer row = {0};
        char time[ALM_INSTANT_TEXT_BYTES];
        alm_csv_write(&row, table.columns[0].values.text[i]);
        alm_instant_text(table.columns[1].values.instant[i], time);
        alm_buffer_printf(&row, ",%s,", time);
        if (alm_column_is_valid(&table.columns[2], i)) {
            alm_buffer_printf(&row, "%d,", (int)table.columns[2].values.i64[i]);
        } else {
            assert_false(alm_column_is_valid(&table.columns[3], i));
            alm_buffer_text(&row, ",,");
        }
        assert_memory_equal(line.data, row.data, row.size);
        alm_buffer_deinit(&row);
    }
    alm_sql_close(sql);
    ok(w, real->ops->unlink(real, csv, &w->error));
    ok(w, real->ops->unlink(real, in, &w->error));
    ok(w, real->ops->unlink(real, out, &w->error));
    assert_int_equal(rmdir(root), 0);
    alm_fs_destroy(real);
}

/* The rows are read twice, and the second time from fresh states. */
static void json_has_null_for_what_is_missing(void **state)
{
    world *w = *state;
    alm_predict *p = NULL;
    alm_buffer all = {0}, buffer = {0};
    alm_predict_sink sink = {append, &all};
    put_bars(w, false);
    alm_predict_options options = with_defaults(w, (alm_predict_options){0});
    ok(w, alm_predict_open(&w->env, &options, &p, &w->error));
    alm_json_writer json = alm_json_writer_on(&buffer);
    ok(w, alm_predict_write_json(p, &json, &sink, &w->error));
    alm_buffer_str(&all, alm_buffer_view(&buffer));
    assert_true(alm_str_starts_with(alm_buffer_view(&all),
                                    "[{\"symbol\":\"A\",\"time\":\"2024-"));
    assert_non_null(strstr(all.data, "\"class_5\":null,\"p_-1_5\":null"));
    assert_null(strstr(all.data, "nan"));
    uint64_t missing = alm_predict_describe(p)->missing;
    assert_true(missing >= 11 * SYMBOLS && missing < BARS * SYMBOLS / 2);
    alm_predict_close(p);
    alm_buffer_deinit(&all);
    alm_buffer_deinit(&buffer);
}

/* ---- what is refused ---- */

typedef struct refusal {
    const char *rows;
    alm_predict_options options;
    alm_err code;
    const char *words;
} refusal;

#define HEAD "symbol,time,open,high,low,close,volume\n"

static const refusal REFUSALS[] = {
    {"time,open,high,close\n", {0}, ALM_ERR_INVALID, "rows.csv lacks 2 of the 5 columns of bars: "
     "low, volume"},
    {"open,high,low,close,volume\n", {0}, ALM_ERR_INVALID, "rows.csv has no column 'time'"},
    {"date,open,high,low,close,volume\n", {.bars = {.time = "day"}}, ALM_ERR_INVALID,
     "rows.csv has no column 'day'"},
    {"time,open,high,low,close,volume\n", {.group = "symbol"}, ALM_ERR_INVALID,
     "rows.csv has no column 'symbol'"},
    {HEAD "A,2024-01-01,1,1,1,1,1\nA,2024-01-01,1,1,1,1,1\n", {0}, ALM_ERR_INVALID,
     "rows.csv: row 2, A: the bar of 2024-01-01T00:00:00.000000Z does not follow"},
    {HEAD "A,2024-01-02,1,1,1,1,1\nB,2024-01-01,1,1,1,1,1\nA,2024-01-01,1,1,1,1,1\n", {0},
     ALM_ERR_INVALID, "rows.csv: row 3, A: "},
    {HEAD "A,2024-13-01,1,1,1,1,1\n", {0}, ALM_ERR_INVALID,
     "rows.csv: row 1, column time: '2024-13-01' is no time"},
    {HEAD "A,1704067200,1,1,1,1,1\n", {0}, ALM_ERR_INVALID, "column time: '1704067200' is no"},
    {HEAD "A,,1,1,1,1,1\n", {0}, ALM_ERR_INVALID, "row 1, column time: '' is no time"},
    {HEAD ",2024-01-01,1,1,1,1,1\n", {0}, ALM_ERR_INVALID, "row 1, column symbol has a text of 0"},
    {HEAD "A,2024-01-01,1,1,x,1,1\n", {0}, ALM_ERR_INVALID,
     "rows.csv: row 1, column low: 'x' is not a number"},
    {HEAD "A,2024-01-01,1,1,1,1\n", {0}, ALM_ERR_INVALID, "row 1 has 6 values, the header has 7"},
    {HEAD, {.raw = true}, ALM_ERR_INVALID, "no raw scores"},
};

static void wrong_files_are_refused_by_name(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        ok(w, alm_fs_write_all(w->fs, "rows.csv", alm_str_of(REFUSALS[i].rows), &w->error));
        refused(w, REFUSALS[i].options, REFUSALS[i].code, REFUSALS[i].words);
    }
}

/* One symbol needs no column for it; columns may have other names. */
static void other_names_and_one_symbol(void **state)
{
    world *w = *state;
    alm_str text;
    ok(w, alm_fs_write_all(w->fs, "rows.csv", ALM_STR("d,o,high,low,last,volume\n"
                                                      "2024-01-01,1,1,1,1,1\n"
                                                      "2024-01-02 10:00:00,1,2,1,2,1\n"
                                                      "2024-01-02T11:00:00Z,1,2,1,2,1\n"
                                                      "2024-01-02T14:00+02:00,1,2,1,2,1\n"),
                           &w->error));
    ok(w, predict(w, (alm_predict_options){.bars = {.time = "d", .open = "o", .close = "last"}},
                  &text));
    assert_true(alm_str_starts_with(text, "d,class_5,p_-1_5,"));
    /* A time without a zone stays one: nobody knows that it is UTC. */
    assert_non_null(strstr(text.data, "\n2024-01-01T00:00:00.000000,,,,,,"));
    assert_non_null(strstr(text.data, "\n2024-01-02T10:00:00.000000,,,,,,"));
    assert_non_null(strstr(text.data, "\n2024-01-02T11:00:00.000000Z,,,,,,"));
    assert_non_null(strstr(text.data, "\n2024-01-02T12:00:00.000000Z,,,,,,"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_of_bars_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_of_features_are_answered_as_bars, setup, teardown),
        cmocka_unit_test_setup_teardown(the_system_answers_as_where_it_was_made, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_within_the_warm_up_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_does_not_grow_with_the_bars, setup, teardown),
        cmocka_unit_test_setup_teardown(parquet_in_and_out, setup, teardown),
        cmocka_unit_test_setup_teardown(json_has_null_for_what_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_files_are_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(other_names_and_one_symbol, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
