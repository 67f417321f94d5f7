#include "quant/gptq.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/fail.h"
#include "base/threads.h"
#include "model/blas.h"
#include "quant/scale_search.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kPanel = 192;  // rows of a sum over tokens to a task
constexpr std::int64_t kSlab = 64;    // rows of the weights to a task
constexpr std::int64_t kBlock = 128;  // columns after which the remaining ones are updated

void require_size(std::string_view what, std::size_t size, std::int64_t expected) {
  if (static_cast<std::int64_t>(size) != expected) {
    fail("gptq: {} has {} elements instead of {}", what, size, expected);
  }
}

// Returns the upper triangular U with H⁻¹ = Uᵀ U for the damped Hessian, [n, n].
//
// Read backwards, H is the matrix of the columns in reverse order. Its factor L gives U = L⁻¹, read
// backwards again: H⁻¹ itself is never formed.
AlignedVector<float> inverse_factor(std::span<const float> hessian, std::int64_t n,
                                    double damping) {
  AlignedVector<double> factor(hessian.rbegin(), hessian.rend());
  const auto diagonal = [&](std::int64_t i) -> double& {
    return factor[static_cast<std::size_t>(i * (n + 1))];
  };
  double sum = 0;
  std::int64_t live = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    sum += diagonal(i);
    live += diagonal(i) != 0 ? 1 : 0;
  }
  const double mean = live > 0 ? sum / static_cast<double>(live) : 1.0;
  for (std::int64_t i = 0; i < n; ++i) {
    diagonal(i) = (diagonal(i) != 0 ? diagonal(i) : mean) + damping * mean;
  }
  if (!std::isfinite(sum) || !blas::cholesky(n, factor.data())) {
    fail("gptq: the Hessian is not positive definite with damping {}", damping);
  }
  blas::invert_lower(n, factor.data());
  AlignedVector<float> upper(factor.rbegin(), factor.rend());
  for (std::int64_t i = 0; i < n; ++i) {
    std::fill_n(upper.begin() + i * n, i, 0.0F);
    const auto own = upper[static_cast<std::size_t>(i * (n + 1))];
    if (!std::isfinite(own)) fail("gptq: the Hessian holds a value that is not finite");
  }
  return upper;
}

class Rounder {
 public:
  Rounder(std::span<float> weights, std::int64_t columns, std::span<const float> hessian,
          const GptqOptions& options, const ScaleFn& scale_of, std::span<std::int8_t> codes,
          std::span<float> scales)
      : weights_(weights),
        columns_(columns),
        options_(options),
        scale_of_(scale_of),
        codes_(codes),
        scales_(scales),
        groups_((columns + options.group - 1) / options.group),
        upper_(inverse_factor(hessian, columns, options.damping)),
        importance_(static_cast<std::size_t>(columns)) {
    for (std::size_t i = 0; i < importance_.size(); ++i) {
      importance_[i] = hessian[i * (importance_.size() + 1)];
    }
  }

  // Adds products H⁻¹ to some rows of W.
  void fit_rows(std::span<const float> products, std::int64_t begin, std::int64_t end) const {
    AlignedVector<float> half(static_cast<std::size_t>((end - begin) * columns_));
    const blas::Operand upper = {upper_.data(), columns_};
    blas::multiply({end - begin, columns_, columns_}, 1.0F,
                   {products.data() + begin * columns_, columns_}, blas::transposed(upper), 0.0F,
                   {half.data(), columns_});
    blas::multiply({end - begin, columns_, columns_}, 1.0F, {half.data(), columns_}, upper, 1.0F,
                   {weights_.data() + begin * columns_, columns_});
  }

  void round_rows(std::int64_t begin, std::int64_t end) const {
    AlignedVector<float> errors(static_cast<std::size_t>((end - begin) * kBlock));
    for (std::int64_t column = 0; column < columns_;) {
      const std::int64_t stop = block_end(column);
      for (std::int64_t row = begin; row < end; ++row) {
        round_block(row, column, stop, errors.data() + (row - begin) * kBlock);
      }
      if (stop < columns_) {
        blas::multiply({end - begin, columns_ - stop, stop - column}, -1.0F,
                       {errors.data(), kBlock},
                       {upper_.data() + column * columns_ + stop, columns_}, 1.0F,
                       {weights_.data() + begin * columns_ + stop, columns_});
      }
      column = stop;
    }
  }

 private:
  // A block of columns ends with a group or lies in one group, so every group is up to date to its
  // end when its scale is chosen.
  std::int64_t block_end(std::int64_t column) const {
    const std::int64_t group = options_.group;
    if (group > kBlock) {
      return std::min({column + kBlock, (column / group + 1) * group, columns_});
    }
    return std::min(column + kBlock / group * group, columns_);
  }

