/* table.c: columns, their canonical hash, and the builder. */
#include "table/table.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} TYPES[] = {
    [ALM_TYPE_BOOL] = {"bool", sizeof(uint8_t)},
    [ALM_TYPE_I64] = {"i64", sizeof(int64_t)},
    [ALM_TYPE_F64] = {"f64", sizeof(double)},
    [ALM_TYPE_DATE] = {"date", sizeof(alm_date)},
    [ALM_TYPE_INSTANT] = {"instant", sizeof(alm_instant)},
    [ALM_TYPE_TEXT] = {"text", sizeof(alm_str)},
};
#define TYPE_COUNT (sizeof(TYPES) / sizeof(TYPES[0]))

const char *alm_type_name(alm_type type)
{
    alm_assert((size_t)type < TYPE_COUNT);
    return TYPES[type].name;
}

bool alm_type_parse(alm_str name, alm_type *out)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (alm_str_is(name, TYPES[i].name)) {
            *out = (alm_type)i;
            return true;
        }
    }
    return false;
}

size_t alm_type_size(alm_type type)
{
    alm_assert((size_t)type < TYPE_COUNT);
    return TYPES[type].size;
}

const alm_column *alm_table_column(const alm_table *table, const char *name)
{
    for (size_t c = 0; c < table->column_count; c++) {
        if (strcmp(table->columns[c].name, name) == 0) {
            return &table->columns[c];
        }
    }
    return NULL;
}

bool alm_column_is_valid(const alm_column *column, size_t row)
{
    return !column->valid || column->valid[row] != 0;
}

/* Values are packed into a small buffer first: one call of the hash per value would cost several
 * times the hash itself. The bytes that go in are the same either way. */
#define PACK_BYTES 4096
#define PACKED_BYTES_MAX 9 /* of a value that is no text: validity and eight bytes */

typedef struct pack {
    alm_hash *hash;
    size_t size;
    uint8_t bytes[PACK_BYTES];
} pack;

static void pack_flush(pack *p)
{
    alm_hash_update(p->hash, p->bytes, p->size);
    p->size = 0;
}

static inline size_t put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
    return 8;
}

static void pack_text(pack *p, alm_str value)
{
    if (p->size + PACKED_BYTES_MAX + value.size > PACK_BYTES) {
        pack_flush(p);
    }
    p->bytes[p->size++] = 1;
    p->size += put_u64(p->bytes + p->size, value.size);
    if (p->size + value.size > PACK_BYTES) {
        pack_flush(p);
        alm_hash_update(p->hash, value.data, value.size);
    } else if (value.size > 0) {
        memcpy(p->bytes + p->size, value.data, value.size);
        p->size += value.size;
    }
}

