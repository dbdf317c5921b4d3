/* path_file_internal.h: what both halves of path_file.h agree on. */
#ifndef ALM_PIPELINE_PATH_FILE_INTERNAL_H
#define ALM_PIPELINE_PATH_FILE_INTERNAL_H

#include "base/hash.h"
#include "pipeline/paths/path_file.h"

#define ALMI_PATH_MAGIC "almpaths"
#define ALMI_PATH_VERSION 2 /* 1 is read and, where it suffices, written */
#define ALMI_PATH_HEAD_WORDS 11
#define ALMI_PATH_HEAD_WORDS_2 13

static inline uint64_t almi_path_key(alm_str name)
{
    alm_digest digest = alm_hash_bytes(name.data, name.size);
    return alm_u64_at((const char *)digest.bytes);
}

/* Enough for 0..templates. */
static inline unsigned almi_path_rank_bits(size_t templates)
{
    unsigned bits = 0;
    while (templates >> bits) {
        bits++;
    }
    return bits;
}

#endif
