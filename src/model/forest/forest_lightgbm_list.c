#include "model/forest/forest_lightgbm_list.h"

#include <string.h>

#include "base/digits.h"

#define WINDOW 64   /* bytes whose blanks are one word */
#define REACH 16    /* bytes behind the end of a number that may be looked at */

/* Ends of numbers, in windows. */
typedef struct scan {
    const char *window, *end; /* end of the list, and where no window may begin any more */
    const char *last;
    uint64_t ends; /* bit i: byte i of the window is a blank, or the end of the list */
} scan;

#ifdef __SSE2__
#include <immintrin.h>

/* Bit i: byte i of a window is a blank. */
static inline uint64_t blanks_of(const char *at)
{
    uint64_t found = 0;
    for (unsigned i = 0; i < WINDOW; i += 16) {
        __m128i some = _mm_loadu_si128((const __m128i *)(at + i));
        uint64_t equal = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(some, _mm_set1_epi8(' ')));
        found |= equal << i;
    }
    return found;
}
#else
static uint64_t blanks_of_eight(const char *at)
{
    const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t eight;
    memcpy(&eight, at, sizeof eight);
    eight ^= UINT64_C(0x2020202020202020);
    uint64_t zeros = ~(((eight & low) + low) | eight | low) >> 7;
    return zeros * UINT64_C(0x0102040810204080) >> 56;
}

static uint64_t blanks_of(const char *at)
{
    uint64_t found = 0;
    for (unsigned i = 0; i < WINDOW; i += 8) {
        found |= blanks_of_eight(at + i) << i;
    }
    return found;
}
#endif

static inline bool load_window(scan *s)
{
    if (s->window > s->last || s->window > s->end) {
        return false;
    }
    s->ends = blanks_of(s->window);
    if (s->end - s->window < WINDOW) {
        uint64_t end = (uint64_t)1 << (s->end - s->window);
        s->ends = (s->ends & (end - 1)) | end;
    }
    return true;
}

static bool start(const almi_list *list, const char **begin, scan *s)
{
    const char *at = list->rest.data;
    if (at == NULL || list->text_end - at <= WINDOW + REACH ||
        __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) {
        return false;
    }
    *begin = at + (list->rest.size > 0 && *at == ' ');
    *s = (scan){.window = *begin,
                .end = at + list->rest.size,
                .last = list->text_end - WINDOW - REACH};
    return load_window(s);
}

/* `begin` is where the next number begins: behind the blank that ended the last, or, which may be
 * read in no window, behind the end of the list. */
static void stop(almi_list *list, const char *begin)
{
    const char *end = list->rest.data + list->rest.size;
    begin = begin < end ? begin : end;
    list->rest = (alm_str){begin, (size_t)(end - begin)};
}

static inline bool small_number(const char *begin, const char *end, int32_t *out)
{
    bool negative = *begin == '-';
    alm_digits found = alm_digits_at(begin + negative);
    *out = negative ? -(int32_t)found.value : (int32_t)found.value;
    return found.count > 0 && found.count < 8 && begin + negative + found.count == end;
}

size_t almi_list_integers(almi_list *list, int32_t *out, size_t most)
{
    const char *begin;
    scan s;
    size_t count = 0;
    bool usual = start(list, &begin, &s);
    if (!usual) {
        return 0;
    }
    do {
        for (; s.ends != 0 && count < most; s.ends &= s.ends - 1, count++) {
            const char *end = s.window + __builtin_ctzll(s.ends);
            usual = small_number(begin, end, &out[count]);
            if (!usual) {
                break;
            }
            begin = end + 1;
        }
        s.window += WINDOW;
    } while (usual && count < most && load_window(&s));
    stop(list, begin);
    return count;
}

static inline bool decimal(const char *begin, const char *end, double *out)
{
    int32_t whole;
    if (end - begin <= 8 && small_number(begin, end, &whole)) {
        *out = *begin == '-' ? -(double)-whole : (double)whole; /* -0 has a sign */
        return true;
    }
    return alm_str_plain_decimal((alm_str){begin, (size_t)(end - begin)}, out);
}

size_t almi_list_doubles(almi_list *list, double *out, size_t most)
{
    const char *begin;
    scan s;
    size_t count = 0;
    bool usual = start(list, &begin, &s);
    if (!usual) {
        return 0;
    }
    do {
        for (; s.ends != 0 && count < most; s.ends &= s.ends - 1, count++) {
            const char *end = s.window + __builtin_ctzll(s.ends);
            usual = end > begin && decimal(begin, end, &out[count]);
            if (!usual) {
                break;
            }
            begin = end + 1;
        }
        s.window += WINDOW;
    } while (usual && count < most && load_window(&s));
    stop(list, begin);
    return count;
}
