#include "project/git.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A tree with more changes than fit is dirty all the same. */
#define OUTPUT_BYTES_MAX 65536
#define ARGUMENTS_MAX 16
#define VARIABLES_MAX 512

typedef struct git_result {
    bool is_missing; /* no git command */
    int status;      /* exit status */
    alm_str output;  /* standard output, then the first line of standard error on failure */
} git_result;

/* The caller's repository settings (a hook sets GIT_DIR) must not redirect ours, and messages that
 * are read here must be English. */
static char **make_environment(alm_arena *arena)
{
    static const char *const dropped[] = {"GIT_DIR=",    "GIT_WORK_TREE=", "GIT_INDEX_FILE=",
                                          "GIT_PREFIX=", "LC_ALL=",        "GIT_OPTIONAL_LOCKS="};
    char **variables = ALM_NEW_ARRAY(arena, char *, VARIABLES_MAX + 3);
    size_t count = 0;
    for (char **at = environ; at && *at && count < VARIABLES_MAX; at++) {
        bool keep = true;
        for (size_t d = 0; d < sizeof dropped / sizeof dropped[0]; d++) {
            keep = keep && strncmp(*at, dropped[d], strlen(dropped[d])) != 0;
        }
        if (keep) {
            variables[count++] = *at;
        }
    }
    variables[count++] = alm_arena_printf(arena, "LC_ALL=C");
    /* Reading the status would otherwise write a refreshed index. */
    variables[count++] = alm_arena_printf(arena, "GIT_OPTIONAL_LOCKS=0");
    return variables;
}

static alm_str read_bounded(int descriptor, alm_arena *arena)
{
    char *data = alm_arena_alloc(arena, OUTPUT_BYTES_MAX + 1);
    size_t size = 0;
    char dropped[4096];
    for (;;) {
        bool full = size == OUTPUT_BYTES_MAX;
        /* What does not fit is still read, so that git can end. */
        ssize_t got = read(descriptor, full ? dropped : data + size,
                           full ? sizeof dropped : OUTPUT_BYTES_MAX - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return (alm_str){data, size};
        }
        size += full ? 0 : (size_t)got;
    }
}

static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* `arguments` end with NULL. Standard error goes into the same pipe. */
static alm_err run_git(const char *const *arguments, alm_arena *arena, git_result *out,
                       alm_error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return alm_fail(error, ALM_ERR_IO, "no pipe for git: %s", strerror(errno));
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    pid_t child = 0;
    int failed = posix_spawnp(&child, "git", &actions, NULL, (char *const *)(uintptr_t)arguments,
                              make_environment(arena));
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    git_result result = {.is_missing = failed == ENOENT};
    if (failed) {
        close(ends[0]);
        if (failed != ENOENT) {
            return alm_fail(error, ALM_ERR_EXTERNAL, "git does not start: %s", strerror(failed));
        }
        *out = result;
        return ALM_OK;
    }
    result.output = read_bounded(ends[0], arena);
    close(ends[0]);
    result.status = wait_for(child);
    *out = result;
    return ALM_OK;
}

static alm_str first_line(alm_str text)
{
    return alm_str_trim(alm_str_split(&text, '\n'));
}

static alm_err fail_missing(alm_error *error)
{
    return alm_fail(error, ALM_ERR_EXTERNAL,
                    "git is not installed, so the commit of the project is not known; install "
                    "git, or train with --experimental");
}

/* Entries of `git status --porcelain=v1 -z`: two letters, a blank, the path, a zero byte. */
static void count_changes(alm_str output, alm_git_status *status)
{
    size_t start = 0;
    for (size_t i = 0; i < output.size; i++) {
        if (output.data[i] != '\0') {
            continue;
        }
        if (i > start + 3) {
            if (status->change_count == 0) {
                status->first_change = (alm_str){output.data + start + 3, i - start - 3};
            }
            status->change_count++;
        }
        start = i + 1;
    }
    status->clean = status->change_count == 0;
}

