/* scorer_document_test.c: what scorer.json may say, how it comes back, which rows are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "model/scorer/scorer_cases.h"

#define MEMBER "{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\",\"b\"]}"
#define TWO_MEMBERS MEMBER ",{\"name\":\"n\",\"model\":\"two.txt\",\"columns\":[\"b\",\"a\"]}"
#define HORIZON(members, rest) "{\"name\":\"h\",\"members\":[" members "]" rest "}"
#define CLASSES(horizons)                                                                         \
    "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[0,1],\"horizons\":[" horizons "]}"
#define VALUES(horizons) "{\"almanac_scorer\":1,\"task\":\"value\",\"horizons\":[" horizons "]}"
#define BARS(file)                                                                               \
    "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[0,1],\"bars\":" file                \
    ",\"horizons\":[" HORIZON(MEMBER, "") "]}"
#define NET                                                                            \
    "{\"name\":\"n\",\"model\":\"net.bin\",\"steps\":2,\"columns\":[\"x\",\"y\"]," \
    "\"scaler\":\"scaler.json\"}"

static int setup(void **state)
{
    void *memory = NULL;
    alm_assert(alm_heap_try(sizeof(scorer_case), &memory, NULL) == ALM_OK);
    scorer_case *w = memory;
    scorer_case_init(w);
    forest_shape shape = {.trees = 3, .outputs = 1, .features = 2, .leaves = 4, .grid = 4};
    alm_network_spec spec = {.feature_count = 2, .layer_count = 1, .output_count = 2,
                             .head = ALM_HEAD_CLASSES,
                             .layer = {{.kind = ALM_LAYER_GRU, .units = 3}}};
    scorer_case_put(w, "two.txt", scorer_case_lightgbm(w->arena, &shape, 2, "binary sigmoid:1"));
    scorer_case_put(w, "poisson.txt", scorer_case_lightgbm(w->arena, &shape, 2, "poisson"));
    scorer_case_put(w, "net.bin", scorer_case_net(w->arena, &spec, 4));
    scorer_case_put_text(w, "scaler.json", "{\"center\":[0,0],\"scale\":[1,1e-3]}");
    scorer_case_put_text(w, "platt.json", "{\"class_count\":2,\"classes\":[{\"a\":-4.5,"
                                          "\"b\":2.25}],\"kind\":\"platt\"}");
    scorer_case_put_text(w, "three.json", "{\"class_count\":3,\"classes\":[{\"scale\":1}],"
                                          "\"kind\":\"temperature\"}");
    scorer_case_put_text(w, "stack.json", "{\"classes\":2,\"coefficient\":[1,2,3,4,5,6,7,8,9,0],"
                                          "\"models\":2}");
    scorer_case_put_text(w, "text.json", "{}");
    scorer_case_put_text(w, "plan.json", "any text");
    size_t huge = ALM_SCORER_BARS_BYTES_MAX + 1;
    scorer_case_put(w, "huge.json", (alm_str){alm_arena_alloc(w->arena, huge), huge});
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    alm_arena_destroy(((scorer_case *)*state)->arena);
    alm_heap_free(*state);
    return 0;
}

static void ok(const scorer_case *w, alm_err code)
{
    if (code != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
}

static void expect(const scorer_case *w, alm_err got, alm_err code, const char *words)
{
    if (got != code || !strstr(w->error.message, words)) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), w->error.message, words);
    }
}

/* ---- refused documents ---- */

typedef struct refusal {
    const char *document;
    alm_err code;
    const char *words;
} refusal;

