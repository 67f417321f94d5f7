#include <algorithm>
#include <functional>
#include <new>
#include <utility>

#include <lightmamba/sequence.h>

#include "base/fail.h"
#include "model/forward.h"

namespace lightmamba {

State new_state(const Mamba2Config& config) {
  const std::int64_t numbers = config.conv_state_elements() + config.state_elements();
  try {
    State state;
    state.conv.resize(static_cast<std::size_t>(config.conv_state_elements()));
    state.ssm.resize(static_cast<std::size_t>(config.state_elements()));
    return state;
  } catch (const std::bad_alloc&) {
    fail("out of memory: the state of a sequence has {} numbers", numbers);
  }
}

std::span<float> Sequence::keep_logits(bool wanted) {
  keep_all();
  logits_.resize(wanted ? static_cast<std::size_t>(backend_->config().vocab_size) : 0);
  return logits_;
}

std::span<const float> Sequence::decode(TokenId token) {
  check_tokens(backend_->config(), {&token, 1});
  run_decode(token, keep_logits(true));
  return logits_;
}

void Sequence::advance(TokenId token) {
  check_tokens(backend_->config(), {&token, 1});
  run_decode(token, keep_logits(false));
}

std::span<const float> Sequence::prefill(std::span<const TokenId> tokens,
                                         const std::stop_token& stop) {
  if (tokens.empty()) fail("no tokens to prefill");
  check_tokens(backend_->config(), tokens);
  keep_all();
  run_prefill(
      tokens, LogitsFor::last,
      [&](std::int64_t /*index*/, std::span<const float> row) {
        logits_.assign(row.begin(), row.end());
      },
      stop);
  return logits_;
}

void Sequence::prefill_all(std::span<const TokenId> tokens, const LogitsFn& logits,
                           const std::stop_token& stop) {
  if (tokens.empty()) fail("no tokens to prefill");
  check_tokens(backend_->config(), tokens);
  keep_all();
  run_prefill(
      tokens, LogitsFor::all,
      [&](std::int64_t index, std::span<const float> row) {
        if (index + 1 == std::ssize(tokens)) logits_.assign(row.begin(), row.end());
        logits(index, row);
      },
      stop);
}

void Sequence::verify(std::span<const TokenId> tokens, const LogitsFn& logits,
                      std::int64_t certain) {
  if (tokens.empty()) fail("no tokens to verify");
  if (certain < 0 || certain > std::ssize(tokens)) {
    fail("{} of {} tokens to verify cannot be certain", certain, tokens.size());
  }
  check_tokens(backend_->config(), tokens);
  keep_all();
  const auto vocab = static_cast<std::size_t>(backend_->config().vocab_size);
  verified_logits_.resize(tokens.size() * vocab);
  run_verify(tokens, certain, verified_logits_);
  logits_before_.swap(logits_);
  verified_ = std::ssize(tokens);
  certain_ = certain;
  logits_.assign(verified_logits_.end() - static_cast<std::ptrdiff_t>(vocab),
                 verified_logits_.end());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    logits(static_cast<std::int64_t>(i),
           std::span<const float>(verified_logits_).subspan(i * vocab, vocab));
  }
}

void Sequence::keep(std::int64_t count) {
  if (verified_ == 0) fail("keep() must follow verify(): no tokens can be taken back");
  if (count < 0 || count > verified_) {
    fail("cannot keep {} of {} verified tokens", count, verified_);
  }
  if (count < certain_) fail("cannot keep {} of {} certain tokens", count, certain_);
  run_keep(count);
  if (count == 0) {
    logits_.swap(logits_before_);
  } else {
    const std::ptrdiff_t vocab = backend_->config().vocab_size;
    const auto end = verified_logits_.begin() + count * vocab;
    logits_.assign(end - vocab, end);
  }
  keep_all();
}

State Sequence::state() const {
  State state = numbers();
  state.logits = logits_;
  return state;
}

std::unique_ptr<Sequence> Backend::open(const OpenOptions& options) const {
  if (options.state != nullptr) {
    check_state(config(), *options.state);
    check_logits(config(), options.state->logits);
  }
  std::unique_ptr<Sequence> sequence = options.taps != nullptr && !options.taps->empty()
                                           ? open_tapped(options.state, *options.taps)
                                           : open_from(options.state);
  if (options.state != nullptr) sequence->logits_ = options.state->logits;
  return sequence;
}

std::unique_ptr<Sequence> Backend::open_tapped(const State* /*state*/, const Taps& /*taps*/) const {
  fail("taps run on the reference only, not on the back end {}", name());
}

void Backend::decode_together(std::span<Sequence* const> sequences,
                              std::span<const TokenId> tokens) const {
  if (tokens.size() != sequences.size()) {
    fail("{} tokens for {} sequences", tokens.size(), sequences.size());
  }
  check_tokens(config(), tokens);
  std::vector<std::span<float>> logits;
  logits.reserve(sequences.size());
  for (const Sequence* sequence : sequences) {
    if (&sequence->backend() != this) fail("a sequence of another back end cannot decode with it");
  }
  std::vector<const Sequence*> sorted(sequences.begin(), sequences.end());
  std::sort(sorted.begin(), sorted.end(), std::less<>());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    fail("a sequence cannot decode two tokens at once");
  }
  for (Sequence* sequence : sequences) logits.push_back(sequence->keep_logits(true));
  if (!sequences.empty()) run_together(sequences, tokens, logits);
}

void Backend::run_together(std::span<Sequence* const> sequences, std::span<const TokenId> tokens,
                           std::span<const std::span<float>> logits) const {
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    sequences[i]->run_decode(tokens[i], logits[i]);
  }
}

}  // namespace lightmamba
