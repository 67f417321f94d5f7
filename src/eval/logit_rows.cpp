#include "eval/logit_rows.h"

#include <algorithm>
#include <cstdint>

namespace lightmamba {

std::span<const float> logit_rows(Sequence& sequence, std::span<const TokenId> tokens,
                                  std::vector<float>& room) {
  const std::int64_t vocab = sequence.backend().config().vocab_size;
  const std::size_t size = tokens.size() * static_cast<std::size_t>(vocab);
  if (room.size() < size) room.resize(size);
  sequence.prefill_all(tokens, [&](std::int64_t index, std::span<const float> logits) {
    std::ranges::copy(logits, room.begin() + index * vocab);
  });
  return std::span<const float>(room).first(size);
}

}  // namespace lightmamba
