#include "batch/predict_file.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "batch/predict_columns.h"
#include "batch/predict_explain.h"
#include "batch/predict_parquet.h"
#include "batch/predict_rows.h"
#include "batch/predict_scorer.h"
#include "batch/whole_file.h"
#include "table/csv.h"

#define FLUSH_BYTES ((size_t)64 << 10)
#define PIECE_VALUES ((size_t)1 << 22) /* contributions held at a time: 32 MiB */
static const char PARQUET[] = ".parquet";
#define BACKGROUND_SEED 1

struct alm_predict {
    const alm_env *env;
    alm_predict_options options;
    const alm_model_file_info *model; /* NULL: */
    almi_predict_scorer *scorer;
    bool looks_back; /* the scorer: answers may be missing */
    const alm_str *features; /* columns that are needed */
    size_t feature_count;
    alm_predict_facts facts;
    alm_arena *arena;
    almi_predict_rows *rows;
    almi_predict_keys keys; /* series and time, in the rows' header */
    size_t *place;      /* of every model column in the rows' header */
    size_t score_count; /* predictions of a row */
    size_t contribution_count;
    double *values, *raw, *scores, *contributions; /* of a block; the last of a piece */
    size_t piece_rows;
    almi_predict_explain *explain; /* NULL: nothing is explained */
    /* Of the block that goes into a Parquet file. */
    const double *answers;
    size_t filled, taken; /* rows; those before them are in facts.rows */
};

/* ---- which column is which ---- */

static alm_err place_key(const alm_predict *p, const char *name, size_t *place, alm_error *error)
{
    size_t count = 0;
    const alm_str *header = almi_predict_rows_header(p->rows, &count);
    *place = almi_predict_column(header, count, alm_str_of(name));
    return *place == SIZE_MAX
               ? alm_fail(error, ALM_ERR_INVALID, "%s has no column '%s'", p->options.name, name)
               : ALM_OK;
}

/* Which columns say series and time. */
static alm_err place_keys(alm_predict *p, alm_error *error)
{
    const char *group = p->options.group;
    bool bars = p->scorer && almi_predict_scorer_takes_bars(p->scorer);
    p->keys = (almi_predict_keys){SIZE_MAX, SIZE_MAX};
    if (group && !p->looks_back) {
        return alm_fail(error, ALM_ERR_INVALID, "a row is scored by itself, whatever group it is "
                        "of: --group is for nets and bars, and there are none");
    }
    if (group) {
        ALM_TRY(place_key(p, group, &p->keys.text, error));
    } else if (bars && place_key(p, "symbol", &p->keys.text, NULL) == ALM_OK) {
        group = "symbol";
    }
    p->facts.series = group;
    if (bars) {
        p->facts.time = p->options.bars.time ? p->options.bars.time : "time";
        ALM_TRY(place_key(p, p->facts.time, &p->keys.instant, error));
    }
    almi_predict_rows_keys(p->rows, &p->keys);
    return ALM_OK;
}

static alm_err place_columns(alm_predict *p, alm_error *error)
{
    bool made_up = p->model ? p->model->is_generic
                            : alm_scorer_describe(p->options.scorer)->made_up_names;
    almi_predict_columns columns = {.name = p->options.name,
                                    .feature = p->features,
                                    .feature_count = p->feature_count,
                                    .made_up = made_up,
                                    .bars = p->scorer &&
                                            almi_predict_scorer_takes_bars(p->scorer)};
    columns.header = almi_predict_rows_header(p->rows, &columns.count);
    if (p->options.answers_beside) {
        columns.answer = p->facts.outputs;
        columns.answer_count = p->facts.column_count;
    }
    p->place = ALM_NEW_ARRAY(p->arena, size_t, p->feature_count);
    return almi_predict_place(&columns, p->place, &p->facts.by_position, error);
}

static void list_ignored(alm_predict *p)
{
    size_t count = 0;
    const alm_str *header = almi_predict_rows_header(p->rows, &count);
    bool *used = ALM_NEW_ARRAY(p->arena, bool, count);
    for (size_t i = 0; i < p->feature_count; i++) {
        used[p->place[i]] = true;
    }
    for (size_t i = 0; i < count; i++) {
        used[i] = used[i] || i == p->keys.text || i == p->keys.instant;
    }
    alm_str *ignored = ALM_NEW_ARRAY(p->arena, alm_str, count);
    for (size_t i = 0; i < count; i++) {
        if (!used[i]) {
            ignored[p->facts.ignored_count++] = header[i];
        }
    }
    p->facts.ignored = ignored;
}

