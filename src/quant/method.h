// The methods that make a network easier to quantize without changing what it computes, behind one
// interface.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <lightmamba/config.h>
#include <lightmamba/quant_format.h>

#include "base/buffer.h"

namespace lightmamba {

// A linear layer of a block and the end of the norm in front of it, where a method can act:
// y = W x + bias with x = norm(.) * gain + gain_bias.
struct LinearSite {
  std::int64_t rows;
  std::int64_t columns;
  std::span<float> weight;          // W [rows, columns]
  AlignedVector<float>& bias;       // [rows] or empty
  AlignedVector<float>& gain;       // [columns]
  AlignedVector<float>& gain_bias;  // [columns] or empty
};

// What was seen of x at a site in calibration.
struct SiteStatistics {
  AlignedVector<float> low;     // of each channel over all tokens [columns]
  AlignedVector<float> high;    // [columns]
  AlignedVector<float> sample;  // some of the tokens [any, columns]
};

struct MethodOptions {
  Scheme scheme = {};
  std::int64_t group = 128;
  std::uint64_t seed = 0;
  std::optional<float> alpha = {};  // of SmoothQuant; searched where it is not given
};

// Immutable; may be used from several threads.
class WeightMethod {
 public:
  virtual ~WeightMethod() = default;

  // Whether prepare_in_proj and prepare_out_proj look at their statistics.
  virtual bool needs_statistics() const { return false; }
  // Whether embedding and head become different matrices.
  virtual bool unties() const { return false; }

  // Rows of the embedding, and of the head with the gain of the norm before it. [any, d_model]
  virtual void prepare_embedding(std::span<float> /*rows*/) const {}
  virtual void prepare_head(std::span<const float> /*norm_f*/, std::span<float> /*rows*/) const {}
  // The gain that is left of norm_f once the head has been prepared.
  virtual void prepare_norm_f(std::span<float> /*norm_f*/) const {}

  virtual void prepare_in_proj(LinearSite& /*site*/, const SiteStatistics& /*seen*/) const {}
  virtual void prepare_out_proj(LinearSite& /*site*/, const SiteStatistics& /*seen*/) const {}
};

// Throws Error where the method does not fit the shape.
std::unique_ptr<const WeightMethod> make_method(Method method, const Mamba2Config& config,
                                                const MethodOptions& options);

}  // namespace lightmamba
