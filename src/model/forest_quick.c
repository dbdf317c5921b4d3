/* forest_quick.c: one row against up to 64 trees at once.
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
 * pair for each of 64 eights: 64 codes come from registers by permutation, are compared, and strike
 * out. No branch or address depends on the row but the look-up of the values.
 *
 * The 64 eights of a round are one of each of 64 trees, or two of each of 32, and so on down to
 * eight of eight trees, so that the last trees of a forest do not leave most of a slot empty. A
 * round takes as many slots as the fullest of its eights has pairs: so each tree brings its fullest
 * ones first.
 *
 * Codes and limits are compared as signed bytes, so both are stored with the highest bit turned.
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
#define TREES_FEW 8    /* of a batch */
#define BATCHES_LAST 4 /* with room for TREES, a half of it ... TREES_FEW */
#define LANES 128
#define LANES_FEW 64
#define SIGN 0x80

typedef struct quick_slot {
    uint8_t lane[TREES];   /* FLIP: the right side is the first one */
    uint8_t limit[TREES];
    uint8_t strike[TREES]; /* leaves of the eight; 0 where it has no such pair */
} quick_slot;
#define FLIP 0x80

typedef struct quick_round {
    uint8_t first[TREES]; /* leaf of each eight; UINT8_MAX: none */
    uint32_t slot_end;
} quick_round;

typedef struct quick_batch {
    quick_slot *slot;
    quick_round *round;
    size_t round_count;
    size_t trees;  /* that there is room for: TREES, or a half, a fourth ... of it */
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
    bool flipped; /* they are on the right side */
} span;

/* The trees of a batch on their way into it. */
typedef struct placing {
    const alm_forest *forest;
    quick_batch *batch;
    struct {
        span node[LEAVES_MAX];     /* inner nodes from the root on */
        uint16_t leaf[LEAVES_MAX]; /* in order */
        uint16_t node_count;
        uint16_t pairs[EIGHTS_MAX]; /* of each eight */
        uint8_t turn[EIGHTS_MAX];   /* the eights, those with most pairs first */
    } tree[TREES];
} placing;

static uint16_t size_below(const almi_tree *tree, size_t at, const uint16_t *size)
{
    int32_t left = tree->left[at], right = tree->right[at];
    return (uint16_t)((left >= 0 ? size[left] : 1) + (right >= 0 ? size[right] : 1));
}

/* size[node] = leaves below. Mostly children have higher numbers than their parent; where they have
 * not, nodes are listed level by level first. */
static void count_leaves(const almi_tree *tree, uint16_t *size)
{
    size_t inner_count = tree->leaf_count - 1, nodes = 0;
    bool ascending = true;
    for (size_t at = inner_count; at-- > 0;) {
        int32_t left = tree->left[at], right = tree->right[at], own = (int32_t)at;
        ascending = ascending && (left < 0 || left > own) && (right < 0 || right > own);
        size[at] = ascending ? size_below(tree, at, size) : 0;
    }
    if (ascending) {
        return;
    }
    uint16_t listed[LEAVES_MAX] = {0};
    nodes = 1;
    for (size_t i = 0; i < nodes; i++) {
        int32_t child[2] = {tree->left[listed[i]], tree->right[listed[i]]};
        for (size_t c = 0; c < 2; c++) {
            if (child[c] >= 0) {
                listed[nodes++] = (uint16_t)child[c];
            }
        }
    }
    while (nodes > 0) {
        nodes--;
        size[listed[nodes]] = size_below(tree, listed[nodes], size);
    }
}

static unsigned size_of(const uint16_t *size, int32_t at)
{
    return at < 0 ? 1 : size[at];
}

/* Puts the leaves of tree k of the batch in order; a stack holds the sides still to be visited. */
static void order_leaves(placing *p, size_t k, const almi_tree *tree)
{
    uint16_t size[LEAVES_MAX];
    int32_t stack[LEAVES_MAX];
    size_t waiting = 1, leaves = 0, nodes = 0;
    count_leaves(tree, size);
    stack[0] = tree->leaf_count > 1 ? 0 : ~0;
    while (waiting > 0) {
        int32_t at = stack[--waiting];
        if (at < 0) {
            p->tree[k].leaf[leaves++] = (uint16_t)~at;
            continue;
        }
        int32_t left = tree->left[at], right = tree->right[at];
        bool flipped = size_of(size, right) < size_of(size, left);
        stack[waiting++] = flipped ? left : right;
        stack[waiting++] = flipped ? right : left;
        p->tree[k].node[nodes++] =
            (span){(uint16_t)at, (uint16_t)leaves, (uint16_t)size_of(size, stack[waiting - 1]),
                   flipped};
    }
    p->tree[k].node_count = (uint16_t)nodes;
}

