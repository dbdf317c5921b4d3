/* row_merge.c: reading sorted rows back, from the block or from the runs. */
#include "table/row_sort_internal.h"

#define BUFFER_BYTES_MAX ((size_t)1 << 20)
#define BUFFER_BYTES_MIN ((size_t)1 << 14)
#define TEXT_BYTES_PER_ROW ((size_t)1 << 7)

/* ---- one run ---- */

static const uint8_t *run_record(const almi_sort_run *run)
{
    return run->buffer + run->at;
}

/* Reads until `need` bytes stand behind `at`, or to the end of the file. */
static alm_err run_fill(alm_row_sort *sort, almi_sort_run *run, size_t need, alm_error *error)
{
    if (run->end - run->at >= need) {
        return ALM_OK;
    }
    memmove(run->buffer, run->buffer + run->at, run->end - run->at);
    run->end -= run->at;
    run->at = 0;
    if (need > run->capacity) {
        void *memory = NULL;
        ALM_TRY(alm_heap_try_resize(run->buffer, run->end, need, &memory, error));
        run->buffer = memory;
        run->capacity = need;
    }
    size_t got = 1;
    while (run->end < need && got > 0) {
        ALM_TRY(sort->options.fs->ops->read(sort->options.fs, run->file, run->buffer + run->end,
                                            run->capacity - run->end, &got, error));
        run->end += got;
    }
    return ALM_OK;
}

/* Makes the record at `at` complete; *any is false at the end of the run. */
static alm_err run_load(alm_row_sort *sort, almi_sort_run *run, bool *any, alm_error *error)
{
    ALM_TRY(run_fill(sort, run, ALMI_RECORD_HEAD, error));
    *any = run->end - run->at >= ALMI_RECORD_HEAD;
    if (!*any) {
        return ALM_OK;
    }
    size_t size = ALMI_RECORD_HEAD + almi_record_size(run_record(run));
    ALM_TRY(run_fill(sort, run, size, error));
    if (run->end - run->at < size) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s was cut while it was in use", run->path);
    }
    return ALM_OK;
}

static alm_err run_open(alm_row_sort *sort, almi_sort_run *run, size_t buffer, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(buffer, &memory, error));
    run->buffer = memory;
    run->capacity = buffer;
    run->at = 0;
    run->end = 0;
    return sort->options.fs->ops->open(sort->options.fs, run->path, &run->file, error);
}

/* The file of the run stays. */
static void run_close(alm_row_sort *sort, almi_sort_run *run)
{
    if (run->file) {
        (void)sort->options.fs->ops->close(sort->options.fs, run->file, NULL);
    }
    alm_heap_free(run->buffer);
    *run = (almi_sort_run){.path = run->path};
}

static void run_remove(alm_row_sort *sort, almi_sort_run *run)
{
    alm_fs *fs = sort->options.fs;
    run_close(sort, run);
    (void)fs->ops->unlink(fs, run->path, NULL); /* what is left goes with the folder */
    *run = (almi_sort_run){0};
}

/* ---- the runs ---- */

static bool precedes(const alm_row_sort *sort, size_t a, size_t b)
{
    int order = almi_record_compare(run_record(&sort->runs[a]), run_record(&sort->runs[b]));
    return order < 0 || (order == 0 && a < b);
}

/* heap[0] is the run with the smallest record. */
static void sift_down(alm_row_sort *sort, size_t at)
{
    size_t moving = sort->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= sort->heap_count) {
            break;
        }
        if (child + 1 < sort->heap_count && precedes(sort, sort->heap[child + 1],
                                                     sort->heap[child])) {
            child++;
        }
        if (!precedes(sort, sort->heap[child], moving)) {
            break;
        }
        sort->heap[at] = sort->heap[child];
        at = child;
    }
    sort->heap[at] = moving;
}

/* A chunk is empty where a long record did not fit into it. */
static void skip_read_chunks(alm_row_sort *sort)
{
    while (sort->read_chunk && sort->read_at == sort->read_chunk->used) {
        sort->read_chunk = sort->read_chunk->next;
        sort->read_at = 0;
    }
}

