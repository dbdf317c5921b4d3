#include "http/web_files.h"

const alm_web_file *alm_web_file_find(alm_str name)
{
    size_t low = 0;
    size_t high = alm_web_file_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = alm_str_compare(alm_str_of(alm_web_files[middle].name), name);
        if (order == 0) {
            return &alm_web_files[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}
