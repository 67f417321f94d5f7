// The sizes that the core is built in, and which models fit it (docs/memory-map.md).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "accel/numerics/integer_model.h"

namespace lightmamba::accel {

inline constexpr std::int64_t kGroup = 128;  // columns that share a scale
inline constexpr int kImageStateBits = 16;   // of a code of h
inline constexpr std::int64_t kHeaddim = 64;
inline constexpr std::int64_t kStates = 128;  // d_state
inline constexpr std::int64_t kTaps = 4;      // d_conv
inline constexpr std::int64_t kMaxDModel = 2560;
inline constexpr std::int64_t kMaxHeads = 80;
inline constexpr std::int64_t kMaxHadamardM = 40;
inline constexpr std::int64_t kMaxHadamardN = 128;

struct Hardware {
  std::string_view name;
  int rows, columns;    // products of the matrix unit in a cycle
  int weight_channels;  // ports to the memory
  int ssm_lanes;        // numbers of the state in a cycle
  int state_channels;
  int mix_lanes, out_lanes;  // of the Hadamard unit

  int rows_of_channel() const { return rows / weight_channels; }
  // A word is what a channel moves in a cycle.
  int weight_word_bytes() const { return rows_of_channel() * columns / 2; }
  int state_word_bytes() const { return ssm_lanes * 2 / state_channels; }
  // Of one row of a tile.
  int words_of_group() const { return static_cast<int>(kGroup) / columns; }
  // Groups whose scales share a word.
  int groups_of_scale_word() const { return columns / 4; }

  bool operator==(const Hardware&) const = default;
};

std::span<const Hardware> hardware_presets();
// Throws Error listing the names where there is none of this one.
const Hardware& hardware_preset(std::string_view name);

// Why no core can run a model, or none.
std::optional<std::string> does_not_fit(const Mamba2Config& config);
std::optional<std::string> does_not_fit(const Mamba2Config& config, std::int64_t hadamard_m,
                                        std::int64_t hadamard_n);
std::optional<std::string> does_not_fit(const IntegerModel& model);

}  // namespace lightmamba::accel
