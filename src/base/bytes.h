/* bytes.h: eight bytes of a text looked at in one word, for loops over text that is mostly plain.
 *
 * A test gives the highest bit of each byte that it finds; 0: there is none. Above the first byte
 * found, bits may be set of bytes that are not meant: only whether there are any is exact. */
#ifndef ALM_BASE_BYTES_H
#define ALM_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#define ALM_BYTES_EACH UINT64_C(0x0101010101010101)
#define ALM_BYTES_HIGH UINT64_C(0x8080808080808080)

/* The bytes from `at` on, blanks behind the last of `left` when there are fewer than eight. */
static inline uint64_t alm_bytes_load(const char *at, size_t left)
{
    uint64_t word = ' ' * ALM_BYTES_EACH;
    if (left >= sizeof word) {
        memcpy(&word, at, sizeof word);
    } else {
        memcpy(&word, at, left);
    }
    return word;
}

static inline uint64_t alm_bytes_below(uint64_t word, unsigned char limit) /* limit <= 128 */
{
    return (word - limit * ALM_BYTES_EACH) & ~word & ALM_BYTES_HIGH;
}

static inline uint64_t alm_bytes_equal(uint64_t word, unsigned char c)
{
    return alm_bytes_below(word ^ c * ALM_BYTES_EACH, 1);
}

#endif
