#include "quant/smooth_methods.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "base/threads.h"
#include "quant/pack.h"
#include "quant/rounding_plan.h"
#include "quant/smoothing.h"

namespace lightmamba {
namespace {

// What a layer's output over the sample loses by quantization after such a change.
class SmoothingLoss {
 public:
  SmoothingLoss(const LinearSite& site, const SiteStatistics& seen, const MethodOptions& options)
      : site_(site), seen_(seen), options_(options), exact_(outputs(plain_weight(), seen.sample)) {}

  double operator()(const ShiftScale& change) const {
    AlignedVector<float> weight(site_.weight.begin(), site_.weight.end());
    AlignedVector<float> sample = seen_.sample;
    scale_weight(change, weight);
    const AlignedVector<float> bias = shift_bias(change, site_.weight);
    smooth_inputs(change, sample);
    const int bits = options_.scheme.activation_bits;
    if (bits < 16) {
      fake_quantize(activation_quantizer(bits, options_.group, false), site_.columns, sample);
    }
    QuantizedMatrix codes(site_.rows, site_.columns, {options_.scheme.weight_bits, options_.group});
    parallel_for(site_.rows, 8 * site_.columns, [&](std::int64_t row) {
      quantize_row(std::span(weight).subspan(static_cast<std::size_t>(row * site_.columns),
                                             static_cast<std::size_t>(site_.columns)),
                   ScaleRule::absmax, row, codes);
    });
    const AlignedVector<float> rounded = outputs(codes.matrix(), sample);
    double loss = 0;
    for (std::size_t i = 0; i < exact_.size(); ++i) {
      const float shift = bias.empty() ? 0.0F : bias[i % bias.size()];
      const auto difference = static_cast<double>(rounded[i] + shift - exact_[i]);
      loss += difference * difference;
    }
    return loss;
  }

  // weight *= scale, column by column
  void scale_weight(const ShiftScale& change, std::span<float> weight) const {
    for_rows(weight, [&](float* row) {
      for (std::size_t i = 0; i < change.scale.size(); ++i) row[i] *= change.scale[i];
    });
  }

  // W shift, or nothing where there is none. [rows]
  AlignedVector<float> shift_bias(const ShiftScale& change, std::span<const float> weight) const {
    AlignedVector<float> bias;
    if (change.shift.empty()) return bias;
    bias.resize(static_cast<std::size_t>(site_.rows));
    for (std::size_t row = 0; row < bias.size(); ++row) {
      double sum = 0;
      for (std::size_t i = 0; i < change.shift.size(); ++i) {
        sum += static_cast<double>(weight[row * change.shift.size() + i]) *
               static_cast<double>(change.shift[i]);
      }
      bias[row] = static_cast<float>(sum);
    }
    return bias;
  }

 private:
  Matrix plain_weight() const {
    return {.rows = site_.rows,
            .columns = site_.columns,
            .data = reinterpret_cast<const std::byte*>(site_.weight.data())};
  }

  AlignedVector<float> outputs(const Matrix& weight, std::span<const float> inputs) const {
    const std::int64_t tokens = std::ssize(inputs) / site_.columns;
    AlignedVector<float> y(static_cast<std::size_t>(tokens * site_.rows));
    linear(weight, tokens, inputs, y);
    return y;
  }

  void smooth_inputs(const ShiftScale& change, std::span<float> inputs) const {
    for_rows(inputs, [&](float* row) {
      for (std::size_t i = 0; i < change.scale.size(); ++i) {
        const float shift = change.shift.empty() ? 0.0F : change.shift[i];
        row[i] = (row[i] - shift) / change.scale[i];
      }
    });
  }

  void for_rows(std::span<float> values, const std::function<void(float*)>& body) const {
    parallel_for(std::ssize(values) / site_.columns, site_.columns,
                 [&](std::int64_t row) { body(values.data() + row * site_.columns); });
  }