/* ---- opening ---- */

static void name_output(alm_predict *p)
{
    alm_str *name = ALM_NEW_ARRAY(p->arena, alm_str, p->facts.column_count);
    for (size_t i = 0; i < p->score_count; i++) {
        const char *one = p->facts.is_raw ? "raw" : "prediction";
        const char *many = p->facts.is_raw ? "raw" : "p";
        name[i] = alm_str_of(p->score_count == 1
                                 ? one
                                 : alm_arena_printf(p->arena, "%s_%zu", many, i));
    }
    p->facts.outputs = name;
}

static alm_err try_doubles(size_t rows, size_t width, double **out, alm_error *error)
{
    void *memory = NULL;
    if (width > SIZE_MAX / sizeof(double) / rows) {
        return alm_fail(error, ALM_ERR_LIMIT, "a block of %zu rows is too large", rows);
    }
    ALM_TRY(alm_heap_try(rows * width * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

/* ---- explaining ---- */

/* Row `i` of a background file takes this place among `limit`, or none: a reservoir. */
static size_t background_place(uint64_t i, size_t limit)
{
    if (i < limit) {
        return (size_t)i;
    }
    double u = alm_rng_uniform(BACKGROUND_SEED, ALM_RNG_EXPLAIN_BACKGROUND, i, 0);
    uint64_t at = (uint64_t)(u * (double)(i + 1));
    return at < limit ? (size_t)at : SIZE_MAX;
}

/* The rows of an opened file into `kept`, which has room for the limit. */
static alm_err take_background(alm_predict *p, almi_predict_rows *rows, double *kept,
                               alm_error *error)
{
    size_t width = p->feature_count, sample = p->options.background_sample;
    size_t limit = sample ? sample : ALM_PREDICT_BACKGROUND_MAX;
    uint64_t count = 0;
    for (size_t n = 1; n > 0;) {
        ALM_TRY(almi_predict_rows_next(rows, p->options.block_rows, p->values, &n, error));
        for (size_t i = 0; i < n; i++, count++) {
            size_t at = background_place(count, limit);
            if (at != SIZE_MAX) {
                memcpy(kept + at * width, p->values + i * width, width * sizeof *kept);
            }
        }
        if (!sample && count > limit) {
            return alm_fail(error, ALM_ERR_LIMIT, "%s has more than %d rows: a part of them as a "
                            "background must be asked for, with --background-sample",
                            p->options.background, ALM_PREDICT_BACKGROUND_MAX);
        }
    }
    p->facts.background_rows = count;
    p->facts.background_used = count < limit ? count : limit;
    return count ? ALM_OK : alm_fail(error, ALM_ERR_INVALID, "%s has no rows to be a background",
                                     p->options.background);
}

/* The background's columns are found as those of the rows are, in its own header. */
static alm_err read_background(alm_predict *p, double *kept, alm_error *error)
{
    alm_predict other = {.env = p->env, .options = p->options, .model = p->model,
                         .features = p->features, .feature_count = p->feature_count,
                         .arena = p->arena};
    other.options.name = p->options.background;
    ALM_TRY(almi_predict_rows_open(p->env->fs, p->options.background, p->options.background,
                                   &other.rows, error));
    alm_err code = place_columns(&other, error);
    if (code == ALM_OK) {
        code = almi_predict_rows_choose(other.rows, other.place, p->feature_count, error);
    }
    code = code == ALM_OK ? take_background(p, other.rows, kept, error) : code;
    almi_predict_rows_close(other.rows);
    return code;
}

/* The explanation's columns follow the predictions. */
static void append_names(alm_predict *p)
{
    const alm_str *more = almi_predict_explain_names(p->explain, &p->contribution_count);
    size_t count = p->score_count + p->contribution_count;
    alm_str *name = ALM_NEW_ARRAY(p->arena, alm_str, count);
    memcpy(name, p->facts.outputs, p->score_count * sizeof *name);
    memcpy(name + p->score_count, more, p->contribution_count * sizeof *name);
    p->facts.outputs = name;
    p->facts.column_count = count;
}

static alm_err open_explain(alm_predict *p, alm_error *error)
{
    almi_background background = {0};
    double *kept = NULL;
    alm_err code = ALM_OK;
    if (p->options.background) {
        size_t sample = p->options.background_sample;
        ALM_TRY(try_doubles(sample ? sample : ALM_PREDICT_BACKGROUND_MAX, p->feature_count, &kept,
                            error));
        code = read_background(p, kept, error);
        background = (almi_background){kept, (size_t)p->facts.background_used};
    }
    if (code == ALM_OK) {
        code = almi_predict_explain_create(&p->options, &background, &p->explain, error);
    }
    alm_heap_free(kept);
    ALM_TRY(code);
    append_names(p);
    size_t fit = PIECE_VALUES / p->contribution_count;
    p->piece_rows = fit < 1 ? 1 : fit < p->options.block_rows ? fit : p->options.block_rows;
    return try_doubles(p->piece_rows, p->contribution_count, &p->contributions, error);
}

/* The n rows of the block from `at` on, at most piece_rows, into `contributions`. */
static alm_err explain_piece(alm_predict *p, size_t at, size_t n, alm_error *error)
{
    if (!p->explain || n == 0) {
        return ALM_OK;
    }
    size_t width = p->feature_count;
    const double *raw = p->model ? p->raw + at * p->model->forest.output_count : NULL;
    alm_explain_rows rows = {p->values + at * width, n, width, raw, p->facts.rows + at};
    alm_err code = almi_predict_explain_rows(p->explain, &rows, p->contributions, error);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "%s", p->options.name);
}

static alm_err make_room(alm_predict *p, alm_error *error)
{
    size_t rows = p->options.block_rows;
    ALM_TRY(try_doubles(rows, p->feature_count, &p->values, error));
    ALM_TRY(try_doubles(rows, p->score_count, &p->scores, error));
    if (p->model) {
        ALM_TRY(try_doubles(rows, p->model->forest.output_count, &p->raw, error));
    }
    p->piece_rows = rows;
    return almi_predict_explains(&p->options) ? open_explain(p, error) : ALM_OK;
}

static alm_err check_options(alm_predict *p, alm_error *error)
{
    alm_predict_options *options = &p->options;
    options->name = options->name ? options->name : options->path;
    options->block_rows = options->block_rows ? options->block_rows : ALM_PREDICT_BLOCK_DEFAULT;
    if (options->block_rows > ALM_PREDICT_BLOCK_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "a block has 1 to %d rows, not %zu",
                        ALM_PREDICT_BLOCK_MAX, options->block_rows);
    }
    if (!p->model && (options->raw || options->category_codes || options->fast)) {
        return alm_fail(error, ALM_ERR_INVALID, "a scorer has no raw scores and no fast "
                        "transforms, and its document says whether rows hold category codes");
    }
    const alm_predict_bars *bars = &options->bars;
    bool named = bars->time || bars->open || bars->high || bars->low || bars->close ||
                 bars->volume;
    if (named && !(options->scorer && alm_scorer_describe(options->scorer)->bars.data)) {
        return alm_fail(error, ALM_ERR_INVALID, "the model takes no bars to be named");
    }
    ALM_TRY(almi_predict_explain_check(options, error));
    if (p->model && options->members) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " is one model: members are those of "
                        "a scorer's folder", ALM_STR_ARG(p->model->name));
    }
    if (p->model && p->model->has_pandas_categories && !options->category_codes) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, ALM_STR_FMT "%s", ALM_STR_ARG(p->model->name),
                        p->model->category_remedy);
    }
    return ALM_OK;
}