static inline uint64_t double_bits(double value)
{
    uint64_t bits;
    if (value != value) {
        return UINT64_C(0x7ff8000000000000);
    }
    value = value == 0.0 ? 0.0 : value;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* The bytes of a valid value behind its validity; returns how many. */
static inline size_t pack_value(const alm_column *column, size_t row, uint8_t *out)
{
    switch (column->type) {
    case ALM_TYPE_BOOL:
        out[0] = column->values.boolean[row] != 0;
        return 1;
    case ALM_TYPE_I64:
        return put_u64(out, (uint64_t)column->values.i64[row]);
    case ALM_TYPE_F64:
        return put_u64(out, double_bits(column->values.f64[row]));
    case ALM_TYPE_DATE:
        return put_u64(out, (uint64_t)(int64_t)column->values.date[row]);
    case ALM_TYPE_INSTANT:
        return put_u64(out, (uint64_t)column->values.instant[row]);
    case ALM_TYPE_TEXT:
        break; /* of no fixed size: pack_text */
    }
    return 0;
}

void alm_column_hash(const alm_column *column, size_t first, size_t count, alm_hash *hash)
{
    pack p;
    p.hash = hash;
    p.size = 0;
    for (size_t row = first; row < first + count; row++) {
        bool valid = alm_column_is_valid(column, row);
        if (valid && column->type == ALM_TYPE_TEXT) {
            pack_text(&p, column->values.text[row]);
            continue;
        }
        if (p.size + PACKED_BYTES_MAX > PACK_BYTES) {
            pack_flush(&p);
        }
        p.bytes[p.size++] = valid;
        if (valid) {
            p.size += pack_value(column, row, p.bytes + p.size);
        }
    }
    pack_flush(&p);
}

/* ---- builder ---- */

/* Text lives in chunks that never move, so that a view survives later rows. */
#define CHUNK_BYTES ((size_t)1 << 16)

typedef struct chunk {
    struct chunk *next;
    size_t size;
    size_t capacity;
    char bytes[];
} chunk;

typedef struct built_column {
    uint8_t *values;
    uint8_t *valid;
    size_t capacity; /* rows */
    size_t rows;
    size_t nulls;
} built_column;

struct alm_table_builder {
    size_t column_count;
    size_t next;           /* column of the next value */
    built_column *built;
    alm_column *columns;   /* the view that finish fills */
    char *names;
    chunk *chunks;         /* newest first */
    bool failed;
};

static alm_err builder_fill(alm_table_builder *b, const char *const *names, const alm_type *types,
                            alm_error *error)
{
    size_t name_bytes = 0;
    for (size_t c = 0; c < b->column_count; c++) {
        name_bytes += strlen(names[c]) + 1;
    }
    void *memory = NULL;
    ALM_TRY(alm_heap_try(b->column_count * sizeof(built_column), &memory, error));
    b->built = memory;
    ALM_TRY(alm_heap_try(b->column_count * sizeof(alm_column), &memory, error));
    b->columns = memory;
    ALM_TRY(alm_heap_try(name_bytes, &memory, error));
    b->names = memory;
    char *at = b->names;
    for (size_t c = 0; c < b->column_count; c++) {
        size_t size = strlen(names[c]) + 1;
        memcpy(at, names[c], size);
        b->columns[c].name = at;
        b->columns[c].type = types[c];
        at += size;
    }
    return ALM_OK;
}

alm_err alm_table_builder_create(const char *const *names, const alm_type *types, size_t columns,
                                 alm_table_builder **out, alm_error *error)
{
    alm_assert(columns > 0);
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_table_builder), &memory, error));
    alm_table_builder *b = memory;
    b->column_count = columns;
    alm_err code = builder_fill(b, names, types, error);
    if (code != ALM_OK) {
        alm_table_builder_destroy(b);
        return code;
    }
    *out = b;
    return ALM_OK;
}

static void free_chunks(alm_table_builder *b)
{
    while (b->chunks) {
        chunk *next = b->chunks->next;
        alm_heap_free(b->chunks);
        b->chunks = next;
    }
}

void alm_table_builder_destroy(alm_table_builder *builder)
{
    if (!builder) {
        return;
    }
    for (size_t c = 0; builder->built && c < builder->column_count; c++) {
        alm_heap_free(builder->built[c].values);
        alm_heap_free(builder->built[c].valid);
    }
    free_chunks(builder);
    alm_heap_free(builder->built);
    alm_heap_free(builder->columns);
    alm_heap_free(builder->names);
    alm_heap_free(builder);
}

static bool column_grow(built_column *column, size_t value_size)
{
    size_t capacity = column->capacity ? column->capacity * 2 : 256;
    void *memory = NULL;
    if (alm_heap_try_resize(column->values, column->capacity * value_size, capacity * value_size,
                            &memory, NULL) != ALM_OK) {
        return false;
    }
    column->values = memory;
    if (alm_heap_try_resize(column->valid, column->capacity, capacity, &memory, NULL) != ALM_OK) {
        return false;
    }
    column->valid = memory;
    column->capacity = capacity;
    return true;
}

/* The place of the next value, or NULL when memory has run out. A null row keeps zero bytes. */
static void *next_slot(alm_table_builder *b, bool valid)
{
    size_t c = b->next;
    b->next = c + 1 == b->column_count ? 0 : c + 1;
    built_column *column = &b->built[c];
    size_t size = alm_type_size(b->columns[c].type);
    if (column->rows == column->capacity && (b->failed || !column_grow(column, size))) {
        b->failed = true;
        return NULL;
    }
    void *slot = column->values + column->rows * size;
    memset(slot, 0, size);
    column->valid[column->rows] = valid;
    column->nulls += !valid;
    column->rows++;
    return slot;
}

