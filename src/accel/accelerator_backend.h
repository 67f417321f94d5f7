// Accelerators as back ends.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <lightmamba/accelerator.h>
#include <lightmamba/sequence.h>

#include "accel/runtime/accelerator.h"

namespace lightmamba::accel {

// Sequences share one accelerator, which holds the states of all. A prefill and decode_together()
// run in passes of as many slots as it has.
class AcceleratorBackend : public Backend {
 public:
  // `name` is one of kBackendNames; `state_bits` is the number of bits of a code of h.
  AcceleratorBackend(std::string_view name, Model model, int state_bits,
                     std::unique_ptr<Accelerator> accelerator);
  ~AcceleratorBackend() override;

  std::string_view name() const override { return name_; }
  Usage usage() const;  // usage of all tokens of all sequences so far

 private:
  class Shared;
  class AcceleratorSequence;

  std::unique_ptr<Sequence> open_from(const State* state) const override;
  void run_together(std::span<Sequence* const> sequences, std::span<const TokenId> tokens,
                    std::span<const std::span<float>> logits) const override;

  std::string name_;
  int state_bits_;
  std::unique_ptr<Shared> shared_;
};

// Returns the back end "golden"; `integers` are those of `model`.
std::shared_ptr<const AcceleratorBackend> golden_backend(
    Model model, std::shared_ptr<const IntegerModel> integers);

}  // namespace lightmamba::accel
