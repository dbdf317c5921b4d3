/* forest_quick.c: one row against 64 trees at once.
 *
 * QuickScorer (Lucchese et al. 2015) and RapidScorer strike out leaves at every node whose test
 * fails; here a tree is a byte lane of a vector, and all that is kept of it is one leaf. The leaves
 * of a tree stand in order, left before right. Between any two neighbours there is exactly one
 * node, whose left side ends with the one and whose right side begins with the other. The nodes are
 * asked in this order, and the leaf is the one that the row would reach if all nodes that are not
 * asked yet sent it to the left: first the leaf 0; and a node that sends the row to the right moves
 * it to the first leaf of its right side, if the row gets to that node at all. It does iff the leaf
 * so far is not before the first one below the node, since what was asked before is all to the left
 * of what comes.
 *
 * So a tree of n leaves takes n - 1 steps whatever its shape, and a step does the same in all of
 * them: 64 codes come from registers by permutation, are compared, and where the leaf so far is not
 * before the node it becomes the next one. No branch or address depends on the row but the look-up
 * of the values. Two nodes are one turn, because what costs is the waiting for the leaf so far: who
 * is sent to the leaf between the two is on the way to the second whatever its shape, so where both
 * send such a row is known before.
 *
 * CatBoost's symmetric trees ask the same of all nodes of a level, so there a slot is a level and
 * gives a bit of the leaf's number.
 *
 * The values are added in the order of the trees, as the source library does, so each waits for the
 * one before. With one output that is done while the next trees are searched, which leaves room.
 *
 * For forests with up to 256 lanes (AVX2: 128), or parted into such (forest_compile.c), whose
 * leaves' values are in one table, and for those whose trees are all symmetric. The slots are read
 * from one end to the other, so they need not fit a cache. */
#include <string.h>

#include "model/forest/forest_kernel.h"

#define TREES 64  /* at once */
#define HALVES 2  /* that go side by side, since each step waits for the one before */
#define TREES_MIN 16 /* of a forest: fewer are walked sooner */
/* Beside a longer search adding is little, and the values of so many leaves are far away: asked for
 * all at once, they come together. */
#define SLOTS_SHARED 64
#define SINGLES_MAX 32 /* outputs whose sums are floats until the end: 7 % of 1,000 trees' time */
#define LANES ALMI_QUICK_LANES
#define LANES_V3 128     /* with AVX2, and with AVX-512 of symmetric trees */
#define TABLE_LANES 64   /* of a register of AVX-512 */
#define TABLES_MAX (LANES / TABLE_LANES)
#define BYTE_BITS 8
#define NEVER (UINT8_MAX ^ ALMI_CODE_SIGN) /* a limit that no code is above */

_Static_assert(HALVES * TREES == ALMI_QUICK_TREES, "a part of a forest is a batch");

typedef struct quick_slot {
    uint8_t lane[TREES];
    uint8_t limit[TREES];
    uint8_t begin[TREES]; /* the first leaf below the node; of a level nothing */
} quick_slot;

/* Up to HALVES x TREES trees. */
typedef struct quick_batch {
    quick_slot *slot; /* [slot][half] */
    size_t slot_count, half_count;
    const almi_fast_tree *tree;
    size_t tree_begin, tree_count;
    const double **symmetric; /* [tree_count] values of the leaves; NULL: in the forest's table */
    /* [tree_count] to which each adds, of several and not symmetric; else NULL. Not taken from the
     * trees: they would fill the caches for it. */
    uint32_t *output;
} quick_batch;

typedef struct almi_quick {
    quick_batch *batch;
    size_t batch_count;
    bool is_symmetric; /* else no tree is */
    size_t lanes;  /* at most in a group */
    size_t slots;  /* of all batches and their halves */
    size_t levels; /* that walks of ALMI_WALK_WIDTH trees would take */
} almi_quick;

#if ALM_HAS_VECTOR_LEVELS
#include <immintrin.h>

/* ---- building ---- */

