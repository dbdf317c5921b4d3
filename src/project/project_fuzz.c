/* Any bytes as almanac.yaml: a project, or one message that names a place in the file. */
#include "project/project.h"

#include "base/fs_memory.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_fs *fs = NULL;
    alm_project *project = NULL;
    alm_error error = {0};
    alm_assert(alm_fs_memory_create(&fs, &error) == ALM_OK);
    alm_str text = {(const char *)data, size};
    alm_assert(alm_fs_write_all(fs, "almanac.yaml", text, &error) == ALM_OK);
    alm_env env = {.fs = fs};
    alm_err code = alm_project_open(&env, ".", &project, &error);
    alm_assert((code == ALM_OK) == (project != NULL));
    alm_assert(code == ALM_OK || error.message[0] != '\0');
    alm_assert(!memchr(error.message, '\n', strlen(error.message)));
    alm_project_close(project);
    alm_fs_destroy(fs);
    return 0;
}
