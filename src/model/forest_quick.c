/* forest_quick.c: one row against 64 trees at once.
 *
 * QuickScorer (Lucchese et al. 2015) with the trees as byte lanes of a vector. A tree's leaves
 * stand in an order in which those of one side of a node, the first side, come directly before
 * those of the other. A test that sends the row to the other side strikes out the leaves of the
 * first one, whether the row gets to that node or not; the first leaf that is left over is the one
 * reached.
 *
 * Leaves go by eights: a byte says which of eight leaves are struck. A node matters only to the
 * eights that its first side reaches into, so the first side is the one with fewer leaves: then
 * there are little more such pairs than nodes, whatever the shape of the tree. A slot holds one
 * pair for each of 64 trees: 64 codes come from registers by permutation, are compared, and strike
 * out. No branch or address depends on the row but the look-up of the values.
 *
 * Codes and limits are compared as signed bytes, so both are stored with the highest bit turned;
 * where the right side is the first one, the bits of the code are turned as well, and
 * code <= limit becomes 255 - code > 254 - limit.
 *
 * For trees with up to 256 leaves and forests with up to 128 lanes. The tables are read from one
 * end to the other, so they need not fit a cache. */
#include <string.h>

#include "model/forest_kernel.h"

#define TREES 64
#define TREES_MIN 16 /* of a forest: fewer are walked sooner */
#define LEAVES_MAX 256
#define EIGHT 8
#define EIGHTS_MAX (LEAVES_MAX / EIGHT)
#define LANES 128
#define LANES_FEW 64
#define SIGN 0x80

typedef struct quick_slot {
    uint8_t lane[TREES];
    uint8_t flip[TREES];   /* UINT8_MAX: the right side is the first one */
    uint8_t limit[TREES];
    uint8_t strike[TREES]; /* leaves of the eight; 0 where the tree has no such pair */
} quick_slot;

typedef struct quick_batch {
    quick_slot *slot;
    uint32_t slot_end[EIGHTS_MAX]; /* of each eight */
    unsigned eight_count;
    size_t width;  /* leaves of the largest tree */
    double *value; /* [tree][width] in the order of the leaves; XGBoost: floats */
    uint32_t output[TREES];
    size_t tree_count;
} quick_batch;

typedef struct almi_quick {
    quick_batch *batch;
    size_t batch_count;
    size_t slots;  /* of all batches */
    size_t levels; /* that walks of ALMI_WALK_WIDTH trees would take */
} almi_quick;

#if ALM_HAS_VECTOR_LEVELS
#include <immintrin.h>

/* ---- building ---- */

static bool is_quick(const alm_forest *forest)
{
    bool fits = forest->info.tree_count >= TREES_MIN && forest->lane_count <= LANES &&
                forest->info.leaf_count_max <= LEAVES_MAX && forest->single_values &&
                forest->group_count == 1 && !forest->info.has_linear_leaves;
    for (size_t t = 0; t < forest->info.tree_count && fits; t++) {
        fits = forest->fast[t].step != NULL;
    }
    return fits;
}

/* Leaves first .. first + size are struck when the row goes to the other side of the node. */
typedef struct span {
    uint16_t node, first, size;
    uint8_t flip; /* UINT8_MAX: they are on the right side */
} span;

/* The trees of a batch on their way into it. */
typedef struct placing {
    const alm_forest *forest;
    quick_batch *batch;
    struct {
        span node[LEAVES_MAX];
        uint16_t place[LEAVES_MAX]; /* of each leaf in the order */
        uint16_t node_count;
    } tree[TREES];
} placing;

/* Inner nodes, parents before children. Mostly their numbers are such an order. */
static void list_nodes(const almi_tree *tree, uint16_t *listed)
{
    size_t inner_count = tree->leaf_count - 1, count = inner_count > 0;
    bool ascending = true;
    for (size_t at = 0; at < inner_count; at++) {
        int32_t left = tree->left[at], right = tree->right[at], own = (int32_t)at;
        ascending &= (left < 0) | (left > own);
        ascending &= (right < 0) | (right > own);
        listed[at] = (uint16_t)at;
    }
    for (size_t i = 0; !ascending && i < count; i++) {
        int32_t child[2] = {tree->left[listed[i]], tree->right[listed[i]]};
        for (size_t c = 0; c < 2; c++) {
            if (child[c] >= 0) {
                listed[count++] = (uint16_t)child[c];
            }
        }
    }
}

