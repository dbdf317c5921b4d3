/* listen.h: the listening socket of the server; internal to it. */
#ifndef ALM_HTTP_LISTEN_H
#define ALM_HTTP_LISTEN_H

#include "http/server.h"

/* A socket that listens at an IPv4 or IPv6 address, and its port (of 0: the one that was free).
 * ALM_ERR_CONFIG: no address; ALM_ERR_IO: it cannot be used, with the reason. */
ALM_NODISCARD alm_err almi_listen(const char *address, uint16_t port, int *out, uint16_t *out_port,
                                  alm_error *error);

/* Are these settings that a server can run with? ALM_ERR_CONFIG. */
ALM_NODISCARD alm_err almi_listen_check(const alm_server_settings *settings, alm_error *error);

#endif
