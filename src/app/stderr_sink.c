#include "app/stderr_sink.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static alm_err write_lines(alm_line_sink *sink, alm_str lines, alm_error *error)
{
    (void)sink;
    while (lines.size > 0) {
        ssize_t written = write(STDERR_FILENO, lines.data, lines.size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return alm_fail(error, ALM_ERR_IO, "standard error: %s", strerror(errno));
        }
        lines.data += written;
        lines.size -= (size_t)written;
    }
    return ALM_OK;
}

static alm_err sync_nothing(alm_line_sink *sink, alm_error *error)
{
    (void)sink;
    (void)error;
    return ALM_OK; /* whoever reads it keeps it */
}

alm_line_sink *almi_stderr_sink(alm_arena *arena)
{
    static const alm_line_sink_ops ops = {.name = "standard error",
                                          .write = write_lines,
                                          .sync = sync_nothing,
                                          .close = sync_nothing};
    alm_line_sink *made = ALM_NEW(arena, alm_line_sink);
    made->ops = &ops;
    return made;
}
