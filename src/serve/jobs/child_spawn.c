/* child_spawn.c: children as processes of the system. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve/jobs/child.h"

#define READ_BYTES 8192

typedef struct spawner {
    alm_children children;
    alm_arena *arena;
    const char *program;
    char *const *environment;
    int nice;
} spawner;

typedef struct spawned {
    alm_child child;
    alm_arena *arena;
    pid_t pid;
    int from[2]; /* its standard output and error */
    bool has_ended;
    alm_child_end end;
} spawned;

/* ---- starting ---- */

static bool is_replaced(const char *entry, const alm_child_order *order)
{
    size_t name = strcspn(entry, "=") + 1;
    for (size_t i = 0; i < order->variable_count; i++) {
        if (strncmp(entry, order->variable[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static char **environment_of(const spawner *s, const alm_child_order *order, alm_arena *arena)
{
    size_t most = order->variable_count + 1;
    for (char *const *at = s->environment; *at; at++) {
        most++;
    }
    char **all = ALM_NEW_ARRAY(arena, char *, most);
    size_t count = 0;
    for (char *const *at = s->environment; *at; at++) {
        if (!is_replaced(*at, order)) {
            all[count++] = *at;
        }
    }
    for (size_t i = 0; i < order->variable_count; i++) {
        all[count++] = alm_arena_copy_text(arena, order->variable[i], strlen(order->variable[i]));
    }
    return all; /* zeroed: NULL at the end */
}

static char **arguments_of(const spawner *s, const alm_child_order *order, alm_arena *arena)
{
    alm_assert(order->argument_count <= ALM_CHILD_ARGUMENTS_MAX);
    char **all = ALM_NEW_ARRAY(arena, char *, order->argument_count + 2);
    all[0] = alm_arena_copy_text(arena, s->program, strlen(s->program));
    for (size_t i = 0; i < order->argument_count; i++) {
        all[i + 1] = alm_arena_copy_text(arena, order->argument[i], strlen(order->argument[i]));
    }
    return all;
}

/* What the child is: a group of its own, so that it ends with all that it started and Ctrl-C of
 * the terminal is this process's affair; signals as a program expects them, because threads here
 * block them all; nothing open but the three streams. */
static int spawn(const spawner *s, char **arguments, char **environment, const int to[2],
                 pid_t *out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    int code = posix_spawn_file_actions_init(&files);
    if (code != 0) {
        return code;
    }
    code = posix_spawnattr_init(&how);
    if (code != 0) {
        posix_spawn_file_actions_destroy(&files);
        return code;
    }
    code = code ? code : posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP |
                                                  POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    code = code ? code : posix_spawnattr_setpgroup(&how, 0);
    code = code ? code : posix_spawnattr_setsigmask(&how, &none);
    code = code ? code : posix_spawnattr_setsigdefault(&how, &usual);
    code = code ? code : posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    code = code ? code : posix_spawn_file_actions_adddup2(&files, to[0], 1);
    code = code ? code : posix_spawn_file_actions_adddup2(&files, to[1], 2);
    code = code ? code : posix_spawn_file_actions_addclosefrom_np(&files, 3);
    code = code ? code : posix_spawn(out, s->program, &files, &how, arguments, environment);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return code;
}

static void close_pipe(int ends[2])
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) {
            (void)close(ends[i]);
        }
        ends[i] = -1;
    }
}

/* Above the three streams, else giving one of them to the child would overwrite the other. */
static bool open_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0) {
        ends[0] = ends[1] = -1;
        return false;
    }
    if (ends[0] <= 2 || ends[1] <= 2) {
        errno = EBADF; /* this process was started without its standard streams */
        return false;
    }
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

static alm_err start(alm_children *children, const alm_child_order *order, alm_child **out,
                     alm_error *error)
{
    const spawner *s = (const spawner *)children;
    alm_arena *arena = alm_arena_create(4096);
    int output[2] = {-1, -1}, messages[2] = {-1, -1};
    pid_t pid = 0;
    int code = open_pipe(output) && open_pipe(messages) ? 0 : errno;
    if (code == 0) {
        int to[2] = {output[1], messages[1]};
        code = spawn(s, arguments_of(s, order, arena), environment_of(s, order, arena), to, &pid);
    }
    if (code != 0) {
        close_pipe(output);
        close_pipe(messages);
        alm_arena_destroy(arena);
        bool is_limit = code == EAGAIN || code == EMFILE || code == ENFILE || code == ENOMEM;
        return alm_fail(error, is_limit ? ALM_ERR_LIMIT : ALM_ERR_EXTERNAL, "starting %s: %s",
                        s->program, strerror(code));
    }
    (void)close(output[1]);
    (void)close(messages[1]);
    if (s->nice > 0) { /* a courtesy: without it the child only competes as an equal */
        (void)setpriority(PRIO_PROCESS, (id_t)pid, getpriority(PRIO_PROCESS, 0) + s->nice);
    }
    spawned *made = ALM_NEW(arena, spawned);
    *made = (spawned){.child = {children}, .arena = arena, .pid = pid,
                      .from = {output[0], messages[0]}};
    *out = &made->child;
    return ALM_OK;
}

/* ---- listening ---- */

static void take_end(spawned *c, int options)
{
    int status = 0;
    if (c->has_ended) {
        return;
    }
    pid_t got;
    do {
        got = waitpid(c->pid, &status, options);
    } while (got < 0 && errno == EINTR);
    if (got == c->pid) {
        c->has_ended = true;
        c->end = WIFSIGNALED(status) ? (alm_child_end){.signal = WTERMSIG(status)}
                                     : (alm_child_end){.status = WEXITSTATUS(status)};
    }
}

/* True: there was nothing more. */
static bool read_some(int from, alm_buffer *to)
{
    for (size_t total = 0; total < ALM_CHILD_LOOK_BYTES;) {
        char piece[READ_BYTES];
        ssize_t got = read(from, piece, sizeof piece);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return true;
        }
        alm_buffer_append(to, piece, (size_t)got);
        total += (size_t)got;
    }
    return false;
}

static bool look(alm_child *child, alm_buffer *out, alm_buffer *err, alm_child_end *end)
{
    spawned *c = (spawned *)child;
    take_end(c, WNOHANG); /* first: then all that it wrote can be read below */
    bool is_all = read_some(c->from[0], out);
    is_all = read_some(c->from[1], err) && is_all;
    if (!c->has_ended || !is_all) {
        return false;
    }
    *end = c->end;
    return true;
}

static void end(alm_child *child, bool by_force)
{
    spawned *c = (spawned *)child;
    if (!c->has_ended) { /* not waited for yet, so the number is still its own */
        (void)kill(-c->pid, by_force ? SIGKILL : SIGTERM);
    }
}

static void close_child(alm_child *child)
{
    spawned *c = (spawned *)child;
    end(child, true);
    take_end(c, 0);
    close_pipe(c->from);
    alm_arena_destroy(c->arena); /* the struct lies in it */
}

static void destroy(alm_children *children)
{
    alm_arena_destroy(((spawner *)children)->arena);
}

alm_children *alm_children_spawn_create(const char *program, char *const *environment, int nice)
{
    static const alm_children_ops ops = {.name = "spawn",
                                         .start = start,
                                         .look = look,
                                         .end = end,
                                         .close = close_child,
                                         .destroy = destroy};
    alm_assert(nice >= 0 && nice <= 19);
    alm_arena *arena = alm_arena_create(4096);
    spawner *made = ALM_NEW(arena, spawner);
    *made = (spawner){.children = {&ops}, .arena = arena, .program = program,
                      .environment = environment, .nice = nice};
    return &made->children;
}
