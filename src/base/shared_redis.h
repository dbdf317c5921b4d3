/* shared_redis.h: the shared store in Redis (5 and newer; Valkey): GETRANGE and SET with EX.
 *
 * `care` opens the connections, signs in and chooses the database. Nothing is encrypted on the way:
 * a socket of the same machine, or a network that is trusted. The password is never in a message.
 * SIGPIPE must be ignored: a connection that the other side has closed is written to. */
#ifndef ALM_BASE_SHARED_REDIS_H
#define ALM_BASE_SHARED_REDIS_H

#include "base/shared_store.h"

#define ALM_REDIS_CONNECTIONS_MAX 256

typedef struct alm_redis_options { /* texts are copied */
    const char *socket; /* path of a Unix socket; NULL: host and port */
    const char *host;   /* a name or an address */
    uint16_t port;
    const char *user, *password; /* NULL: none; a user has a password */
    int32_t database;
    uint32_t lifetime_s;     /* of what is put, at least 1 */
    uint32_t call_ms;        /* of a call, at least 1 */
    uint32_t connecting_ms;  /* of connecting and signing in, each connection, at least 1 */
    size_t connections;      /* 1 to ALM_REDIS_CONNECTIONS_MAX: as many calls at a time */
} alm_redis_options;

/* Connects nothing yet. `env` is copied: its clock. ALM_ERR_MEMORY; ALM_ERR_INVALID: a text above
 * 1 KiB, or a bound above that is not kept. */
ALM_NODISCARD alm_err alm_shared_redis_create(const alm_redis_options *options, const alm_env *env,
                                              alm_shared_store **out, alm_error *error);

#endif
