/* git.h: what git says about the project folder, through the `git` command.
 *
 * Training records a commit, so it must know the commit and that nothing differs from it. The
 * command runs without a shell, without the caller's GIT_DIR and with bounded output; the state
 * folder (.almanac) never counts as a change. Results lie in `arena`. */
#ifndef ALM_PROJECT_GIT_H
#define ALM_PROJECT_GIT_H

#include "base/str.h"

typedef struct alm_git_status {
    bool is_repository;   /* false: the folder is in none; the rest is empty then */
    alm_str commit;       /* 40 or 64 hexadecimal digits; empty before the first commit */
    bool clean;           /* nothing below the folder differs from the commit */
    alm_str first_change; /* path of the first difference; empty when clean */
    size_t change_count;  /* at least; counting stops when the output's bound is reached */
} alm_git_status;

/* ALM_ERR_EXTERNAL when git is not installed (the message says so) or fails. */
ALM_NODISCARD alm_err alm_git_read_status(const char *directory, alm_arena *arena,
                                          alm_git_status *out, alm_error *error);

/* ALM_OK with the commit when the folder is committed and clean; ALM_ERR_DENIED names the first
 * change, or that there is no repository or commit, and the remedy. */
ALM_NODISCARD alm_err alm_git_require_clean(const char *directory, alm_arena *arena,
                                            alm_str *commit, alm_error *error);

/* "Name <mail>" from git's configuration; empty when there is none or no git. */
alm_str alm_git_person(const char *directory, alm_arena *arena);

/* "2.39.5"; empty when git is not installed. */
alm_str alm_git_version(alm_arena *arena);

#endif
