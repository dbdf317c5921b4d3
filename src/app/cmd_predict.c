/* cmd_predict.c: a model file or a scorer on the rows of a file, without a project, or a release
 * that was imported or is a signal; the work is batch/predict_file. */
#include <string.h>

#include "app/session.h"
#include "batch/release_model.h"

#define FLUSH_BYTES ((size_t)64 << 10)
#define NAMES_SHOWN 8

static const almi_option options[] = {
    {"model", "FILE", "a model of LightGBM, XGBoost, CatBoost or ONNX; an MLflow folder; or a "
                      "folder with scorer.json"},
    {"release", "RELEASE", "instead of --model: an imported release or a signal, or an alias"},
    {"output", "FILE", "write a file instead of standard output, Parquet when it ends with "
                       ".parquet, else CSV; there as a whole or not"},
    {"raw", NULL, "raw scores, before the objective's transform"},
    {"fast", NULL, "transforms by vectors: within an ulp, but not the library's bits"},
    {"contributions", NULL, "and what each column contributes to the raw score (TreeSHAP); of a "
                            "scorer, for each of its members"},
    {"strict", NULL, "contributions in the bits of LightGBM or XGBoost, with their rounding"},
    {"background", "FILE", "contributions against these rows (interventional TreeSHAP)"},
    {"background-sample", "N", "of which so many are drawn, always the same (default: all)"},
    {"interactions", NULL, "instead: what each column and each pair of columns contributes"},
    {"category-codes", NULL, "the rows hold the numbers of categories (pandas codes, CatBoost)"},
    {"members", NULL, "of a scorer: and what each of its models says"},
    {"group", "COLUMN", "tells the series of nets and the symbols of bars apart, and stands in "
                        "front of the answers (default: symbol, of bars that have it; else all "
                        "rows are one series)"},
    {"bars", "NAMES", "other names of the columns of bars, as in time=date,close=last"},
    {"block", "N", "rows scored at a time (default: 1000); no result depends on it"},
};

/* What answers: a file that nobody approved, or a release. */
typedef struct scored {
    alm_release_model opened;
    alm_str release; /* empty: a file */
    alm_str description;
    bool approved;
} scored;

static alm_err write_piece(void *context, alm_str bytes, alm_error *error)
{
    almi_cli *cli = context;
    alm_buffer_str(&cli->out, bytes);
    return cli->out.size >= FLUSH_BYTES ? almi_flush(cli, error) : ALM_OK;
}

/* The pieces of JSON are in `out` already, and stay readable while it is written. */
static alm_err write_json_piece(void *context, alm_str bytes, alm_error *error)
{
    (void)bytes;
    return almi_flush(context, error);
}

/* "time=date,close=last": one of the members of alm_predict_bars and the name of its column. */
static alm_err read_bar_name(almi_cli *cli, alm_str pair, alm_predict_bars *out, alm_error *error)
{
    static const char *const WHAT[] = {"time", "open", "high", "low", "close", "volume"};
    const char **place[] = {&out->time, &out->open, &out->high, &out->low, &out->close,
                            &out->volume};
    alm_str name = pair;
    alm_str what = alm_str_split(&name, '=');
    for (size_t i = 0; i < sizeof WHAT / sizeof *WHAT; i++) {
        if (alm_str_is(what, WHAT[i]) && name.size > 0 && !*place[i]) {
            *place[i] = alm_arena_copy_text(cli->arena, name.data, name.size);
            return ALM_OK;
        }
    }
    return alm_fail(error, ALM_ERR_USAGE, "--bars: '" ALM_STR_FMT "' is not one of time, open, "
                    "high, low, close and volume, then = and the column's name, each once",
                    ALM_STR_ARG(pair));
}

static alm_err read_bar_names(almi_cli *cli, alm_predict_bars *out, alm_error *error)
{
    const char *text = almi_option_text(cli, "bars");
    for (alm_str rest = text ? alm_str_of(text) : (alm_str){NULL, 0}; rest.data;) {
        ALM_TRY(read_bar_name(cli, alm_str_split(&rest, ','), out, error));
    }
    return ALM_OK;
}