static const refusal REFUSALS[] = {
    {"", ALM_ERR_INVALID, "scorer.json"},
    {"[]", ALM_ERR_INVALID, "`almanac_scorer` is missing"},
    {"{\"almanac_scorer\":2}", ALM_ERR_UNSUPPORTED, "format 2"},
    {"{\"almanac_scorer\":1,\"task\":\"value\",\"horizons\":[],\"color\":1}", ALM_ERR_INVALID,
     "unknown key `color`"},
    {"{\"almanac_scorer\":1,\"task\":\"rank\",\"horizons\":[]}", ALM_ERR_INVALID, "`task`"},
    {"{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[1,1],\"horizons\":[]}",
     ALM_ERR_INVALID, "`labels`"},
    {"{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[1],\"horizons\":[]}",
     ALM_ERR_INVALID, "`labels`"},
    {"{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[1,9007199254740993],"
     "\"horizons\":[]}", ALM_ERR_INVALID, "2^53"},
    {"{\"almanac_scorer\":1,\"task\":\"value\",\"labels\":[0,1],\"horizons\":[]}",
     ALM_ERR_INVALID, "`labels` are for classes"},
    {BARS("3"), ALM_ERR_INVALID, "`bars`"},
    {BARS("\"../plan.json\""), ALM_ERR_INVALID, "`bars`: '../plan.json' is no file below"},
    {BARS("{\"path\":\"plan.json\"}"), ALM_ERR_INVALID, "`bars`: key 'sha256' is missing"},
    {BARS("\"gone.json\""), ALM_ERR_NOT_FOUND, "gone.json"},
    {BARS("\"huge.json\""), ALM_ERR_LIMIT, "huge.json"},
    {BARS("{\"path\":\"plan.json\",\"sha256\":\""
          "0000000000000000000000000000000000000000000000000000000000000000\"}"),
     ALM_ERR_CORRUPT, "plan.json: its SHA-256 is"},
    {VALUES(""), ALM_ERR_INVALID, "`horizons` has 0"},
    {VALUES("3"), ALM_ERR_INVALID, "horizons[0]: `members`"},
    {VALUES("{\"name\":\"h\",\"members\":[]}"), ALM_ERR_INVALID, "horizons[0]: `members`"},
    {VALUES(HORIZON("3", "")), ALM_ERR_INVALID, "horizons[0]: members[0]: an object"},
    {CLASSES(HORIZON(MEMBER, ",\"weight\":1")), ALM_ERR_INVALID,
     "horizons[0]: unknown key `weight`"},
    {CLASSES("{\"name\":\"a b\",\"members\":[" MEMBER "]}"), ALM_ERR_INVALID, "'a b'"},
    {CLASSES(HORIZON(MEMBER, "") "," HORIZON(MEMBER, "")), ALM_ERR_INVALID, "second horizon"},
    {CLASSES(HORIZON(MEMBER "," MEMBER, "")), ALM_ERR_INVALID, "second member is called m"},
    {CLASSES(HORIZON(TWO_MEMBERS, "")), ALM_ERR_INVALID, "say how they become one"},
    {CLASSES(HORIZON(TWO_MEMBERS, ",\"combination\":{\"kind\":\"vote\"}")), ALM_ERR_INVALID,
     "`combination`: `kind` 'vote'"},
    {CLASSES(HORIZON(TWO_MEMBERS, ",\"combination\":{\"kind\":\"mean\"}")), ALM_ERR_INVALID,
     "mean is for values"},
    {VALUES(HORIZON(TWO_MEMBERS, ",\"combination\":{\"kind\":\"soft_vote\"}")), ALM_ERR_INVALID,
     "soft_vote is for classes"},
    {CLASSES(HORIZON(TWO_MEMBERS, ",\"combination\":{\"kind\":\"soft_vote\",\"weights\":[1]}")),
     ALM_ERR_INVALID, "`weights`"},
    {CLASSES(HORIZON(TWO_MEMBERS, ",\"combination\":{\"kind\":\"soft_vote\",\"weights\":[0,0]}")),
     ALM_ERR_INVALID, "`weights`"},
    {CLASSES(HORIZON(TWO_MEMBERS,
                     ",\"combination\":{\"kind\":\"soft_vote\",\"weights\":[2,-1]}")),
     ALM_ERR_INVALID, "`weights`"},
    {CLASSES(HORIZON(TWO_MEMBERS,
                     ",\"combination\":{\"kind\":\"soft_vote\",\"weights\":[1e308,1e308]}")),
     ALM_ERR_INVALID, "`weights`"},
    {CLASSES(HORIZON(TWO_MEMBERS, ",\"combination\":{\"kind\":\"stacker\"}")), ALM_ERR_INVALID,
     "`file`"},
    {CLASSES(HORIZON(TWO_MEMBERS, ",\"combination\":{\"kind\":\"stacker\",\"file\":\"stack.json\","
                                  "\"weights\":[1,1]}")), ALM_ERR_INVALID, "not for combination"},
    {CLASSES(HORIZON(MEMBER, ",\"combination\":{\"kind\":\"stacker\",\"file\":\"stack.json\"}")),
     ALM_ERR_INVALID, "stacks 2 models of 2 classes, the horizon has 1 of 2"},
    {CLASSES(HORIZON(MEMBER, ",\"calibrator\":\"three.json\"")), ALM_ERR_INVALID,
     "horizon h: three.json calibrates 3 classes"},
    {CLASSES(HORIZON(MEMBER, ",\"calibrator\":\"text.json\"")), ALM_ERR_CORRUPT, "text.json"},
    {VALUES(HORIZON(MEMBER, ",\"calibrator\":\"platt.json\"")), ALM_ERR_INVALID,
     "`calibrator` is for classes"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"columns\":[\"a\",\"b\"]}", "")), ALM_ERR_INVALID,
     "`model` is missing"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"gone.txt\"}", "")), ALM_ERR_NOT_FOUND,
     "horizon h: member m: gone.txt"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"../two.txt\"}", "")), ALM_ERR_INVALID,
     "'../two.txt' is no file below"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"/two.txt\"}", "")), ALM_ERR_INVALID,
     "is no file below"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"scorer.json\"}", "")), ALM_ERR_INVALID,
     "is no file below"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":null}", "")), ALM_ERR_INVALID, "`model`"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":{\"path\":\"two.txt\",\"sha256\":\"00\"}}", "")),
     ALM_ERR_INVALID, "64 digits"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":{\"path\":\"two.txt\",\"sha256\":\""
                     "0000000000000000000000000000000000000000000000000000000000000000\"}}", "")),
     ALM_ERR_CORRUPT, "two.txt: its SHA-256 is"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"text.json\"}", "")), ALM_ERR_INVALID,
     "text.json is no model"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\"}", "")), ALM_ERR_INVALID,
     "`columns` is missing"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\"]}", "")),
     ALM_ERR_INVALID, "`columns` has 1 names, two.txt takes 2"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\",\"a\"]}", "")),
     ALM_ERR_INVALID, "a name twice"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\",1]}", "")),
     ALM_ERR_INVALID, "`columns`: a text"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\",\"b\"],"
                     "\"steps\":3}", "")), ALM_ERR_INVALID, "`steps` is for nets"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\",\"b\"],"
                     "\"classes\":[1,2]}", "")), ALM_ERR_INVALID, "`classes`"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\",\"b\"],"
                     "\"classes\":[1,1]}", "")), ALM_ERR_INVALID, "`classes`"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\",\"b\"],"
                     "\"output\":0}", "")), ALM_ERR_INVALID, "`output` is for values"},
    {VALUES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\",\"b\"],"
                    "\"output\":1}", "")), ALM_ERR_INVALID, "`output` 1: two.txt has 1 output"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"poisson.txt\",\"columns\":[\"a\",\"b\"]}", "")),
     ALM_ERR_UNSUPPORTED, "gives no probabilities"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"net.bin\",\"columns\":[\"a\",\"b\"]}", "")),
     ALM_ERR_INVALID, "`steps` is missing"},
    {"{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[0,1,2],\"horizons\":[" HORIZON(NET, "")
     "]}", ALM_ERR_INVALID, "net.bin tells 2 classes apart, the scorer has 3"},
    {CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\",\"b\"],"
                     "\"scaler\":\"platt.json\"}", "")), ALM_ERR_CORRUPT, "platt.json"},
};