static bool is_quick(const alm_forest *forest)
{
    bool fits = forest->info.tree_count >= TREES_MIN && !forest->info.has_linear_leaves &&
                (forest->is_parted || (forest->lane_count <= LANES && forest->group_count == 1));
    bool symmetric = fits && forest->fast[0].symmetric_depth > 0;
    fits = fits && (symmetric ? forest->lane_count <= LANES_V3 : forest->leaf_values != NULL);
    for (size_t t = 0; t < forest->info.tree_count && fits; t++) {
        fits = symmetric ? forest->fast[t].symmetric_depth > 0 : forest->fast[t].between != NULL;
    }
    return fits;
}

static size_t slots_of(const almi_fast_tree *tree)
{
    return tree->symmetric_depth > 0 ? tree->symmetric_depth : tree->leaf_count - 1;
}

/* Slot i of tree k of a batch. */
static void fill_slot(quick_batch *batch, size_t k, size_t i)
{
    const almi_fast_tree *tree = &batch->tree[k];
    quick_slot *to = &batch->slot[i * batch->half_count + k / TREES];
    size_t at = k % TREES;
    if (tree->symmetric_depth > 0) {
        to->lane[at] = (uint8_t)tree->level[i].lane;
        to->limit[at] = (uint8_t)(tree->level[i].limit ^ ALMI_CODE_SIGN);
        return;
    }
    to->lane[at] = (uint8_t)tree->between[i].lane;
    to->limit[at] = (uint8_t)(tree->between[i].limit ^ ALMI_CODE_SIGN);
    to->begin[at] = (uint8_t)tree->between[i].begin;
}

typedef struct building {
    const alm_forest *forest;
    almi_quick *quick;
} building;

static alm_err take_symmetric(const building *b, quick_batch *batch, alm_arena *arena,
                              alm_error *error)
{
    const almi_tree *literal = &b->forest->tree[batch->tree_begin];
    ALM_TRY(ALMI_FOREST_ARRAY(arena, batch->tree_count, batch->symmetric, error));
    for (size_t k = 0; k < batch->tree_count; k++) {
        batch->symmetric[k] = literal[k].leaf_value;
    }
    return ALM_OK;
}

static alm_err take_outputs(const building *b, quick_batch *batch, alm_arena *arena,
                            alm_error *error)
{
    if (b->forest->info.output_count == 1) {
        return ALM_OK;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(arena, batch->tree_count, batch->output, error));
    for (size_t k = 0; k < batch->tree_count; k++) {
        batch->output[k] = batch->tree[k].output;
    }
    return ALM_OK;
}

static alm_err build_batch(void *context, size_t task, int worker, alm_error *error)
{
    const building *b = context;
    quick_batch *batch = &b->quick->batch[task];
    size_t begin = task * HALVES * TREES, left = b->forest->info.tree_count - begin;
    batch->tree = &b->forest->fast[begin];
    batch->tree_begin = begin;
    batch->tree_count = left < HALVES * TREES ? left : HALVES * TREES;
    batch->half_count = (batch->tree_count + TREES - 1) / TREES;
    alm_arena *arena = b->forest->worker_arena[worker];
    ALM_TRY((b->quick->is_symmetric ? take_symmetric : take_outputs)(b, batch, arena, error));
    for (size_t k = 0; k < batch->tree_count; k++) {
        size_t own = slots_of(&batch->tree[k]);
        batch->slot_count = own > batch->slot_count ? own : batch->slot_count;
    }
    batch->slot_count += batch->slot_count % 2; /* the last may be one that nobody passes */
    size_t slots = batch->slot_count * batch->half_count;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, slots, batch->slot, error));
    for (size_t i = 0; i < slots; i++) {
        memset(batch->slot[i].limit, NEVER, TREES);
    }
    for (size_t k = 0; k < batch->tree_count; k++) {
        for (size_t i = 0; i < slots_of(&batch->tree[k]); i++) {
            fill_slot(batch, k, i);
        }
    }
    return ALM_OK;
}

