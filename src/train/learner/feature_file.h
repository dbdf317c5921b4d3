/* feature_file.h: the feature rows of one training set on scratch disk.
 *
 * Where sources are restated, the features of an origin come from a panel of its own, so the rows
 * are made origin by origin; LightGBM asks for them twice, series by series. They are written once
 * and read as often as needed. The series are cut into PARTS ranges with a file each, of which one
 * is in memory while reading: about 1.5 percent of the matrix. Scratch data: native layout, never
 * kept, never hashed. One thread. */
#ifndef ALM_TRAIN_FEATURE_FILE_H
#define ALM_TRAIN_FEATURE_FILE_H

#include "base/fs.h"

typedef struct alm_feature_file alm_feature_file;

/* In `folder`, where no other is open. */
ALM_NODISCARD alm_err alm_feature_file_open(alm_fs *fs, const char *folder, size_t series_count,
                                            size_t width, alm_feature_file **out,
                                            alm_error *error);
void alm_feature_file_close(alm_feature_file *file); /* takes NULL; removes what was written */

/* `values`: count x width, of one series. *slot: number of the first one, to read it by; those of
 * the others follow. Fastest with series in order. */
ALM_NODISCARD alm_err alm_feature_file_append(alm_feature_file *file, size_t series,
                                              const double *values, size_t count, uint32_t *slot,
                                              alm_error *error);
/* After the last append, before the first read. */
ALM_NODISCARD alm_err alm_feature_file_finish(alm_feature_file *file, alm_error *error);
/* One row, `width` values. Fastest with series in order. */
ALM_NODISCARD alm_err alm_feature_file_read(alm_feature_file *file, size_t series, uint32_t slot,
                                            double *out, alm_error *error);

#endif
