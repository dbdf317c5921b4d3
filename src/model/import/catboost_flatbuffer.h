/* catboost_flatbuffer.h: reading a FlatBuffers table from untrusted bytes, without a library.
 *
 * A table points to its vtable, whose slots say where each field is; vectors, texts and tables are
 * reached by forward offsets. Every step is checked against the bytes. A failure is remembered in
 * the buffer (`damaged`) and gives an absent field from then on, so that a reader asks once, before
 * it believes what it read. Vectors may be shared, but not read so often that a small file becomes
 * much work. */
#ifndef ALM_MODEL_CATBOOST_FLATBUFFER_H
#define ALM_MODEL_CATBOOST_FLATBUFFER_H

#include "base/str.h"

typedef struct almi_fb {
    alm_str bytes;
    size_t spent;      /* bytes of tables and vectors visited so far */
    bool damaged;
    size_t damaged_at; /* byte of the first failure */
} almi_fb;

typedef struct almi_fb_table {
    almi_fb *buffer; /* NULL: an absent table, all of whose fields are absent */
    size_t at, vtable;
    uint32_t vtable_size, size;
} almi_fb_table;

typedef struct almi_fb_vector {
    almi_fb *buffer;
    size_t at; /* of the first item */
    size_t count, item_size;
} almi_fb_vector;

almi_fb_table almi_fb_root(almi_fb *buffer);
int32_t almi_fb_i32(const almi_fb_table *table, int slot, int32_t absent);
uint8_t almi_fb_u8(const almi_fb_table *table, int slot, uint8_t absent);
float almi_fb_float(const almi_fb_table *table, int slot, float absent);
double almi_fb_double(const almi_fb_table *table, int slot, double absent);
alm_str almi_fb_text(const almi_fb_table *table, int slot); /* absent: empty */
almi_fb_table almi_fb_child(const almi_fb_table *table, int slot);
/* count is 0 when it is absent */
almi_fb_vector almi_fb_items(const almi_fb_table *table, int slot, size_t item_size);

/* Item `index` of a vector of tables or of texts (item_size 4). */
almi_fb_table almi_fb_table_at(const almi_fb_vector *vector, size_t index);
alm_str almi_fb_text_at(const almi_fb_vector *vector, size_t index);
/* All items, copied and thus aligned, in `arena`; `size` is that of an item. */
ALM_NODISCARD alm_err almi_fb_copy(const almi_fb_vector *vector, alm_arena *arena, void **out,
                                   alm_error *error);

#endif
