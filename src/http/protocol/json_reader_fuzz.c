/* Any bytes through the reader and through base/json.h: both take the text, with the same numbers
 * and strings in the same order, or both refuse it. Three times: as it is; with blanks behind it,
 * because numbers are read in another way where many bytes follow; and with lists of numbers taken
 * at once, which does not tell integers. */
#include "http/protocol/json_reader.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAMES_MAX 256 /* keys of one object that are compared; more: skipped */
#define BLANKS 64

/* A list of what was read: doubles as bits, strings with their size. */
static void note_number(alm_buffer *out, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    alm_buffer_append(out, "#", 1);
    alm_buffer_u64(out, bits);
}

static void note_str(alm_buffer *out, char kind, alm_str text)
{
    alm_buffer_append(out, &kind, 1);
    alm_buffer_u64(out, text.size);
    alm_buffer_str(out, text);
}

/* What was read, in words. */
typedef struct noted {
    alm_buffer text;
    bool takes_lists;
} noted;

static void take_list(almi_json_reader *r, alm_buffer *out)
{
    double number[8];
    size_t taken = 0;
    do {
        taken = almi_json_take_numbers(r, number, sizeof number / sizeof *number);
        for (size_t i = 0; i < taken; i++) {
            note_number(out, number[i]);
        }
    } while (taken > 0);
}

static alm_err walk_reader(almi_json_reader *r, noted *n);

static alm_err walk_array(almi_json_reader *r, noted *n)
{
    bool more = false;
    alm_buffer *out = &n->text;
    alm_buffer_text(out, "[");
    ALM_TRY(almi_json_open(r, '[', NULL));
    for (;;) {
        if (n->takes_lists) {
            take_list(r, out);
        }
        ALM_TRY(almi_json_more(r, '[', &more, NULL));
        if (!more) {
            alm_buffer_text(out, "]");
            return ALM_OK;
        }
        ALM_TRY(walk_reader(r, n));
    }
}

static alm_err walk_object(almi_json_reader *r, noted *n)
{
    alm_str name[NAMES_MAX];
    bool more = false;
    alm_buffer *out = &n->text;
    alm_buffer_text(out, "{");
    ALM_TRY(almi_json_open(r, '{', NULL));
    for (size_t count = 0;; count++) {
        ALM_TRY(almi_json_more(r, '{', &more, NULL));
        if (!more) {
            alm_buffer_text(out, "}");
            return ALM_OK;
        }
        if (count == NAMES_MAX) {
            return ALM_ERR_LIMIT;
        }
        ALM_TRY(almi_json_read_key(r, &name[count], NULL));
        for (size_t i = 0; i < count; i++) {
            if (alm_str_equal(name[i], name[count])) {
                return ALM_ERR_INVALID;
            }
        }
        note_str(out, 'k', name[count]);
        ALM_TRY(walk_reader(r, n));
    }
}

static alm_err walk_reader(almi_json_reader *r, noted *n)
{
    double value = 0;
    alm_buffer *out = &n->text;
    alm_str text;
    bool is_integer = false;
    int64_t integer = 0;
    switch (almi_json_next_kind(r)) {
    case ALM_JSON_ARRAY:
        return walk_array(r, n);
    case ALM_JSON_OBJECT:
        return walk_object(r, n);
    case ALM_JSON_STRING:
        ALM_TRY(almi_json_read_str(r, &text, NULL));
        note_str(out, 's', text);
        return ALM_OK;
    case ALM_JSON_DOUBLE:
        ALM_TRY(almi_json_read_number(r, &value, &is_integer, &integer, NULL));
        alm_buffer_text(out, n->takes_lists ? "" : is_integer ? "i" : "d");
        alm_assert(!is_integer || value == (double)integer);
        note_number(out, value);
        return ALM_OK;
    default:
        ALM_TRY(almi_json_read_cell(r, &value, NULL)); /* null, true, false */
        alm_buffer_text(out, isnan(value) ? "n" : value != 0 ? "t" : "f");
        return ALM_OK;
    }
}

static void walk_tree(const alm_json *value, noted *n)
{
    double number = 0;
    alm_buffer *out = &n->text;
    alm_str text;
    bool flag = false, is_object = alm_json_kind_of(value) == ALM_JSON_OBJECT;
    switch (alm_json_kind_of(value)) {
    case ALM_JSON_ARRAY:
    case ALM_JSON_OBJECT:
        alm_buffer_text(out, is_object ? "{" : "[");
        for (size_t i = 0; i < alm_json_count(value); i++) {
            const alm_json *item = is_object ? alm_json_member_at(value, i, &text)
                                             : alm_json_at(value, i);
            if (is_object) {
                note_str(out, 'k', text);
            }
            walk_tree(item, n);
        }
        alm_buffer_text(out, is_object ? "}" : "]");
        break;
    case ALM_JSON_STRING:
        alm_assert(alm_json_as_str(value, &text));
        note_str(out, 's', text);
        break;
    case ALM_JSON_INTEGER:
    case ALM_JSON_DOUBLE:
        alm_assert(alm_json_as_double(value, &number));
        alm_buffer_text(out, n->takes_lists                                  ? ""
                             : alm_json_kind_of(value) == ALM_JSON_INTEGER ? "i"
                                                                           : "d");
        note_number(out, number);
        break;
    case ALM_JSON_BOOL:
        alm_assert(alm_json_as_bool(value, &flag));
        alm_buffer_text(out, flag ? "t" : "f");
        break;
    case ALM_JSON_NULL:
        alm_buffer_text(out, "n");
        break;
    }
}

/* Skipping takes at least what is valid, and ends at the same place. */
static void check_skip(alm_str text, alm_arena *arena, const char *end)
{
    almi_json_reader r = almi_json_reader_on(text, "fuzz", arena);
    alm_str whole;
    alm_assert(almi_json_skip(&r, &whole, NULL) == ALM_OK);
    alm_assert(r.at == end);
}

static void compare(alm_str text, bool takes_lists, alm_arena *arena)
{
    almi_json_reader r = almi_json_reader_on(text, "fuzz", arena);
    noted mine = {.takes_lists = takes_lists}, theirs = mine;
    alm_json_document *document = NULL;
    alm_err code = walk_reader(&r, &mine);
    const char *end = r.at;
    code = code == ALM_OK ? almi_json_finish(&r, NULL) : code;
    if (code != ALM_ERR_LIMIT) {
        alm_err tree = alm_json_parse(text, "fuzz", &document, NULL);
        alm_assert((code == ALM_OK) == (tree == ALM_OK));
    }
    if (document) {
        walk_tree(alm_json_root(document), &theirs);
        alm_assert(alm_str_equal(alm_buffer_view(&mine.text), alm_buffer_view(&theirs.text)));
        check_skip(text, arena, end);
    }
    alm_json_document_destroy(document);
    alm_buffer_deinit(&mine.text);
    alm_buffer_deinit(&theirs.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_arena *arena = alm_arena_create(0);
    alm_str text = {alm_arena_copy_text(arena, (const char *)data, size), size};
    char *longer = alm_arena_alloc(arena, size + BLANKS + 1);
    memcpy(longer, text.data, size);
    memset(longer + size, ' ', BLANKS);
    alm_str with_blanks = {longer, size + BLANKS};
    compare(text, false, arena);
    compare(with_blanks, false, arena);
    compare(with_blanks, true, arena);
    alm_arena_destroy(arena);
    return 0;
}