static void shape_model(alm_predict *p)
{
    const alm_forest_info *forest = &p->model->forest;
    p->features = p->model->feature_names;
    p->feature_count = forest->feature_count;
    p->facts.is_raw = p->options.raw || !p->model->transform.is_known;
    p->score_count = p->facts.is_raw ? forest->output_count : p->model->transform.output_count;
    p->facts.column_count = p->score_count;
    name_output(p);
}

/* The scorer's order is open, high, low, close, volume. */
static void name_bars(alm_predict *p)
{
    const alm_predict_bars *bars = &p->options.bars;
    const char *const given[] = {bars->open, bars->high, bars->low, bars->close, bars->volume};
    alm_str *names = ALM_NEW_ARRAY(p->arena, alm_str, p->feature_count);
    for (size_t i = 0; i < p->feature_count; i++) {
        names[i] = given[i] ? alm_str_of(given[i]) : p->features[i];
    }
    p->features = names;
}

static alm_err shape_scorer(alm_predict *p, alm_error *error)
{
    const alm_predict_options *o = &p->options;
    almi_predict_scorer_options options = {.scorer = o->scorer, .members = o->members,
                                           .block_rows = o->block_rows, .pool = p->env->pool,
                                           .states_bytes = o->states_bytes};
    ALM_TRY(almi_predict_scorer_create(&options, &p->scorer, error));
    p->features = almi_predict_scorer_columns(p->scorer, &p->feature_count);
    if (almi_predict_scorer_takes_bars(p->scorer)) {
        name_bars(p);
    }
    p->looks_back = almi_predict_scorer_looks_back(p->scorer);
    p->facts.outputs = almi_predict_scorer_names(p->scorer, &p->score_count);
    p->facts.column_count = p->score_count;
    return ALM_OK;
}

