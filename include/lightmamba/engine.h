// The fast CPU engine for quantized models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <lightmamba/model.h>

namespace lightmamba {

struct EngineOptions {
  int threads = 0;  // 0: as many as parallel loops have
  // Keeps each thread on a processor of its own, the one that makes the engine too while the engine
  // lives. For machines that run nothing else; where there are fewer processors, nothing happens.
  bool pin_threads = false;
};

// Whether the engine can run the model: its weights and activations have 4 or 8 bits.
bool engine_supports(const Model& model);

// The same model on the engine. Its logits are those of the reference up to rounding of floats, the
// same bytes on any number of threads and any instruction set; but prefill rounds the state once
// for up to kPrefillSegment tokens instead of after each. Throws Error where engine_supports() is
// false, or LIGHTMAMBA_ISA names an instruction set that this processor does not have.
Model with_engine(const Model& model, const EngineOptions& options = {});

// Tokens that go through the layers together. Segments end at multiples of it, counted from the
// beginning of the sequence: so a prompt that is cut there leaves the same bytes as in one piece.
inline constexpr std::int64_t kPrefillSegment = 256;

// One token for each of several sequences, which share every read of a weight where they are on the
// same engine. The same as Sequence::decode() for each. `logits` is [sequences.size(), vocab_size],
// or empty where none are wanted. A sequence must not be given twice. Throws Error as
// Sequence::decode() does; sequences on one engine are then all unchanged.
void decode_together(std::span<Sequence* const> sequences, std::span<const TokenId> tokens,
                     std::span<float> logits);

// Prefills prompts that begin like earlier ones faster: keeps the states that prompts have left
// where their segments end, the least recently used of them only as long as there is room. Safe to
// use from several threads.
class PromptCache {
 public:
  // Keeps at most so many bytes of states; 0 keeps none.
  PromptCache(Model model, std::size_t capacity_bytes);

  struct Prompted {
    std::unique_ptr<Sequence> sequence;  // that has seen the prompt
    std::vector<float> logits;           // after it [vocab_size]
    std::int64_t reused_tokens = 0;      // that needed no work
  };
  // The same bytes, on the engine, as a prefill of all of it. Throws Error as Sequence::prefill().
  Prompted open(std::span<const TokenId> prompt);

  std::size_t bytes() const;  // of the states that are kept

 private:
  struct Entry {
    std::vector<TokenId> tokens;
    std::shared_ptr<const Sequence> sequence;
    std::size_t bytes;
  };

  std::shared_ptr<const Sequence> find(std::span<const TokenId> prompt);
  void keep(Entry entry);

  Model model_;
  std::size_t capacity_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the most recently used first
  std::size_t bytes_ = 0;
};

}  // namespace lightmamba
