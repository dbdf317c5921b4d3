/* row_sort_internal.h: records and runs of row_sort.h (internal to table/).
 *
 * A record is its size (four bytes, of this machine) and its bytes: column after column, a validity
 * byte (0: null, and nothing else) and the value. Integers, days and instants are big endian with
 * the sign bit turned, doubles too, and negative ones with all bits turned. Text has its bytes,
 * with 0 and 1 as 1,1 and 1,2, and ends with 0. So the bytes order as the values do, and no record
 * is the beginning of another one: two that differ do so before either ends. */
#ifndef ALM_TABLE_ROW_SORT_INTERNAL_H
#define ALM_TABLE_ROW_SORT_INTERNAL_H

#include "table/row_sort.h"

#include <string.h>

#define ALMI_RECORD_HEAD 4
#define ALMI_SORT_RUNS_MAX 256
#define ALMI_SORT_BATCH_ROWS 2048

static inline size_t almi_record_size(const uint8_t *record)
{
    uint32_t size;
    memcpy(&size, record, sizeof(size));
    return size;
}

static inline int almi_record_compare(const uint8_t *a, const uint8_t *b)
{
    size_t x = almi_record_size(a);
    size_t y = almi_record_size(b);
    return memcmp(a + ALMI_RECORD_HEAD, b + ALMI_RECORD_HEAD, x < y ? x : y);
}

/* One record of a block, with eight bytes of it. */
typedef struct almi_sort_item {
    uint64_t key;
    const uint8_t *record;
} almi_sort_item;

/* Sorts items by their records; `spare` has room for as many. Equal records keep their order. */
void almi_radix_sort(almi_sort_item *items, almi_sort_item *spare, size_t count);

/* Memory in chunks that never move; a record lies in one of them. */
typedef struct almi_sort_chunk {
    struct almi_sort_chunk *next; /* NULL: the newest */
    size_t used, capacity;
    uint8_t bytes[];
} almi_sort_chunk;

typedef struct almi_sort_run {
    char *path;
    alm_file *file;    /* while it is read */
    uint8_t *buffer;
    size_t capacity, at, end;
} almi_sort_run;

typedef struct almi_sort_bytes {
    uint8_t *data;
    size_t size, capacity;
} almi_sort_bytes;

struct alm_row_sort {
    alm_row_sort_options options;
    alm_arena *arena; /* paths */
    /* the block being filled */
    almi_sort_chunk *first, *chunk; /* all chunks; the one being filled */
    size_t chunk_bytes;
    uint8_t *record, *at; /* the row being added: its beginning, and its end so far */
    size_t column;        /* of the next value */
    size_t rows, bytes;   /* in the block */
    const uint8_t *newest;
    bool in_order, failed;
    almi_sort_item *items;      /* the block's order, where it was not in order; else NULL */
    almi_sort_bytes item_bytes; /* memory of the items and as much again, kept between blocks */
    /* runs; the newest is still open in `writer` until the reading starts */
    almi_sort_run runs[ALMI_SORT_RUNS_MAX];
    size_t run_count;
    uint64_t run_number;
    alm_file *writer;
    almi_sort_bytes last; /* the last record of the newest run */
    almi_sort_bytes pending; /* on its way into the writer */
    /* reading */
    bool reading;
    size_t heap[ALMI_SORT_RUNS_MAX];
    size_t heap_count;
    almi_sort_chunk *read_chunk; /* of the block, where there are no runs */
    size_t read_at;
    size_t batch_rows;   /* at most in a batch */
    alm_column *columns; /* of the batch */
    uint8_t **valid;     /* per column; the batch has it only where a value is null */
    size_t *nulls;       /* per column, in the batch */
    almi_sort_bytes text;
    almi_sort_bytes key;
    uint8_t *repeats;
    bool any;
};

ALM_NODISCARD alm_err almi_sort_reserve(almi_sort_bytes *bytes, size_t capacity, alm_error *error);

/* Begins to read all runs, or the block where there are none, from their first records. */
ALM_NODISCARD alm_err almi_merge_start(alm_row_sort *sort, alm_error *error);
/* The next record in order, valid until almi_merge_advance; NULL at the end. */
const uint8_t *almi_merge_record(const alm_row_sort *sort);
ALM_NODISCARD alm_err almi_merge_advance(alm_row_sort *sort, alm_error *error);
/* Closes and removes all runs. */
void almi_merge_end(alm_row_sort *sort);
/* Gives back what a batch of rows lies in. */
void almi_batch_free(alm_row_sort *sort);

#endif
