/* scorer_backend_test.c: members that are not ours, in a document and as a single file. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/backend/remote_cases.h"
#include "model/scorer/scorer_cases.h"

enum { ROWS = 300, STEPS = 6 };

typedef struct world {
    scorer_case files;
    alm_fs *fs;
    alm_http *http;
    size_t asked; /* of the server */
    bool dead;
    alm_env env;
} world;

static void answer(void *context, const alm_http_request *request, alm_arena *arena,
                   alm_http_outcome *out, const char **reason)
{
    world *w = context;
    alm_buffer body = {0};
    w->asked++;
    *reason = "nobody there";
    out->failure = w->dead ? ALM_HTTP_CONNECT : ALM_HTTP_NONE;
    out->response.status = fake_answer(alm_str_of(strstr(request->url, ":80") + 3), request->body,
                                       &body);
    out->response.body = (alm_str){alm_arena_copy_text(arena, body.data, body.size), body.size};
    alm_buffer_deinit(&body);
}

static alm_instant no_clock(void *context)
{
    (void)context;
    return 0;
}

static const char *variable(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static void put_graph(world *w, const char *name)
{
    alm_str bytes = {0};
    const char *path = alm_arena_printf(w->files.arena, "tests/golden/onnx/%s", name);
    assert_int_equal(alm_fs_read_all(w->fs, path, 1 << 20, w->files.arena, &bytes, NULL), ALM_OK);
    scorer_case_put(&w->files, name, bytes);
}

static int set_up(void **state)
{
    static const char *const GRAPHS[] = {"mlp.onnx", "lstm.onnx", "linear.onnx", "two.onnx",
                                         "label.onnx", "columns.onnx"};
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    scorer_case_init(&w->files);
    assert_int_equal(alm_fs_real_create(&w->fs, NULL), ALM_OK);
    w->http = alm_http_memory_create(&(alm_http_memory_world){answer, w});
    w->env = (alm_env){.fs = w->fs, .http = w->http, .now = no_clock, .variable = variable};
    for (size_t i = 0; i < sizeof GRAPHS / sizeof *GRAPHS; i++) {
        put_graph(w, GRAPHS[i]);
    }
    forest_shape shape = {.trees = 5, .outputs = 1, .features = 4, .leaves = 4, .grid = 4};
    scorer_case_put(&w->files, "tree.txt",
                    scorer_case_lightgbm(w->files.arena, &shape, 3, "regression"));
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    alm_arena_destroy(w->files.arena);
    alm_http_destroy(w->http);
    alm_fs_destroy(w->fs);
    free(w);
    return 0;
}

static alm_err read_document(world *w, const char *document, alm_scorer **out)
{
    scorer_case_put_text(&w->files, ALM_SCORER_DOCUMENT, document);
    alm_scorer_source source = alm_scorer_memory(&w->files.table);
    source.env = &w->env;
    return alm_scorer_read(&source, "folder", out, &w->files.error);
}

static alm_scorer *must_read(world *w, const char *document)
{
    alm_scorer *scorer = NULL;
    if (read_document(w, document, &scorer) != ALM_OK) {
        fail_msg("%s", w->files.error.message);
    }
    return scorer;
}

static void refuses(world *w, const char *document, alm_err code, const char *says)
{
    alm_scorer *scorer = NULL;
    alm_err got = read_document(w, document, &scorer);
    if (got != code || !strstr(w->files.error.message, says)) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), w->files.error.message, says);
    }
}

/* Rows and windows of four columns a, b, c, d; small steps of an eighth. */
typedef struct asked {
    double rows[ROWS * 4], windows[ROWS * STEPS * 4];
    alm_scorer_batch batch;
    alm_scorer_columns columns;
    alm_scorer_binding *binding;
    alm_scorer_scratch *scratch;
} asked;

