#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/crew.h"
#include "base/thread.h"

enum { WAITING = 5, JOBS = WAITING + 2 };

typedef struct world {
    alm_mutex busy;
    alm_condition moved;
    bool is_open;
    int begun, ended;
    int order[JOBS];
    atomic_int members; /* bits of those that worked */
} world;

typedef struct task {
    alm_crew_job job;
    world *world;
    int number;
} task;

static void work(void *context, int member)
{
    task *t = context;
    world *w = t->world;
    atomic_fetch_or(&w->members, 1 << member);
    alm_mutex_lock(&w->busy);
    w->order[w->begun++] = t->number;
    alm_condition_broadcast(&w->moved);
    while (!w->is_open) {
        alm_condition_wait(&w->moved, &w->busy);
    }
    w->ended++;
    alm_mutex_unlock(&w->busy);
}

static void start(world *w, task jobs[JOBS])
{
    *w = (world){.is_open = false};
    alm_mutex_init(&w->busy);
    alm_condition_init(&w->moved);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (task){.job = {.run = work, .context = &jobs[i]}, .world = w, .number = i};
    }
}

static void wait_until(world *w, int begun)
{
    alm_mutex_lock(&w->busy);
    while (w->begun < begun) {
        alm_condition_wait(&w->moved, &w->busy);
    }
    alm_mutex_unlock(&w->busy);
}

static void open_gate(world *w)
{
    alm_mutex_lock(&w->busy);
    w->is_open = true;
    alm_condition_broadcast(&w->moved);
    alm_mutex_unlock(&w->busy);
}

static void stop(world *w)
{
    alm_condition_deinit(&w->moved);
    alm_mutex_deinit(&w->busy);
}

static void one_works_in_the_order_of_asking_and_the_line_is_bounded(void **state)
{
    (void)state;
    world w;
    task jobs[JOBS];
    alm_crew *crew = NULL;
    const alm_crew_options options = {.name = "test", .members = 1, .waiting_max = WAITING};
    start(&w, jobs);
    assert_int_equal(alm_crew_create(&options, &crew, NULL), ALM_OK);
    assert_true(alm_crew_ask(crew, &jobs[0].job));
    wait_until(&w, 1); /* it is held at the gate, and does not wait any more */
    for (int i = 1; i <= WAITING; i++) {
        assert_true(alm_crew_ask(crew, &jobs[i].job));
    }
    assert_false(alm_crew_ask(crew, &jobs[WAITING + 1].job));
    open_gate(&w);
    alm_crew_destroy(crew); /* does what waits */
    assert_int_equal(w.ended, WAITING + 1);
    for (int i = 0; i <= WAITING; i++) {
        assert_int_equal(w.order[i], i);
    }
    stop(&w);
}

static void members_work_at_the_same_time(void **state)
{
    (void)state;
    world w;
    task jobs[JOBS];
    alm_crew *crew = NULL;
    const alm_crew_options options = {.name = "test", .members = 3, .waiting_max = WAITING,
                                      .steps_back = true};
    start(&w, jobs);
    assert_int_equal(alm_crew_create(&options, &crew, NULL), ALM_OK);
    for (int i = 0; i < 3; i++) {
        assert_true(alm_crew_ask(crew, &jobs[i].job));
    }
    wait_until(&w, 3); /* all are at the gate: else this would not end */
    assert_int_equal(w.members, 7);
    open_gate(&w);
    alm_crew_destroy(crew);
    assert_int_equal(w.ended, 3);
    alm_crew_destroy(NULL);
    stop(&w);
}

static void without_memory_there_is_none(void **state)
{
    (void)state;
    alm_error error = {0};
    alm_crew *crew = NULL;
    const alm_crew_options options = {.name = "test", .members = 2, .waiting_max = 1};
    for (uint64_t nth = 1; nth <= 2; nth++) {
        (void)alm_heap_fail_at(nth);
        assert_int_equal(alm_crew_create(&options, &crew, &error), ALM_ERR_MEMORY);
        assert_null(crew);
    }
    (void)alm_heap_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_works_in_the_order_of_asking_and_the_line_is_bounded),
        cmocka_unit_test(members_work_at_the_same_time),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
