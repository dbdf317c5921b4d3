/* web_files.h: the dashboard, as it lies in web/, inside the program. The table is written by
 * cmake/web_files.cmake; nothing is read from a disk at run time. */
#ifndef ALM_HTTP_WEB_FILES_H
#define ALM_HTTP_WEB_FILES_H

#include <stddef.h>

#include "base/str.h"

typedef struct alm_web_file {
    const char *name; /* "index.html": no folder */
    const char *content_type;
    const char *etag; /* W/"..", by content: a reply may be compressed, so it is a weak one */
    const unsigned char *bytes;
    size_t size;
} alm_web_file;

/* Sorted by name. */
extern const alm_web_file alm_web_files[];
extern const size_t alm_web_file_count;

/* NULL: there is none of this name. */
const alm_web_file *alm_web_file_find(alm_str name);

#endif
