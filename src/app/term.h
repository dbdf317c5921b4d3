/* term.h: what the output goes to: width, colour, whether a person is watching.
 *
 * Colour only on a terminal and never with NO_COLOR (https://no-color.org) or TERM=dumb. A width of
 * 0 means "not bounded": output that goes into a file is never cut, unless COLUMNS asks for it. */
#ifndef ALM_APP_TERM_H
#define ALM_APP_TERM_H

#include "base/str.h"

typedef struct almi_term {
    bool out_is_terminal;
    bool err_is_terminal;
    bool out_colour;
    bool err_colour;
    int width; /* columns of standard output; 0: not bounded */
    bool unicode; /* charts may be drawn with more than ASCII: the locale says UTF-8 */
} almi_term;

almi_term almi_term_detect(void);
/* Code points: good enough for the Latin names that tables hold. */
size_t almi_text_columns(alm_str text);

#endif
