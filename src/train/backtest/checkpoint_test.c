/* Steps that were acknowledged are there after any kill and any power cut; what is damaged, of
 * another key or under another name is never taken for a step. */
#include "train/backtest/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"

#define STEPS 3
#define ROOT "/state/backtest"
#define CUTS 8 /* random ones beside the systematic */

static const char *const NAME[STEPS] = {"fit-000001", "record-000001", "scores-000001"};
static const char *const CONTENT[STEPS] = {"a model", "", "sums\n of 8 bytes"};

typedef struct world {
    alm_fs *memory, *fs;
    alm_env env;
    alm_arena *arena;
    alm_error error;
} world;

static alm_instant now(void *context)
{
    (void)context;
    return 1;
}

static world world_on(alm_fs *memory)
{
    world w = {.memory = memory, .arena = alm_arena_create(0)};
    if (!memory) {
        assert_int_equal(alm_fs_memory_create(&w.memory, &w.error), ALM_OK);
    }
    assert_int_equal(alm_fs_fault_create(w.memory, &w.fs, &w.error), ALM_OK);
    w.env = (alm_env){.fs = w.fs, .now = now};
    return w;
}

static void close_world(world *w, bool with_memory)
{
    alm_fs_destroy(w->fs);
    if (with_memory) {
        alm_fs_destroy(w->memory);
    }
    alm_arena_destroy(w->arena);
}

static alm_err open_in(world *w, const char *key, bool restart, alm_checkpoint *out)
{
    alm_checkpoint_place place = {ROOT, restart};
    alm_digest digest = alm_hash_bytes(key, strlen(key));
    return alm_checkpoint_open(&w->env, &place, &digest, w->arena, out, &w->error);
}

static bool has(alm_checkpoint *c, world *w, int step)
{
    alm_str content;
    alm_err code = alm_checkpoint_get(c, NAME[step], w->arena, &content, &w->error);
    if (code == ALM_OK) {
        assert_true(alm_str_is(content, CONTENT[step]));
    } else {
        assert_int_equal(code, ALM_ERR_NOT_FOUND);
    }
    return code == ALM_OK;
}

/* Puts the steps; how many were acknowledged. */
static int work(world *w)
{
    alm_checkpoint c;
    int done = 0;
    if (open_in(w, "key", false, &c) != ALM_OK) {
        return 0;
    }
    while (done < STEPS && alm_checkpoint_put(&c, NAME[done], alm_str_of(CONTENT[done]),
                                              &w->error) == ALM_OK) {
        done++;
    }
    return done;
}

static alm_err look(void *context, alm_fs *after, const char *text, alm_error *error)
{
    int acknowledged = *(int *)context;
    alm_checkpoint c;
    world w = world_on(after);
    assert_int_equal(open_in(&w, "key", false, &c), ALM_OK);
    for (int i = 0; i < acknowledged; i++) {
        if (!has(&c, &w, i)) {
            fail_msg("%s was acknowledged and is gone; %s", NAME[i], text);
        }
    }
    /* The rest is made anew, over whatever a torn write has left. */
    assert_int_equal(work(&w), STEPS);
    for (int i = 0; i < STEPS; i++) {
        assert_true(has(&c, &w, i));
    }
    (void)error;
    close_world(&w, false);
    return ALM_OK;
}

static void what_is_acknowledged_survives(void **state)
{
    (void)state;
    bool happened = true;
    int points = 0;
    for (uint64_t n = 1; happened; n++) {
        world w = world_on(NULL);
        alm_fs_fault fault = {.mode = ALM_FS_FAULT_KILL, .nth = n};
        alm_fs_fault_set(w.fs, &fault);
        int acknowledged = work(&w);
        happened = alm_fs_fault_happened(w.fs);
        assert_true(happened || acknowledged == STEPS);
        assert_int_equal(alm_fs_memory_power_cuts(w.memory, CUTS, n, look, &acknowledged,
                                                  &w.error), ALM_OK);
        /* A kill alone loses nothing that was written. */
        alm_fs *copy = alm_fs_memory_copy(w.memory);
        assert_int_equal(look(&acknowledged, copy, "killed", &w.error), ALM_OK);
        alm_fs_destroy(copy);
        close_world(&w, true);
        points++;
    }
    assert_true(points > 20);
}

