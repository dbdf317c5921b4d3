/* Any bytes as kinds.json: a table that is written as it is read, or one error. */
#include "pipeline/series/kind_table.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_kind_table table = {0};
    alm_kind_table again = {0};
    alm_error error = {0};
    alm_err code = alm_kind_table_read((alm_str){(const char *)data, size}, "kinds.json", &table,
                                       &error);
    alm_assert((code == ALM_OK) == table.given);
    if (code != ALM_OK) {
        alm_assert(error.message[0] != '\0');
        return 0;
    }
    alm_buffer text = {0};
    alm_kind_table_write(&table, &text);
    alm_assert(alm_kind_table_read(alm_buffer_view(&text), "kinds.json", &again, &error) == ALM_OK);
    alm_assert(memcmp(table.kind, again.kind, sizeof table.kind) == 0);
    alm_buffer_deinit(&text);
    return 0;
}
