#include "model/stepwise_sequence.h"

namespace lightmamba {

void StepwiseSequence::run_verify(std::span<const TokenId> tokens, std::int64_t certain,
                                  std::span<float> logits) {
  const std::size_t vocab = logits.size() / tokens.size();
  earlier_.clear();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    earlier_.push_back(static_cast<std::int64_t>(i) < certain ? nullptr : fork());
    run_decode(tokens[i], logits.subspan(i * vocab, vocab));
  }
}

void StepwiseSequence::run_keep(std::int64_t count) {
  if (count < std::ssize(earlier_)) become(*earlier_[static_cast<std::size_t>(count)]);
  earlier_.clear();
}

}  // namespace lightmamba
