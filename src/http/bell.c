#include "http/bell.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

alm_err almi_bell_open(almi_bell *out, alm_error *error)
{
    atomic_init(&out->lifted, 0);
    out->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return out->fd >= 0 ? ALM_OK
                        : alm_fail(error, ALM_ERR_IO, "the server's loop: %s", strerror(errno));
}

void almi_bell_lift(almi_bell *bell)
{
    atomic_fetch_add(&bell->lifted, 1);
}

void almi_bell_ring(almi_bell *bell)
{
    /* It fails only when it has rung 2^64 - 2 times and nobody looked: then it is heard anyway. */
    ssize_t written = write(bell->fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)written;
    atomic_fetch_sub(&bell->lifted, 1);
}

void almi_bell_wait(almi_bell *bell, int other, int limit_ms)
{
    struct pollfd sources[] = {{.fd = bell->fd, .events = POLLIN}, {.fd = other, .events = POLLIN}};
    uint64_t times;
    if (poll(sources, 2, limit_ms) > 0 && sources[0].revents) {
        ssize_t got = read(bell->fd, &times, sizeof times);
        (void)got;
    }
}

void almi_bell_close(almi_bell *bell)
{
    while (atomic_load(&bell->lifted) > 0) {
        (void)sched_yield();
    }
    if (bell->fd >= 0) {
        (void)close(bell->fd);
        bell->fd = -1;
    }
}
