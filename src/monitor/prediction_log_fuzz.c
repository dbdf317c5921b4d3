/* Any bytes as a line of the prediction log: one error, or a record that is written and read again
 * to the same bytes. */
#include "monitor/prediction_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_arena *arena = alm_arena_create(0);
    alm_prediction_record record, again;
    alm_buffer first = {0}, second = {0};
    if (alm_prediction_read((alm_str){(const char *)data, size}, arena, &record, NULL) == ALM_OK) {
        alm_assert(alm_prediction_write(&record, &first, NULL) == ALM_OK);
        alm_assert(alm_prediction_read(alm_buffer_view(&first), arena, &again, NULL) == ALM_OK);
        alm_assert(alm_prediction_write(&again, &second, NULL) == ALM_OK);
        alm_assert(alm_str_equal(alm_buffer_view(&first), alm_buffer_view(&second)));
        (void)alm_prediction_is_sampled(record.request_id, 0.5);
    }
    alm_buffer_deinit(&first);
    alm_buffer_deinit(&second);
    alm_arena_destroy(arena);
    return 0;
}
