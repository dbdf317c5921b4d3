#include "http/listen.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "http/head.h"

#define BACKLOG 1024

alm_err almi_listen(const char *address, uint16_t port, int *out, uint16_t *out_port,
                    alm_error *error)
{
    struct sockaddr_storage at;
    socklen_t size = almi_parse_address(address, port, &at);
    if (size == 0) {
        return alm_fail(error, ALM_ERR_CONFIG, "'%s' is no IPv4 or IPv6 address to listen at",
                        address);
    }
    int one = 1;
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        int reason = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return alm_fail(error, ALM_ERR_IO, "cannot listen at %s port %u: %s%s", address,
                        (unsigned)port, strerror(reason),
                        reason == EADDRINUSE ? "; another program does, choose another port" : "");
    }
    *out = fd;
    *out_port = ntohs(at.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&at)->sin_port
                                              : ((struct sockaddr_in6 *)(void *)&at)->sin6_port);
    return ALM_OK;
}

alm_err almi_listen_check(const alm_server_settings *s, alm_error *error)
{
    if (s->workers < 1 || s->workers > 256) {
        return alm_fail(error, ALM_ERR_CONFIG, "a server has 1 to 256 workers, not %d", s->workers);
    }
    if (s->connections_max == 0 || s->headers_max == 0 || s->request_seconds == 0 ||
        s->head_bytes_max < 1024) {
        return alm_fail(error, ALM_ERR_CONFIG, "a server needs at least one connection, header and "
                        "second, and 1024 bytes for a head");
    }
    if ((s->key.size > 0) != (s->certificate.size > 0)) {
        return alm_fail(error, ALM_ERR_CONFIG, "TLS needs both a certificate and its key");
    }
    return ALM_OK;
}
