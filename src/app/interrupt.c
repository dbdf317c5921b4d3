#include "app/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define GRACE_SECONDS 2

/* Signal handlers can reach nothing but a global. */
static atomic_int signal_came; /* read by threads too; lock free, as a handler needs it */
static volatile sig_atomic_t is_patient;
static const char *volatile said; /* a literal, or NULL */

static void end_now(void)
{
    static const char message[] =
        "\nalmanac: interrupted; nothing unfinished is visible, but files may be left in the "
        "project's .almanac/scratch ('almanac doctor' says)\n";
    const char *more = said;
    /* The results of write cannot be used here. */
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0 ||
        (more && (write(STDERR_FILENO, "almanac: ", 9) < 0 ||
                  write(STDERR_FILENO, more, strlen(more)) < 0 ||
                  write(STDERR_FILENO, "\n", 1) < 0))) {
        _exit(alm_err_exit_status(ALM_ERR_INTERRUPTED));
    }
    _exit(alm_err_exit_status(ALM_ERR_INTERRUPTED));
}

static void on_signal(int number)
{
    if (number == SIGALRM || signal_came) {
        end_now();
    }
    signal_came = 1;
    if (!is_patient) {
        alarm(GRACE_SECONDS);
    }
}

void almi_interrupt_install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    /* A closed pipe (`almanac ... | head`) is then an error of write, not a silent death. */
    signal(SIGPIPE, SIG_IGN);
}

bool almi_interrupted(void)
{
    return signal_came != 0;
}

void almi_interrupt_be_patient(void)
{
    is_patient = 1;
}

void almi_interrupt_say(const char *text)
{
    said = text;
}

alm_err almi_interrupt_check(alm_error *error)
{
    if (!signal_came || is_patient) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_INTERRUPTED,
                    "interrupted; what was not finished has left nothing behind%s%s",
                    said ? "; " : "", said ? said : "");
}

typedef struct wrapped {
    alm_fs fs;
    alm_fs *inner;
} wrapped;

static alm_fs *inner_of(alm_fs *fs)
{
    return ((wrapped *)fs)->inner;
}

/* X(operation, parameters, arguments): refused after a signal. */
#define GUARDED_MAP(X)                                                                        \
    X(create, (alm_fs * fs, const char *path, alm_file **out, alm_error *error),              \
      (inner, path, out, error))                                                              \
    X(open, (alm_fs * fs, const char *path, alm_file **out, alm_error *error),                \
      (inner, path, out, error))                                                              \
    X(write, (alm_fs * fs, alm_file * file, const void *data, size_t size, alm_error *error), \
      (inner, file, data, size, error))                                                       \
    X(read,                                                                                   \
      (alm_fs * fs, alm_file * file, void *data, size_t size, size_t *got, alm_error *error), \
      (inner, file, data, size, got, error))                                                  \
    X(sync, (alm_fs * fs, alm_file * file, alm_error * error), (inner, file, error))          \
    X(link, (alm_fs * fs, const char *from, const char *to, alm_error *error),                \
      (inner, from, to, error))                                                               \
    X(rename, (alm_fs * fs, const char *from, const char *to, alm_error *error),              \
      (inner, from, to, error))                                                               \
    X(make_directory, (alm_fs * fs, const char *path, alm_error *error), (inner, path, error))

#define GUARDED_FUNCTION(operation, parameters, arguments) \
    static alm_err guarded_##operation parameters          \
    {                                                      \
        ALM_TRY(almi_interrupt_check(error));              \
        alm_fs *inner = inner_of(fs);                      \
        return inner->ops->operation arguments;            \
    }
GUARDED_MAP(GUARDED_FUNCTION)
#undef GUARDED_FUNCTION

static alm_err pass_close(alm_fs *fs, alm_file *file, alm_error *error)
{
    return inner_of(fs)->ops->close(inner_of(fs), file, error);
}

static alm_err pass_sync_directory(alm_fs *fs, const char *path, alm_error *error)
{
    return inner_of(fs)->ops->sync_directory(inner_of(fs), path, error);
}

static alm_err pass_unlink(alm_fs *fs, const char *path, alm_error *error)
{
    return inner_of(fs)->ops->unlink(inner_of(fs), path, error);
}

static alm_err pass_remove_directory(alm_fs *fs, const char *path, alm_error *error)
{
    return inner_of(fs)->ops->remove_directory(inner_of(fs), path, error);
}

static alm_err pass_list(alm_fs *fs, const char *path, alm_arena *arena, alm_fs_entry **out,
                         size_t *count, alm_error *error)
{
    return inner_of(fs)->ops->list(inner_of(fs), path, arena, out, count, error);
}

static alm_err pass_stat(alm_fs *fs, const char *path, alm_fs_stat *out, alm_error *error)
{
    return inner_of(fs)->ops->stat(inner_of(fs), path, out, error);
}

static alm_err pass_set_modified(alm_fs *fs, const char *path, alm_instant when, alm_error *error)
{
    return inner_of(fs)->ops->set_modified(inner_of(fs), path, when, error);
}

static void destroy(alm_fs *fs)
{
    alm_fs_destroy(inner_of(fs));
}

alm_fs *almi_interrupt_fs_create(alm_arena *arena, alm_fs *inner)
{
    /* clang-format off */
    static const alm_fs_ops ops = {
        .name = "interruptible",
#define GUARDED_SLOT(operation, parameters, arguments) .operation = guarded_##operation,
        GUARDED_MAP(GUARDED_SLOT)
#undef GUARDED_SLOT
        .close = pass_close,
        .sync_directory = pass_sync_directory,
        .unlink = pass_unlink,
        .remove_directory = pass_remove_directory,
        .list = pass_list,
        .stat = pass_stat,
        .set_modified = pass_set_modified,
        .destroy = destroy,
    };
    /* clang-format on */
    wrapped *made = ALM_NEW(arena, wrapped);
    made->fs.ops = &ops;
    made->inner = inner;
    return &made->fs;
}