/* Without its syncs a step would be lost: the sweep above can fail. */
static void a_forgotten_sync_is_found(void **state)
{
    (void)state;
    world w = world_on(NULL);
    int lost = 0;
    alm_fs_fault fault = {.mode = ALM_FS_FAULT_SKIP, .calls = ALM_FS_CALL_BIT(SYNC), .nth = 1};
    alm_fs_fault_set(w.fs, &fault);
    assert_int_equal(work(&w), STEPS);
    size_t pending = alm_fs_memory_pending(w.memory);
    alm_fs_fate *fate = ALM_NEW_ARRAY(w.arena, alm_fs_fate, pending + 1);
    alm_fs *after = alm_fs_memory_power_cut(w.memory, fate);
    world cut = world_on(after);
    alm_checkpoint c;
    assert_int_equal(open_in(&cut, "key", false, &c), ALM_OK);
    for (int i = 0; i < STEPS; i++) {
        lost += !has(&c, &cut, i);
    }
    assert_int_equal(lost, 1);
    assert_int_equal(c.damaged, 1); /* the name is there, the bytes are not */
    close_world(&cut, true);
    close_world(&w, true);
}

static alm_str file_of(world *w, const alm_checkpoint *c, const char *name)
{
    alm_str file;
    const char *path = alm_path_join(w->arena, c->folder, name);
    assert_int_equal(alm_fs_read_all(w->fs, path, 1 << 20, w->arena, &file, &w->error), ALM_OK);
    return file;
}

static void write_file(world *w, const alm_checkpoint *c, const char *name, alm_str content)
{
    const char *path = alm_path_join(w->arena, c->folder, name);
    assert_int_equal(alm_fs_write_all(w->fs, path, content, &w->error), ALM_OK);
}

/* Every single bit, and every length. */
static void damage_is_never_taken_for_a_step(void **state)
{
    (void)state;
    world w = world_on(NULL);
    alm_checkpoint c;
    assert_int_equal(work(&w), STEPS);
    assert_int_equal(open_in(&w, "key", false, &c), ALM_OK);
    alm_str whole = file_of(&w, &c, NAME[2]);
    char *bent = alm_arena_copy_text(w.arena, whole.data, whole.size);
    for (size_t bit = 0; bit < 8 * whole.size; bit++) {
        bent[bit / 8] = (char)(bent[bit / 8] ^ (1 << bit % 8));
        write_file(&w, &c, NAME[2], (alm_str){bent, whole.size});
        assert_false(has(&c, &w, 2));
        bent[bit / 8] = whole.data[bit / 8];
    }
    for (size_t size = 0; size < whole.size; size++) {
        write_file(&w, &c, NAME[2], (alm_str){whole.data, size});
        assert_false(has(&c, &w, 2));
    }
    assert_int_equal(c.damaged, 9 * whole.size);
    assert_false(has(&c, &w, 2)); /* removed: not damaged any more, not there */
    assert_int_equal(c.damaged, 9 * whole.size);
    write_file(&w, &c, NAME[2], whole);
    assert_true(has(&c, &w, 2));
    close_world(&w, true);
}

/* A good file in the place of another step, or of another computation. */
static void a_step_is_good_in_its_own_place_only(void **state)
{
    (void)state;
    world w = world_on(NULL);
    alm_checkpoint c;
    alm_checkpoint other;
    assert_int_equal(work(&w), STEPS);
    assert_int_equal(open_in(&w, "key", false, &c), ALM_OK);
    assert_int_equal(open_in(&w, "another key", false, &other), ALM_OK);
    assert_string_not_equal(c.folder, other.folder);
    assert_false(has(&other, &w, 0));
    write_file(&w, &other, NAME[0], file_of(&w, &c, NAME[0]));
    assert_false(has(&other, &w, 0));
    write_file(&w, &c, NAME[1], file_of(&w, &c, NAME[0]));
    assert_false(has(&c, &w, 1));
    assert_int_equal(c.found, 0);
    assert_int_equal(c.damaged + other.damaged, 2);
    close_world(&w, true);
}

static void restart_and_remove_leave_nothing(void **state)
{
    (void)state;
    world w = world_on(NULL);
    alm_checkpoint c;
    assert_int_equal(work(&w), STEPS);
    assert_int_equal(open_in(&w, "key", true, &c), ALM_OK);
    assert_false(has(&c, &w, 0));
    assert_int_equal(work(&w), STEPS);
    alm_checkpoint_remove(&w.env, c.folder);
    assert_false(alm_fs_exists(w.fs, c.folder));
    /* Another process that was done removed it: the next step makes it again. */
    assert_int_equal(alm_checkpoint_put(&c, NAME[0], alm_str_of(CONTENT[0]), &w.error), ALM_OK);
    assert_true(has(&c, &w, 0));
    alm_checkpoint none = {0};
    assert_int_equal(alm_checkpoint_put(&none, NAME[0], ALM_STR("x"), &w.error), ALM_OK);
    assert_false(has(&none, &w, 0));
    close_world(&w, true);
}

/* A folder that is removed at the worst moment, some times in a row. */
static struct thief {
    const alm_fs_ops *honest;
    alm_fs_ops ops;
    int times;
} thief;

