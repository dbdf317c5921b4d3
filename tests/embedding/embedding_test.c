/* embedding_test.c: another program's view: include/almanac.h and libalmanac.so, nothing else of
 * almanac. Golden models, rows and predictions are those of tests/golden/forest. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "almanac.h"

#define GOLDEN "tests/golden/forest/"
#define COLUMNS 30
#define ROWS_MAX 200
#define TEXT_MAX (1 << 20)

static almanac_error error;

static void ok(almanac_status status)
{
    if (status != ALMANAC_OK) {
        fail_msg("%d: %s", status, error.message);
    }
}

static void expect(almanac_status status, almanac_status wanted, const char *words)
{
    if (status != wanted || error.status != wanted || !strstr(error.message, words)) {
        fail_msg("%d: '%s' lacks '%s'", status, error.message, words);
    }
}

static char *read_text(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(TEXT_MAX);
    *size = fread(text, 1, TEXT_MAX - 1, file);
    text[*size] = 0;
    fclose(file);
    return text;
}

static size_t read_numbers(const char *path, double *out, size_t limit)
{
    size_t size = 0, count = 0;
    char *text = read_text(path, &size);
    for (char *at = text, *end = NULL; count < limit; at = end) {
        double value = strtod(at, &end);
        if (end == at) {
            break;
        }
        out[count++] = value;
    }
    free(text);
    return count;
}

static double rows[ROWS_MAX * COLUMNS], golden[ROWS_MAX];
static size_t row_count;

static int read_golden(void **state)
{
    (void)state;
    size_t values = read_numbers(GOLDEN "breast_cancer_test.tsv", rows, ROWS_MAX * COLUMNS);
    row_count = read_numbers(GOLDEN "lg_dart_breast_cancer_true_predictions.txt", golden, ROWS_MAX);
    return values == row_count * COLUMNS && row_count > 50 ? 0 : -1;
}

static almanac_model *open_golden(const char *name)
{
    almanac_model *model = NULL;
    ok(almanac_open(name, NULL, &model, &error));
    return model;
}

static void predict(almanac_session *session, size_t count, const double *from, double *values,
                    double *members)
{
    almanac_batch batch = ALMANAC_BATCH_INIT;
    almanac_answers answers = ALMANAC_ANSWERS_INIT;
    batch.count = count;
    batch.rows = from;
    answers.values = values;
    answers.members = members;
    ok(almanac_predict(session, &batch, &answers, &error));
    assert_true(answers.nanoseconds > 0);
}

static void versions_are_there(void **state)
{
    (void)state;
    assert_int_equal(almanac_api_version(), ALMANAC_API_VERSION);
    assert_true(strchr(almanac_version(), '.') != NULL);
}

static void model_file_predicts_as_its_library(void **state)
{
    (void)state;
    almanac_model *model = open_golden(GOLDEN "lg_dart_breast_cancer.model");
    almanac_session *session = NULL;
    almanac_info info = ALMANAC_INFO_INIT;
    double values[ROWS_MAX], one = 0, members[ROWS_MAX];
    ok(almanac_describe(model, &info, &error));
    assert_int_equal(info.is_approved, 0);
    assert_non_null(strstr(info.notice, "unapproved: " GOLDEN "lg_dart_breast_cancer.model"));
    assert_string_equal(info.format, "LightGBM");
    assert_int_equal(strlen(info.hash), 64);
    assert_int_equal(info.row_column_count, COLUMNS);
    assert_string_equal(info.row_columns[29], "Column_29");
    assert_int_equal(info.window_column_count, 0);
    assert_int_equal(info.is_classes, 0);
    assert_int_equal(info.horizon_count, 1);
    ok(almanac_session_open(model, NULL, &session, &error));
    almanac_close(model); /* the session holds it */
    predict(session, row_count, rows, values, members);
    for (size_t i = 0; i < row_count; i++) {
        almanac_answers answers = ALMANAC_ANSWERS_INIT;
        answers.values = &one;
        /* 2e-12: the golden predictions are of LightGBM 2 on another machine, in 17 digits. */
        assert_true(fabs(values[i] - golden[i]) <= 2e-12);
        assert_memory_equal(&values[i], &members[i], sizeof *values);
        ok(almanac_predict_row(session, rows + i * COLUMNS, NULL, &answers, &error));
        assert_memory_equal(&one, &values[i], sizeof one);
    }
    almanac_session_close(session);
}

/* ---- a scorer ---- */