static void documents_are_refused_by_name(void **state)
{
    scorer_case *w = *state;
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        alm_scorer *s = NULL;
        alm_err code = scorer_case_read(w, REFUSALS[i].document, &s);
        expect(w, code, REFUSALS[i].code, REFUSALS[i].words);
        expect(w, code, REFUSALS[i].code, "folder: ");
        assert_null(s);
    }
}

/* A model with names of its own has these columns. */
static void names_of_the_model_are_kept(void **state)
{
    scorer_case *w = *state;
    alm_scorer *s = NULL;
    scorer_case_put(w, "named.txt", case_fixture(w->arena, "model_simple.txt")); /* X1, X2 */
    ok(w, scorer_case_read(w, VALUES(HORIZON("{\"name\":\"m\",\"model\":\"named.txt\"}", "")),
                           &s));
    assert_true(alm_str_is(alm_scorer_describe(s)->row_column[0], "X1"));
    assert_true(alm_str_is(alm_scorer_describe(s)->row_column[1], "X2"));
    alm_scorer_destroy(s);
    s = NULL;
    alm_err code = scorer_case_read(w, VALUES(HORIZON("{\"name\":\"m\",\"model\":\"named.txt\","
                                                      "\"columns\":[\"X2\",\"X1\"]}", "")), &s);
    expect(w, code, ALM_ERR_INVALID, "the 1-th is 'X2', and 'X1' in named.txt");
}

