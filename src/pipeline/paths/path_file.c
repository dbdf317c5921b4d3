#include "pipeline/paths/path_file.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "decide/reconcile.h"
#include "pipeline/paths/path_file_internal.h"
#include "pipeline/paths/paths.h"

/* A record is looked at only when somebody asks for it, so everything in it is checked then. */
#define STEPS_MAX 4096
#define PATHS_MAX 10000
#define TEMPLATES_MAX 254
#define LEVELS_MAX 64
#define FACTORS_MAX 4096
#define MANIFEST_BYTES_MAX ((size_t)256 << 20)
#define NO_RANK 255
#define NAME_SHOWN 80 /* bytes of a name in a message */

struct alm_path_file {
    alm_arena *arena;
    alm_arena *content; /* the bytes, when they are the file's own */
    const uint64_t *word;
    size_t words;
    size_t steps, paths, templates, levels, leaves, nodes;
    size_t width;
    size_t head_words;
    uint64_t seed;
    bool counts, adjusted;
    alm_leaf_rule rule;
    size_t factors;
    const double *lambda;
    const uint64_t *index; /* (key, offset) per record */
    size_t records;
};

static alm_err broken(const char *what, alm_error *error)
{
    return alm_fail(error, ALM_ERR_CORRUPT, "the file of sample paths is damaged: %s", what);
}

/* ---- opening ---- */

static alm_err read_head(alm_path_file *f, alm_error *error)
{
    const uint64_t *w = f->word;
    if (f->words < ALMI_PATH_HEAD_WORDS + 2 ||
        memcmp(w, ALMI_PATH_MAGIC, sizeof ALMI_PATH_MAGIC - 1) != 0) {
        return broken("it does not begin as one", error);
    }
    if (w[1] < 1 || w[1] > ALMI_PATH_VERSION) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "the file of sample paths has version %llu; "
                        "this engine reads 1 to %d", (unsigned long long)w[1], ALMI_PATH_VERSION);
    }
    f->head_words = w[1] == 1 ? ALMI_PATH_HEAD_WORDS : ALMI_PATH_HEAD_WORDS_2;
    if (f->words < f->head_words + 2) {
        return broken("it is cut off", error);
    }
    bool legal = w[2] >= 1 && w[2] <= STEPS_MAX && w[3] >= 1 && w[3] <= PATHS_MAX &&
                 w[4] <= TEMPLATES_MAX && w[6] <= 1 && w[7] <= LEVELS_MAX && w[8] <= UINT32_MAX &&
                 w[9] <= UINT32_MAX && w[10] <= (w[9] > 0);
    if (w[1] == 2) {
        legal = legal && w[10] == 1 && w[11] < ALM_LEAF_RULE_COUNT && w[12] <= FACTORS_MAX &&
                (w[12] == 0 || w[11] == ALM_LEAF_SHIFT);
        f->rule = (alm_leaf_rule)w[11];
        f->factors = (size_t)w[12];
    }
    if (!legal) {
        return broken("its first words are out of range", error);
    }
    f->steps = (size_t)w[2];
    f->paths = (size_t)w[3];
    f->templates = (size_t)w[4];
    f->seed = w[5];
    f->counts = w[6] == 1;
    f->levels = (size_t)w[7];
    f->leaves = (size_t)w[8];
    f->nodes = (size_t)w[9];
    f->adjusted = w[10] == 1;
    f->width = (f->paths + 1) * f->steps;
    return ALM_OK;
}

static alm_err read_index(alm_path_file *f, alm_error *error)
{
    /* < 2^33 x 2^26: no overflow */
    size_t lambda_words = f->adjusted ? (f->nodes + f->factors) * f->width : 0;
    uint64_t at = f->word[f->words - 2] / 8;
    f->records = f->leaves + f->nodes;
    bool fits = f->word[f->words - 2] % 8 == 0 && f->word[f->words - 1] == f->records &&
                at >= f->head_words + lambda_words && at <= f->words - 2 &&
                f->words - 2 - at == 2 * f->records;
    if (!fits) {
        return broken("its index is not where it says", error);
    }
    f->lambda = f->adjusted ? (const double *)(f->word + f->head_words) : NULL;
    f->index = f->word + at;
    return ALM_OK;
}

alm_err alm_path_file_open(alm_str bytes, alm_path_file **out, alm_error *error)
{
    alm_assert((uintptr_t)bytes.data % 8 == 0);
    alm_path_file f = {.word = (const uint64_t *)(const void *)bytes.data,
                       .words = bytes.size / 8};
    if (bytes.size % 8) {
        return broken("its size is no whole number of words", error);
    }
    ALM_TRY(read_head(&f, error));
    ALM_TRY(read_index(&f, error));
    f.arena = alm_arena_create(1 << 10);
    alm_path_file *file = ALM_NEW(f.arena, alm_path_file);
    *file = f;
    *out = file;
    return ALM_OK;
}

uint64_t alm_path_file_bytes(const alm_path_file *file)
{
    return (uint64_t)file->words * sizeof(uint64_t);
}

