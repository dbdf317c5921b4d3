#include "http/access/key_checker.h"

#include "base/thread.h"

struct alm_key_checker {
    alm_access *access;
    int worker;
    alm_thread *thread;
    alm_mutex busy; /* of what follows */
    alm_condition asked;
    alm_key_check *first, **end;
    size_t waiting;
    bool is_ending;
};

static alm_key_check *take(alm_key_checker *checker)
{
    alm_mutex_lock(&checker->busy);
    while (!checker->first && !checker->is_ending) {
        alm_condition_wait(&checker->asked, &checker->busy);
    }
    alm_key_check *check = checker->first;
    if (check) {
        checker->first = check->next;
        checker->end = checker->first ? checker->end : &checker->first;
        checker->waiting--;
    }
    alm_mutex_unlock(&checker->busy);
    return check;
}

static void check_keys(void *context)
{
    alm_key_checker *checker = context;
    alm_thread_step_back(); /* answers go before hashes */
    for (alm_key_check *check = take(checker); check; check = take(checker)) {
        check->request.worker = checker->worker;
        check->request.defers_hash = false;
        check->verdict = alm_access_check(checker->access, &check->request, check->arena);
        check->told(check->context);
    }
}

static void free_checker(alm_key_checker *checker)
{
    alm_condition_deinit(&checker->asked);
    alm_mutex_deinit(&checker->busy);
    alm_heap_free(checker);
}

alm_err alm_key_checker_create(alm_access *access, int worker, alm_key_checker **out,
                               alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_key_checker), &memory, error));
    alm_key_checker *checker = memory;
    checker->access = access;
    checker->worker = worker;
    checker->end = &checker->first;
    alm_mutex_init(&checker->busy);
    alm_condition_init(&checker->asked);
    alm_err code = alm_thread_start("keys", check_keys, checker, &checker->thread, error);
    if (code != ALM_OK) {
        free_checker(checker);
        return code;
    }
    *out = checker;
    return ALM_OK;
}

void alm_key_checker_destroy(alm_key_checker *checker)
{
    if (!checker) {
        return;
    }
    alm_mutex_lock(&checker->busy);
    checker->is_ending = true;
    alm_condition_signal(&checker->asked);
    alm_mutex_unlock(&checker->busy);
    alm_thread_join(checker->thread);
    free_checker(checker);
}

bool alm_key_checker_ask(alm_key_checker *checker, alm_key_check *check)
{
    alm_mutex_lock(&checker->busy);
    bool has_room = checker->waiting < ALM_KEY_CHECKS_WAITING_MAX;
    if (has_room) {
        check->next = NULL;
        *checker->end = check;
        checker->end = &check->next;
        checker->waiting++;
        alm_condition_signal(&checker->asked);
    }
    alm_mutex_unlock(&checker->busy);
    return has_room;
}
