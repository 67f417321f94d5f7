// A picture of the cycles in which the units of the accelerator work in one layer of a token.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "accel/runtime/activity.h"

namespace lightmamba {

// The parts of a layer that a picture has at most, next to each other.
inline constexpr std::int64_t kTimelineBuckets = 200;

// Draws a row for each unit, by the program gnuplot: how large a share of each bucket of cycles it
// works, in [0, 1], and on the right its share of the whole layer. A line shows where out_proj
// begins. The name of the file must end in .png or .svg. Throws Error as draw_picture() does.
void draw_timeline(const accel::LayerTimeline& timeline, std::string_view title,
                   const std::filesystem::path& path);

}  // namespace lightmamba