alm_err almi_quick_build(alm_forest *forest, alm_error *error)
{
    if (!is_quick(forest) || alm_vector_level_bound() < ALM_VECTORS_V3) {
        return ALM_OK;
    }
    almi_quick *quick = NULL;
    const size_t trees = HALVES * TREES;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, 1, quick, error));
    quick->batch_count = (forest->info.tree_count + trees - 1) / trees;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, quick->batch_count, quick->batch, error));
    quick->is_symmetric = forest->fast[0].symmetric_depth > 0;
    building b = {forest, quick};
    ALM_TRY(alm_pool_run(forest->pool, quick->batch_count, build_batch, &b, error));
    for (size_t i = 0; i < forest->group_count; i++) {
        size_t lanes = forest->group[i].lane_count;
        quick->lanes = lanes > quick->lanes ? lanes : quick->lanes;
    }
    for (size_t i = 0; i < quick->batch_count; i++) {
        quick->slots += quick->batch[i].slot_count * quick->batch[i].half_count;
    }
    for (size_t t = 0; t < forest->info.tree_count; t += ALMI_WALK_WIDTH) {
        size_t deepest = 0;
        for (size_t i = t; i < forest->info.tree_count && i < t + ALMI_WALK_WIDTH; i++) {
            deepest = forest->fast[i].depth > deepest ? forest->fast[i].depth : deepest;
        }
        quick->levels += deepest;
    }
    forest->quick = quick;
    return ALM_OK;
}

/* ---- scoring ---- */

/* Tenths of nanoseconds, as measured (README.md, timings); only their ratio matters. */
#define SLOT_V4 25
#define SLOT_V4_MANY 35 /* above LANES_V3 lanes */
#define SLOT_V3 50
#define WALKED_LEVEL 75

static bool with_vbmi(const alm_forest *forest)
{
    return forest->kernel->level >= ALM_VECTORS_V4 && forest->has_vbmi;
}

bool almi_quick_can(const alm_forest *forest)
{
    return forest->quick != NULL && forest->kernel->level >= ALM_VECTORS_V3 &&
           (with_vbmi(forest) || forest->quick->lanes <= LANES_V3);
}

bool almi_quick_is_sooner(const alm_forest *forest)
{
    const almi_quick *quick = forest->quick;
    if (!almi_quick_can(forest)) {
        return false;
    }
    size_t slot = !with_vbmi(forest) ? SLOT_V3 : quick->lanes > LANES_V3 ? SLOT_V4_MANY : SLOT_V4;
    return quick->slots * slot < quick->levels * WALKED_LEVEL;
}

/* What is still to be added: some values at each step of the next search. */
typedef struct quick_sum {
    const uint8_t *place; /* the leaf that the row reached in the next tree, and in those behind */
    const double *value;  /* of the next tree, and stride behind it of the next but one */
    const float *single;  /* instead, where values are floats */
    size_t left, a_step;  /* trees; a_step of them while a turn of a search is made */
    size_t stride;
    double sum;
    float single_sum;
} quick_sum;

/* A batch that a row is searched in. */
typedef struct quick_search {
    const quick_batch *batch;
    const uint8_t *code;
    size_t lanes; /* that there are codes of */
    uint8_t *place; /* [tree] in order of the leaf that the row reaches: what is looked for */
    quick_sum *before;
} quick_search;

/* Unrolled: the fewer instructions, the sooner the CPU comes to what follows. */
ALM_INLINE void add_some(quick_sum *sum, size_t most)
{
    size_t count = sum->left < most ? sum->left : most;
    sum->left -= count;
    if (sum->single != NULL) {
        ALM_UNROLLED
        for (; count > 0; count--, sum->single += sum->stride) {
            sum->single_sum += sum->single[*sum->place++];
        }
    } else {
        ALM_UNROLLED
        for (; count > 0; count--, sum->value += sum->stride) {
            sum->sum += sum->value[*sum->place++];
        }
    }
}

/* The trees whose node here sends the row to the right. */
ALMI_V4_VBMI ALM_INLINE __mmask64 is_right_512(const quick_slot *slot, const __m512i *table,
                                               size_t tables)
{
    __m512i lane = _mm512_load_si512(slot->lane);
    __m512i own = tables == 1 ? _mm512_permutexvar_epi8(lane, table[0])
                              : _mm512_permutex2var_epi8(table[0], lane, table[1]);
    if (tables > 2) { /* the highest bit says in which two */
        __m512i high = _mm512_permutex2var_epi8(table[2], lane, table[3]);
        own = _mm512_mask_mov_epi8(own, _mm512_movepi8_mask(lane), high);
    }
    return _mm512_cmpgt_epi8_mask(own, _mm512_load_si512(slot->limit));
}

