// The sizes of the parts of a memory image (docs/memory-map.md).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "accel/hardware/sizes.h"
#include "accel/image/fit.h"

namespace lightmamba::accel {

RowOrder parse_row_order(std::string_view name);  // throws Error that lists the names
int row_order_code(RowOrder order);               // its code in the parameters

inline constexpr std::int64_t kRegionAlignment = 4096;
inline constexpr std::int64_t kRecordBytes = 16;
inline constexpr std::int64_t kFirstRecords = 4;  // shape, counts, epsilons, scalars
inline constexpr std::uint32_t kParametersMagic = 0x314d414c;

// Returns the rows of in_proj in their order, padded to whole tiles; -1 is a row of zeros.
inline constexpr std::int64_t kNoRow = -1;
std::vector<std::int64_t> in_proj_rows(const Mamba2Config& config, const Hardware& hardware,
                                       RowOrder order);

// Returns the runs of headdim conv channels (x of each head, then B and C) in the order of the
// parameters.
std::vector<std::int64_t> conv_blocks(const Mamba2Config& config, RowOrder order);

// The places of the words of a group among the words of a weight channel. Groups are counted from
// the first of the token.
class WeightStream {
 public:
  explicit WeightStream(const Hardware& hardware)
      : words_of_group_(hardware.words_of_group()), lot_(hardware.groups_of_scale_word()) {}

  std::int64_t scale_word(std::int64_t group) const { return group / lot_ * words_of_lot(); }
  std::int64_t place_in_scale_word(std::int64_t group) const { return group % lot_; }
  std::int64_t first_word(std::int64_t group) const {
    return scale_word(group) + 1 + group % lot_ * words_of_group_;
  }
  // Returns the number of words that hold the first `groups`.
  std::int64_t words(std::int64_t groups) const {
    return groups * words_of_group_ + (groups + lot_ - 1) / lot_;
  }

 private:
  std::int64_t words_of_lot() const { return 1 + lot_ * words_of_group_; }

  std::int64_t words_of_group_, lot_;
};

struct ImageLayout {
  // `state_bits` is the number of bits of a code of the SSM state, 16 or 8.
  ImageLayout(const Mamba2Config& config, std::int64_t hadamard_m, int state_bits,
              const Hardware& hardware);

  // The number of groups that a memory channel reads, each of rows_of_channel() rows.
  std::int64_t in_proj_groups, out_proj_groups;  // groups of one layer
  std::int64_t head_groups;
  std::int64_t groups_without_head, groups;  // groups of a token
  std::int64_t weight_words_without_head, weight_words;
  std::int64_t weight_bytes;       // bytes of a channel
  std::int64_t layer_records;      // records of a layer
  std::int64_t parameter_records;  // without kFirstRecords
  std::int64_t parameter_bytes;
  std::int64_t embedding_row_records, embedding_bytes;
  std::int64_t conv_state_bytes;
  std::int64_t head_state_bytes, ssm_state_bytes;  // bytes of a channel
  std::int64_t logit_bytes;
};

}  // namespace lightmamba::accel
