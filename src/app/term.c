#include "app/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Narrower than this no table is readable, so a smaller COLUMNS is taken for a mistake. */
#define WIDTH_MIN 20

static int detect_width(bool out_is_terminal)
{
    int64_t columns = 0;
    if (alm_str_to_i64(alm_str_of(getenv("COLUMNS")), &columns) && columns >= WIDTH_MIN &&
        columns <= 10000) {
        return (int)columns;
    }
    struct winsize size;
    if (out_is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
        size.ws_col >= WIDTH_MIN) {
        return size.ws_col;
    }
    return out_is_terminal ? 80 : 0;
}

/* As the C library would, but without asking it: no result depends on a locale. */
static bool detect_unicode(const char *kind)
{
    static const char *const NAMES[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *locale = NULL;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0] && (!locale || !locale[0]); i++) {
        locale = getenv(NAMES[i]);
    }
    return locale && (strcasestr(locale, "utf-8") || strcasestr(locale, "utf8")) &&
           (!kind || strcmp(kind, "dumb") != 0);
}

almi_term almi_term_detect(void)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    bool colour = (!no_colour || !no_colour[0]) && kind && strcmp(kind, "dumb") != 0;
    almi_term term = {.out_is_terminal = isatty(STDOUT_FILENO) == 1,
                      .err_is_terminal = isatty(STDERR_FILENO) == 1};
    term.out_colour = colour && term.out_is_terminal;
    term.err_colour = colour && term.err_is_terminal;
    term.width = detect_width(term.out_is_terminal);
    term.unicode = detect_unicode(kind);
    return term;
}

size_t almi_text_columns(alm_str text)
{
    size_t columns = 0;
    for (size_t i = 0; i < text.size; i++) {
        columns += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    }
    return columns;
}
