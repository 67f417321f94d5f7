#include <chrono>
#include <memory>
#include <utility>

#include <lightmamba/generate.h>

#include "base/fail.h"
#include "engine/sampler.h"

namespace lightmamba {
namespace {

class Stopwatch {
 public:
  // Seconds since the last call, or since the beginning.
  double lap() {
    const Clock::time_point now = Clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

std::vector<TokenId> ids_with_token(const Model& model) {
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < model.config().vocab_size; ++id) {
    if (!model.has_tokenizer() || model.tokenizer().has_token(id)) ids.push_back(id);
  }
  return ids;
}

}  // namespace

GenerateResult generate(const Model& model, std::span<const TokenId> prompt,
                        const GenerateOptions& options, const TokenFn& callback, State* state) {
  if (options.max_tokens < 0)
    fail("max_tokens must not be negative, but is {}", options.max_tokens);
  if (prompt.empty()) fail("the prompt has no tokens");
  Sampler sampler(options.sampling, ids_with_token(model));
  const std::unique_ptr<Sequence> running = state == nullptr ? model.open() : model.open(*state);

  GenerateResult result;
  result.prompt_tokens = std::ssize(prompt);
  Stopwatch stopwatch;
  std::vector<float> logits = running->prefill(prompt);
  result.prefill_seconds = stopwatch.lap();

  std::vector<TokenId> sequence(prompt.begin(), prompt.end());
  const auto feed_last = [&](std::span<float> wanted_logits) {
    if (std::ssize(sequence) == result.prompt_tokens + result.decode_steps) return;
    running->decode(sequence.back(), wanted_logits);
    ++result.decode_steps;
  };
  while (std::ssize(sequence) - result.prompt_tokens < options.max_tokens) {
    feed_last(logits);
    const TokenId id = sampler.sample(logits, sequence);
    result.decode_seconds += stopwatch.lap();
    if (options.stop_at_eos && model.config().ends_text(id)) {
      result.stop_reason = StopReason::end_of_text;
      break;
    }
    sequence.push_back(id);
    const bool go_on = !callback || callback(id);
    stopwatch.lap();
    if (!go_on) {
      result.stop_reason = StopReason::callback;
      break;
    }
  }
  if (state != nullptr) {
    feed_last({});
    *state = running->state();
    result.decode_seconds += stopwatch.lap();
  }
  result.ids.assign(sequence.begin() + result.prompt_tokens, sequence.end());
  return result;
}

}  // namespace lightmamba