static size_t eight_count_of(size_t leaves)
{
    return (leaves + EIGHT - 1) / EIGHT;
}

/* Counts the pairs of the eights of tree k and puts those in order. */
static void order_eights(placing *p, size_t k, size_t leaves)
{
    uint16_t *pairs = p->tree[k].pairs;
    uint8_t *turn = p->tree[k].turn;
    memset(pairs, 0, sizeof p->tree[k].pairs);
    for (size_t i = 0; i < p->tree[k].node_count; i++) {
        span s = p->tree[k].node[i];
        for (size_t e = s.first / EIGHT; e <= (s.first + s.size - 1u) / EIGHT; e++) {
            pairs[e]++;
        }
    }
    for (size_t e = 0; e < eight_count_of(leaves); e++) {
        size_t at = e;
        for (; at > 0 && pairs[turn[at - 1]] < pairs[e]; at--) {
            turn[at] = turn[at - 1];
        }
        turn[at] = (uint8_t)e;
    }
}

static void place_pair(quick_slot *to, size_t at, almi_test test, span s, size_t eight)
{
    size_t from = eight * EIGHT, begin = s.first > from ? s.first - from : 0;
    size_t end = s.first + s.size - from;
    end = end < EIGHT ? end : EIGHT;
    to->lane[at] = (uint8_t)(test.lane | (s.flipped ? FLIP : 0));
    to->limit[at] = (uint8_t)(test.code ^ SIGN);
    to->strike[at] = (uint8_t)((1u << end) - (1u << begin));
}

/* An eight of tree k as number `at` of a round whose slots are given. */
static void place_eight(const placing *p, size_t k, size_t t, size_t eight, quick_slot *slot,
                        size_t at)
{
    for (size_t i = 0; i < p->tree[k].node_count; i++) {
        span s = p->tree[k].node[i];
        if (s.first / EIGHT <= eight && eight <= (s.first + s.size - 1u) / EIGHT) {
            place_pair(slot++, at, p->forest->test[t][s.node], s, eight);
        }
    }
}

/* The eights of each tree that come first in round r are its fullest ones: so many slots. */
static uint32_t slots_of_round(const placing *p, size_t r)
{
    size_t first = r * (TREES / p->batch->trees);
    uint16_t most = 0;
    for (size_t k = 0; k < p->batch->tree_count; k++) {
        const uint16_t *pairs = p->tree[k].pairs;
        bool has = first * EIGHT < p->tree[k].node_count + 1u;
        most = has && pairs[p->tree[k].turn[first]] > most ? pairs[p->tree[k].turn[first]] : most;
    }
    return most;
}

static void place_round(const placing *p, size_t begin, size_t r, quick_slot *slot)
{
    size_t trees = p->batch->trees;
    uint8_t *first = p->batch->round[r].first;
    memset(first, UINT8_MAX, TREES);
    for (size_t at = 0; at < TREES; at++) {
        size_t k = at % trees, turn = r * (TREES / trees) + at / trees;
        if (k < p->batch->tree_count && turn * EIGHT < p->tree[k].node_count + 1u) {
            size_t eight = p->tree[k].turn[turn];
            first[at] = (uint8_t)(eight * EIGHT);
            place_eight(p, k, begin + k, eight, slot, at);
        }
    }
}

/* Room for at most a third more trees than there are left, if there are enough eights. */
static size_t trees_of_batch(size_t left, size_t eights)
{
    size_t trees = TREES;
    while (trees > TREES_FEW && 4 * left <= 3 * trees && TREES / trees < eights) {
        trees /= 2;
    }
    return trees;
}

