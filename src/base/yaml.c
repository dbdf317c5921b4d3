/* yaml.c: libyaml's event stream to a tree of nodes with places; the only file that includes yaml.h
 * of libyaml.
 *
 * Events rather than libyaml's document tree, because only events tell a tag or an anchor from its
 * absence, and because refusing aliases and deep nesting while reading bounds the work. */
#include "base/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

enum { DEPTH_MAX = 64 };

typedef struct reader {
    yaml_parser_t parser;
    alm_str text;
    const char *file;
    alm_arena *arena;
    alm_error *error;
} reader;

/* ---- failures ---- */

static alm_err fail_at(const reader *from, size_t line, size_t column, const char *message) {
    return alm_fail(from->error, ALM_ERR_CONFIG, "%s:%zu:%zu: %s", from->file, line + 1, column + 1,
                    message);
}

static alm_err fail_at_mark(const reader *from, yaml_mark_t mark, const char *message) {
    return fail_at(from, mark.line, mark.column, message);
}

/* libyaml gives the byte offset only when the encoding is wrong. */
static alm_err fail_at_offset(const reader *from, size_t offset, const char *message) {
    size_t line = 0;
    size_t line_start = 0;
    for (size_t i = 0; i < offset && i < from->text.size; i++) {
        if (from->text.data[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    return fail_at(from, line, offset - line_start, message);
}

static bool has_tab_at(const reader *from, yaml_mark_t mark) {
    return mark.index < from->text.size && from->text.data[mark.index] == '\t';
}

static alm_err parser_failure(const reader *from) {
    const yaml_parser_t *parser = &from->parser;
    const char *problem = parser->problem ? parser->problem : "not valid YAML";
    if (parser->error == YAML_MEMORY_ERROR) {
        return alm_fail(from->error, ALM_ERR_MEMORY, "%s: out of memory while parsing YAML",
                        from->file);
    }
    if (parser->error == YAML_READER_ERROR) {
        return fail_at_offset(from, parser->problem_offset, problem);
    }
    if (has_tab_at(from, parser->problem_mark)) {
        problem = "a tab where YAML needs blanks; indent with blanks only";
    }
    const char *context = parser->context;
    if (!context) {
        return fail_at_mark(from, parser->problem_mark, problem);
    }
    return alm_fail(from->error, ALM_ERR_CONFIG, "%s:%zu:%zu: %s, %s that starts on line %zu",
                    from->file, parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                    problem, context, parser->context_mark.line + 1);
}

static alm_err next_event(reader *from, yaml_event_t *event) {
    return yaml_parser_parse(&from->parser, event) ? ALM_OK : parser_failure(from);
}

/* ---- nodes ---- */

static alm_err copy_text(const reader *from, const yaml_char_t *text, size_t size, alm_str *out) {
    void *copy;
    ALM_TRY(alm_arena_try_alloc(from->arena, size + 1, &copy, from->error));
    char *bytes = copy;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)text[i];
    }
    bytes[size] = '\0';
    *out = (alm_str){bytes, size};
    return ALM_OK;
}

/* Anchors and tags are the parts of YAML that make a file mean something else than it shows. */
static alm_err refuse_decoration(const reader *from, const yaml_event_t *event) {
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return fail_at_mark(from, event->start_mark, "aliases (*name) are not supported; repeat "
                                                     "the value");
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor) {
        return fail_at_mark(from, event->start_mark, "anchors (&name) are not supported; repeat "
                                                     "the value");
    }
    if (tag) {
        return fail_at_mark(from, event->start_mark,
                            "tags (!name) are not supported; write the plain value");
    }
    return ALM_OK;
}

static alm_err read_children(reader *from, int depth, alm_yaml *node);

static alm_err read_scalar(const reader *from, const yaml_event_t *event, alm_yaml *node) {
    node->kind = ALM_YAML_SCALAR;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return copy_text(from, event->data.scalar.value, event->data.scalar.length, &node->scalar);
}