#define DOCUMENT                                                                           \
    "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[-1,1],\"horizons\":["            \
    "{\"name\":\"h\",\"members\":[{\"name\":\"boost\",\"model\":\"boost.txt\","            \
    "\"columns\":[%s]},{\"name\":\"more\",\"model\":\"more.json\",\"columns\":["            \
    "\"c5\",\"c4\",\"c3\",\"c2\",\"c1\"]}],\"combination\":{\"kind\":\"soft_vote\"}}]}"

static void put_text(const char *folder, const char *name, const char *text, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_document(char *out, size_t size)
{
    char list[400] = "";
    size_t used = 0;
    for (int i = 0; i < COLUMNS; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s\"c%d\"", i ? "," : "", i);
    }
    snprintf(out, size, DOCUMENT, list);
}

static void remove_folder(const char *folder)
{
    static const char *const names[] = {"boost.txt", "more.json", "scorer.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void make_folder(char *folder)
{
    char document[2000];
    size_t size = 0;
    assert_non_null(mkdtemp(folder));
    write_document(document, sizeof document);
    put_text(folder, "scorer.json", document, strlen(document));
    char *text = read_text(GOLDEN "lg_dart_breast_cancer.model", &size);
    put_text(folder, "boost.txt", text, size);
    free(text);
    text = read_text(GOLDEN "xgb_logistic.json", &size);
    put_text(folder, "more.json", text, size);
    free(text);
}

/* Names c30 (of nobody), c29, ..., c0: the rows backwards, with one column more in front. */
static const char **backwards(char store[COLUMNS + 1][8], double *out)
{
    static const char *names[COLUMNS + 1];
    for (int i = 0; i <= COLUMNS; i++) {
        snprintf(store[i], 8, "c%d", COLUMNS - i);
        names[i] = store[i];
    }
    for (size_t i = 0; i < row_count * (COLUMNS + 1); i++) {
        size_t row = i / (COLUMNS + 1), column = i % (COLUMNS + 1);
        out[i] = column == 0 ? INFINITY : rows[row * COLUMNS + COLUMNS - column];
    }
    return names;
}

static double wide[ROWS_MAX * (COLUMNS + 1)];

static void check_votes(size_t count, const double *values, const double *confidences,
                        const double *members, const double *boost, const double *more)
{
    for (size_t i = 0; i < count; i++) {
        double votes[4] = {1 - boost[i], boost[i], (double)(1.0f - (float)more[i]), more[i]};
        double p[2] = {(votes[0] + votes[2]) / 2, (votes[1] + votes[3]) / 2};
        assert_memory_equal(members + i * 4, votes, sizeof votes);
        assert_true(values[i] == (p[1] > p[0] ? 1 : -1));
        assert_true(confidences[i] == (p[1] > p[0] ? p[1] : p[0]));
    }
}

/* What each model file says alone. */
static void predict_alone(double *boost, double *more)
{
    double five[ROWS_MAX * 5];
    static const char *const files[] = {GOLDEN "lg_dart_breast_cancer.model",
                                        GOLDEN "xgb_logistic.json"};
    for (size_t i = 0; i < row_count * 5; i++) {
        five[i] = rows[i / 5 * COLUMNS + 5 - i % 5];
    }
    for (size_t i = 0; i < 2; i++) {
        almanac_model *model = open_golden(files[i]);
        almanac_session *session = NULL;
        ok(almanac_session_open(model, NULL, &session, &error));
        predict(session, row_count, i ? five : rows, i ? more : boost, NULL);
        almanac_session_close(session);
        almanac_close(model);
    }
}

static void scorer_votes(void **state)
{
    (void)state;
    char folder[] = "/tmp/almanac_embedding_XXXXXX", store[COLUMNS + 1][8];
    double values[ROWS_MAX], confidences[ROWS_MAX], members[ROWS_MAX * 4];
    double boost[ROWS_MAX], more[ROWS_MAX];
    make_folder(folder);
    almanac_model *model = open_golden(folder);
    remove_folder(folder);
    almanac_info info = ALMANAC_INFO_INIT;
    ok(almanac_describe(model, &info, &error));
    assert_string_equal(info.format, "scorer");
    assert_int_equal(info.is_approved, 0);
    assert_int_equal(info.class_count, 2);
    assert_int_equal(info.labels[0], -1);
    assert_int_equal(info.member_count, 2);
    assert_string_equal(info.members[1], "more");
    assert_string_equal(info.member_formats[1], "XGBoost");
    almanac_columns columns = ALMANAC_COLUMNS_INIT;
    columns.rows = backwards(store, wide);
    columns.row_count = COLUMNS;
    almanac_session *session = NULL;
    expect(almanac_session_open(model, &columns, &session, &error), ALMANAC_INVALID,
           "1 column is missing in the rows: c0");
    columns.row_count = COLUMNS + 1;
    columns.threads = 3;
    ok(almanac_session_open(model, &columns, &session, &error));
    size_t ignored = 0;
    assert_string_equal(almanac_session_ignored(session, &ignored)[0], "c30");
    assert_int_equal(ignored, 1);
    almanac_batch batch = ALMANAC_BATCH_INIT;
    almanac_answers answers = ALMANAC_ANSWERS_INIT;
    batch.count = row_count;
    batch.rows = wide;
    answers.values = values;
    answers.confidences = confidences;
    answers.members = members;
    ok(almanac_predict(session, &batch, &answers, &error));
    predict_alone(boost, more);
    check_votes(row_count, values, confidences, members, boost, more);
    almanac_session_close(session);
    almanac_close(model);
}

static void files_in_memory_serve_too(void **state)
{
    (void)state;
    char document[2000];
    size_t boost_size = 0, more_size = 0;
    char *boost = read_text(GOLDEN "lg_dart_breast_cancer.model", &boost_size);
    char *more = read_text(GOLDEN "xgb_logistic.json", &more_size);
    write_document(document, sizeof document);
    almanac_file files[] = {{"boost.txt", boost, boost_size},
                            {"scorer.json", document, strlen(document)},
                            {"more.json", more, more_size}};
    almanac_model *model = NULL, *one = NULL;
    almanac_info info = ALMANAC_INFO_INIT;
    ok(almanac_open_memory("memory", files, 3, NULL, &model, &error));
    ok(almanac_open_memory("boost", files, 1, NULL, &one, &error));
    free(boost);
    free(more);
    ok(almanac_describe(one, &info, &error));
    assert_string_equal(info.name, "boost");
    ok(almanac_describe(model, &info, &error));
    assert_int_equal(info.row_column_count, COLUMNS);
    almanac_close(one);
    almanac_close(model);
    expect(almanac_open_memory("memory", files, 0, NULL, &model, &error), ALMANAC_INVALID,
           "files");
    files[1].name = "other.json";
    expect(almanac_open_memory("memory", files, 3, NULL, &model, &error), ALMANAC_INVALID,
           "no scorer.json");
}

/* ---- misuse ---- */

typedef struct newer_options { /* of a header of tomorrow */
    almanac_options options;
    size_t more;
} newer_options;

/* A graph that ONNX Runtime runs (tests/golden/onnx/README.md), on the windows of a session. */
static void other_runtimes_serve_too(void **state)
{
    static const char NETS[] =
        "{\"almanac_scorer\":1,\"task\":\"value\",\"horizons\":[{\"name\":\"h\",\"members\":"
        "[{\"name\":\"net\",\"model\":\"net.onnx\",\"steps\":2,\"output\":1,"
        "\"columns\":[\"a\",\"b\",\"c\"]}]}]}";
    static const char REMOTE[] =
        "{\"almanac_scorer\":1,\"task\":\"value\",\"horizons\":[{\"name\":\"h\",\"members\":"
        "[{\"name\":\"far\",\"columns\":[\"a\"],\"remote\":{\"protocol\":\"torchserve\","
        "\"url\":\"http://127.0.0.1:1\",\"model\":\"m\",\"version\":null,\"outputs\":1,"
        "\"retries_max\":0}}]}]}";
    const double window[] = {9, 9, 9, 1, 2, 4}, row[] = {1, 2, 4};
    double value[2] = {0};
    size_t size = 0;
    almanac_model *model = NULL;
    almanac_session *session = NULL;
    almanac_info info = ALMANAC_INFO_INIT;
    almanac_answers answers = ALMANAC_ANSWERS_INIT;
    (void)state;
    answers.values = value;
    char *bytes = read_text("tests/golden/onnx/linear_windows.onnx", &size);
    almanac_file files[] = {{"scorer.json", NETS, sizeof NETS - 1},
                            {"net.onnx", bytes, size}};
    ok(almanac_open_memory("nets", files, 2, NULL, &model, &error));
    free(bytes);
    ok(almanac_describe(model, &info, &error));
    assert_string_equal(info.member_formats[0], "ONNX");
    assert_int_equal(info.window_steps, 2);
    ok(almanac_session_open(model, NULL, &session, &error));
    ok(almanac_predict_row(session, NULL, window, &answers, &error));
    assert_true(value[0] == -4 + 0.25 + 6 - 4);
    almanac_session_close(session);
    almanac_close(model);

    model = open_golden("tests/golden/onnx/linear.onnx");
    ok(almanac_session_open(model, NULL, &session, &error));
    ok(almanac_predict_row(session, row, NULL, &answers, &error));
    assert_true(value[0] == 10 + 1 - 4 + 2 && value[1] == -4 + 0.25 + 6 - 4);
    almanac_session_close(session);
    almanac_close(model);

    /* A server that is not there is an error of the call, and the notice says what it is. */
    files[0] = (almanac_file){"scorer.json", REMOTE, sizeof REMOTE - 1};
    ok(almanac_open_memory("far", files, 1, NULL, &model, &error));
    ok(almanac_describe(model, &info, &error));
    assert_non_null(strstr(info.notice, "remote members"));
    ok(almanac_session_open(model, NULL, &session, &error));
    expect(almanac_predict_row(session, row, NULL, &answers, &error), ALMANAC_IO,
           "member far: model m at http://127.0.0.1:1: ");
    almanac_session_close(session);
    almanac_close(model);
}

/* ---- contributions ---- */

static double sum(const double *from, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        total += from[i];
    }
    return total;
}

/* Each member's numbers sum to its raw score, whose sigmoid is what the model file alone says. */
static void contributions_sum_to_each_member(void **state)
{
    (void)state;
    char folder[] = "/tmp/almanac_embedding_XXXXXX", store[COLUMNS + 1][8];
    double boost[ROWS_MAX], more[ROWS_MAX];
    static double numbers[ROWS_MAX * (COLUMNS + 1 + 6)], again[COLUMNS + 1 + 6];
    almanac_columns columns = ALMANAC_COLUMNS_INIT;
    almanac_explained facts = ALMANAC_EXPLAINED_INIT;
    almanac_explainer *explainer = NULL;
    almanac_batch batch = ALMANAC_BATCH_INIT;
    make_folder(folder);
    columns.rows = backwards(store, wide);
    columns.row_count = COLUMNS + 1;
    columns.threads = 2;
    almanac_model *model = open_golden(folder);
    ok(almanac_explainer_open(model, &columns, NULL, &explainer, &error));
    almanac_close(model); /* the explainer holds it */
    ok(almanac_explainer_describe(explainer, &facts, &error));
    assert_true(facts.width == COLUMNS + 1 + 6 && facts.member_count == 2);
    assert_true(facts.first[0] == 0 && facts.first[1] == COLUMNS + 1);
    assert_true(facts.outputs[1] == 1 && facts.steps[1] == 0 && facts.columns[1] == 5);
    assert_string_equal(facts.names[1][0], "c5");
    batch.count = row_count;
    batch.rows = wide;
    ok(almanac_explain(explainer, &batch, numbers, &error));
    predict_alone(boost, more);
    for (size_t i = 0; i < row_count; i++) {
        const double *own = numbers + i * facts.width;
        /* a sum of 31 doubles through a sigmoid; the second is a sum of floats */
        assert_true(fabs(1 / (1 + exp(-sum(own, COLUMNS + 1))) - boost[i]) < 1e-12);
        assert_true(fabs(1 / (1 + exp(-sum(own + COLUMNS + 1, 6))) - more[i]) < 1e-5);
        batch.count = 1;
        batch.rows = wide + i * (COLUMNS + 1);
        ok(almanac_explain(explainer, &batch, again, &error));
        assert_memory_equal(again, own, sizeof again);
    }
    almanac_explainer_close(explainer);
    almanac_explainer_close(NULL);
    remove_folder(folder);
}

static void misuse_of_explainers_is_an_error(void **state)
{
    (void)state;
    almanac_explainer *explainer = NULL;
    almanac_explained facts = ALMANAC_EXPLAINED_INIT;
    almanac_explain_options options = ALMANAC_EXPLAIN_OPTIONS_INIT;
    almanac_batch batch = ALMANAC_BATCH_INIT;
    double numbers[COLUMNS + 1], strict[COLUMNS + 1];
    expect(almanac_explainer_open(NULL, NULL, NULL, &explainer, &error), ALMANAC_INVALID,
           "a model and a place");
    almanac_model *model = open_golden(GOLDEN "cb_symmetric.cbm");
    options.strict = 1;
    expect(almanac_explainer_open(model, NULL, &options, &explainer, &error), ALMANAC_UNSUPPORTED,
           "member model");
    assert_null(explainer);
    almanac_close(model);
    model = open_golden(GOLDEN "lg_dart_breast_cancer.model");
    options.size = 3;
    expect(almanac_explainer_open(model, NULL, &options, &explainer, &error), ALMANAC_INVALID,
           "size");
    options.size = sizeof options;
    batch.count = 1;
    batch.rows = rows;
    ok(almanac_explainer_open(model, NULL, &options, &explainer, &error));
    ok(almanac_explain(explainer, &batch, strict, &error));
    expect(almanac_explain(explainer, &batch, NULL, &error), ALMANAC_INVALID, "memory");
    expect(almanac_explain(NULL, &batch, numbers, &error), ALMANAC_INVALID, "explainer");
    expect(almanac_explainer_describe(explainer, NULL, &error), ALMANAC_INVALID, "struct");
    facts.size = offsetof(almanac_explained, member_count);
    ok(almanac_explainer_describe(explainer, &facts, &error));
    assert_true(facts.width == COLUMNS + 1 && facts.member_count == 0);
    almanac_explainer_close(explainer);
    ok(almanac_explainer_open(model, NULL, NULL, &explainer, &error));
    ok(almanac_explain(explainer, &batch, numbers, &error));
    assert_memory_not_equal(numbers, strict, sizeof strict);
    for (size_t i = 0; i <= COLUMNS; i++) {
        assert_true(fabs(numbers[i] - strict[i]) < 1e-9); /* its recursion divides */
    }
    almanac_explainer_close(explainer);
    almanac_close(model);
}

static void misuse_is_an_error(void **state)
{
    (void)state;
    almanac_model *model = NULL;
    almanac_session *session = NULL;
    expect(almanac_open(NULL, NULL, &model, &error), ALMANAC_INVALID, "a path");
    expect(almanac_open("nowhere/model.txt", NULL, &model, &error), ALMANAC_NOT_FOUND,
           "nowhere/model.txt");
    expect(almanac_open(GOLDEN, NULL, &model, &error), ALMANAC_NOT_FOUND, "scorer.json");
    expect(almanac_open("tests/golden/forest/README.md", NULL, &model, &error), ALMANAC_INVALID,
           "no model that almanac knows");
    assert_int_equal(almanac_open("nowhere", NULL, &model, NULL), ALMANAC_NOT_FOUND);
    newer_options newer = {{sizeof newer, 0}, 1};
    expect(almanac_open("nowhere", &newer.options, &model, &error), ALMANAC_INVALID, "size");
    newer.more = 0;
    expect(almanac_open("nowhere", &newer.options, &model, &error), ALMANAC_NOT_FOUND, "nowhere");
    assert_null(model);
    almanac_options empty = {0, 0};
    expect(almanac_open("nowhere", &empty, &model, &error), ALMANAC_INVALID, "size");
    model = open_golden(GOLDEN "lg_dart_breast_cancer.model");
    almanac_info info = ALMANAC_INFO_INIT;
    expect(almanac_describe(NULL, &info, &error), ALMANAC_INVALID, "almanac_describe");
    /* A program of yesterday knows the first members only; behind them nothing is touched. */
    unsigned char guarded[sizeof info];
    memset(guarded, 0xAB, sizeof guarded);
    size_t old = offsetof(almanac_info, hash);
    memcpy(guarded, &old, sizeof old);
    ok(almanac_describe(model, (almanac_info *)(void *)guarded, &error));
    assert_int_equal(guarded[old], 0xAB);
    ok(almanac_session_open(model, NULL, &session, &error));
    almanac_answers answers = ALMANAC_ANSWERS_INIT;
    expect(almanac_predict(session, NULL, &answers, &error), ALMANAC_INVALID, "batch");
    expect(almanac_predict_row(session, NULL, NULL, &answers, &error), ALMANAC_INVALID, "rows of");
    almanac_batch batch = ALMANAC_BATCH_INIT;
    batch.count = 1;
    batch.rows = rows;
    batch.row_stride = 3;
    expect(almanac_predict(session, &batch, &answers, &error), ALMANAC_INVALID, "rows of 3");
    almanac_session_close(session);
    almanac_close(model);
    almanac_session_close(NULL);
    almanac_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_there),
        cmocka_unit_test(model_file_predicts_as_its_library),
        cmocka_unit_test(scorer_votes),
        cmocka_unit_test(files_in_memory_serve_too),
        cmocka_unit_test(other_runtimes_serve_too),
        cmocka_unit_test(misuse_is_an_error),
        cmocka_unit_test(contributions_sum_to_each_member),
        cmocka_unit_test(misuse_of_explainers_is_an_error),
    };
    return cmocka_run_group_tests(tests, read_golden, NULL);
}
