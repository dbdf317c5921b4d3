/* path_writer.c: the writing half of path_file.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/paths/path_file_internal.h"

typedef struct index_entry {
    uint64_t key;
    uint64_t offset;
} index_entry;

struct alm_path_writer {
    alm_fs *fs;
    alm_arena *arena;
    const char *path;
    const alm_method *method;
    const alm_hierarchy *hierarchy;
    alm_file *file;
    uint64_t written;
    bool started;
    size_t templates;
    bool adjusted;
    size_t factors;
    alm_buffer record; /* of the block that is being written */
    alm_buffer index;  /* index_entry */
};

alm_err alm_path_writer_open(alm_fs *fs, const char *path, const alm_method *method,
                             const alm_hierarchy *hierarchy, alm_path_writer **out,
                             alm_error *error)
{
    alm_file *file = NULL;
    ALM_TRY(fs->ops->create(fs, path, &file, error));
    alm_arena *arena = alm_arena_create(0);
    alm_path_writer *writer = ALM_NEW(arena, alm_path_writer);
    *writer = (alm_path_writer){.fs = fs,
                                .arena = arena,
                                .path = alm_arena_copy_text(arena, path, strlen(path)),
                                .method = method,
                                .hierarchy = hierarchy,
                                .file = file};
    *out = writer;
    return ALM_OK;
}

void alm_path_writer_close(alm_path_writer *writer)
{
    if (!writer) {
        return;
    }
    if (writer->file) { /* never finished: what is in it is of no use to anybody */
        (void)writer->fs->ops->close(writer->fs, writer->file, NULL);
    }
    alm_buffer_deinit(&writer->record);
    alm_buffer_deinit(&writer->index);
    alm_arena_destroy(writer->arena);
}

static alm_err flush(alm_path_writer *w, alm_error *error)
{
    ALM_TRY(alm_buffer_status(&w->record, error));
    ALM_TRY(w->fs->ops->write(w->fs, w->file, w->record.data, w->record.size, error));
    w->written += w->record.size;
    alm_buffer_clear(&w->record);
    return ALM_OK;
}

static void put_doubles(alm_path_writer *w, const double *values, size_t count)
{
    alm_buffer_append(&w->record, values, count * sizeof *values);
}

static void put_double(alm_path_writer *w, double value)
{
    put_doubles(w, &value, 1);
}

static size_t width_of(const alm_path_writer *w)
{
    return ((size_t)w->method->paths + 1) * (size_t)w->method->horizon;
}

static alm_err start(alm_path_writer *w, const alm_forecast_block *block, alm_error *error)
{
    const alm_hierarchy *h = w->hierarchy;
    w->started = true;
    w->templates = block->templates;
    w->adjusted = block->lambda && h->node_count;
    w->factors = w->adjusted ? block->factor_count : 0;
    bool second = w->adjusted && (block->rule != ALM_LEAF_SHIFT || w->factors > 0);
    const uint64_t head[ALMI_PATH_HEAD_WORDS_2] = {
        alm_u64_at(ALMI_PATH_MAGIC), second ? 2 : 1,      (uint64_t)w->method->horizon,
        (uint64_t)w->method->paths,  w->templates,        w->method->seed,
        w->method->counts,           h->level_count,      h->leaf_count,
        h->node_count,               w->adjusted,         block->rule,
        w->factors};
    for (size_t i = 0; i < (second ? ALMI_PATH_HEAD_WORDS_2 : ALMI_PATH_HEAD_WORDS); i++) {
        alm_buffer_u64(&w->record, head[i]);
    }
    for (size_t n = 0; w->adjusted && n < h->node_count + w->factors; n++) {
        put_doubles(w, block->lambda + n * width_of(w), width_of(w));
        ALM_TRY(flush(w, error));
    }
    return ALM_OK;
}