alm_err alm_git_read_status(const char *directory, alm_arena *arena, alm_git_status *out,
                            alm_error *error)
{
    alm_git_status status = {.clean = false};
    git_result result;
    const char *inside[] = {"git", "-C", directory, "rev-parse", "--is-inside-work-tree", NULL};
    ALM_TRY(run_git(inside, arena, &result, error));
    if (result.is_missing) {
        return fail_missing(error);
    }
    if (result.status != 0) {
        alm_str line = first_line(result.output);
        /* Every other failure (a folder of another owner, a broken repository) needs its text. */
        if (!memmem(line.data, line.size, "not a git repository", 20)) {
            return alm_fail(error, ALM_ERR_EXTERNAL, "git in %s: " ALM_STR_FMT, directory,
                            ALM_STR_ARG(line));
        }
        *out = status;
        return ALM_OK;
    }
    status.is_repository = true;
    const char *head[] = {"git", "-C", directory, "rev-parse", "--verify", "-q", "HEAD", NULL};
    ALM_TRY(run_git(head, arena, &result, error));
    if (result.status == 0) {
        status.commit = first_line(result.output);
    }
    const char *changes[] = {"git",
                             "-C",
                             directory,
                             "status",
                             "--porcelain=v1",
                             "-z",
                             "--untracked-files=all",
                             "--no-renames",
                             "--",
                             ".",
                             ":(exclude).almanac",
                             NULL};
    ALM_TRY(run_git(changes, arena, &result, error));
    if (result.status != 0) {
        return alm_fail(error, ALM_ERR_EXTERNAL, "git status in %s: " ALM_STR_FMT, directory,
                        ALM_STR_ARG(first_line(result.output)));
    }
    count_changes(result.output, &status);
    *out = status;
    return ALM_OK;
}

alm_err alm_git_require_clean(const char *directory, alm_arena *arena, alm_str *commit,
                              alm_error *error)
{
    alm_git_status status;
    ALM_TRY(alm_git_read_status(directory, arena, &status, error));
    if (!status.is_repository) {
        return alm_fail(error, ALM_ERR_DENIED,
                        "%s is in no git repository, so a result could not be traced to a commit; "
                        "git init and commit it, or use --experimental",
                        directory);
    }
    if (!status.commit.size) {
        return alm_fail(error, ALM_ERR_DENIED,
                        "the git repository of %s has no commit yet; commit the project, or use "
                        "--experimental",
                        directory);
    }
    if (!status.clean) {
        return alm_fail(error, ALM_ERR_DENIED,
                        "%s has %zu uncommitted change%s (first: " ALM_STR_FMT
                        "); commit them, or use --experimental, whose result can never be promoted",
                        directory, status.change_count, status.change_count == 1 ? "" : "s",
                        ALM_STR_ARG(status.first_change));
    }
    *commit = status.commit;
    return ALM_OK;
}

/* The value of a configuration key, or empty. */
static alm_str config_value(const char *directory, const char *key, alm_arena *arena)
{
    git_result result;
    const char *arguments[] = {"git", "-C", directory, "config", "--get", key, NULL};
    if (run_git(arguments, arena, &result, NULL) != ALM_OK || result.is_missing ||
        result.status != 0) {
        return (alm_str){"", 0};
    }
    return first_line(result.output);
}

alm_str alm_git_person(const char *directory, alm_arena *arena)
{
    alm_str name = config_value(directory, "user.name", arena);
    alm_str mail = config_value(directory, "user.email", arena);
    if (!name.size || !mail.size) {
        return name.size ? name : mail;
    }
    return alm_str_of(alm_arena_printf(arena, ALM_STR_FMT " <" ALM_STR_FMT ">", ALM_STR_ARG(name),
                                       ALM_STR_ARG(mail)));
}

alm_str alm_git_version(alm_arena *arena)
{
    git_result result;
    const char *arguments[] = {"git", "--version", NULL};
    if (run_git(arguments, arena, &result, NULL) != ALM_OK || result.is_missing ||
        result.status != 0) {
        return (alm_str){"", 0};
    }
    alm_str line = first_line(result.output);
    const char *prefix = "git version ";
    if (alm_str_starts_with(line, prefix)) {
        line.data += strlen(prefix);
        line.size -= strlen(prefix);
    }
    return line;
}
