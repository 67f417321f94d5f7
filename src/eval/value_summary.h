// Statistics of values that come in parts, and the error of a quantizer on them.
#pragma once

#include <cstdint>
#include <span>

#include <lightmamba/evaluate.h>

namespace lightmamba {

class ValueSummarizer {
 public:
  explicit ValueSummarizer(const Quantizer& quantizer) : quantizer_(quantizer) {}

  // Adds whole rows of `columns`. Throws Error if the quantizer is out of range.
  void add(std::int64_t columns, std::span<const float> values);

  ValueSummary summary() const;

 private:
  // Central moments, so that parts can be joined without cancellation.
  struct Moments {
    double count = 0;
    double mean = 0;
    double m2 = 0;  // sums of powers of x - mean
    double m3 = 0;
    double m4 = 0;
  };
  static Moments moments_of(std::span<const float> values);
  static Moments joined(const Moments& a, const Moments& b);

  struct Sums {
    Moments moments;
    double largest = 0;
    double squares = 0;
    double squared_error = 0;
  };
  Sums sums_of(std::int64_t columns, std::span<const float> values) const;

  Quantizer quantizer_;
  Sums sums_;
};

}  // namespace lightmamba
