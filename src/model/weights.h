// The weights of a model, by their names in mamba_ssm. Shapes are [rows, columns] of y = W x.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <lightmamba/config.h>
#include <lightmamba/quant_format.h>
#include <lightmamba/taps.h>

#include "base/buffer.h"
#include "io/checkpoint.h"
#include "model/matrix.h"

namespace lightmamba {

// The weights of the convolution in INT8: value = code * 2^exponent, with an exponent for each
// channel.
struct ConvCodes {
  std::vector<std::int8_t> codes;      // [conv_dim, d_conv]
  std::vector<std::int8_t> exponents;  // [conv_dim]
};

// Small tensors are held as floats; the large ones stay in the mapped file.
struct LayerWeights {
  AlignedVector<float> norm;         // g1                       [d_model]
  Matrix in_proj;                    // z | x | B | C | dt       [d_in_proj, d_model]
  AlignedVector<float> conv1d;       // tap 0 is the oldest      [conv_dim, d_conv]
  ConvCodes conv1d_codes;            // the stored codes if the SSM is in pot8; else empty
  AlignedVector<float> conv1d_bias;  // zero if there is none    [conv_dim]
  AlignedVector<float> dt_bias;      //                          [nheads]
  AlignedVector<float> A;            // -exp(A_log)              [nheads]
  AlignedVector<float> D;            //                          [nheads]
  AlignedVector<float> gated_norm;   // g2                       [d_inner]
  Matrix out_proj;                   //                          [d_model, d_inner]
  // Empty unless a quantization method has made them. The first two are added after the norms, the
  // others after the projections.
  AlignedVector<float> norm_bias;        // [d_model]
  AlignedVector<float> gated_norm_bias;  // [d_inner]
  AlignedVector<float> in_proj_bias;     // [d_in_proj]
  AlignedVector<float> out_proj_bias;    // [d_model]
};

struct Weights {
  Mamba2Config config;
  Matrix embedding;                  // [vocab_size, d_model]
  std::vector<LayerWeights> layers;  // n_layer
  AlignedVector<float> norm_f;       // gf [d_model]
  Matrix head;                       // [vocab_size, d_model]; the embedding itself if tied
  // The online transforms and quantizers of the stored model, applied at the taps before a caller's
  // taps see the values. A float model has none.
  Taps numerics = {};
  std::optional<Quantization> quantization = {};
  // Shares of the range that the quantizers of the inputs of linear layers span: in_proj and
  // out_proj of each layer, then the LM head. A float model has none.
  AlignedVector<float> clips = {};
  // The name of the model where its weights are not here, as for an image of the accelerator that
  // holds it; else empty. See Model::fingerprint().
  std::string fingerprint = {};
  // Remarks for the user on how the checkpoint was read; see Model::notes().
  std::vector<std::string> notes = {};
};

// Reads every tensor once. Throws Error that names the tensor if one is missing, has another shape
// or dtype than the configuration requires, holds a number that is not finite, or belongs to no
// Mamba-2 model. If the configuration ties the LM head to the embedding but another one is stored,
// the stored one is used, and a note says so.
Weights make_weights(const Checkpoint& checkpoint);

}  // namespace lightmamba
