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
