#include "pipeline/paths/spill.h"

#include <string.h>

struct alm_spill {
    alm_fs *fs;
    alm_arena *arena;
    const char *path;
    alm_spill_shape shape;
    alm_file *file;
    alm_buffer record; /* of the block that is being written */
};

alm_err alm_spill_open(alm_fs *fs, const char *path, alm_spill_shape shape, alm_spill **out,
                       alm_error *error)
{
    alm_file *file = NULL;
    ALM_TRY(fs->ops->create(fs, path, &file, error));
    alm_arena *arena = alm_arena_create(0);
    alm_spill *spill = ALM_NEW(arena, alm_spill);
    *spill = (alm_spill){.fs = fs,
                         .arena = arena,
                         .path = alm_arena_copy_text(arena, path, strlen(path)),
                         .shape = shape,
                         .file = file};
    *out = spill;
    return ALM_OK;
}

void alm_spill_close(alm_spill *spill)
{
    if (!spill) {
        return;
    }
    /* Scratch: whether these succeed changes no result. */
    if (spill->file) {
        (void)spill->fs->ops->close(spill->fs, spill->file, NULL);
    }
    (void)spill->fs->ops->unlink(spill->fs, spill->path, NULL);
    alm_buffer_deinit(&spill->record);
    alm_arena_destroy(spill->arena);
}

/* The arrays of a leaf in file order; `count` of them. */
#define LEAF_ARRAYS 7
typedef struct leaf_array {
    void *data;
    size_t size;
} leaf_array;

static void arrays_of(const alm_leaf *leaf, alm_spill_shape shape, leaf_array out[LEAF_ARRAYS])
{
    size_t doubles = shape.steps * sizeof(double);
    out[0] = (leaf_array){leaf->base.mean, doubles};
    out[1] = (leaf_array){leaf->base.statistical, doubles};
    out[2] = (leaf_array){leaf->base.expected, doubles};
    out[3] = (leaf_array){leaf->base.top,
                          shape.steps * ALM_CONTRIBUTIONS_MAX * sizeof(alm_contribution)};
    out[4] = (leaf_array){leaf->rank, shape.templates * shape.steps};
    out[5] = (leaf_array){leaf->receipts, doubles};
    out[6] = (leaf_array){leaf->base.flat, doubles};
}

alm_err alm_spill_write(alm_spill *spill, const alm_leaf *leaves, size_t count, alm_error *error)
{
    alm_buffer_clear(&spill->record);
    for (size_t i = 0; i < count; i++) {
        leaf_array arrays[LEAF_ARRAYS];
        arrays_of(&leaves[i], spill->shape, arrays);
        alm_buffer_append(&spill->record, &leaves[i], sizeof leaves[i]);
        for (size_t a = 0; a < LEAF_ARRAYS; a++) {
            alm_buffer_append(&spill->record, arrays[a].data, arrays[a].size);
        }
    }
    ALM_TRY(alm_buffer_status(&spill->record, error));
    return spill->fs->ops->write(spill->fs, spill->file, spill->record.data, spill->record.size,
                                 error);
}

alm_err alm_spill_rewind(alm_spill *spill, alm_error *error)
{
    alm_file *file = spill->file;
    spill->file = NULL;
    ALM_TRY(spill->fs->ops->close(spill->fs, file, error));
    return spill->fs->ops->open(spill->fs, spill->path, &spill->file, error);
}

static alm_err read_exactly(alm_spill *spill, void *data, size_t size, alm_error *error)
{
    char *at = data;
    while (size) {
        size_t got = 0;
        ALM_TRY(spill->fs->ops->read(spill->fs, spill->file, at, size, &got, error));
        if (got == 0) {
            return alm_fail(error, ALM_ERR_CORRUPT, "scratch file %s is shorter than what was "
                            "written; is another process using it?", spill->path);
        }
        at += got;
        size -= got;
    }
    return ALM_OK;
}

static void place_arrays(alm_leaf *leaf, alm_spill_shape shape, alm_arena *arena)
{
    leaf->base.mean = ALM_NEW_ARRAY(arena, double, shape.steps);
    leaf->base.statistical = ALM_NEW_ARRAY(arena, double, shape.steps);
    leaf->base.flat = ALM_NEW_ARRAY(arena, double, shape.steps);
    leaf->base.expected = ALM_NEW_ARRAY(arena, double, shape.steps);
    leaf->base.top = ALM_NEW_ARRAY(arena, alm_contribution, shape.steps * ALM_CONTRIBUTIONS_MAX);
    leaf->rank = ALM_NEW_ARRAY(arena, uint8_t, shape.templates * shape.steps + 1);
    leaf->receipts = ALM_NEW_ARRAY(arena, double, shape.steps);
}

static size_t record_bytes(alm_spill_shape shape)
{
    alm_leaf none = {0};
    leaf_array arrays[LEAF_ARRAYS];
    arrays_of(&none, shape, arrays);
    size_t size = sizeof none;
    for (size_t a = 0; a < LEAF_ARRAYS; a++) {
        size += arrays[a].size;
    }
    return size;
}

/* One read per block: a leaf has several small arrays, and a system call for each would cost more
 * than the copying. */
alm_err alm_spill_read(alm_spill *spill, size_t count, alm_arena *arena, alm_leaf **out,
                       alm_error *error)
{
    size_t size = record_bytes(spill->shape);
    char *bytes = alm_arena_alloc(arena, count * size);
    ALM_TRY(read_exactly(spill, bytes, count * size, error));
    alm_leaf *leaves = ALM_NEW_ARRAY(arena, alm_leaf, count);
    for (size_t i = 0; i < count; i++) {
        const char *at = bytes + i * size;
        memcpy(&leaves[i], at, sizeof leaves[i]);
        at += sizeof leaves[i];
        place_arrays(&leaves[i], spill->shape, arena);
        leaf_array arrays[LEAF_ARRAYS];
        arrays_of(&leaves[i], spill->shape, arrays);
        for (size_t a = 0; a < LEAF_ARRAYS; a++) {
            memcpy(arrays[a].data, at, arrays[a].size);
            at += arrays[a].size;
        }
    }
    *out = leaves;
    return ALM_OK;
}
