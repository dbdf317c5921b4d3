/* child.h: this program again, as a process beside this one that is listened to.
 *
 * Training runs OpenMP, and a process that did so cannot fork: the child hangs. It would also take
 * the processors and the memory of whoever serves. So it runs in a process of its own, started with
 * posix_spawn, which executes without a copy of this process.
 *
 * Two implementations: the real one (child_spawn.c) and a twin in memory that tests play
 * (child_memory.h); child_test.c runs the same cases over both.
 *
 * Thread safety: one thread per child; a maker may be used from several. */
#ifndef ALM_SERVE_CHILD_H
#define ALM_SERVE_CHILD_H

#include "base/str.h"

typedef struct alm_children alm_children; /* who makes them */
typedef struct alm_child alm_child;

typedef struct alm_child_order {
    const char *const *argument; /* behind the program's name */
    size_t argument_count;       /* at most ALM_CHILD_ARGUMENTS_MAX */
    const char *const *variable; /* "NAME=VALUE", besides the environment; wins over it */
    size_t variable_count;
} alm_child_order;

#define ALM_CHILD_ARGUMENTS_MAX 32

/* How a child ended. */
typedef struct alm_child_end {
    int status; /* of exit */
    int signal; /* that ended it; 0: it exited */
} alm_child_end;

typedef struct alm_children_ops {
    const char *name;
    /* Starts the program; its standard input is empty, it holds nothing open of this process, and
     * signals of the terminal do not reach it. ALM_ERR_LIMIT: too many processes or files;
     * ALM_ERR_EXTERNAL. */
    alm_err (*start)(alm_children *children, const alm_child_order *order, alm_child **out,
                     alm_error *error);
    /* Never waits. Appends what it wrote since to `out` and `err`, at most ALM_CHILD_LOOK_BYTES
     * each. True, and *end: it has ended and everything that it wrote was given. */
    bool (*look)(alm_child *child, alm_buffer *out, alm_buffer *err, alm_child_end *end);
    /* Asks it to end (SIGTERM), or ends it (SIGKILL), with whatever it started. Nothing happens
     * when it has ended. */
    void (*end)(alm_child *child, bool by_force);
    /* Takes NULL. One that still runs is ended by force and waited for. */
    void (*close)(alm_child *child);
    void (*destroy)(alm_children *children); /* its children were closed */
} alm_children_ops;

#define ALM_CHILD_LOOK_BYTES 65536

struct alm_children {
    const alm_children_ops *ops;
};
struct alm_child {
    alm_children *children;
};

/* `program` is a path, /proc/self/exe for this program itself. `environment` ends with NULL; both
 * are borrowed. Children get a lower priority (nice) than this process by `nice`, 0 to 19. */
alm_children *alm_children_spawn_create(const char *program, char *const *environment, int nice);

static inline void alm_child_close(alm_child *child)
{
    if (child) {
        child->children->ops->close(child);
    }
}

static inline void alm_children_destroy(alm_children *children)
{
    if (children) {
        children->ops->destroy(children);
    }
}

#endif