static alm_err open_all(alm_predict *p, alm_error *error)
{
    ALM_TRY(check_options(p, error));
    if (p->model) {
        shape_model(p);
    } else {
        ALM_TRY(shape_scorer(p, error));
    }
    ALM_TRY(almi_predict_rows_open(p->env->fs, p->options.path, p->options.name, &p->rows, error));
    ALM_TRY(place_columns(p, error));
    ALM_TRY(place_keys(p, error));
    list_ignored(p);
    ALM_TRY(make_room(p, error));
    return almi_predict_rows_choose(p->rows, p->place, p->feature_count, error);
}

alm_err alm_predict_open(const alm_env *env, const alm_predict_options *options, alm_predict **out,
                         alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_predict), &memory, error));
    alm_predict *p = memory;
    p->env = env;
    p->options = *options;
    p->model = options->model ? alm_model_file_describe(options->model) : NULL;
    p->arena = alm_arena_create(0);
    alm_err code = open_all(p, error);
    if (code != ALM_OK) {
        alm_predict_close(p);
        return code;
    }
    *out = p;
    return ALM_OK;
}

void alm_predict_close(alm_predict *p)
{
    if (!p) {
        return;
    }
    almi_predict_explain_destroy(p->explain);
    almi_predict_scorer_destroy(p->scorer);
    alm_heap_free(p->values);
    alm_heap_free(p->raw);
    alm_heap_free(p->scores);
    alm_heap_free(p->contributions);
    almi_predict_rows_close(p->rows);
    alm_arena_destroy(p->arena);
    alm_heap_free(p);
}

const alm_predict_facts *alm_predict_describe(const alm_predict *predict)
{
    return &predict->facts;
}

/* ---- output ---- */

typedef struct writer {
    alm_buffer *buffer;
    alm_json_writer *json; /* NULL: CSV */
    const alm_predict_sink *sink;
} writer;

static alm_err flush(const writer *w, size_t above, alm_error *error)
{
    ALM_TRY(alm_buffer_status(w->buffer, error));
    if (w->buffer->size <= above) {
        return ALM_OK;
    }
    ALM_TRY(w->sink->write(w->sink->context, alm_buffer_view(w->buffer), error));
    alm_buffer_clear(w->buffer);
    return ALM_OK;
}

static void put_value(const writer *w, const char *name, bool is_first, double value)
{
    if (w->json) {
        alm_json_put_double(w->json, name, value);
        return;
    }
    alm_buffer_text(w->buffer, is_first ? "" : ",");
    alm_buffer_double(w->buffer, value);
}

/* A missing answer is an empty field. */
static void put_missing(const writer *w, const char *name, bool is_first)
{
    if (w->json) {
        alm_json_key(w->json, name);
        alm_json_null(w->json);
    } else {
        alm_buffer_text(w->buffer, is_first ? "" : ",");
    }
}

/* Series and time of row i of the block; how many there are. */
static size_t put_keys(const alm_predict *p, const writer *w, size_t i)
{
    const alm_str *series = almi_predict_rows_texts(p->rows);
    const alm_instant *times = almi_predict_rows_instants(p->rows);
    size_t count = 0;
    char text[ALM_INSTANT_TEXT_BYTES];
    if (series) {
        count++;
        if (w->json) {
            alm_json_put_str(w->json, p->facts.series, series[i]);
        } else {
            alm_csv_write(w->buffer, series[i]);
        }
    }
    if (times) {
        almi_predict_rows_time_text(p->rows, i, text);
        if (w->json) {
            alm_json_put_text(w->json, p->facts.time, text);
        } else {
            alm_buffer_printf(w->buffer, "%s%s", count ? "," : "", text);
        }
        count++;
    }
    return count;
}