ALMI_V4_VBMI ALM_INLINE void load_tables_512(const uint8_t *code, size_t tables, __m512i *table)
{
    ALM_UNROLLED
    for (size_t i = 0; i < tables; i++) {
        __m512i own = _mm512_load_si512(code + i * TABLE_LANES);
        table[i] = _mm512_xor_si512(own, _mm512_set1_epi8((char)ALMI_CODE_SIGN));
    }
}

/* With VBMI. tables: 1, 2 or 4. */
ALMI_V4_VBMI ALM_INLINE void reach_512(const quick_search *search, size_t tables, size_t halves)
{
    const quick_batch *batch = search->batch;
    quick_sum before = *search->before; /* in registers */
    __m512i table[TABLES_MAX];
    load_tables_512(search->code, tables, table);
    __m512i leaf = _mm512_set1_epi8(1), next = _mm512_set1_epi8(2), two = next;
    __m512i reached[HALVES] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    const quick_slot *slot = batch->slot;
    for (size_t i = 0; i < batch->slot_count; i += 2, slot += 2 * halves) {
        ALM_UNROLLED
        for (size_t h = 0; h < halves; h++) {
            const quick_slot *first = &slot[h], *second = &slot[halves + h];
            __mmask64 first_right = is_right_512(first, table, tables);
            __mmask64 second_right = is_right_512(second, table, tables);
            __m512i moved = _mm512_mask_mov_epi8(leaf, second_right, next);
            first_right = _mm512_mask_cmpge_epu8_mask(first_right, reached[h],
                                                      _mm512_load_si512(first->begin));
            second_right = _mm512_mask_cmpge_epu8_mask(second_right, reached[h],
                                                       _mm512_load_si512(second->begin));
            reached[h] = _mm512_mask_mov_epi8(reached[h], second_right, next);
            reached[h] = _mm512_mask_mov_epi8(reached[h], first_right, moved);
        }
        leaf = _mm512_add_epi8(leaf, two);
        next = _mm512_add_epi8(next, two);
        add_some(&before, before.a_step);
    }
    for (size_t h = 0; h < halves; h++) {
        _mm512_storeu_si512(search->place + h * TREES, reached[h]);
    }
    *search->before = before;
}

/* Levels of symmetric trees whose answers are one byte of the leaves' numbers. */
typedef struct quick_levels {
    size_t begin, end;
} quick_levels;

ALMI_V4_VBMI static void number_v4(const quick_batch *batch, const uint8_t *code,
                                   quick_levels levels, uint8_t *number)
{
    const size_t tables = LANES_V3 / TABLE_LANES;
    __m512i table[LANES_V3 / TABLE_LANES], bit = _mm512_set1_epi8(1);
    load_tables_512(code, tables, table);
    __m512i byte[HALVES] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    const quick_slot *slot = batch->slot + levels.begin * batch->half_count;
    for (size_t i = levels.begin; i < levels.end; i++) {
        for (size_t h = 0; h < batch->half_count; h++, slot++) {
            __mmask64 right = is_right_512(slot, table, tables);
            byte[h] = _mm512_mask_add_epi8(byte[h], right, byte[h], bit);
        }
        bit = _mm512_add_epi8(bit, bit);
    }
    for (size_t h = 0; h < batch->half_count; h++) {
        _mm512_storeu_si512(number + h * TREES, byte[h]);
    }
}

ALMI_V4_VBMI static void reach_v4(const quick_search *search)
{
    size_t tables = (search->lanes + TABLE_LANES - 1) / TABLE_LANES;
    bool one = search->batch->half_count == 1;
    if (tables <= 1) {
        one ? reach_512(search, 1, 1) : reach_512(search, 1, HALVES);
    } else if (tables == 2) {
        one ? reach_512(search, 2, 1) : reach_512(search, 2, HALVES);
    } else {
        one ? reach_512(search, TABLES_MAX, 1) : reach_512(search, TABLES_MAX, HALVES);
    }
}

