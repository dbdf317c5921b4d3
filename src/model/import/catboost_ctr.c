/* catboost_ctr.c: CatBoost's statistics of the target in .cbm, to computed columns.
 *
 * A feature names its statistics by kind and combination; the counts lie behind the core, in a part
 * "static_provider_v1": a number of tables, each a size and a FlatBuffers table of its own. */
#include <stdlib.h>
#include <string.h>

#include "model/import/catboost_binary.h"

enum { FEATURE_CTR = 0, FEATURE_BORDERS };
enum { CTR_BASE = 0, CTR_BORDER, CTR_PRIOR, CTR_PRIOR_WEIGHT, CTR_SHIFT, CTR_SCALE };
enum { BASE_COMBINATION = 0, BASE_KIND, BASE_CLASSIFIER };
enum { COMBINATION_CATEGORIES = 0, COMBINATION_FLOATS, COMBINATION_ONE_HOTS };
enum { TABLE_BASE = 0, TABLE_BUCKETS, TABLE_COUNTS, TABLE_DENOMINATOR, TABLE_CLASSES };

#define PART "static_provider_v1"
#define BUCKET_BYTES 12
#define PAIR_BYTES 8 /* of the structs {feature, border} and {feature, category} */

/* Kind and combination, and both as bytes to compare. */
typedef struct base {
    uint8_t kind;
    almi_fb_vector category, number, one_hot;
    alm_str key;
} base;

/* Where the counts of a combination are; `bucket` is NULL until a feature wants them. */
typedef struct counts {
    base base;
    almi_fb_vector bucket_bytes, count_bytes;
    int32_t denominator, class_count;
    const uint8_t *bucket;
    const int32_t *count;
} counts;

typedef struct ctr_reader {
    almi_cb_binary *b;
    counts *table; /* ascending by key */
    size_t table_count;
} ctr_reader;

/* `at`: where in the file. */
static alm_err damaged(const ctr_reader *r, const char *at, const char *what)
{
    return alm_fail(r->b->import->error, ALM_ERR_CORRUPT,
                    "%s: byte %zu: category statistics: %s; the model file is damaged",
                    r->b->import->name, (size_t)(at - r->b->buffer.bytes.data) + r->b->offset,
                    what);
}

/* Byte `at` of a buffer; the core's first one where what is asked for is absent. */
static const char *place(const ctr_reader *r, const almi_fb *buffer, size_t at)
{
    return buffer != NULL ? buffer->bytes.data + at : r->b->buffer.bytes.data;
}

/* ---- names of statistics ---- */

static char *add_bytes(char *to, const void *from, size_t size)
{
    if (size > 0) {
        memcpy(to, from, size);
    }
    return to + size;
}

static char *add_vector(char *to, const almi_fb_vector *vector)
{
    to = add_bytes(to, &vector->count, sizeof vector->count);
    return vector->count == 0 ? to
                              : add_bytes(to, vector->buffer->bytes.data + vector->at,
                                          vector->count * vector->item_size);
}

static alm_err read_base(const ctr_reader *r, const almi_fb_table *table, base *out)
{
    almi_fb_table combination = almi_fb_child(table, BASE_COMBINATION);
    base made = {.kind = almi_fb_u8(table, BASE_KIND, 0),
                 .category = almi_fb_items(&combination, COMBINATION_CATEGORIES, sizeof(int32_t)),
                 .number = almi_fb_items(&combination, COMBINATION_FLOATS, PAIR_BYTES),
                 .one_hot = almi_fb_items(&combination, COMBINATION_ONE_HOTS, PAIR_BYTES)};
    int32_t classifier = almi_fb_i32(table, BASE_CLASSIFIER, 0);
    if (made.kind > ALMI_CTR_FREQUENCY) {
        return damaged(r, place(r, table->buffer, table->at), "one is of an unknown kind");
    }
    size_t size = 1 + sizeof classifier + 3 * sizeof(size_t) +
                  made.category.count * sizeof(int32_t) +
                  (made.number.count + made.one_hot.count) * PAIR_BYTES;
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(r->b->import->scratch, size, &memory, r->b->import->error));
    char *at = add_bytes(memory, &made.kind, 1);
    at = add_bytes(at, &classifier, sizeof classifier);
    at = add_vector(at, &made.category);
    at = add_vector(at, &made.number);
    at = add_vector(at, &made.one_hot);
    made.key = (alm_str){memory, size};
    *out = made;
    return ALM_OK;
}

