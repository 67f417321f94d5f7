#include <algorithm>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include <lightmamba/prompt_cache.h>

#include "base/fail.h"

namespace lightmamba {
namespace {

bool begins_with(std::span<const TokenId> tokens, std::span<const TokenId> beginning) {
  return beginning.size() <= tokens.size() &&
         std::equal(beginning.begin(), beginning.end(), tokens.begin());
}

}  // namespace

class PromptCache::Entries {
 public:
  Entries(std::shared_ptr<const Backend> backend, std::size_t capacity_bytes)
      : backend_(std::move(backend)), capacity_(capacity_bytes) {}

  Prompted open(std::span<const TokenId> prompt, const std::stop_token& stop);
  std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  struct Entry {
    std::vector<TokenId> tokens;
    std::shared_ptr<const Sequence> sequence;
    std::size_t bytes;
  };

  std::shared_ptr<const Sequence> find(std::span<const TokenId> prompt);
  void keep(Entry entry);

  std::shared_ptr<const Backend> backend_;
  std::size_t capacity_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the most recently used first
  std::size_t bytes_ = 0;
};

// Returns the state of the longest known beginning of the prompt, or null. All known beginnings
// count as used, the longest last.
std::shared_ptr<const Sequence> PromptCache::Entries::find(std::span<const TokenId> prompt) {
  const std::lock_guard lock(mutex_);
  std::vector<std::list<Entry>::iterator> beginnings;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (begins_with(prompt, entry->tokens)) beginnings.push_back(entry);
  }
  if (beginnings.empty()) return nullptr;
  std::sort(beginnings.begin(), beginnings.end(),
            [](const auto& a, const auto& b) { return a->tokens.size() < b->tokens.size(); });
  for (const auto entry : beginnings) entries_.splice(entries_.begin(), entries_, entry);
  return entries_.front().sequence;
}

void PromptCache::Entries::keep(Entry entry) {
  const std::lock_guard lock(mutex_);
  const auto same = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const Entry& other) { return other.tokens == entry.tokens; });
  if (same != entries_.end()) return;
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  while (bytes_ > capacity_) {
    bytes_ -= entries_.back().bytes;
    entries_.pop_back();
  }
}

PromptCache::Prompted PromptCache::Entries::open(std::span<const TokenId> prompt,
                                                 const std::stop_token& stop) {
  if (prompt.empty()) fail("no tokens to prefill");
  Prompted result;
  if (const auto known = find(prompt)) {
    result.sequence = known->fork();
    result.reused_tokens = result.sequence->position();
  } else {
    result.sequence = backend_->open();
  }
  const std::int64_t total = std::ssize(prompt);
  for (std::int64_t begin = result.reused_tokens; begin < total;) {
    const std::int64_t end = std::min(begin + kPrefillSegment, total);
    const auto part =
        prompt.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    result.sequence->prefill(part, stop);
    begin = end;
    const std::size_t bytes = result.sequence->bytes();
    if (end % kPrefillSegment != 0 || bytes > capacity_) continue;
    const auto seen = prompt.first(static_cast<std::size_t>(end));
    keep({{seen.begin(), seen.end()}, result.sequence->fork(), bytes});
  }
  return result;
}

PromptCache::PromptCache(std::shared_ptr<const Backend> backend, std::size_t capacity_bytes)
    : entries_(std::make_unique<Entries>(std::move(backend), capacity_bytes)) {}
PromptCache::~PromptCache() = default;
PromptCache::PromptCache(PromptCache&&) noexcept = default;
PromptCache& PromptCache::operator=(PromptCache&&) noexcept = default;

PromptCache::Prompted PromptCache::open(std::span<const TokenId> prompt,
                                        const std::stop_token& stop) {
  return entries_->open(prompt, stop);
}
std::size_t PromptCache::bytes() const { return entries_->bytes(); }

}  // namespace lightmamba
