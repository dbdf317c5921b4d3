/* audit_test.c: the chain, crashes at every call, and lost power. */
#include "http/access/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"

static alm_fs *memory;

static int setup(void **state)
{
    (void)state;
    return alm_fs_memory_create(&memory, NULL) == ALM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    alm_fs_destroy(memory);
    return 0;
}

static alm_audit_entry entry_of(const char *object)
{
    return (alm_audit_entry){
        .when = INT64_C(1800000000000000),
        .kind = ALM_IDENTITY_TOKEN,
        .who = ALM_STR("anna"),
        .action = ALM_STR("deploy"),
        .object = alm_str_of(object),
        .outcome = ALM_STR("done"),
        .request_id = ALM_STR("r-1"),
    };
}

static alm_err append(alm_audit *audit, const char *object, alm_error *error)
{
    alm_audit_entry entry = entry_of(object);
    return alm_audit_append(audit, &entry, error);
}

static alm_audit *opened(alm_fs *fs)
{
    alm_audit *audit = NULL;
    alm_error error = {0};
    if (alm_audit_open(fs, "audit", &audit, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return audit;
}

static alm_str file_text(alm_fs *fs, const char *path, alm_arena *arena)
{
    alm_str text = {0};
    assert_int_equal(alm_fs_read_all(fs, path, 1 << 20, arena, &text, NULL), ALM_OK);
    return text;
}

/* Generator, Python 3.11:
 *   import hashlib
 *   line = ('{"seq":1,"time":"2027-01-15T08:00:00.000000Z","who":"anna","kind":"token",'
 *           '"action":"deploy","object":"demand-3",'
 *           '"outcome":"done","request_id":"r-1","detail":"","previous":"%s"'
 *           % ("0" * 64))
 *   print(hashlib.sha256(line.encode()).hexdigest()) */
static void a_record_is_the_line_that_the_header_describes(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_audit *audit = opened(memory);
    assert_int_equal(append(audit, "demand-3", NULL), ALM_OK);
    alm_audit_close(audit);
    alm_str text = file_text(memory, "audit/audit-000001.jsonl", arena);
    static const char EXPECTED[] =
        "{\"seq\":1,\"time\":\"2027-01-15T08:00:00.000000Z\",\"who\":\"anna\",\"kind\":\"token\","
        "\"action\":\"deploy\",\"object\":\"demand-3\",\"outcome\":\"done\",\"request_id\":\"r-1\","
        "\"detail\":\"\",\"previous\":\""
        "0000000000000000000000000000000000000000000000000000000000000000\",\"hash\":\""
        "0be8a8f826ee17a254cf3ae5ea7887d2f6556c907e54c459f7ff7065cf542b8f\"}\n";
    assert_string_equal(text.data, EXPECTED);
    alm_arena_destroy(arena);
}

static void the_chain_goes_on_over_processes(void **state)
{
    (void)state;
    alm_audit_head head;
    for (int process = 0; process < 3; process++) {
        alm_audit *audit = opened(memory);
        assert_int_equal(alm_audit_get_head(audit).seq, 2 * process);
        assert_int_equal(append(audit, "a", NULL), ALM_OK);
        assert_int_equal(append(audit, "b", NULL), ALM_OK);
        head = alm_audit_get_head(audit);
        alm_audit_close(audit);
    }
    alm_audit_close(opened(memory)); /* a process without a record leaves nothing */
    assert_false(alm_fs_exists(memory, "audit/audit-000004.jsonl"));
    alm_audit_head found;
    assert_int_equal(alm_audit_verify(memory, "audit", &found, NULL), ALM_OK);
    assert_int_equal(found.seq, 6);
    assert_true(alm_digest_equal(&found.hash, &head.hash));
}

static void a_changed_line_is_found(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_audit *audit = opened(memory);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(append(audit, "demand", NULL), ALM_OK);
    }
    alm_audit_close(audit);
    const char *path = "audit/audit-000001.jsonl";
    alm_str text = file_text(memory, path, arena);
    for (size_t i = 0; i < text.size; i += 7) {
        char *changed = alm_arena_copy_text(arena, text.data, text.size);
        changed[i] ^= 1;
        assert_int_equal(alm_fs_write_all(memory, path, (alm_str){changed, text.size}, NULL),
                         ALM_OK);
        assert_int_equal(alm_audit_verify(memory, "audit", NULL, NULL), ALM_ERR_CORRUPT);
    }
    /* The middle line taken out. */
    const char *second = strchr(text.data, '\n') + 1;
    const char *third = strchr(second, '\n') + 1;
    char *without = alm_arena_printf(arena, "%.*s%s", (int)(second - text.data), text.data, third);
    assert_int_equal(alm_fs_write_all(memory, path, alm_str_of(without), NULL), ALM_OK);
    alm_error error = {0};
    assert_int_equal(alm_audit_verify(memory, "audit", NULL, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "audit-000001.jsonl: line 2"));
    alm_audit *refused = NULL;
    assert_int_equal(alm_audit_open(memory, "audit", &refused, NULL), ALM_ERR_CORRUPT);
    alm_arena_destroy(arena);
}

static void texts_are_bounded_and_escaped(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_audit *audit = opened(memory);
    char *longest = alm_arena_alloc(arena, ALM_AUDIT_TEXT_BYTES_MAX + 2);
    memset(longest, 1, ALM_AUDIT_TEXT_BYTES_MAX + 1);
    assert_int_equal(append(audit, longest, NULL), ALM_ERR_INVALID);
    assert_int_equal(append(audit, "\xff", NULL), ALM_ERR_INVALID);
    alm_audit_entry entry = entry_of("x");
    entry.who = (alm_str){0};
    assert_int_equal(alm_audit_append(audit, &entry, NULL), ALM_ERR_INVALID);
    longest[ALM_AUDIT_TEXT_BYTES_MAX] = '\0';
    entry = entry_of(longest);
    entry.who = entry.action = entry.outcome = entry.request_id = entry.detail = entry.object;
    assert_int_equal(alm_audit_append(audit, &entry, NULL), ALM_OK);
    assert_int_equal(append(audit, "\"}\n{\"seq\":2", NULL), ALM_OK);
    alm_audit_close(audit);
    alm_audit_head head;
    assert_int_equal(alm_audit_verify(memory, "audit", &head, NULL), ALM_OK);
    assert_int_equal(head.seq, 2);
    alm_arena_destroy(arena);
}

/* ---- crashes ---- */

typedef struct promise {
    uint64_t acknowledged;
    uint64_t tried;
} promise;

static alm_err chain_holds(void *context, alm_fs *after, const char *text, alm_error *error)
{
    const promise *p = context;
    alm_audit *audit = NULL;
    alm_audit_head head;
    alm_err code = alm_audit_open(after, "audit", &audit, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "%s", text);
    }
    head = alm_audit_get_head(audit);
    if (head.seq < p->acknowledged || head.seq > p->tried) {
        alm_audit_close(audit);
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: record %llu of %llu acknowledged", text,
                        (unsigned long long)head.seq, (unsigned long long)p->acknowledged);
    }
    code = append(audit, "after", error);
    alm_audit_close(audit);
    return code == ALM_OK ? alm_audit_verify(after, "audit", NULL, error) : code;
}

