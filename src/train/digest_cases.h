/* digest_cases.h: what a test program says on a CPU with less, for the tests of this folder. */
#ifndef ALM_TRAIN_DIGEST_CASES_H
#define ALM_TRAIN_DIGEST_CASES_H

#include "base/hash.h"

#include <spawn.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* This program, called `program`, again with the argument `digest`: 64 characters from its standard
 * output, as it is where the C library knows no CPU features.
 * posix_spawn: a fork that trains would hang in OpenMP. */
static inline void digest_without(const char *program, char out[ALM_DIGEST_TEXT_BYTES])
{
    static const char TUNABLES[] =
        "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F,-AVX512VL,-AVX";
    char *arguments[] = {(char *)program, (char *)"digest", NULL};
    char *environment[64] = {(char *)TUNABLES};
    size_t count = 1;
    for (char **entry = environ; *entry != NULL && count < 63; entry++) {
        if (strncmp(*entry, "GLIBC_TUNABLES=", 15) != 0) {
            environment[count++] = *entry;
        }
    }
    int ends[2], status = 0;
    pid_t child = 0;
    posix_spawn_file_actions_t actions;
    alm_assert(pipe(ends) == 0);
    alm_assert(posix_spawn_file_actions_init(&actions) == 0);
    alm_assert(posix_spawn_file_actions_adddup2(&actions, ends[1], 1) == 0);
    alm_assert(posix_spawn_file_actions_addclose(&actions, ends[0]) == 0);
    int spawned = posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environment);
    alm_assert(spawned == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    size_t got = 0;
    ssize_t part = 0;
    while (got < 64 && (part = read(ends[0], out + got, 64 - got)) > 0) {
        got += (size_t)part;
    }
    out[got] = '\0';
    close(ends[0]);
    alm_assert(waitpid(child, &status, 0) == child);
    alm_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