/* ---- canonical ---- */

static alm_str written(scorer_case *w, const alm_scorer *s)
{
    alm_buffer text = {0};
    alm_scorer_write(s, &text);
    ok(w, alm_buffer_status(&text, &w->error));
    alm_str out = {alm_arena_copy_text(w->arena, text.data, text.size), text.size};
    alm_buffer_deinit(&text);
    return out;
}

static const char FULL[] =
    " {\"task\":\"classes\", \"labels\":[0,1], \"almanac_scorer\":1, "
    "\"bars\":\"plan.json\", \"horizons\":["
    HORIZON(TWO_MEMBERS "," "{\"name\":\"net\",\"model\":\"net.bin\",\"steps\":2,\"columns\":["
            "\"x\",\"y\\u00e9\"],\"scaler\":\"scaler.json\",\"calibrator\":\"platt.json\"}",
            ",\"combination\":{\"kind\":\"soft_vote\",\"weights\":[1,0.1,-0.0]},"
            "\"calibrator\":\"platt.json\"") "]}";

static void writing_gives_the_canonical_bytes(void **state)
{
    scorer_case *w = *state;
    alm_scorer *s = NULL, *again = NULL;
    ok(w, scorer_case_read(w, FULL, &s));
    alm_str text = written(w, s);
    assert_non_null(strstr(text.data, "\"weights\":[1,0.1,0]"));
    assert_non_null(strstr(text.data, "{\"path\":\"platt.json\",\"sha256\":\""));
    ok(w, scorer_case_read(w, text.data, &again));
    assert_true(alm_str_equal(text, written(w, again)));
    alm_digest one = alm_scorer_describe(s)->digest, two = alm_scorer_describe(again)->digest;
    alm_digest of_text = alm_hash_bytes(text.data, text.size);
    assert_true(alm_digest_equal(&one, &two) && alm_digest_equal(&one, &of_text));
    size_t parts = 0;
    const alm_scorer_part *part = alm_scorer_parts(s, &parts);
    assert_int_equal(parts, 5);
    assert_true(alm_str_is(part[0].name, "net.bin") && alm_str_is(part[4].name, "two.txt"));
    assert_true(alm_str_is(part[1].name, "plan.json") && part[1].size_bytes == 8);
    assert_true(alm_str_is(alm_scorer_describe(s)->bars_name, "plan.json"));
    assert_true(alm_str_is(alm_scorer_describe(s)->bars, "any text"));
    alm_scorer_destroy(again);
    /* Another file under the same name: another scorer, and the sealed document notices. */
    scorer_case_put_text(w, "platt.json", "{\"class_count\":2,\"classes\":[{\"a\":-4.5,"
                                          "\"b\":2.5}],\"kind\":\"platt\"}");
    expect(w, scorer_case_read(w, text.data, &again), ALM_ERR_CORRUPT, "platt.json");
    ok(w, scorer_case_read(w, FULL, &again));
    two = alm_scorer_describe(again)->digest;
    assert_false(alm_digest_equal(&one, &two));
    alm_scorer_destroy(again);
    alm_scorer_destroy(s);
}

static alm_err put_file(void *context, const char *name, alm_str bytes, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_err code = alm_fs_write_all(context, alm_path_join(arena, "saved", name), bytes, error);
    alm_arena_destroy(arena);
    return code;
}

