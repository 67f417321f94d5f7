#include "accel/image/image_layout.h"

#include "base/fail.h"

namespace lightmamba::accel {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

RowOrder parse_row_order(std::string_view name) {
  for (const RowOrder order : {RowOrder::hardware, RowOrder::checkpoint}) {
    if (name == row_order_name(order)) return order;
  }
  fail("there is no order '{}', only hardware, checkpoint", name);
}

int row_order_code(RowOrder order) { return order == RowOrder::hardware ? 0 : 1; }

std::vector<std::int64_t> in_proj_rows(const Mamba2Config& c, const Hardware& hardware,
                                       RowOrder order) {
  std::vector<std::int64_t> rows;
  const auto append = [&](std::int64_t begin, std::int64_t count) {
    for (std::int64_t row = begin; row < begin + count; ++row) rows.push_back(row);
  };
  const auto pad = [&] {
    while (std::ssize(rows) % hardware.rows != 0) rows.push_back(kNoRow);
  };
  const std::int64_t x = c.d_inner;
  const std::int64_t B = 2 * c.d_inner;
  const std::int64_t dt = c.d_inner + c.conv_dim();
  if (order == RowOrder::checkpoint) {
    append(0, c.d_in_proj());
    pad();
    return rows;
  }
  append(dt, c.nheads);
  pad();
  append(B, 2 * c.d_state);
  for (std::int64_t head = 0; head < c.nheads; ++head) {
    append(x + head * c.headdim, c.headdim);
    append(head * c.headdim, c.headdim);
  }
  pad();
  return rows;
}

std::vector<std::int64_t> conv_blocks(const Mamba2Config& c, RowOrder order) {
  std::vector<std::int64_t> blocks;
  const std::int64_t all = c.conv_dim() / c.headdim;
  const std::int64_t first = order == RowOrder::hardware ? c.nheads : 0;
  for (std::int64_t i = 0; i < all; ++i) blocks.push_back((first + i) % all);
  return blocks;
}

ImageLayout::ImageLayout(const Mamba2Config& c, std::int64_t hadamard_m, int state_bits,
                         const Hardware& hardware) {
  const auto matrix_groups = [&](std::int64_t rows, std::int64_t columns) {
    return divide_up(rows, hardware.rows) * (columns / kGroup);
  };
  const std::int64_t dt = divide_up(c.nheads, hardware.rows) * hardware.rows;
  in_proj_groups = matrix_groups(dt + c.d_in_proj() - c.nheads, c.d_model);
  out_proj_groups = matrix_groups(c.d_model, c.d_inner);
  head_groups = matrix_groups(c.vocab_size, c.d_model);
  groups_without_head = c.n_layer * (in_proj_groups + out_proj_groups);
  groups = groups_without_head + head_groups;
  const WeightStream stream(hardware);
  weight_words_without_head = stream.words(groups_without_head);
  weight_words = stream.words(groups);
  weight_bytes = weight_words * hardware.weight_word_bytes();

  const std::int64_t gains_of_record = 8;
  layer_records = 1 + c.nheads + c.conv_dim() + c.d_inner / gains_of_record;
  parameter_records = hadamard_m + c.n_layer * layer_records;
  parameter_bytes = (kFirstRecords + parameter_records) * kRecordBytes;
  embedding_row_records = c.d_model / kGroup * (1 + kGroup / 2 / kRecordBytes);
  embedding_bytes = c.vocab_size * embedding_row_records * kRecordBytes;

  conv_state_bytes = c.n_layer * c.conv_dim() * 8;
  head_state_bytes =
      c.headdim + c.headdim * c.d_state * state_bits / 8 / hardware.channels_of_head();
  ssm_state_bytes = c.n_layer * c.nheads / hardware.ssm_units * head_state_bytes;
  logit_bytes = divide_up(c.vocab_size, 2) * 8;
}

}  // namespace lightmamba::accel
