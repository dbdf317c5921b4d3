/* row_sort.c: rows into blocks, and blocks into runs. */
#include "table/row_sort_internal.h"

#define MEMORY_BYTES_MIN ((uint64_t)1 << 16)
#define CHUNK_BYTES_MAX ((size_t)1 << 20)
#define CHUNK_BYTES_MIN ((size_t)1 << 12)
#define PENDING_BYTES ((size_t)1 << 18)
#define SORT_BYTES_PER_ROW (2 * sizeof(almi_sort_item))
#define SIGN ((uint64_t)1 << 63)

alm_err almi_sort_reserve(almi_sort_bytes *bytes, size_t capacity, alm_error *error)
{
    if (capacity <= bytes->capacity) {
        return ALM_OK;
    }
    void *memory = NULL;
    capacity = capacity > 2 * bytes->capacity ? capacity : 2 * bytes->capacity;
    ALM_TRY(alm_heap_try_resize(bytes->data, bytes->size, capacity, &memory, error));
    bytes->data = memory;
    bytes->capacity = capacity;
    return ALM_OK;
}

/* ---- creating ---- */

alm_err alm_row_sort_create(const alm_row_sort_options *options, alm_row_sort **out,
                            alm_error *error)
{
    alm_assert(options->column_count > 0 && options->key_count <= options->column_count);
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_row_sort), &memory, error));
    alm_row_sort *sort = memory;
    sort->options = *options;
    if (sort->options.memory_bytes < MEMORY_BYTES_MIN) {
        sort->options.memory_bytes = MEMORY_BYTES_MIN;
    }
    size_t share = (size_t)sort->options.memory_bytes / 16;
    share = share < CHUNK_BYTES_MIN ? CHUNK_BYTES_MIN : share;
    sort->chunk_bytes = share > CHUNK_BYTES_MAX ? CHUNK_BYTES_MAX : share;
    sort->arena = alm_arena_create(4096);
    sort->in_order = true;
    *out = sort;
    return ALM_OK;
}

static void free_block(alm_row_sort *sort)
{
    alm_heap_free(sort->item_bytes.data);
    sort->item_bytes = (almi_sort_bytes){0};
    while (sort->first) {
        almi_sort_chunk *next = sort->first->next;
        alm_heap_free(sort->first);
        sort->first = next;
    }
    sort->chunk = NULL;
}

void alm_row_sort_destroy(alm_row_sort *sort)
{
    if (!sort) {
        return;
    }
    if (sort->writer) {
        (void)sort->options.fs->ops->close(sort->options.fs, sort->writer, NULL);
    }
    almi_batch_free(sort);
    almi_merge_end(sort);
    free_block(sort);
    alm_heap_free(sort->last.data);
    alm_heap_free(sort->pending.data);
    alm_arena_destroy(sort->arena);
    alm_heap_free(sort);
}

/* ---- adding ---- */

/* Another chunk, which begins with what the row at hand has so far. */
static bool grow(alm_row_sort *sort, size_t more)
{
    size_t held = sort->record ? (size_t)(sort->at - sort->record) : 0;
    size_t need = held + more;
    almi_sort_chunk *chunk = sort->chunk ? sort->chunk->next : NULL;
    if (!chunk || chunk->capacity < need) {
        void *memory = NULL;
        size_t capacity = need > sort->chunk_bytes ? need + need / 2 : sort->chunk_bytes;
        if (alm_heap_try(sizeof(almi_sort_chunk) + capacity, &memory, NULL) != ALM_OK) {
            sort->failed = true;
            return false;
        }
        chunk = memory;
        chunk->capacity = capacity;
        chunk->next = sort->chunk ? sort->chunk->next : NULL;
        if (sort->chunk) {
            sort->chunk->next = chunk;
        } else {
            sort->first = chunk;
        }
    }
    if (held > 0) {
        memcpy(chunk->bytes, sort->record, held);
    }
    chunk->used = 0;
    sort->chunk = chunk;
    sort->record = chunk->bytes;
    sort->at = chunk->bytes + held;
    return true;
}

/* Room for `size` bytes of the next value, or NULL when memory has run out. */
static uint8_t *room(alm_row_sort *sort, alm_type type, size_t size)
{
    alm_assert(sort->column < sort->options.column_count);
    alm_assert(sort->options.types[sort->column] == type);
    bool first = sort->column++ == 0;
    if (sort->failed) {
        return NULL;
    }
    size_t need = size + (first ? ALMI_RECORD_HEAD : 0);
    if (first) {
        sort->record = sort->chunk ? sort->chunk->bytes + sort->chunk->used : NULL;
        sort->at = sort->record;
    }
    if (!sort->chunk ||
        (size_t)(sort->chunk->bytes + sort->chunk->capacity - sort->at) < need) {
        if (!grow(sort, need)) {
            return NULL;
        }
    }
    sort->at += first ? ALMI_RECORD_HEAD : 0; /* the size comes at the end of the row */
    return sort->at;
}

