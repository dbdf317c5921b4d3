/* mlflow_folder.h: where the model file of an MLflow model folder is.
 *
 * Such a folder has a file `MLmodel` (YAML) whose `flavors` say how each library loads the model;
 * here only which file that is: `flavors.lightgbm.data` and the like. The code, pickles and
 * environments beside it are never touched. The text is untrusted: the path must stay inside the
 * folder, through no link, and end at a file. */
#ifndef ALM_MODEL_MLFLOW_FOLDER_H
#define ALM_MODEL_MLFLOW_FOLDER_H

#include "base/fs.h"

typedef struct alm_mlflow_folder {
    const char *flavour; /* "lightgbm", "xgboost", "catboost" or "onnx" */
    const char *data;    /* path of its file below the folder, in the arena */
} alm_mlflow_folder;

/* `path` is opened, `name` goes into messages. ALM_ERR_NOT_FOUND: no MLmodel, or no such file;
 * ALM_ERR_CORRUPT: not such a file, or a path that leaves the folder; ALM_ERR_UNSUPPORTED: none of
 * these flavours (those that are there are named). */
ALM_NODISCARD alm_err alm_mlflow_folder_read(alm_fs *fs, const char *path, const char *name,
                                             alm_arena *arena, alm_mlflow_folder *out,
                                             alm_error *error);
/* The same from the text of MLmodel, without looking whether the file is there. */
ALM_NODISCARD alm_err alm_mlflow_folder_parse(alm_str text, const char *name, alm_arena *arena,
                                              alm_mlflow_folder *out, alm_error *error);

#endif
