// The models that fit the core (docs/memory-map.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "accel/hardware/constants.h"
#include "accel/numerics/integer_model.h"

namespace lightmamba::accel {

inline constexpr std::int64_t kGroup = constant("GROUP");  // columns that share a scale
inline constexpr std::int64_t kHeaddim = constant("HEADDIM");
inline constexpr std::int64_t kStates = constant("D_STATE");
inline constexpr std::int64_t kTaps = constant("D_CONV");
inline constexpr std::int64_t kMaxDModel = constant("MAX_D_MODEL");
inline constexpr std::int64_t kMaxHeads = constant("MAX_HEADS");
inline constexpr std::int64_t kMaxHadamardM = constant("MAX_HADAMARD_M");
inline constexpr std::int64_t kMaxHadamardN = constant("MAX_HADAMARD_N");

// Tells whether the core has codes of as many bits for the SSM state.
constexpr bool is_image_state(std::int64_t bits) {
  return bits == constant("STATE_BITS") || bits == constant("SHORT_STATE_BITS");
}

// Returns why no core can run a model, or nothing if one can.
std::optional<std::string> does_not_fit(const Mamba2Config& config);
std::optional<std::string> does_not_fit(const Mamba2Config& config, std::int64_t hadamard_m,
                                        std::int64_t hadamard_n);
std::optional<std::string> does_not_fit(const IntegerModel& model);

}  // namespace lightmamba::accel