static alm_err read_options(almi_cli *cli, alm_predict_options *out, alm_error *error)
{
    int64_t block = ALM_PREDICT_BLOCK_DEFAULT, sample = 0;
    const char *model = almi_option_text(cli, "model");
    if ((model != NULL) == (almi_option_text(cli, "release") != NULL)) {
        return alm_fail(error, ALM_ERR_USAGE, "almanac predict needs %s", model
                        ? "--model or --release, not both" : "--model FILE or --release RELEASE");
    }
    ALM_TRY(almi_option_i64(cli, "block", &block, error));
    if (block < 1 || block > ALM_PREDICT_BLOCK_MAX) {
        return alm_fail(error, ALM_ERR_USAGE, "--block takes 1 to %d rows, not %lld",
                        ALM_PREDICT_BLOCK_MAX, (long long)block);
    }
    ALM_TRY(almi_option_i64(cli, "background-sample", &sample, error));
    if (sample < 0 || (sample == 0 && almi_option_text(cli, "background-sample")) ||
        sample > ALM_PREDICT_BACKGROUND_MAX) {
        return alm_fail(error, ALM_ERR_USAGE, "--background-sample takes 1 to %d rows, not %lld",
                        ALM_PREDICT_BACKGROUND_MAX, (long long)sample);
    }
    const char *output = almi_option_text(cli, "output");
    bool to_rows = output && strcmp(output, cli->argument[0]) == 0;
    if (to_rows || (output && model && strcmp(output, model) == 0)) {
        return alm_fail(error, ALM_ERR_USAGE, "--output %s would replace the %s", output,
                        to_rows ? "rows that are read" : "model");
    }
    *out = (alm_predict_options){.path = cli->argument[0],
                                 .block_rows = (size_t)block,
                                 .raw = almi_option_flag(cli, "raw"),
                                 .contributions = almi_option_flag(cli, "contributions"),
                                 .members = almi_option_flag(cli, "members"),
                                 .group = almi_option_text(cli, "group"),
                                 .fast = almi_option_flag(cli, "fast"),
                                 .strict = almi_option_flag(cli, "strict"),
                                 .background = almi_option_text(cli, "background"),
                                 .background_sample = (size_t)sample,
                                 .interactions = almi_option_flag(cli, "interactions"),
                                 .category_codes = almi_option_flag(cli, "category-codes")};
    return read_bar_names(cli, &out->bars, error);
}

/* Also with --quiet: the label belongs to the answer and is no note beside it. */
static void show_label(almi_cli *cli, const scored *by)
{
    bool quiet = cli->quiet;
    cli->quiet = false;
    if (by->release.size == 0) {
        almi_note(cli, "unapproved: " ALM_STR_FMT " is not a promoted release",
                  ALM_STR_ARG(by->description));
    } else if (!by->approved) {
        almi_note(cli, "unapproved: nobody has approved release " ALM_STR_FMT " yet",
                  ALM_STR_ARG(by->release));
    }
    cli->quiet = quiet;
    if (by->approved) {
        almi_note(cli, "release " ALM_STR_FMT ": " ALM_STR_FMT, ALM_STR_ARG(by->release),
                  ALM_STR_ARG(by->description));
    }
}

static void note_columns(almi_cli *cli, const scored *by, const alm_predict_facts *facts)
{
    const alm_model_file *file = by->opened.model.file;
    const alm_model_file_info *model = file ? alm_model_file_describe(file) : NULL;
    if (model && !model->transform.is_known) {
        almi_note(cli, "objective '" ALM_STR_FMT "' is not known: these are raw scores",
                  ALM_STR_ARG(model->forest.objective));
    }
    if (facts->by_position) {
        almi_note(cli, "the model has no column names: columns were taken by position");
    }
    if (facts->ignored_count == 0) {
        return;
    }
    alm_buffer list = {0};
    for (size_t i = 0; i < facts->ignored_count && i < NAMES_SHOWN; i++) {
        alm_buffer_printf(&list, "%s" ALM_STR_FMT, i ? ", " : "", ALM_STR_ARG(facts->ignored[i]));
    }
    almi_note(cli, "%zu column%s not used: %s%s", facts->ignored_count,
              facts->ignored_count == 1 ? "" : "s", alm_buffer_view(&list).size ? list.data : "",
              facts->ignored_count > NAMES_SHOWN ? ", ..." : "");
    alm_buffer_deinit(&list);
}

static void put_file(alm_json_writer *json, const alm_model_file_info *model)
{
    char digest[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&model->digest, digest);
    alm_json_put_str(json, "path", model->name);
    alm_json_put_text(json, "format", model->format);
    alm_json_put_str(json, "objective", model->forest.objective);
    alm_json_put_i64(json, "trees", (int64_t)model->forest.tree_count);
    alm_json_put_text(json, "sha256", digest);
}

static void put_scorer(alm_json_writer *json, const alm_scorer *scorer)
{
    const alm_scorer_info *info = alm_scorer_describe(scorer);
    char digest[ALM_DIGEST_TEXT_BYTES];
    size_t parts = 0;
    const alm_scorer_part *part = alm_scorer_parts(scorer, &parts);
    alm_digest_text(info->of_model_file ? &part->digest : &info->digest, digest);
    alm_json_put_str(json, "path", info->name);
    if (info->of_model_file) {
        alm_json_put_str(json, "format", info->member[0].format);
        alm_json_put_str(json, "runtime", info->member[0].detail);
    } else {
        alm_json_put_text(json, "format", "scorer");
        alm_json_put_i64(json, "members", (int64_t)info->member_count);
    }
    if (info->remote_count) {
        alm_json_put_i64(json, "remote_members", (int64_t)info->remote_count);
    }
    alm_json_put_text(json, "sha256", digest);
}

