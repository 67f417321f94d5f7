// A picture of the large values at a tap, token by token and channel by channel, before and after a
// rotation: Fig. 2 of arXiv 2502.15260.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <lightmamba/evaluate.h>

namespace lightmamba {

struct OutlierView {
  std::vector<float> values;  // [tokens, channels]
  ValueSummary summary;       // its error is for symmetric 4-bit codes in groups of 128
};

struct OutlierReport {
  Tap tap = Tap::out_proj_input;
  std::int64_t layer = 0;  // -1 outside the blocks
  std::int64_t tokens = 0;
  std::int64_t channels = 0;
  OutlierView before;
  OutlierView after;
};

// Rotates rows of `channels` values in place; makes one for the number of channels.
using RotateRows = std::function<void(std::span<float> rows)>;
using MakeRotation = std::function<RotateRows(std::int64_t channels)>;

// Feeds the tokens to the model and keeps the values at a tap; `layer` is ignored for taps outside
// the layers. Throws Error if there are no tokens, the model has no such layer, or the tap is
// `state`, which has no channels.
OutlierReport find_outliers(const Model& model, std::span<const TokenId> tokens, Tap tap,
                            std::int64_t layer, const MakeRotation& rotation);

// Draws |x| of both as heat maps with one colour scale, by the program gnuplot. The name of the
// file must end in .png or .svg; the file is replaced only by a whole picture. If there are more
// channels than a picture shows, each cell is the largest of its channels. Throws Error naming the
// file, and the Debian package if there is no gnuplot.
void draw_outliers(const OutlierReport& report, const std::filesystem::path& path);

}  // namespace lightmamba
