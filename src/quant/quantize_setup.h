// The options of a quantization, resolved once for one model.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <lightmamba/quantize.h>

#include "quant/method.h"

namespace lightmamba {

struct QuantizeSetup {
  // `given` must outlive the setup. Throws Error if an option is out of range or does not fit the
  // model, or if calibration text is needed and not given.
  QuantizeSetup(const Mamba2Config& model, const QuantizeOptions& given);
  QuantizeSetup(const QuantizeSetup&) = delete;
  QuantizeSetup& operator=(const QuantizeSetup&) = delete;

  bool rotates() const { return options.method == Method::lightmamba; }

  const QuantizeOptions& options;
  Quantization quantization;
  Mamba2Config config;  // the configuration of the result
  std::unique_ptr<const WeightMethod> method;
  std::vector<TokenId> calibration;  // the text that is used; empty without text
};

}  // namespace lightmamba
