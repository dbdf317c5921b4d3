/* What the event log stores, refuses, cuts, finds damaged and forgets. */
#include "store/event_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "base/rng.h"
#include "store/event_index.h"
#include "store/event_segment.h"

#define FOLDER "/events"

typedef struct fixture {
    alm_fs *fs;
    alm_event_log *log;
    alm_arena *arena;
    alm_error error;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){.arena = alm_arena_create(0)};
    assert_int_equal(alm_fs_memory_create(&f.fs, NULL), ALM_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    alm_event_log_close(f->log);
    alm_fs_destroy(f->fs);
    alm_arena_destroy(f->arena);
    return 0;
}

static alm_err count_record(void *context, const alm_event_record *record, alm_error *error)
{
    (void)error;
    size_t *count = context;
    assert_true(record->sequence > 0);
    ++*count;
    return ALM_OK;
}

static alm_err open_with(fixture *f, size_t segment_bytes, size_t ids_max, size_t *records)
{
    alm_event_log_close(f->log);
    f->log = NULL;
    *records = 0;
    alm_event_log_options options = {FOLDER, segment_bytes, ids_max};
    alm_event_sink sink = {count_record, records};
    return alm_event_log_open(f->fs, &options, &sink, &f->log, &f->error);
}

static void ignore(alm_event_append *append)
{
    (void)append;
}

static alm_event_append put(fixture *f, const char *id, const char *content)
{
    alm_event_append append = {.id = alm_str_of(id), .content = alm_str_of(content),
                               .done = ignore};
    size_t count = 0;
    alm_event_log_submit(f->log, &append);
    assert_true(alm_event_log_has_waiting(f->log));
    assert_int_equal(alm_event_log_commit(f->log, &count, &f->error), ALM_OK);
    assert_int_equal(count, 1);
    assert_false(alm_event_log_has_waiting(f->log));
    return append;
}

static void test_the_same_id(void **state)
{
    fixture *f = *state;
    size_t records = 0;
    assert_int_equal(open_with(f, 0, 0, &records), ALM_OK);
    alm_event_append append = put(f, "e1", "one");
    assert_int_equal(append.outcome, ALM_EVENT_STORED);
    assert_int_equal(append.sequence, 1);
    assert_int_equal(put(f, "e2", "one").sequence, 2);
    append = put(f, "e1", "one");
    assert_int_equal(append.outcome, ALM_EVENT_DUPLICATE);
    assert_int_equal(append.sequence, 1);
    append = put(f, "e1", "other");
    assert_int_equal(append.outcome, ALM_EVENT_REFUSED);
    assert_int_equal(append.error.code, ALM_ERR_CONFLICT);
    assert_non_null(strstr(append.error.message, "e1"));
    assert_int_equal(open_with(f, 0, 0, &records), ALM_OK); /* a restart knows them too */
    assert_int_equal(records, 2);
    assert_int_equal(put(f, "e2", "one").outcome, ALM_EVENT_DUPLICATE);
    assert_int_equal(put(f, "e2", "").error.code, ALM_ERR_CONFLICT);
    assert_int_equal(put(f, "e3", "").sequence, 3);
}

static void test_bounds(void **state)
{
    fixture *f = *state;
    size_t records = 0;
    static char large[ALM_EVENT_CONTENT_BYTES_MAX + 2];
    memset(large, 'x', sizeof large - 1);
    assert_int_equal(open_with(f, 0, 3, &records), ALM_OK);
    assert_int_equal(put(f, "", "x").error.code, ALM_ERR_INVALID);
    assert_int_equal(put(f, "e", large).error.code, ALM_ERR_INVALID);
    assert_int_equal(put(f, large, "x").error.code, ALM_ERR_INVALID);
    assert_int_equal(put(f, "e", large + 1).outcome, ALM_EVENT_STORED);
    assert_int_equal(put(f, large + sizeof large - 1 - ALM_EVENT_ID_BYTES_MAX, "x").outcome,
                     ALM_EVENT_STORED);
    assert_int_equal(put(f, "third", "x").outcome, ALM_EVENT_STORED);
    assert_int_equal(put(f, "fourth", "x").error.code, ALM_ERR_LIMIT);
    assert_int_equal(put(f, "third", "x").outcome, ALM_EVENT_DUPLICATE);
}