static int compare_counts(const void *left, const void *right)
{
    const counts *a = left, *b = right;
    return alm_str_compare(a->base.key, b->base.key);
}

/* ---- the part behind the core ---- */

/* A size as the source writes it: 32 bits, or all ones and then 64. */
static alm_err take_size(const ctr_reader *r, alm_str *rest, size_t *out)
{
    uint32_t narrow = 0;
    uint64_t wide = 0;
    if (rest->size < sizeof narrow) {
        return damaged(r, rest->data, "the file ends inside of them");
    }
    memcpy(&narrow, rest->data, sizeof narrow);
    size_t used = sizeof narrow;
    wide = narrow;
    if (narrow == UINT32_MAX) {
        if (rest->size < used + sizeof wide) {
            return damaged(r, rest->data, "the file ends inside of them");
        }
        memcpy(&wide, rest->data + used, sizeof wide);
        used += sizeof wide;
    }
    rest->data += used;
    rest->size -= used;
    if (wide > rest->size) {
        return damaged(r, rest->data, "the file ends inside of them");
    }
    *out = (size_t)wide;
    return ALM_OK;
}

/* The buffer is outside of `to`, which will move. */
static alm_err read_counts(const ctr_reader *r, alm_str *rest, almi_fb *buffer, counts *to)
{
    size_t size = 0;
    ALM_TRY(take_size(r, rest, &size));
    buffer->bytes = (alm_str){rest->data, size};
    rest->data += size;
    rest->size -= size;
    almi_fb_table table = almi_fb_root(buffer);
    almi_fb_table name = almi_fb_child(&table, TABLE_BASE);
    ALM_TRY(read_base(r, &name, &to->base));
    to->bucket_bytes = almi_fb_items(&table, TABLE_BUCKETS, 1);
    to->count_bytes = almi_fb_items(&table, TABLE_COUNTS, 1);
    to->denominator = almi_fb_i32(&table, TABLE_DENOMINATOR, 0);
    to->class_count = almi_fb_i32(&table, TABLE_CLASSES, 0);
    return buffer->damaged
               ? damaged(r, place(r, buffer, buffer->damaged_at), "a table points out of itself")
               : ALM_OK;
}

static alm_err read_part(ctr_reader *r, const almi_fb_vector *names, alm_str rest)
{
    size_t count = 0;
    if (names->count == 0 || !alm_str_is(almi_fb_text_at(names, 0), PART)) {
        return damaged(r, rest.data, "the trees use them and the file has none");
    }
    ALM_TRY(take_size(r, &rest, &count));
    if (count > rest.size / 4) {
        return damaged(r, rest.data, "the file ends inside of them");
    }
    almi_fb *buffer = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(r->b->import->scratch, count, buffer, r->b->import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(r->b->import->scratch, count, r->table, r->b->import->error));
    r->table_count = count;
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(read_counts(r, &rest, &buffer[i], &r->table[i]));
    }
    if (count > 0) {
        qsort(r->table, count, sizeof *r->table, compare_counts);
    }
    return ALM_OK;
}

/* ---- one feature ---- */

