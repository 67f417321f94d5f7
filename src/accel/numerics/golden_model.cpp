#include "accel/numerics/golden_model.h"

#include <algorithm>
#include <array>

#include "accel/numerics/bfp8.h"
#include "accel/numerics/conv_unit.h"
#include "accel/numerics/fixed_point.h"
#include "accel/numerics/gain_unit.h"
#include "accel/numerics/gate_unit.h"
#include "accel/numerics/htu.h"
#include "accel/numerics/norm_unit.h"
#include "accel/numerics/residual_unit.h"
#include "accel/numerics/sum_units.h"
#include "base/index.h"
#include "base/threads.h"
#include "quant/dither.h"

namespace lightmamba::accel {
namespace {

template <typename Vector>
auto part(Vector& values, std::int64_t begin, std::int64_t count) {
  return std::span(values).subspan(at(begin), at(count));
}

// Runs one token, at `position` of its sequence, through the layers.
class GoldenPass {
 public:
  GoldenPass(const IntegerModel& model, GoldenState& state, std::int64_t position,
             const Probe& probe)
      : model_(model),
        c_(model.config),
        state_(state),
        position_(position),
        probe_(probe),
        residual_(at(c_.d_model)) {}

  void take_embedding(TokenId token) {
    const WeightMatrix& e = model_.embedding;
    const std::uint8_t* codes = e.codes.data() + token * (e.columns / 2);
    const std::int16_t* scales = e.scales.data() + token * e.groups();
    for (std::int64_t i = 0; i < c_.d_model; ++i) {
      const int shift = i % 2 == 0 ? 4 : 0;
      const std::int64_t code =
          static_cast<std::int8_t>(static_cast<std::uint8_t>(codes[i / 2] << shift)) >> 4;
      residual_[at(i)] = embed(code, scales[i / e.group], model_.residual_exponent - e.exponent);
    }
    if (probe_) probe_(ProbePoint::residual, -1, residual_);
  }

  void run_layer(std::int64_t index) {
    const IntegerLayer& layer = model_.layers[at(index)];
    project(layer.in_proj, layer.in_proj_clip);
    round_projected();
    convolve(layer, index);
    run_heads(layer, index);
    if (probe_) trace_heads(index);
    project_out(layer, index);
    if (probe_) probe_(ProbePoint::residual, index, residual_);
  }

  void logits(std::span<std::int32_t> out) {
    project(model_.head, model_.head_clip);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<std::int32_t>(
          sum_to_fixed(sums_[i], scale(), kLogitFractionBits, kLogitBits));
    }
    if (probe_)
      probe_(ProbePoint::logits, c_.n_layer, std::vector<std::int64_t>(out.begin(), out.end()));
  }

 private:
  std::int64_t blocks() const { return c_.conv_dim() / c_.headdim; }

  // Computes W times the normalised residual: sums_ * root_, in units of 2^exponent_.
  void project(const WeightMatrix& weights, int clip) {
    quantize_vector(residual_, 0, model_.group, clip, input_);
    root_ = inverse_root(sum_of_squares(residual_, 0) + model_.epsilon);
    sums_.resize(at(weights.rows));
    multiply_rows(weights, 0, input_, sums_);
    exponent_ = weights.exponent + input_.exponent + root_.exponent;
  }

  // What a sum must be multiplied by.
  Scaled scale() const { return {root_.mantissa, exponent_}; }

  // Rounds a bfp8 block of sums to 8 bits.
  int round_sums(std::int64_t begin, std::span<std::int8_t> codes) const {
    return sums_to_bfp8(std::span(sums_).subspan(at(begin), codes.size()), scale(), codes);
  }

  // Rounds z and the conv's input to bfp8 blocks, dt to fixed point.
  void round_projected() {
    z_codes_.resize(at(c_.d_inner));
    z_exponents_.resize(at(c_.nheads));
    input_codes_.resize(at(c_.conv_dim()));
    input_exponents_.resize(at(blocks()));
    raw_dt_.resize(at(c_.nheads));
    for (std::int64_t block = 0; block < c_.nheads; ++block) {
      z_exponents_[at(block)] =
          round_sums(block * c_.headdim, part(z_codes_, block * c_.headdim, c_.headdim));
    }
    for (std::int64_t block = 0; block < blocks(); ++block) {
      input_exponents_[at(block)] = round_sums(c_.d_inner + block * c_.headdim,
                                               part(input_codes_, block * c_.headdim, c_.headdim));
    }
    for (std::int64_t head = 0; head < c_.nheads; ++head) {
      raw_dt_[at(head)] = sum_to_fixed(sums_[at(c_.d_inner + c_.conv_dim() + head)], scale(),
                                       kDtFractionBits, kDtBits);
    }
  }

