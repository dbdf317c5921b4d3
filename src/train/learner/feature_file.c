#include "train/learner/feature_file.h"

#include <string.h>

#include "base/str.h"

#define PARTS 64
#define NO_PART SIZE_MAX

typedef struct part {
    const char *path;
    alm_file *file; /* open for writing; NULL: not begun, or finished */
    uint32_t rows;
} part;

struct alm_feature_file {
    alm_fs *fs;
    alm_arena *arena;
    size_t width;
    size_t part_series; /* per part */
    part parts[PARTS];
    alm_buffer waiting; /* rows of part `at` that are not written yet */
    size_t at;
    alm_arena *loaded; /* the part that is being read */
    const char *values;
};

alm_err alm_feature_file_open(alm_fs *fs, const char *folder, size_t series_count, size_t width,
                              alm_feature_file **out, alm_error *error)
{
    (void)error; /* files are made when there is something to write */
    alm_arena *arena = alm_arena_create(0);
    alm_feature_file *file = ALM_NEW(arena, alm_feature_file);
    *file = (alm_feature_file){.fs = fs,
                               .arena = arena,
                               .width = width,
                               .part_series = (series_count + PARTS - 1) / PARTS,
                               .at = NO_PART,
                               .loaded = alm_arena_create(0)};
    for (size_t p = 0; p < PARTS; p++) {
        file->parts[p].path = alm_arena_printf(arena, "%s/features-%02zu", folder, p);
    }
    *out = file;
    return ALM_OK;
}

void alm_feature_file_close(alm_feature_file *file)
{
    if (!file) {
        return;
    }
    /* Scratch: whether these succeed changes no result. */
    for (size_t p = 0; p < PARTS; p++) {
        if (file->parts[p].file) {
            (void)file->fs->ops->close(file->fs, file->parts[p].file, NULL);
        }
        if (file->parts[p].rows) {
            (void)file->fs->ops->unlink(file->fs, file->parts[p].path, NULL);
        }
    }
    alm_buffer_deinit(&file->waiting);
    alm_arena_destroy(file->loaded);
    alm_arena_destroy(file->arena);
}

static alm_err write_waiting(alm_feature_file *file, alm_error *error)
{
    if (file->at == NO_PART) {
        return ALM_OK;
    }
    part *p = &file->parts[file->at];
    ALM_TRY(alm_buffer_status(&file->waiting, error));
    if (!p->file) {
        ALM_TRY(file->fs->ops->create(file->fs, p->path, &p->file, error));
    }
    ALM_TRY(file->fs->ops->write(file->fs, p->file, file->waiting.data, file->waiting.size,
                                 error));
    alm_buffer_clear(&file->waiting);
    file->at = NO_PART;
    return ALM_OK;
}

alm_err alm_feature_file_append(alm_feature_file *file, size_t series, const double *values,
                                size_t count, uint32_t *slot, alm_error *error)
{
    size_t at = series / file->part_series;
    alm_assert(at < PARTS && count < UINT32_MAX - file->parts[at].rows);
    if (at != file->at) {
        ALM_TRY(write_waiting(file, error));
        file->at = at;
    }
    alm_buffer_append(&file->waiting, values, count * file->width * sizeof *values);
    *slot = file->parts[at].rows;
    file->parts[at].rows += (uint32_t)count;
    return ALM_OK;
}

alm_err alm_feature_file_finish(alm_feature_file *file, alm_error *error)
{
    ALM_TRY(write_waiting(file, error));
    for (size_t p = 0; p < PARTS; p++) {
        alm_file *written = file->parts[p].file;
        file->parts[p].file = NULL;
        if (written) {
            ALM_TRY(file->fs->ops->close(file->fs, written, error));
        }
    }
    return ALM_OK;
}

static alm_err load(alm_feature_file *file, size_t at, alm_error *error)
{
    const part *p = &file->parts[at];
    size_t size = p->rows * file->width * sizeof(double);
    alm_str content;
    file->at = NO_PART;
    alm_arena_reset(file->loaded);
    ALM_TRY(alm_fs_read_all(file->fs, p->path, size + 1, file->loaded, &content, error));
    if (content.size != size) {
        return alm_fail(error, ALM_ERR_CORRUPT, "scratch file %s is not as long as what was "
                        "written; is another process using it?", p->path);
    }
    file->values = content.data;
    file->at = at;
    return ALM_OK;
}

alm_err alm_feature_file_read(alm_feature_file *file, size_t series, uint32_t slot, double *out,
                              alm_error *error)
{
    size_t at = series / file->part_series;
    alm_assert(at < PARTS && slot < file->parts[at].rows);
    if (at != file->at) {
        ALM_TRY(load(file, at, error));
    }
    size_t bytes = file->width * sizeof *out;
    memcpy(out, file->values + slot * bytes, bytes);
    return ALM_OK;
}
