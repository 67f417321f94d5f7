#include "accel/hardware/sizes.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fail.h"

namespace lightmamba::accel {
namespace {

// The clocks and bandwidths are those of the paper.
constexpr Board kVck190 = {.name = "VCK190",
                           .device = "VC1902",
                           .lut = 899'840,
                           .ff = 1'799'680,
                           .bram36 = 967,
                           .uram = 463,
                           .dsp = 1'968,
                           .memory_gb_per_second = 12};
constexpr Board kU280 = {.name = "U280",
                         .device = "U280",
                         .lut = 1'303'680,
                         .ff = 2'607'360,
                         .bram36 = 2'016,
                         .uram = 960,
                         .dsp = 9'024,
                         .memory_gb_per_second = 460};

constexpr Hardware kTiny = {.name = "tiny",
                            .rows = 2,
                            .columns = 8,
                            .weight_channels = 1,
                            .weight_depth = 1024,
                            .ssm_lanes = 2,
                            .state_channels = 1,
                            .mix_lanes = 2,
                            .out_lanes = 1,
                            .is_in_every_test = true};
// With all that the sizes for boards have.
constexpr Hardware kTinyWide = {.name = "tiny_wide",
                                .rows = 4,
                                .columns = 8,
                                .weight_channels = 2,
                                .weight_depth = 512,
                                .ssm_lanes = 4,
                                .state_channels = 2,
                                .mix_lanes = 4,
                                .out_lanes = 2,
                                .ssm_units = 2,
                                .has_z_stream = true,
                                .is_in_every_test = true};
constexpr Hardware kSmaller = {.name = "vck190",
                               .rows = 2,
                               .columns = 32,
                               .weight_channels = 1,
                               .weight_depth = 4096,
                               .ssm_lanes = 4,
                               .state_channels = 1,
                               .mix_lanes = 2,
                               .out_lanes = 1,
                               .board = &kVck190,
                               .clock_mhz = 400,
                               .is_in_every_test = true};
constexpr Hardware kLarger = {.name = "u280",
                              .rows = 16,
                              .columns = 128,
                              .weight_channels = 16,
                              .weight_depth = 512,
                              .ssm_lanes = 64,
                              .state_channels = 2,
                              .mix_lanes = 32,
                              .out_lanes = 16,
                              .board = &kU280,
                              .clock_mhz = 200};
constexpr Hardware kWide = {.name = "u280_wide",
                            .rows = 32,
                            .columns = 128,
                            .weight_channels = 32,
                            .weight_depth = 512,
                            .ssm_lanes = 128,
                            .state_channels = 4,
                            .mix_lanes = 64,
                            .out_lanes = 32,
                            .ssm_units = 2,
                            .has_z_stream = true,
                            .board = &kU280,
                            .clock_mhz = 200};

// The same size for rows in the order of the checkpoint. Its queues hold all x and z of a layer of
// the largest model that it is for.
constexpr Hardware for_checkpoint_order(Hardware size, std::string_view name, int queue_depth,
                                        bool is_in_every_test) {
  size.name = name;
  size.queue_depth = queue_depth;
  size.row_order = RowOrder::checkpoint;
  size.is_in_every_test = is_in_every_test;
  return size;
}

constexpr std::array kPresets = {
    kTiny,
    kTinyWide,
    kSmaller,
    kLarger,
    kWide,
    for_checkpoint_order(kTiny, "tiny_checkpoint", 1024, true),
    for_checkpoint_order(kSmaller, "vck190_checkpoint", 8192, false),
    for_checkpoint_order(kLarger, "u280_checkpoint", 8192, false),
};

}  // namespace

std::string_view row_order_name(RowOrder order) {
  return order == RowOrder::hardware ? "hardware" : "checkpoint";
}

std::span<const Hardware> hardware_presets() { return kPresets; }

std::vector<std::string> hardware_preset_names() {
  std::vector<std::string> names;
  names.reserve(kPresets.size());
  for (const Hardware& each : kPresets) names.emplace_back(each.name);
  return names;
}

const Hardware& hardware_preset(std::string_view name) {
  for (const Hardware& each : kPresets) {
    if (each.name == name) return each;
  }
  fail("there is no preset '{}', only {}", name, fmt::join(hardware_preset_names(), ", "));
}

bool have_same_layout(const Hardware& a, const Hardware& b) {
  return a.rows == b.rows && a.columns == b.columns && a.weight_channels == b.weight_channels &&
         a.ssm_lanes == b.ssm_lanes && a.state_channels == b.state_channels &&
         a.ssm_units == b.ssm_units;
}

const Hardware& core_for(const Hardware& hardware, RowOrder order) {
  if (hardware.row_order == order) return hardware;
  const auto fits = [&](const Hardware& each) {
    return each.row_order == order && have_same_layout(each, hardware) &&
           each.mix_lanes == hardware.mix_lanes && each.out_lanes == hardware.out_lanes;
  };
  const auto found = std::find_if(kPresets.begin(), kPresets.end(), fits);
  if (found == kPresets.end()) {
    fail("there is no core {} for rows in the order '{}'", hardware.name, row_order_name(order));
  }
  return *found;
}

}  // namespace lightmamba::accel