  void convolve(const IntegerLayer& layer, std::int64_t index) {
    conv_codes_.resize(at(c_.conv_dim()));
    conv_exponents_.resize(at(blocks()));
    const std::int64_t kept = c_.d_conv - 1;
    const std::span conv_state =
        part(state_.conv_codes, index * kept * c_.conv_dim(), kept * c_.conv_dim());
    const std::span exponents =
        part(state_.conv_exponents, index * kept * blocks(), kept * blocks());
    std::vector<std::int64_t> values(at(c_.headdim));
    for (std::int64_t block = 0; block < blocks(); ++block) {
      const std::int64_t channel = block * c_.headdim;
      std::array<ConvTap, kMaxConvTaps> taps;
      for (std::int64_t k = 0; k < kept; ++k) {
        taps[at(k)] = {part(conv_state, k * c_.conv_dim() + channel, c_.headdim),
                       exponents[at(k * blocks() + block)]};
      }
      taps[at(kept)] = {part(input_codes_, channel, c_.headdim), input_exponents_[at(block)]};
      conv_silu({part(layer.conv_codes, channel * c_.d_conv, c_.headdim * c_.d_conv),
                 part(layer.conv_exponents, channel, c_.headdim),
                 part(layer.conv_biases, channel, c_.headdim)},
                std::span(taps).first(at(c_.d_conv)), values);
      conv_exponents_[at(block)] = static_cast<std::int8_t>(
          round_bfp8(values, -kFractionBits, part(conv_codes_, channel, c_.headdim)));
    }
    if (kept == 0) return;
    std::copy(conv_state.begin() + c_.conv_dim(), conv_state.end(), conv_state.begin());
    std::copy(input_codes_.begin(), input_codes_.end(), conv_state.end() - c_.conv_dim());
    std::copy(exponents.begin() + blocks(), exponents.end(), exponents.begin());
    std::copy(input_exponents_.begin(), input_exponents_.end(), exponents.end() - blocks());
  }

  // Returns B or C of a group of heads.
  Blocks blocks_of(std::int64_t channel) const {
    return {part(conv_codes_, channel, c_.d_state),
            part(conv_exponents_, channel / c_.headdim, c_.d_state / c_.headdim)};
  }

  void run_heads(const IntegerLayer& layer, std::int64_t index) {
    decays_.resize(at(c_.nheads));
    y_.resize(at(c_.d_inner));
    gated_.resize(at(c_.d_inner));
    const std::uint32_t first = state_dither(index, position_);
    parallel_for(c_.nheads, 16 * c_.headdim * c_.d_state, [&](std::int64_t head) {
      const HeadWeights& weights = layer.heads[at(head)];
      const std::int64_t group = head / c_.heads_per_group();
      decays_[at(head)] = compute_decay(weights, model_.dt_limits, raw_dt_[at(head)]);
      HeadInput in = {.decay = decays_[at(head)],
                      .B = blocks_of(c_.d_inner + group * c_.d_state),
                      .C = blocks_of(c_.d_inner + (c_.ngroups + group) * c_.d_state),
                      .D = weights.D,
                      .D_exponent = weights.D_exponent,
                      .x = 0,
                      .x_exponent = conv_exponents_[at(head)]};
      const std::span y = part(y_, head * c_.headdim, c_.headdim);
      for (std::int64_t p = 0; p < c_.headdim; ++p) {
        const std::int64_t channel = head * c_.headdim + p;
        const std::int64_t row = index * c_.d_inner + channel;
        in.x = conv_codes_[at(channel)];
        y[at(p)] = step_channel(
            in, model_.state_bits,
            first + static_cast<std::uint32_t>(channel * c_.d_state) * kDitherIndex,
            {part(state_.ssm_codes, row * c_.d_state, c_.d_state), state_.ssm_exponents[at(row)]});
      }
      gate_head(head, y);
    });
  }

  // Computes v = y silu(z), after y is rounded to 8 bits.
  void gate_head(std::int64_t head, std::span<const std::int64_t> y) {
    std::vector<std::int8_t> codes(y.size());
    const int y_exponent = round_bfp8(y, -kFractionBits, codes);
    for (std::size_t p = 0; p < y.size(); ++p) {
      const std::size_t channel = at(head * c_.headdim) + p;
      gated_[channel] = gate(codes[p], y_exponent, z_codes_[channel], z_exponents_[at(head)]);
    }
  }