static void bind(world *w, const alm_scorer *scorer, asked *a, alm_pool *pool)
{
    static const alm_str NAMES[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
    alm_rng rng = alm_rng_stream(5, 1);
    for (size_t i = 0; i < ROWS * 4; i++) {
        a->rows[i] = (double)alm_rng_next_below(&rng, 64) / 8 - 4;
    }
    for (size_t i = 0; i < ROWS * STEPS * 4; i++) {
        a->windows[i] = (double)alm_rng_next_below(&rng, 64) / 8 - 4;
    }
    a->batch = (alm_scorer_batch){.count = ROWS, .rows = a->rows, .stride = 4,
                                  .windows = a->windows};
    a->columns = (alm_scorer_columns){NAMES, 4, NAMES, 4, STEPS};
    if (alm_scorer_bind(scorer, &a->columns, &a->binding, &w->files.error) != ALM_OK ||
        alm_scorer_scratch_create(a->binding, pool, &a->scratch, &w->files.error) != ALM_OK) {
        fail_msg("%s", w->files.error.message);
    }
}

static void unbind(asked *a)
{
    alm_scorer_scratch_destroy(a->scratch);
    alm_scorer_binding_destroy(a->binding);
}

#define DOCUMENT(task, members, rest)                                                       \
    "{\"almanac_scorer\":1,\"task\":" task ",\"horizons\":[{\"name\":\"h\",\"members\":[" members \
    "]" rest "}]}"

/* A row graph in another order of columns, a window graph and a forest become one mean; what each
 * says alone is what the mean is made of, whatever the block and the threads. */
static void graphs_are_members(void **state)
{
    static const char TEXT[] = DOCUMENT(
        "\"value\"",
        "{\"name\":\"tree\",\"model\":\"tree.txt\",\"columns\":[\"a\",\"b\",\"c\",\"d\"]},"
        "{\"name\":\"line\",\"model\":\"linear.onnx\",\"columns\":[\"d\",\"a\",\"c\"],"
        "\"output\":1},"
        "{\"name\":\"net\",\"model\":\"lstm.onnx\",\"steps\":4,\"columns\":[\"b\",\"c\",\"a\"]}",
        ",\"combination\":{\"kind\":\"mean\"}");
    static double value[2][ROWS], member[2][ROWS * 3];
    world *w = *state;
    alm_scorer *scorer = must_read(w, TEXT);
    const alm_scorer_info *info = alm_scorer_describe(scorer);
    assert_true(alm_str_is(info->member[1].format, "ONNX"));
    assert_true(alm_str_starts_with(info->member[2].detail, "onnxruntime 1."));
    assert_int_equal(info->remote_count, 0);
    assert_null(info->member[0].breaker);
    assert_int_equal(info->steps, 4);
    alm_pool *pool = NULL;
    assert_int_equal(alm_pool_create(3, &pool, NULL), ALM_OK);
    for (int i = 0; i < 2; i++) {
        static asked a;
        bind(w, scorer, &a, i ? pool : NULL);
        alm_scorer_output out = {.value = value[i], .member = member[i]};
        if (alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error) != ALM_OK) {
            fail_msg("%s", w->files.error.message);
        }
        for (size_t r = 0; r < ROWS; r++) {
            const double *row = a.rows + r * 4;
            /* linear.onnx's second output on d, a, c: exact in float. */
            assert_true(member[i][r * 3 + 1] == -4 + row[3] / 4 + 3 * row[0] - row[2]);
            assert_true(fabs(member[i][r * 3 + 2]) < 10);
        }
        unbind(&a);
    }
    assert_memory_equal(value[0], value[1], sizeof value[0]);
    assert_memory_equal(member[0], member[1], sizeof member[0]);
    alm_pool_destroy(pool);
    alm_buffer text = {0}, again = {0};
    alm_scorer_write(scorer, &text);
    alm_scorer_destroy(scorer);
    scorer = must_read(w, text.data);
    alm_scorer_write(scorer, &again);
    assert_string_equal(text.data, again.data);
    alm_buffer_deinit(&text);
    alm_buffer_deinit(&again);
    alm_scorer_destroy(scorer);
}