/* More than a frame holds, in one commit. */
static void test_a_large_group(void **state)
{
    fixture *f = *state;
    enum { COUNT = 70 };
    static char content[COUNT][20000];
    alm_event_append append[COUNT];
    char id[COUNT][8];
    size_t records = 0;
    size_t count = 0;
    assert_int_equal(open_with(f, 1 << 19, 0, &records), ALM_OK);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(id[i], sizeof id[i], "e%d", i % 60); /* the last ones again */
        memset(content[i], 'a' + i % 60 % 26, sizeof content[i]);
        append[i] = (alm_event_append){.id = alm_str_of(id[i]), .done = ignore,
                                       .content = {content[i], sizeof content[i]}};
        alm_event_log_submit(f->log, &append[i]);
    }
    assert_int_equal(alm_event_log_commit(f->log, &count, &f->error), ALM_OK);
    assert_int_equal(count, COUNT);
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_int_equal(append[i].outcome, i < 60 ? ALM_EVENT_STORED : ALM_EVENT_DUPLICATE);
        assert_int_equal(append[i].sequence, i % 60 + 1);
    }
    alm_event_log_facts facts;
    alm_event_log_facts_of(f->log, &facts);
    assert_int_equal(facts.segments, 2);
    assert_int_equal(open_with(f, 0, 0, &records), ALM_OK);
    assert_int_equal(records, 60);
}

/* ---- a file that was damaged ---- */

static const char *newest_path(fixture *f)
{
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    assert_int_equal(f->fs->ops->list(f->fs, FOLDER, f->arena, &entry, &count, NULL), ALM_OK);
    assert_true(count > 0);
    return alm_path_join(f->arena, FOLDER, entry[count - 1].name);
}

static alm_str contents(fixture *f, const char *path)
{
    alm_str bytes;
    assert_int_equal(alm_fs_read_all(f->fs, path, 1 << 20, f->arena, &bytes, NULL), ALM_OK);
    return bytes;
}

static void replace(fixture *f, const char *path, const char *bytes, size_t size)
{
    assert_int_equal(f->fs->ops->unlink(f->fs, path, NULL), ALM_OK);
    assert_int_equal(alm_fs_write_all(f->fs, path, (alm_str){bytes, size}, NULL), ALM_OK);
}

/* Three frames of one event; every length, and every byte changed. */
static void test_torn_and_damaged(void **state)
{
    fixture *f = *state;
    size_t records = 0;
    size_t end[4] = {ALMI_SEGMENT_HEADER_BYTES};
    assert_int_equal(open_with(f, 0, 0, &records), ALM_OK);
    for (int i = 0; i < 3; i++) {
        char id[2] = {(char)('a' + i), 0};
        put(f, id, "content");
        end[i + 1] = contents(f, newest_path(f)).size;
    }
    const char *path = newest_path(f);
    alm_str whole = contents(f, path);
    for (size_t size = 0; size < whole.size; size++) {
        replace(f, path, whole.data, size);
        alm_err code = open_with(f, 0, 0, &records);
        assert_int_equal(code, ALM_OK);
        size_t frames = size < end[1] ? 0 : size < end[2] ? 1 : 2;
        alm_event_log_facts facts;
        alm_event_log_facts_of(f->log, &facts);
        assert_int_equal(records, frames);
        assert_int_equal(facts.cut_bytes, size > end[0] ? size - end[frames] : 0);
        assert_int_equal(strlen(facts.cut_path) > 0, facts.cut_bytes > 0);
    }
    char *changed = alm_arena_alloc(f->arena, whole.size);
    for (size_t at = 0; at < whole.size; at++) {
        memcpy(changed, whole.data, whole.size);
        changed[at] = (char)(changed[at] ^ 0x10);
        replace(f, path, changed, whole.size);
        f->error = (alm_error){0};
        if (at >= end[2]) { /* the last frame: nothing says that it was ever whole */
            assert_int_equal(open_with(f, 0, 0, &records), ALM_OK);
            assert_int_equal(records, 2);
            continue;
        }
        assert_int_equal(open_with(f, 0, 0, &records), ALM_ERR_CORRUPT);
        assert_non_null(strstr(f->error.message, path));
    }
}

/* What the next segment has sealed has no torn end. */
static void test_a_sealed_segment(void **state)
{
    fixture *f = *state;
    size_t records = 0;
    assert_int_equal(open_with(f, 0, 0, &records), ALM_OK);
    put(f, "a", "content");
    const char *first = newest_path(f);
    alm_str whole = contents(f, first);
    char *longer = alm_arena_alloc(f->arena, whole.size + 9);
    memcpy(longer, whole.data, whole.size);
    replace(f, first, longer, whole.size + 9); /* a torn write, cut when the next one is begun */
    assert_int_equal(open_with(f, 0, 0, &records), ALM_OK);
    put(f, "b", "content");
    assert_int_equal(open_with(f, 0, 0, &records), ALM_OK);
    assert_int_equal(records, 2);
    alm_event_log_facts facts;
    alm_event_log_facts_of(f->log, &facts);
    assert_int_equal(facts.cut_bytes, 0);
    replace(f, first, whole.data, whole.size - 1);
    assert_int_equal(open_with(f, 0, 0, &records), ALM_ERR_CORRUPT);
    assert_int_equal(f->fs->ops->unlink(f->fs, first, NULL), ALM_OK);
    assert_int_equal(open_with(f, 0, 0, &records), ALM_ERR_CORRUPT);
    assert_non_null(strstr(f->error.message, "missing"));
}

