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

/* What was given out until some part can be inflated up to it, and the whole is one member. */
static void parts_can_be_read_as_they_come(void **state)
{
    (void)state;
    alm_gzip *gzip = NULL;
    alm_buffer all = {0}, packed = {0};
    alm_gunzip *gunzip = NULL;
    static char got[1 << 18];
    size_t have = 0;
    assert_int_equal(alm_gzip_create(1, &gzip, NULL), ALM_OK);
    assert_int_equal(alm_gunzip_create(&gunzip, NULL), ALM_OK);
    uint32_t random = 1;
    for (size_t part = 0; part < 6; part++) {
        size_t before = packed.size;
        size_t start = all.size;
        /* Nothing, a little, and more than one piece of output that cannot be made smaller. */
        for (size_t i = 0; i < (part == 4 ? 150000 : part * 7); i++) {
            random = random * 1664525u + 1013904223u;
            char byte = (char)(random >> 24);
            alm_buffer_append(&all, &byte, 1);
        }
        assert_int_equal(alm_gzip_add(gzip, (alm_str){all.data + start, all.size - start},
                                      part == 5, &packed, NULL), ALM_OK);
        alm_gunzip_step step = {.in = packed.data + before, .in_size = packed.size - before};
        for (size_t more = 1; step.in_size > 0 || more > 0; have += more) {
            step.out = got + have;
            step.out_size = sizeof got - have;
            assert_int_equal(alm_gunzip_run(gunzip, &step, NULL), ALM_OK);
            more = step.out_size;
        }
        assert_int_equal(have, all.size);
    }
    assert_memory_equal(got, all.data, all.size);
    assert_false(alm_gunzip_is_open(gunzip));
    alm_gunzip_destroy(gunzip);
    alm_gzip_destroy(gzip);
    alm_gzip_destroy(NULL);
    alm_buffer_deinit(&all);
    alm_buffer_deinit(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_programs_streams_are_read),
        cmocka_unit_test(what_was_packed_comes_back),
        cmocka_unit_test(parts_can_be_read_as_they_come),
        cmocka_unit_test(every_cut_and_every_damaged_byte_behind_the_header_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
