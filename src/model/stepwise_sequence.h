// For back ends that run one token after the other and have no faster way to verify some.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <lightmamba/sequence.h>

namespace lightmamba {

// Verifies tokens by decoding them, with a fork before each one that may be taken back.
class StepwiseSequence : public Sequence {
 protected:
  explicit StepwiseSequence(std::shared_ptr<const Backend> backend)
      : Sequence(std::move(backend)) {}
  StepwiseSequence(const StepwiseSequence& other) : Sequence(other) {}

  // Makes the state and the position those of a fork. Logits are not concerned.
  virtual void become(const Sequence& earlier) = 0;

 private:
  void run_verify(std::span<const TokenId> tokens, std::int64_t certain,
                  std::span<float> logits) override;
  void run_keep(std::int64_t count) override;

  // [i] has seen i of the verified tokens, or is null if all of these are certain.
  std::vector<std::unique_ptr<Sequence>> earlier_;
};

}  // namespace lightmamba
