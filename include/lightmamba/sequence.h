// The one way to run a model: a back end opens sequences, and tokens go through these.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include <lightmamba/export.h>
#include <lightmamba/model.h>

namespace lightmamba {

// The whole memory of a sequence, as a plain value.
struct State {
  std::vector<float> conv;  // last d_conv-1 inputs of the conv  [n_layer, d_conv - 1, conv_dim]
  std::vector<float> ssm;   // h                                 [n_layer, nheads, headdim, d_state]
  std::int64_t position = 0;  // tokens seen
  // Logits after the last token [vocab_size], from which a text can continue; or empty.
  std::vector<float> logits = {};

  bool operator==(const State&) const = default;
};

// The state of the empty sequence, without logits.
LIGHTMAMBA_EXPORT State new_state(const Mamba2Config& config);

// Write and read a state as a safetensors file that names its model (Model::fingerprint()). Both
// throw Error that names the file if it cannot be written or read, or if the state does not fit the
// model or belongs to another one, or if the file holds a number that is not finite. For a file
// that names no model only the shapes are checked. save_state() replaces an older file, but no file
// of the model.
LIGHTMAMBA_EXPORT void save_state(const State& state, const Model& model,
                                  const std::filesystem::path& path);
LIGHTMAMBA_EXPORT State load_state(const Model& model, const std::filesystem::path& path);

// Called with the index of a token among the given ones and the logits [vocab_size] after it.
using LogitsFn = std::function<void(std::int64_t index, std::span<const float> logits)>;

class Backend;
enum class LogitsFor { none, last, all };

// One sequence on its way through a model. Only one thread may use it at a time.
//
// The functions that take tokens throw Error, with the sequence unchanged, for an id outside the
// vocabulary, or no tokens. If a tap or `logits` throws, or they throw Stopped, the sequence must
// not be used any more.
class LIGHTMAMBA_EXPORT Sequence {
 public:
  virtual ~Sequence() = default;
  Sequence& operator=(const Sequence&) = delete;

  // Runs one token through the recurrence. decode() returns logits(); advance() leaves no logits,
  // which saves the LM head.
  std::span<const float> decode(TokenId token);
  void advance(TokenId token);

  // Runs at least one token, in chunks as matrix products (the state-space dual form) if the back
  // end can. The result is that of decode() token by token up to rounding. Returns logits(). It
  // looks at `stop` before each segment of some hundred tokens, or of a few if there are no chunks.
  std::span<const float> prefill(std::span<const TokenId> tokens, const std::stop_token& stop = {});
  // Does the same, and passes on the logits after every token, in order.
  void prefill_all(std::span<const TokenId> tokens, const LogitsFn& logits,
                   const std::stop_token& stop = {});

  // Runs at least one token as decode() does one after the other, to the bit, but with each weight
  // read once for all of them if the back end can do that. Passes on the logits after every token,
  // in order. This is for a few tokens that may be taken back, since another model or a rule has
  // only proposed them:
  //
  //     sequence->verify(draft, [&](auto index, auto logits) { ... });
  //     sequence->keep(accepted);
  //
  // The first `certain` tokens cannot be taken back, which saves work if they are known to be
  // right. The memory that it takes grows with the number of tokens. Throws Error, with the
  // sequence unchanged, if there are fewer than `certain` tokens, or that is negative.
  void verify(std::span<const TokenId> tokens, const LogitsFn& logits, std::int64_t certain = 0);
  // Takes back all tokens of the last verify() but the first `count`, which may be none: the
  // sequence, its logits included, is then the one that has seen no others. Throws Error, with the
  // sequence unchanged, if there are not so many, if `count` leaves out one that is certain, or if
  // a token has gone through the sequence since or keep() has been called already. Without keep()
  // all tokens are kept; a fork has kept all.
  void keep(std::int64_t count);

  // Returns the logits after the last token [vocab_size], valid until the next one; empty if it
  // left none.
  std::span<const float> logits() const { return logits_; }

  State state() const;
  virtual std::int64_t position() const = 0;  // tokens seen
  // Bytes of the state, without what verify() stores so that tokens can be taken back.
  virtual std::size_t bytes() const = 0;
  virtual std::unique_ptr<Sequence> fork() const = 0;   // a copy that continues on its own
  const Backend& backend() const { return *backend_; }  // the back end that opened it