/* Puts the leaves of tree k of the batch in order. Both arrays go by children, leaves being below
 * 0; their loops have no branches that a tree's shape decides. */
static void order_leaves(placing *p, size_t k, const almi_tree *tree)
{
    uint16_t sizes[2 * LEAVES_MAX], begins[2 * LEAVES_MAX] = {0}, listed[LEAVES_MAX];
    uint16_t *size = sizes + LEAVES_MAX;   /* leaves below */
    uint16_t *begin = begins + LEAVES_MAX; /* place of the first of them */
    size_t inner_count = tree->leaf_count - 1;
    list_nodes(tree, listed);
    for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        size[-1 - (ptrdiff_t)leaf] = 1;
    }
    for (size_t i = inner_count; i-- > 0;) {
        size_t at = listed[i];
        size[at] = (uint16_t)(size[tree->left[at]] + size[tree->right[at]]);
    }
    for (size_t i = 0; i < inner_count; i++) {
        size_t at = listed[i];
        int32_t left = tree->left[at], right = tree->right[at];
        bool flipped = size[right] < size[left];
        uint16_t first = flipped ? size[right] : size[left];
        begin[left] = (uint16_t)(begin[at] + (flipped ? first : 0));
        begin[right] = (uint16_t)(begin[at] + (flipped ? 0 : first));
        p->tree[k].node[i] =
            (span){(uint16_t)at, begin[at], first, flipped ? UINT8_MAX : 0};
    }
    for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        p->tree[k].place[leaf] = begin[-1 - (ptrdiff_t)leaf];
    }
    p->tree[k].node_count = (uint16_t)inner_count;
}

/* How many slots each eight needs: as many as a tree has pairs in it at most. */
static void count_slots(const placing *p)
{
    uint32_t most[EIGHTS_MAX] = {0}, sum = 0;
    for (size_t k = 0; k < p->batch->tree_count; k++) {
        uint32_t own[EIGHTS_MAX] = {0};
        for (size_t i = 0; i < p->tree[k].node_count; i++) {
            span s = p->tree[k].node[i];
            for (size_t e = s.first / EIGHT; e <= (s.first + s.size - 1u) / EIGHT; e++) {
                own[e]++;
            }
        }
        for (size_t e = 0; e < EIGHTS_MAX; e++) {
            most[e] = own[e] > most[e] ? own[e] : most[e];
        }
    }
    for (size_t e = 0; e < EIGHTS_MAX; e++) {
        sum += most[e];
        p->batch->slot_end[e] = sum;
    }
}

static void place_pair(quick_slot *to, size_t k, almi_test test, span s, size_t eight)
{
    size_t from = eight * EIGHT, begin = s.first > from ? s.first - from : 0;
    size_t end = s.first + s.size - from;
    end = end < EIGHT ? end : EIGHT;
    unsigned limit = s.flip ? UINT8_MAX - 1 - test.code : test.code;
    to->lane[k] = (uint8_t)test.lane;
    to->flip[k] = s.flip;
    to->limit[k] = (uint8_t)(limit ^ SIGN);
    to->strike[k] = (uint8_t)((1u << end) - (1u << begin));
}

static void place_tree(const placing *p, size_t k, size_t t)
{
    quick_batch *batch = p->batch;
    uint32_t next[EIGHTS_MAX] = {0}; /* slot of each eight */
    memcpy(next + 1, batch->slot_end, (EIGHTS_MAX - 1) * sizeof *next);
    for (size_t i = 0; i < p->tree[k].node_count; i++) {
        span s = p->tree[k].node[i];
        almi_test test = p->forest->test[t][s.node];
        for (size_t e = s.first / EIGHT; e <= (s.first + s.size - 1u) / EIGHT; e++) {
            place_pair(&batch->slot[next[e]++], k, test, s, e);
        }
    }
    for (size_t i = 0; i < p->forest->tree[t].leaf_count; i++) {
        batch->value[k * batch->width + p->tree[k].place[i]] = p->forest->tree[t].leaf_value[i];
    }
}