void alm_path_file_close(alm_path_file *file)
{
    if (file) {
        alm_arena_destroy(file->content);
        alm_arena_destroy(file->arena);
    }
}

static alm_err object_of_run(alm_objects *objects, const alm_digest *manifest, alm_arena *scratch,
                             alm_digest *out, alm_error *error)
{
    alm_str text;
    alm_json_document *document = NULL;
    ALM_TRY(alm_objects_get(objects, manifest, MANIFEST_BYTES_MAX, scratch, &text, error));
    ALM_TRY(alm_json_parse(text, "the run's manifest", &document, error));
    const alm_json *value = alm_json_member(alm_json_root(document), "paths_object");
    alm_str digest = {0};
    alm_err code = ALM_OK;
    if (!value) {
        code = alm_fail(error, ALM_ERR_UNSUPPORTED, "the run kept no sample paths: it was made by "
                        "an engine before them; a new run has them");
    } else if (!alm_json_as_str(value, &digest) || !alm_digest_parse(digest, out)) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "paths_object of the run's manifest is no digest");
    }
    alm_json_document_destroy(document);
    return code;
}

alm_err alm_path_file_of_run(alm_objects *objects, const alm_digest *manifest, size_t limit_bytes,
                             alm_path_file **out, alm_error *error)
{
    alm_arena *content = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    alm_digest digest;
    alm_str bytes;
    alm_path_file *file = NULL;
    alm_err code = object_of_run(objects, manifest, scratch, &digest, error);
    if (code == ALM_OK) {
        code = alm_objects_get(objects, &digest, limit_bytes, content, &bytes, error);
    }
    if (code == ALM_OK) {
        code = alm_path_file_open(bytes, &file, error);
    }
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        alm_arena_destroy(content);
        return code;
    }
    file->content = content;
    *out = file;
    return ALM_OK;
}

/* ---- one node ---- */

/* The words of a record, taken one after the other. */
typedef struct record {
    const uint64_t *at;
    size_t left;
    bool aggregate;
} record;

static bool take(record *r, size_t count, const uint64_t **out)
{
    if (count > r->left) {
        return false;
    }
    *out = r->at;
    r->at += count;
    r->left -= count;
    return true;
}

static bool take_doubles(record *r, size_t count, const double **out)
{
    const uint64_t *words = NULL;
    bool taken = take(r, count, &words);
    *out = (const double *)words;
    return taken;
}

static bool take_name(record *r, alm_str *out)
{
    const uint64_t *size = NULL;
    const uint64_t *text = NULL;
    if (!take(r, 1, &size) || *size > r->left * 8 || !take(r, (size_t)(*size + 7) / 8, &text)) {
        return false;
    }
    *out = (alm_str){(const char *)text, (size_t)*size};
    return true;
}

