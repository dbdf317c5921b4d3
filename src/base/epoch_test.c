#include "base/epoch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/pool.h"

#define ALIVE 0x5eed5eed5eed5eedull
#define DEAD 0xdeaddeaddeaddeadull

typedef struct thing {
    uint64_t state;
    uint64_t number;
} thing;

static atomic_size_t destroyed;

static thing *make(uint64_t number)
{
    void *memory = NULL;
    assert_int_equal(alm_heap_try(sizeof(thing), &memory, NULL), ALM_OK);
    thing *t = memory;
    *t = (thing){ALIVE, number};
    return t;
}

static void destroy(void *memory)
{
    thing *t = memory;
    alm_assert(t->state == ALIVE);
    t->state = DEAD;
    alm_heap_free(t);
    atomic_fetch_add(&destroyed, 1);
}

static alm_epoch *epoch_of(size_t workers)
{
    alm_epoch *epoch = NULL;
    alm_error error;
    assert_int_equal(alm_epoch_create(workers, &epoch, &error), ALM_OK);
    atomic_store(&destroyed, 0);
    return epoch;
}

static void publish(alm_epoch *epoch, alm_epoch_cell *cell, thing *t)
{
    alm_error error;
    assert_int_equal(alm_epoch_publish(epoch, cell, t, destroy, &error), ALM_OK);
}

static void old_one_lives_until_its_readers_leave(void **state)
{
    (void)state;
    alm_epoch *epoch = epoch_of(3);
    alm_epoch_cell cell = {0};
    assert_null(alm_epoch_read(&cell));
    publish(epoch, &cell, make(1));
    alm_epoch_enter(epoch, 0);
    const thing *seen = alm_epoch_read(&cell);
    assert_int_equal(seen->number, 1);
    publish(epoch, &cell, make(2));
    assert_int_equal(destroyed, 0);
    assert_int_equal(seen->state, ALIVE);
    /* One that enters now sees the new one and does not keep the old one. */
    alm_epoch_enter(epoch, 1);
    assert_int_equal(((thing *)alm_epoch_read(&cell))->number, 2);
    assert_int_equal(alm_epoch_reclaim(epoch), 1);
    alm_epoch_leave(epoch, 0);
    assert_int_equal(alm_epoch_reclaim(epoch), 0);
    assert_int_equal(destroyed, 1);
    alm_epoch_leave(epoch, 1);
    publish(epoch, &cell, NULL);
    assert_int_equal(destroyed, 2);
    assert_null(alm_epoch_read(&cell));
    alm_epoch_destroy(epoch);
}

static void cells_share_the_workers(void **state)
{
    (void)state;
    alm_epoch *epoch = epoch_of(1);
    alm_epoch_cell a = {0};
    alm_epoch_cell b = {0};
    publish(epoch, &a, make(1));
    publish(epoch, &b, make(2));
    alm_epoch_enter(epoch, 0);
    publish(epoch, &a, NULL);
    publish(epoch, &b, NULL);
    assert_int_equal(destroyed, 0);
    alm_epoch_leave(epoch, 0);
    assert_int_equal(alm_epoch_reclaim(epoch), 0);
    assert_int_equal(destroyed, 2);
    alm_epoch_destroy(epoch);
}

static void what_is_not_owned_is_not_destroyed(void **state)
{
    (void)state;
    alm_epoch *epoch = epoch_of(1);
    alm_epoch_cell cell = {0};
    thing own = {ALIVE, 7};
    alm_error error;
    assert_int_equal(alm_epoch_publish(epoch, &cell, &own, NULL, &error), ALM_OK);
    publish(epoch, &cell, make(8));
    assert_int_equal(own.state, ALIVE);
    publish(epoch, &cell, NULL);
    assert_int_equal(destroyed, 1);
    alm_epoch_destroy(epoch);
}