/* Fills `node` from an event that starts a value; its key is set by the caller. */
static alm_err read_value(reader *from, const yaml_event_t *event, int depth, alm_yaml *node) {
    ALM_TRY(refuse_decoration(from, event));
    node->line = (int)event->start_mark.line + 1;
    node->column = (int)event->start_mark.column + 1;
    node->file = from->file;
    if (event->type == YAML_SCALAR_EVENT) {
        return read_scalar(from, event, node);
    }
    if (depth >= DEPTH_MAX) {
        return fail_at_mark(from, event->start_mark, "nested deeper than 64 levels");
    }
    node->kind = event->type == YAML_MAPPING_START_EVENT ? ALM_YAML_MAP : ALM_YAML_LIST;
    return read_children(from, depth + 1, node);
}

/* Room for one more child: doubling in the arena, so at most twice the memory is used. */
static alm_err add_child(const reader *from, alm_yaml *parent, size_t *capacity, alm_yaml **out) {
    if (parent->count == *capacity) {
        size_t larger = *capacity ? 2 * *capacity : 4;
        void *memory;
        ALM_TRY(alm_arena_try_alloc(from->arena, larger * sizeof(alm_yaml), &memory, from->error));
        alm_yaml *children = memory;
        for (size_t i = 0; i < parent->count; i++) {
            children[i] = parent->child[i];
        }
        parent->child = children;
        *capacity = larger;
    }
    *out = &parent->child[parent->count];
    **out = (alm_yaml){0};
    return ALM_OK;
}

/* `event` is the key's; reads the value's event. */
static alm_err read_pair(reader *from, const yaml_event_t *event, int depth, alm_yaml *child) {
    if (event->type != YAML_ALIAS_EVENT && event->type != YAML_SCALAR_EVENT) {
        return fail_at_mark(from, event->start_mark, "a key must be text, not a list or a map");
    }
    ALM_TRY(refuse_decoration(from, event));
    if (event->data.scalar.length == 0) {
        return fail_at_mark(from, event->start_mark, "a key must not be empty");
    }
    ALM_TRY(copy_text(from, event->data.scalar.value, event->data.scalar.length, &child->key));
    yaml_event_t value;
    ALM_TRY(next_event(from, &value));
    alm_err code = read_value(from, &value, depth, child);
    child->line = (int)event->start_mark.line + 1;
    child->column = (int)event->start_mark.column + 1;
    yaml_event_delete(&value);
    return code;
}

static int compare_keys(const void *a, const void *b) {
    const alm_yaml *const *x = a;
    const alm_yaml *const *y = b;
    int order = alm_str_compare((*x)->key, (*y)->key);
    return order != 0 ? order : (*x > *y) - (*x < *y); /* then document order */
}

/* The second of two equal keys is refused, the first such in the document. Sorted, so that a long
 * map of n keys costs n log n. */
static alm_err refuse_duplicates(const reader *from, const alm_yaml *map) {
    void *memory;
    ALM_TRY(alm_arena_try_alloc(from->arena, (map->count + 1) * sizeof(alm_yaml *), &memory,
                                from->error));
    const alm_yaml **sorted = memory;
    for (size_t i = 0; i < map->count; i++) {
        sorted[i] = &map->child[i];
    }
    qsort(sorted, map->count, sizeof *sorted, compare_keys);
    const alm_yaml *first = NULL;
    const alm_yaml *again = NULL;
    for (size_t i = 1; i < map->count; i++) {
        if (alm_str_equal(sorted[i - 1]->key, sorted[i]->key) && (!again || sorted[i] < again)) {
            first = sorted[i - 1];
            again = sorted[i];
        }
    }
    if (!again) {
        return ALM_OK;
    }
    return alm_yaml_fail(again, from->error, ALM_ERR_CONFIG,
                         "key '" ALM_STR_FMT "' is given twice, first on line %d",
                         ALM_STR_ARG(again->key), first->line);
}

