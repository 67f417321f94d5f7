#include "quant/quantize_setup.h"

#include "base/fail.h"
#include "quant/calibration.h"

namespace lightmamba {
namespace {

void check_options(const Mamba2Config& config, const QuantizeOptions& options) {
  parse_scheme(scheme_name(options.scheme));
  if (options.head_bits != 4 && options.head_bits != 8) {
    fail("head_bits must be 4 or 8, but is {}", options.head_bits);
  }
  if (!CodeFormat::is_group(options.group)) {
    fail("the group must be a multiple of {} up to {}, but is {}", CodeFormat::kGroupStep,
         CodeFormat::kLargestGroup, options.group);
  }
  if (options.calibration_window < 1) {
    fail("the calibration window must be positive, but is {}", options.calibration_window);
  }
  if (options.alpha && !(*options.alpha >= 0 && *options.alpha <= 1)) {
    fail("alpha must be 0 to 1, but is {}", *options.alpha);
  }
  if (options.calibration_tokens.value_or(0) < 0) {
    fail("calibration_tokens must not be negative, but is {}", *options.calibration_tokens);
  }
  if (options.calibration.empty() && options.gptq) fail("GPTQ needs calibration text");
  for (const TokenId id : options.calibration) {
    if (id < 0 || id >= config.vocab_size) {
      fail("calibration: token id {} is outside the vocabulary of {}", id, config.vocab_size);
    }
  }
}

Quantization quantization_of(const QuantizeOptions& o) {
  const StateFormat state = o.ssm == SsmFormat::pot8 ? StateFormat::int16 : StateFormat::floating;
  return {.method = o.method,
          .scheme = o.scheme,
          .head_bits = o.head_bits,
          .group = o.group,
          .ssm = o.ssm,
          .state = o.state.value_or(state),
          .clip = o.clip,
          .gptq = o.gptq,
          .seed = o.seed,
          .source = o.source};
}

}  // namespace

QuantizeSetup::QuantizeSetup(const Mamba2Config& model, const QuantizeOptions& given)
    : options(given),
      quantization(quantization_of(given)),
      config(model),
      method(
          make_method(given.method, model, {given.scheme, given.group, given.seed, given.alpha})) {
  check_options(model, given);
  constexpr std::int64_t kTokensToLearnFrom = 81920;
  constexpr std::int64_t kTokensForClips = 4096;
  const bool learns = given.gptq || method->needs_statistics();
  calibration = spread_windows(
      given.calibration, given.calibration_window,
      given.calibration_tokens.value_or(learns ? kTokensToLearnFrom : kTokensForClips));
  if (calibration.empty() && method->needs_statistics()) {
    fail("method {} needs calibration text", method_name(given.method));
  }
  if (method->unties()) config.tie_embeddings = false;
}

}  // namespace lightmamba
