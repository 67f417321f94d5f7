#include "accel/accelerator_backend.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "accel/image/lower_to_integers.h"
#include "accel/runtime/float_state.h"
#include "base/fail.h"

namespace lightmamba::accel {

// The accelerator, one pass at a time.
class AcceleratorBackend::Shared {
 public:
  explicit Shared(std::unique_ptr<Accelerator> accelerator)
      : accelerator_(std::move(accelerator)) {}

  // Opens a sequence with this state.
  SequenceId open(const GoldenState& state) {
    const std::lock_guard lock(mutex_);
    const SequenceId sequence = is_first_free_ ? kFirstSequence : accelerator_->open();
    try {
      accelerator_->restore(state, sequence);
    } catch (...) {
      if (sequence != kFirstSequence) accelerator_->close(sequence);
      throw;
    }
    is_first_free_ = is_first_free_ && sequence != kFirstSequence;
    return sequence;
  }

  SequenceId open_copy(SequenceId sequence) {
    const std::lock_guard lock(mutex_);
    return accelerator_->open_copy(sequence);
  }

  // The first sequence of an accelerator cannot be closed, but another may take its place.
  void close(SequenceId sequence) {
    const std::lock_guard lock(mutex_);
    if (sequence == kFirstSequence) {
      is_first_free_ = true;
    } else {
      accelerator_->close(sequence);
    }
  }

  GoldenState state(SequenceId sequence) const {
    const std::lock_guard lock(mutex_);
    return accelerator_->state(sequence);
  }

  // Computes slots in passes of as many as there may be, and calls done(index, result) for each
  // slot, in order and between passes. Throws Stopped before a pass when `stop` asks for it.
  void run(std::span<const Slot> slots, const std::stop_token& stop,
           const std::function<void(std::size_t, const StepResult&)>& done) {
    const auto max_slots = static_cast<std::size_t>(accelerator_->max_slots());
    for (std::size_t first = 0; first < slots.size(); first += max_slots) {
      throw_if_stopped(stop);
      const std::vector<StepResult> results =
          pass(slots.subspan(first, std::min(max_slots, slots.size() - first)));
      for (std::size_t i = 0; i < results.size(); ++i) done(first + i, results[i]);
    }
  }

  Usage usage() const {
    const std::lock_guard lock(mutex_);
    return usage_;
  }

 private:
  std::vector<StepResult> pass(std::span<const Slot> slots) {
    const std::lock_guard lock(mutex_);
    std::vector<StepResult> results = accelerator_->pass(slots);
    for (const StepResult& each : results) usage_ += each;
    return results;
  }

  mutable std::mutex mutex_;
  std::unique_ptr<Accelerator> accelerator_;
  bool is_first_free_ = true;
  Usage usage_;
};

namespace {

void to_floats(std::span<const std::int32_t> from, std::span<float> to) {
  std::transform(from.begin(), from.end(), to.begin(), [](std::int32_t logit) {
    return static_cast<float>(std::ldexp(static_cast<double>(logit), -kLogitFractionBits));
  });
}

}  // namespace

class AcceleratorBackend::AcceleratorSequence : public Sequence {
 public:
  AcceleratorSequence(std::shared_ptr<const Backend> backend, Shared& shared,
                      const GoldenState& state, std::size_t bytes)
      : Sequence(std::move(backend)),
        shared_(shared),
        id_(shared_.open(state)),
        bytes_(bytes),
        position_(state.position) {}
  AcceleratorSequence(const AcceleratorSequence& other)
      : Sequence(other),
        shared_(other.shared_),
        id_(shared_.open_copy(other.id_)),
        bytes_(other.bytes_),
        position_(other.position_) {}
  AcceleratorSequence& operator=(const AcceleratorSequence&) = delete;
  ~AcceleratorSequence() override {
    forget_verified();
    shared_.close(id_);
  }

  std::int64_t position() const override { return position_; }
  std::size_t bytes() const override { return bytes_; }
  std::unique_ptr<Sequence> fork() const override {
    return std::make_unique<AcceleratorSequence>(*this);
  }

  Slot slot(TokenId token, bool wants_logits) const {
    return {id_, token, wants_logits ? Output::logits : Output::none};
  }
  void has_seen(std::int64_t tokens) {
    forget_verified();
    position_ += tokens;
  }

 private:
  void run_decode(TokenId token, std::span<float> logits) override {
    forget_verified();
    run_slots({&token, 1}, logits.empty() ? LogitsFor::none : LogitsFor::last, {},
              [&](std::size_t /*index*/, std::span<const std::int32_t> integers) {
                to_floats(integers, logits);
              });
  }