static alm_err build_batch(placing *p, alm_arena *arena, size_t begin, alm_error *error)
{
    const alm_forest *forest = p->forest;
    quick_batch *batch = p->batch;
    size_t left = forest->info.tree_count - begin;
    batch->tree_count = left < TREES ? left : TREES;
    for (size_t k = 0; k < batch->tree_count; k++) {
        const almi_tree *tree = &forest->tree[begin + k];
        order_leaves(p, k, tree);
        batch->output[k] = tree->output;
        batch->width = tree->leaf_count > batch->width ? tree->leaf_count : batch->width;
    }
    count_slots(p);
    batch->eight_count = (unsigned)((batch->width + EIGHT - 1) / EIGHT);
    ALM_TRY(ALMI_FOREST_ARRAY(arena, batch->tree_count * batch->width, batch->value, error));
    /* One more, so that there are slots also where no tree has a node. */
    ALM_TRY(ALMI_FOREST_ARRAY(arena, batch->slot_end[EIGHTS_MAX - 1] + 1, batch->slot, error));
    for (size_t k = 0; k < batch->tree_count; k++) {
        place_tree(p, k, begin + k);
    }
    return ALM_OK;
}

typedef struct building {
    const alm_forest *forest;
    almi_quick *quick;
} building;

static alm_err build_one(void *context, size_t task, int worker, alm_error *error)
{
    const building *b = context;
    alm_arena *scratch = alm_arena_create(sizeof(placing));
    placing *p = NULL;
    alm_err code = ALMI_FOREST_ARRAY(scratch, 1, p, error);
    if (code == ALM_OK) {
        p->forest = b->forest;
        p->batch = &b->quick->batch[task];
        code = build_batch(p, b->forest->worker_arena[worker], task * TREES, error);
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_err almi_quick_build(alm_forest *forest, alm_error *error)
{
    if (!is_quick(forest) || alm_vector_level_bound() < ALM_VECTORS_V3) {
        return ALM_OK;
    }
    almi_quick *quick = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, 1, quick, error));
    quick->batch_count = (forest->info.tree_count + TREES - 1) / TREES;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, quick->batch_count, quick->batch, error));
    building b = {forest, quick};
    ALM_TRY(alm_pool_run(forest->pool, quick->batch_count, build_one, &b, error));
    for (size_t i = 0; i < quick->batch_count; i++) {
        quick->slots += quick->batch[i].slot_end[EIGHTS_MAX - 1];
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
#define SLOT_V4 30
#define SLOT_V3 35
#define WALKED_LEVEL 75

bool almi_quick_is_sooner(const alm_forest *forest)
{
    const almi_quick *quick = forest->quick;
    bool v4 = forest->kernel->level >= ALM_VECTORS_V4 && forest->has_vbmi;
    return quick != NULL && forest->kernel->level >= ALM_VECTORS_V3 &&
           quick->slots * (v4 ? SLOT_V4 : SLOT_V3) < quick->levels * WALKED_LEVEL;
}

/* The first of eight leaves that is not struck, by halves of the byte; UINT8_MAX: none. */
#define FIRST_FREE(from) \
    from, from + 1, from, from + 2, from, from + 1, from, from + 3, from, from + 1, from, \
        from + 2, from, from + 1, from, (char)UINT8_MAX
static const char FIRST_FREE_LOW[16] = {FIRST_FREE(0)};
static const char FIRST_FREE_HIGH[16] = {FIRST_FREE(4)};

/* place[k] = place in order of the leaf that the row reaches in tree k; 64 trees with VBMI. */
ALMI_V4_VBMI static void reach_v4(const quick_batch *batch, const uint8_t *code, uint8_t *place)
{
    __m512i low = _mm512_load_si512(code), high = _mm512_load_si512(code + LANES_FEW);
    __m512i nibble = _mm512_set1_epi8(15), found = _mm512_set1_epi8(-1);
    __m512i free_low =
        _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)FIRST_FREE_LOW));
    __m512i free_high =
        _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)FIRST_FREE_HIGH));
    const quick_slot *slot = batch->slot;
    for (unsigned e = 0; e < batch->eight_count; e++) {
        __m512i struck = _mm512_setzero_si512();
        for (const quick_slot *end = batch->slot + batch->slot_end[e]; slot < end; slot++) {
            __m512i own = _mm512_permutex2var_epi8(low, _mm512_loadu_si512(slot->lane), high);
            own = _mm512_xor_si512(own, _mm512_loadu_si512(slot->flip));
            __mmask64 other = _mm512_cmpgt_epi8_mask(own, _mm512_loadu_si512(slot->limit));
            struck = _mm512_or_si512(struck, _mm512_maskz_loadu_epi8(other, slot->strike));
        }
        __m512i first = _mm512_min_epu8(
            _mm512_shuffle_epi8(free_low, _mm512_and_si512(struck, nibble)),
            _mm512_shuffle_epi8(free_high,
                                _mm512_and_si512(_mm512_srli_epi16(struck, 4), nibble)));
        first = _mm512_adds_epu8(first, _mm512_set1_epi8((char)(e * EIGHT)));
        found = _mm512_min_epu8(found, first);
    }
    _mm512_storeu_si512(place, found);
}