/* Row i of the block. */
static void put_row(const alm_predict *p, const writer *w, size_t i, const double *scores,
                    const double *contributions)
{
    if (w->json) {
        alm_json_open_object(w->json);
    }
    size_t before = put_keys(p, w, i);
    for (size_t k = 0; k < p->score_count; k++) {
        const char *name = p->facts.outputs[k].data;
        if (p->looks_back && isnan(scores[k])) {
            put_missing(w, name, k + before == 0);
        } else {
            put_value(w, name, k + before == 0, scores[k]);
        }
    }
    for (size_t k = 0; contributions && k < p->contribution_count; k++) {
        put_value(w, p->facts.outputs[p->score_count + k].data, false, contributions[k]);
    }
    if (w->json) {
        alm_json_close_object(w->json);
    } else {
        alm_buffer_text(w->buffer, "\n");
    }
}

static alm_err ask_scorer(alm_predict *p, size_t n, uint64_t first, alm_error *error)
{
    almi_predict_block block = {p->values, n, first, almi_predict_rows_texts(p->rows),
                                almi_predict_rows_instants(p->rows)};
    alm_err code = almi_predict_scorer_block(p->scorer, &block, p->scores, error);
    p->facts.missing = almi_predict_scorer_missing(p->scorer);
    p->facts.early = almi_predict_scorer_early(p->scorer);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "%s", p->options.name);
}

/* The answers to the n rows in `values`. */
static alm_err score_block(alm_predict *p, size_t n, const double **out, alm_error *error)
{
    *out = p->scores;
    if (p->scorer) {
        return ask_scorer(p, n, p->facts.rows, error);
    }
    alm_forest_score(alm_model_file_forest(p->options.model), p->values, n,
                     p->model->forest.feature_count, p->raw);
    if (p->facts.is_raw) {
        *out = p->raw;
    } else {
        (p->options.fast ? alm_transform_apply_fast : alm_transform_apply)(&p->model->transform,
                                                                           p->raw, n, p->scores);
    }
    return ALM_OK;
}

alm_err alm_predict_next(alm_predict *p, const double **answers, size_t *rows, alm_error *error)
{
    alm_assert(!p->explain);
    ALM_TRY(almi_predict_rows_next(p->rows, p->options.block_rows, p->values, rows, error));
    ALM_TRY(score_block(p, *rows, answers, error));
    p->facts.rows += *rows;
    return ALM_OK;
}

static alm_err put_block(alm_predict *p, const writer *w, size_t n, alm_error *error)
{
    const double *scores = NULL;
    ALM_TRY(score_block(p, n, &scores, error));
    for (size_t i = 0; i < n; i++) {
        size_t in_piece = i % p->piece_rows;
        if (p->contributions && in_piece == 0) {
            size_t count = n - i < p->piece_rows ? n - i : p->piece_rows;
            ALM_TRY(explain_piece(p, i, count, error));
        }
        put_row(p, w, i, scores + i * p->score_count,
                p->contributions ? p->contributions + in_piece * p->contribution_count : NULL);
        ALM_TRY(flush(w, FLUSH_BYTES, error));
    }
    p->facts.rows += n;
    alm_env_progress(p->env, "predict", p->facts.rows, 0);
    return ALM_OK;
}

static alm_err put_rows(alm_predict *p, const writer *w, alm_error *error)
{
    for (;;) {
        size_t n = 0;
        ALM_TRY(almi_predict_rows_next(p->rows, p->options.block_rows, p->values, &n, error));
        if (n == 0) {
            alm_env_progress(p->env, "predict", p->facts.rows, p->facts.rows);
            return flush(w, 0, error);
        }
        ALM_TRY(put_block(p, w, n, error));
    }
}

alm_err alm_predict_write_csv(alm_predict *p, const alm_predict_sink *sink, alm_error *error)
{
    alm_buffer buffer = {0};
    writer w = {.buffer = &buffer, .sink = sink};
    const char *comma = "";
    const char *const keys[] = {p->facts.series, p->facts.time};
    for (size_t i = 0; i < 2; i++) {
        if (keys[i]) {
            alm_buffer_text(&buffer, comma);
            alm_csv_write(&buffer, alm_str_of(keys[i]));
            comma = ",";
        }
    }
    for (size_t i = 0; i < p->facts.column_count; i++) {
        alm_buffer_text(&buffer, i ? "," : comma);
        alm_csv_write(&buffer, p->facts.outputs[i]);
    }
    alm_buffer_text(&buffer, "\n");
    alm_err code = put_rows(p, &w, error);
    alm_buffer_deinit(&buffer);
    return code;
}

/* ---- JSON ---- */

