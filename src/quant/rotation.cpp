#include "quant/rotation.h"

#include <algorithm>
#include <vector>

#include "base/threads.h"
#include "quant/hadamard.h"

namespace lightmamba {
namespace {

// Multiplies each row by the factors.
void scale_columns(std::span<const float> factors, std::span<float> rows) {
  const auto columns = std::ssize(factors);
  parallel_for(std::ssize(rows) / columns, columns, [&](std::int64_t row) {
    float* values = rows.data() + row * columns;
    for (std::int64_t i = 0; i < columns; ++i) values[i] *= factors[static_cast<std::size_t>(i)];
  });
}

class Rotation : public WeightMethod {
 public:
  Rotation(const Mamba2Config& config, std::uint64_t seed)
      : residual_(config.d_model),
        inner_(config.d_inner),
        residual_signs_(random_signs(config.d_model, seed)),
        inner_signs_(random_signs(config.d_inner, ~seed)) {}

  bool unties() const override { return true; }

  void prepare_embedding(std::span<float> rows) const override { rotate_residual(rows); }

  void prepare_head(std::span<const float> norm_f, std::span<float> rows) const override {
    scale_columns(norm_f, rows);
    rotate_residual(rows);
  }

  void prepare_norm_f(std::span<float> norm_f) const override {
    std::fill(norm_f.begin(), norm_f.end(), 1.0F);
  }

  void prepare_in_proj(LinearSite& site, const SiteStatistics& /*seen*/) const override {
    scale_columns(site.gain, site.weight);
    std::fill(site.gain.begin(), site.gain.end(), 1.0F);
    rotate_residual(site.weight);
  }

  void prepare_out_proj(LinearSite& site, const SiteStatistics& /*seen*/) const override {
    parallel_for(site.rows, site.columns, [&](std::int64_t row) {
      const float sign = residual_signs_[static_cast<std::size_t>(row)];
      float* values = site.weight.data() + row * site.columns;
      for (std::int64_t i = 0; i < site.columns; ++i) {
        values[i] *= sign * inner_signs_[static_cast<std::size_t>(i)];
      }
    });
    residual_.apply_columns(site.weight, site.columns);
    inner_.apply(site.weight);
    scale_columns(inner_signs_, site.gain);
  }

 private:
  void rotate_residual(std::span<float> rows) const {
    scale_columns(residual_signs_, rows);
    residual_.apply(rows);
  }

  HadamardTransform residual_;
  HadamardTransform inner_;
  std::vector<float> residual_signs_;
  std::vector<float> inner_signs_;
};

}  // namespace

std::unique_ptr<const WeightMethod> make_rotation(const Mamba2Config& config, std::uint64_t seed) {
  return std::make_unique<Rotation>(config, seed);
}

}  // namespace lightmamba
