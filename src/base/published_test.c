#include "base/published.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/pool.h"

typedef struct thing {
    int value;
    int twice; /* 2 * value as long as it lives */
} thing;

static atomic_int alive;

static void destroy_thing(void *object)
{
    thing *dead = object;
    dead->value = -1;
    dead->twice = 7;
    atomic_fetch_sub(&alive, 1);
    alm_heap_free(dead);
}

static thing *make_thing(int value)
{
    void *memory = NULL;
    alm_assert(alm_heap_try(sizeof(thing), &memory, NULL) == ALM_OK);
    thing *made = memory;
    *made = (thing){value, 2 * value};
    atomic_fetch_add(&alive, 1);
    return made;
}

static void an_old_object_lives_as_long_as_somebody_reads_it(void **state)
{
    (void)state;
    alm_published *published = alm_published_create(2, make_thing(1), destroy_thing);
    const thing *first = alm_published_enter(published, 0);
    alm_published_swap(published, make_thing(2));
    const thing *second = alm_published_enter(published, 1);
    alm_published_swap(published, make_thing(3));
    assert_int_equal(first->value, 1);
    assert_int_equal(second->value, 2);
    assert_int_equal(alive, 3);
    assert_int_equal(alm_published_collect(published), 2);
    alm_published_leave(published, 1);
    assert_int_equal(alm_published_collect(published), 1);
    assert_int_equal(alive, 2);
    assert_int_equal(first->twice, 2);
    alm_published_leave(published, 0);
    const thing *third = alm_published_enter(published, 0);
    assert_int_equal(third->value, 3);
    alm_published_leave(published, 0);
    alm_published_swap(published, NULL);
    assert_int_equal(alive, 0);
    assert_null(alm_published_enter(published, 0));
    alm_published_leave(published, 0);
    alm_published_destroy(published);
    alm_published_destroy(NULL);
}

#define READERS 3
#define ROUNDS 20000

typedef struct contest {
    alm_published *published;
    atomic_bool stop;
    bool broken[READERS];
} contest;

/* Task 0 swaps, each of the others reads until it has done so. */
static alm_err swap_or_read(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    (void)error;
    contest *c = context;
    for (int round = 1; task == 0 && round <= ROUNDS; round++) {
        alm_published_swap(c->published, make_thing(round));
        alm_assert(atomic_load(&alive) <= READERS + 1);
    }
    if (task == 0) {
        atomic_store(&c->stop, true);
        return ALM_OK;
    }
    int reader = (int)task - 1;
    int seen = 0; /* never goes back */
    do {
        const thing *now = alm_published_enter(c->published, reader);
        c->broken[reader] |= now->twice != 2 * now->value || now->value < seen;
        seen = now->value;
        alm_published_leave(c->published, reader);
    } while (!atomic_load(&c->stop));
    return ALM_OK;
}

/* Under ThreadSanitizer and AddressSanitizer this is the proof. */
static void readers_see_whole_objects_while_they_are_swapped(void **state)
{
    (void)state;
    alm_pool *pool = NULL;
    alm_error error = {0};
    contest c = {.published = alm_published_create(READERS, make_thing(0), destroy_thing)};
    atomic_init(&c.stop, false);
    assert_int_equal(alm_pool_create(READERS + 1, &pool, &error), ALM_OK);
    assert_int_equal(alm_pool_run(pool, READERS + 1, swap_or_read, &c, &error), ALM_OK);
    alm_pool_destroy(pool);
    for (int i = 0; i < READERS; i++) {
        assert_false(c.broken[i]);
    }
    alm_published_destroy(c.published);
    assert_int_equal(alive, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_object_lives_as_long_as_somebody_reads_it),
        cmocka_unit_test(readers_see_whole_objects_while_they_are_swapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
