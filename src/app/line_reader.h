/* line_reader.h: a file line by line, however large it is. */
#ifndef ALM_APP_LINE_READER_H
#define ALM_APP_LINE_READER_H

#include "base/fs.h"

typedef struct almi_line_reader {
    alm_fs *fs; /* borrowed */
    alm_file *file;
    size_t limit_bytes; /* of a line */
    char *piece; /* what is read at a time */
    alm_buffer bytes;
    size_t at;      /* of the next line in `bytes` */
    uint64_t lines; /* given so far */
    bool at_end;    /* of the file */
    bool is_torn;   /* what stood at the end had no line break, and was not given */
} almi_line_reader;

ALM_NODISCARD alm_err almi_line_reader_open(alm_fs *fs, const char *path, size_t limit_bytes,
                                            almi_line_reader *out, alm_error *error);
/* The next line without its line break, good until the next call; *found false: there is none.
 * ALM_ERR_LIMIT: a line is too long; ALM_ERR_IO. */
ALM_NODISCARD alm_err almi_line_reader_next(almi_line_reader *r, alm_str *line, bool *found,
                                            alm_error *error);
void almi_line_reader_close(almi_line_reader *reader); /* takes one that was not opened */

#endif