static void classes_must_be_probabilities(void **state)
{
    static double value[ROWS], confidence[ROWS], probability[ROWS * 3];
    static asked a;
    world *w = *state;
    alm_scorer_output out = {.value = value, .confidence = confidence, .probability = probability};
    alm_scorer *scorer = must_read(
        w, DOCUMENT("\"classes\",\"labels\":[-1,0,1]",
                    "{\"name\":\"net\",\"model\":\"label.onnx\",\"classes\":[1,-1,0],"
                    "\"columns\":[\"a\",\"b\",\"c\",\"d\"]}", ""));
    bind(w, scorer, &a, NULL);
    assert_int_equal(alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error), ALM_OK);
    for (size_t i = 0; i < ROWS; i++) {
        double sum = probability[3 * i] + probability[3 * i + 1] + probability[3 * i + 2];
        assert_true(fabs(sum - 1) < 1e-6);
        assert_true(probability[3 * i + (size_t)(value[i] + 1)] == confidence[i]);
    }
    unbind(&a);
    alm_scorer_destroy(scorer);
    /* tanh is no probability, and that shows with the answer. */
    scorer = must_read(w, DOCUMENT("\"classes\",\"labels\":[-1,0,1]",
                                   "{\"name\":\"net\",\"model\":\"two.onnx\",\"result\":\"z\","
                                   "\"columns\":[\"a\",\"b\",\"c\"]}", ""));
    bind(w, scorer, &a, NULL);
    a.batch.first = 1000;
    assert_int_equal(alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error),
                     ALM_ERR_NUMERIC);
    assert_non_null(strstr(w->files.error.message, "row 1001: member net answers with what are no "
                                                   "probabilities"));
    unbind(&a);
    alm_scorer_destroy(scorer);
}

/* Two results of one file are two models; one result twice is one. */
static void results_are_told_apart(void **state)
{
    static double member[ROWS * 3];
    static asked a;
    world *w = *state;
    alm_scorer_output out = {.member = member};
#define RESULT(name, result) "{\"name\":\"" name "\",\"model\":\"two.onnx\",\"result\":\"" result \
    "\",\"columns\":[\"a\",\"b\",\"c\"]}"
    alm_scorer *scorer =
        must_read(w, DOCUMENT("\"value\"",
                              RESULT("m", "y") "," RESULT("n", "z") "," RESULT("o", "y"),
                              ",\"combination\":{\"kind\":\"mean\"}"));
    bind(w, scorer, &a, NULL);
    assert_int_equal(alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error), ALM_OK);
    for (size_t i = 0; i < ROWS; i++) {
        double x = a.rows[4 * i];
        assert_true(member[3 * i] == (x > 0 ? x : 0) && member[3 * i + 2] == member[3 * i]);
        assert_true(fabs(member[3 * i + 1] - tanh(x)) < 1e-6); /* tanhf of a float */
    }
    unbind(&a);
    alm_scorer_destroy(scorer);
}

static void documents_are_refused(void **state)
{
    world *w = *state;
#define ONE(member) DOCUMENT("\"value\"", "{\"name\":\"m\"," member "}", "")
    refuses(w, ONE("\"model\":\"two.onnx\",\"columns\":[\"a\",\"b\",\"c\"]"), ALM_ERR_UNSUPPORTED,
            "member m: two.onnx: not exactly one result");
    refuses(w, ONE("\"model\":\"linear.onnx\""), ALM_ERR_INVALID, "`columns` is missing");
    refuses(w, ONE("\"model\":\"linear.onnx\",\"columns\":[\"a\"]"), ALM_ERR_INVALID,
            "linear.onnx takes 3 columns");
    refuses(w, ONE("\"model\":\"linear.onnx\",\"steps\":3,\"columns\":[\"a\",\"b\",\"c\"]"),
            ALM_ERR_INVALID, "`steps` is for nets");
    refuses(w, ONE("\"model\":\"lstm.onnx\",\"columns\":[\"a\",\"b\",\"c\"]"), ALM_ERR_INVALID,
            "`steps` is missing");
    refuses(w, ONE("\"model\":\"columns.onnx\",\"columns\":[\"a\",\"b\",\"c\"]"), ALM_ERR_INVALID,
            "the 1-th is 'a', and 'age'");
    refuses(w, ONE("\"model\":\"tree.txt\",\"result\":\"y\",\"columns\":[\"a\",\"b\",\"c\",\"d\"]"),
            ALM_ERR_INVALID, "`result` is for ONNX graphs");
    refuses(w, ONE("\"model\":\"linear.onnx\",\"output\":2,\"columns\":[\"a\",\"b\",\"c\"]"),
            ALM_ERR_INVALID, "`output` 2: linear.onnx has 2 outputs");
}

