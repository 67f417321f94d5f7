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

// Prefills prompts that begin like earlier ones faster: keeps the states that prompts have left
// where their segments end, the least recently used of them only as long as there is room. Safe to
// use from several threads.
class LIGHTMAMBA_EXPORT PromptCache {
 public:
  // Keeps at most so many bytes of states; 0 keeps none.
  PromptCache(std::shared_ptr<const Backend> backend, std::size_t capacity_bytes);
  ~PromptCache();
  PromptCache(PromptCache&&) noexcept;
  PromptCache& operator=(PromptCache&&) noexcept;

  struct Prompted {
    std::unique_ptr<Sequence> sequence;  // that has seen the prompt, with the logits after it
    std::int64_t reused_tokens = 0;      // that needed no work
  };
  // The same bytes as a prefill of all of it; on the reference up to rounding. Throws Error as
  // Sequence::prefill() does; where it is stopped, the segments that were done are kept.
  Prompted open(std::span<const TokenId> prompt, const std::stop_token& stop = {});

  std::size_t bytes() const;  // of the states that are kept

 private:
  class Entries;
  std::unique_ptr<Entries> entries_;
};

}  // namespace lightmamba