/* Of up to four tables with 16 codes each the one that bits 4 and 5, moved to the highest bit,
 * name. A blend is three instructions on some CPUs, so none is wasted. */
ALMI_V3 ALM_INLINE __m256i code_of_64(const __m256i *table, size_t tables, __m256i lane,
                                      __m256i bit_4, __m256i bit_5)
{
    __m256i low = _mm256_blendv_epi8(_mm256_shuffle_epi8(table[0], lane),
                                     _mm256_shuffle_epi8(table[1], lane), bit_4);
    if (tables <= 2) {
        return low;
    }
    __m256i high = _mm256_shuffle_epi8(table[2], lane);
    if (tables > 3) {
        high = _mm256_blendv_epi8(high, _mm256_shuffle_epi8(table[3], lane), bit_4);
    }
    return _mm256_blendv_epi8(low, high, bit_5);
}

/* tables: 2, 3, 4 or 8 */
ALMI_V3 ALM_INLINE __m256i code_of(const __m256i *table, size_t tables, __m256i lane)
{
    __m256i bit_4 = _mm256_slli_epi16(lane, 3), bit_5 = _mm256_slli_epi16(lane, 2);
    __m256i low = code_of_64(table, tables, lane, bit_4, bit_5);
    if (tables <= 4) {
        return low;
    }
    __m256i high = code_of_64(table + 4, 4, lane, bit_4, bit_5);
    return _mm256_blendv_epi8(low, high, _mm256_slli_epi16(lane, 1));
}