static void one_file_is_a_scorer(void **state)
{
    world *w = *state;
    alm_scorer *scorer = NULL;
    alm_str linear = w->files.file[2].bytes, lstm = w->files.file[1].bytes;
    assert_int_equal(alm_scorer_of_model_file(&w->env, linear, "linear.onnx", false, &scorer,
                                              &w->files.error), ALM_OK);
    const alm_scorer_info *info = alm_scorer_describe(scorer);
    assert_int_equal(info->horizon_count, 2);
    assert_true(info->of_model_file && info->made_up_names);
    assert_true(alm_str_is(info->row_column[2], "f2"));
    size_t parts = 0;
    alm_digest digest = alm_hash_bytes(linear.data, linear.size);
    assert_true(alm_digest_equal(&alm_scorer_parts(scorer, &parts)->digest, &digest));
    alm_scorer_destroy(scorer);
    assert_int_equal(alm_scorer_of_model_file(&w->env, lstm, "lstm.onnx", false, &scorer,
                                              &w->files.error), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(w->files.error.message, "`steps`"));
}

#define REMOTE(name, columns, more)                                                            \
    "{\"name\":\"" name "\",\"columns\":[" columns "],\"remote\":{\"protocol\":\"kserve_v2\","     \
    "\"url\":\"http://h:80\",\"model\":\"line\",\"version\":null,\"input\":\"rows\","            \
    "\"outputs\":2" more "}"

/* Two outputs of one server are one call for each block; windows and rows go to it alike. */
static void servers_are_members(void **state)
{
    static const char TEXT[] = DOCUMENT(
        "\"value\"",
        REMOTE("a", "\"d\",\"a\",\"c\"", "") ",\"output\":1},"
        REMOTE("b", "\"d\",\"a\",\"c\"", "") ",\"output\":0},"
        REMOTE("w", "\"a\",\"b\",\"c\"", "") ",\"steps\":2}",
        ",\"combination\":{\"kind\":\"mean\"}");
    static double member[ROWS * 3];
    static asked a;
    world *w = *state;
    alm_scorer *scorer = must_read(w, TEXT);
    const alm_scorer_info *info = alm_scorer_describe(scorer);
    assert_int_equal(info->remote_count, 3);
    assert_int_equal(alm_breaker_state_of(info->member[0].breaker), ALM_BREAKER_CLOSED);
    assert_true(info->member[0].is_remote && alm_str_is(info->member[0].format, "KServe v2"));
    assert_true(alm_str_is(info->member[0].detail, "http://h:80, model line, whatever version it "
                                                   "has"));
    bind(w, scorer, &a, NULL);
    alm_scorer_output out = {.member = member};
    if (alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error) != ALM_OK) {
        fail_msg("%s", w->files.error.message);
    }
    assert_int_equal(w->asked, 2 * 2); /* 300 rows are two blocks */
    for (size_t i = 0; i < ROWS; i++) {
        const double *row = a.rows + i * 4, *last = a.windows + (i * STEPS + STEPS - 1) * 4;
        assert_true(member[3 * i] == -4 + row[3] / 4 + 3 * row[0] - row[2]);
        assert_true(member[3 * i + 1] == 10 + row[3] - 2 * row[0] + row[2] / 2);
        assert_true(member[3 * i + 2] == 10 + last[0] - 2 * last[1] + last[2] / 2);
    }
    /* A missing value is found before anybody is asked. */
    w->asked = 0;
    a.rows[4 * 299 + 2] = NAN;
    assert_int_equal(alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error),
                     ALM_ERR_NUMERIC);
    assert_non_null(strstr(w->files.error.message, "row 300, column c is nan: member a sends"));
    assert_int_equal(w->asked, 0);
    a.rows[4 * 299 + 2] = 0;
    w->dead = true;
    assert_int_equal(alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error), ALM_ERR_IO);
    assert_non_null(strstr(w->files.error.message,
                           "member a: model line at http://h:80 (3 attempts): nobody there"));
    unbind(&a);
    alm_scorer_destroy(scorer);
}

