/* scorer_write.c: the canonical document: keys sorted, every default and every hash written out. */
#include "model/scorer/scorer_internal.h"

static void put_file(alm_json_writer *w, const char *key, const almi_scorer_ref *file)
{
    char digest[ALM_DIGEST_TEXT_BYTES];
    if (!file->path.data) {
        return;
    }
    alm_digest_text(&file->digest, digest);
    alm_json_key(w, key);
    alm_json_open_object(w);
    alm_json_put_str(w, "path", file->path);
    alm_json_put_text(w, "sha256", digest);
    alm_json_close_object(w);
}

static void put_member(alm_json_writer *w, const alm_scorer *s, const almi_scorer_member *m)
{
    alm_json_open_object(w);
    put_file(w, "calibrator", &m->calibrator);
    alm_json_put_bool(w, "category_codes", m->category_codes);
    if (s->info.task == ALM_SCORER_CLASSES) {
        alm_json_key(w, "classes");
        alm_json_open_array(w);
        for (size_t k = 0; k < s->info.class_count; k++) {
            alm_json_i64(w, s->info.label[m->class_place ? m->class_place[k] : k]);
        }
        alm_json_close_array(w);
    }
    alm_json_key(w, "columns");
    alm_json_open_array(w);
    for (size_t i = 0; i < m->column_count; i++) {
        alm_json_str(w, m->column[i]);
    }
    alm_json_close_array(w);
    put_file(w, "description", &m->description);
    put_file(w, "model", &m->model);
    alm_json_put_str(w, "name", m->name);
    if (s->info.task == ALM_SCORER_VALUE) {
        alm_json_put_i64(w, "output", (int64_t)m->output);
    }
    if (m->remote) {
        alm_json_key(w, "remote");
        alm_remote_spec_write(w, m->remote);
    }
    if (m->result.size) {
        alm_json_put_str(w, "result", m->result);
    }
    put_file(w, "scaler", &m->scaler);
    if (m->steps) {
        alm_json_put_i64(w, "steps", (int64_t)m->steps);
    }
    alm_json_close_object(w);
}

static void put_combination(alm_json_writer *w, const almi_scorer_horizon *h)
{
    alm_json_key(w, "combination");
    alm_json_open_object(w);
    put_file(w, "file", &h->stacker);
    alm_json_put_text(w, "kind", ALMI_SCORER_COMBINATION[h->combination]);
    if (h->weight) {
        alm_json_put_doubles(w, "weights", h->weight, h->member_count);
    }
    alm_json_close_object(w);
}

static void put_horizon(alm_json_writer *w, const alm_scorer *s, const almi_scorer_horizon *h)
{
    alm_json_open_object(w);
    put_file(w, "calibrator", &h->calibrator);
    put_combination(w, h);
    alm_json_key(w, "members");
    alm_json_open_array(w);
    for (size_t i = 0; i < h->member_count; i++) {
        put_member(w, s, &s->member[h->member_first + i]);
    }
    alm_json_close_array(w);
    alm_json_put_str(w, "name", h->name);
    alm_json_close_object(w);
}

void alm_scorer_write(const alm_scorer *s, alm_buffer *out)
{
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    alm_json_put_i64(&w, "almanac_scorer", 1);
    put_file(&w, "bars", &s->bars);
    alm_json_key(&w, "horizons");
    alm_json_open_array(&w);
    for (size_t i = 0; i < s->info.horizon_count; i++) {
        put_horizon(&w, s, &s->horizon[i]);
    }
    alm_json_close_array(&w);
    if (s->info.task == ALM_SCORER_CLASSES) {
        alm_json_key(&w, "labels");
        alm_json_open_array(&w);
        for (size_t k = 0; k < s->info.class_count; k++) {
            alm_json_i64(&w, s->info.label[k]);
        }
        alm_json_close_array(&w);
    }
    alm_json_put_text(&w, "task", s->info.task == ALM_SCORER_CLASSES ? "classes" : "value");
    alm_json_close_object(&w);
}
