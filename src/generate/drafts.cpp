#include <algorithm>
#include <utility>

#include <lightmamba/drafts.h>
#include <lightmamba/sampler.h>

#include "base/fail.h"

namespace lightmamba {
namespace {

// Returns how many tokens before `end` agree with the last ones of the text, up to `longest`.
std::int64_t match_length(std::span<const TokenId> text, std::int64_t end, std::int64_t longest) {
  const auto at = text.begin() + end;
  const auto last = text.end();
  const std::int64_t most = std::min(end, longest);
  std::int64_t length = 0;
  while (length < most && *(at - 1 - length) == *(last - 1 - length)) ++length;
  return length;
}

std::vector<TokenId> ngram_draft(const NgramDraftOptions& options, std::span<const TokenId> text,
                                 std::int64_t count) {
  std::int64_t best = options.shortest - 1;
  std::int64_t follows = 0;
  for (std::int64_t end = std::ssize(text) - 1; end > best && best < options.longest; --end) {
    const std::int64_t length = match_length(text, end, options.longest);
    if (length <= best) continue;
    best = length;
    follows = end;
  }
  if (follows == 0) return {};
  // Where the draft reaches the end of the text it continues with itself: the text then repeats.
  std::vector<TokenId> draft;
  for (std::int64_t i = follows; std::ssize(draft) < count; ++i) {
    const std::int64_t beyond = i - std::ssize(text);
    draft.push_back(beyond < 0 ? text[static_cast<std::size_t>(i)]
                               : draft[static_cast<std::size_t>(beyond)]);
  }
  return draft;
}

bool is_prefix(const std::vector<TokenId>& part, std::span<const TokenId> text) {
  return part.size() <= text.size() && std::equal(part.begin(), part.end(), text.begin());
}

// A model that is kept in step with a text.
class ModelDrafts {
 public:
  explicit ModelDrafts(std::shared_ptr<const Backend> backend)
      : backend_(std::move(backend)), sampler_({}, backend_->model()) {}

  std::vector<TokenId> propose(std::span<const TokenId> text, std::int64_t count) {
    if (text.empty() || count <= 0) return {};
    // A vocabulary that is padded further has ids without a token that this one lacks.
    const auto vocab = static_cast<TokenId>(backend_->config().vocab_size);
    if (std::any_of(text.begin(), text.end(), [&](TokenId id) { return id >= vocab; })) return {};
    if (ahead_.seen.size() > confirmed_.seen.size() && is_prefix(ahead_.seen, text)) {
      std::swap(confirmed_, ahead_);
    }
    if (!confirmed_.sequence || !is_prefix(confirmed_.seen, text)) {
      confirmed_ = {backend_->open(), {}};
    }
    feed(confirmed_, text.subspan(confirmed_.seen.size()));

    std::vector<TokenId> draft = {sampler_.sample(confirmed_.sequence->logits(), text)};
    if (count == 1) return draft;
    ahead_ = {confirmed_.sequence->fork(), confirmed_.seen};
    while (std::ssize(draft) < count) {
      ahead_.seen.push_back(draft.back());
      draft.push_back(sampler_.sample(ahead_.sequence->decode(draft.back()), ahead_.seen));
    }
    return draft;
  }

 private:
  struct Running {
    std::unique_ptr<Sequence> sequence;
    std::vector<TokenId> seen;
  };

  // A few tokens are cheaper as the pass of a verification than as a prefill.
  static constexpr std::int64_t kFew = 16;

  static void feed(Running& running, std::span<const TokenId> tokens) {
    if (tokens.empty()) return;
    if (std::ssize(tokens) <= kFew) {
      running.sequence->verify(
          tokens, [](std::int64_t /*index*/, std::span<const float> /*logits*/) {},
          std::ssize(tokens));
    } else {
      running.sequence->prefill(tokens);
    }
    running.seen.insert(running.seen.end(), tokens.begin(), tokens.end());
  }

  std::shared_ptr<const Backend> backend_;
  Sampler sampler_;
  Running confirmed_;  // has seen tokens of the text only
  Running ahead_;      // has seen all tokens of the last draft but its last one
};

bool have_same_tokens(const Tokenizer& a, const Tokenizer& b) {
  if (a.vocab_size() != b.vocab_size()) return false;
  for (TokenId id = 0; id < static_cast<TokenId>(a.vocab_size()); ++id) {
    if (a.has_token(id) != b.has_token(id)) return false;
    if (a.has_token(id) && a.token_bytes(id) != b.token_bytes(id)) return false;
  }
  return true;
}

void require_same_tokens(const Model& smaller, const Model& model) {
  if (smaller.has_tokenizer() && model.has_tokenizer()) {
    if (have_same_tokens(smaller.tokenizer(), model.tokenizer())) return;
    fail("{} cannot draft for {}: their tokenizers have different tokens", smaller.path(),
         model.path());
  }
  const std::int64_t its = smaller.config().vocab_size;
  const std::int64_t wanted = model.config().vocab_size;
  if (its == wanted) return;
  fail("{} cannot draft for {}: vocabularies of {} and {} tokens", smaller.path(), model.path(),
       its, wanted);
}

}  // namespace

Drafter ngram_drafter(const NgramDraftOptions& options) {
  if (options.shortest < 1 || options.longest < options.shortest) {
    fail("matches of {} to {} tokens: expected 1 or more, the longest not below the shortest",
         options.shortest, options.longest);
  }
  return [options](std::span<const TokenId> text, std::int64_t count) {
    return ngram_draft(options, text, count);
  };
}

Drafter model_drafter(std::shared_ptr<const Backend> smaller, const Model& model) {
  require_same_tokens(smaller->model(), model);
  auto drafts = std::make_shared<ModelDrafts>(std::move(smaller));
  return [drafts](std::span<const TokenId> text, std::int64_t count) {
    return drafts->propose(text, count);
  };
}

}  // namespace lightmamba
