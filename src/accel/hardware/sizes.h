// The sizes of the core. Each is one row of a table, from which rtl/sim/write_rtl.cpp writes the
// files for CMake, synthesis, scripts and documentation.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "accel/hardware/constants.h"

namespace lightmamba::accel {

// The order of the rows of in_proj, and so that of the parameters and the conv state.
enum class RowOrder : std::uint8_t { hardware, checkpoint };

std::string_view row_order_name(RowOrder order);

// A board that a core is placed on.
struct Board {
  std::string_view name;
  std::string_view device;
  int lut, ff, bram36, uram, dsp;  // resources of the device
  double memory_gb_per_second;

  bool operator==(const Board&) const = default;
};

struct Hardware {
  std::string_view name;
  int rows, columns;    // products of the matrix unit in a cycle; rows is a power of two
  int weight_channels;  // ports to the memory
  int weight_depth;     // words that the FIFO of a weight channel reads ahead
  int ssm_lanes;        // numbers of the state in a cycle, of all SSM units
  int state_channels;
  int mix_lanes, out_lanes;                 // lanes of the Hadamard unit
  int queue_depth = 256;                    // channels of x and z that wait
  int ssm_units = 1;                        // heads take turns at them; 1 or 2
  bool has_z_stream = false;                // the sums of z leave beside the others
  bool use_dsp = true;                      // for the products of the matrix unit
  RowOrder row_order = RowOrder::hardware;  // rows of the images that it runs
  const Board* board = nullptr;             // none: for tests
  double clock_mhz = 0;
  // Whether ./dev test simulates it. The others take minutes to compile.
  bool is_in_every_test = false;

  int rows_of_channel() const { return rows / weight_channels; }
  // A word is the bits that a memory channel moves in a cycle.
  int weight_word_bytes() const { return rows_of_channel() * columns / 2; }
  int state_word_bytes() const { return ssm_lanes * 2 / state_channels; }
  // The state of a head lies in the memory channels of its unit.
  int channels_of_head() const { return state_channels / ssm_units; }
  int lanes_of_channel() const { return ssm_lanes / state_channels; }
  // The number of words of a group, for one row of a tile.
  int words_of_group() const { return constant("GROUP") / columns; }
  // The number of groups whose scales share a word.
  int groups_of_scale_word() const { return columns / 4; }

  bool operator==(const Hardware&) const = default;
};

std::span<const Hardware> hardware_presets();
std::vector<std::string> hardware_preset_names();
// Throws Error that lists the names if this is not one of them.
const Hardware& hardware_preset(std::string_view name);

// Tells whether an image that is laid out for one is right for the other.
bool have_same_layout(const Hardware& a, const Hardware& b);

// Returns the preset that runs images of `hardware` with rows in this order: a core is made for one
// order. Throws Error if the table has none.
const Hardware& core_for(const Hardware& hardware, RowOrder order);

}  // namespace lightmamba::accel
