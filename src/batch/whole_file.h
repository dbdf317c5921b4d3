/* whole_file.h: an output file that is there whole or not at all, whatever fails on the way: it is
 * written under a hidden name beside its own and renamed at the end. */
#ifndef ALM_BATCH_WHOLE_FILE_H
#define ALM_BATCH_WHOLE_FILE_H

#include "base/fs.h"

/* Writes everything into the new file `temporary`. */
typedef alm_err (*alm_whole_file_fill)(void *context, const char *temporary, alm_error *error);

/* ALM_ERR_IO when `path` names something that is no ordinary file, such as a device; else what
 * `fill` and the file system say, with the file before it untouched. */
ALM_NODISCARD alm_err alm_whole_file_write(alm_fs *fs, const char *path, alm_whole_file_fill fill,
                                           void *context, alm_error *error);

/* Could such a file be made at `path`? Asked before long work, by making a hidden one and taking it
 * away. ALM_ERR_NOT_FOUND: its folder is not there; else what the file system says. */
ALM_NODISCARD alm_err alm_whole_file_try(alm_fs *fs, const char *path, alm_error *error);

/* Text in pieces into one file, for a fill: `write` gets a sink's context and the next bytes. */
typedef struct alm_text_file {
    alm_fs *fs;
    alm_file *file;
} alm_text_file;

ALM_NODISCARD alm_err alm_text_file_create(alm_fs *fs, const char *path, alm_text_file *out,
                                           alm_error *error);
/* `context` is the alm_text_file. */
ALM_NODISCARD alm_err alm_text_file_write(void *context, alm_str bytes, alm_error *error);
/* Returns `code` when that is an error; else what closing says. */
ALM_NODISCARD alm_err alm_text_file_close(alm_text_file *file, alm_err code, alm_error *error);

#endif
