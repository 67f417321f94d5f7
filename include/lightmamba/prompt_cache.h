// States of prompts, kept for prompts that begin alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>

#include <lightmamba/export.h>
#include <lightmamba/sequence.h>

namespace lightmamba {

// Makes prefill faster for prompts that begin like earlier ones: it keeps the states that prompts
// have left at the ends of their segments, and drops the least recently used when room runs out.
// Safe to use from several threads.
class LIGHTMAMBA_EXPORT PromptCache {
 public:
  // The states take at most this many bytes; 0 keeps none.
  PromptCache(std::shared_ptr<const Backend> backend, std::size_t capacity_bytes);
  ~PromptCache();
  PromptCache(PromptCache&&) noexcept;
  PromptCache& operator=(PromptCache&&) noexcept;

  struct Prompted {
    std::unique_ptr<Sequence> sequence;  // the sequence after the prompt, with logits
    std::int64_t reused_tokens = 0;      // tokens of the prompt that needed no work
  };
  // Opens a sequence and prefills the prompt. The result has the same bytes as without the cache;
  // on the reference it is the same up to rounding. Throws Error as Sequence::prefill() does; if it
  // is stopped, the segments that were done are kept.
  Prompted open(std::span<const TokenId> prompt, const std::stop_token& stop = {});

  std::size_t bytes() const;  // bytes of the states that are kept

 private:
  class Entries;
  std::unique_ptr<Entries> entries_;
};

}  // namespace lightmamba
