/* audit_chain.c: reads the files of an audit record and checks its chain. */
#include "http/access/audit_internal.h"

#include <string.h>

#include "base/json.h"

#define HASH_KEY ",\"hash\":\""
/* ,"hash":"<64 digits>"} */
#define HASH_BYTES (sizeof HASH_KEY - 1 + ALM_DIGEST_TEXT_BYTES - 1 + 2)
/* Each byte of a text may be written as six, and a file begins with a line of another. */
#define LINE_BYTES_MAX (6 * 6 * ALM_AUDIT_TEXT_BYTES_MAX + 1024)
#define FILE_BYTES_MAX (ALM_AUDIT_FILE_BYTES + 2 * LINE_BYTES_MAX)

typedef struct chain_line {
    uint64_t seq;
    alm_digest previous;
    alm_digest hash;
} chain_line;

void almi_audit_state_deinit(almi_audit_state *state)
{
    alm_buffer_deinit(&state->line);
}

/* The number of "audit-000001.jsonl"; 0: the name of something else. */
static uint32_t number_of(const char *name)
{
    alm_str text = alm_str_of(name);
    int64_t number;
    if (text.size != 18 || !alm_str_starts_with(text, "audit-") ||
        memcmp(text.data + 12, ".jsonl", 6) != 0 ||
        !alm_str_to_i64((alm_str){text.data + 6, 6}, &number) || number < 1) {
        return 0;
    }
    return (uint32_t)number;
}

/* False: it is not a line of the form, or its hash is not its own. */
static bool read_line(alm_str text, chain_line *out)
{
    if (text.size <= HASH_BYTES || text.size > LINE_BYTES_MAX) {
        return false;
    }
    alm_str body = {text.data, text.size - HASH_BYTES};
    alm_str digits = {body.data + body.size + sizeof HASH_KEY - 1, ALM_DIGEST_TEXT_BYTES - 1};
    alm_digest computed = alm_hash_bytes(body.data, body.size);
    if (memcmp(body.data + body.size, HASH_KEY, sizeof HASH_KEY - 1) != 0 ||
        !alm_digest_parse(digits, &out->hash) || !alm_digest_equal(&out->hash, &computed)) {
        return false;
    }
    alm_json_document *document = NULL;
    if (alm_json_parse(text, "audit", &document, NULL) != ALM_OK) {
        return false;
    }
    const alm_json *root = alm_json_root(document);
    alm_str previous;
    int64_t seq;
    bool fine = alm_json_kind_of(root) == ALM_JSON_OBJECT &&
                alm_json_get_i64(root, "seq", &seq, NULL) == ALM_OK && seq >= 1 &&
                alm_json_get_str(root, "previous", &previous, NULL) == ALM_OK &&
                alm_digest_parse(previous, &out->previous);
    alm_json_document_destroy(document);
    out->seq = fine ? (uint64_t)seq : 0;
    return fine;
}

/* The first line of a file may be the last acknowledged one again: the last of the file before, or
 * the one before that, whose successor was in doubt when its file was left. */
static bool is_repeated(const almi_audit_state *state, const chain_line *line)
{
    return state->head.seq > 0 &&
           ((line->seq == state->head.seq && alm_digest_equal(&line->hash, &state->head.hash)) ||
            (line->seq + 1 == state->head.seq && alm_digest_equal(&line->hash, &state->previous)));
}

static alm_err take_line(almi_audit_state *state, alm_str text, bool is_first, alm_error *error)
{
    chain_line line;
    if (!read_line((alm_str){text.data, text.size - 1}, &line)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "is no record, or its hash is not of its text");
    }
    bool follows = line.seq == state->head.seq + 1 &&
                   alm_digest_equal(&line.previous, &state->head.hash);
    if (!follows && !(is_first && is_repeated(state, &line))) {
        return alm_fail(error, ALM_ERR_CORRUPT, "does not follow record %llu",
                        (unsigned long long)state->head.seq);
    }
    state->head = (alm_audit_head){line.seq, line.hash};
    state->previous = line.previous;
    alm_buffer_clear(&state->line);
    alm_buffer_str(&state->line, text);
    return alm_buffer_status(&state->line, error);
}

static alm_err read_file(alm_fs *fs, const char *path, almi_audit_state *state, alm_arena *arena,
                         alm_error *error)
{
    alm_str rest;
    ALM_TRY(alm_fs_read_all(fs, path, FILE_BYTES_MAX, arena, &rest, error));
    for (size_t number = 1; rest.size > 0; number++) {
        const char *end = memchr(rest.data, '\n', rest.size);
        if (!end) {
            break; /* half a line: never acknowledged */
        }
        alm_str line = {rest.data, (size_t)(end - rest.data) + 1};
        alm_err code = take_line(state, line, number == 1, error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "%s: line %zu", path, number);
        }
        rest.data += line.size;
        rest.size -= line.size;
    }
    return ALM_OK;
}

alm_err almi_audit_read(alm_fs *fs, const char *folder, almi_audit_state *state, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    alm_fs_entry *entries = NULL;
    size_t count = 0;
    alm_err code = fs->ops->list(fs, folder, arena, &entries, &count, error);
    for (size_t i = 0; code == ALM_OK && i < count; i++) { /* sorted, so in order of the number */
        uint32_t number = number_of(entries[i].name);
        if (number > 0) {
            state->file_number = number;
            alm_arena_reset(scratch);
            code = read_file(fs, alm_path_join(arena, folder, entries[i].name), state, scratch,
                             error);
        }
    }
    alm_arena_destroy(scratch);
    alm_arena_destroy(arena);
    return code;
}