static size_t row_width(const counts *table)
{
    switch (table->base.kind) {
    case ALMI_CTR_COUNTER:
    case ALMI_CTR_FREQUENCY:
        return 1;
    case ALMI_CTR_CLASS_MEAN:
    case ALMI_CTR_TARGET_MEAN:
        return 2;
    case ALMI_CTR_BUCKETS:
        return table->class_count > 0 ? (size_t)table->class_count : 0;
    default: /* the source takes up to two classes as two */
        return table->class_count > 2 ? (size_t)table->class_count : 2;
    }
}

/* Copies the table behind a feature, once, and checks that every bucket's row is there. */
static alm_err place_counts(const ctr_reader *r, counts *table)
{
    alm_arena *arena = r->b->import->forest->arena;
    alm_error *error = r->b->import->error;
    size_t buckets = table->bucket_bytes.count / BUCKET_BYTES, width = row_width(table);
    const char *table_at = place(r, table->bucket_bytes.buffer, table->bucket_bytes.at);
    bool is_power = buckets > 0 && (buckets & (buckets - 1)) == 0;
    if (!is_power || buckets * BUCKET_BYTES != table->bucket_bytes.count || width == 0) {
        return damaged(r, table_at, "a hash table has an impossible size");
    }
    void *bucket = NULL, *count = NULL;
    ALM_TRY(almi_fb_copy(&table->bucket_bytes, arena, &bucket, error));
    ALM_TRY(almi_fb_copy(&table->count_bytes, arena, &count, error));
    size_t rows = table->count_bytes.count / (sizeof(int32_t) * width);
    for (size_t i = 0; i < buckets; i++) {
        const char *at = (const char *)bucket + i * BUCKET_BYTES;
        uint64_t hash = 0;
        uint32_t row = 0;
        memcpy(&hash, at, sizeof hash);
        memcpy(&row, at + sizeof hash, sizeof row);
        if (hash != UINT64_MAX && row >= rows) {
            return damaged(r, table_at + i * BUCKET_BYTES,
                           "a hash table names counts that are not there");
        }
    }
    table->bucket = bucket;
    table->count = count;
    return ALM_OK;
}

/* `at`: who asks for it. */
static alm_err find_counts(const ctr_reader *r, const base *wanted, const char *at, counts **out)
{
    counts key = {.base = *wanted};
    *out = r->table_count == 0 ? NULL
                               : bsearch(&key, r->table, r->table_count, sizeof *r->table,
                                         compare_counts);
    if (*out == NULL) {
        return damaged(r, at, "the file lacks those of a feature");
    }
    return (*out)->bucket != NULL ? ALM_OK : place_counts(r, *out);
}

/* {feature, border or category} as the source packs it. */
static void take_pair(const almi_fb_vector *vector, size_t i, int32_t *feature, void *value)
{
    const char *at = vector->buffer->bytes.data + vector->at + i * PAIR_BYTES;
    memcpy(feature, at, 4);
    memcpy(value, at + 4, 4);
}

static alm_err place_tests(const ctr_reader *r, const base *from, almi_ctr *ctr)
{
    almi_cb_import *import = r->b->import;
    almi_ctr_test *test = NULL;
    ctr->test_count = from->number.count + from->one_hot.count;
    ALM_TRY(ALMI_FOREST_ARRAY(import->forest->arena, ctr->test_count, test, import->error));
    ctr->test = test;
    for (size_t i = 0; i < from->number.count; i++, test++) {
        int32_t feature = 0;
        float border = 0;
        take_pair(&from->number, i, &feature, &border);
        test->threshold = (double)border;
        ALM_TRY(almi_cb_find_number(import, feature, &test->column, &test->decision));
    }
    for (size_t i = 0; i < from->one_hot.count; i++, test++) {
        int32_t feature = 0, category = 0;
        take_pair(&from->one_hot, i, &feature, &category);
        test->threshold = (double)category;
        test->decision = ALMI_DECISION_CATEGORY;
        ALM_TRY(almi_cb_find_category(import, feature, &test->column));
    }
    return ALM_OK;
}

