/* A /proc in memory, whose numbers are known; what is no /proc; and the real one. */
#include "monitor/process_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/fs_memory.h"

#define STAT                                                                                 \
    "4242 (odd) name (x) S 1 4242 4242 0 -1 4194560 900 0 0 0 250 50 0 0 20 0 4 0 12345 "    \
    "987654144 321 18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0\n"
#define LIMITS                                                                       \
    "Limit                     Soft Limit           Hard Limit           Units     \n" \
    "Max processes             31415                31415                processes \n" \
    "Max open files            1024                 1048576              files     \n"
#define MACHINE "cpu  1 2 3\nintr 99\nbtime 1700000000\nprocesses 7\n"

typedef struct machine {
    alm_fs *fs;
    alm_process_source source;
} machine;

static void put(alm_fs *fs, const char *path, const char *text)
{
    assert_int_equal(alm_fs_write_all(fs, path, alm_str_of(text), NULL), ALM_OK);
}

static machine make(const char *stat, const char *limits, const char *machine_stat)
{
    machine m = {0};
    assert_int_equal(alm_fs_memory_create(&m.fs, NULL), ALM_OK);
    m.source = (alm_process_source){m.fs, "/proc", 100, 4096};
    assert_int_equal(alm_fs_make_directories(m.fs, "/proc/self/fd", NULL), ALM_OK);
    put(m.fs, "/proc/self/stat", stat);
    put(m.fs, "/proc/self/limits", limits);
    put(m.fs, "/proc/stat", machine_stat);
    put(m.fs, "/proc/self/fd/0", "");
    put(m.fs, "/proc/self/fd/1", "");
    put(m.fs, "/proc/self/fd/7", "");
    return m;
}

static void test_known_numbers(void **state)
{
    (void)state;
    machine m = make(STAT, LIMITS, MACHINE);
    alm_process_usage usage;
    alm_error error = {0};
    if (alm_process_read(&m.source, &usage, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(usage.cpu_ns, UINT64_C(3000000000));
    assert_int_equal(usage.virtual_bytes, 987654144);
    assert_int_equal(usage.resident_bytes, 321 * 4096);
    assert_int_equal(usage.open_files, 3);
    assert_int_equal(usage.open_files_max, 1024);
    assert_true(usage.start_seconds == 1700000000 + 123.45);
    alm_fs_destroy(m.fs);
    m = make(STAT, "Max open files  unlimited  unlimited  files\n", MACHINE);
    assert_int_equal(alm_process_read(&m.source, &usage, NULL), ALM_OK);
    assert_true(usage.open_files_max == UINT64_MAX);
    alm_fs_destroy(m.fs);
}

static void refuse(machine m, alm_err expected, const char *part)
{
    alm_process_usage usage, before;
    memset(&usage, 7, sizeof usage);
    before = usage;
    alm_error error = {0};
    assert_int_equal(alm_process_read(&m.source, &usage, &error), expected);
    assert_memory_equal(&usage, &before, sizeof usage);
    if (!strstr(error.message, part)) {
        fail_msg("\"%s\" is not in \"%s\"", part, error.message);
    }
    alm_fs_destroy(m.fs);
}

static void test_what_is_no_proc(void **state)
{
    (void)state;
    refuse(make("", LIMITS, MACHINE), ALM_ERR_CORRUPT, "/proc/self/stat has no name");
    refuse(make("1 (a) S 1 2 3", LIMITS, MACHINE), ALM_ERR_CORRUPT, "whole numbers");
    refuse(make("1 (a) S 1 1 1 0 -1 1 1 0 0 0 -5 50 0 0 20 0 4 0 1 1 1 1\n", LIMITS, MACHINE),
           ALM_ERR_CORRUPT, "whole numbers");
    refuse(make(STAT, "", MACHINE), ALM_ERR_CORRUPT, "Max open files");
    refuse(make(STAT, "Max open files\n", MACHINE), ALM_ERR_CORRUPT, "open files");
    refuse(make(STAT, LIMITS, "cpu 1\n"), ALM_ERR_CORRUPT, "btime");
    refuse(make(STAT, LIMITS, "btime x\n"), ALM_ERR_CORRUPT, "btime");
    machine m = make(STAT, LIMITS, MACHINE);
    m.source.root = "/elsewhere";
    refuse(m, ALM_ERR_NOT_FOUND, "/elsewhere/self/stat");
    static char wide[(1 << 20) + 2];
    memset(wide, 'x', sizeof wide - 1);
    refuse(make(STAT, LIMITS, wide), ALM_ERR_CORRUPT, "longer");
}

static void test_this_process(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    assert_int_equal(alm_fs_real_create(&fs, NULL), ALM_OK);
    alm_process_source source = alm_process_source_here(fs);
    alm_process_usage usage;
    alm_error error = {0};
    if (alm_process_read(&source, &usage, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_true(usage.resident_bytes > 100000 && usage.virtual_bytes >= usage.resident_bytes);
    assert_true(usage.open_files >= 3 && usage.open_files <= usage.open_files_max);
    double now = (double)time(NULL);
    /* The machine's start is known to the second, and its clock may be set while it runs. */
    assert_true(usage.start_seconds > now - 3600 && usage.start_seconds < now + 60);
    alm_fs_destroy(fs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_numbers),
        cmocka_unit_test(test_what_is_no_proc),
        cmocka_unit_test(test_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