/* ---- reading while it is open ---- */

typedef struct seen {
    uint64_t first, last;
    size_t count;
} seen;

static alm_err note_record(void *context, const alm_event_record *record, alm_error *error)
{
    (void)error;
    seen *s = context;
    assert_true(s->count == 0 || record->sequence == s->last + 1);
    s->first = s->count++ == 0 ? record->sequence : s->first;
    s->last = record->sequence;
    return ALM_OK;
}

static seen replay(fixture *f, uint64_t from, uint64_t before)
{
    seen s = {0};
    alm_event_range range = {FOLDER, from, before};
    alm_event_sink sink = {note_record, &s};
    assert_int_equal(alm_event_log_replay(f->fs, &range, &sink, &f->error), ALM_OK);
    return s;
}

static void test_replay(void **state)
{
    fixture *f = *state;
    size_t records = 0;
    for (size_t segment = 1; segment <= 100000; segment *= 100000) {
        assert_int_equal(open_with(f, segment, 0, &records), ALM_OK);
        for (int i = 0; i < 7; i++) {
            char id[3] = {segment > 1 ? 'x' : 'y', (char)('a' + i), 0};
            put(f, id, "content");
            assert_true(alm_event_log_has(f->log, alm_str_of(id)));
        }
        assert_false(alm_event_log_has(f->log, ALM_STR("z")));
        for (uint64_t from = 1; from <= 7; from++) {
            for (uint64_t before = from; before <= 8; before++) {
                seen s = replay(f, from, before);
                assert_int_equal(s.count, before - from);
                assert_true(s.count == 0 || (s.first == from && s.last == before - 1));
            }
        }
    }
    /* What was released is not there; the rest is. */
    assert_int_equal(open_with(f, 1, 0, &records), ALM_OK);
    assert_false(alm_event_log_can_release(f->log, 1));
    assert_true(alm_event_log_can_release(f->log, 4));
    assert_int_equal(alm_event_log_release(f->log, 4, &f->error), ALM_OK);
    assert_false(alm_event_log_can_release(f->log, 4));
    assert_int_equal(replay(f, 1, 15).first, 4);
    assert_int_equal(replay(f, 1, 15).last, 14);
}

/* A frame whose sync failed is in the file, and is not read. */
static void test_replay_behind_a_failure(void **state)
{
    fixture *f = *state;
    size_t records = 0;
    size_t count = 0;
    alm_fs *fault = NULL;
    assert_int_equal(alm_fs_fault_create(f->fs, &fault, NULL), ALM_OK);
    alm_event_log_options options = {FOLDER, 0, 0};
    assert_int_equal(alm_event_log_open(fault, &options, NULL, &f->log, &f->error), ALM_OK);
    put(f, "a", "content");
    alm_fs_fault_set(fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL, .nth = 1,
                                            .calls = ALM_FS_CALL_BIT(SYNC)});
    alm_event_append append = {.id = ALM_STR("b"), .content = ALM_STR("lost"), .done = ignore};
    alm_event_log_submit(f->log, &append);
    assert_int_equal(alm_event_log_commit(f->log, &count, &f->error), ALM_ERR_IO);
    assert_false(alm_event_log_has(f->log, ALM_STR("b")));
    alm_event_log_facts facts;
    alm_event_log_facts_of(f->log, &facts);
    assert_int_equal(replay(f, 1, facts.next_sequence).count, 1);
    put(f, "c", "content");
    alm_event_log_facts_of(f->log, &facts);
    assert_int_equal(replay(f, 1, facts.next_sequence).count, 2);
    alm_event_log_close(f->log);
    f->log = NULL;
    alm_fs_destroy(fault);
    assert_int_equal(open_with(f, 0, 0, &records), ALM_OK);
    assert_int_equal(records, 2);
}

/* ---- retention ---- */