/* Of four tables with 16 codes each the one that bits 4 and 5 name, moved to the highest bit. */
ALMI_V3 ALM_INLINE __m256i code_of_64(const __m256i *table, __m256i lane, __m256i bit_4,
                                      __m256i bit_5)
{
    __m256i first = _mm256_blendv_epi8(_mm256_shuffle_epi8(table[0], lane),
                                       _mm256_shuffle_epi8(table[1], lane), bit_4);
    __m256i second = _mm256_blendv_epi8(_mm256_shuffle_epi8(table[2], lane),
                                        _mm256_shuffle_epi8(table[3], lane), bit_4);
    return _mm256_blendv_epi8(first, second, bit_5);
}

ALMI_V3 ALM_INLINE __m256i code_of(const __m256i *table, bool many, __m256i lane)
{
    __m256i bit_4 = _mm256_slli_epi16(lane, 3), bit_5 = _mm256_slli_epi16(lane, 2);
    __m256i low = code_of_64(table, lane, bit_4, bit_5);
    if (!many) {
        return low;
    }
    __m256i high = code_of_64(table + 4, lane, bit_4, bit_5);
    return _mm256_blendv_epi8(low, high, _mm256_slli_epi16(lane, 1));
}

ALMI_V3 ALM_INLINE __m256i load_32(const uint8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

typedef struct free_tables {
    __m256i low, high;
} free_tables;

ALMI_V3 ALM_INLINE __m256i first_free(__m256i struck, unsigned eight, const free_tables *of)
{
    __m256i nibble = _mm256_set1_epi8(15);
    __m256i low = _mm256_shuffle_epi8(of->low, _mm256_and_si256(struck, nibble));
    __m256i high = _mm256_shuffle_epi8(
        of->high, _mm256_and_si256(_mm256_srli_epi16(struck, 4), nibble));
    return _mm256_adds_epu8(_mm256_min_epu8(low, high),
                            _mm256_set1_epi8((char)(eight * EIGHT)));
}

/* The same with AVX2 for 32 trees or 64; `many`: more than 64 lanes. */
ALMI_V3 ALM_INLINE void reach_halves(const quick_batch *batch, const uint8_t *code, bool many,
                                     size_t halves, uint8_t *place)
{
    __m256i table[LANES / 16], found[2] = {_mm256_set1_epi8(-1), _mm256_set1_epi8(-1)};
    for (size_t i = 0; i < (many ? LANES : LANES_FEW) / 16; i++) {
        table[i] =
            _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(code + 16 * i)));
    }
    free_tables of = {
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)FIRST_FREE_LOW)),
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)FIRST_FREE_HIGH))};
    const quick_slot *slot = batch->slot;
    for (unsigned e = 0; e < batch->eight_count; e++) {
        __m256i struck[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
        for (const quick_slot *end = batch->slot + batch->slot_end[e]; slot < end; slot++) {
            ALM_UNROLLED
            for (size_t h = 0; h < halves; h++) {
                __m256i own = code_of(table, many, load_32(slot->lane + 32 * h));
                own = _mm256_xor_si256(own, load_32(slot->flip + 32 * h));
                __m256i other = _mm256_cmpgt_epi8(own, load_32(slot->limit + 32 * h));
                other = _mm256_and_si256(other, load_32(slot->strike + 32 * h));
                struck[h] = _mm256_or_si256(struck[h], other);
            }
        }
        ALM_UNROLLED
        for (size_t h = 0; h < halves; h++) {
            found[h] = _mm256_min_epu8(found[h], first_free(struck[h], e, &of));
        }
    }
    for (size_t h = 0; h < halves; h++) {
        _mm256_storeu_si256((__m256i *)(place + 32 * h), found[h]);
    }
}

