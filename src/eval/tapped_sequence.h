// One sequence on its way through a model that may have taps: with taps on the reference, without
// them on the model's back end.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include <lightmamba/engine.h>
#include <lightmamba/model.h>

namespace lightmamba {

// Tokens whose logits are held at once, so that a parallel loop can share them out. The engine
// rounds its state at multiples of kPrefillSegment and wherever else a prefill ends, so a block
// ends where a segment does.
inline constexpr auto kLogitRows = static_cast<std::size_t>(kPrefillSegment);

class TappedSequence {
 public:
  // The empty sequence. `taps` may be null; both arguments must outlive this object.
  TappedSequence(const Model& model, const Taps* taps);

  // Both throw Error as the functions of Model. `rows` returns the logits after each of the tokens
  // [tokens, vocab_size]; they lie in `room`, which grows as needed and may serve several
  // sequences.
  std::vector<float> prefill(std::span<const TokenId> tokens);
  std::span<const float> rows(std::span<const TokenId> tokens, std::vector<float>& room);

  TappedSequence fork() const;

 private:
  TappedSequence() = default;

  const Model* model_ = nullptr;
  const Taps* taps_ = nullptr;          // null: none
  std::unique_ptr<Sequence> sequence_;  // without taps
  State state_;                         // with taps
};

}  // namespace lightmamba