static alm_err link_after_theft(alm_fs *fs, const char *from, const char *to, alm_error *error)
{
    if (thief.times > 0) {
        thief.times--;
        assert_int_equal(alm_fs_remove_tree(fs, ROOT, error), ALM_OK);
    }
    return thief.honest->link(fs, from, to, error);
}

static void a_folder_that_others_remove_is_made_again(void **state)
{
    (void)state;
    world w = world_on(NULL);
    alm_checkpoint c;
    assert_int_equal(open_in(&w, "key", false, &c), ALM_OK);
    thief.honest = w.memory->ops;
    thief.ops = *thief.honest;
    thief.ops.link = link_after_theft;
    thief.times = 3;
    w.memory->ops = &thief.ops;
    assert_int_equal(alm_checkpoint_put(&c, NAME[0], alm_str_of(CONTENT[0]), &w.error), ALM_OK);
    assert_int_equal(thief.times, 0);
    assert_true(has(&c, &w, 0));
    thief.times = 1000; /* always: an error, and no hang */
    assert_int_equal(alm_checkpoint_put(&c, NAME[1], alm_str_of(CONTENT[1]), &w.error),
                     ALM_ERR_NOT_FOUND);
    w.memory->ops = thief.honest;
    close_world(&w, true);
}

static alm_instant much_later(void *context)
{
    (void)context;
    return (alm_instant)86400000000 * (ALM_CHECKPOINT_KEPT_DAYS + 1);
}

/* The clock of the file system in memory counts microseconds from 0. */
static void what_nobody_went_on_with_is_removed(void **state)
{
    (void)state;
    world w = world_on(NULL);
    alm_checkpoint old;
    alm_checkpoint c;
    assert_int_equal(work(&w), STEPS);
    assert_int_equal(open_in(&w, "key", false, &old), ALM_OK);
    assert_int_equal(open_in(&w, "another key", false, &c), ALM_OK);
    assert_true(alm_fs_exists(w.fs, old.folder));
    w.env.now = much_later;
    assert_int_equal(open_in(&w, "a third key", false, &c), ALM_OK);
    assert_false(alm_fs_exists(w.fs, old.folder));
    assert_true(alm_fs_exists(w.fs, c.folder));
    close_world(&w, true);
}

static void a_full_disk_says_what_stays(void **state)
{
    (void)state;
    world w = world_on(NULL);
    alm_checkpoint c;
    assert_int_equal(open_in(&w, "key", false, &c), ALM_OK);
    alm_fs_fault fault = {.mode = ALM_FS_FAULT_FAIL, .calls = ALM_FS_CALL_BIT(WRITE), .nth = 1};
    alm_fs_fault_set(w.fs, &fault);
    assert_int_equal(alm_checkpoint_put(&c, NAME[0], ALM_STR("x"), &w.error), ALM_ERR_IO);
    assert_non_null(strstr(w.error.message, "what is kept stays, the same command goes on there"));
    assert_non_null(strstr(w.error.message, "the disk is full"));
    close_world(&w, true);
}

static void contents_are_read_within_their_bounds(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_buffer content = {0};
    alm_str text;
    uint32_t number = 7;
    alm_checkpoint_put_text(&content, ALM_STR("abc"));
    alm_buffer_append(&content, &number, sizeof number);
    alm_str whole = alm_buffer_view(&content);
    for (size_t size = 0; size <= whole.size; size++) {
        alm_str rest = {whole.data, size};
        number = 0;
        bool first = alm_checkpoint_take_text(&rest, arena, &text);
        assert_int_equal(first, size >= 11);
        assert_int_equal(first && alm_checkpoint_take(&rest, &number, sizeof number), size == 15);
        assert_int_equal(number, size == 15 ? 7 : 0);
    }
    assert_true(alm_str_is(text, "abc"));
    memset(content.data, 0xff, 8); /* a size that no sum with an offset may overflow */
    alm_str rest = alm_buffer_view(&content);
    assert_false(alm_checkpoint_take_text(&rest, arena, &text));
    alm_buffer_deinit(&content);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_acknowledged_survives),
        cmocka_unit_test(a_forgotten_sync_is_found),
        cmocka_unit_test(damage_is_never_taken_for_a_step),
        cmocka_unit_test(a_step_is_good_in_its_own_place_only),
        cmocka_unit_test(restart_and_remove_leave_nothing),
        cmocka_unit_test(a_folder_that_others_remove_is_made_again),
        cmocka_unit_test(what_nobody_went_on_with_is_removed),
        cmocka_unit_test(a_full_disk_says_what_stays),
        cmocka_unit_test(contents_are_read_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
