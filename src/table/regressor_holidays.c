#include "table/regressor_holidays.h"

#include <stdlib.h>

#include "table/csv.h"
#include "table/long_regressors.h"

#define ROWS_START ((size_t)64)

/* ---- reading ---- */

static size_t called_one_of(const alm_str *header, size_t count, const char *const *names,
                            size_t otherwise)
{
    for (; *names; names++) {
        for (size_t i = 0; i < count; i++) {
            if (alm_str_is(header[i], *names)) {
                return i;
            }
        }
    }
    return otherwise;
}

static alm_err find_name(almi_holidays *h, const alm_csv *csv, alm_str name, alm_arena *arena,
                         size_t *out, alm_error *error)
{
    size_t i = 0;
    while (i < h->name_count && !alm_str_equal(h->name[i], name)) {
        i++;
    }
    if (i == ALM_LONG_REGRESSORS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu: more than %d names of holidays: "
                        "give those that are alike one name", h->file,
                        (unsigned long long)alm_csv_record(csv), ALM_LONG_REGRESSORS_MAX);
    }
    if (i == h->name_count) {
        h->name[h->name_count++] =
            (alm_str){alm_arena_copy_text(arena, name.data, name.size), name.size};
    }
    *out = i;
    return ALM_OK;
}

static alm_err add(almi_holidays *h, almi_holiday one, alm_error *error)
{
    if (h->count == h->capacity) {
        size_t to = h->capacity ? 2 * h->capacity : ROWS_START;
        void *grown = NULL;
        ALM_TRY(alm_heap_try_resize(h->holiday, h->capacity * sizeof one, to * sizeof one, &grown,
                                    error));
        h->holiday = grown;
        h->capacity = to;
    }
    h->holiday[h->count++] = one;
    return ALM_OK;
}

static alm_err take(almi_holidays *h, const alm_csv *csv, const alm_str day_and_name[2],
                    alm_arena *arena, alm_error *error)
{
    alm_time_style style;
    int64_t time = 0;
    almi_holiday one = {0};
    alm_str day = alm_str_trim(day_and_name[0]);
    alm_str name = alm_str_trim(day_and_name[1]);
    if (!alm_time_style_of(day, &style) || style.form == ALM_TIME_INDEX ||
        !alm_time_read(&style, day, &time) || name.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu: a holiday is a day and a name, as "
                        "in 2024-12-25,Christmas Day", h->file,
                        (unsigned long long)alm_csv_record(csv));
    }
    one.day = alm_time_day(time, NULL);
    ALM_TRY(find_name(h, csv, name, arena, &one.name, error));
    return add(h, one, error);
}

static int compare(const void *a, const void *b)
{
    const almi_holiday *x = a;
    const almi_holiday *y = b;
    return x->day != y->day ? (x->day > y->day) - (x->day < y->day)
                            : (x->name > y->name) - (x->name < y->name);
}

static alm_err read_rows(almi_holidays *h, alm_csv *csv, alm_arena *arena, alm_error *error)
{
    static const char *const DAYS[] = {"ds", "date", "day", NULL};
    static const char *const NAMES[] = {"holiday", "name", "event", NULL};
    size_t header = 0;
    size_t count = 0;
    const alm_str *fields = NULL;
    const alm_str *title = alm_csv_header(csv, &header);
    size_t day = called_one_of(title, header, DAYS, 0);
    size_t name = called_one_of(title, header, NAMES, 1);
    h->name = ALM_NEW_ARRAY(arena, alm_str, ALM_LONG_REGRESSORS_MAX);
    for (;;) {
        ALM_TRY(alm_csv_next(csv, &fields, &count, error));
        if (count == 0) {
            break;
        }
        if (count != header || header < 2 || day == name) {
            return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu: holidays are two columns, the "
                            "day and the name, as in ds,holiday", h->file,
                            (unsigned long long)alm_csv_record(csv));
        }
        ALM_TRY(take(h, csv, (const alm_str[]){fields[day], fields[name]}, arena, error));
    }
    if (h->count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "%s has a header and no holidays", h->file);
    }
    qsort(h->holiday, h->count, sizeof(almi_holiday), compare);
    return ALM_OK;
}

alm_err almi_holidays_read(alm_fs *fs, const char *path, alm_arena *arena, almi_holidays *out,
                           alm_error *error)
{
    alm_csv *csv = NULL;
    *out = (almi_holidays){.file = path};
    ALM_TRY(alm_csv_open(fs, path, path, &csv, error));
    alm_err code = read_rows(out, csv, arena, error);
    alm_csv_close(csv);
    return code;
}

void almi_holidays_free(almi_holidays *h)
{
    alm_heap_free(h->holiday);
}

/* ---- asking ---- */

alm_err almi_holidays_check_grid(const almi_holidays *h, const alm_frequency *f, alm_error *error)
{
    bool is_within_a_day = f->period >= ALM_PERIOD_MICROSECOND && f->period < ALM_PERIOD_DAY;
    bool is_a_day = (f->period == ALM_PERIOD_DAY || f->period == ALM_PERIOD_BUSINESS_DAY) &&
                    f->every == 1;
    if (is_within_a_day || is_a_day) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_INVALID, "%s: holidays are of days, and a period of this file "
                    "is none or longer: count them in a column by period, and name it as a "
                    "regressor", h->file);
}

alm_err almi_holidays_check_years(const almi_holidays *h, alm_date first, alm_date last,
                                  alm_error *error)
{
    int begins = alm_date_civil(h->holiday[0].day).year;
    int ends = alm_date_civil(h->holiday[h->count - 1].day).year;
    int from = alm_date_civil(first).year;
    int to = alm_date_civil(last).year;
    if (from < begins) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: the holidays begin in %d, and a series begins "
                        "in %d: add those of the years before, or cut the file", h->file, begins,
                        from);
    }
    if (to > ends) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: the holidays end in %d, and forecasts go to "
                        "%d: add those of the years behind, or look less far ahead", h->file, ends,
                        to);
    }
    return ALM_OK;
}

double almi_holidays_on(const almi_holidays *h, size_t from, alm_date day, size_t name)
{
    for (size_t i = from; i < h->count && h->holiday[i].day == day; i++) {
        if (h->holiday[i].name == name) {
            return 1;
        }
    }
    return 0;
}
