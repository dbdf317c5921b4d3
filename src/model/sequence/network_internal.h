/* network_internal.h: where a net keeps what it knows of its steps, inside this folder.
 *
 * A tape holds, for the input and for every layer, one record a step, in a ring of as many steps as
 * anybody looks back (predicting) or of all steps (training). Records of layer l:
 *   LSTM  gates i f g o (4 units, after their functions), c, tanh c, h
 *   GRU   gates r z n (3 units), m = c + U h (its n part) or, with reset_before, r h, then h
 *   TCN   a (units), y (units), h
 * and, in training with dropout, h times its mask: what the next layer sees. */
#ifndef ALM_MODEL_SEQUENCE_NETWORK_INTERNAL_H
#define ALM_MODEL_SEQUENCE_NETWORK_INTERNAL_H

#include "model/sequence/network.h"

/* Offsets of a layer's parts in the parameters; a part that it has not is SIZE_MAX. */
typedef struct almi_layer {
    alm_layer_spec spec;
    size_t inputs;
    size_t w, u, b, c; /* LSTM: c are the peepholes; TCN: w = W1, u = W2, b = b1, c = b2 */
    size_t shortcut, shortcut_b;
    size_t record;  /* floats per step */
    size_t hidden;  /* offset of h in a record */
    size_t reach;   /* steps of the layer below that it looks back at, this one included */
} almi_layer;

/* Blocks of `units` sums that the inputs of a step go into. */
static inline size_t almi_gates_of(const almi_layer *layer)
{
    switch (layer->spec.kind) {
    case ALM_LAYER_LSTM:
        return 4;
    case ALM_LAYER_GRU:
        return 3;
    default:
        return 1;
    }
}

struct alm_network {
    alm_network_spec spec;
    almi_layer layer[ALM_NETWORK_LAYERS_MAX];
    size_t head_w, head_b;
    size_t parameter_count;
    float *parameter;
    alm_arena *arena;
};

/* Stage 0 is the input, stage l + 1 is layer l. */
typedef struct almi_tape {
    float *stage[ALM_NETWORK_LAYERS_MAX + 1];
    size_t ring[ALM_NETWORK_LAYERS_MAX + 1];   /* steps */
    size_t record[ALM_NETWORK_LAYERS_MAX + 1]; /* floats per step */
    size_t seen[ALM_NETWORK_LAYERS_MAX + 1];   /* offset of what the next stage sees */
    const float *zero; /* a record of zeros: what was before the first step */
} almi_tape;

/* Floats of a tape over so many steps (0: as few as predicting needs), and its parts in `memory`.
 * With `dropped` every record has room for a masked output. */
size_t almi_tape_size(const alm_network *network, size_t steps, bool dropped);
void almi_tape_place(const alm_network *network, size_t steps, bool dropped, float *memory,
                     almi_tape *tape);

static inline float *almi_tape_at(const almi_tape *tape, size_t stage, size_t step)
{
    return tape->stage[stage] + step % tape->ring[stage] * tape->record[stage];
}

/* What a stage showed `back` steps before `step`. */
static inline const float *almi_tape_seen(const almi_tape *tape, size_t stage, size_t step,
                                          size_t back)
{
    return back > step ? tape->zero
                       : almi_tape_at(tape, stage, step - back) + tape->seen[stage];
}

/* The records of layer l at `count` steps from `step` on, from the records below, at all of them,
 * and before: ALMI_LANES_TOGETHER steps share the reading of the weights that do not wait for the
 * step before, with the bits of one step at a time. Predicting keeps enough for so many. */
void almi_layer_steps(const alm_network *network, size_t l, const almi_tape *tape, size_t step,
                      size_t count);
/* out = head(h); raw. */
void almi_head(const alm_network *network, const float *hidden, float *out);
/* Raw outputs -> what the head says. */
void almi_finish(const alm_network *network, const float *raw, double *out);

#endif
