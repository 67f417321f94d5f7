#include "eval/tapped_sequence.h"

#include <algorithm>
#include <cstdint>

namespace lightmamba {

TappedSequence::TappedSequence(const Model& model, const Taps* taps)
    : model_(&model), taps_(taps != nullptr && !taps->empty() ? taps : nullptr) {
  if (taps_ != nullptr) {
    state_ = model.new_state();
  } else {
    sequence_ = model.open();
  }
}

std::vector<float> TappedSequence::prefill(std::span<const TokenId> tokens) {
  return taps_ != nullptr ? model_->prefill(state_, tokens, taps_) : sequence_->prefill(tokens);
}

std::span<const float> TappedSequence::rows(std::span<const TokenId> tokens,
                                            std::vector<float>& room) {
  const auto vocab = static_cast<std::size_t>(model_->config().vocab_size);
  const std::size_t size = tokens.size() * vocab;
  if (room.size() < size) room.resize(size);
  const LogitsFn keep = [&](std::int64_t index, std::span<const float> logits) {
    std::ranges::copy(logits, room.begin() + index * static_cast<std::int64_t>(vocab));
  };
  if (taps_ != nullptr) {
    model_->prefill_all(state_, tokens, keep, taps_);
  } else {
    sequence_->prefill_all(tokens, keep);
  }
  return std::span<const float>(room).first(size);
}

TappedSequence TappedSequence::fork() const {
  TappedSequence copy;
  copy.model_ = model_;
  copy.taps_ = taps_;
  if (sequence_) copy.sequence_ = sequence_->fork();
  copy.state_ = state_;
  return copy;
}

}  // namespace lightmamba