static void put_model(alm_json_writer *json, const scored *by)
{
    alm_json_open_object(json);
    alm_json_put_bool(json, "approved", by->approved);
    if (by->release.size) {
        alm_json_put_str(json, "release", by->release);
    }
    alm_json_key(json, "model");
    alm_json_open_object(json);
    if (by->opened.model.file) {
        put_file(json, alm_model_file_describe(by->opened.model.file));
    } else {
        put_scorer(json, by->opened.model.scorer);
    }
    alm_json_close_object(json);
}

/* How long it took goes to the person, never into what is written. */
static void note_rows(almi_cli *cli, const alm_predict_facts *facts, alm_instant start)
{
    double seconds = (double)(alm_env_now(&cli->env) - start) / 1e6;
    almi_note(cli, "%llu rows into %s in %.2f s", (unsigned long long)facts->rows,
              almi_option_text(cli, "output"), seconds > 0 ? seconds : 0);
}

/* What a reader of contributions must know. */
static void note_explained(almi_cli *cli, const alm_predict_options *asked,
                           const alm_predict_facts *facts)
{
    if (asked->contributions && asked->scorer) {
        almi_note(cli, "contributions explain what each member says, not how they are combined");
    }
    if (asked->background) {
        bool all = facts->background_used == facts->background_rows;
        almi_note(cli, "background: %llu of the %llu rows of %s%s",
                  (unsigned long long)facts->background_used,
                  (unsigned long long)facts->background_rows, asked->background,
                  all ? "" : ", drawn by a fixed seed");
    }
}

static alm_err write_rows(almi_cli *cli, alm_predict *predict, const scored *by,
                          alm_error *error)
{
    const char *output = almi_option_text(cli, "output");
    const alm_predict_facts *facts = alm_predict_describe(predict);
    alm_instant start = alm_env_now(&cli->env);
    if (!output && !cli->json) {
        alm_predict_sink sink = {write_piece, cli};
        return alm_predict_write_csv(predict, &sink, error);
    }
    if (output) {
        ALM_TRY(alm_predict_write_file(predict, output, error));
    }
    if (!cli->json) {
        note_rows(cli, facts, start);
        return ALM_OK;
    }
    alm_json_writer json = alm_json_writer_on(&cli->out);
    put_model(&json, by);
    if (output) {
        alm_json_put_text(&json, "output", output);
        alm_json_put_i64(&json, "row_count", (int64_t)facts->rows);
    } else {
        alm_predict_sink sink = {write_json_piece, cli};
        alm_json_key(&json, "rows");
        ALM_TRY(alm_predict_write_json(predict, &json, &sink, error));
    }
    alm_json_close_object(&json);
    alm_buffer_text(&cli->out, "\n");
    return ALM_OK;
}

/* Rows that are not there, answers that are not there, and those that rest on less than they were
 * trained on. */
static void note_gaps(almi_cli *cli, const alm_predict_options *asked,
                      const alm_predict_facts *facts)
{
    unsigned long long rows = (unsigned long long)facts->rows;
    if (rows == 0) {
        almi_note(cli, "%s has a header and no rows", asked->path);
    }
    if (facts->missing > 0) {
        almi_note(cli, "%llu of %llu rows lack an answer: there the window of a net is not full "
                  "yet, or holds a missing value", (unsigned long long)facts->missing, rows);
    }
    if (facts->early > 0) {
        almi_note(cli, "%llu of %llu rows have an answer within the warm-up of their symbol: "
                  "features are missing there that training had; give more bars before them",
                  (unsigned long long)facts->early, rows);
    }
}

static alm_err predict_rows(almi_cli *cli, const scored *by, const alm_predict_options *asked,
                            alm_error *error)
{
    alm_predict *predict = NULL;
    ALM_TRY(alm_predict_open(&cli->env, asked, &predict, error));
    const alm_predict_facts *facts = alm_predict_describe(predict);
    show_label(cli, by);
    note_columns(cli, by, facts);
    note_explained(cli, asked, facts);
    alm_err code = write_rows(cli, predict, by, error);
    if (code == ALM_OK) {
        note_gaps(cli, asked, facts);
    }
    alm_predict_close(predict);
    return code;
}

