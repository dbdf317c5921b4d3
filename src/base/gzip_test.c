#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/gzip.h"

/* gzip -9n of "almanac\n", by gzip 1.12. */
static const unsigned char GOLDEN[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                       0x4b, 0xcc, 0xc9, 0x4d, 0xcc, 0x4b, 0x4c, 0xe6, 0x02, 0x00,
                                       0xf9, 0xeb, 0xa4, 0x19, 0x08, 0x00, 0x00, 0x00};

static alm_str golden(void)
{
    return (alm_str){(const char *)GOLDEN, sizeof GOLDEN};
}

static void other_programs_streams_are_read(void **state)
{
    (void)state;
    alm_buffer out = {0};
    alm_error error;
    assert_int_equal(alm_gunzip_all(golden(), 8, &out, &error), ALM_OK);
    assert_true(alm_str_is(alm_buffer_view(&out), "almanac\n"));
    alm_buffer_deinit(&out);
}

static void what_was_packed_comes_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        alm_buffer in = {0}, packed = {0}, out = {0};
        for (size_t k = 0; k < sizes[i]; k++) {
            char byte = (char)((k * k) >> (k % 7));
            alm_buffer_append(&in, &byte, 1);
        }
        assert_int_equal(alm_gzip_all(alm_buffer_view(&in), 1, &packed, NULL), ALM_OK);
        assert_int_equal(alm_gunzip_all(alm_buffer_view(&packed), sizes[i], &out, NULL), ALM_OK);
        assert_true(alm_str_equal(alm_buffer_view(&in), alm_buffer_view(&out)));
        /* One byte less may not come out. */
        if (sizes[i] > 0) {
            alm_buffer_clear(&out);
            assert_int_equal(alm_gunzip_all(alm_buffer_view(&packed), sizes[i] - 1, &out, NULL),
                             ALM_ERR_LIMIT);
        }
        alm_buffer_deinit(&in);
        alm_buffer_deinit(&packed);
        alm_buffer_deinit(&out);
    }
}

static void every_cut_and_every_damaged_byte_behind_the_header_is_seen(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof GOLDEN; size++) {
        alm_buffer out = {0};
        alm_str cut = {(const char *)GOLDEN, size};
        assert_int_equal(alm_gunzip_all(cut, 100, &out, NULL), ALM_ERR_CORRUPT);
        alm_buffer_deinit(&out);
    }
    for (size_t at = 10; at < sizeof GOLDEN; at++) {
        unsigned char bytes[sizeof GOLDEN];
        memcpy(bytes, GOLDEN, sizeof bytes);
        bytes[at] ^= 0x10;
        alm_buffer out = {0};
        alm_str damaged = {(const char *)bytes, sizeof bytes};
        /* Bits behind the end of the compressed ones mean nothing; any other makes it fail. */
        if (alm_gunzip_all(damaged, 100, &out, NULL) == ALM_OK) {
            assert_true(alm_str_is(alm_buffer_view(&out), "almanac\n"));
            assert_int_equal(at, sizeof GOLDEN - 9);
        }
        alm_buffer_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_programs_streams_are_read),
        cmocka_unit_test(what_was_packed_comes_back),
        cmocka_unit_test(every_cut_and_every_damaged_byte_behind_the_header_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
