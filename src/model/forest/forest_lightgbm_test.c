/* forest_lightgbm_test.c: a text is the same forest, or the same error, whether its trees are found
 * by the sizes in the header or one after the other, and by however many threads; lists of numbers
 * as they are written mostly, and as they are not. A file is the same as its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "model/forest/forest_cases.h"
#include "model/forest/forest_lightgbm_list.h"

#define ROWS 70
#define FEATURES 9
#define OUTPUTS_MAX 3

/* What is to be said of a text. */
typedef struct outcome {
    alm_err code;
    char message[sizeof ((alm_error *)0)->message];
    double score[ROWS * OUTPUTS_MAX], literal[ROWS * OUTPUTS_MAX];
    alm_digest digest;
} outcome;

static void read_content(alm_pool *pool, alm_fs_content *content, const double *rows,
                         outcome *out)
{
    alm_forest *forest = NULL;
    alm_error error = {0};
    memset(out, 0, sizeof *out);
    out->code = alm_forest_read_lightgbm(pool, content, true, "m.txt", &forest, &error);
    assert_true((out->code == ALM_OK) == (forest != NULL));
    assert_null(content->reading);
    memcpy(out->message, error.message, sizeof out->message);
    if (forest == NULL) {
        return;
    }
    out->digest = alm_hash_finish(&content->hash, content->bytes);
    assert_true(alm_forest_describe(forest).output_count <= OUTPUTS_MAX);
    if (alm_forest_describe(forest).feature_count <= FEATURES) {
        alm_forest_score(forest, rows, ROWS, FEATURES, out->score);
        alm_forest_score_reference(forest, rows, ROWS, FEATURES, out->literal);
    }
    alm_forest_destroy(forest);
}

static void read_with(alm_pool *pool, alm_str text, const double *rows, outcome *out)
{
    alm_fs_content content = {.bytes = text};
    read_content(pool, &content, rows, out);
}

static void assert_same(const outcome *a, const outcome *b)
{
    if (a->code != b->code || strcmp(a->message, b->message) != 0) {
        fail_msg("'%s' is not '%s'", a->message, b->message);
    }
    assert_memory_equal(a->score, b->score, sizeof a->score);
    assert_memory_equal(a->literal, b->literal, sizeof a->literal);
}

/* The text with sizes that lead nowhere, and all its lines where they were. */
static alm_str with_wrong_sizes(alm_arena *arena, alm_str text)
{
    char *copy = alm_arena_copy_text(arena, text.data, text.size);
    char *sizes = strstr(copy, "\ntree_sizes=");
    assert_non_null(sizes);
    sizes[strlen("\ntree_sizes=")]++; /* ':' when it was a 9: no number, and as wrong */
    return (alm_str){copy, text.size};
}

static const forest_shape SHAPES[] = {
    {.trees = 70, .outputs = 1, .features = FEATURES, .leaves = 31, .grid = 16},
    {.trees = 30, .outputs = 3, .features = FEATURES, .leaves = 12, .grid = 1000,
     .no_counts = true},
    {.trees = 40, .outputs = 1, .features = FEATURES, .leaves = 20, .grid = 16, .categories = true},
    {.trees = 33, .outputs = 1, .features = FEATURES, .leaves = 17, .grid = 16, .linear = true},
    {.trees = 20, .outputs = 1, .features = FEATURES, .leaves = 300, .grid = 4000, .chain = true},
    {.trees = 35, .outputs = 1, .features = FEATURES, .leaves = 40, .grid = 64, .backwards = true},
};
#define SHAPE_COUNT (sizeof SHAPES / sizeof *SHAPES)

