#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/ranges.h>
#include <utility>

#include <lightmamba/evaluate.h>

#include "base/fail.h"
#include "base/utf8.h"
#include "eval/scoring.h"
#include "io/tasks.h"

namespace lightmamba {
namespace {

// The names are in the order of the enumeration.
constexpr std::array<std::string_view, 4> kTaskNames = {"lambada", "piqa", "arc", "openbookqa"};

Accuracy accuracy(std::int64_t right, std::int64_t n) {
  const double share = static_cast<double>(right) / static_cast<double>(n);
  return {share, std::sqrt(share * (1 - share) / static_cast<double>(n - 1))};
}

// Keeps the first `limit` items and calls `body` with each.
template <typename Item, typename Body>
std::int64_t for_each_item(std::vector<Item> items, const TaskOptions& options, const Body& body) {
  if (options.limit > 0 && options.limit < std::ssize(items)) {
    items.erase(items.begin() + options.limit, items.end());
  }
  std::int64_t done = 0;
  for (const Item& item : items) {
    throw_if_stopped(options.stop);
    with_context(item.where, [&] { body(item); });
    if (options.progress) options.progress(++done, std::ssize(items));
  }
  return std::ssize(items);
}

TaskResult evaluate_last_words(const Backend& backend, std::vector<LastWordItem> items,
                               const TaskOptions& options) {
  std::int64_t right = 0;
  double log_likelihood = 0;
  TaskResult result;
  result.n = for_each_item(std::move(items), options, [&](const LastWordItem& item) {
    const ContextTokens context(backend.model().tokenizer(), item.context);
    const ContextScorer scorer(backend, context.ids(), options.taps);
    const ContinuationScore score = scorer.score(context.continuation(" " + item.word));
    right += score.greedy ? 1 : 0;
    log_likelihood += score.log_likelihood;
  });
  result.accuracy = accuracy(right, result.n);
  result.perplexity = std::exp(-log_likelihood / static_cast<double>(result.n));
  return result;
}

std::string prompt(Task task, const std::string& question) {
  return task == Task::openbookqa ? question : "Question: " + question + "\nAnswer:";
}

std::size_t largest(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

TaskResult evaluate_choices(const Backend& backend, Task task, std::vector<ChoiceItem> items,
                            const TaskOptions& options) {
  std::int64_t right = 0;
  std::int64_t right_normalized = 0;
  TaskResult result;
  result.n = for_each_item(std::move(items), options, [&](const ChoiceItem& item) {
    const ContextTokens context(backend.model().tokenizer(), prompt(task, item.question));
    const ContextScorer scorer(backend, context.ids(), options.taps);
    std::vector<double> plain;
    std::vector<double> normalized;
    for (const std::string& choice : item.choices) {
      plain.push_back(scorer.score(context.continuation(" " + choice)).log_likelihood);
      normalized.push_back(plain.back() / static_cast<double>(count_code_points(choice)));
    }
    right += largest(plain) == item.answer ? 1 : 0;
    right_normalized += largest(normalized) == item.answer ? 1 : 0;
  });
  result.accuracy = accuracy(right, result.n);
  result.normalized_accuracy = accuracy(right_normalized, result.n);
  return result;
}

TaskResult evaluate(const Backend& backend, Task task, const std::filesystem::path& data,
                    const TaskOptions& options) {
  switch (task) {
    case Task::lambada:
      return evaluate_last_words(backend, read_lambada(data), options);
    case Task::piqa:
      return evaluate_choices(backend, task, read_piqa(data), options);
    case Task::arc:
      return evaluate_choices(backend, task, read_arc(data), options);
    case Task::openbookqa:
      return evaluate_choices(backend, task, read_openbookqa(data), options);
  }
  fail("unknown task {}", static_cast<int>(task));
}

}  // namespace

std::string_view task_name(Task task) { return kTaskNames.at(static_cast<std::size_t>(task)); }

Task parse_task(std::string_view name) {
  const auto found = std::find(kTaskNames.begin(), kTaskNames.end(), name);
  if (found == kTaskNames.end()) {
    fail("unknown task '{}': expected one of {}", name, fmt::join(kTaskNames, ", "));
  }
  return static_cast<Task>(found - kTaskNames.begin());
}

TaskResult evaluate_task(const Backend& backend, Task task, const std::filesystem::path& data,
                         const TaskOptions& options) {
  if (options.limit < 0) fail("limit must not be negative, but is {}", options.limit);
  backend.model().tokenizer();  // before the work, for its error
  TaskResult result = evaluate(backend, task, data, options);
  result.task = task;
  return result;
}

}  // namespace lightmamba
