#include "core_probes.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

#include "base/fail.h"

namespace lightmamba::accel {
namespace {

// Values of in_proj's rows without z and dt, which go other ways.
std::vector<std::int64_t> block_order(const Image& image) {
  const std::int64_t end = image.config.d_inner + image.config.conv_dim();
  std::vector<std::int64_t> order;
  for (const std::int64_t row : in_proj_rows(image.config, image.hardware, image.order)) {
    if (row >= image.config.d_inner && row < end) order.push_back(row);
  }
  return order;
}

std::vector<std::int64_t> conv_order(const Image& image) {
  std::vector<std::int64_t> order;
  for (const std::int64_t block : conv_blocks(image.config, image.order)) {
    for (std::int64_t i = 0; i < kHeaddim; ++i) order.push_back(block * kHeaddim + i);
  }
  return order;
}

}  // namespace

CoreProbes::CoreProbes(const Image& image) {
  const Mamba2Config& c = image.config;
  using enum ProbePoint;
  values_of(residual) = {.name = "residual", .size = c.d_model, .order = {}, .first_layer = -1};
  values_of(blocks) = {
      .name = "blocks", .fields = 2, .size = c.d_inner + c.conv_dim(), .order = block_order(image)};
  values_of(decay) = {.name = "decay", .fields = 4, .size = c.nheads, .order = {}};
  values_of(conv) = {.name = "conv", .fields = 2, .size = c.conv_dim(), .order = conv_order(image)};
  values_of(y) = {.name = "y", .size = c.d_inner, .order = {}};
  values_of(gated) = {.name = "gated", .size = c.d_inner, .order = {}};
  values_of(rotated) = {.name = "rotated", .size = c.d_inner, .order = {}};
  values_of(logits) = {
      .name = "logits", .size = c.vocab_size, .order = {}, .first_layer = c.n_layer};
  begin_token();
}

void CoreProbes::begin_token() {
  for (Values& each : values_) {
    each.layer = each.first_layer;
    each.count = each.z_count = 0;
    each.values.assign(static_cast<std::size_t>(each.size * each.fields), kNotGiven);
  }
}

void CoreProbes::add(ProbePoint unit, std::span<const std::int64_t> fields, const Probe& probe) {
  Values& to = values_of(unit);
  const std::int64_t count = to.order.empty() ? to.size : std::ssize(to.order);
  if (to.count >= count) fail("the core gives more than {} values of {}", count, to.name);
  put(to, to.order.empty() ? to.count : to.order[static_cast<std::size_t>(to.count)], fields);
  ++to.count;
  end_if_complete(unit, probe);
}

void CoreProbes::add_z(std::span<const std::int64_t> fields, const Probe& probe) {
  Values& to = values_of(ProbePoint::blocks);
  const std::int64_t count = to.size - std::ssize(to.order);
  if (to.z_count >= count) fail("the core gives more than {} values of z", count);
  put(to, to.z_count++, fields);
  end_if_complete(ProbePoint::blocks, probe);
}

void CoreProbes::put(Values& to, std::int64_t place, std::span<const std::int64_t> fields) {
  std::copy(fields.begin(), fields.end(),
            to.values.begin() + static_cast<std::ptrdiff_t>(place * to.fields));
}

void CoreProbes::end_if_complete(ProbePoint unit, const Probe& probe) {
  Values& each = values_of(unit);
  if (each.count + each.z_count < each.size) return;
  if (probe) probe(unit, each.layer, each.values);
  ++each.layer;
  each.count = each.z_count = 0;
  std::fill(each.values.begin(), each.values.end(), kNotGiven);
}

void CoreProbes::flush(const Probe& probe) {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const Values& each = values_[i];
    if (probe && each.count + each.z_count > 0)
      probe(static_cast<ProbePoint>(i), each.layer, each.values);
  }
}

std::string CoreProbes::text() const {
  std::string text;
  for (const Values& each : values_) {
    fmt::format_to(std::back_inserter(text), "{}{} {} of {} of layer {}", text.empty() ? "" : ", ",
                   each.name, each.count + each.z_count, each.size, each.layer);
  }
  return text;
}

}  // namespace lightmamba::accel
