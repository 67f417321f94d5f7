// A Mamba-2 language model: load it, feed it tokens, get logits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <lightmamba/config.h>
#include <lightmamba/error.h>
#include <lightmamba/quantization.h>
#include <lightmamba/taps.h>
#include <lightmamba/tokenizer.h>

namespace lightmamba {

// All that a sequence leaves behind in the model. A plain value: copy it to fork a sequence.
struct State {
  std::vector<float> conv;  // last d_conv-1 inputs of the conv  [n_layer, d_conv - 1, conv_dim]
  std::vector<float> ssm;   // h                                 [n_layer, nheads, headdim, d_state]
  std::int64_t position = 0;  // tokens seen

  bool operator==(const State&) const = default;
};

// A state as a safetensors file. Both throw Error naming the file: where the state does not fit the
// configuration, or the file cannot be written or read.
void save_state(const State& state, const Mamba2Config& config, const std::filesystem::path& path);
State load_state(const Mamba2Config& config, const std::filesystem::path& path);

struct LoadOptions {
  // Read instead of the model's own tokenizer.json (state-spaces checkpoints have none). Loading
  // throws Error where it cannot be used.
  std::optional<std::filesystem::path> tokenizer;
};

// Called with the index of a token in the given sequence and the logits [vocab_size] after it.
using LogitsFn = std::function<void(std::int64_t index, std::span<const float> logits)>;

struct Weights;
struct StoredTokenizer;

// One sequence on its way through a model. Not for several threads at once.
class Sequence {
 public:
  virtual ~Sequence() = default;
  // As the functions of Model of the same names.
  virtual void decode(TokenId token, std::span<float> logits) = 0;
  virtual std::vector<float> prefill(std::span<const TokenId> tokens) = 0;
  virtual void prefill_all(std::span<const TokenId> tokens, const LogitsFn& logits) = 0;
  virtual State state() const = 0;
  virtual std::int64_t position() const = 0;  // tokens seen
  virtual std::size_t bytes() const = 0;      // that the state takes
  virtual std::unique_ptr<Sequence> fork() const = 0;
};

// Another way to run a model than the reference.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<Sequence> open() const = 0;  // the empty sequence
  virtual std::unique_ptr<Sequence> open(const State& state) const = 0;
};

// A model that computes in float32 as the reference does: a float model, or a quantized one whose
// values are rounded as its format says; or one that runs on another back end (engine.h).
// Immutable; safe to use from several threads with a state for each. Weights stay in the mapped
// file in the type they are stored in.
class Model {
 public:
  // `path` is a directory with config.json and weights: Hugging Face (Mamba2ForCausalLM) or
  // state-spaces layout; or a quantized file. Throws Error naming the file and the field or tensor,
  // but not for the model's own tokenizer.json: only what needs text needs that.
  static Model load(const std::filesystem::path& path, const LoadOptions& options = {});

  const Mamba2Config& config() const;
  const std::optional<Quantization>& quantization() const;  // none: a float model
  const Weights& weights() const { return *weights_; }      // for the library itself
  std::shared_ptr<const Weights> shared_weights() const { return weights_; }
  // The same tokenizer with other weights, on the reference; for the library itself.
  Model with_weights(std::shared_ptr<const Weights> weights) const;
  // The same model on another back end; none is the reference.
  Model with_backend(std::shared_ptr<const Backend> backend) const;
  bool has_tokenizer() const;  // one that can be used
  // Throws Error if there is none, or saying why the model's tokenizer.json cannot be used.
  const Tokenizer& tokenizer() const;
  // The text of the tokenizer.json, also of one that cannot be used, for files that carry it along;
  // empty where there is none or it cannot be read.
  const std::string& tokenizer_json() const;

  State new_state() const;  // of the empty sequence

  // An empty sequence, and one that goes on from a state: faster than the functions below, which on
  // other back ends than the reference convert the state each time. Throws Error for a state of
  // another shape.
  std::unique_ptr<Sequence> open() const;
  std::unique_ptr<Sequence> open(const State& state) const;

  // With taps, the three below run on the reference whatever the back end. They throw Error, with
  // the state unchanged, for a token id outside the vocabulary, no tokens, a state of another
  // shape, or room for another number of logits. If a tap or `logits` throws, the state is of no
  // further use.

  // One token through the recurrence. `logits` is [vocab_size], or empty where none are wanted.
  void decode(State& state, TokenId token, std::span<float> logits,
              const Taps* taps = nullptr) const;

  // A sequence of at least one token in chunks, as matrix products (the state-space dual form).
  // Same result as decode() token by token up to rounding. Returns the logits after the last token.
  std::vector<float> prefill(State& state, std::span<const TokenId> tokens,
                             const Taps* taps = nullptr) const;

  // The same, with the logits after every token, in order.
  void prefill_all(State& state, std::span<const TokenId> tokens, const LogitsFn& logits,
                   const Taps* taps = nullptr) const;

 private:
  Model(std::shared_ptr<const Weights> weights, std::shared_ptr<const StoredTokenizer> tokenizer,
        std::filesystem::path path);
  std::shared_ptr<const Weights> weights_;
  std::shared_ptr<const StoredTokenizer> tokenizer_;
  std::filesystem::path path_;
  std::shared_ptr<const Backend> backend_;
};

}  // namespace lightmamba
