// The share of their range that the quantizers of activations span, found from calibration text.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <lightmamba/quantize.h>

#include "base/buffer.h"

namespace lightmamba {

class ActivationClips {
 public:
  // `options` must outlive the clips.
  explicit ActivationClips(const QuantizeOptions& options) : options_(options) {}

  // Tells whether find() looks at its inputs.
  bool are_found(int bits) const;
  // Finds the clip of the next of the activation_sites from `inputs` [tokens, columns] of its
  // linear layer; it is 1 if are_found() is false or there are no inputs.
  void find(int bits, std::int64_t columns, std::span<const float> inputs);
  // Rounds inputs of the site whose clip was found last.
  void round(int bits, std::int64_t columns, std::span<float> inputs) const;

  std::span<const float> all() const { return clips_; }  // in the order in which they were found

 private:
  const QuantizeOptions& options_;
  std::vector<float> clips_;
};

}  // namespace lightmamba