/* Three processes with two records each, power lost behind each record. */
static void no_acknowledged_record_is_lost_with_the_power(void **state)
{
    (void)state;
    promise p = {0};
    alm_error error = {0};
    for (int process = 0; process < 3; process++) {
        alm_audit *audit = opened(memory);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(append(audit, "x", NULL), ALM_OK);
            p.acknowledged = ++p.tried;
            if (alm_fs_memory_power_cuts(memory, 64, 7, chain_holds, &p, &error) != ALM_OK) {
                fail_msg("%s", error.message);
            }
        }
        alm_audit_close(audit);
    }
}

/* Two processes of three records each over a file system that goes wrong. */
static promise write_over(alm_fs *fs)
{
    promise p = {0};
    for (int process = 0; process < 2; process++) {
        alm_audit *audit = NULL;
        if (alm_audit_open(fs, "audit", &audit, NULL) != ALM_OK) {
            continue;
        }
        for (int i = 0; i < 3; i++) {
            p.tried++;
            p.acknowledged += append(audit, "x", NULL) == ALM_OK;
        }
        alm_audit_close(audit);
    }
    return p;
}

static void every_failing_call_leaves_a_chain(void **state)
{
    (void)state;
    static const alm_fs_fault_mode MODES[] = {ALM_FS_FAULT_FAIL, ALM_FS_FAULT_FAIL_ALWAYS,
                                              ALM_FS_FAULT_KILL};
    for (size_t m = 0; m < sizeof MODES / sizeof *MODES; m++) {
        bool happened = true;
        for (uint64_t nth = 1; happened; nth++) {
            alm_fs *inner = alm_fs_memory_copy(memory);
            alm_fs *faulty = NULL;
            alm_error error = {0};
            assert_int_equal(alm_fs_fault_create(inner, &faulty, NULL), ALM_OK);
            alm_fs_fault_set(faulty, &(alm_fs_fault){.mode = MODES[m], .nth = nth});
            promise p = write_over(faulty);
            happened = alm_fs_fault_happened(faulty);
            assert_true(happened || p.acknowledged == 6);
            if (alm_fs_memory_power_cuts(inner, 32, 7, chain_holds, &p, &error) != ALM_OK ||
                chain_holds(&p, inner, "no power cut", &error) != ALM_OK) {
                fail_msg("mode %d, %s: %s", (int)MODES[m], alm_fs_fault_place(faulty),
                         error.message);
            }
            alm_fs_destroy(faulty);
            alm_fs_destroy(inner);
        }
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_record_is_the_line_that_the_header_describes),
        CASE(the_chain_goes_on_over_processes),
        CASE(a_changed_line_is_found),
        CASE(texts_are_bounded_and_escaped),
        CASE(no_acknowledged_record_is_lost_with_the_power),
        CASE(every_failing_call_leaves_a_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
