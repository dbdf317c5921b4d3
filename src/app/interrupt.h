/* interrupt.h: Ctrl-C as an ordinary error.
 *
 * The first SIGINT or SIGTERM only sets a flag. A file system that asks this flag before every
 * operation turns it into ALM_ERR_INTERRUPTED, so that the work unwinds and cleans up. Work that
 * does no file operation for GRACE_SECONDS, or a second signal, ends the process at once with the
 * same exit status: safe at any instant, since every store publishes all or nothing. */
#ifndef ALM_APP_INTERRUPT_H
#define ALM_APP_INTERRUPT_H

#include "base/fs.h"

void almi_interrupt_install(void);
bool almi_interrupted(void);
/* For a command that serves until it is told to stop: from here on a signal only sets the flag, and
 * files are written as before, so that what is at work ends in peace. A second one ends the process
 * at once. */
void almi_interrupt_be_patient(void);
/* What is said besides when a signal ends the command: a literal. */
void almi_interrupt_say(const char *text);
/* ALM_ERR_INTERRUPTED when a signal came. */
ALM_NODISCARD alm_err almi_interrupt_check(alm_error *error);

/* Wraps `inner` (owned from here on, destroyed with the wrapper). Releasing and removing go on
 * after a signal, because unwinding needs them. */
alm_fs *almi_interrupt_fs_create(alm_arena *arena, alm_fs *inner);

#endif
