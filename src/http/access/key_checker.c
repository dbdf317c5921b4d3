#include "http/access/key_checker.h"

struct alm_key_checker {
    alm_access *access;
    int worker;
    alm_crew *crew;
};

static void check_key(void *context, int member)
{
    (void)member; /* there is one */
    alm_key_check *check = context;
    alm_key_checker *checker = check->checker;
    check->request.worker = checker->worker;
    check->request.defers_hash = false;
    check->verdict = alm_access_check(checker->access, &check->request, check->arena);
    check->told(check->context);
}

alm_err alm_key_checker_create(alm_access *access, int worker, alm_key_checker **out,
                               alm_error *error)
{
    void *memory = NULL;
    /* Answers go before hashes. */
    const alm_crew_options options = {.name = "keys", .members = 1, .steps_back = true,
                                      .waiting_max = ALM_KEY_CHECKS_WAITING_MAX};
    ALM_TRY(alm_heap_try(sizeof(alm_key_checker), &memory, error));
    alm_key_checker *checker = memory;
    checker->access = access;
    checker->worker = worker;
    alm_err code = alm_crew_create(&options, &checker->crew, error);
    if (code != ALM_OK) {
        alm_heap_free(checker);
        return code;
    }
    *out = checker;
    return ALM_OK;
}

void alm_key_checker_destroy(alm_key_checker *checker)
{
    if (checker) {
        alm_crew_destroy(checker->crew);
        alm_heap_free(checker);
    }
}

bool alm_key_checker_ask(alm_key_checker *checker, alm_key_check *check)
{
    check->job = (alm_crew_job){.run = check_key, .context = check};
    check->checker = checker;
    return alm_crew_ask(checker->crew, &check->job);
}
