#include "eval/outlier_study.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>

#include <lightmamba/fake_quant.h>

#include "base/buffer.h"
#include "base/fail.h"
#include "eval/random.h"
#include "eval/ssm_tensors.h"
#include "model/functions.h"
#include "quant/hadamard.h"
#include "quant/smoothing.h"

namespace lightmamba {
namespace {

constexpr Quantizer kPerToken{.bits = 4, .group = 0};
constexpr Quantizer kPerGroup{.bits = 4, .group = 128};
constexpr float kAlpha = 0.5F;
constexpr int kThresholds = 16;  // tried for os+, a factor of 2^(1/2) apart

using Values = AlignedVector<float>;  // [tokens, channels]

struct Setting {
  std::size_t channels;
  Values calibration;
  Values test;
  std::vector<float> weight_absmax;  // [channels]
};

Values make_tokens(const OutlierStudyOptions& options, std::span<const double> gains,
                   std::int64_t tokens, Random& random) {
  Values values;
  std::vector<double> token(gains.size());
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (double& value : token) value = random.normal();
    for (std::int64_t i = 0; i < options.outliers; ++i) {
      const double sign = random.uniform() < options.positive_share ? 1 : -1;
      const double magnitude =
          options.smallest + (options.largest - options.smallest) * random.uniform();
      token[random.index(token.size())] = sign * magnitude;
    }
    for (std::size_t j = 0; j < token.size(); ++j) {
      values.push_back(static_cast<float>(gains[j] * token[j]));
    }
  }
  return values;
}

Setting make_setting(const OutlierStudyOptions& options) {
  Random random(options.seed);
  std::vector<double> gains(static_cast<std::size_t>(options.channels));
  for (double& gain : gains) gain = std::exp(options.gain_spread * random.normal());
  Setting setting{gains.size(),
                  make_tokens(options, gains, options.calibration_tokens, random),
                  make_tokens(options, gains, options.test_tokens, random),
                  {}};
  for (std::size_t j = 0; j < gains.size(); ++j) {
    double largest = 0;
    for (std::int64_t row = 0; row < options.weight_rows; ++row) {
      largest = std::max(largest, std::abs(random.normal()));
    }
    setting.weight_absmax.push_back(static_cast<float>(largest));
  }
  return setting;
}

// Of x as Q((x - shift) / scale) scale + shift.
OutlierStudyError error_of(const Quantizer& quantizer, const Values& values,
                           std::span<const float> shift, std::span<const float> scale) {
  const std::size_t channels = shift.size();
  Values quantized = values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    quantized[i] = (values[i] - shift[i % channels]) / scale[i % channels];
  }
  fake_quantize(quantizer, std::ssize(shift), quantized);
  double squares = 0;
  double norm = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double found =
        static_cast<double>(quantized[i]) * scale[i % channels] + shift[i % channels];
    squares += (found - values[i]) * (found - values[i]);
    norm += static_cast<double>(values[i]) * values[i];
  }
  return {squares / static_cast<double>(values.size()), std::sqrt(squares / norm)};
}

struct ChannelRanges {
  std::vector<float> minimum, maximum, absmax;
};

ChannelRanges ranges_of(const Values& values, std::size_t channels) {
  ChannelRanges ranges{{values.begin(), values.begin() + static_cast<std::ptrdiff_t>(channels)},
                       {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(channels)},
                       std::vector<float>(channels)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t j = i % channels;
    ranges.minimum[j] = std::min(ranges.minimum[j], values[i]);
    ranges.maximum[j] = std::max(ranges.maximum[j], values[i]);
    ranges.absmax[j] = std::max(ranges.absmax[j], std::abs(values[i]));
  }
  return ranges;
}

