/* Any bytes as a CSV file: either every record comes back with valid text, or one error. */
#include "table/csv.h"

#include "base/fs_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_records(alm_csv *csv, alm_error *error)
{
    const alm_str *fields = NULL;
    size_t count = 0;
    uint64_t records = 0;
    while (alm_csv_next(csv, &fields, &count, error) == ALM_OK) {
        if (count == 0) {
            (void)alm_csv_digest(csv);
            return;
        }
        alm_assert(alm_csv_record(csv) == ++records);
        for (size_t i = 0; i < count; i++) {
            alm_assert(alm_str_is_utf8(fields[i], NULL));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_fs *fs = NULL;
    alm_csv *csv = NULL;
    alm_error error = {0};
    alm_assert(alm_fs_memory_create(&fs, &error) == ALM_OK);
    alm_str text = {(const char *)data, size};
    alm_assert(alm_fs_write_all(fs, "t.csv", text, &error) == ALM_OK);
    if (alm_csv_open(fs, "t.csv", "t.csv", &csv, &error) == ALM_OK) {
        read_records(csv, &error);
    }
    alm_csv_close(csv);
    alm_fs_destroy(fs);
    return 0;
}