ALMI_V3 ALM_INLINE __m256i load_32(const uint8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

/* Trees whose node here sends the row to the right, and those whose leaf so far is not before the
 * first one below it. */
ALMI_V3 ALM_INLINE __m256i is_right_256(const quick_slot *slot, size_t part, const __m256i *table,
                                        size_t tables)
{
    __m256i own = code_of(table, tables, load_32(slot->lane + 32 * part));
    return _mm256_cmpgt_epi8(own, load_32(slot->limit + 32 * part));
}

ALMI_V3 ALM_INLINE __m256i is_not_before_256(__m256i reached, const quick_slot *slot, size_t part)
{
    __m256i most = _mm256_max_epu8(reached, load_32(slot->begin + 32 * part));
    return _mm256_cmpeq_epi8(most, reached);
}

ALMI_V3 ALM_INLINE void load_tables(const uint8_t *code, size_t tables, __m256i *table)
{
    ALM_UNROLLED
    for (size_t i = 0; i < tables; i++) {
        __m128i own = _mm_load_si128((const __m128i *)(code + 16 * i));
        own = _mm_xor_si128(own, _mm_set1_epi8((char)ALMI_CODE_SIGN));
        table[i] = _mm256_broadcastsi128_si256(own);
    }
}

/* The same with AVX2, for 32 trees twice. */
ALMI_V3 ALM_INLINE void reach_256(const quick_search *search, size_t tables, size_t half)
{
    const quick_batch *batch = search->batch;
    quick_sum before = *search->before;
    uint8_t *place = search->place + half * TREES;
    __m256i table[LANES_V3 / 16], none = _mm256_setzero_si256(), reached[2] = {none, none};
    load_tables(search->code, tables, table);
    __m256i leaf = _mm256_set1_epi8(1), next = _mm256_set1_epi8(2), two = next;
    const quick_slot *first = batch->slot + half;
    for (size_t i = 0; i < batch->slot_count; i += 2, first += 2 * batch->half_count) {
        const quick_slot *second = first + batch->half_count;
        ALM_UNROLLED
        for (size_t h = 0; h < 2; h++) {
            __m256i first_to = is_right_256(first, h, table, tables);
            __m256i second_to = _mm256_and_si256(is_right_256(second, h, table, tables), next);
            first_to = _mm256_and_si256(first_to, _mm256_max_epu8(leaf, second_to));
            first_to = _mm256_and_si256(first_to, is_not_before_256(reached[h], first, h));
            second_to = _mm256_and_si256(second_to, is_not_before_256(reached[h], second, h));
            /* No leaf so far is above these. */
            reached[h] = _mm256_max_epu8(reached[h], _mm256_max_epu8(first_to, second_to));
        }
        leaf = _mm256_add_epi8(leaf, two);
        next = _mm256_add_epi8(next, two);
        add_some(&before, before.a_step);
    }
    for (size_t h = 0; h < 2; h++) {
        _mm256_storeu_si256((__m256i *)(place + 32 * h), reached[h]);
    }
    *search->before = before;
}

ALMI_V3 static void number_v3(const quick_batch *batch, const uint8_t *code, quick_levels levels,
                              uint8_t *number)
{
    const size_t tables = LANES_V3 / 16;
    __m256i table[LANES_V3 / 16];
    load_tables(code, tables, table);
    for (size_t part = 0; part < 2 * batch->half_count; part++) {
        const quick_slot *slot = batch->slot + levels.begin * batch->half_count + part / 2;
        __m256i byte = _mm256_setzero_si256(), bit = _mm256_set1_epi8(1);
        for (size_t i = levels.begin; i < levels.end; i++, slot += batch->half_count) {
            __m256i right = is_right_256(slot, part % 2, table, tables);
            byte = _mm256_or_si256(byte, _mm256_and_si256(right, bit));
            bit = _mm256_add_epi8(bit, bit);
        }
        _mm256_storeu_si256((__m256i *)(number + 32 * part), byte);
    }
}

ALMI_V3 static void reach_v3(const quick_search *search)
{
    size_t lanes = search->lanes;
    for (size_t h = 0; h < search->batch->half_count; h++) {
        if (lanes <= 32) {
            reach_256(search, 2, h);
        } else if (lanes <= 48) {
            reach_256(search, 3, h);
        } else if (lanes <= 64) {
            reach_256(search, 4, h);
        } else {
            reach_256(search, LANES_V3 / 16, h);
        }
    }
}

/* The values, one for each output, of the leaf that the row reaches in each symmetric tree. */
static void add_symmetric(const quick_batch *batch, const uint8_t *code, bool wide, size_t outputs,
                          double *out)
{
    uint8_t low[HALVES * TREES], high[HALVES * TREES] = {0};
    size_t levels = batch->slot_count, first = levels < BYTE_BITS ? levels : BYTE_BITS;
    (wide ? number_v4 : number_v3)(batch, code, (quick_levels){0, first}, low);
    if (levels > BYTE_BITS) {
        (wide ? number_v4 : number_v3)(batch, code, (quick_levels){BYTE_BITS, levels}, high);
    }
    if (outputs == 1) {
        double sum = out[0];
        for (size_t k = 0; k < batch->tree_count; k++) {
            sum += batch->symmetric[k][low[k] | (size_t)high[k] << BYTE_BITS];
        }
        out[0] = sum;
        return;
    }
    for (size_t k = 0; k < batch->tree_count; k++) {
        size_t leaf = low[k] | (size_t)high[k] << BYTE_BITS;
        const double *value = batch->symmetric[k] + leaf * outputs;
        for (size_t i = 0; i < outputs; i++) {
            out[i] += value[i];
        }
    }
}

/* A row and its codes, of the batch that it is searched in. */
typedef struct quick_row {
    const double *value;
    uint8_t *code; /* [LANES] */
    bool wide;     /* with AVX-512 VBMI */
} quick_row;

/* Before the search in batch i; the number of the lanes. */
static size_t encode_for(const alm_forest *forest, const quick_row *row, size_t i)
{
    const almi_group *group = &forest->group[forest->is_parted ? i : 0];
    if (i == 0 || forest->is_parted) {
        almi_row_encode(forest, group, row->value, row->code);
    }
    return group->lane_count;
}

static void score_symmetric(const alm_forest *forest, const quick_row *row, double *out)
{
    const almi_quick *quick = forest->quick;
    (void)encode_for(forest, row, 0);
    for (size_t i = 0; i < quick->batch_count; i++) {
        add_symmetric(&quick->batch[i], row->code, row->wide, forest->info.output_count, out);
    }
}

/* The row's leaves in one batch, while the values of `before` are added to their end. */
static void reach(const quick_search *search, bool wide)
{
    const quick_batch *batch = search->batch;
    size_t steps = batch->slot_count / 2 * (wide ? 1 : batch->half_count);
    if (batch->slot_count > SLOTS_SHARED) {
        add_some(search->before, SIZE_MAX);
    }
    search->before->a_step = (search->before->left + steps - 1) / (steps > 0 ? steps : 1);
    wide ? reach_v4(search) : reach_v3(search);
    add_some(search->before, SIZE_MAX);
}

static void score_one(const alm_forest *forest, const quick_row *row, double *out)
{
    uint8_t place[2][HALVES * TREES];
    quick_sum sum = {.stride = forest->leaf_stride, .sum = out[0], .single_sum = (float)out[0]};
    bool floats = forest->leaf_singles != NULL;
    for (size_t i = 0; i < forest->quick->batch_count; i++) {
        const quick_batch *batch = &forest->quick->batch[i];
        quick_search search = {batch, row->code, encode_for(forest, row, i), place[i % 2], &sum};
        reach(&search, row->wide);
        sum.place = search.place;
        sum.value = forest->leaf_values + batch->tree_begin * sum.stride;
        sum.single = floats ? forest->leaf_singles + batch->tree_begin * sum.stride : NULL;
        sum.left = batch->tree_count;
    }
    add_some(&sum, SIZE_MAX);
    out[0] = floats ? (double)sum.single_sum : sum.sum;
}

/* Adds the leaves that a row reached, each to its output; floats to `single`, if that is given. */
static void add_each(const alm_forest *forest, const quick_batch *batch, const uint8_t *place,
                     double *out, float *single)
{
    size_t stride = forest->leaf_stride, from = batch->tree_begin * stride;
    if (single != NULL) {
        for (size_t k = 0; k < batch->tree_count; k++, from += stride) {
            single[batch->output[k]] += forest->leaf_singles[from + place[k]];
        }
    } else if (forest->leaf_singles != NULL) {
        for (size_t k = 0; k < batch->tree_count; k++, from += stride) {
            double *sum = &out[batch->output[k]];
            *sum = (double)((float)*sum + forest->leaf_singles[from + place[k]]);
        }
    } else {
        for (size_t k = 0; k < batch->tree_count; k++, from += stride) {
            out[batch->output[k]] += forest->leaf_values[from + place[k]];
        }
    }
}

static void score_several(const alm_forest *forest, const quick_row *row, double *out)
{
    uint8_t place[HALVES * TREES];
    float total[SINGLES_MAX];
    size_t outputs = forest->info.output_count;
    bool kept = forest->leaf_singles != NULL && outputs <= SINGLES_MAX;
    quick_sum none = {.left = 0};
    for (size_t i = 0; i < outputs && kept; i++) {
        total[i] = (float)out[i];
    }
    for (size_t i = 0; i < forest->quick->batch_count; i++) {
        quick_search search = {&forest->quick->batch[i], row->code, encode_for(forest, row, i),
                               place, &none};
        reach(&search, row->wide);
        add_each(forest, search.batch, place, out, kept ? total : NULL);
    }
    for (size_t i = 0; i < outputs && kept; i++) {
        out[i] = (double)total[i];
    }
}

void almi_quick_score(const alm_forest *forest, const double *row, double *out)
{
    for (size_t i = 0; i < forest->info.output_count; i++) {
        out[i] = almi_forest_base(forest, i);
    }
    _Alignas(64) uint8_t code[LANES] = {0};
    quick_row of = {row, code, with_vbmi(forest)};
    if (forest->quick->is_symmetric) {
        score_symmetric(forest, &of, out);
    } else if (forest->info.output_count == 1) {
        score_one(forest, &of, out);
    } else {
        score_several(forest, &of, out);
    }
}

#else

alm_err almi_quick_build(alm_forest *forest, alm_error *error)
{
    (void)forest;
    (void)error;
    return ALM_OK;
}

bool almi_quick_can(const alm_forest *forest)
{
    (void)forest;
    return false;
}

bool almi_quick_is_sooner(const alm_forest *forest)
{
    (void)forest;
    return false;
}

void almi_quick_score(const alm_forest *forest, const double *row, double *out)
{
    (void)forest;
    (void)row;
    (void)out;
}

#endif