static void put_big_endian(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

static void add_u64(alm_row_sort *sort, alm_type type, uint64_t value)
{
    uint8_t *at = room(sort, type, 9);
    if (at) {
        at[0] = 1;
        put_big_endian(at + 1, value, 8);
        sort->at += 9;
    }
}

void alm_row_sort_null(alm_row_sort *sort)
{
    alm_assert(sort->column < sort->options.column_count);
    uint8_t *at = room(sort, sort->options.types[sort->column], 1);
    if (at) {
        at[0] = 0;
        sort->at += 1;
    }
}

void alm_row_sort_bool(alm_row_sort *sort, bool value)
{
    uint8_t *at = room(sort, ALM_TYPE_BOOL, 2);
    if (at) {
        at[0] = 1;
        at[1] = value;
        sort->at += 2;
    }
}

void alm_row_sort_i64(alm_row_sort *sort, int64_t value)
{
    add_u64(sort, ALM_TYPE_I64, (uint64_t)value ^ SIGN);
}

void alm_row_sort_f64(alm_row_sort *sort, double value)
{
    alm_assert(value == value);
    uint64_t bits;
    value = value == 0.0 ? 0.0 : value; /* one zero */
    memcpy(&bits, &value, sizeof(bits));
    add_u64(sort, ALM_TYPE_F64, bits & SIGN ? ~bits : bits ^ SIGN);
}

void alm_row_sort_date(alm_row_sort *sort, alm_date value)
{
    uint8_t *at = room(sort, ALM_TYPE_DATE, 5);
    if (at) {
        at[0] = 1;
        put_big_endian(at + 1, (uint32_t)value ^ UINT32_C(0x80000000), 4);
        sort->at += 5;
    }
}

void alm_row_sort_instant(alm_row_sort *sort, alm_instant value)
{
    add_u64(sort, ALM_TYPE_INSTANT, (uint64_t)value ^ SIGN);
}

void alm_row_sort_text(alm_row_sort *sort, alm_str value)
{
    uint8_t *at = room(sort, ALM_TYPE_TEXT, 2 + 2 * value.size);
    if (!at) {
        return;
    }
    *at++ = 1;
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = (uint8_t)value.data[i];
        if (byte <= 1) {
            *at++ = 1;
            byte++;
        }
        *at++ = byte;
    }
    *at++ = 0;
    sort->at = at;
}

/* ---- the order of a block ---- */

static alm_err order_block(alm_row_sort *sort, alm_error *error)
{
    if (sort->in_order) {
        return ALM_OK;
    }
    /* The next block may have a few rows more: large blocks of memory that come and go leave holes
     * in the heap that nothing fits into. */
    size_t need = sort->rows * SORT_BYTES_PER_ROW;
    if (need > sort->item_bytes.capacity) {
        ALM_TRY(almi_sort_reserve(&sort->item_bytes, need + need / 8, error));
    }
    sort->items = (almi_sort_item *)(void *)sort->item_bytes.data;
    size_t count = 0;
    for (const almi_sort_chunk *chunk = sort->first; chunk; chunk = chunk->next) {
        for (size_t at = 0; at < chunk->used;) {
            sort->items[count++].record = chunk->bytes + at;
            at += ALMI_RECORD_HEAD + almi_record_size(chunk->bytes + at);
        }
    }
    alm_assert(count == sort->rows);
    almi_radix_sort(sort->items, sort->items + count, count);
    return ALM_OK;
}

/* ---- blocks into runs ---- */

static alm_err close_writer(alm_row_sort *sort, alm_error *error)
{
    alm_file *file = sort->writer;
    sort->writer = NULL;
    return file ? sort->options.fs->ops->close(sort->options.fs, file, error) : ALM_OK;
}

static alm_err open_writer(alm_row_sort *sort, char **path, alm_error *error)
{
    char *name = alm_arena_printf(sort->arena, "%s-%llu.run", sort->options.name,
                                  (unsigned long long)sort->run_number++);
    *path = alm_path_join(sort->arena, sort->options.folder, name);
    return sort->options.fs->ops->create(sort->options.fs, *path, &sort->writer, error);
}

static alm_err write_pending(alm_row_sort *sort, alm_error *error)
{
    size_t size = sort->pending.size;
    sort->pending.size = 0;
    return size == 0 ? ALM_OK
                     : sort->options.fs->ops->write(sort->options.fs, sort->writer,
                                                    sort->pending.data, size, error);
}

static alm_err write_record(alm_row_sort *sort, const uint8_t *record, alm_error *error)
{
    size_t size = ALMI_RECORD_HEAD + almi_record_size(record);
    if (sort->pending.size + size > sort->pending.capacity) {
        ALM_TRY(write_pending(sort, error));
        ALM_TRY(almi_sort_reserve(&sort->pending, size > PENDING_BYTES ? size : PENDING_BYTES,
                                  error));
    }
    memcpy(sort->pending.data + sort->pending.size, record, size);
    sort->pending.size += size;
    return ALM_OK;
}

