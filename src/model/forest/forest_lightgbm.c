/* forest_lightgbm.c: reads LightGBM's text model into the literal form.
 *
 * Grammar (LightGBM src/boosting/gbdt_model_text.cpp, src/io/tree.cpp): header lines `key=value`
 * or `key` until the first `Tree=`; per tree `key=value` lines ended by an empty line; then
 * `end of trees` (v2: the importances). Nothing behind that line matters for scoring. The text is
 * untrusted: an array is allocated only for items that are really there, so memory is proportional
 * to the text. */
#include <math.h>
#include <string.h>

#include "model/forest/forest_lightgbm.h"

#define OUTPUTS_MAX 65536
#define HEADER_STEP_BYTES ((size_t)64 << 10)

/* ---- header and whole text ---- */

typedef struct header {
    int64_t class_count, tree_per_iteration, feature_max;
    alm_str names, tree_sizes;
    size_t name_count, tree_size_count;
} header;

static size_t count_items(alm_str list)
{
    alm_str item;
    size_t count = 0;
    while (almi_next_item(&list, &item)) {
        count++;
    }
    return count;
}

static alm_err read_header_line(almi_reader *r, alm_str line, header *head)
{
    alm_str key, value;
    if (!almi_split_key(line, &key, &value)) {
        if (alm_str_is(alm_str_trim(line), "average_output")) {
            r->forest->info.averaged = true;
        }
        return ALM_OK;
    }
    int64_t *number = alm_str_is(key, "num_class")                ? &head->class_count
                      : alm_str_is(key, "num_tree_per_iteration") ? &head->tree_per_iteration
                      : alm_str_is(key, "max_feature_idx")        ? &head->feature_max
                                                                  : NULL;
    if (number != NULL && !alm_str_to_i64(alm_str_trim(value), number)) {
        return almi_corrupt(r, r->line, "the header has an invalid number");
    }
    if (alm_str_is(key, "version") && !alm_str_is(value, "v2") && !alm_str_is(value, "v3") &&
        !alm_str_is(value, "v4")) {
        return alm_fail(r->error, ALM_ERR_UNSUPPORTED,
                        "%s:%zu: model text version '" ALM_STR_FMT "'; v2, v3 and v4 are read",
                        r->name, r->line, (int)(value.size < 40 ? value.size : 40), value.data);
    }
    if (alm_str_is(key, "objective")) {
        char *copy = alm_arena_copy_text(r->forest->arena, value.data, value.size);
        r->forest->info.objective = (alm_str){copy, value.size};
    }
    if (alm_str_is(key, "feature_names")) {
        head->names = value;
        head->name_count = count_items(value);
    }
    if (alm_str_is(key, "tree_sizes")) {
        head->tree_sizes = value;
        head->tree_size_count = count_items(value);
    }
    return ALM_OK;
}

static alm_err use_header(almi_reader *r, const header *head)
{
    int64_t outputs = head->tree_per_iteration >= 0 ? head->tree_per_iteration : head->class_count;
    if (outputs < 1 || outputs > OUTPUTS_MAX) {
        return almi_corrupt(r, r->line,
                            "num_class or num_tree_per_iteration is missing or impossible");
    }
    /* The names bound the number of features by the size of the text. */
    if (head->feature_max < 0 || (uint64_t)head->feature_max + 1 != head->name_count) {
        return almi_corrupt(r, r->line, "max_feature_idx does not fit the number of feature_names");
    }
    r->forest->info.output_count = (size_t)outputs;
    r->forest->info.feature_count = (size_t)head->feature_max + 1;
    alm_str *name = NULL, list = head->names, item;
    ALM_TRY(ALMI_FOREST_ARRAY(r->forest->arena, head->name_count, name, r->error));
    for (size_t i = 0; almi_next_item(&list, &item); i++) {
        name[i] = (alm_str){alm_arena_copy_text(r->forest->arena, item.data, item.size), item.size};
    }
    r->forest->info.feature_name = name;
    return ALM_OK;
}

static bool is_tree_start(alm_str line)
{
    return alm_str_starts_with(line, "Tree=");
}

/* Texts of version v2 go straight on to the importances. */
static bool is_trees_end(alm_str line)
{
    return alm_str_is(line, "end of trees") || alm_str_is(line, "feature importances:");
}

static size_t count_trees(alm_str text)
{
    alm_str line;
    almi_reader scan = {.rest = text};
    size_t count = 0;
    while (almi_next_line(&scan, &line)) {
        count += is_tree_start(line);
    }
    return count;
}