static void saved_folder_is_the_same_scorer(void **state)
{
    scorer_case *w = *state;
    alm_scorer *s = NULL, *again = NULL;
    alm_fs *fs = NULL;
    ok(w, scorer_case_read(w, FULL, &s));
    ok(w, alm_fs_memory_create(&fs, &w->error));
    ok(w, alm_fs_make_directories(fs, "saved", &w->error));
    alm_env env = {.fs = NULL};
    alm_scorer_source source = alm_scorer_memory(&w->table);
    ok(w, alm_scorer_save(s, &source, put_file, fs, &w->error));
    env.fs = fs;
    ok(w, alm_scorer_open(&env, "saved", "saved", &again, &w->error));
    assert_true(alm_str_equal(written(w, s), written(w, again)));
    alm_scorer_destroy(again);
    scorer_case_put_text(w, "two.txt", "tree\n");
    expect(w, alm_scorer_save(s, &source, put_file, fs, &w->error), ALM_ERR_CORRUPT,
           "two.txt has changed");
    expect(w, alm_scorer_open(&env, "nowhere", "nowhere", &again, &w->error), ALM_ERR_NOT_FOUND,
           "scorer.json");
    alm_fs_destroy(fs);
    alm_scorer_destroy(s);
}

/* ---- columns ---- */

#define NAMES(...) ((const alm_str[]){__VA_ARGS__})

static void columns_are_found_by_name(void **state)
{
    scorer_case *w = *state;
    alm_scorer *s = NULL;
    alm_scorer_binding *b = NULL;
    ok(w, scorer_case_read(w, FULL, &s));
    const alm_scorer_info *info = alm_scorer_describe(s);
    assert_int_equal(info->row_column_count, 2);
    assert_int_equal(info->window_column_count, 2);
    assert_int_equal(info->steps, 2);
    alm_scorer_columns columns = {NAMES(ALM_STR("q"), ALM_STR("b")), 2, NAMES(ALM_STR("y\xc3\xa9")),
                                  1, 2};
    expect(w, alm_scorer_bind(s, &columns, &b, &w->error), ALM_ERR_INVALID,
           "1 column is missing in the rows: a");
    columns.row = NAMES(ALM_STR("a"), ALM_STR("b"));
    expect(w, alm_scorer_bind(s, &columns, &b, &w->error), ALM_ERR_INVALID,
           "1 column is missing in the windows: x");
    columns.window = NAMES(ALM_STR("y\xc3\xa9"), ALM_STR("t"), ALM_STR("x"));
    columns.window_count = 3;
    columns.steps = 1;
    expect(w, alm_scorer_bind(s, &columns, &b, &w->error), ALM_ERR_INVALID, "takes 2");
    columns.steps = 2;
    columns.row = NAMES(ALM_STR("a"), ALM_STR("b"), ALM_STR("a"));
    columns.row_count = 3;
    expect(w, alm_scorer_bind(s, &columns, &b, &w->error), ALM_ERR_INVALID,
           "column a is there twice");
    columns.row = NAMES(ALM_STR("c"), ALM_STR("b"), ALM_STR("a"));
    ok(w, alm_scorer_bind(s, &columns, &b, &w->error));
    size_t ignored = 0;
    const alm_str *names = alm_scorer_ignored(b, &ignored);
    assert_int_equal(ignored, 2);
    assert_true(alm_str_is(names[0], "c") && alm_str_is(names[1], "t"));
    alm_scorer_binding_destroy(b);
    alm_scorer_destroy(s);
}