/* With `missing`, what a server or a graph cannot take (or answers with no number) costs the answer
 * of that row only. */
static void missing_rows_lose_only_their_answer(void **state)
{
    static const char TEXT[] = DOCUMENT(
        "\"value\"",
        REMOTE("a", "\"a\",\"b\",\"c\"", "") "},"
        "{\"name\":\"net\",\"model\":\"lstm.onnx\",\"steps\":4,\"columns\":[\"b\",\"c\",\"a\"]},"
        "{\"name\":\"line\",\"model\":\"linear.onnx\",\"columns\":[\"b\",\"d\",\"c\"]}",
        ",\"combination\":{\"kind\":\"mean\"}");
    static double whole[ROWS * 3], member[ROWS * 3], value[ROWS];
    static const size_t HOLE = 10, HUGE_ROW = 299, WINDOW = 20, GRAPH = 150;
    static asked a;
    world *w = *state;
    alm_scorer *scorer = must_read(w, TEXT);
    bind(w, scorer, &a, NULL);
    alm_scorer_output out = {.member = whole};
    assert_int_equal(alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error), ALM_OK);
    a.rows[4 * HOLE + 1] = NAN; /* of both that take rows */
    a.rows[4 * GRAPH + 3] = NAN; /* of the graph */
    a.rows[4 * HUGE_ROW] = 1e300; /* no float */
    for (size_t i = WINDOW; i < WINDOW + 3; i++) {
        a.windows[((i + 1) * STEPS - 1) * 4 + 2] = NAN;
    }
    a.batch.missing = true;
    out = (alm_scorer_output){.member = member, .value = value};
    if (alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error) != ALM_OK) {
        fail_msg("%s", w->files.error.message);
    }
    for (size_t i = 0; i < ROWS; i++) {
        bool row = i == HOLE || i == HUGE_ROW, window = i >= WINDOW && i < WINDOW + 3;
        bool graph = i == HOLE || i == GRAPH;
        assert_true(row ? isnan(member[3 * i]) : member[3 * i] == whole[3 * i]);
        /* A graph in another batch may have other last bits of a float. */
        assert_true(window ? isnan(member[3 * i + 1])
                           : fabs(member[3 * i + 1] - whole[3 * i + 1]) < 1e-6);
        assert_true(graph ? isnan(member[3 * i + 2]) : member[3 * i + 2] == whole[3 * i + 2]);
        assert_true(isnan(value[i]) == (row || window || graph));
    }
    /* Nobody there is an error still. */
    w->dead = true;
    assert_int_equal(alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error), ALM_ERR_IO);
    unbind(&a);
    alm_scorer_destroy(scorer);
}