ALMI_V3 static void reach_v3(const quick_batch *batch, const uint8_t *code, uint8_t *place)
{
    if (batch->tree_count <= 32) {
        reach_halves(batch, code, false, 1, place);
    } else {
        reach_halves(batch, code, false, 2, place);
    }
}

ALMI_V3 static void reach_v3_many(const quick_batch *batch, const uint8_t *code, uint8_t *place)
{
    if (batch->tree_count <= 32) {
        reach_halves(batch, code, true, 1, place);
    } else {
        reach_halves(batch, code, true, 2, place);
    }
}

static void add_batch(const alm_forest *forest, const quick_batch *batch, const uint8_t *place,
                      double *out)
{
    const double *value = batch->value;
    size_t width = batch->width;
    bool floats = almi_forest_is_single(forest);
    if (forest->info.output_count > 1) {
        for (size_t k = 0; k < batch->tree_count; k++) {
            double *sum = &out[batch->output[k]];
            double own = value[k * width + place[k]];
            *sum = floats ? (double)((float)*sum + (float)own) : *sum + own;
        }
    } else if (floats) {
        float sum = (float)out[0];
        for (size_t k = 0; k < batch->tree_count; k++) {
            sum += (float)value[k * width + place[k]];
        }
        out[0] = (double)sum;
    } else {
        double sum = out[0];
        for (size_t k = 0; k < batch->tree_count; k++) {
            sum += value[k * width + place[k]];
        }
        out[0] = sum;
    }
}

void almi_quick_score(const alm_forest *forest, const double *row, double *out)
{
    const almi_quick *quick = forest->quick;
    for (size_t i = 0; i < forest->info.output_count; i++) {
        out[i] = almi_forest_base(forest, i);
    }
    _Alignas(64) uint8_t code[LANES] = {0};
    uint8_t place[TREES];
    almi_row_encode(forest, NULL, forest->lane_count, row, code);
    for (size_t i = 0; i < LANES; i++) {
        code[i] ^= SIGN;
    }
    bool wide = forest->kernel->level >= ALM_VECTORS_V4 && forest->has_vbmi;
    for (size_t i = 0; i < quick->batch_count; i++) {
        if (wide) {
            reach_v4(&quick->batch[i], code, place);
        } else if (forest->lane_count <= LANES_FEW) {
            reach_v3(&quick->batch[i], code, place);
        } else {
            reach_v3_many(&quick->batch[i], code, place);
        }
        add_batch(forest, &quick->batch[i], place, out);
    }
}

#else

alm_err almi_quick_build(alm_forest *forest, alm_error *error)
{
    (void)forest;
    (void)error;
    return ALM_OK;
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