  void trace_heads(std::int64_t index) const {
    std::vector<std::int64_t> values;
    const auto add_blocks = [&](const auto& codes, const auto& exponents) {
      for (std::size_t i = 0; i < codes.size(); ++i) {
        values.insert(values.end(), {codes[i], exponents[i / at(c_.headdim)]});
      }
    };
    const auto give = [&](ProbePoint unit) {
      probe_(unit, index, values);
      values.clear();
    };
    add_blocks(z_codes_, z_exponents_);
    add_blocks(input_codes_, input_exponents_);
    give(ProbePoint::blocks);
    for (const Decay& decay : decays_) {
      values.insert(values.end(), {decay.dt.mantissa, decay.dt.exponent, decay.complement.mantissa,
                                   decay.complement.exponent});
    }
    give(ProbePoint::decay);
    add_blocks(conv_codes_, conv_exponents_);
    give(ProbePoint::conv);
    probe_(ProbePoint::y, index, y_);
    probe_(ProbePoint::gated, index, gated_);
  }

  void project_out(const IntegerLayer& layer, std::int64_t index) {
    const std::uint64_t sum = sum_of_squares(gated_, kSquareShift) + model_.gated_epsilon;
    for (std::int64_t i = 0; i < c_.d_inner; ++i) {
      gated_[at(i)] = times_gain(gated_[at(i)], layer.gains[at(i)]);
    }
    hadamard_transform(model_.hadamard_matrix, model_.hadamard_m, model_.hadamard_n, gated_);
    if (probe_) probe_(ProbePoint::rotated, index, gated_);
    quantize_vector(gated_, layer.gain_exponent + kGainShift, model_.group, layer.out_proj_clip,
                    input_);
    // sum is in units of 2^kSquareShift of v^2, so root of 2^-(kSquareShift / 2) of 1 / v; the
    // fraction bits of v cancel.
    root_ = inverse_root(sum);
    sums_.resize(at(c_.d_model));
    multiply_rows(layer.out_proj, 0, input_, sums_);
    exponent_ = layer.out_proj.exponent + input_.exponent + root_.exponent - kSquareShift / 2;
    for (std::size_t i = 0; i < residual_.size(); ++i) {
      residual_[i] = add_to_residual(
          residual_[i], sum_to_fixed(sums_[i], scale(), -model_.residual_exponent, kResidualBits));
    }
  }

  const IntegerModel& model_;
  const Mamba2Config& c_;
  GoldenState& state_;
  std::int64_t position_;
  const Probe& probe_;
  std::vector<std::int64_t> residual_;
  QuantizedVector input_;
  Scaled root_ = {};
  std::vector<std::int64_t> sums_;
  int exponent_ = 0;
  std::vector<std::int8_t> z_codes_;
  std::vector<int> z_exponents_;
  std::vector<std::int8_t> input_codes_;  // inputs of the conv
  std::vector<int> input_exponents_;
  std::vector<std::int64_t> raw_dt_;
  std::vector<std::int8_t> conv_codes_;
  std::vector<std::int8_t> conv_exponents_;
  std::vector<Decay> decays_;  // decays of the heads
  std::vector<std::int64_t> y_;
  std::vector<std::int64_t> gated_;
};

}  // namespace

GoldenState::GoldenState(const Mamba2Config& c)
    : conv_codes(at(c.conv_state_elements())),
      conv_exponents(at(c.conv_state_elements() / c.headdim), kZeroExponent),
      ssm_codes(at(c.state_elements())),
      ssm_exponents(at(c.state_elements() / c.d_state), kZeroExponent) {}

void golden_decode(const IntegerModel& model, GoldenState& state, TokenId token,
                   std::span<std::int32_t> logits, const Probe& probe) {
  golden_pass(model, std::array{GoldenSlot{state, token, logits}}, probe);
}

void golden_pass(const IntegerModel& model, std::span<const GoldenSlot> slots, const Probe& probe) {
  std::vector<GoldenPass> passes;
  passes.reserve(slots.size());
  for (const GoldenSlot& slot : slots) {
    passes.emplace_back(model, slot.state, slot.state.position++, probe);
    passes.back().take_embedding(slot.token);
  }
  for (std::int64_t layer = 0; layer < model.config.n_layer; ++layer) {
    for (GoldenPass& pass : passes) pass.run_layer(layer);
  }
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i].logits.empty()) passes[i].logits(slots[i].logits);
  }
}

}  // namespace lightmamba::accel