alm_err almi_merge_start(alm_row_sort *sort, alm_error *error)
{
    sort->heap_count = 0;
    sort->read_at = 0;
    if (sort->run_count == 0) {
        sort->read_chunk = sort->items ? NULL : sort->first;
        skip_read_chunks(sort);
        return ALM_OK;
    }
    size_t buffer = (size_t)sort->options.memory_bytes / sort->run_count;
    buffer = buffer > BUFFER_BYTES_MAX ? BUFFER_BYTES_MAX : buffer;
    buffer = buffer < BUFFER_BYTES_MIN ? BUFFER_BYTES_MIN : buffer;
    for (size_t i = 0; i < sort->run_count; i++) {
        bool any = false;
        run_close(sort, &sort->runs[i]);
        ALM_TRY(run_open(sort, &sort->runs[i], buffer, error));
        ALM_TRY(run_load(sort, &sort->runs[i], &any, error));
        if (any) {
            sort->heap[sort->heap_count++] = i;
        }
    }
    for (size_t i = sort->heap_count / 2; i-- > 0;) {
        sift_down(sort, i);
    }
    return ALM_OK;
}

static const uint8_t *block_record(const alm_row_sort *sort)
{
    if (sort->items) {
        return sort->read_at < sort->rows ? sort->items[sort->read_at].record : NULL;
    }
    return sort->read_chunk ? sort->read_chunk->bytes + sort->read_at : NULL;
}

static void block_advance(alm_row_sort *sort)
{
    if (sort->items) {
        sort->read_at++;
        return;
    }
    sort->read_at += ALMI_RECORD_HEAD + almi_record_size(block_record(sort));
    skip_read_chunks(sort);
}

const uint8_t *almi_merge_record(const alm_row_sort *sort)
{
    if (sort->run_count == 0) {
        return block_record(sort);
    }
    return sort->heap_count > 0 ? run_record(&sort->runs[sort->heap[0]]) : NULL;
}

alm_err almi_merge_advance(alm_row_sort *sort, alm_error *error)
{
    if (sort->run_count == 0) {
        block_advance(sort);
        return ALM_OK;
    }
    almi_sort_run *run = &sort->runs[sort->heap[0]];
    bool any = false;
    run->at += ALMI_RECORD_HEAD + almi_record_size(run_record(run));
    ALM_TRY(run_load(sort, run, &any, error));
    if (!any) {
        sort->heap[0] = sort->heap[--sort->heap_count];
    }
    if (sort->heap_count > 1) {
        sift_down(sort, 0);
    }
    return ALM_OK;
}

void almi_merge_end(alm_row_sort *sort)
{
    for (size_t i = 0; i < sort->run_count; i++) {
        run_remove(sort, &sort->runs[i]);
    }
    sort->run_count = 0;
    sort->heap_count = 0;
}

/* ---- rows ---- */

void almi_batch_free(alm_row_sort *sort)
{
    for (size_t c = 0; c < sort->options.column_count; c++) {
        if (sort->valid) {
            alm_heap_free(sort->valid[c]);
        }
        if (sort->columns) {
            alm_heap_free((void *)(uintptr_t)sort->columns[c].values.any);
        }
    }
    alm_heap_free(sort->columns);
    alm_heap_free(sort->valid);
    alm_heap_free(sort->nulls);
    alm_heap_free(sort->repeats);
    alm_heap_free(sort->text.data);
    alm_heap_free(sort->key.data);
    sort->columns = NULL;
    sort->valid = NULL;
    sort->nulls = NULL;
    sort->repeats = NULL;
    sort->text = (almi_sort_bytes){0};
    sort->key = (almi_sort_bytes){0};
}

static alm_err create_batch(alm_row_sort *sort, size_t rows, alm_error *error)
{
    size_t count = sort->options.column_count;
    void *memory = NULL;
    ALM_TRY(alm_heap_try(rows, &memory, error));
    sort->repeats = memory;
    ALM_TRY(alm_heap_try(count * sizeof(alm_column), &memory, error));
    sort->columns = memory;
    ALM_TRY(alm_heap_try(count * sizeof(*sort->valid), &memory, error));
    sort->valid = memory;
    ALM_TRY(alm_heap_try(count * sizeof(*sort->nulls), &memory, error));
    sort->nulls = memory;
    for (size_t c = 0; c < count; c++) {
        sort->columns[c].name = sort->options.names[c];
        sort->columns[c].type = sort->options.types[c];
        ALM_TRY(alm_heap_try(rows, &memory, error));
        sort->valid[c] = memory;
        ALM_TRY(alm_heap_try(rows * alm_type_size(sort->options.types[c]), &memory, error));
        sort->columns[c].values.any = memory;
    }
    sort->batch_rows = rows;
    return almi_sort_reserve(&sort->text, rows * TEXT_BYTES_PER_ROW, error);
}