static void sizes_and_threads_change_nothing(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPE_COUNT; s++) {
        alm_arena *arena = alm_arena_create(0);
        alm_str text = case_text(arena, &SHAPES[s], 4 * s);
        const double *rows = case_rows(arena, ROWS, FEATURES, SHAPES[s].grid);
        outcome *first = ALM_NEW(arena, outcome), *other = ALM_NEW(arena, outcome);
        read_with(NULL, with_wrong_sizes(arena, text), rows, first);
        assert_int_equal(first->code, ALM_OK);
        assert_memory_equal(first->score, first->literal, sizeof first->score);
        alm_digest digest = alm_hash_bytes(text.data, text.size);
        for (int threads = 1; threads <= 4; threads++) {
            alm_pool *pool = NULL;
            assert_int_equal(alm_pool_create(threads, &pool, NULL), ALM_OK);
            read_with(pool, text, rows, other);
            assert_same(first, other);
            assert_true(alm_digest_equal(&digest, &other->digest));
            alm_pool_destroy(pool);
        }
        alm_arena_destroy(arena);
    }
}

/* Bytes of the trees are overwritten, so that the sizes still lead to each of them. */
static void errors_are_those_of_trees_read_one_by_one(void **state)
{
    (void)state;
    static const char BYTES[] = "0123456789 -.\n\r\t=eTx,";
    alm_rng rng = alm_rng_stream(7, 1);
    alm_pool *pool = NULL;
    size_t refused = 0;
    assert_int_equal(alm_pool_create(2, &pool, NULL), ALM_OK);
    for (size_t round = 0; round < 1500; round++) {
        alm_arena *arena = alm_arena_create(0);
        forest_shape shape = SHAPES[round % SHAPE_COUNT];
        shape.trees = 18; /* more than a task reads */
        shape.leaves = 8;
        alm_str text = case_text(arena, &shape, 4 * round);
        const double *rows = case_rows(arena, ROWS, FEATURES, shape.grid);
        char *damaged = alm_arena_copy_text(arena, text.data, text.size);
        size_t first = (size_t)(strstr(damaged, "\nTree=0") - damaged) + 1;
        for (size_t i = 0; i < 1 + round % 3; i++) {
            size_t at = first + alm_rng_next_below(&rng, text.size - first);
            damaged[at] = BYTES[alm_rng_next_below(&rng, sizeof BYTES - 1)];
        }
        if (round % 5 == 0) { /* a tree that begins inside another one */
            size_t at = first + alm_rng_next_below(&rng, text.size - first - 8);
            memcpy(damaged + at, "\nTree=9\n", 8);
        }
        text.data = damaged;
        outcome *sized = ALM_NEW(arena, outcome), *plain = ALM_NEW(arena, outcome);
        read_with(round % 2 ? pool : NULL, text, rows, sized);
        read_with(NULL, with_wrong_sizes(arena, text), rows, plain);
        assert_same(plain, sized);
        refused += plain->code != ALM_OK;
        alm_arena_destroy(arena);
    }
    assert_in_range(refused, 300, 1400);
    alm_pool_destroy(pool);
}

typedef struct reading_case {
    alm_fs *inner, *fs; /* fs can fail */
    alm_pool *pool;
    alm_arena *arena;
    alm_str text;
    const double *rows;
    outcome *plain, *read; /* of the text, and of the file */
} reading_case;

/* Begins to read the file when it has `begun` bytes, and goes on when it has all. */
static void read_file(reading_case *c, size_t begun)
{
    alm_fs_content content;
    alm_error error = {0};
    alm_file *file = NULL;
    assert_int_equal(c->inner->ops->create(c->inner, "m.txt", &file, &error), ALM_OK);
    assert_int_equal(c->inner->ops->write(c->inner, file, c->text.data, begun, &error), ALM_OK);
    assert_int_equal(alm_fs_read_begin(c->fs, "m.txt", 1 << 22, c->arena, &content, &error),
                     ALM_OK);
    if (begun < c->text.size) {
        assert_int_equal(c->inner->ops->write(c->inner, file, c->text.data + begun,
                                              c->text.size - begun, &error), ALM_OK);
    }
    assert_int_equal(c->inner->ops->close(c->inner, file, &error), ALM_OK);
    read_content(c->pool, &content, c->rows, c->read);
    assert_int_equal(c->inner->ops->unlink(c->inner, "m.txt", &error), ALM_OK);
}

