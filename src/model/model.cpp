#include <algorithm>
#include <new>
#include <utility>

#include <lightmamba/model.h>

#include "base/fail.h"
#include "io/stored_tokenizer.h"
#include "model/forward.h"
#include "model/weights.h"

namespace lightmamba {
namespace {

class ReferenceSequence : public Sequence {
 public:
  ReferenceSequence(Model model, State state)
      : model_(std::move(model)), state_(std::move(state)) {}

  void decode(TokenId token, std::span<float> logits) override {
    model_.decode(state_, token, logits);
  }
  std::vector<float> prefill(std::span<const TokenId> tokens) override {
    return model_.prefill(state_, tokens);
  }
  void prefill_all(std::span<const TokenId> tokens, const LogitsFn& logits) override {
    model_.prefill_all(state_, tokens, logits);
  }
  State state() const override { return state_; }
  std::int64_t position() const override { return state_.position; }
  std::size_t bytes() const override {
    return (state_.conv.size() + state_.ssm.size()) * sizeof(float);
  }
  std::unique_ptr<Sequence> fork() const override {
    return std::make_unique<ReferenceSequence>(*this);
  }

 private:
  Model model_;
  State state_;
};

}  // namespace

Model::Model(std::shared_ptr<const Weights> weights,
             std::shared_ptr<const StoredTokenizer> tokenizer, std::filesystem::path path)
    : weights_(std::move(weights)), tokenizer_(std::move(tokenizer)), path_(std::move(path)) {}

const Mamba2Config& Model::config() const { return weights_->config; }

const std::optional<Quantization>& Model::quantization() const { return weights_->quantization; }

Model Model::with_backend(std::shared_ptr<const Backend> backend) const {
  Model model = *this;
  model.backend_ = std::move(backend);
  return model;
}

std::unique_ptr<Sequence> Model::open() const {
  if (backend_) return backend_->open();
  return std::make_unique<ReferenceSequence>(*this, new_state());
}

std::unique_ptr<Sequence> Model::open(const State& state) const {
  check_state(config(), state);
  if (backend_) return backend_->open(state);
  return std::make_unique<ReferenceSequence>(*this, state);
}

Model Model::with_weights(std::shared_ptr<const Weights> weights) const {
  return {std::move(weights), tokenizer_, path_};
}

bool Model::has_tokenizer() const { return tokenizer_->tokenizer.has_value(); }

const Tokenizer& Model::tokenizer() const {
  if (!tokenizer_->error.empty()) throw Error(tokenizer_->error);
  if (!tokenizer_->tokenizer) {
    fail(
        "{}: no tokenizer.json (state-spaces models use that of EleutherAI/gpt-neox-20b, which can "
        "be given apart: --tokenizer, LoadOptions::tokenizer)",
        path_);
  }
  return *tokenizer_->tokenizer;
}

const std::string& Model::tokenizer_json() const { return tokenizer_->json; }

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
  check_logits(config(), logits);
  if (backend_ && (taps == nullptr || taps->empty())) {
    const auto sequence = open(state);
    sequence->decode(token, logits);
    state = sequence->state();
    return;
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
  if (backend_ && (taps == nullptr || taps->empty())) {
    const auto sequence = open(state);
    std::vector<float> result = sequence->prefill(tokens);
    state = sequence->state();
    return result;
  }
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
  if (backend_ && (taps == nullptr || taps->empty())) {
    const auto sequence = open(state);
    sequence->prefill_all(tokens, logits);
    state = sequence->state();
    return;
  }
  if (tokens.empty()) fail("no tokens to prefill");
  forward(*weights_, state, tokens, Scan::chunked, LogitsFor::all, logits, taps);
}

}  // namespace lightmamba