static alm_err read_trees(almi_reader *r, const header *head, size_t count)
{
    alm_forest_info *info = &r->forest->info;
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(almi_read_tree(r, i, &r->forest->tree[i]));
        alm_str line = {NULL, 0};
        while (line.size == 0) {
            if (!almi_next_line(r, &line)) {
                return almi_corrupt(r, r->line, "the text ends before 'end of trees'");
            }
        }
        bool last = i + 1 == count;
        if (last ? !is_trees_end(line) : !is_tree_start(line)) {
            return almi_corrupt(r, r->line, "expected the next tree or 'end of trees'");
        }
    }
    bool sizes_differ = head->tree_sizes.data != NULL && head->tree_size_count != count;
    if (count % info->output_count != 0 || sizes_differ) {
        return almi_corrupt(r, r->line, "the number of trees does not fit the header");
    }
    info->tree_count = count;
    info->iteration_count = count / info->output_count;
    return ALM_OK;
}

/* ---- all trees at once, where the header says where they lie ---- */

typedef struct sized_trees {
    const almi_reader *r;
    alm_fs_content *content; /* perhaps still being read */
    bool hash;               /* go on with the content's hash */
    const char **begin;      /* [count + 1] */
    size_t count;
} sized_trees;

/* False when the sizes of the header lead out of the text. */
static bool find_sized(const header *head, const char *first, sized_trees *sized)
{
    alm_str list = head->tree_sizes, item;
    const char *at = first, *end = sized->content->bytes.data + sized->content->bytes.size;
    size_t i = 0;
    for (; i < sized->count && almi_next_item(&list, &item); i++) {
        int64_t size = 0;
        if (!alm_str_to_i64(item, &size) || size <= 0 || size >= end - at) {
            return false;
        }
        sized->begin[i] = at;
        at += size;
    }
    sized->begin[i] = at;
    return i == sized->count;
}

static alm_err read_sized(const sized_trees *sized, size_t t, alm_arena *arena, alm_error *error)
{
    almi_reader own = *sized->r;
    alm_str line;
    const char *begin = sized->begin[t], *end = sized->begin[t + 1];
    own.rest = (alm_str){begin, (size_t)(end - begin) - 1};
    own.end = end;
    own.arena = arena;
    own.error = error;
    own.one_tree = true;
    if (!alm_fs_read_on(sized->content, (size_t)(end - sized->content->bytes.data)) ||
        !is_tree_start(own.rest) || end[-1] != '\n') {
        return almi_corrupt(&own, own.line, "the sizes of the trees are not those of the header");
    }
    /* Without the end of its last line, behind which there would be an empty one. */
    (void)almi_next_line(&own, &line);
    ALM_TRY(almi_read_tree(&own, t, &sized->r->forest->tree[t]));
    while (almi_next_line(&own, &line)) {
        if (line.size > 0) {
            return almi_corrupt(&own, own.line, "something follows a tree");
        }
    }
    return ALM_OK;
}

static alm_err read_some(void *context, size_t task, int worker, alm_error *error)
{
    const sized_trees *sized = context;
    /* The hash comes first: no task takes longer. */
    if (task == 0) {
        if (sized->hash) {
            alm_fs_read_hash(sized->content);
        }
        return ALM_OK;
    }
    size_t begin = (task - 1) * ALMI_TASK_TREES;
    for (size_t t = begin; t < sized->count && t < begin + ALMI_TASK_TREES; t++) {
        ALM_TRY(read_sized(sized, t, sized->r->forest->worker_arena[worker], error));
    }
    return ALM_OK;
}

/* Behind the last tree there are only empty lines and the end of the trees. */
static bool end_behind(const sized_trees *sized)
{
    const alm_str whole = sized->content->bytes;
    const char *at = sized->begin[sized->count];
    almi_reader behind = {.rest = {at, (size_t)(whole.data + whole.size - at)}};
    alm_str line;
    do {
        if (!almi_next_line(&behind, &line)) {
            return false;
        }
    } while (line.size == 0);
    return is_trees_end(line) && count_trees(behind.rest) == 0;
}

/* Reads all trees, several at once, and the rest of the content. Only memory that cannot be had is
 * an error, and a file that cannot be read; for all others, *done stays false, nothing is left but
 * memory, and read_trees says what is wrong and where. */
static alm_err read_sized_trees(almi_reader *r, const header *head, const char *first,
                                sized_trees *sized, bool *done)
{
    alm_forest *forest = r->forest;
    const alm_str expected = sized->content->bytes;
    alm_error own = {0};
    sized->count = head->tree_size_count;
    if (sized->count == 0 || sized->count % forest->info.output_count != 0) {
        return ALM_OK;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, sized->count + 1, sized->begin, r->error));
    if (!find_sized(head, first, sized)) {
        return ALM_OK;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, sized->count, forest->tree, r->error));
    alm_err code = alm_pool_run(forest->pool, 1 + almi_task_count(sized->count), read_some, sized,
                                &own);
    if (code == ALM_ERR_MEMORY) {
        if (r->error != NULL) {
            *r->error = own;
        }
        return code;
    }
    ALM_TRY(alm_fs_read_end(sized->content, r->error));
    /* Of a file that was written meanwhile, the places of the trees are those of another one. */
    bool same = sized->content->bytes.data == expected.data &&
                sized->content->bytes.size == expected.size;
    *done = code == ALM_OK && same && end_behind(sized);
    return ALM_OK;
}

