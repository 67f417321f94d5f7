// How good a model is: perplexity over a text, and accuracy in zero-shot tasks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include <lightmamba/model.h>

namespace lightmamba {

// Called with the units done so far and the total.
using EvaluationProgressFn = std::function<void(std::int64_t done, std::int64_t total)>;

struct PerplexityOptions {
  std::int64_t context = 1024;         // tokens per window
  std::int64_t max_tokens = 0;         // score at most this many; 0: all
  EvaluationProgressFn progress = {};  // in tokens scored
  const Taps* taps = nullptr;
};

struct PerplexityResult {
  double nll = 0;           // mean negative log-likelihood of a scored token, in nats
  double perplexity = 0;    // exp(nll)
  std::int64_t tokens = 0;  // tokens scored
  // Bytes of text in the scored tokens, and the total nll in bits for each of them; only for a
  // model with a tokenizer. Bits per byte compare models of different vocabularies.
  std::optional<std::int64_t> bytes;
  std::optional<double> bits_per_byte;
};

// Cuts `tokens` into windows that do not overlap. Window k feeds tokens [k*context, (k+1)*context)
// to a fresh state and scores the successor of each, so that every token but the first of the text
// is scored once. Probabilities are the softmax over all vocab_size logits, padding rows included.
// Throws Error if there are fewer than two tokens, an option is out of range, or a logit is NaN.
PerplexityResult perplexity(const Model& model, std::span<const TokenId> tokens,
                            const PerplexityOptions& options = {});

// The prompts and scores follow EleutherAI's lm-evaluation-harness:
//
//              context                            scored after it
//   lambada    the passage up to the last space   " " + last word
//   piqa       "Question: GOAL\nAnswer:"          " " + solution, for each of the two
//   arc        "Question: STEM\nAnswer:"          " " + choice; easy and challenge alike
//   openbookqa STEM                               " " + choice
enum class Task { lambada, piqa, arc, openbookqa };

std::string_view task_name(Task task);
Task parse_task(std::string_view name);  // throws Error that lists the names

struct TaskOptions {
  std::int64_t limit = 0;              // the first so many items; 0: all
  EvaluationProgressFn progress = {};  // in items
  const Taps* taps = nullptr;
};

// A share of right answers and its standard error, sqrt(p (1 - p) / (n - 1)); NaN for one item.
struct Accuracy {
  double value = 0;
  double standard_error = 0;
};

struct TaskResult {
  Task task = Task::lambada;
  std::int64_t n = 0;
  // lambada: every token of the last word is the most likely one. Otherwise: the right choice has
  // the largest log-likelihood. Published tables give this figure for LAMBADA, PIQA and ARC-easy.
  Accuracy accuracy;
  // Multiple choice: the same with each log-likelihood divided by the characters (code points) of
  // its choice. Published tables give this figure for ARC-challenge and OpenBookQA.
  std::optional<Accuracy> normalized_accuracy;
  // lambada: exp of the mean negative log-likelihood of a last word (all its tokens together).
  std::optional<double> perplexity;
};

// Reads the task's data set in the format its authors publish: LAMBADA, PIQA and ARC as JSON lines
// (for PIQA with NAME-labels.lst beside it, or a field "label"), OpenBookQA as TSV or JSON lines.
// Throws Error naming the file, the line and the field of a malformed item, and if the model has no
// tokenizer.
TaskResult evaluate_task(const Model& model, Task task, const std::filesystem::path& data,
                         const TaskOptions& options = {});

}  // namespace lightmamba