/* A server that is asked in doubles gets them, in rows and in windows. */
static void doubles_go_to_servers(void **state)
{
    static const char TEXT[] = DOCUMENT(
        "\"value\"",
        "{\"name\":\"w\",\"columns\":[\"a\",\"b\",\"c\"],\"steps\":2,\"remote\":{\"protocol\":"
        "\"tensorflow_serving\",\"url\":\"http://h:80\",\"model\":\"line\",\"version\":null,"
        "\"datatype\":\"FP64\",\"outputs\":2}}", "");
    static double member[ROWS];
    static asked a;
    world *w = *state;
    alm_scorer *scorer = must_read(w, TEXT);
    alm_scorer_output out = {.member = member};
    bind(w, scorer, &a, NULL);
    a.windows[(STEPS - 1) * 4] = 1e300;
    if (alm_scorer_predict(a.scratch, &a.batch, &out, &w->files.error) != ALM_OK) {
        fail_msg("%s", w->files.error.message);
    }
    assert_true(member[0] == 1e300);
    unbind(&a);
    alm_scorer_destroy(scorer);
}

/* The identity is that of the document: other servers are other scorers, answers are not in it. */
static void identity_is_the_document(void **state)
{
    world *w = *state;
    alm_buffer text = {0}, again = {0};
    alm_scorer *scorer =
        must_read(w, DOCUMENT("\"value\"", REMOTE("a", "\"a\",\"b\",\"c\"", "") "}", ""));
    alm_digest first = alm_scorer_describe(scorer)->digest;
    size_t parts = 0;
    (void)alm_scorer_parts(scorer, &parts);
    assert_int_equal(parts, 0);
    alm_scorer_write(scorer, &text);
    assert_non_null(strstr(text.data, "\"deadline_ms\":1000")); /* defaults are written out */
    alm_scorer_destroy(scorer);
    scorer = must_read(w, text.data);
    alm_scorer_write(scorer, &again);
    assert_string_equal(text.data, again.data);
    assert_true(alm_digest_equal(&alm_scorer_describe(scorer)->digest, &first));
    alm_scorer_destroy(scorer);
    scorer = must_read(w, DOCUMENT("\"value\"", REMOTE("a", "\"a\",\"b\",\"c\"",
                                                      ",\"deadline_ms\":999") "}", ""));
    assert_false(alm_digest_equal(&alm_scorer_describe(scorer)->digest, &first));
    alm_scorer_destroy(scorer);
    alm_buffer_deinit(&text);
    alm_buffer_deinit(&again);
}

static void remote_documents_are_refused(void **state)
{
    world *w = *state;
    refuses(w, DOCUMENT("\"value\"", REMOTE("a", "\"a\",\"b\",\"c\"", ",\"x\":1") "}", ""),
            ALM_ERR_INVALID, "members[0]: `remote`: unknown key `x`");
    refuses(w, DOCUMENT("\"value\"", REMOTE("a", "\"a\",\"b\",\"c\"", "")
                        ",\"model\":\"tree.txt\"}", ""),
            ALM_ERR_INVALID, "a member is one of both");
    refuses(w, DOCUMENT("\"value\"", REMOTE("a", "\"a\",\"b\",\"c\"", "")
                        ",\"result\":\"y\"}", ""),
            ALM_ERR_INVALID, "this member is `remote`");
    refuses(w, DOCUMENT("\"value\"", REMOTE("a", "\"a\",\"b\",\"c\"", "") ",\"output\":2}", ""),
            ALM_ERR_INVALID, "`output` 2: line has 2 outputs");
    refuses(w, DOCUMENT("\"classes\",\"labels\":[1,2,3]",
                        REMOTE("a", "\"a\",\"b\",\"c\"", "") "}", ""),
            ALM_ERR_INVALID, "line tells 2 classes apart");
    w->env.http = NULL;
    refuses(w, DOCUMENT("\"value\"", REMOTE("a", "\"a\",\"b\",\"c\"", "") "}", ""),
            ALM_ERR_UNSUPPORTED, "without a network");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(graphs_are_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(classes_must_be_probabilities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(results_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(documents_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_file_is_a_scorer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(servers_are_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_rows_lose_only_their_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(doubles_go_to_servers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(identity_is_the_document, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remote_documents_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