static alm_err place_categories(const ctr_reader *r, const base *from, almi_ctr *ctr)
{
    almi_cb_import *import = r->b->import;
    const int32_t *index = NULL;
    uint32_t *column = NULL;
    ALM_TRY(almi_cb_integers(r->b, &from->category, &index));
    ctr->category_count = from->category.count;
    ALM_TRY(ALMI_FOREST_ARRAY(import->forest->arena, ctr->category_count, column, import->error));
    ctr->category = column;
    for (size_t i = 0; i < ctr->category_count; i++) {
        ALM_TRY(almi_cb_find_category(import, index[i], &column[i]));
    }
    return ALM_OK;
}

static alm_err set_border(const ctr_reader *r, const counts *table, int32_t border, const char *at,
                          almi_ctr *ctr)
{
    bool is_bucket = ctr->kind == ALMI_CTR_BUCKETS, is_border = ctr->kind == ALMI_CTR_BORDERS;
    int64_t classes = (int64_t)ctr->row_width;
    if (is_border && table->class_count <= 2) {
        border = 0; /* whatever the source says, it asks for the second class */
    }
    if ((is_bucket && (border < 0 || border >= classes)) ||
        (is_border && (border < 0 || border + 1 > classes))) {
        return damaged(r, at, "a feature asks for a class that is not there");
    }
    ctr->border = border;
    return ALM_OK;
}

static alm_err read_feature(const ctr_reader *r, const almi_fb_table *feature, almi_cb_ctr *out)
{
    almi_fb_table ctr = almi_fb_child(feature, FEATURE_CTR);
    almi_fb_table name = almi_fb_child(&ctr, CTR_BASE);
    almi_fb_vector border = almi_fb_items(feature, FEATURE_BORDERS, sizeof(float));
    const char *at = place(r, feature->buffer, feature->at);
    base wanted;
    counts *table = NULL;
    ALM_TRY(read_base(r, &name, &wanted));
    ALM_TRY(almi_cb_check(r->b));
    ALM_TRY(find_counts(r, &wanted, at, &table));
    out->border_count = border.count;
    ALM_TRY(almi_cb_floats(r->b, &border, &out->border));
    out->ctr = (almi_ctr){.kind = wanted.kind,
                          .bucket = table->bucket,
                          .bucket_count = table->bucket_bytes.count / BUCKET_BYTES,
                          .count = table->count,
                          .row_width = row_width(table),
                          .denominator = table->denominator,
                          .prior = almi_fb_float(&ctr, CTR_PRIOR, 0),
                          .prior_weight = almi_fb_float(&ctr, CTR_PRIOR_WEIGHT, 1),
                          .shift = almi_fb_float(&ctr, CTR_SHIFT, 0),
                          .scale = almi_fb_float(&ctr, CTR_SCALE, 1)};
    ALM_TRY(set_border(r, table, almi_fb_i32(&ctr, CTR_BORDER, 0), at, &out->ctr));
    ALM_TRY(place_categories(r, &wanted, &out->ctr));
    return place_tests(r, &wanted, &out->ctr);
}

alm_err almi_cb_read_ctrs(almi_cb_binary *b, const almi_fb_vector *ctrs,
                          const almi_fb_vector *names, alm_str parts)
{
    ctr_reader r = {.b = b};
    almi_cb_features *f = &b->import->features;
    ALM_TRY(almi_cb_check(b));
    if (ctrs->count == 0) {
        return ALM_OK;
    }
    ALM_TRY(read_part(&r, names, parts));
    ALM_TRY(ALMI_FOREST_ARRAY(b->import->scratch, ctrs->count, f->ctr, b->import->error));
    f->ctr_count = ctrs->count;
    for (size_t i = 0; i < ctrs->count; i++) {
        almi_fb_table feature = almi_fb_table_at(ctrs, i);
        ALM_TRY(read_feature(&r, &feature, &f->ctr[i]));
    }
    return almi_cb_check(b);
}
