/* child_memory.h: children that do what a test says, for tests. */
#ifndef ALM_SERVE_CHILD_MEMORY_H
#define ALM_SERVE_CHILD_MEMORY_H

#include "serve/jobs/child.h"

#define ALM_CHILDREN_MEMORY_MAX 32

/* One that is asked to end does so with status 16, unless it is deaf; by force with signal 9.
 * Children are numbered from 0 in the order of their start. Thread safety: any thread. */
alm_children *alm_children_memory_create(void);

size_t alm_children_memory_count(alm_children *children); /* started */
/* "a b c" and "A=1 B=2": arguments and variables of a child, in the memory of `children`. */
const char *alm_children_memory_arguments(alm_children *children, size_t index);
const char *alm_children_memory_variables(alm_children *children, size_t index);
void alm_children_memory_refuse(alm_children *children, bool refuses); /* start fails */
void alm_children_memory_deaf(alm_children *children, size_t index);
void alm_children_memory_say(alm_children *children, size_t index, bool on_error, const char *text);
void alm_children_memory_exit(alm_children *children, size_t index, int status);
void alm_children_memory_die(alm_children *children, size_t index, int signal);
size_t alm_children_memory_open(alm_children *children); /* not closed yet */

#endif