static void a_failed_publish_changes_nothing(void **state)
{
    (void)state;
    alm_epoch *epoch = epoch_of(1);
    alm_epoch_cell cell = {0};
    thing *first = make(1);
    thing *second = make(2);
    publish(epoch, &cell, first);
    alm_error error;
    (void)alm_heap_fail_at(1);
    assert_int_equal(alm_epoch_publish(epoch, &cell, second, destroy, &error), ALM_ERR_MEMORY);
    (void)alm_heap_fail_at(0);
    assert_ptr_equal(alm_epoch_read(&cell), first);
    publish(epoch, &cell, second);
    assert_int_equal(destroyed, 1);
    publish(epoch, &cell, NULL);
    alm_epoch_destroy(epoch);
}

static void the_number_of_workers_is_bounded(void **state)
{
    (void)state;
    alm_epoch *epoch = NULL;
    alm_error error;
    assert_int_equal(alm_epoch_create(0, &epoch, &error), ALM_ERR_INVALID);
    assert_int_equal(alm_epoch_create(ALM_EPOCH_WORKERS_MAX + 1, &epoch, &error),
                     ALM_ERR_INVALID);
    assert_null(epoch);
    alm_epoch_destroy(NULL);
}

/* ---- threads: nobody ever sees a destroyed one, and numbers never go back ---- */

enum { READERS = 3, ROUNDS = 20000 };

typedef struct race {
    alm_epoch *epoch;
    alm_epoch_cell cell;
    atomic_bool over;
} race;

static uint64_t number_seen(race *r, size_t worker, uint64_t last)
{
    alm_epoch_enter(r->epoch, worker);
    const thing *t = alm_epoch_read(&r->cell);
    bool whole = !t || (t->state == ALIVE && t->number >= last);
    last = t ? t->number : last;
    alm_epoch_leave(r->epoch, worker);
    return whole ? last : UINT64_MAX;
}

/* Some are published by a publisher who waits: readers never rest here, so that takes long. */
static alm_err run_race(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    race *r = context;
    if (task == 0) {
        for (uint64_t n = 1; n <= ROUNDS; n++) {
            void *memory = NULL;
            ALM_TRY(alm_heap_try(sizeof(thing), &memory, error));
            *(thing *)memory = (thing){ALIVE, n};
            if (n % 200) {
                ALM_TRY(alm_epoch_publish(r->epoch, &r->cell, memory, destroy, error));
            } else {
                void *old = alm_epoch_exchange(&r->cell, memory);
                alm_epoch_wait(r->epoch);
                destroy(old);
                r->cell.destroy = destroy;
            }
        }
        atomic_store(&r->over, true);
        return ALM_OK;
    }
    uint64_t last = 0;
    while (!atomic_load(&r->over)) {
        last = number_seen(r, task - 1, last);
        if (last == UINT64_MAX) {
            return alm_fail(error, ALM_ERR_CORRUPT, "reader %zu saw a destroyed thing", task);
        }
    }
    return ALM_OK;
}

static void readers_race_with_a_publisher(void **state)
{
    (void)state;
    race r = {.epoch = epoch_of(READERS)};
    alm_pool *pool = NULL;
    alm_error error;
    assert_int_equal(alm_pool_create(READERS + 1, &pool, &error), ALM_OK);
    assert_int_equal(alm_pool_run(pool, READERS + 1, run_race, &r, &error), ALM_OK);
    alm_pool_destroy(pool);
    publish(r.epoch, &r.cell, NULL);
    assert_int_equal(alm_epoch_reclaim(r.epoch), 0);
    assert_int_equal(destroyed, ROUNDS);
    alm_epoch_destroy(r.epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_one_lives_until_its_readers_leave),
        cmocka_unit_test(cells_share_the_workers),
        cmocka_unit_test(what_is_not_owned_is_not_destroyed),
        cmocka_unit_test(a_failed_publish_changes_nothing),
        cmocka_unit_test(the_number_of_workers_is_bounded),
        cmocka_unit_test(readers_race_with_a_publisher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