/* First record of the index whose key is not below. */
static size_t lower_bound(const alm_path_file *f, uint64_t key)
{
    size_t low = 0;
    size_t high = f->records;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->index[2 * middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Leaves stand before the aggregates, and equal keys are in the order of the file. */
static alm_err find_record(const alm_path_file *f, alm_str node, alm_arena *arena, record *out,
                           alm_error *error)
{
    uint64_t key = almi_path_key(node);
    size_t end = (size_t)(f->index - f->word);
    for (size_t i = lower_bound(f, key); i < f->records && f->index[2 * i] == key; i++) {
        uint64_t offset = f->index[2 * i + 1];
        if (offset % 8 || offset / 8 >= end) {
            return broken("a record is outside", error);
        }
        record r = {f->word + offset / 8, end - (size_t)(offset / 8), false};
        alm_str name;
        if (!take_name(&r, &name)) {
            return broken("a record has no name", error);
        }
        if (alm_str_equal(name, node)) {
            const uint64_t *kind = NULL;
            if (!take(&r, 1, &kind) || *kind > 1) {
                return broken("a record is of no known kind", error);
            }
            r.aggregate = *kind == 1;
            *out = r;
            return ALM_OK;
        }
    }
    alm_str shown = {node.data, node.size < NAME_SHOWN ? node.size : NAME_SHOWN};
    return alm_fail(error, ALM_ERR_NOT_FOUND, "the run has no node " ALM_STR_FMT,
                    ALM_STR_ARG(alm_str_visible(shown, arena)));
}

typedef struct leaf_record {
    uint64_t number;
    double variance, on_hand;
    const uint64_t *nodes; /* levels */
    const double *loading; /* factors */
    const double *mean;
    const double *shape;
    const uint64_t *rank; /* packed */
    const uint64_t *receipts; /* (day, bits) */
    size_t receipt_count;
} leaf_record;

static size_t rank_words(const alm_path_file *f)
{
    return (f->templates * f->steps * almi_path_rank_bits(f->templates) + 63) / 64;
}

static bool take_leaf(const alm_path_file *f, record *r, leaf_record *out)
{
    const uint64_t *number = NULL;
    const double *scalars = NULL;
    const uint64_t *receipts = NULL;
    bool whole = take(r, 1, &number) && take_doubles(r, 2, &scalars) &&
                 take(r, f->levels, &out->nodes) &&
                 take_doubles(r, f->factors, &out->loading) &&
                 take_doubles(r, f->steps, &out->mean) &&
                 take_doubles(r, ALM_SHAPE_LEVELS, &out->shape) &&
                 take(r, rank_words(f), &out->rank) && take(r, 1, &receipts) &&
                 *receipts <= f->steps && take(r, 2 * (size_t)*receipts, &out->receipts);
    if (!whole) {
        return false;
    }
    for (size_t level = 0; f->adjusted && level < f->levels; level++) {
        whole = whole && out->nodes[level] < f->nodes;
    }
    for (size_t i = 0; i < (size_t)*receipts; i++) {
        whole = whole && out->receipts[2 * i] < f->steps;
    }
    out->number = *number;
    out->variance = scalars[0];
    out->on_hand = scalars[1];
    out->receipt_count = (size_t)*receipts;
    return whole;
}

static bool unpack_ranks(const alm_path_file *f, const uint64_t *packed, uint8_t *out)
{
    unsigned bits = almi_path_rank_bits(f->templates);
    size_t count = f->templates * f->steps;
    for (size_t i = 0; i < count; i++) {
        size_t bit = i * bits;
        unsigned shift = bit % 64;
        uint64_t value = packed[bit / 64] >> shift;
        if (shift + bits > 64) {
            value |= packed[bit / 64 + 1] << (64 - shift);
        }
        value &= ((uint64_t)1 << bits) - 1;
        if (value > f->templates) {
            return false;
        }
        out[i] = value == f->templates ? NO_RANK : (uint8_t)value;
    }
    return true;
}

static void place_stock(const alm_path_file *f, const leaf_record *leaf, alm_arena *arena,
                        alm_node_paths *out)
{
    double *receipts = ALM_NEW_ARRAY(arena, double, f->steps);
    for (size_t i = 0; i < leaf->receipt_count; i++) {
        memcpy(&receipts[leaf->receipts[2 * i]], &leaf->receipts[2 * i + 1], sizeof *receipts);
    }
    out->has_stock = !isnan(leaf->on_hand);
    out->on_hand = leaf->on_hand;
    out->receipts = receipts;
}

static alm_err make_leaf(const alm_path_file *f, const leaf_record *leaf, alm_arena *arena,
                         alm_node_paths *out, alm_error *error)
{
    alm_method method = {.horizon = (int32_t)f->steps, .seed = f->seed, .counts = f->counts};
    uint8_t *rank = ALM_NEW_ARRAY(arena, uint8_t, f->templates * f->steps + 1);
    uint32_t nodes[LEVELS_MAX];
    if (!unpack_ranks(f, leaf->rank, rank)) {
        return broken("a rank is out of range", error);
    }
    for (size_t level = 0; level < f->levels; level++) {
        nodes[level] = (uint32_t)leaf->nodes[level];
    }
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, f->width * sizeof(double), &memory, error));
    double *values = memory;
    alm_path_node node = {leaf->number, leaf->mean, leaf->shape, rank};
    alm_paths_make(&method, &node, f->templates, 0, f->paths, values);
    memcpy(values + f->paths * f->steps, leaf->mean, f->steps * sizeof(double));
    if (f->adjusted) {
        alm_leaf_adjustment adjustment = {leaf->variance, (uint32_t)f->levels, nodes, f->rule,
                                          leaf->loading,  f->factors,          f->nodes};
        alm_leaf_adjust(adjustment, values, f->lambda, f->width, values);
    }
    *out = (alm_node_paths){.values = values};
    place_stock(f, leaf, arena, out);
    return ALM_OK;
}

static alm_err read_values(const alm_path_file *f, record *r, alm_arena *arena,
                           alm_node_paths *out, alm_error *error)
{
    if (r->aggregate) {
        *out = (alm_node_paths){0};
        return take_doubles(r, f->width, &out->values) ? ALM_OK
                                                        : broken("a record is cut off", error);
    }
    leaf_record leaf;
    if (!take_leaf(f, r, &leaf)) {
        return broken("a record is cut off", error);
    }
    return make_leaf(f, &leaf, arena, out, error);
}

alm_err alm_paths_of_node(const alm_path_file *f, alm_str node, alm_arena *arena,
                          alm_node_paths *out, alm_error *error)
{
    record r = {0};
    alm_node_paths paths;
    ALM_TRY(find_record(f, node, arena, &r, error));
    ALM_TRY(read_values(f, &r, arena, &paths, error));
    for (size_t i = 0; i < f->width; i++) {
        if (!isfinite(paths.values[i]) || paths.values[i] < 0) {
            return broken("a sample path is not finite", error);
        }
    }
    paths.counts = f->counts;
    paths.whole = f->counts && !f->adjusted;
    paths.paths = f->paths;
    paths.steps = f->steps;
    paths.mean = paths.values + f->paths * f->steps;
    *out = paths;
    return ALM_OK;
}
