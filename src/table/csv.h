/* csv.h: CSV files (plain or gzip) as records of text, exact about where a record stands.
 *
 * Dialect: RFC 4180: comma, double quotes doubled inside quotes, LF or CRLF, one header record,
 * UTF-8 with an optional byte order mark. Records are numbered from 1, the header not counted;
 * blank lines are no records. Own code, because the table engine (1.5) gives back fewer records
 * without an error when a quote is never closed and does not check the length and sum of a gzip
 * file; a sales file that was cut must never become a short one.
 *
 * A header of one column with semicolons, tabs or bars in it, lines that end with CR alone, UTF-16
 * and workbooks are refused by name, with what to do; and so is Parquet (ALM_ERR_UNSUPPORTED).
 *
 * Errors name file, record and column: ALM_ERR_NOT_FOUND, ALM_ERR_IO, ALM_ERR_CORRUPT (a gzip file
 * that is cut or damaged), ALM_ERR_INVALID (not UTF-8, quotes, no header). One reader belongs to
 * one thread at a time. */
#ifndef ALM_TABLE_CSV_H
#define ALM_TABLE_CSV_H

#include "base/fs.h"
#include "base/hash.h"

typedef struct alm_csv alm_csv;

/* `path` is what is opened, `name` (copied) is how messages call the file. Reads the header;
 * an empty file, an empty or a repeated column name is refused. */
ALM_NODISCARD alm_err alm_csv_open(alm_fs *fs, const char *path, const char *name, alm_csv **out,
                                   alm_error *error);
void alm_csv_close(alm_csv *csv); /* takes NULL */

const alm_str *alm_csv_header(const alm_csv *csv, size_t *count);

/* The next record; *count == 0 at the end of the file. It may have more or fewer fields than the
 * header. Fields are valid until the next call. An empty field, quoted or not, is empty text. */
ALM_NODISCARD alm_err alm_csv_next(alm_csv *csv, const alm_str **fields, size_t *count,
                                   alm_error *error);
uint64_t alm_csv_record(const alm_csv *csv); /* number of the record read last */
/* SHA-256 of the file's bytes as they are on disk; only after the end was reached. */
alm_digest alm_csv_digest(const alm_csv *csv);

/* Appends one field, quoted where it must be. */
void alm_csv_write(alm_buffer *out, alm_str field);

#endif
