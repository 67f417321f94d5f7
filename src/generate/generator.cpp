#include <algorithm>
#include <chrono>
#include <optional>
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
    if (options.draft.drafter && options.draft.tokens < 1) {
      fail("a draft must have at least 1 token, but may have {}", options.draft.tokens);
    }
    result_.prompt_tokens = std::ssize(prompt);
    if (prompt.empty()) return;
    const Stopwatch stopwatch(result_.prefill_seconds);
    sequence.prefill(prompt, options.stop);
  }

  // A loop that is left amid a pass leaves the sequence as one without drafts does, which has not
  // seen the last token.
  ~Loop() {
    if (!pass_) return;
    try {
      sequence_.keep(std::max<std::int64_t>(static_cast<std::int64_t>(pass_->row), 1));
    } catch (...) {  // NOLINT(bugprone-empty-catch): a destructor has nobody to tell
    }
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  std::optional<TokenId> next() {
    if (has_ended_ || std::ssize(result_.ids) >= options_.max_tokens) return {};
    throw_if_stopped(options_.stop);
    const Stopwatch stopwatch(result_.decode_seconds);
    const TokenId id = sampler_.sample(next_logits(), seen_);
    if (options_.stop_at_eos && sequence_.backend().config().ends_text(id)) {
      end(StopReason::end_of_text);
      return {};
    }
    seen_.push_back(id);
    result_.ids.push_back(id);
    if (pass_ && pass_->proposes(id)) {
      ++pass_->row;
      ++result_.decode_steps;
      ++result_.accepted_tokens;
    } else {
      end_pass();
    }
    return id;
  }

  void end(StopReason reason) {
    end_pass();
    has_ended_ = true;
    result_.stop_reason = reason;
  }

  void finish() {
    const Stopwatch stopwatch(result_.decode_seconds);
    end_pass();
    if (!has_seen_all()) decode_last();
    has_ended_ = true;
  }

  const GenerateResult& result() const { return result_; }

 private:
  // A pass over the last token and a draft. Tokens of the draft are accepted as long as they are
  // the ones that are chosen.
  struct Pass {
    std::vector<TokenId> draft;
    std::size_t row = 0;  // the row of `logits_` that the next token is chosen from

    bool proposes(TokenId id) const { return row < draft.size() && draft[row] == id; }
  };

  bool has_seen_all() const { return result_.decode_steps == std::ssize(result_.ids); }

  std::span<const float> next_logits() {
    if (!pass_ && !has_seen_all()) begin_pass();
    if (!pass_) return sequence_.logits();
    const auto vocab = static_cast<std::size_t>(sequence_.backend().config().vocab_size);
    return std::span<const float>(logits_).subspan(pass_->row * vocab, vocab);
  }

  void begin_pass() {
    std::vector<TokenId> draft = next_draft();
    if (draft.empty()) return decode_last();
    std::vector<TokenId> tokens = {result_.ids.back()};
    tokens.insert(tokens.end(), draft.begin(), draft.end());
    logits_.clear();
    sequence_.verify(
        tokens,
        [&](std::int64_t /*index*/, std::span<const float> row) {
          logits_.insert(logits_.end(), row.begin(), row.end());
        },
        1);
    ++result_.decode_steps;
    ++result_.decode_passes;
    result_.draft_tokens += std::ssize(draft);
    pass_ = Pass{std::move(draft)};
  }

  std::vector<TokenId> next_draft() const {
    // The pass has one token more to choose than the draft has tokens.
    const std::int64_t count =
        std::min(options_.draft.tokens, options_.max_tokens - std::ssize(result_.ids) - 1);
    if (!options_.draft.drafter || count < 1) return {};
    std::vector<TokenId> draft = options_.draft.drafter(seen_, count);
    if (std::ssize(draft) > count) draft.resize(static_cast<std::size_t>(count));
    return draft;
  }

  // Takes back what was not accepted.
  void end_pass() {
    if (pass_) sequence_.keep(static_cast<std::int64_t>(pass_->row) + 1);
    pass_.reset();
  }

  void decode_last() {
    sequence_.decode(result_.ids.back());
    ++result_.decode_steps;
    ++result_.decode_passes;
  }

  Sequence& sequence_;
  GenerateOptions options_;
  Sampler sampler_;
  std::vector<TokenId> seen_;  // tokens that the sampler has seen: the prompt and the result
  GenerateResult result_;
  std::optional<Pass> pass_;
  std::vector<float> logits_;  // after each token of the pass [1 + draft.size(), vocab_size]
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
