// How good a model is: perplexity over a text, distance from another model, accuracy in zero-shot
// tasks; and what a quantizer would cost at each tap. What options with a stop token end early
// throws Stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include <lightmamba/export.h>
#include <lightmamba/fake_quant.h>
#include <lightmamba/sequence.h>

namespace lightmamba {

// Called with the units done so far and the total.
using EvaluationProgressFn = std::function<void(std::int64_t done, std::int64_t total)>;

struct PerplexityOptions {
  std::int64_t context = 1024;         // tokens per window
  std::int64_t max_tokens = 0;         // score at most this many; 0: all
  std::int64_t bin = 0;                // positions in a bin; 0: no bins
  EvaluationProgressFn progress = {};  // in tokens scored
  const Taps* taps = nullptr;
  std::stop_token stop = {};  // looked at between parts of some hundred tokens
};

// The positions [begin, begin + bin) of all windows together.
struct PerplexityBin {
  std::int64_t begin = 0;
  std::int64_t tokens = 0;  // scored in it
  double nll = 0;           // mean of these, in nats
  double perplexity = 0;    // exp(nll)
};

struct PerplexityResult {
  double nll = 0;           // mean negative log-likelihood of a scored token, in nats
  double perplexity = 0;    // exp(nll)
  std::int64_t tokens = 0;  // tokens scored
  // Bytes of text in the scored tokens, and the total nll in bits for each of them; only for a
  // model with a tokenizer. Bits per byte compare models of different vocabularies.
  std::optional<std::int64_t> bytes;
  std::optional<double> bits_per_byte;
  // By position in the window, so that a long window shows whether the model drifts.
  std::vector<PerplexityBin> bins;
};

// Cuts `tokens` into windows that do not overlap. Window k feeds tokens [k*context, (k+1)*context)
// to a fresh state and scores the successor of each, so that every token but the first of the text
// is scored once. Probabilities are the softmax over all vocab_size logits, padding rows included.
// The same on any number of threads. Throws Error for taps on another back end than the reference,
// if there are fewer than two tokens, an option is out of range, or a logit is NaN.
LIGHTMAMBA_EXPORT PerplexityResult perplexity(const Backend& backend,
                                              std::span<const TokenId> tokens,
                                              const PerplexityOptions& options = {});

// How far a model is from another one of the same vocabulary, over the scored tokens of a text.
struct Divergence {
  PerplexityResult perplexity;  // of the model, as perplexity() gives it up to rounding
  double kl = 0;         // mean KL(reference || model) of their distributions, in nats per token
  double agreement = 0;  // share of tokens for which both hold the same one most likely
};

// Feeds both models the same windows as perplexity(); the taps are those of `model`, the reference
// has none. Holds 256 rows of the logits of both at a time. Throws Error as perplexity() does, and
// if the vocabularies are not of one size.
LIGHTMAMBA_EXPORT Divergence compare_models(const Backend& reference, const Backend& model,
                                            std::span<const TokenId> tokens,
                                            const PerplexityOptions& options = {});

// A set of values, and what quantizing them does.
struct ValueSummary {
  double largest = 0;   // max |x|
  double rms = 0;       // sqrt(mean of x^2)
  double kurtosis = 0;  // E[(x - mean)^4] / variance^2: 3 for a normal distribution; 0 if constant
  double error = 0;     // ||Q(x) - x|| / ||x||; 0 where all are zero
};

struct TapError {
  Tap tap = Tap::embedding;
  std::int64_t layer = 0;  // -1 outside the blocks
  ValueSummary value;
};

struct TapErrorOptions {
  bool state = false;  // also the tap `state`, for which the model goes token by token
};

// What quantizing the value at each tap would do to it, over a text fed as one sequence; the
// network itself goes on with the value as it is. In the order of computation. Throws Error if
// there are no tokens or one is outside the vocabulary, or the quantizer is out of range.
LIGHTMAMBA_EXPORT std::vector<TapError> tap_errors(const Model& model,
                                                   std::span<const TokenId> tokens,
                                                   const Quantizer& quantizer,
                                                   const TapErrorOptions& options = {});

// The prompts and scores follow EleutherAI's lm-evaluation-harness:
//
//              context                            scored after it
//   lambada    the passage up to the last space   " " + last word
//   piqa       "Question: GOAL\nAnswer:"          " " + solution, for each of the two
//   arc        "Question: STEM\nAnswer:"          " " + choice; easy and challenge alike
//   openbookqa STEM                               " " + choice
enum class Task { lambada, piqa, arc, openbookqa };

LIGHTMAMBA_EXPORT std::string_view task_name(Task task);
LIGHTMAMBA_EXPORT Task parse_task(std::string_view name);  // throws Error that lists the names

struct TaskOptions {
  std::int64_t limit = 0;              // the first so many items; 0: all
  EvaluationProgressFn progress = {};  // in items
  const Taps* taps = nullptr;
  std::stop_token stop = {};  // looked at between items
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
// (for PIQA with NAME-labels.lst beside it, or a field "label"), OpenBookQA as TSV or JSON lines;
// or LAMBADA as a passage a line, ARC and OpenBookQA as the datasets library exports them. Throws
// Error naming the file, the line and the field of a malformed item, and if the model has no
// tokenizer.
LIGHTMAMBA_EXPORT TaskResult evaluate_task(const Backend& backend, Task task,
                                           const std::filesystem::path& data,
                                           const TaskOptions& options = {});

}  // namespace lightmamba
