#include <algorithm>
#include <new>
#include <utility>

#include <lightmamba/model.h>

#include "base/fail.h"
#include "model/forward.h"
#include "model/weights.h"

namespace lightmamba {

Model::Model(std::shared_ptr<const Weights> weights, std::optional<Tokenizer> tokenizer,
             std::filesystem::path path)
    : weights_(std::move(weights)), tokenizer_(std::move(tokenizer)), path_(std::move(path)) {}

const Mamba2Config& Model::config() const { return weights_->config; }

const std::optional<Quantization>& Model::quantization() const { return weights_->quantization; }

Model Model::with_weights(std::shared_ptr<const Weights> weights) const {
  return {std::move(weights), tokenizer_, path_};
}

const Tokenizer& Model::tokenizer() const {
  if (!tokenizer_) {
    fail(
        "{}: no tokenizer.json (state-spaces models use that of EleutherAI/gpt-neox-20b, which can "
        "be given apart: --tokenizer, LoadOptions::tokenizer)",
        path_);
  }
  return *tokenizer_;
}

State Model::new_state() const {
  const Mamba2Config& c = config();
  const std::int64_t numbers = c.conv_state_elements() + c.state_elements();
  try {
    State state;
    state.conv.resize(static_cast<std::size_t>(c.conv_state_elements()));
    state.ssm.resize(static_cast<std::size_t>(c.state_elements()));
    return state;
  } catch (const std::bad_alloc&) {
    fail("{}: out of memory: the state of a sequence has {} numbers", path_, numbers);
  }
}

void Model::decode(State& state, TokenId token, std::span<float> logits, const Taps* taps) const {
  if (!logits.empty() && std::ssize(logits) != config().vocab_size) {
    fail("room for {} logits, but the vocabulary has {}", logits.size(), config().vocab_size);
  }
  forward(
      *weights_, state, std::span(&token, 1), Scan::recurrent,
      logits.empty() ? LogitsFor::none : LogitsFor::last,
      [&](std::int64_t /*index*/, std::span<const float> row) {
        std::copy(row.begin(), row.end(), logits.begin());
      },
      taps);
}

std::vector<float> Model::prefill(State& state, std::span<const TokenId> tokens,
                                  const Taps* taps) const {
  if (tokens.empty()) fail("no tokens to prefill");
  std::vector<float> result;
  forward(
      *weights_, state, tokens, Scan::chunked, LogitsFor::last,
      [&](std::int64_t /*index*/, std::span<const float> row) {
        result.assign(row.begin(), row.end());
      },
      taps);
  return result;
}

void Model::prefill_all(State& state, std::span<const TokenId> tokens, const LogitsFn& logits,
                        const Taps* taps) const {
  if (tokens.empty()) fail("no tokens to prefill");
  forward(*weights_, state, tokens, Scan::chunked, LogitsFor::all, logits, taps);
}

}  // namespace lightmamba