/* Reads every row of the file once. A scorer may refuse a number, so it is asked. Explanations are
 * not made twice: one that fails leaves half a document, and an exit status. */
static alm_err check_rows(alm_predict *p, alm_error *error)
{
    almi_predict_rows *unread = p->rows, *rows = NULL;
    ALM_TRY(almi_predict_rows_open(p->env->fs, p->options.path, p->options.name, &rows, error));
    almi_predict_rows_keys(rows, &p->keys);
    alm_err code = almi_predict_rows_choose(rows, p->place, p->feature_count, error);
    uint64_t first = 0;
    p->rows = rows;
    for (size_t n = 1; code == ALM_OK && n > 0; first += n) {
        code = almi_predict_rows_next(rows, p->options.block_rows, p->values, &n, error);
        if (code == ALM_OK && p->scorer) {
            code = ask_scorer(p, n, first, error);
        }
    }
    p->rows = unread;
    almi_predict_rows_close(rows);
    if (p->scorer) {
        almi_predict_scorer_restart(p->scorer);
    }
    return code;
}

alm_err alm_predict_write_json(alm_predict *p, alm_json_writer *json, const alm_predict_sink *sink,
                               alm_error *error)
{
    writer w = {.buffer = json->buffer, .json = json, .sink = sink};
    ALM_TRY(check_rows(p, error));
    alm_json_open_array(json);
    ALM_TRY(put_rows(p, &w, error));
    alm_json_close_array(json);
    return ALM_OK;
}

/* ---- into a file ---- */

typedef struct destination {
    alm_predict *p;
    const char *path; /* the name that it will have, for messages */
} destination;

static alm_err write_csv_file(void *context, const char *temporary, alm_error *error)
{
    const destination *to = context;
    alm_text_file file;
    alm_err made = alm_text_file_create(to->p->env->fs, temporary, &file, error);
    if (made != ALM_OK) {
        return alm_error_wrap(error, made, "writing %s", to->path);
    }
    alm_predict_sink sink = {alm_text_file_write, &file};
    return alm_text_file_close(&file, alm_predict_write_csv(to->p, &sink, error), error);
}

/* The next rows for a Parquet file; the block stays until its rows are taken. */
static alm_err next_slice(void *context, size_t limit, almi_predict_slice *out, alm_error *error)
{
    alm_predict *p = context;
    if (p->taken == p->filled) {
        p->facts.rows += p->filled;
        p->taken = 0;
        ALM_TRY(almi_predict_rows_next(p->rows, p->options.block_rows, p->values, &p->filled,
                                       error));
        ALM_TRY(score_block(p, p->filled, &p->answers, error));
        alm_env_progress(p->env, "predict", p->facts.rows, p->filled ? 0 : p->facts.rows);
    }
    size_t at = p->taken, n = p->filled - at < limit ? p->filled - at : limit;
    n = n < p->piece_rows ? n : p->piece_rows;
    const alm_str *series = almi_predict_rows_texts(p->rows);
    const alm_instant *times = almi_predict_rows_instants(p->rows);
    ALM_TRY(explain_piece(p, at, n, error));
    *out = (almi_predict_slice){.rows = n,
                                .scores = p->answers + at * p->score_count,
                                .contributions = p->contributions,
                                .series = series ? series + at : NULL,
                                .times = times ? times + at : NULL};
    p->taken += n;
    return ALM_OK;
}

/* The table engine says the file's name in its own way. */
static alm_err write_parquet_file(void *context, const char *temporary, alm_error *error)
{
    alm_predict *p = ((destination *)context)->p;
    almi_predict_parquet file = {.path = temporary, .names = p->facts.outputs,
                                 .score_count = p->score_count,
                                 .contribution_count = p->facts.column_count - p->score_count,
                                 .series = p->facts.series, .time = p->facts.time,
                                 .has_classes = p->scorer && alm_scorer_describe(
                                     p->options.scorer)->task == ALM_SCORER_CLASSES,
                                 .nan_is_null = p->looks_back};
    return almi_predict_parquet_write(&file, next_slice, p, error);
}

alm_err alm_predict_write_file(alm_predict *p, const char *path, alm_error *error)
{
    size_t size = strlen(path), ending = sizeof PARQUET - 1;
    bool parquet = size > ending && strcmp(path + size - ending, PARQUET) == 0;
    destination to = {p, path};
    return alm_whole_file_write(p->env->fs, path, parquet ? write_parquet_file : write_csv_file,
                                &to, error);
}