/* ---- the text ---- */

/* How much of the text is there when the header is, and the beginning of the line behind it. 0: so
 * far as it was expected to go, there is none. */
static size_t await_header(const alm_fs_content *content)
{
    static const char FIRST[] = "\nTree=";
    size_t whole = content->bytes.size, there = 0, from = 0;
    while (there < whole) {
        there = whole - there < HEADER_STEP_BYTES ? whole : there + HEADER_STEP_BYTES;
        if (!alm_fs_read_on(content, there)) {
            break;
        }
        if (memmem(content->bytes.data + from, there - from, FIRST, sizeof FIRST - 1) != NULL) {
            return there;
        }
        from = there - (sizeof FIRST - 2);
    }
    return 0;
}

/* Stops at the first tree, whose first line (perhaps not yet to its end) is *line. */
static alm_err read_header(almi_reader *r, header *head, alm_str *line)
{
    *head = (header){.class_count = -1, .tree_per_iteration = -1, .feature_max = -1};
    if (!almi_next_line(r, line) || !alm_str_is(alm_str_trim(*line), "tree")) {
        return almi_corrupt(r, 1, "the first line is not 'tree'");
    }
    for (;;) {
        if (!almi_next_line(r, line)) {
            return almi_corrupt(r, r->line, "there is no tree");
        }
        if (is_tree_start(*line)) {
            return use_header(r, head);
        }
        ALM_TRY(read_header_line(r, *line, head));
    }
}

/* All of the content is there, perhaps elsewhere than when its header was read. */
static alm_err read_one_by_one(almi_reader *r, const header *head, size_t offset, alm_str whole)
{
    alm_str line;
    size_t count = count_trees(whole);
    ALM_TRY(ALMI_FOREST_ARRAY(r->forest->arena, count, r->forest->tree, r->error));
    r->rest = (alm_str){whole.data + offset, whole.size - offset};
    r->end = whole.data + whole.size;
    r->line--;
    (void)almi_next_line(r, &line); /* that of the first tree, again */
    return read_trees(r, head, count);
}

static alm_err read_text(almi_reader *r, alm_fs_content *content, bool hash)
{
    header head;
    alm_forest_info *info = &r->forest->info;
    sized_trees sized = {.r = r, .content = content, .hash = hash};
    alm_str line = {NULL, 0};
    bool done = false;
    r->rest = (alm_str){content->bytes.data, await_header(content)};
    if (r->rest.size == 0) {
        ALM_TRY(alm_fs_read_end(content, r->error));
        r->rest = content->bytes;
    }
    if (r->rest.size == 0) {
        return almi_corrupt(r, 1, "the text is empty");
    }
    r->end = r->rest.data + r->rest.size;
    ALM_TRY(read_header(r, &head, &line));
    size_t offset = (size_t)(line.data - content->bytes.data);
    ALM_TRY(read_sized_trees(r, &head, line.data, &sized, &done));
    if (done) {
        info->tree_count = head.tree_size_count;
        info->iteration_count = info->tree_count / info->output_count;
    } else {
        ALM_TRY(alm_fs_read_end(content, r->error));
        ALM_TRY(read_one_by_one(r, &head, offset, content->bytes));
    }
    return almi_forest_finish(r->forest, r->name, r->error);
}

alm_err alm_forest_read_lightgbm(alm_pool *pool, alm_fs_content *content, bool hash,
                                 const char *name, alm_forest **out, alm_error *error)
{
    alm_forest *forest = NULL;
    alm_err code = almi_forest_create_by(pool, content->bytes.size, &forest, error);
    if (code == ALM_OK) {
        almi_reader r = {.name = name, .forest = forest, .arena = forest->arena, .error = error};
        code = read_text(&r, content, hash);
    }
    /* What is wrong in the text counts when there is all of it. */
    alm_error reading = {0};
    alm_err read = alm_fs_read_end(content, &reading);
    if (read != ALM_OK) {
        code = read;
        if (error != NULL) {
            *error = reading;
        }
    }
    if (code != ALM_OK) {
        alm_forest_destroy(forest);
        return code;
    }
    *out = forest;
    return ALM_OK;
}

alm_err alm_forest_parse_lightgbm(alm_str text, const char *name, alm_forest **out,
                                  alm_error *error)
{
    alm_fs_content content = {.bytes = text};
    return alm_forest_read_lightgbm(NULL, &content, false, name, out, error);
}
