// The layout of the integer codes of a weight matrix, in memory and in files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lightmamba {

// Integer codes and a 16-bit float scale for each group of consecutive columns of a row (the last
// group may be shorter): value = code * scale.
//
// They lie in the order in which products read them: in row blocks of kBlockRows rows, and in these
// in units of a few columns, with 4 bytes for each row of the block, so that a unit is a vector of
// 64 bytes whose lanes are rows,
//
//   codes   U8  [blocks, units, kBlockRows, 4]
//   scales  F16 [blocks, groups, kBlockRows]
//
// Byte j of a row holds, at 8 bits, code + 128 of column 4 unit + j; at 4 bits, code + 8 of column
// 8 unit + j in its low half and of column 8 unit + 4 + j in its high half. Rows and columns that
// only fill up a block or unit are zeros: codes of 0 and scales of 0.
//
// Nothing here is inline, since files compiled for different instruction sets call it.
struct CodeFormat {
  static constexpr std::int64_t kGroupStep = 8;         // so that a unit lies in one group
  static constexpr std::int64_t kLargestGroup = 65536;  // 255 * 128 * 65536 is below 2^31
  static constexpr std::int64_t kBlockRows = 16;
  static constexpr std::int64_t kRowBytes = 4;  // bytes of a row in a unit
  static constexpr std::int64_t kUnitBytes = kBlockRows * kRowBytes;

  int bits = 0;            // 4 or 8
  std::int64_t group = 0;  // columns that share a scale

  static bool is_group(std::int64_t group);  // a multiple of kGroupStep up to kLargestGroup
  static std::int64_t blocks(std::int64_t rows);
  std::int64_t unit_columns() const;
  std::int64_t units(std::int64_t columns) const;
  std::int64_t groups(std::int64_t columns) const;
  std::int64_t block_bytes(std::int64_t columns) const;   // bytes of the codes of a row block
  std::int64_t block_scales(std::int64_t columns) const;  // number of scales of a row block

  std::byte zeros() const;  // a byte of codes of 0
  // Pack and unpack the codes of consecutive columns of a row, which begin with a unit: `bytes` is
  // the place of the row in it. `pack` fills up the last unit.
  void pack(std::span<const std::int8_t> codes, std::byte* bytes) const;
  void unpack(const std::byte* bytes, std::span<std::int8_t> codes) const;
};

std::int64_t group_count(std::int64_t columns, std::int64_t group);

}  // namespace lightmamba
