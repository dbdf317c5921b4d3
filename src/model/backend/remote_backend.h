/* remote_backend.h: a model that a server answers for, over HTTP.
 *
 * remote_spec.h is what a document says of it, remote_protocol.h how it is asked. A call sends all
 * rows of a batch in one request and ends by the document's deadline, retries and pauses included.
 * Only what cannot have done harm twice is tried again: no connection, 502, 503, 504, and 429 with
 * a Retry-After that still fits; remote_breaker.h bounds how often, and stops asking a server that
 * fails. Redirects are not followed, no proxy is used, certificates are always verified.
 *
 * A message names the model and the URL. A token is read for each call, from the variable or file
 * that the document names, and never stands in a message, also when a server echoes it.
 *
 * What it answers is not covered by any hash of ours. */
#ifndef ALM_MODEL_BACKEND_REMOTE_BACKEND_H
#define ALM_MODEL_BACKEND_REMOTE_BACKEND_H

#include "base/env.h"
#include "model/backend/backend.h"
#include "model/backend/remote_spec.h"

typedef struct alm_remote_options {
    const alm_remote_spec *spec; /* copied */
    size_t columns;
    size_t steps; /* of windows; 0: rows */
} alm_remote_options;

/* Asks nothing yet. `env` (http, now, variable, fs) is borrowed until destroy. ALM_ERR_UNSUPPORTED:
 * it has no network; errors of alm_http's `start`. */
ALM_NODISCARD alm_err alm_remote_backend_open(const alm_env *env,
                                              const alm_remote_options *options,
                                              alm_backend **out, alm_error *error);

#endif