/* LightGBM writes a blank as '_'; an exact name wins. */
static void blanks_are_underscores(void **state)
{
    scorer_case *w = *state;
    alm_scorer *s = NULL;
    alm_scorer_binding *b = NULL;
    ok(w, scorer_case_read(w, CLASSES(HORIZON("{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":["
                                              "\"unit_price\",\"b\"]}", "")), &s));
    alm_scorer_columns columns = {.row = NAMES(ALM_STR("b"), ALM_STR("unit price")),
                                  .row_count = 2};
    ok(w, alm_scorer_bind(s, &columns, &b, &w->error));
    alm_scorer_binding_destroy(b);
    columns = (alm_scorer_columns){.row = NAMES(ALM_STR("b"), ALM_STR("unit price"),
                                                ALM_STR("unit_price")), .row_count = 3};
    ok(w, alm_scorer_bind(s, &columns, &b, &w->error));
    size_t ignored = 0;
    assert_true(alm_str_is(alm_scorer_ignored(b, &ignored)[0], "unit price"));
    alm_scorer_binding_destroy(b);
    alm_scorer_destroy(s);
}

/* ---- values ---- */

static void refuse_values(scorer_case *w, const alm_scorer *s, const alm_scorer_batch *batch,
                          const char *words)
{
    alm_scorer_binding *b = NULL;
    alm_scorer_scratch *scratch = NULL;
    double value[400], member[3200];
    for (size_t i = 0; i < 400; i++) {
        value[i] = -7;
    }
    alm_scorer_columns columns = {NAMES(ALM_STR("b"), ALM_STR("a")), 2,
                                  NAMES(ALM_STR("y"), ALM_STR("x")), 2, 3};
    alm_scorer_output out = {.value = value, .member = member};
    ok(w, alm_scorer_bind(s, &columns, &b, &w->error));
    ok(w, alm_scorer_scratch_create(b, NULL, &scratch, &w->error));
    alm_err code = alm_scorer_predict(scratch, batch, &out, &w->error);
    if (words) {
        expect(w, code, ALM_ERR_NUMERIC, words);
        assert_true(value[0] == -7);
    } else {
        ok(w, code);
        assert_true(value[0] == 0 || value[0] == 1);
    }
    alm_scorer_scratch_destroy(scratch);
    alm_scorer_binding_destroy(b);
}

static void values_are_refused_with_their_place(void **state)
{
    scorer_case *w = *state;
    alm_scorer *s = NULL;
    double rows[2 * 400] = {0}, windows[400 * 3 * 2] = {0};
    alm_scorer_batch batch = {.count = 400, .rows = rows, .stride = 2, .windows = windows};
    ok(w, scorer_case_read(w, CLASSES(HORIZON(
        NET ",{\"name\":\"m\",\"model\":\"two.txt\",\"columns\":[\"a\",\"b\"],"
        "\"scaler\":\"scaler.json\"}", ",\"combination\":{\"kind\":\"soft_vote\"}")), &s));
    refuse_values(w, s, &batch, NULL);
    rows[2 * 7] = NAN; /* a forest takes a missing value, scaled or not */
    windows[0] = NAN;  /* a step that the net does not take */
    refuse_values(w, s, &batch, NULL);
    rows[2 * 390 + 1] = INFINITY;
    refuse_values(w, s, &batch, "row 391, column a is inf: member m scales it");
    windows[(300 * 3 + 2) * 2 + 1] = NAN;
    refuse_values(w, s, &batch, "row 301, step 3 of its window, column x is nan: member n is");
    windows[(2 * 3 + 1) * 2] = 1e37; /* finite, but not when divided by 1e-3, as float */
    refuse_values(w, s, &batch, "row 3, step 2 of its window, column y is 1e+37");
    alm_scorer_destroy(s);
}

/* Every allocation that can fail, fails once; a sanitizer sees what is left. */
static void failed_allocations_leak_nothing(void **state)
{
    scorer_case *w = *state;
    alm_err code = ALM_ERR_MEMORY;
    for (uint64_t nth = 1; code != ALM_OK; nth++) {
        alm_scorer *s = NULL;
        (void)alm_heap_fail_at(nth);
        code = scorer_case_read(w, FULL, &s);
        (void)alm_heap_fail_at(0);
        assert_true((code == ALM_OK) == (s != NULL) && nth < 1000);
        if (code != ALM_OK) {
            expect(w, code, code, "out of memory");
        }
        alm_scorer_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(documents_are_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_the_model_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(writing_gives_the_canonical_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(saved_folder_is_the_same_scorer, setup, teardown),
        cmocka_unit_test_setup_teardown(columns_are_found_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(blanks_are_underscores, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_refused_with_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_allocations_leak_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
