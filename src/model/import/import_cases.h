/* import_cases.h: what the tests of the importers share. Only *_test.c include it. */
#ifndef ALM_MODEL_IMPORT_IMPORT_CASES_H
#define ALM_MODEL_IMPORT_IMPORT_CASES_H

#include "model/forest/forest_cases.h"

/* The next `count` items of a fixture's bytes, aligned. */
static inline void *case_take(alm_arena *arena, alm_str *from, size_t count, size_t size)
{
    void *to = alm_arena_alloc_array(arena, count + 1, size);
    alm_assert(count * size <= from->size);
    memcpy(to, from->data, count * size);
    from->data += count * size;
    from->size -= count * size;
    return to;
}

/* Each allocation that may fail fails once; nothing leaks and the output stays untouched. */
static inline void case_fail_every_allocation(case_parser *parse, alm_str bytes)
{
    size_t held = alm_heap_held_bytes();
    bool succeeded = false;
    for (uint64_t nth = 1; !succeeded; nth++) {
        alm_forest *forest = NULL;
        alm_error error;
        alm_heap_fail_at(nth);
        alm_err code = parse(bytes, "m", &forest, &error);
        alm_heap_fail_at(0);
        succeeded = code == ALM_OK;
        alm_assert(succeeded || (code == ALM_ERR_MEMORY && forest == NULL));
        alm_forest_destroy(forest);
        alm_assert(alm_heap_held_bytes() == held);
        alm_assert(nth < 5000);
    }
}

/* Each of these fixtures, damaged in thousands of ways, is read or refused and no more; both
 * happen. */
static inline void case_damage_files(case_parser *parse, const char *const *name, size_t count,
                                     uint64_t seed)
{
    enum { ROUNDS = 3000, OF_EACH = 100 };
    static const char bytes[] = "0123456789-=.,:[]{}\"EaNelLUdiS$#\0\xFF\x80";
    const alm_str alphabet = {bytes, sizeof bytes - 1};
    alm_buffer text = {0};
    for (size_t i = 0; i < count; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_rng rng = alm_rng_stream(seed, i);
        alm_str original = case_fixture(arena, name[i]);
        size_t accepted = 0;
        for (int round = 0; round < ROUNDS; round++) {
            accepted += case_parse_damaged(parse, &rng, original, alphabet, &text);
        }
        alm_assert(accepted > OF_EACH && accepted < ROUNDS - OF_EACH);
        alm_arena_destroy(arena);
    }
    alm_buffer_deinit(&text);
}

/* Do the rows end in the leaves that the library says? rows x trees; `what` names the forest. */
static inline void case_check_leaves(const alm_forest *forest, const double *row,
                                     const int32_t *leaf, size_t rows, const char *what)
{
    alm_forest_info info = alm_forest_describe(forest);
    for (size_t i = 0; i < rows; i++) {
        for (size_t t = 0; t < info.tree_count; t++) {
            size_t found = alm_forest_leaf(forest, t, row + i * info.feature_count);
            size_t expected = (size_t)leaf[i * info.tree_count + t];
            if (found != expected) {
                (void)fprintf(stderr, "%s: row %zu tree %zu: leaf %zu instead of %zu\n", what, i, t,
                              found, expected);
            }
            alm_assert(found == expected);
        }
    }
}

/* A forest, rows, and who judges the scores of rows [first, first + count). */
typedef struct case_scored {
    alm_arena *arena;
    alm_forest *forest;
    const double *row;
    size_t rows;
    void (*check)(const void *context, const double *score, size_t first, size_t count,
                  const char *what);
    const void *context;
} case_scored;

/* By the kernels that the forest has been told to use, few rows and many. */
static inline void case_score_kernel(const case_scored *c, double *score, const char *what)
{
    alm_forest_info info = alm_forest_describe(c->forest);
    size_t stride = info.feature_count;
    memset(score, 0xFF, c->rows * info.output_count * sizeof *score);
    alm_forest_score(c->forest, c->row, c->rows, stride, score);
    c->check(c->context, score, 0, c->rows, what);
    for (size_t n = 0; n <= 70 && n <= c->rows; n++) {
        size_t first = c->rows - n;
        alm_forest_score(c->forest, c->row + first * stride, n, stride, score);
        c->check(c->context, score, first, n, what);
    }
}

/* By the oracle, and by the kernels of every level that the CPU has. */
static inline void case_score_every_way(const case_scored *c, const char *what)
{
    alm_forest_info info = alm_forest_describe(c->forest);
    double *score = ALM_NEW_ARRAY(c->arena, double, c->rows * info.output_count + 1);
    alm_forest_score_reference(c->forest, c->row, c->rows, info.feature_count, score);
    c->check(c->context, score, 0, c->rows, what);
    for (alm_vector_level level = 0; level <= alm_vector_level_bound(); level++) {
        alm_assert(alm_forest_use_vectors(c->forest, level));
        case_score_kernel(c, score, what);
    }
}

#endif