static alm_err build_batch(placing *p, alm_arena *arena, size_t begin, alm_error *error)
{
    const alm_forest *forest = p->forest;
    quick_batch *batch = p->batch;
    size_t left = forest->info.tree_count - begin, slots = 0;
    batch->trees = trees_of_batch(left, eight_count_of(forest->info.leaf_count_max));
    batch->tree_count = left < batch->trees ? left : batch->trees;
    for (size_t k = 0; k < batch->tree_count; k++) {
        const almi_tree *tree = &forest->tree[begin + k];
        order_leaves(p, k, tree);
        order_eights(p, k, tree->leaf_count);
        batch->output[k] = tree->output;
        batch->width = tree->leaf_count > batch->width ? tree->leaf_count : batch->width;
    }
    size_t at_once = TREES / batch->trees;
    batch->round_count = (eight_count_of(batch->width) + at_once - 1) / at_once;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, batch->tree_count * batch->width, batch->value, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, batch->round_count, batch->round, error));
    for (size_t r = 0; r < batch->round_count; r++) {
        slots += slots_of_round(p, r);
        batch->round[r].slot_end = (uint32_t)slots;
    }
    /* One more, so that there are slots also where no tree has a node. */
    ALM_TRY(ALMI_FOREST_ARRAY(arena, slots + 1, batch->slot, error));
    for (size_t r = 0; r < batch->round_count; r++) {
        place_round(p, begin, r, batch->slot + (r > 0 ? batch->round[r - 1].slot_end : 0));
    }
    for (size_t k = 0; k < batch->tree_count; k++) {
        const almi_tree *tree = &forest->tree[begin + k];
        for (size_t i = 0; i < tree->leaf_count; i++) {
            batch->value[k * batch->width + i] = tree->leaf_value[p->tree[k].leaf[i]];
        }
    }
    return ALM_OK;
}

alm_err almi_quick_build(alm_forest *forest, alm_arena *scratch, alm_error *error)
{
    if (!is_quick(forest) || alm_vector_level_bound() < ALM_VECTORS_V3) {
        return ALM_OK;
    }
    almi_quick *quick = NULL;
    placing *p = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, 1, p, error));
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, 1, quick, error));
    size_t batches_max = forest->info.tree_count / TREES + BATCHES_LAST;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, batches_max, quick->batch, error));
    p->forest = forest;
    for (size_t t = 0; t < forest->info.tree_count; t += p->batch->tree_count) {
        p->batch = &quick->batch[quick->batch_count++];
        ALM_TRY(build_batch(p, forest->arena, t, error));
        quick->slots += p->batch->round[p->batch->round_count - 1].slot_end;
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

/* What is found of the eights of one tree, brought together: the least. */
ALMI_V4_VBMI ALM_INLINE __m512i least_of_tree(__m512i found, size_t trees)
{
    if (trees <= 32) {
        found = _mm512_min_epu8(found, _mm512_shuffle_i64x2(found, found, 0x4e));
    }
    if (trees <= 16) {
        found = _mm512_min_epu8(found, _mm512_shuffle_i64x2(found, found, 0xb1));
    }
    return trees > 8 ? found : _mm512_min_epu8(found, _mm512_shuffle_epi32(found, 0x4e));
}

/* place[k] = place in order of the leaf that the row reaches in tree k; with VBMI. `many`: more
 * than LANES_FEW lanes. */
ALMI_V4_VBMI ALM_INLINE void reach_64(const quick_batch *batch, const uint8_t *code, bool many,
                                      uint8_t *place)
{
    __m512i low = _mm512_load_si512(code), high = _mm512_load_si512(code + LANES_FEW);
    __m512i nibble = _mm512_set1_epi8(15), found = _mm512_set1_epi8(-1);
    __m512i free_low =
        _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)FIRST_FREE_LOW));
    __m512i free_high =
        _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)FIRST_FREE_HIGH));
    const quick_slot *slot = batch->slot;
    for (size_t r = 0; r < batch->round_count; r++) {
        const quick_round *round = &batch->round[r];
        __m512i struck = _mm512_setzero_si512();
        for (const quick_slot *end = batch->slot + round->slot_end; slot < end; slot++) {
            __m512i lane = _mm512_loadu_si512(slot->lane);
            __m512i own = many ? _mm512_permutex2var_epi8(low, lane, high)
                               : _mm512_permutexvar_epi8(lane, low);
            __mmask64 right = _mm512_cmpgt_epi8_mask(own, _mm512_loadu_si512(slot->limit));
            __mmask64 other = right ^ _mm512_movepi8_mask(lane);
            struck = _mm512_or_si512(struck, _mm512_maskz_loadu_epi8(other, slot->strike));
        }
        __m512i first = _mm512_min_epu8(
            _mm512_shuffle_epi8(free_low, _mm512_and_si512(struck, nibble)),
            _mm512_shuffle_epi8(free_high,
                                _mm512_and_si512(_mm512_srli_epi16(struck, 4), nibble)));
        first = _mm512_adds_epu8(first, _mm512_loadu_si512(round->first));
        found = _mm512_min_epu8(found, first);
    }
    _mm512_storeu_si512(place, least_of_tree(found, batch->trees));
}

