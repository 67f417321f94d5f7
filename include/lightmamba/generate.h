// Text generation: tokens chosen from logits, one after the other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <lightmamba/export.h>
#include <lightmamba/sampler.h>
#include <lightmamba/sequence.h>

namespace lightmamba {

struct GenerateOptions {
  std::int64_t max_tokens = 128;
  SamplingOptions sampling = {};
  bool stop_at_eos = true;  // where the model's configuration has end-of-text tokens
  // Looked at in the prefill and before each token, which then throw Stopped.
  std::stop_token stop = {};
};

enum class StopReason { max_tokens, end_of_text, callback };

struct GenerateResult {
  std::vector<TokenId> ids;  // without the end-of-text token that stopped it
  StopReason stop_reason = StopReason::max_tokens;
  std::int64_t prompt_tokens = 0;
  std::int64_t decode_steps = 0;  // tokens that went through Sequence::decode
  double prefill_seconds = 0;     // the prompt
  double decode_seconds = 0;      // the rest: sampling and decode steps, without the caller's time
};

// The loop of generation, stepped by its caller:
//
//     Generator generator(*sequence, prompt, options);
//     while (const auto id = generator.next()) ...
//
// The sequence must outlive the generator and not be used by others until it has ended.
class LIGHTMAMBA_EXPORT Generator {
 public:
  // Prefills `prompt` after what the sequence has seen. It may be empty where the sequence has
  // logits. Ids without a token in the model's tokenizer (padding rows of the vocabulary) are never
  // chosen. Throws Error for an option out of range or a bad prompt.
  Generator(Sequence& sequence, std::span<const TokenId> prompt,
            const GenerateOptions& options = {});
  ~Generator();
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;

  // The next token, or none once generation has ended. Throws Error where logits are not numbers.
  std::optional<TokenId> next();
  // Ends it: next() gives no more, and the reason is StopReason::callback.
  void stop();
  // Feeds the sequence the last token, which it has not seen while more may follow: so it can be
  // saved, and gone on from without a prompt.
  void finish();

  const GenerateResult& result() const;  // so far

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

// Called with each token as soon as it is chosen; false stops after it.
using TokenFn = std::function<bool(TokenId)>;

// All of it at once, on a new sequence or on one that goes on, which then has seen all of the
// result's ids. Throws Error as Generator does.
LIGHTMAMBA_EXPORT GenerateResult generate(const Backend& backend, std::span<const TokenId> prompt,
                                          const GenerateOptions& options = {},
                                          const TokenFn& callback = {});
LIGHTMAMBA_EXPORT GenerateResult generate(Sequence& sequence, std::span<const TokenId> prompt,
                                          const GenerateOptions& options = {},
                                          const TokenFn& callback = {});

// Tokens to text as they come. Bytes of a character that is not complete are held back; bytes that
// can belong to no character become U+FFFD, so that all that leaves is well-formed UTF-8.
class LIGHTMAMBA_EXPORT TextStream {
 public:
  explicit TextStream(Tokenizer tokenizer);
  // The text that is complete with this token, maybe none. Throws Error for an id without a token.
  std::string push(TokenId id);
  std::string finish();  // what was held back

 private:
  Tokenizer tokenizer_;
  std::string pending_;
};

}  // namespace lightmamba