static void test_release(void **state)
{
    fixture *f = *state;
    size_t records = 0;
    alm_event_log_facts facts;
    assert_int_equal(open_with(f, 1, 0, &records), ALM_OK); /* a segment for each */
    for (int i = 0; i < 6; i++) {
        char id[2] = {(char)('a' + i), 0};
        put(f, id, "content");
    }
    assert_int_equal(alm_event_log_release(f->log, 4, &f->error), ALM_OK);
    alm_event_log_facts_of(f->log, &facts);
    assert_int_equal(facts.oldest_sequence, 4);
    assert_int_equal(facts.next_sequence, 7);
    assert_int_equal(facts.ids, 3);
    assert_int_equal(put(f, "d", "content").outcome, ALM_EVENT_DUPLICATE);
    assert_int_equal(put(f, "c", "content").sequence, 7); /* forgotten, so it is a new one */
    assert_int_equal(open_with(f, 1, 0, &records), ALM_OK);
    assert_int_equal(records, 4);
    assert_int_equal(alm_event_log_release(f->log, 100, &f->error), ALM_OK);
    alm_event_log_facts_of(f->log, &facts);
    assert_int_equal(facts.oldest_sequence, 7); /* the newest segment stays */
    assert_int_equal(open_with(f, 1, 0, &records), ALM_OK);
    assert_int_equal(records, 1);
    assert_int_equal(put(f, "z", "content").sequence, 8);
}

/* ---- the index alone ---- */

static void test_index_against_a_list(void **state)
{
    (void)state;
    enum { IDS = 3000 };
    static bool there[IDS];
    almi_event_index index = {0};
    alm_rng rng = alm_rng_stream(1, 1);
    for (int step = 0; step < 20000; step++) {
        uint64_t number = alm_rng_next_below(&rng, IDS);
        /* All at home in few places, so that there are long runs to shift. */
        almi_event_entry entry = {.id = {number % 7 * 150 + 1000, number}, .sequence = number + 1};
        const almi_event_entry *found = almi_event_index_find(&index, &entry);
        assert_int_equal(found != NULL, there[number]);
        if (found) {
            assert_int_equal(found->sequence, number + 1);
            almi_event_index_remove(&index, &entry);
        } else {
            assert_int_equal(almi_event_index_add(&index, &entry, NULL), ALM_OK);
        }
        there[number] = !there[number];
        if (step % 5000 == 4999) {
            almi_event_index_forget(&index, 1001);
            memset(there, 0, 1000 * sizeof *there);
        }
    }
    size_t count = 0;
    for (size_t i = 0; i < IDS; i++) {
        count += there[i];
    }
    assert_int_equal(index.count, count);
    almi_event_index_deinit(&index);
}

/* ---- many threads ---- */

typedef struct crowd {
    alm_event_log *log;
    alm_event_append *append;
    size_t each;
    _Atomic size_t told;
    size_t total;
} crowd;

static void count_told(alm_event_append *append)
{
    crowd *c = append->context;
    assert_int_not_equal(append->outcome, ALM_EVENT_WAITING);
    atomic_fetch_add(&c->told, 1);
}

/* Task 0 commits until everybody is told; the others submit. */
static alm_err crowd_task(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    crowd *c = context;
    if (task == 0) {
        while (atomic_load(&c->told) < c->total) {
            size_t count = 0;
            ALM_TRY(alm_event_log_commit(c->log, &count, error));
        }
        return ALM_OK;
    }
    for (size_t i = 0; i < c->each; i++) {
        alm_event_log_submit(c->log, &c->append[(task - 1) * c->each + i]);
    }
    return ALM_OK;
}

static void test_many_threads(void **state)
{
    fixture *f = *state;
    enum { THREADS = 4, EACH = 500, TOTAL = (THREADS - 1) * EACH };
    static alm_event_append append[TOTAL];
    static char id[TOTAL][16];
    size_t records = 0;
    alm_pool *pool = NULL;
    assert_int_equal(alm_pool_create(THREADS, &pool, &f->error), ALM_OK);
    assert_int_equal(open_with(f, 1 << 14, 0, &records), ALM_OK);
    crowd c = {.log = f->log, .append = append, .each = EACH, .total = TOTAL};
    for (int i = 0; i < TOTAL; i++) { /* every id from each of two threads at once */
        (void)snprintf(id[i], sizeof id[i], "e%d", i % (TOTAL / 2));
        append[i] = (alm_event_append){.id = alm_str_of(id[i]), .content = ALM_STR("content"),
                                       .done = count_told, .context = &c};
    }
    assert_int_equal(alm_pool_run(pool, THREADS, crowd_task, &c, &f->error), ALM_OK);
    size_t stored = 0;
    for (int i = 0; i < TOTAL; i++) {
        stored += append[i].outcome == ALM_EVENT_STORED;
        assert_int_equal(append[i].sequence, append[(i + TOTAL / 2) % TOTAL].sequence);
    }
    assert_int_equal(stored, TOTAL / 2);
    assert_int_equal(open_with(f, 0, 0, &records), ALM_OK);
    assert_int_equal(records, TOTAL / 2);
    alm_pool_destroy(pool);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_the_same_id),       ON(test_bounds),       ON(test_a_large_group),
        ON(test_torn_and_damaged),  ON(test_a_sealed_segment), ON(test_release),
        ON(test_replay),            ON(test_replay_behind_a_failure),
        ON(test_index_against_a_list), ON(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
