/* audit_internal.h: the state of an audit record's chain, between its writer and its reader. */
#ifndef ALM_HTTP_ACCESS_AUDIT_INTERNAL_H
#define ALM_HTTP_ACCESS_AUDIT_INTERNAL_H

#include "http/access/audit.h"

#define ALMI_AUDIT_NAME_FORMAT "audit-%06u.jsonl"

typedef struct almi_audit_state {
    alm_audit_head head;
    alm_digest previous;  /* hash of the line before the head's */
    alm_buffer line;      /* the head's, with its line break; empty: there is none */
    uint32_t file_number; /* the largest that is there; 0: none */
} almi_audit_state;

/* `state` is all zero at the start. */
ALM_NODISCARD alm_err almi_audit_read(alm_fs *fs, const char *folder, almi_audit_state *state,
                                      alm_error *error);
void almi_audit_state_deinit(almi_audit_state *state);

#endif
