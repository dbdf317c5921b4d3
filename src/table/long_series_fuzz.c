/* Any bytes as a table of series: series on their grid, or one error. */
#include "table/long_series.h"

#include "base/fs_memory.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_series(const alm_long_series *all)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < all->count; i++) {
        const alm_long_one *one = &all->series[i];
        size_t known = 0;
        int64_t last = 0;
        for (size_t t = 0; t < one->count; t++) {
            alm_assert(!isinf(one->y[t]));
            known += isnan(one->y[t]) ? 0 : 1;
        }
        alm_assert(one->count >= 1 && known == one->known);
        alm_assert(alm_long_time(all, one, one->count - 1, &last));
        char text[ALM_INSTANT_TEXT_BYTES];
        alm_time_style style = all->style;
        int64_t again = 0;
        alm_time_write(&style, last, text);
        alm_assert(alm_time_read(&style, alm_str_of(text), &again));
        rows += one->count - one->gaps;
    }
    alm_assert(rows == all->facts.rows);
}

/* The same bytes as all files: rows behind the last value, plans, holidays. */
static void read_regressors(alm_fs *fs)
{
    static const alm_regressor_options OPTIONS[] = {
        {.in_advance = "a,b", .steps = 3},
        {.in_advance = "a", .observed = "b", .future = "t.csv", .holidays = "t.csv", .steps = 2},
        {.holidays = "t.csv"}};
    for (size_t i = 0; i < sizeof OPTIONS / sizeof OPTIONS[0]; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_long_options options = {.path = "t.csv", .zero_gaps = i == 1,
                                    .regressors = &OPTIONS[i]};
        alm_long_series all;
        alm_error error = {0};
        if (alm_long_read(fs, &options, arena, &all, &error) == ALM_OK) {
            size_t regressors = all.regressors->count;
            for (size_t k = 0; k < all.count; k++) {
                const alm_long_one *one = &all.series[k];
                alm_assert(one->count >= 1 && (one->known == 0 || !isnan(one->y[one->count - 1]) ||
                                               options.zero_gaps));
                for (size_t t = 0; t < regressors * (one->count + all.regressors->steps); t++) {
                    alm_assert(!isinf(one->x[t]));
                }
            }
        }
        alm_arena_destroy(arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_fs *fs = NULL;
    alm_error error = {0};
    alm_assert(alm_fs_memory_create(&fs, &error) == ALM_OK);
    alm_str text = {(const char *)data, size};
    alm_assert(alm_fs_write_all(fs, "t.csv", text, &error) == ALM_OK);
    for (int zero = 0; zero < 2; zero++) {
        alm_arena *arena = alm_arena_create(0);
        alm_long_options options = {.path = "t.csv", .zero_gaps = zero == 1};
        alm_long_series all;
        if (alm_long_read(fs, &options, arena, &all, &error) == ALM_OK) {
            check_series(&all);
        }
        alm_arena_destroy(arena);
    }
    read_regressors(fs);
    alm_fs_destroy(fs);
    return 0;
}
