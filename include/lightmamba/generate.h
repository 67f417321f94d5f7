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

#include <lightmamba/drafts.h>
#include <lightmamba/export.h>
#include <lightmamba/sampler.h>
#include <lightmamba/sequence.h>

namespace lightmamba {

struct GenerateOptions {
  std::int64_t max_tokens = 128;
  SamplingOptions sampling = {};
  // Drafts change how fast the tokens come and nothing else: each token is chosen from the logits
  // that the model itself has for it, with the same random numbers.
  DraftOptions draft = {};
  bool stop_at_eos = true;  // stop at the end-of-text tokens of the model's configuration
  // Looked at in the prefill and before each token, which then throw Stopped.
  std::stop_token stop = {};
};

enum class StopReason { max_tokens, end_of_text, callback };

struct GenerateResult {
  std::vector<TokenId> ids;  // without the end-of-text token that stopped it
  StopReason stop_reason = StopReason::max_tokens;
  std::int64_t prompt_tokens = 0;
  std::int64_t decode_steps = 0;     // how many tokens of `ids` the sequence has seen
  std::int64_t decode_passes = 0;    // passes in which it saw them: fewer only with drafts
  std::int64_t draft_tokens = 0;     // tokens that drafts have proposed
  std::int64_t accepted_tokens = 0;  // how many of them were chosen
  double prefill_seconds = 0;        // time for the prompt
  double decode_seconds = 0;         // time for sampling, passes and drafts, without the caller's
};

// The loop of generation, stepped by its caller:
//
//     Generator generator(*sequence, prompt, options);
//     while (const auto id = generator.next()) ...
//
// The sequence must outlive the generator and not be used by others until generation has ended.
class LIGHTMAMBA_EXPORT Generator {
 public:
  // Prefills `prompt` after the tokens that the sequence has seen. It may be empty if the sequence
  // has logits. Ids without a token in the model's tokenizer (padding rows of the vocabulary) are
  // never chosen. Throws Error for an option out of range or a bad prompt.
  Generator(Sequence& sequence, std::span<const TokenId> prompt,
            const GenerateOptions& options = {});
  ~Generator();
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;

  // Returns the next token, or none once generation has ended. Throws Error if a logit is not a
  // number, or if a draft has an id outside the vocabulary.
  std::optional<TokenId> next();
  // Ends generation: next() returns no more tokens, and the reason is StopReason::callback.
  void stop();
  // Feeds the sequence the last token, which it has not seen as long as more may follow. Then the
  // sequence can be saved, and continued without a prompt.
  void finish();

  const GenerateResult& result() const;  // the result so far

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

// Called with each token as soon as it is chosen; false stops after it.
using TokenFn = std::function<bool(TokenId)>;

// Generates all tokens at once, on a new sequence or on a given one, which has then seen all ids of
// the result. Throws Error as Generator does.
LIGHTMAMBA_EXPORT GenerateResult generate(const Backend& backend, std::span<const TokenId> prompt,
                                          const GenerateOptions& options = {},
                                          const TokenFn& callback = {});
LIGHTMAMBA_EXPORT GenerateResult generate(Sequence& sequence, std::span<const TokenId> prompt,
                                          const GenerateOptions& options = {},
                                          const TokenFn& callback = {});

// Turns tokens into text one by one. Bytes of an incomplete character are held back; bytes that can
// belong to no character become U+FFFD, so that the text is always well-formed UTF-8.
class LIGHTMAMBA_EXPORT TextStream {
 public:
  explicit TextStream(Tokenizer tokenizer);
  // Returns the text that this token completes, which may be empty. Throws Error for an id without
  // a token.
  std::string push(TokenId id);
  std::string finish();  // returns the bytes that were held back

 private:
  Tokenizer tokenizer_;
  std::string pending_;
};

}  // namespace lightmamba