/* The columns of a signal's bars are called as in the project's source, unless --bars says. */
static void name_bars(almi_cli *cli, alm_predict_options *asked)
{
    const alm_bars_spec *bars = &cli->project->bars;
    const alm_source *source = alm_project_source(cli->project, bars->source);
    if (!source) {
        return; /* the project has become another one */
    }
    const alm_str names[] = {source->time, bars->open,  bars->high,
                             bars->low,    bars->close, bars->volume};
    const char **place[] = {&asked->bars.time, &asked->bars.open,  &asked->bars.high,
                            &asked->bars.low,  &asked->bars.close, &asked->bars.volume};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *place[i] = *place[i] || names[i].size == 0 ? *place[i] : names[i].data;
    }
    asked->group = asked->group ? asked->group : bars->symbol.data;
}

static alm_err open_release(almi_cli *cli, const char *name, scored *out, alm_error *error)
{
    alm_release release;
    ALM_TRY(almi_open_state(cli, error));
    ALM_TRY(alm_registry_resolve(cli->registry, alm_str_of(name), cli->arena, &release, error));
    *out = (scored){.release = release.name};
    ALM_TRY(alm_ledger_is_approved(cli->registry, release.name, &out->approved, error));
    return alm_release_model_open(&cli->env, cli->objects, &release, &out->opened, error);
}

static alm_err open_path(almi_cli *cli, const char *path, scored *out, alm_error *error)
{
    alm_fs *fs = cli->env.fs;
    alm_imported_model *model = &out->opened.model;
    alm_model_bytes bytes;
    if (alm_scorer_is_folder(fs, path)) {
        return alm_scorer_open(&cli->env, path, path, &model->scorer, error);
    }
    alm_err code = alm_model_file_open(&cli->env, path, path, &model->file, error);
    return code == ALM_ERR_UNSUPPORTED && alm_scorer_is_onnx(fs, path)
               ? alm_scorer_open_onnx(&cli->env, path, cli->arena, &bytes, &model->scorer, error)
               : code;
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    alm_predict_options asked;
    scored by = {0};
    ALM_TRY(read_options(cli, &asked, error));
    const char *path = almi_option_text(cli, "model");
    if (path) {
        ALM_TRY(open_path(cli, path, &by, error));
    } else {
        ALM_TRY(open_release(cli, almi_option_text(cli, "release"), &by, error));
    }
    if (by.opened.is_signal) {
        name_bars(cli, &asked);
    }
    by.description = alm_imported_model_description(&by.opened.model, cli->arena);
    asked.model = by.opened.model.file;
    asked.scorer = by.opened.model.scorer;
    alm_err code = predict_rows(cli, &by, &asked, error);
    alm_imported_model_close(&by.opened.model);
    return code;
}

const almi_command almi_cmd_predict = {
    .name = "predict",
    .arguments = "ROWS",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "score rows with a model file; needs no project",
    .text = "Reads the rows of a file (.csv, .csv.gz, .parquet) and prints one prediction per row "
            "as CSV, in the rows' order: what the predict() of the library that made the model "
            "returns (predict_proba() of CatBoost's classifiers). Columns are matched by name, in "
            "any order, and more columns than needed are left out; a model whose columns have no "
            "names of their own (Column_0, ...) takes them by position. An empty field is a "
            "missing value. The columns of the result are "
            "'prediction', or 'p_0', 'p_1', ... of several classes, and 'raw' for raw scores. A "
            "folder with scorer.json answers with 'prediction', or 'class', 'p_LABEL' of every "
            "label and 'confidence' (and the horizon's name behind each when there are several). "
            "Its nets look at the last rows of their series (--group); until these are enough, "
            "and where they hold a missing value, the answer is missing: an empty field.\n"
            "A scorer whose document names 'bars' takes OHLCV bars instead of features: time, "
            "open, high, low, close, volume and, for several, symbol; the rows of a symbol in the "
            "order of time. Symbol and time stand in front of the answers. The release of a "
            "signal is one; its bars have the columns of the project's source.\n"
            "Contributions sum to the raw score with 'expected', or the row is an error: "
            "'contribution_COLUMN', of several scores 'contribution_0_COLUMN', of a scorer "
            "'contribution_MEMBER_COLUMN' (what its members say, not how they are combined); "
            "of pairs 'interaction_COLUMN' and 'interaction_A*B', both halves together. "
            "docs/explanations.md says which kind answers what.\n"
            "A model file is not approved, and every answer says so: on standard error, and as "
            "'approved' in JSON; releases can be. Pickles and other files "
            "that can run code are never opened. For "
            "predictions that are recorded, reproducible and approved, see 'almanac run'.",
    .example = "almanac predict --model model.txt rows.csv\n"
               "almanac predict --model model.txt rows.csv.gz --contributions --output out.csv\n"
               "almanac predict --model model.txt rows.csv --contributions --background train.csv\n"
               "almanac predict --model FOLDER rows.csv --members\n"
               "almanac predict --model FOLDER bars.parquet --output answers.parquet",
    ALMI_OPTIONS(options),
    .run = run,
};
