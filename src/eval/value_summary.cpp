#include "eval/value_summary.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/threads.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kSliceValues = 16384;  // summed together, few enough for the nearest cache
constexpr std::int64_t kOperations = 10;      // for each value, roughly

}  // namespace

ValueSummarizer::Moments ValueSummarizer::moments_of(std::span<const float> values) {
  Moments result;
  result.count = static_cast<double>(values.size());
  for (const float value : values) result.mean += value;
  result.mean /= result.count;
  for (const float value : values) {
    const double d = value - result.mean;
    result.m2 += d * d;
    result.m3 += d * d * d;
    result.m4 += d * d * d * d;
  }
  return result;
}

// Pébay, "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order
// statistical moments", 2008, equations 1.5 and 2.1 for the orders up to 4.
ValueSummarizer::Moments ValueSummarizer::joined(const Moments& a, const Moments& b) {
  const double n = a.count + b.count;
  const double d = (b.mean - a.mean) / n;
  Moments result;
  result.count = n;
  result.mean = a.mean + d * b.count;
  result.m2 = a.m2 + b.m2 + d * d * n * a.count * b.count;
  result.m3 = a.m3 + b.m3 + d * d * d * n * a.count * b.count * (a.count - b.count) +
              3 * d * (a.count * b.m2 - b.count * a.m2);
  result.m4 = a.m4 + b.m4 +
              d * d * d * d * n * a.count * b.count *
                  (a.count * a.count - a.count * b.count + b.count * b.count) +
              6 * d * d * (a.count * a.count * b.m2 + b.count * b.count * a.m2) +
              4 * d * (a.count * b.m3 - b.count * a.m3);
  return result;
}

ValueSummarizer::Sums ValueSummarizer::sums_of(std::int64_t columns,
                                               std::span<const float> values) const {
  std::vector<float> quantized(values.begin(), values.end());
  fake_quantize(quantizer_, columns, quantized);
  Sums sums;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = values[i];
    sums.largest = std::max(sums.largest, std::abs(x));
    sums.squares += x * x;
    sums.squared_error += (quantized[i] - x) * (quantized[i] - x);
  }
  sums.moments = moments_of(values);
  return sums;
}

void ValueSummarizer::add(std::int64_t columns, std::span<const float> values) {
  fake_quantize(quantizer_, columns, {});  // checks the quantizer
  const std::int64_t slice = std::max(std::int64_t{1}, kSliceValues / columns) * columns;
  const std::int64_t size = std::ssize(values);
  std::vector<Sums> slices(static_cast<std::size_t>((size + slice - 1) / slice));
  parallel_for(std::ssize(slices), kOperations * slice, [&](std::int64_t i) {
    const std::int64_t begin = i * slice;
    slices[static_cast<std::size_t>(i)] =
        sums_of(columns, values.subspan(static_cast<std::size_t>(begin),
                                        static_cast<std::size_t>(std::min(slice, size - begin))));
  });
  for (const Sums& part : slices) {
    sums_.moments = joined(sums_.moments, part.moments);
    sums_.largest = std::max(sums_.largest, part.largest);
    sums_.squares += part.squares;
    sums_.squared_error += part.squared_error;
  }
}

ValueSummary ValueSummarizer::summary() const {
  ValueSummary result;
  const Moments& moments = sums_.moments;
  if (moments.count == 0) return result;
  result.largest = sums_.largest;
  result.rms = std::sqrt(sums_.squares / moments.count);
  if (moments.m2 > 0) result.kurtosis = moments.count * moments.m4 / (moments.m2 * moments.m2);
  if (sums_.squares > 0) result.error = std::sqrt(sums_.squared_error / sums_.squares);
  return result;
}

}  // namespace lightmamba