ALMI_V4_VBMI static void reach_v4(const quick_batch *batch, const uint8_t *code, uint8_t *place)
{
    reach_64(batch, code, false, place);
}

ALMI_V4_VBMI static void reach_v4_many(const quick_batch *batch, const uint8_t *code,
                                       uint8_t *place)
{
    reach_64(batch, code, true, place);
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

ALMI_V3 ALM_INLINE __m256i first_free(__m256i struck, __m256i first, const free_tables *of)
{
    __m256i nibble = _mm256_set1_epi8(15);
    __m256i low = _mm256_shuffle_epi8(of->low, _mm256_and_si256(struck, nibble));
    __m256i high = _mm256_shuffle_epi8(
        of->high, _mm256_and_si256(_mm256_srli_epi16(struck, 4), nibble));
    return _mm256_adds_epu8(_mm256_min_epu8(low, high), first);
}

ALMI_V3 ALM_INLINE void store_least(const __m256i *found, size_t trees, uint8_t *place)
{
    __m256i low = trees > 32 ? found[0] : _mm256_min_epu8(found[0], found[1]);
    if (trees <= 16) {
        low = _mm256_min_epu8(low, _mm256_permute2x128_si256(low, low, 1));
    }
    if (trees <= 8) {
        low = _mm256_min_epu8(low, _mm256_shuffle_epi32(low, 0x4e));
    }
    _mm256_storeu_si256((__m256i *)place, low);
    _mm256_storeu_si256((__m256i *)(place + 32), found[1]);
}

/* The same with AVX2. */
ALMI_V3 ALM_INLINE void reach_halves(const quick_batch *batch, const uint8_t *code, bool many,
                                     uint8_t *place)
{
    __m256i table[LANES / 16], found[2] = {_mm256_set1_epi8(-1), _mm256_set1_epi8(-1)};
    for (size_t i = 0; i < (many ? LANES : LANES_FEW) / 16; i++) {
        table[i] =
            _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(code + 16 * i)));
    }
    free_tables of = {
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)FIRST_FREE_LOW)),
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)FIRST_FREE_HIGH))};
    __m256i number = _mm256_set1_epi8(LANES - 1), none = _mm256_setzero_si256();
    const quick_slot *slot = batch->slot;
    for (size_t r = 0; r < batch->round_count; r++) {
        const quick_round *round = &batch->round[r];
        __m256i struck[2] = {none, none};
        for (const quick_slot *end = batch->slot + round->slot_end; slot < end; slot++) {
            ALM_UNROLLED
            for (size_t h = 0; h < 2; h++) {
                __m256i lane = load_32(slot->lane + 32 * h);
                __m256i own = code_of(table, many, _mm256_and_si256(lane, number));
                __m256i right = _mm256_cmpgt_epi8(own, load_32(slot->limit + 32 * h));
                __m256i other = _mm256_xor_si256(right, _mm256_cmpgt_epi8(none, lane));
                other = _mm256_and_si256(other, load_32(slot->strike + 32 * h));
                struck[h] = _mm256_or_si256(struck[h], other);
            }
        }
        ALM_UNROLLED
        for (size_t h = 0; h < 2; h++) {
            __m256i first = first_free(struck[h], load_32(round->first + 32 * h), &of);
            found[h] = _mm256_min_epu8(found[h], first);
        }
    }
    store_least(found, batch->trees, place);
}

ALMI_V3 static void reach_v3(const quick_batch *batch, const uint8_t *code, uint8_t *place)
{
    reach_halves(batch, code, false, place);
}

ALMI_V3 static void reach_v3_many(const quick_batch *batch, const uint8_t *code, uint8_t *place)
{
    reach_halves(batch, code, true, place);
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
    bool many = forest->lane_count > LANES_FEW;
    void (*reach)(const quick_batch *batch, const uint8_t *code, uint8_t *place) =
        wide ? many ? reach_v4_many : reach_v4 : many ? reach_v3_many : reach_v3;
    for (size_t i = 0; i < quick->batch_count; i++) {
        reach(&quick->batch[i], code, place);
        add_batch(forest, &quick->batch[i], place, out);
    }
}

#else

alm_err almi_quick_build(alm_forest *forest, alm_arena *scratch, alm_error *error)
{
    (void)forest;
    (void)scratch;
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
