#include "accel/golden_backend.h"

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "accel/numerics/block8.h"
#include "accel/numerics/fixed_point.h"
#include "accel/numerics/golden_model.h"
#include "accel/program/make_network.h"
#include "base/fail.h"
#include "model/forward.h"

namespace lightmamba::accel {
namespace {

// Codes of consecutive blocks of `size`, times the exponent of each.
template <typename Code>
void to_values(const std::vector<Code>& codes, const std::vector<std::int8_t>& exponents,
               std::vector<float>& values) {
  if (exponents.empty()) return;  // a convolution of one tap keeps nothing
  const std::size_t size = codes.size() / exponents.size();
  values.resize(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    values[i] = std::ldexp(static_cast<float>(codes[i]), exponents[i / size]);
  }
}

// Back again: values that are codes of so many bits are kept.
template <typename Code>
void to_codes(const std::vector<float>& values, int bits, std::vector<Code>& codes,
              std::vector<std::int8_t>& exponents) {
  if (exponents.empty()) return;
  const std::size_t size = codes.size() / exponents.size();
  const auto most = static_cast<float>((1 << (bits - 1)) - 1);
  for (std::size_t block = 0; block < exponents.size(); ++block) {
    float largest = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const float value = values[block * size + i];
      if (!std::isfinite(value)) fail("the state has a number that is not finite");
      largest = std::max(largest, std::abs(value));
    }
    int exponent = kZeroExponent;
    if (largest > 0) {
      exponent = std::ilogb(largest) - (bits - 2);
      if (largest > std::ldexp(most, exponent)) ++exponent;
      exponent = std::max(exponent, kZeroExponent);
      if (exponent > -kZeroExponent - 1) fail("the state has a number of magnitude {}", largest);
    }
    exponents[block] = static_cast<std::int8_t>(exponent);
    for (std::size_t i = 0; i < size; ++i) {
      const double code = std::ldexp(static_cast<double>(values[block * size + i]), -exponent);
      codes[block * size + i] =
          exponent == kZeroExponent ? Code{0} : static_cast<Code>(std::lround(code));
    }
  }
}

class GoldenSequence : public Sequence {
 public:
  GoldenSequence(std::shared_ptr<const Network> network, GoldenState state)
      : network_(std::move(network)), state_(std::move(state)) {}

  void decode(TokenId token, std::span<float> logits) override {
    check_logits(network_->config, logits);
    check_tokens(network_->config, {&token, 1});
    std::vector<std::int32_t> fixed(logits.size());
    golden_decode(*network_, state_, token, fixed);
    for (std::size_t i = 0; i < fixed.size(); ++i) {
      logits[i] =
          static_cast<float>(std::ldexp(static_cast<double>(fixed[i]), -kLogitFractionBits));
    }
  }

  std::vector<float> prefill(std::span<const TokenId> tokens) override {
    if (tokens.empty()) fail("no tokens to prefill");
    check_tokens(network_->config, tokens);
    for (const TokenId token : tokens.first(tokens.size() - 1)) decode(token, {});
    std::vector<float> logits(static_cast<std::size_t>(network_->config.vocab_size));
    decode(tokens.back(), logits);
    return logits;
  }

  void prefill_all(std::span<const TokenId> tokens, const LogitsFn& logits) override {
    if (tokens.empty()) fail("no tokens to prefill");
    check_tokens(network_->config, tokens);
    std::vector<float> values(static_cast<std::size_t>(network_->config.vocab_size));
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      decode(tokens[i], values);
      logits(static_cast<std::int64_t>(i), values);
    }
  }

  State state() const override {
    State state;
    to_values(state_.conv_codes, state_.conv_exponents, state.conv);
    to_values(state_.ssm_codes, state_.ssm_exponents, state.ssm);
    state.position = state_.position;
    return state;
  }

  std::int64_t position() const override { return state_.position; }

  std::size_t bytes() const override {
    return state_.conv_codes.size() + state_.conv_exponents.size() + state_.ssm_exponents.size() +
           state_.ssm_codes.size() * sizeof(std::int16_t);
  }

  std::unique_ptr<Sequence> fork() const override {
    return std::make_unique<GoldenSequence>(*this);
  }

 private:
  std::shared_ptr<const Network> network_;
  GoldenState state_;
};

class GoldenBackend : public Backend {
 public:
  explicit GoldenBackend(std::shared_ptr<const Network> network) : network_(std::move(network)) {}

  std::unique_ptr<Sequence> open() const override {
    return std::make_unique<GoldenSequence>(network_, GoldenState(network_->config));
  }

  std::unique_ptr<Sequence> open(const State& from) const override {
    GoldenState state(network_->config);
    to_codes(from.conv, 8, state.conv_codes, state.conv_exponents);
    to_codes(from.ssm, network_->state_bits, state.ssm_codes, state.ssm_exponents);
    state.position = from.position;
    return std::make_unique<GoldenSequence>(network_, std::move(state));
  }

 private:
  std::shared_ptr<const Network> network_;
};

}  // namespace

Model with_golden(const Model& model) {
  return model.with_backend(std::make_shared<const GoldenBackend>(
      std::make_shared<const Network>(make_network(model.weights()))));
}

}  // namespace lightmamba::accel
