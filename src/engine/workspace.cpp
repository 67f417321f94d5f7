#include "engine/workspace.h"

#include <algorithm>

namespace lightmamba {

void QuantizedBuffer::resize(std::int64_t tokens, std::int64_t columns, std::int64_t group) {
  const std::int64_t groups = group_count(columns, group);
  codes_.resize(static_cast<std::size_t>(tokens * code_stride(columns)));
  scales_.resize(static_cast<std::size_t>(tokens * groups));
  sums_.resize(static_cast<std::size_t>(tokens * groups));
  shape_ = {tokens, columns, group, codes_.data(), scales_.data(), sums_.data()};
}

QuantizedRows QuantizedBuffer::rows(std::int64_t tokens) { return token_range(shape_, 0, tokens); }

ChunkShape chunk_shape(const Mamba2Config& config, std::int64_t tokens) {
  return {tokens, config.nheads, config.ngroups, config.headdim, config.d_state};
}

void Workspace::reserve(const Plan& plan, std::int64_t count, int threads) {
  if (count <= tokens) return;
  const Mamba2Config& c = plan.config();
  const auto resize = [](AlignedVector<float>& values, std::int64_t rows, std::int64_t columns) {
    values.resize(static_cast<std::size_t>(rows * columns));
  };
  resize(residual, count, c.d_model);
  resize(projected, c.d_conv - 1 + count, c.d_in_proj());
  resize(xbc, count, c.conv_dim());
  resize(dt, count, c.nheads);
  resize(decay, count, c.nheads);
  resize(y, count, c.d_inner);
  resize(out, count, c.d_model);
  resize(ssm, c.nheads * c.headdim, c.d_state);
  const ChunkShape chunk = chunk_shape(c, count);
  resize(chunk_groups, 1, chunk_groups_size(chunk));
  chunk_scratch.resize(static_cast<std::size_t>(threads));
  for (AlignedVector<float>& each : chunk_scratch) resize(each, 1, chunk_scratch_size(chunk));
  model_input.resize(count, c.d_model, plan.group());
  inner_input.resize(count, c.d_inner, plan.group());
  scratch.resize(static_cast<std::size_t>(threads));
  for (AlignedVector<float>& each : scratch) resize(each, 2, std::max(c.d_model, c.d_inner));
  tokens = count;
}

void Workspace::reserve_steps(std::int64_t count, std::int64_t row, int threads) {
  steps.resize(static_cast<std::size_t>(threads));
  for (Steps& each : steps) {
    if (std::ssize(each.tokens) >= count) continue;
    // The tokens last: their number says that all the rest has been had.
    each.scratch.resize(static_cast<std::size_t>(count * 2 * row));
    each.tokens.resize(static_cast<std::size_t>(count));
  }
}

}  // namespace lightmamba