static alm_err keep_last(alm_row_sort *sort, const uint8_t *record, alm_error *error)
{
    size_t size = ALMI_RECORD_HEAD + almi_record_size(record);
    ALM_TRY(almi_sort_reserve(&sort->last, size, error));
    memcpy(sort->last.data, record, size);
    sort->last.size = size;
    return ALM_OK;
}

/* So many runs that no more should be open at once become one. */
static alm_err merge_runs(alm_row_sort *sort, alm_error *error)
{
    char *path = NULL;
    const uint8_t *record;
    ALM_TRY(close_writer(sort, error));
    ALM_TRY(open_writer(sort, &path, error));
    ALM_TRY(almi_merge_start(sort, error));
    while ((record = almi_merge_record(sort)) != NULL) {
        ALM_TRY(write_record(sort, record, error));
        ALM_TRY(keep_last(sort, record, error));
        ALM_TRY(almi_merge_advance(sort, error));
    }
    ALM_TRY(write_pending(sort, error));
    almi_merge_end(sort);
    sort->runs[sort->run_count++].path = path;
    return ALM_OK;
}

/* The run that the block belongs to: the newest, where the block goes on behind it. */
static alm_err choose_run(alm_row_sort *sort, const uint8_t *first, alm_error *error)
{
    if (sort->writer && almi_record_compare(sort->last.data, first) <= 0) {
        return ALM_OK;
    }
    if (sort->run_count == ALMI_SORT_RUNS_MAX) {
        ALM_TRY(merge_runs(sort, error));
    }
    ALM_TRY(close_writer(sort, error));
    ALM_TRY(open_writer(sort, &sort->runs[sort->run_count].path, error));
    sort->run_count++;
    return ALM_OK;
}

static alm_err write_block(alm_row_sort *sort, alm_error *error)
{
    alm_fs *fs = sort->options.fs;
    for (size_t i = 0; sort->items && i < sort->rows; i++) {
        ALM_TRY(write_record(sort, sort->items[i].record, error));
    }
    for (almi_sort_chunk *c = sort->items ? NULL : sort->first; c; c = c->next) {
        if (c->used > 0) {
            ALM_TRY(fs->ops->write(fs, sort->writer, c->bytes, c->used, error));
        }
    }
    return write_pending(sort, error);
}

static const uint8_t *first_record(const alm_row_sort *sort)
{
    if (sort->items) {
        return sort->items[0].record;
    }
    const almi_sort_chunk *chunk = sort->first;
    while (chunk->used == 0) { /* a long record did not fit into it */
        chunk = chunk->next;
    }
    return chunk->bytes;
}

static alm_err spill(alm_row_sort *sort, alm_error *error)
{
    if (sort->rows == 0) {
        return ALM_OK;
    }
    ALM_TRY(order_block(sort, error));
    ALM_TRY(choose_run(sort, first_record(sort), error));
    ALM_TRY(write_block(sort, error));
    ALM_TRY(keep_last(sort, sort->items ? sort->items[sort->rows - 1].record : sort->newest,
                      error));
    sort->items = NULL;
    for (almi_sort_chunk *chunk = sort->first; chunk; chunk = chunk->next) {
        chunk->used = 0;
    }
    sort->chunk = sort->first;
    sort->newest = NULL;
    sort->rows = 0;
    sort->bytes = 0;
    sort->in_order = true;
    return ALM_OK;
}

alm_err alm_row_sort_end_row(alm_row_sort *sort, alm_error *error)
{
    alm_assert(sort->column == sort->options.column_count && !sort->reading);
    sort->column = 0;
    if (sort->failed) {
        return alm_fail(error, ALM_ERR_MEMORY, "out of memory while sorting rows");
    }
    size_t size = (size_t)(sort->at - sort->record);
    if (size > UINT32_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "a row has more than 4 GiB");
    }
    uint32_t head = (uint32_t)(size - ALMI_RECORD_HEAD);
    memcpy(sort->record, &head, sizeof(head));
    sort->in_order = sort->in_order &&
                     (!sort->newest || almi_record_compare(sort->newest, sort->record) <= 0);
    sort->newest = sort->record;
    sort->chunk->used += size;
    sort->bytes += size;
    sort->rows++;
    if (sort->bytes + sort->rows * SORT_BYTES_PER_ROW < sort->options.memory_bytes) {
        return ALM_OK;
    }
    return spill(sort, error);
}

alm_err alm_row_sort_finish(alm_row_sort *sort, alm_error *error)
{
    alm_assert(sort->column == 0 && !sort->reading);
    if (sort->run_count == 0) {
        ALM_TRY(order_block(sort, error));
    } else {
        ALM_TRY(spill(sort, error));
        ALM_TRY(close_writer(sort, error));
        free_block(sort);
        alm_heap_free(sort->pending.data);
        sort->pending = (almi_sort_bytes){0};
    }
    sort->reading = true;
    return alm_row_sort_rewind(sort, ALMI_SORT_BATCH_ROWS, error);
}
