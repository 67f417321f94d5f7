// Shows why methods that learn from channel statistics fail if large values are in other channels
// at every token, and a rotation does not: the 4-bit error of each on such values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace lightmamba {

// Each value is its channel's gain times either a normal number or, in a few channels chosen anew
// for every token, an outlier. The gains are log-normal with the spread of mamba2-130m's gated norm
// (layer 0), since the value at the out_proj input is a product with that gain.
struct OutlierStudyOptions {
  std::int64_t channels = 5120;  // d_inner of mamba2-2.7b
  std::int64_t calibration_tokens = 512;
  std::int64_t test_tokens = 512;
  // Outliers in a token: so many that almost every channel has had one in the calibration tokens.
  // SmoothQuant scales up an outlier in a channel that had none there, which is worse than no
  // method.
  std::int64_t outliers = 64;
  double smallest = 20;             // magnitude of an outlier, relative to the others' rms:
  double largest = 100;             // uniform between these two
  double positive_share = 0.9;      // share of positive outliers
  double gain_spread = 0.48;        // standard deviation of the logarithm of a gain
  std::int64_t weight_rows = 2560;  // normal weights; SmoothQuant needs their column maxima
  std::uint64_t seed = 1;
};

// Errors of the test tokens in the original space, after scale, shift or rotation are undone. The
// paper gives 19.5 (rtn), 18.8 (smoothquant), 309.8 (os+) and 13.1 (rotation) in a unit that it
// does not name.
struct OutlierStudyError {
  double mean_square = 0;  // mean of (found - x)^2
  double relative = 0;     // ||found - x|| / ||x||
};

struct OutlierStudyRow {
  std::string_view method;
  OutlierStudyError per_token;  // one symmetric 4-bit scale for a token
  OutlierStudyError per_group;  // one for each 128 channels
};

// Returns a row for rtn; for smoothquant with alpha 1/2; for os+ with the threshold that is best on
// the calibration tokens; and for rotation by a Hadamard matrix with random signs. All statistics
// come from the calibration tokens. Throws Error if a count is not positive.
std::vector<OutlierStudyRow> outlier_study(const OutlierStudyOptions& options = {});

struct RealOutliers {
  std::string_view values;
  std::int64_t tokens = 0;
  std::int64_t channels = 0;
  std::vector<OutlierStudyRow> rows;  // rtn and rotation: too few tokens to calibrate the others
};

// Measures the same errors on tensors of a real layer: the inputs of in_proj, rmsnorm(block_input)
// with the gain norm.weight, and the inputs that out_proj would have if the gate were open: rmsnorm
// of step.y and of later.y with the gain mixer.norm.weight. Throws Error naming the file and the
// tensor that is missing or has another shape.
std::vector<RealOutliers> real_outliers(const std::filesystem::path& path, std::uint64_t seed = 1);

}  // namespace lightmamba
