#include "eval/value_summary.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace lightmamba {

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
void ValueSummarizer::join(const Moments& b) {
  const Moments a = moments_;
  const double n = a.count + b.count;
  const double d = (b.mean - a.mean) / n;
  moments_.count = n;
  moments_.mean = a.mean + d * b.count;
  moments_.m2 = a.m2 + b.m2 + d * d * n * a.count * b.count;
  moments_.m3 = a.m3 + b.m3 + d * d * d * n * a.count * b.count * (a.count - b.count) +
                3 * d * (a.count * b.m2 - b.count * a.m2);
  moments_.m4 = a.m4 + b.m4 +
                d * d * d * d * n * a.count * b.count *
                    (a.count * a.count - a.count * b.count + b.count * b.count) +
                6 * d * d * (a.count * a.count * b.m2 + b.count * b.count * a.m2) +
                4 * d * (a.count * b.m3 - b.count * a.m3);
}

void ValueSummarizer::add(std::int64_t columns, std::span<const float> values) {
  std::vector<float> quantized(values.begin(), values.end());
  fake_quantize(quantizer_, columns, quantized);
  if (values.empty()) return;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = values[i];
    largest_ = std::max(largest_, std::abs(x));
    squares_ += x * x;
    squared_error_ += (quantized[i] - x) * (quantized[i] - x);
  }
  join(moments_of(values));
}

ValueSummary ValueSummarizer::summary() const {
  ValueSummary result;
  if (moments_.count == 0) return result;
  result.largest = largest_;
  result.rms = std::sqrt(squares_ / moments_.count);
  if (moments_.m2 > 0) result.kurtosis = moments_.count * moments_.m4 / (moments_.m2 * moments_.m2);
  if (squares_ > 0) result.error = std::sqrt(squared_error_ / squares_);
  return result;
}

}  // namespace lightmamba