  void run_prefill(std::span<const TokenId> tokens, LogitsFor wanted, const LogitsFn& logits,
                   const std::stop_token& stop) override {
    forget_verified();
    std::vector<float> row(static_cast<std::size_t>(backend().config().vocab_size));
    run_slots(tokens, wanted, stop, [&](std::size_t index, std::span<const std::int32_t> integers) {
      to_floats(integers, row);
      logits(static_cast<std::int64_t>(index), row);
    });
  }

  // The tokens run in passes as any others do; a copy of the sequence before them is kept.
  void run_verify(std::span<const TokenId> tokens, std::int64_t /*certain*/,
                  std::span<float> logits) override {
    forget_verified();
    before_ = shared_.open_copy(id_);
    verified_.assign(tokens.begin(), tokens.end());
    const auto vocab = static_cast<std::size_t>(backend().config().vocab_size);
    run_slots(tokens, LogitsFor::all, {},
              [&](std::size_t index, std::span<const std::int32_t> integers) {
                to_floats(integers, logits.subspan(index * vocab, vocab));
              });
  }

  // The first tokens run again on that copy, without logits.
  void run_keep(std::int64_t count) override {
    const std::vector<TokenId> tokens = std::exchange(verified_, {});
    if (count < std::ssize(tokens)) {
      std::swap(id_, *before_);
      position_ -= std::ssize(tokens);
      run_slots(std::span(tokens).first(static_cast<std::size_t>(count)), LogitsFor::none, {}, {});
    }
    forget_verified();
  }

  void forget_verified() {
    if (before_) shared_.close(*before_);
    before_.reset();
    verified_.clear();
  }

  // Calls logits(index, integers) after each token whose logits are wanted.
  void run_slots(std::span<const TokenId> tokens, LogitsFor wanted, const std::stop_token& stop,
                 const std::function<void(std::size_t, std::span<const std::int32_t>)>& logits) {
    std::vector<Slot> slots;
    slots.reserve(tokens.size());
    for (const TokenId token : tokens) slots.push_back(slot(token, wanted == LogitsFor::all));
    if (wanted == LogitsFor::last && !slots.empty()) slots.back().output = Output::logits;
    shared_.run(slots, stop, [&](std::size_t index, const StepResult& result) {
      ++position_;
      if (!result.logits.empty()) logits(index, result.logits);
    });
  }

  State numbers() const override { return to_float(shared_.state(id_)); }

  Shared& shared_;  // shared by the sequences of the back end
  SequenceId id_;
  const std::size_t bytes_;
  std::int64_t position_;
  std::vector<TokenId> verified_;     // by the last run_verify()
  std::optional<SequenceId> before_;  // the sequence before them
};

AcceleratorBackend::AcceleratorBackend(std::string_view name, Model model, int state_bits,
                                       std::unique_ptr<Accelerator> accelerator)
    : Backend(std::move(model)),
      name_(name),
      state_bits_(state_bits),
      shared_(std::make_unique<Shared>(std::move(accelerator))) {}

AcceleratorBackend::~AcceleratorBackend() = default;

Usage AcceleratorBackend::usage() const { return shared_->usage(); }

std::unique_ptr<Sequence> AcceleratorBackend::open_from(const State* state) const {
  const GoldenState golden =
      state != nullptr ? from_float(*state, config(), state_bits_) : GoldenState(config());
  const std::size_t bytes = golden.conv_codes.size() + golden.conv_exponents.size() +
                            golden.ssm_exponents.size() +
                            golden.ssm_codes.size() * static_cast<std::size_t>(state_bits_) / 8;
  return std::make_unique<AcceleratorSequence>(shared_from_this(), *shared_, golden, bytes);
}

void AcceleratorBackend::run_together(std::span<Sequence* const> sequences,
                                      std::span<const TokenId> tokens,
                                      std::span<const std::span<float>> logits) const {
  std::vector<Slot> slots;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    slots.push_back(
        static_cast<const AcceleratorSequence&>(*sequences[i]).slot(tokens[i], !logits[i].empty()));
  }
  shared_->run(slots, {}, [&](std::size_t i, const StepResult& result) {
    static_cast<AcceleratorSequence&>(*sequences[i]).has_seen(1);
    if (!logits[i].empty()) to_floats(result.logits, logits[i]);
  });
}

std::shared_ptr<const AcceleratorBackend> golden_backend(
    Model model, std::shared_ptr<const IntegerModel> integers) {
  const int state_bits = integers->state_bits;
  return std::make_shared<const AcceleratorBackend>("golden", std::move(model), state_bits,
                                                    make_golden_accelerator(std::move(integers)));
}

}  // namespace lightmamba::accel

namespace lightmamba {

bool accelerator_supports(const Model& model) {
  return !accel::unsupported_reason(model.weights());
}

std::shared_ptr<const Backend> golden_backend(Model model) {
  auto integers =
      std::make_shared<const accel::IntegerModel>(accel::lower_to_integers(model.weights()));
  return accel::golden_backend(std::move(model), std::move(integers));
}

}  // namespace lightmamba