static void cannot_be_read(reading_case *c, uint64_t call)
{
    alm_fs_fault fault = {.mode = ALM_FS_FAULT_FAIL, .calls = ALM_FS_CALL_BIT(READ), .nth = call};
    alm_fs_fault_set(c->fs, &fault);
    read_file(c, c->text.size);
    assert_true(alm_fs_fault_happened(c->fs));
    assert_int_equal(c->read->code, ALM_ERR_IO);
    assert_non_null(strstr(c->read->message, "the disk is full"));
    alm_fs_fault_set(c->fs, &(alm_fs_fault){0});
}

/* Whole, damaged, without an end, without trees; as it grows; and when it cannot be read on. */
static void a_file_is_read_as_its_text_is(void **state)
{
    (void)state;
    static const char *const FIRST[] = {"tree\n", "tree\nTree=", "tree\nnum_class=x\nTree=0\n", ""};
    alm_rng rng = alm_rng_stream(7, 3);
    reading_case c = {0};
    assert_int_equal(alm_fs_memory_create(&c.inner, NULL), ALM_OK);
    assert_int_equal(alm_fs_fault_create(c.inner, &c.fs, NULL), ALM_OK);
    assert_int_equal(alm_pool_create(2, &c.pool, NULL), ALM_OK);
    for (size_t round = 0; round < 200; round++) {
        c.arena = alm_arena_create(0);
        c.plain = ALM_NEW(c.arena, outcome);
        c.read = ALM_NEW(c.arena, outcome);
        forest_shape shape = SHAPES[round % SHAPE_COUNT];
        shape.trees *= round == 0 ? 12 : 1; /* one that is read in parts */
        c.text = case_text(c.arena, &shape, 4 * round);
        c.rows = case_rows(c.arena, ROWS, FEATURES, 16);
        if (round % 4 == 1) { /* the ends of texts, too */
            c.text.size -= alm_rng_next_below(&rng, 40);
        } else if (round % 4 == 2) {
            c.text.size = alm_rng_next_below(&rng, c.text.size);
        } else if (round % 16 == 3) {
            c.text = alm_str_of(FIRST[round / 16 % (sizeof FIRST / sizeof *FIRST)]);
        }
        read_with(NULL, c.text, c.rows, c.plain);
        read_file(&c, c.text.size);
        assert_same(c.plain, c.read);
        read_file(&c, alm_rng_next_below(&rng, c.text.size + 1));
        assert_same(c.plain, c.read);
        assert_true(c.plain->code != ALM_OK ||
                    alm_digest_equal(&c.plain->digest, &c.read->digest));
        cannot_be_read(&c, 1);
        if (round == 0) {
            assert_in_range(c.text.size, 600000, 1 << 22);
            cannot_be_read(&c, 2);
            cannot_be_read(&c, 3);
        }
        alm_arena_destroy(c.arena);
    }
    alm_pool_destroy(c.pool);
    alm_fs_destroy(c.fs);
    alm_fs_destroy(c.inner);
}

/* Sizes that are wrong in ways of their own. */
static void sizes_are_not_trusted(void **state)
{
    (void)state;
    static const char *const SIZES[] = {"", "0", "-1", "x", "1 2", "9223372036854775807", "176",
                                        "99999999999999999999"};
    alm_arena *arena = alm_arena_create(0);
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        alm_str text = alm_str_of(alm_arena_printf(
            arena,
            "tree\nversion=v4\nnum_class=1\nmax_feature_idx=1\nfeature_names=a b\ntree_sizes=%s\n\n"
            "Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=1\nthreshold=0.5\ndecision_type=2\n"
            "left_child=-1\nright_child=-2\nleaf_value=1 2\nleaf_count=5 10\ninternal_count=15\n"
            "is_linear=0\nshrinkage=1\n\n\nend of trees\n", SIZES[i]));
        alm_forest *forest = NULL;
        alm_error error = {0};
        bool one = strchr(SIZES[i], ' ') == NULL && SIZES[i][0] != '\0';
        alm_err code = alm_forest_parse_lightgbm(text, "m.txt", &forest, &error);
        if ((code == ALM_OK) != one) {
            fail_msg("'%s': %s", SIZES[i], error.message);
        }
        assert_true(one || strstr(error.message, "does not fit the header") != NULL);
        alm_forest_destroy(forest);
    }
    alm_arena_destroy(arena);
}