  // Rounds columns [begin, end) of a row and compensates among them; `errors` receive the errors of
  // the columns divided by the diagonal of the factor.
  void round_block(std::int64_t row, std::int64_t begin, std::int64_t end, float* errors) const {
    float* weights = weights_.data() + row * columns_;
    const auto lowest = static_cast<float>(options_.lowest);
    const auto highest = static_cast<float>(options_.highest);
    float* scales = scales_.data() + row * groups_;
    for (std::int64_t j = begin; j < end; ++j) {
      float& scale = scales[j / options_.group];
      if (j % options_.group == 0) {
        const auto width = static_cast<std::size_t>(std::min(options_.group, columns_ - j));
        scale = scale_of_({weights + j, width}, {importance_.data() + j, width});
      }
      const float code = round_to_code(weights[j], inverse_scale(scale), lowest, highest);
      codes_[static_cast<std::size_t>(row * columns_ + j)] = static_cast<std::int8_t>(code);
      const float rounded = code * scale;
      const float* factor = upper_.data() + j * columns_;
      const float error = (weights[j] - rounded) / factor[j];
      weights[j] = rounded;
      errors[j - begin] = error;
#pragma omp simd
      for (std::int64_t k = j + 1; k < end; ++k) weights[k] -= error * factor[k];
    }
  }

  std::span<float> weights_;
  std::int64_t columns_;
  const GptqOptions& options_;
  const ScaleFn& scale_of_;
  std::span<std::int8_t> codes_;
  std::span<float> scales_;
  std::int64_t groups_;
  AlignedVector<float> upper_;
  std::vector<float> importance_;
};

}  // namespace

HessianAccumulator::HessianAccumulator(std::int64_t columns)
    : columns_(columns), sums_(static_cast<std::size_t>(columns * columns)) {}

void HessianAccumulator::add(std::span<const float> rows) {
  const std::int64_t tokens = std::ssize(rows) / columns_;
  if (tokens * columns_ != std::ssize(rows)) {
    fail("{} values are not rows of {}", rows.size(), columns_);
  }
  const std::int64_t panels = (columns_ + kPanel - 1) / kPanel;
  parallel_for(panels, tokens * columns_ * kPanel / 16, [&](std::int64_t panel) {
    const std::int64_t begin = panel * kPanel;
    const std::int64_t width = std::min(kPanel, columns_ - begin);
    const float* inputs = rows.data() + begin;
    float* sums = sums_.data() + begin * (columns_ + 1);
    blas::add_gram(width, tokens, inputs, columns_, {sums, columns_});
    if (begin + width == columns_) return;
    blas::multiply({width, columns_ - begin - width, tokens}, 1.0F,
                   blas::transposed({inputs, columns_}), {inputs + width, columns_}, 1.0F,
                   {sums + width, columns_});
  });
  tokens_ += tokens;
}

std::span<const float> HessianAccumulator::matrix() {
  const std::int64_t n = columns_;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      sums_[static_cast<std::size_t>(i * n + j)] = sums_[static_cast<std::size_t>(j * n + i)];
    }
  }
  return sums_;
}

AlignedVector<float> cross_products(std::span<const float> values, std::int64_t rows,
                                    std::span<const float> inputs, std::int64_t columns) {
  const std::int64_t tokens = std::ssize(inputs) / columns;
  require_size("the input array", inputs.size(), tokens * columns);
  require_size("the array of values beside the inputs", values.size(), tokens * rows);
  AlignedVector<float> products(static_cast<std::size_t>(rows * columns));
  parallel_for(
      (rows + kPanel - 1) / kPanel, tokens * columns * kPanel / 16, [&](std::int64_t panel) {
        const std::int64_t begin = panel * kPanel;
        blas::multiply({std::min(kPanel, rows - begin), columns, tokens}, 1.0F,
                       blas::transposed({values.data() + begin, rows}), {inputs.data(), columns},
                       0.0F, {products.data() + begin * columns, columns});
      });
  return products;
}

void add_product(float factor, std::span<const float> weights, std::span<const float> matrix,
                 std::int64_t columns, std::span<float> products) {
  const std::int64_t rows = std::ssize(weights) / columns;
  require_size("the weight", weights.size(), rows * columns);
  require_size("the matrix of moments", matrix.size(), columns * columns);
  require_size("the product array", products.size(), rows * columns);
  parallel_for((rows + kSlab - 1) / kSlab, kSlab * columns * columns / 16, [&](std::int64_t task) {
    const std::int64_t begin = task * kSlab;
    blas::multiply({std::min(kSlab, rows - begin), columns, columns}, factor,
                   {weights.data() + begin * columns, columns}, {matrix.data(), columns}, 1.0F,
                   {products.data() + begin * columns, columns});
  });
}

void gptq(std::span<float> weights, std::int64_t rows, std::int64_t columns,
          std::span<const float> hessian, std::span<const float> products,
          const GptqOptions& options, const ScaleFn& scale_of, std::span<std::int8_t> codes,
          std::span<float> scales) {
  if (options.group < 1) fail("gptq: a group of {} columns", options.group);
  require_size("the weight", weights.size(), rows * columns);
  require_size("the Hessian", hessian.size(), columns * columns);
  if (!products.empty()) require_size("the product array", products.size(), rows * columns);
  require_size("the code array", codes.size(), rows * columns);
  require_size("the scale array", scales.size(),
               rows * ((columns + options.group - 1) / options.group));
  const Rounder rounder(weights, columns, hessian, options, scale_of, codes, scales);
  parallel_for((rows + kSlab - 1) / kSlab, kSlab * columns * columns / 8, [&](std::int64_t task) {
    const std::int64_t end = std::min(rows, (task + 1) * kSlab);
    if (!products.empty()) rounder.fit_rows(products, task * kSlab, end);
    rounder.round_rows(task * kSlab, end);
  });
}

}  // namespace lightmamba