  const LinearSite& site_;
  const SiteStatistics& seen_;
  const MethodOptions& options_;
  AlignedVector<float> exact_;
};

// Makes the change at the site: x' = norm(.) gain / scale + (gain_bias - shift) / scale.
void apply(const ShiftScale& change, const SmoothingLoss& loss, LinearSite& site) {
  AlignedVector<float> bias = loss.shift_bias(change, site.weight);
  loss.scale_weight(change, site.weight);
  for (std::size_t i = 0; i < change.scale.size(); ++i) site.gain[i] /= change.scale[i];
  if (change.shift.empty()) return;
  site.gain_bias.resize(change.shift.size());
  for (std::size_t i = 0; i < change.shift.size(); ++i) {
    site.gain_bias[i] = (site.gain_bias[i] - change.shift[i]) / change.scale[i];
  }
  site.bias.resize(bias.size());
  for (std::size_t i = 0; i < bias.size(); ++i) site.bias[i] += bias[i];
}

// One that changes both inputs of a layer by the best of some candidates.
class SmoothMethod : public WeightMethod {
 public:
  using Candidates =
      std::function<std::vector<ShiftScale>(const LinearSite& site, const SiteStatistics& seen)>;
  SmoothMethod(const MethodOptions& options, Candidates candidates)
      : options_(options), candidates_(std::move(candidates)) {}

  bool needs_statistics() const override { return true; }
  void prepare_in_proj(LinearSite& site, const SiteStatistics& seen) const override {
    smooth(site, seen);
  }
  void prepare_out_proj(LinearSite& site, const SiteStatistics& seen) const override {
    smooth(site, seen);
  }

 private:
  void smooth(LinearSite& site, const SiteStatistics& seen) const {
    const std::vector<ShiftScale> candidates = candidates_(site, seen);
    const SmoothingLoss loss(site, seen, options_);
    std::size_t best = 0;
    double min = -1;
    for (std::size_t i = 0; i < candidates.size() && candidates.size() > 1; ++i) {
      const double value = loss(candidates[i]);
      if (min < 0 || value < min) {
        min = value;
        best = i;
      }
    }
    apply(candidates[best], loss, site);
  }

  MethodOptions options_;
  Candidates candidates_;
};

std::vector<float> column_absmax(const LinearSite& site) {
  std::vector<float> largest(static_cast<std::size_t>(site.columns));
  for (std::int64_t row = 0; row < site.rows; ++row) {
    for (std::size_t i = 0; i < largest.size(); ++i) {
      const std::size_t index = static_cast<std::size_t>(row) * largest.size() + i;
      largest[i] = std::max(largest[i], std::abs(site.weight[index]));
    }
  }
  return largest;
}

}  // namespace

std::unique_ptr<const WeightMethod> make_smoothquant(const MethodOptions& options) {
  return std::make_unique<SmoothMethod>(
      options, [alpha = options.alpha](const LinearSite& site, const SiteStatistics& seen) {
        std::vector<float> inputs(seen.low.size());
        for (std::size_t i = 0; i < inputs.size(); ++i) {
          inputs[i] = std::max(-seen.low[i], seen.high[i]);
        }
        const std::vector<float> weights = column_absmax(site);
        std::vector<ShiftScale> candidates;
        for (int tenths = 1; tenths <= 9; ++tenths) {
          const float tried = alpha.value_or(static_cast<float>(tenths) / 10.0F);
          candidates.push_back({{}, smoothquant_scale(inputs, weights, tried)});
          if (alpha) break;
        }
        return candidates;
      });
}

std::unique_ptr<const WeightMethod> make_os_plus(const MethodOptions& options) {
  return std::make_unique<SmoothMethod>(
      options, [](const LinearSite& /*site*/, const SiteStatistics& seen) {
        float largest = 0;
        for (std::size_t i = 0; i < seen.low.size(); ++i) {
          largest = std::max(largest, (seen.high[i] - seen.low[i]) / 2);
        }
        std::vector<ShiftScale> candidates;
        float threshold = largest;
        while (threshold > largest / 40) {
          candidates.push_back(os_plus_shift_scale(seen.low, seen.high, threshold));
          threshold *= 0.75F;
        }
        if (candidates.empty()) {  // a site that only ever saw zeros
          candidates.push_back(os_plus_shift_scale(seen.low, seen.high, 1.0F));
        }
        return candidates;
      });
}

}  // namespace lightmamba