OutlierStudyError os_plus_error(const Quantizer& quantizer, const Setting& setting,
                                const ChannelRanges& ranges) {
  float threshold = 0;
  for (std::size_t j = 0; j < setting.channels; ++j) {
    threshold = std::max(threshold, (ranges.maximum[j] - ranges.minimum[j]) / 2);
  }
  ShiftScale best;
  double smallest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kThresholds; ++i) {
    ShiftScale candidate = os_plus_shift_scale(ranges.minimum, ranges.maximum, threshold);
    const double error =
        error_of(quantizer, setting.calibration, candidate.shift, candidate.scale).mean_square;
    if (error < smallest) {
      smallest = error;
      best = std::move(candidate);
    }
    threshold *= std::sqrt(0.5F);
  }
  return error_of(quantizer, setting.test, best.shift, best.scale);
}

// As the rotation is orthogonal, the error after it is the error in the original space.
Values rotated(std::int64_t channels, std::uint64_t seed, Values values) {
  const std::vector<float> signs = random_signs(channels, seed);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= signs[i % signs.size()];
  HadamardTransform(channels).apply(values);
  return values;
}

OutlierStudyRow row(std::string_view method,
                    const std::function<OutlierStudyError(const Quantizer&)>& error) {
  return {method, error(kPerToken), error(kPerGroup)};
}

// Of rmsnorm(each of `tokens`) times `gain`.
RealOutliers errors_of_norm(const SafetensorsFile& file, std::string_view name,
                            const std::vector<std::string>& tokens, const std::string& gain,
                            std::uint64_t seed) {
  constexpr float kEps = 1e-5F;
  const std::vector<float> gains = read_floats(file, gain);
  Values values;
  for (const std::string& token : tokens) {
    const std::vector<float> input = read_floats(file, token);
    if (input.size() != gains.size()) {
      fail("{}: has {} numbers, but {} has {}", token, input.size(), gain, gains.size());
    }
    Values normed(input.size());
    rmsnorm(input, gains, kEps, 1, normed);
    values.insert(values.end(), normed.begin(), normed.end());
  }
  const auto channels = std::ssize(gains);
  const std::vector<float> no_shift(gains.size(), 0.0F);
  const std::vector<float> no_scale(gains.size(), 1.0F);
  const Values turned = rotated(channels, seed, values);
  return {name,
          std::ssize(tokens),
          channels,
          {row("rtn", [&](const Quantizer& q) { return error_of(q, values, no_shift, no_scale); }),
           row("rotation",
               [&](const Quantizer& q) { return error_of(q, turned, no_shift, no_scale); })}};
}

void validate(const OutlierStudyOptions& options) {
  for (const std::int64_t count :
       {options.channels, options.calibration_tokens, options.test_tokens, options.weight_rows}) {
    if (count < 1) fail("outlier study: a count must be at least 1, but is {}", count);
  }
}

}  // namespace

std::vector<OutlierStudyRow> outlier_study(const OutlierStudyOptions& options) {
  validate(options);
  const Setting setting = make_setting(options);
  const ChannelRanges ranges = ranges_of(setting.calibration, setting.channels);
  const std::vector<float> no_shift(setting.channels, 0.0F);
  const std::vector<float> no_scale(setting.channels, 1.0F);
  const std::vector<float> smooth = smoothquant_scale(ranges.absmax, setting.weight_absmax, kAlpha);
  const Values turned = rotated(options.channels, options.seed, setting.test);

  return {
      row("rtn", [&](const Quantizer& q) { return error_of(q, setting.test, no_shift, no_scale); }),
      row("smoothquant",
          [&](const Quantizer& q) { return error_of(q, setting.test, no_shift, smooth); }),
      row("os+", [&](const Quantizer& q) { return os_plus_error(q, setting, ranges); }),
      row("rotation", [&](const Quantizer& q) { return error_of(q, turned, no_shift, no_scale); }),
  };
}

std::vector<RealOutliers> real_outliers(const std::filesystem::path& path, std::uint64_t seed) {
  const SafetensorsFile file = read_safetensors(path);
  return with_context(path.string(), [&] {
    return std::vector<RealOutliers>{
        errors_of_norm(file, "in_proj input", {"block_input"}, "norm.weight", seed),
        errors_of_norm(file, "y, normed", {"step.y", "later.y"}, "mixer.norm.weight", seed)};
  });
}

}  // namespace lightmamba
