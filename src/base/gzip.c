#include "base/gzip.h"

#include <limits.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* + 16: gzip's header and trailer */
#define PIECE_BYTES ((size_t)64 << 10)

struct alm_gunzip {
    z_stream stream;
    bool is_open;
};

struct alm_gzip {
    z_stream stream;
};

static void *zlib_take(void *context, unsigned count, unsigned size)
{
    (void)context;
    void *memory = NULL;
    return alm_heap_try((size_t)count * size, &memory, NULL) == ALM_OK ? memory : Z_NULL;
}

static void zlib_give(void *context, void *memory)
{
    (void)context;
    alm_heap_free(memory);
}

alm_err alm_gunzip_create(alm_gunzip **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_gunzip), &memory, error));
    alm_gunzip *made = memory;
    made->stream.zalloc = zlib_take;
    made->stream.zfree = zlib_give;
    if (inflateInit2(&made->stream, GZIP_WINDOW) != Z_OK) {
        alm_heap_free(made);
        return alm_fail(error, ALM_ERR_MEMORY, "out of memory");
    }
    *out = made;
    return ALM_OK;
}

void alm_gunzip_destroy(alm_gunzip *gunzip)
{
    if (gunzip) {
        (void)inflateEnd(&gunzip->stream);
        alm_heap_free(gunzip);
    }
}

static unsigned at_most(size_t size)
{
    return size > UINT_MAX ? UINT_MAX : (unsigned)size;
}

alm_err alm_gunzip_run(alm_gunzip *gunzip, alm_gunzip_step *step, alm_error *error)
{
    z_stream *stream = &gunzip->stream;
    unsigned in = at_most(step->in_size);
    unsigned room = at_most(step->out_size);
    stream->next_in = (Bytef *)step->in;
    stream->avail_in = in;
    stream->next_out = step->out;
    stream->avail_out = room;
    gunzip->is_open = gunzip->is_open || in > 0;
    int status = inflate(stream, Z_NO_FLUSH);
    if (status == Z_STREAM_END) { /* length and sum of the member are right */
        gunzip->is_open = false;
        (void)inflateReset(stream);
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s",
                        stream->msg ? stream->msg : "no reason given");
    }
    step->in = stream->next_in;
    step->in_size -= in - stream->avail_in;
    step->out_size = room - stream->avail_out;
    return ALM_OK;
}

bool alm_gunzip_is_open(const alm_gunzip *gunzip)
{
    return gunzip->is_open;
}

static alm_err inflate_all(alm_gunzip *gunzip, alm_str in, size_t bytes_max, alm_buffer *out,
                           alm_error *error)
{
    char piece[PIECE_BYTES];
    size_t start = out->size;
    alm_gunzip_step step = {.in = in.data, .in_size = in.size};
    /* The last output may come when there is no input any more. */
    for (size_t got = 1; step.in_size > 0 || got > 0;) {
        step.out = piece;
        step.out_size = sizeof piece;
        size_t left = step.in_size;
        if (left == 0 && !gunzip->is_open) {
            break;
        }
        ALM_TRY(alm_gunzip_run(gunzip, &step, error));
        got = step.out_size;
        if (got > bytes_max - (out->size - start)) {
            return alm_fail(error, ALM_ERR_LIMIT, "more than %zu bytes when it is inflated",
                            bytes_max);
        }
        alm_buffer_append(out, piece, got);
    }
    return gunzip->is_open ? alm_fail(error, ALM_ERR_CORRUPT, "it is cut off")
                           : alm_buffer_status(out, error);
}

alm_err alm_gunzip_all(alm_str in, size_t bytes_max, alm_buffer *out, alm_error *error)
{
    alm_gunzip *gunzip = NULL;
    if (in.size == 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "it is cut off");
    }
    ALM_TRY(alm_gunzip_create(&gunzip, error));
    alm_err code = inflate_all(gunzip, in, bytes_max, out, error);
    alm_gunzip_destroy(gunzip);
    return code;
}

alm_err alm_gzip_create(int level, alm_gzip **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_gzip), &memory, error));
    alm_gzip *made = memory;
    made->stream.zalloc = zlib_take;
    made->stream.zfree = zlib_give;
    if (deflateInit2(&made->stream, level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        alm_heap_free(made);
        return alm_fail(error, ALM_ERR_MEMORY, "out of memory");
    }
    *out = made;
    return ALM_OK;
}

void alm_gzip_destroy(alm_gzip *gzip)
{
    if (gzip) {
        (void)deflateEnd(&gzip->stream);
        alm_heap_free(gzip);
    }
}

alm_err alm_gzip_add(alm_gzip *gzip, alm_str in, bool is_last, alm_buffer *out, alm_error *error)
{
    z_stream *stream = &gzip->stream;
    if (in.size > UINT_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "more than 4 GiB");
    }
    unsigned char piece[PIECE_BYTES];
    stream->next_in = (Bytef *)in.data;
    stream->avail_in = (unsigned)in.size;
    /* Full room means that there may be more; with nothing to give it says Z_BUF_ERROR. */
    for (stream->avail_out = 0; stream->avail_out == 0;) {
        stream->next_out = piece;
        stream->avail_out = sizeof piece;
        (void)deflate(stream, is_last ? Z_FINISH : Z_SYNC_FLUSH);
        alm_buffer_append(out, piece, sizeof piece - stream->avail_out);
    }
    return alm_buffer_status(out, error);
}

alm_err alm_gzip_all(alm_str in, int level, alm_buffer *out, alm_error *error)
{
    alm_gzip *gzip = NULL;
    ALM_TRY(alm_gzip_create(level, &gzip, error));
    alm_err code = alm_gzip_add(gzip, in, true, out, error);
    alm_gzip_destroy(gzip);
    return code;
}