static alm_err read_children(reader *from, int depth, alm_yaml *node) {
    size_t capacity = 0;
    for (;;) {
        yaml_event_t event;
        ALM_TRY(next_event(from, &event));
        if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            break;
        }
        alm_yaml *child = NULL;
        alm_err code = add_child(from, node, &capacity, &child);
        if (code == ALM_OK) {
            code = node->kind == ALM_YAML_MAP ? read_pair(from, &event, depth, child)
                                              : read_value(from, &event, depth, child);
        }
        yaml_event_delete(&event);
        ALM_TRY(code);
        node->count++;
    }
    return node->kind == ALM_YAML_MAP ? refuse_duplicates(from, node) : ALM_OK;
}

/* ---- the document ---- */

static alm_err expect_document_start(reader *from, yaml_event_t *event) {
    if (event->type == YAML_STREAM_END_EVENT) {
        return fail_at_mark(from, event->start_mark, "the file is empty");
    }
    if (event->data.document_start.tag_directives.start !=
        event->data.document_start.tag_directives.end) {
        return fail_at_mark(from, event->start_mark, "%TAG directives are not supported");
    }
    return ALM_OK;
}

/* Reads one event and hands it to `use`, which may be NULL. */
static alm_err with_event(reader *from, alm_err (*use)(reader *, yaml_event_t *)) {
    yaml_event_t event;
    ALM_TRY(next_event(from, &event));
    alm_err code = use ? use(from, &event) : ALM_OK;
    yaml_event_delete(&event);
    return code;
}

static alm_err expect_stream_end(reader *from, yaml_event_t *event) {
    if (event->type != YAML_STREAM_END_EVENT) {
        return fail_at_mark(from, event->start_mark,
                            "a second document starts here; a file holds one");
    }
    return ALM_OK;
}

static alm_err read_document(reader *from, alm_yaml *root) {
    ALM_TRY(with_event(from, NULL)); /* start of the stream */
    ALM_TRY(with_event(from, expect_document_start));
    yaml_event_t event;
    ALM_TRY(next_event(from, &event));
    alm_err code = read_value(from, &event, 0, root);
    yaml_event_delete(&event);
    ALM_TRY(code);
    ALM_TRY(with_event(from, NULL)); /* end of the document */
    return with_event(from, expect_stream_end);
}

bool alm_yaml_is_blank(alm_str text) {
    bool blank = true;
    while (blank && text.size > 0) {
        alm_str line = alm_str_trim(alm_str_split(&text, '\n'));
        blank = line.size == 0 || line.data[0] == '#';
    }
    return blank;
}

alm_err alm_yaml_parse(alm_str text, const char *file, alm_arena *arena, alm_yaml **out,
                       alm_error *error) {
    alm_assert(file != NULL && arena != NULL && out != NULL);
    reader from = {.text = text, .arena = arena, .error = error};
    from.file = alm_arena_printf(arena, "%s", file);
    if (!yaml_parser_initialize(&from.parser)) {
        return alm_fail(error, ALM_ERR_MEMORY, "%s: out of memory while parsing YAML", file);
    }
    /* Fixed, or a UTF-16 mark at the start would switch the decoding. */
    yaml_parser_set_encoding(&from.parser, YAML_UTF8_ENCODING);
    static const unsigned char nothing[1];
    const void *input = text.size ? text.data : (const char *)nothing;
    yaml_parser_set_input_string(&from.parser, input, text.size);
    alm_yaml *root = ALM_NEW(arena, alm_yaml);
    alm_err code = read_document(&from, root);
    yaml_parser_delete(&from.parser);
    if (code == ALM_OK) {
        *out = root;
    }
    return code;
}

const alm_yaml *alm_yaml_member(const alm_yaml *map, const char *key) {
    if (map->kind != ALM_YAML_MAP) {
        return NULL;
    }
    for (size_t i = 0; i < map->count; i++) {
        if (alm_str_is(map->child[i].key, key)) {
            return &map->child[i];
        }
    }
    return NULL;
}

alm_err alm_yaml_fail(const alm_yaml *node, alm_error *error, alm_err code, const char *format,
                      ...) {
    char message[ALM_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return alm_fail(error, code, "%s:%d:%d: %s", node->file, node->line, node->column, message);
}
