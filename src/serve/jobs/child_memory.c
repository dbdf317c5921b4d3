#include "serve/jobs/child_memory.h"

#include "base/thread.h"

typedef struct played {
    alm_child child;
    const char *arguments, *variables;
    alm_buffer say[2]; /* not given yet */
    bool is_deaf, has_ended, is_open;
    alm_child_end end;
} played;

typedef struct players {
    alm_children children;
    alm_arena *arena;
    alm_mutex lock;
    played child[ALM_CHILDREN_MEMORY_MAX];
    size_t count, open;
    bool refuses;
} players;

static const char *joined(alm_arena *arena, const char *const *words, size_t count)
{
    const char *all = "";
    for (size_t i = 0; i < count; i++) {
        all = alm_arena_printf(arena, "%s%s%s", all, i > 0 ? " " : "", words[i]);
    }
    return all;
}

static alm_err start(alm_children *children, const alm_child_order *order, alm_child **out,
                     alm_error *error)
{
    players *p = (players *)children;
    alm_mutex_lock(&p->lock);
    bool refuses = p->refuses || p->count == ALM_CHILDREN_MEMORY_MAX;
    if (!refuses) {
        played *made = &p->child[p->count++];
        made->child.children = children;
        made->arguments = joined(p->arena, order->argument, order->argument_count);
        made->variables = joined(p->arena, order->variable, order->variable_count);
        made->is_open = true;
        p->open++;
        *out = &made->child;
    }
    alm_mutex_unlock(&p->lock);
    return refuses ? alm_fail(error, ALM_ERR_LIMIT, "starting a child: told to fail") : ALM_OK;
}

static bool look(alm_child *child, alm_buffer *out, alm_buffer *err, alm_child_end *end)
{
    played *c = (played *)child;
    players *p = (players *)child->children;
    alm_mutex_lock(&p->lock);
    alm_buffer_str(out, alm_buffer_view(&c->say[0]));
    alm_buffer_str(err, alm_buffer_view(&c->say[1]));
    alm_buffer_clear(&c->say[0]);
    alm_buffer_clear(&c->say[1]);
    bool has_ended = c->has_ended;
    if (has_ended) {
        *end = c->end;
    }
    alm_mutex_unlock(&p->lock);
    return has_ended;
}

static void finish(played *c, alm_child_end how)
{
    if (!c->has_ended) {
        c->has_ended = true;
        c->end = how;
    }
}

static void end(alm_child *child, bool by_force)
{
    played *c = (played *)child;
    players *p = (players *)child->children;
    alm_mutex_lock(&p->lock);
    if (by_force || !c->is_deaf) {
        finish(c, by_force ? (alm_child_end){.signal = 9} : (alm_child_end){.status = 16});
    }
    alm_mutex_unlock(&p->lock);
}

static void close_child(alm_child *child)
{
    played *c = (played *)child;
    players *p = (players *)child->children;
    alm_mutex_lock(&p->lock);
    alm_assert(c->is_open);
    c->is_open = false;
    p->open--;
    alm_buffer_deinit(&c->say[0]);
    alm_buffer_deinit(&c->say[1]);
    alm_mutex_unlock(&p->lock);
}

static void destroy(alm_children *children)
{
    players *p = (players *)children;
    alm_assert(p->open == 0);
    alm_mutex_deinit(&p->lock);
    alm_arena_destroy(p->arena);
}

alm_children *alm_children_memory_create(void)
{
    static const alm_children_ops ops = {.name = "memory",
                                         .start = start,
                                         .look = look,
                                         .end = end,
                                         .close = close_child,
                                         .destroy = destroy};
    alm_arena *arena = alm_arena_create(0);
    players *made = ALM_NEW(arena, players);
    made->children.ops = &ops;
    made->arena = arena;
    alm_mutex_init(&made->lock);
    return &made->children;
}

/* ---- what a test does ---- */

size_t alm_children_memory_count(alm_children *children)
{
    players *p = (players *)children;
    alm_mutex_lock(&p->lock);
    size_t count = p->count;
    alm_mutex_unlock(&p->lock);
    return count;
}

size_t alm_children_memory_open(alm_children *children)
{
    players *p = (players *)children;
    alm_mutex_lock(&p->lock);
    size_t count = p->open;
    alm_mutex_unlock(&p->lock);
    return count;
}

/* The lock is held from here to give_back. */
static played *take(alm_children *children, size_t index)
{
    players *p = (players *)children;
    alm_mutex_lock(&p->lock);
    alm_assert(index < p->count);
    return &p->child[index];
}

static void give_back(alm_children *children)
{
    alm_mutex_unlock(&((players *)children)->lock);
}

const char *alm_children_memory_arguments(alm_children *children, size_t index)
{
    const char *text = take(children, index)->arguments;
    give_back(children);
    return text;
}

const char *alm_children_memory_variables(alm_children *children, size_t index)
{
    const char *text = take(children, index)->variables;
    give_back(children);
    return text;
}

void alm_children_memory_refuse(alm_children *children, bool refuses)
{
    players *p = (players *)children;
    alm_mutex_lock(&p->lock);
    p->refuses = refuses;
    alm_mutex_unlock(&p->lock);
}

void alm_children_memory_deaf(alm_children *children, size_t index)
{
    take(children, index)->is_deaf = true;
    give_back(children);
}

void alm_children_memory_say(alm_children *children, size_t index, bool on_error, const char *text)
{
    alm_buffer_text(&take(children, index)->say[on_error], text);
    give_back(children);
}

void alm_children_memory_exit(alm_children *children, size_t index, int status)
{
    finish(take(children, index), (alm_child_end){.status = status});
    give_back(children);
}

void alm_children_memory_die(alm_children *children, size_t index, int signal)
{
    finish(take(children, index), (alm_child_end){.signal = signal});
    give_back(children);
}
