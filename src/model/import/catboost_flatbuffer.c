/* catboost_flatbuffer.c: the format is described in the FlatBuffers documentation ("internals").
 * Numbers are little endian, as those of the machines that this is built for. */
#include "model/import/catboost_flatbuffer.h"

#include <string.h>

/* How often all bytes of a file may be visited. CatBoost shares only small tables. */
#define VISITS_MAX 16
#define SLOT_FIRST 4 /* behind the sizes of the vtable and of the table */

/* `size` bytes at `at`, or NULL and damaged. */
static const char *bytes_at(almi_fb *buffer, size_t at, size_t size)
{
    if (!buffer->damaged && at <= buffer->bytes.size && size <= buffer->bytes.size - at) {
        return buffer->bytes.data + at;
    }
    if (!buffer->damaged) {
        buffer->damaged = true;
        buffer->damaged_at = at;
    }
    return NULL;
}

static void visit(almi_fb *buffer, size_t at, size_t size)
{
    buffer->spent += size;
    if (!buffer->damaged && buffer->spent / VISITS_MAX > buffer->bytes.size) {
        buffer->damaged = true;
        buffer->damaged_at = at;
    }
}

static uint32_t u32_at(almi_fb *buffer, size_t at)
{
    uint32_t value = 0;
    const char *from = bytes_at(buffer, at, sizeof value);
    if (from != NULL) {
        memcpy(&value, from, sizeof value);
    }
    return value;
}

static uint16_t u16_at(almi_fb *buffer, size_t at)
{
    uint16_t value = 0;
    const char *from = bytes_at(buffer, at, sizeof value);
    if (from != NULL) {
        memcpy(&value, from, sizeof value);
    }
    return value;
}

static almi_fb_table table_at(almi_fb *buffer, size_t at)
{
    almi_fb_table table = {.buffer = buffer, .at = at};
    int64_t back = (int32_t)u32_at(buffer, at);
    int64_t vtable = (int64_t)at - back;
    if (vtable < 0) {
        vtable = INT64_MAX; /* behind every end */
    }
    table.vtable = (size_t)vtable;
    table.vtable_size = u16_at(buffer, table.vtable);
    table.size = u16_at(buffer, table.vtable + 2);
    (void)bytes_at(buffer, table.vtable, table.vtable_size);
    (void)bytes_at(buffer, at, table.size);
    visit(buffer, at, (size_t)table.vtable_size + table.size);
    return buffer->damaged ? (almi_fb_table){0} : table;
}

/* Where the offset at `at` points to. */
static size_t follow(almi_fb *buffer, size_t at)
{
    return at + u32_at(buffer, at);
}

almi_fb_table almi_fb_root(almi_fb *buffer)
{
    return table_at(buffer, follow(buffer, 0));
}

/* Place of a field of `size` bytes; false when it is absent. */
static bool find_field(const almi_fb_table *table, int slot, size_t size, size_t *at)
{
    size_t entry = SLOT_FIRST + 2 * (size_t)slot;
    if (table->buffer == NULL || entry + 2 > table->vtable_size) {
        return false;
    }
    uint16_t offset = u16_at(table->buffer, table->vtable + entry);
    *at = table->at + offset;
    return offset != 0 && bytes_at(table->buffer, *at, size) != NULL;
}

static void read_scalar(const almi_fb_table *table, int slot, size_t size, void *out)
{
    size_t at = 0;
    if (find_field(table, slot, size, &at)) {
        memcpy(out, table->buffer->bytes.data + at, size);
    }
}

int32_t almi_fb_i32(const almi_fb_table *table, int slot, int32_t absent)
{
    read_scalar(table, slot, sizeof absent, &absent);
    return absent;
}

uint8_t almi_fb_u8(const almi_fb_table *table, int slot, uint8_t absent)
{
    read_scalar(table, slot, sizeof absent, &absent);
    return absent;
}

float almi_fb_float(const almi_fb_table *table, int slot, float absent)
{
    read_scalar(table, slot, sizeof absent, &absent);
    return absent;
}

double almi_fb_double(const almi_fb_table *table, int slot, double absent)
{
    read_scalar(table, slot, sizeof absent, &absent);
    return absent;
}

almi_fb_table almi_fb_child(const almi_fb_table *table, int slot)
{
    size_t at = 0;
    if (!find_field(table, slot, 4, &at)) {
        return (almi_fb_table){0};
    }
    return table_at(table->buffer, follow(table->buffer, at));
}

static almi_fb_vector vector_at(almi_fb *buffer, size_t at, size_t item_size)
{
    almi_fb_vector vector = {
        .buffer = buffer, .at = at + 4, .count = u32_at(buffer, at), .item_size = item_size};
    size_t size = vector.count * item_size; /* 32 bits times a few bytes */
    (void)bytes_at(buffer, vector.at, size);
    visit(buffer, at, size);
    vector.count = buffer->damaged ? 0 : vector.count;
    return vector;
}

almi_fb_vector almi_fb_items(const almi_fb_table *table, int slot, size_t item_size)
{
    size_t at = 0;
    if (!find_field(table, slot, 4, &at)) {
        return (almi_fb_vector){0};
    }
    return vector_at(table->buffer, follow(table->buffer, at), item_size);
}

static alm_str text_of(const almi_fb_vector *vector)
{
    return vector->count > 0
               ? (alm_str){vector->buffer->bytes.data + vector->at, vector->count}
               : (alm_str){"", 0};
}

alm_str almi_fb_text(const almi_fb_table *table, int slot)
{
    almi_fb_vector text = almi_fb_items(table, slot, 1);
    return text_of(&text);
}

almi_fb_table almi_fb_table_at(const almi_fb_vector *vector, size_t index)
{
    alm_assert(index < vector->count && vector->item_size == 4);
    return table_at(vector->buffer, follow(vector->buffer, vector->at + 4 * index));
}

alm_str almi_fb_text_at(const almi_fb_vector *vector, size_t index)
{
    alm_assert(index < vector->count && vector->item_size == 4);
    almi_fb_vector text =
        vector_at(vector->buffer, follow(vector->buffer, vector->at + 4 * index), 1);
    return text_of(&text);
}

alm_err almi_fb_copy(const almi_fb_vector *vector, alm_arena *arena, void **out, alm_error *error)
{
    size_t size = vector->count * vector->item_size;
    ALM_TRY(alm_arena_try_alloc(arena, size, out, error));
    if (size > 0) {
        memcpy(*out, vector->buffer->bytes.data + vector->at, size);
    }
    return ALM_OK;
}