static void put_name(alm_path_writer *w, alm_str name, bool aggregate)
{
    static const char NONE[8] = {0};
    index_entry entry = {almi_path_key(name), w->written + w->record.size};
    alm_buffer_append(&w->index, &entry, sizeof entry);
    alm_buffer_u64(&w->record, name.size);
    alm_buffer_str(&w->record, name);
    alm_buffer_append(&w->record, NONE, (8 - name.size % 8) % 8);
    alm_buffer_u64(&w->record, aggregate);
}

static void put_ranks(alm_path_writer *w, const uint8_t *rank)
{
    size_t count = w->templates * (size_t)w->method->horizon;
    unsigned bits = almi_path_rank_bits(w->templates);
    uint64_t word = 0;
    unsigned used = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t value = rank[i] < w->templates ? rank[i] : w->templates;
        word |= value << used;
        used += bits;
        if (used >= 64) {
            alm_buffer_u64(&w->record, word);
            used -= 64;
            word = used ? value >> (bits - used) : 0;
        }
    }
    if (used) {
        alm_buffer_u64(&w->record, word);
    }
}

static void put_receipts(alm_path_writer *w, const alm_forecast *f, size_t steps)
{
    size_t count = 0;
    for (size_t h = 0; f->has_stock && h < steps; h++) {
        count += f->receipts[h] != 0;
    }
    alm_buffer_u64(&w->record, count);
    for (size_t h = 0; count && h < steps; h++) {
        if (f->receipts[h] != 0) {
            alm_buffer_u64(&w->record, h);
            put_double(w, f->receipts[h]);
        }
    }
}

static void put_leaf(alm_path_writer *w, const alm_forecast *f)
{
    const alm_hierarchy *h = w->hierarchy;
    size_t steps = (size_t)w->method->horizon;
    alm_buffer_u64(&w->record, f->index);
    put_double(w, f->variance);
    put_double(w, f->has_stock ? f->on_hand : NAN);
    for (uint32_t level = 0; level < h->level_count; level++) {
        alm_buffer_u64(&w->record, h->node_of_leaf[f->index * h->level_count + level]);
    }
    if (w->factors > 0) {
        put_doubles(w, f->loading, w->factors);
    }
    put_doubles(w, f->base_marginal_mean, steps);
    put_doubles(w, f->shape, ALM_SHAPE_LEVELS);
    put_ranks(w, f->rank);
    put_receipts(w, f, steps);
}

alm_err alm_path_writer_block(alm_path_writer *w, const alm_forecast_block *block,
                              const alm_str *names, alm_error *error)
{
    if (!w->started) {
        ALM_TRY(start(w, block, error));
    }
    for (size_t i = 0; i < block->count; i++) {
        put_name(w, names[i], block->aggregates);
        if (block->aggregates) {
            put_doubles(w, block->forecasts[i].values, width_of(w));
            ALM_TRY(flush(w, error));
        } else {
            put_leaf(w, &block->forecasts[i]);
        }
    }
    return flush(w, error);
}

static int compare_entries(const void *a, const void *b)
{
    const index_entry *left = a;
    const index_entry *right = b;
    if (left->key != right->key) {
        return left->key < right->key ? -1 : 1;
    }
    return left->offset < right->offset ? -1 : 1; /* offsets are all different */
}

alm_err alm_path_writer_finish(alm_path_writer *w, alm_error *error)
{
    alm_assert(w->started && w->file);
    ALM_TRY(alm_buffer_status(&w->index, error));
    size_t count = w->index.size / sizeof(index_entry);
    alm_assert(count == (size_t)w->hierarchy->leaf_count + w->hierarchy->node_count);
    qsort(w->index.data, count, sizeof(index_entry), compare_entries);
    uint64_t offset = w->written;
    alm_buffer_str(&w->record, alm_buffer_view(&w->index));
    alm_buffer_u64(&w->record, offset);
    alm_buffer_u64(&w->record, count);
    ALM_TRY(flush(w, error));
    alm_file *file = w->file;
    w->file = NULL;
    return w->fs->ops->close(w->fs, file, error);
}
