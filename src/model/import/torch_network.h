/* torch_network.h: nets trained with PyTorch, from their weights and a description.
 *
 * The weights are a safetensors file (safetensors.torch.save_file(model.state_dict(), ...)). What
 * it does not hold, which modules there are and in which order they act, says a small JSON text:
 *
 *   {"format": "almanac network", "version": 1,
 *    "layers": [{"kind": "lstm", "name": "encoder", "layers": 2},
 *               {"kind": "gru", "name": "gru"},
 *               {"kind": "tcn", "name": "tcn.network.0", "dilation": 1}],
 *    "head": {"name": "head", "outputs": "values"}}
 *
 *   lstm, gru  nn.LSTM, nn.GRU, batch_first or not; "layers" is num_layers (default 1).
 *              Tensors name.weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ..._l1; no biases
 *              with bias=False. Gates i f g o and r z n, as PyTorch has them.
 *   tcn        one residual block (Bai, Kolter, Koltun): name.conv1.weight and .bias, name.conv2,
 *              and name.downsample where the channels change; Conv1d, causal (padded on the left,
 *              or chomped), relu behind each, "dilation" of both. Weight normalisation must be
 *              taken off before saving.
 *   head       nn.Linear on the last layer's output at the last step. "outputs": "values";
 *              "quantiles", which are sorted; "classes", of which the softmax is taken.
 * `name` is the module's name in the state dict. Sizes come from the tensors. Every tensor must be
 * used: one that is not belongs to a part that the description lacks. Dropout does nothing here.
 *
 * The net computes in float with fused steps and an exp of its own, so its numbers are PyTorch's up
 * to rounding (README.md of sequence/), not bit for bit. */
#ifndef ALM_MODEL_TORCH_NETWORK_H
#define ALM_MODEL_TORCH_NETWORK_H

#include "model/sequence/network.h"

/* `name` is that of the weights, in messages. Both texts are untrusted; neither is needed later.
 * ALM_ERR_INVALID: the description (the key is named); ALM_ERR_CORRUPT: the file, a tensor that is
 * missing, of another shape, not finite or not used (it is named); ALM_ERR_UNSUPPORTED: types that
 * are no floats, doubles that are none, weight normalisation, projections, both directions;
 * ALM_ERR_LIMIT. Memory is in proportion to the file. */
ALM_NODISCARD alm_err alm_network_import_torch(alm_str weights, alm_str description,
                                               const char *name, alm_network **out,
                                               alm_error *error);

#endif