 protected:
  explicit Sequence(std::shared_ptr<const Backend> backend) : backend_(std::move(backend)) {}
  Sequence(const Sequence& other) : backend_(other.backend_), logits_(other.logits_) {}

  // The tokens are valid. `logits` is [vocab_size], or empty if none are wanted. run_prefill()
  // throws Stopped when `stop` asks for it.
  virtual void run_decode(TokenId token, std::span<float> logits) = 0;
  virtual void run_prefill(std::span<const TokenId> tokens, LogitsFor wanted,
                           const LogitsFn& logits, const std::stop_token& stop) = 0;
  // `logits` is [tokens.size(), vocab_size].
  virtual void run_verify(std::span<const TokenId> tokens, std::int64_t certain,
                          std::span<float> logits) = 0;
  // No token has gone through since run_verify(); `count` is at least its `certain` and at most the
  // number of its tokens.
  virtual void run_keep(std::int64_t count) = 0;
  virtual State numbers() const = 0;  // the state without its logits

  // For code that runs without the functions above: returns room for logits [vocab_size], or none.
  std::span<float> keep_logits(bool wanted);

 private:
  friend class Backend;

  void keep_all() { verified_ = 0; }

  std::shared_ptr<const Backend> backend_;
  std::vector<float> logits_;
  std::int64_t verified_ = 0;           // tokens of verify() of which keep() may take back some
  std::int64_t certain_ = 0;            // how many of them it may not
  std::vector<float> logits_before_;    // logits_ before them
  std::vector<float> verified_logits_;  // [verified_, vocab_size]
};

struct OpenOptions {
  const State* state = nullptr;  // the state to continue from; null means the empty sequence
  const Taps* taps = nullptr;    // must outlive the sequence and its forks; null means none
};

// Runs a model. Safe to use from several threads.
class LIGHTMAMBA_EXPORT Backend : public std::enable_shared_from_this<Backend> {
 public:
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  virtual std::string_view name() const = 0;  // one of kBackendNames
  const Model& model() const { return model_; }
  const Mamba2Config& config() const { return model_.config(); }

  // Opens a sequence. Throws Error for a state of another shape or with a position below 0 or of
  // more than 18 digits, or taps on another back end than the reference.
  std::unique_ptr<Sequence> open(const OpenOptions& options = {}) const;

  // Decodes one token for each of several sequences, which share every read of a weight if the back
  // end can do that. The results are those of Sequence::decode() for each. Throws Error as that
  // does, and for a sequence of another back end or one that is given twice; all sequences are then
  // unchanged.
  void decode_together(std::span<Sequence* const> sequences, std::span<const TokenId> tokens) const;

 protected:
  explicit Backend(Model model) : model_(std::move(model)) {}

  // The state fits the model; null means the empty sequence.
  virtual std::unique_ptr<Sequence> open_from(const State* state) const = 0;
  // Only the reference has taps.
  virtual std::unique_ptr<Sequence> open_tapped(const State* state, const Taps& taps) const;
  // The tokens are valid, the sequences are of this back end. `logits` is [sequences.size()] of
  // [vocab_size].
  virtual void run_together(std::span<Sequence* const> sequences, std::span<const TokenId> tokens,
                            std::span<const std::span<float>> logits) const;

 private:
  Model model_;
};

// The names of all back ends: the float32 reference, the fast CPU engine, the accelerator's
// integers, and the accelerator's hardware in simulation, clock cycle by clock cycle.
inline constexpr std::array<std::string_view, 4> kBackendNames = {"reference", "engine", "golden",
                                                                  "rtlsim"};

// Computes in float32. It runs a float model, or a quantized one whose values are rounded as its
// format says. Throws Error for a model without weights.
LIGHTMAMBA_EXPORT std::shared_ptr<const Backend> reference_backend(Model model);

// The number of tokens that go through the layers together in a prefill. A prompt that is cut at
// multiples of it, counted from the beginning of the sequence, gives the same bytes as in one piece
// on every back end but the reference, where it gives the same up to rounding.
inline constexpr std::int64_t kPrefillSegment = 256;

}  // namespace lightmamba