alm_err alm_row_sort_rewind(alm_row_sort *sort, size_t batch_rows, alm_error *error)
{
    alm_assert(sort->reading && batch_rows > 0 && batch_rows <= ALMI_SORT_BATCH_ROWS);
    almi_batch_free(sort);
    sort->any = false;
    ALM_TRY(create_batch(sort, batch_rows, error));
    return almi_merge_start(sort, error);
}

static uint64_t read_big_endian(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static double decode_double(uint64_t bits)
{
    double value;
    bits = bits >> 63 ? bits ^ ((uint64_t)1 << 63) : ~bits;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* The text goes into the batch's memory, which has room for the whole record. */
static const uint8_t *decode_text(alm_row_sort *sort, const uint8_t *at, alm_str *out)
{
    uint8_t *begin = sort->text.data + sort->text.size;
    uint8_t *end = begin;
    uint8_t byte;
    while ((byte = *at++) != 0) {
        *end++ = byte == 1 ? (uint8_t)(*at++ - 1) : byte;
    }
    *out = (alm_str){(const char *)begin, (size_t)(end - begin)};
    sort->text.size += out->size;
    return at;
}

/* Reads one value at `at` into its column and returns what stands behind it. */
static const uint8_t *decode(alm_row_sort *sort, size_t c, size_t row, const uint8_t *at)
{
    const alm_column *column = &sort->columns[c];
    size_t size = alm_type_size(column->type);
    uint8_t *slot = (uint8_t *)(uintptr_t)column->values.any + row * size;
    uint8_t valid = *at++;
    sort->valid[c][row] = valid;
    if (!valid) {
        sort->nulls[c]++;
        memset(slot, 0, size);
        return at;
    }
    switch (column->type) {
    case ALM_TYPE_BOOL:
        *slot = *at;
        return at + 1;
    case ALM_TYPE_DATE: {
        alm_date day = (alm_date)((uint32_t)read_big_endian(at, 4) ^ UINT32_C(0x80000000));
        memcpy(slot, &day, sizeof(day));
        return at + 4;
    }
    case ALM_TYPE_F64: {
        double value = decode_double(read_big_endian(at, 8));
        memcpy(slot, &value, sizeof(value));
        return at + 8;
    }
    case ALM_TYPE_I64:
    case ALM_TYPE_INSTANT: {
        int64_t value = (int64_t)(read_big_endian(at, 8) ^ ((uint64_t)1 << 63));
        memcpy(slot, &value, sizeof(value));
        return at + 8;
    }
    case ALM_TYPE_TEXT:
        return decode_text(sort, at, (alm_str *)(void *)slot);
    }
    return at;
}

/* Is the key that of the row before? Keeps it for the next question. */
static alm_err compare_key(alm_row_sort *sort, const uint8_t *key, size_t size, uint8_t *repeats,
                           alm_error *error)
{
    *repeats = sort->any && size == sort->key.size && memcmp(key, sort->key.data, size) == 0;
    sort->any = sort->options.key_count > 0;
    if (*repeats || !sort->any) {
        return ALM_OK;
    }
    ALM_TRY(almi_sort_reserve(&sort->key, size, error));
    memcpy(sort->key.data, key, size);
    sort->key.size = size;
    return ALM_OK;
}

alm_err alm_row_sort_next(alm_row_sort *sort, alm_row_sort_batch *out, alm_error *error)
{
    alm_assert(sort->reading);
    size_t rows = 0;
    const uint8_t *record;
    sort->text.size = 0;
    memset(sort->nulls, 0, sort->options.column_count * sizeof(*sort->nulls));
    while (rows < sort->batch_rows && (record = almi_merge_record(sort)) != NULL) {
        size_t size = almi_record_size(record);
        if (sort->text.size + size > sort->text.capacity) {
            if (rows > 0) {
                break; /* texts of this batch must not move */
            }
            ALM_TRY(almi_sort_reserve(&sort->text, size, error));
        }
        const uint8_t *key = record + ALMI_RECORD_HEAD;
        const uint8_t *at = key;
        size_t key_size = 0;
        for (size_t c = 0; c < sort->options.column_count; c++) {
            at = decode(sort, c, rows, at);
            key_size = c + 1 == sort->options.key_count ? (size_t)(at - key) : key_size;
        }
        ALM_TRY(compare_key(sort, key, key_size, &sort->repeats[rows], error));
        ALM_TRY(almi_merge_advance(sort, error));
        rows++;
    }
    for (size_t c = 0; c < sort->options.column_count; c++) {
        sort->columns[c].valid = sort->nulls[c] ? sort->valid[c] : NULL;
    }
    out->table = (alm_table){rows, sort->options.column_count, sort->columns};
    out->repeats = sort->repeats;
    return ALM_OK;
}