/* ---- lists ---- */

#define MANY 400

/* Reads a list as far as it is written as usual, next to other text. */
static size_t list_of(const char *text, double *value, int32_t *whole, size_t most, size_t *rest)
{
    alm_buffer out = {0};
    alm_buffer_text(&out, "key=");
    alm_buffer_text(&out, text);
    alm_str list = {out.data + 4, out.size - 4};
    alm_buffer_text(&out, "\nsomething=1 2 3 4 5 6 7 8 9 that comes behind it in the same text, "
                          "as in LightGBM's always: a hundred bytes and more of that\n");
    list.data = out.data + 4; /* it may have moved */
    almi_list doubles = {list, out.data + out.size}, integers = doubles;
    size_t count = almi_list_doubles(&doubles, value, most);
    size_t whole_count = almi_list_integers(&integers, whole, most);
    assert_true(whole_count <= count);
    for (size_t i = 0; i < whole_count; i++) {
        assert_true((double)whole[i] == value[i]);
    }
    assert_ptr_equal(doubles.rest.data + doubles.rest.size, list.data + list.size);
    *rest = doubles.rest.size;
    alm_buffer_deinit(&out);
    return count;
}

static void lists_are_read_as_far_as_they_are_usual(void **state)
{
    (void)state;
    double value[MANY];
    int32_t whole[MANY];
    size_t rest = 0;
    assert_int_equal(list_of("1 -2 -0 1234567 0.5 -59.500000000000007", value, whole, 9, &rest), 6);
    assert_true(value[1] == -2 && value[2] == 0 && signbit(value[2]) && value[3] == 1234567);
    assert_true(value[4] == 0.5 && value[5] == -59.500000000000007 && rest == 0);
    assert_int_equal(list_of("1 2 3", value, whole, 2, &rest), 2);
    assert_int_equal(rest, 1);
    assert_int_equal(list_of("", value, whole, 2, &rest), 0);
    static const struct {
        const char *text;
        size_t count;
    } STOPS[] = {{"1 2  3", 2}, {"1 2\t3", 1}, {"1 +2", 1}, {"1 12345678 2", 1}, {"1 2 ", 2},
                 {" 1 2", 2}, {"  1", 0}, {"1 nan", 1}, {"1 1e5", 1}, {"1 1.5e-05 2", 1},
                 {"1 --2", 1}, {"1 2x", 1}, {"1 -", 1}, {"1 .5", 1}, {"1 5. 2", 1},
                 {"1 2,5", 1}, {"1 2\r", 1}};
    for (size_t i = 0; i < sizeof STOPS / sizeof *STOPS; i++) {
        size_t count = list_of(STOPS[i].text, value, whole, 9, &rest);
        if (count != STOPS[i].count) {
            fail_msg("'%s': %zu numbers, expected %zu", STOPS[i].text, count, STOPS[i].count);
        }
    }
    alm_rng rng = alm_rng_stream(7, 2);
    for (size_t round = 0; round < 300; round++) { /* across windows */
        alm_buffer text = {0};
        double expected[MANY];
        size_t n = 1 + alm_rng_next_below(&rng, MANY - 1);
        for (size_t i = 0; i < n; i++) {
            double x = (double)alm_rng_next_below(&rng, 2000000) - 1000000;
            expected[i] = round % 2 ? x : x / 1024;
            char number[32];
            (void)snprintf(number, sizeof number, i == 0 ? "%.10g" : " %.10g", expected[i]);
            alm_buffer_text(&text, number);
            assert_true(sscanf(number, "%lf", &expected[i]) == 1);
        }
        assert_int_equal(list_of(text.data, value, whole, MANY, &rest), n);
        assert_memory_equal(value, expected, n * sizeof *value);
        assert_int_equal(rest, 0);
        alm_buffer_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_threads_change_nothing),
        cmocka_unit_test(errors_are_those_of_trees_read_one_by_one),
        cmocka_unit_test(a_file_is_read_as_its_text_is),
        cmocka_unit_test(sizes_are_not_trusted),
        cmocka_unit_test(lists_are_read_as_far_as_they_are_usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
