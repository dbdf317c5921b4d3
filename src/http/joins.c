#include "http/joins.h"

typedef struct queue {
    _Alignas(64) alm_joined *first; /* one line for each worker */
    alm_joined **end;               /* NULL: nobody waits */
} queue;

struct alm_joins {
    alm_arena *arena;
    alm_str models;
    int workers;
    queue *queue;
};

alm_err alm_joins_create(alm_str models, int workers, alm_joins **out, alm_error *error)
{
    for (alm_str rest = models; rest.data;) {
        if (alm_str_split(&rest, ',').size == 0) {
            return alm_fail(error, ALM_ERR_USAGE, "the list of models '" ALM_STR_FMT "' has an "
                            "empty name", ALM_STR_ARG(models));
        }
    }
    alm_arena *arena = alm_arena_create(0);
    alm_joins *joins = ALM_NEW(arena, alm_joins);
    *joins = (alm_joins){arena, models, workers, ALM_NEW_ARRAY(arena, queue, (size_t)workers)};
    *out = joins;
    return ALM_OK;
}

void alm_joins_destroy(alm_joins *joins)
{
    if (joins) {
        alm_arena_destroy(joins->arena);
    }
}

static bool is_named(const alm_joins *joins, alm_str model)
{
    for (alm_str rest = joins->models; rest.data;) {
        if (alm_str_equal(alm_str_split(&rest, ','), model)) {
            return true;
        }
    }
    return false;
}

/* The round ends by itself, and the reply is set by whoever takes the list. */
static void nothing(alm_later *later)
{
    (void)later;
}

bool alm_joins_put(alm_joins *joins, const alm_call *call, alm_reply *reply)
{
    if (!joins || !is_named(joins, call->value[0])) {
        return false;
    }
    queue *q = &joins->queue[call->request->worker];
    alm_joined *joined = ALM_NEW(call->request->arena, alm_joined);
    *joined = (alm_joined){.later = {.start = nothing, .finish = nothing, .context = joined},
                           .call = *call, .reply = reply};
    q->end = q->end ? q->end : &q->first;
    *q->end = joined;
    q->end = &joined->next;
    reply->later = &joined->later;
    return true;
}

alm_joined *alm_joins_take(alm_joins *joins, int worker)
{
    queue *q = &joins->queue[worker];
    alm_joined *first = q->first;
    *q = (queue){NULL, NULL};
    return first;
}

void alm_joined_wake(alm_joined *first)
{
    while (first) {
        alm_joined *next = first->next; /* what was woken may be gone */
        first->later.wake(first->later.connection);
        first = next;
    }
}
