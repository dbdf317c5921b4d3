/* gzip.h: gzip streams (RFC 1952; zlib). Memory comes from alm_heap_try. */
#ifndef ALM_BASE_GZIP_H
#define ALM_BASE_GZIP_H

#include "base/str.h"

typedef struct alm_gunzip alm_gunzip;

ALM_NODISCARD alm_err alm_gunzip_create(alm_gunzip **out, alm_error *error);
void alm_gunzip_destroy(alm_gunzip *gunzip); /* takes NULL */

typedef struct alm_gunzip_step {
    const void *in;
    size_t in_size; /* left of the input; moved on */
    void *out;
    size_t out_size; /* room; what was written of it afterwards */
} alm_gunzip_step;

/* One step: takes some input, gives some output (both may be nothing). Several members behind each
 * other are one stream. ALM_ERR_CORRUPT with zlib's reason: a damaged stream, or a wrong sum. */
ALM_NODISCARD alm_err alm_gunzip_run(alm_gunzip *gunzip, alm_gunzip_step *step, alm_error *error);
/* Is a member begun and not ended? At the end of the input: it was cut off. */
bool alm_gunzip_is_open(const alm_gunzip *gunzip);

/* All of `in`, appended to `out`. ALM_ERR_LIMIT: more than `bytes_max` come out of it;
 * ALM_ERR_CORRUPT: damaged, or cut off. */
ALM_NODISCARD alm_err alm_gunzip_all(alm_str in, size_t bytes_max, alm_buffer *out,
                                     alm_error *error);
typedef struct alm_gzip alm_gzip; /* one member, part by part; about 270 KB */

/* `level` as below. */
ALM_NODISCARD alm_err alm_gzip_create(int level, alm_gzip **out, alm_error *error);
void alm_gzip_destroy(alm_gzip *gzip); /* takes NULL */
/* Appends to `out` what `in` (less than 4 GiB; may be empty) gives; all that came until now can be
 * inflated from what was appended until now. `is_last` ends the member: nothing comes after it. */
ALM_NODISCARD alm_err alm_gzip_add(alm_gzip *gzip, alm_str in, bool is_last, alm_buffer *out,
                                   alm_error *error);
/* One member with `in`, appended to `out`, at `level` 1 (fast) to 9. The same bytes each time with
 * one zlib. */
ALM_NODISCARD alm_err alm_gzip_all(alm_str in, int level, alm_buffer *out, alm_error *error);

#endif