static void add(alm_table_builder *b, alm_type type, const void *value)
{
    alm_assert(b->columns[b->next].type == type);
    void *slot = next_slot(b, true);
    if (slot) {
        memcpy(slot, value, alm_type_size(type));
    }
}

void alm_table_builder_bool(alm_table_builder *builder, bool value)
{
    uint8_t byte = value;
    add(builder, ALM_TYPE_BOOL, &byte);
}

void alm_table_builder_i64(alm_table_builder *builder, int64_t value)
{
    add(builder, ALM_TYPE_I64, &value);
}

void alm_table_builder_f64(alm_table_builder *builder, double value)
{
    add(builder, ALM_TYPE_F64, &value);
}

void alm_table_builder_date(alm_table_builder *builder, alm_date value)
{
    add(builder, ALM_TYPE_DATE, &value);
}

void alm_table_builder_instant(alm_table_builder *builder, alm_instant value)
{
    add(builder, ALM_TYPE_INSTANT, &value);
}

static char *text_room(alm_table_builder *b, size_t size)
{
    if (!b->chunks || b->chunks->capacity - b->chunks->size < size) {
        size_t capacity = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        void *memory = NULL;
        if (alm_heap_try(sizeof(chunk) + capacity, &memory, NULL) != ALM_OK) {
            return NULL;
        }
        chunk *fresh = memory;
        fresh->capacity = capacity;
        fresh->next = b->chunks;
        b->chunks = fresh;
    }
    char *room = b->chunks->bytes + b->chunks->size;
    b->chunks->size += size;
    return room;
}

void alm_table_builder_text(alm_table_builder *builder, alm_str value)
{
    alm_str copy = {"", 0};
    if (value.size > 0) {
        char *room = text_room(builder, value.size);
        if (room) {
            memcpy(room, value.data, value.size);
            copy = (alm_str){room, value.size};
        } else {
            builder->failed = true;
        }
    }
    add(builder, ALM_TYPE_TEXT, &copy);
}

void alm_table_builder_null(alm_table_builder *builder)
{
    (void)next_slot(builder, false);
}

void alm_table_builder_value(alm_table_builder *builder, const alm_column *column, size_t row)
{
    if (!alm_column_is_valid(column, row)) {
        alm_table_builder_null(builder);
        return;
    }
    switch (column->type) {
    case ALM_TYPE_BOOL:
        alm_table_builder_bool(builder, column->values.boolean[row] != 0);
        break;
    case ALM_TYPE_I64:
        alm_table_builder_i64(builder, column->values.i64[row]);
        break;
    case ALM_TYPE_F64:
        alm_table_builder_f64(builder, column->values.f64[row]);
        break;
    case ALM_TYPE_DATE:
        alm_table_builder_date(builder, column->values.date[row]);
        break;
    case ALM_TYPE_INSTANT:
        alm_table_builder_instant(builder, column->values.instant[row]);
        break;
    case ALM_TYPE_TEXT:
        alm_table_builder_text(builder, column->values.text[row]);
        break;
    }
}

alm_err alm_table_builder_finish(alm_table_builder *builder, alm_table *out, alm_error *error)
{
    if (builder->failed) {
        return alm_fail(error, ALM_ERR_MEMORY, "out of memory while building a table of %zu rows",
                        builder->built[0].rows);
    }
    alm_assert(builder->next == 0); /* the last row is complete */
    for (size_t c = 0; c < builder->column_count; c++) {
        built_column *column = &builder->built[c];
        builder->columns[c].valid = column->nulls ? column->valid : NULL;
        builder->columns[c].values.any = column->values;
    }
    *out = (alm_table){builder->built[0].rows, builder->column_count, builder->columns};
    return ALM_OK;
}

void alm_table_builder_clear(alm_table_builder *builder)
{
    for (size_t c = 0; c < builder->column_count; c++) {
        builder->built[c].rows = 0;
        builder->built[c].nulls = 0;
    }
    builder->next = 0;
    builder->failed = false;
    free_chunks(builder);
}
