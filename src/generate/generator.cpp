#include <chrono>
#include <utility>

#include <lightmamba/generate.h>

#include "base/fail.h"

namespace lightmamba {
namespace {

// Adds the seconds of its lifetime to a sum.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds) {}
  ~Stopwatch() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

class Generator::Loop {
 public:
  Loop(Sequence& sequence, std::span<const TokenId> prompt, const GenerateOptions& options)
      : sequence_(sequence),
        options_(options),
        sampler_(options.sampling, sequence.backend().model()),
        seen_(prompt.begin(), prompt.end()) {
    if (options.max_tokens < 0) {
      fail("max_tokens must not be negative, but is {}", options.max_tokens);
    }
    if (prompt.empty() && sequence.logits().empty()) fail("the prompt has no tokens");
    result_.prompt_tokens = std::ssize(prompt);
    if (prompt.empty()) return;
    const Stopwatch stopwatch(result_.prefill_seconds);
    sequence.prefill(prompt, options.stop);
  }

  std::optional<TokenId> next() {
    if (has_ended_ || std::ssize(result_.ids) >= options_.max_tokens) return {};
    throw_if_stopped(options_.stop);
    const Stopwatch stopwatch(result_.decode_seconds);
    feed_last();
    const TokenId id = sampler_.sample(sequence_.logits(), seen_);
    if (options_.stop_at_eos && sequence_.backend().config().ends_text(id)) {
      end(StopReason::end_of_text);
      return {};
    }
    seen_.push_back(id);
    result_.ids.push_back(id);
    return id;
  }

  void end(StopReason reason) {
    has_ended_ = true;
    result_.stop_reason = reason;
  }

  void finish() {
    const Stopwatch stopwatch(result_.decode_seconds);
    feed_last();
    has_ended_ = true;
  }

  const GenerateResult& result() const { return result_; }

 private:
  void feed_last() {
    if (result_.decode_steps == std::ssize(result_.ids)) return;
    sequence_.decode(result_.ids.back());
    ++result_.decode_steps;
  }

  Sequence& sequence_;
  GenerateOptions options_;
  Sampler sampler_;
  std::vector<TokenId> seen_;  // tokens that the sampler has seen: the prompt and the result
  GenerateResult result_;
  bool has_ended_ = false;
};

Generator::Generator(Sequence& sequence, std::span<const TokenId> prompt,
                     const GenerateOptions& options)
    : loop_(std::make_unique<Loop>(sequence, prompt, options)) {}
Generator::~Generator() = default;
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;

std::optional<TokenId> Generator::next() { return loop_->next(); }
void Generator::stop() { loop_->end(StopReason::callback); }
void Generator::finish() { loop_->finish(); }
const GenerateResult& Generator::result() const { return loop_->result(); }

namespace {

void run(Generator& generator, const TokenFn& callback) {
  while (const auto id = generator.next()) {
    if (callback && !callback(*id)) generator.stop();
  }
}

}  // namespace

GenerateResult generate(const Backend& backend, std::span<const TokenId> prompt,
                        const GenerateOptions& options, const TokenFn& callback) {
  const std::unique_ptr<Sequence> sequence = backend.open();
  Generator generator(*sequence, prompt, options);
  run(generator, callback);
  return generator.result();
}

GenerateResult generate(Sequence& sequence, std::span<const TokenId> prompt,
                        const GenerateOptions& options, const TokenFn& callback) {
  Generator generator(sequence, prompt, options);
  run(generator, callback);
  generator.finish();
  return generator.result();
}

}  // namespace lightmamba
