#include "model/code_format.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace lightmamba {
namespace {

constexpr std::uint32_t kLowHalves = 0x0f0f0f0f;
constexpr std::uint32_t kHighBits = 0x80808080;

using UnitCodes = std::array<std::int8_t, 8>;

// Returns the codes of four columns from bytes of code + 8; no byte borrows from its neighbour.
std::uint32_t from_halves(std::uint32_t stored) {
  return ((stored | kHighBits) - 0x08080808) ^ kHighBits;
}

// Returns the four bytes of a row in a unit, from as many codes as it has columns.
void unpack_unit(int bits, const std::byte* bytes, std::int8_t* codes) {
  std::uint32_t stored = 0;
  std::memcpy(&stored, bytes, sizeof(stored));
  if (bits == 8) {
    stored ^= kHighBits;
    std::memcpy(codes, &stored, sizeof(stored));
    return;
  }
  const std::uint32_t low = from_halves(stored & kLowHalves);
  const std::uint32_t high = from_halves(stored >> 4 & kLowHalves);
  std::memcpy(codes, &low, sizeof(low));
  std::memcpy(codes + CodeFormat::kRowBytes, &high, sizeof(high));
}

std::int64_t quotient_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

bool CodeFormat::is_group(std::int64_t group) {
  return group > 0 && group <= kLargestGroup && group % kGroupStep == 0;
}

std::int64_t CodeFormat::blocks(std::int64_t rows) { return quotient_up(rows, kBlockRows); }

std::int64_t CodeFormat::unit_columns() const { return kRowBytes * 8 / bits; }

std::int64_t CodeFormat::units(std::int64_t columns) const {
  return quotient_up(columns, unit_columns());
}

std::int64_t CodeFormat::groups(std::int64_t columns) const { return group_count(columns, group); }

std::int64_t CodeFormat::block_bytes(std::int64_t columns) const {
  return units(columns) * kUnitBytes;
}

std::int64_t CodeFormat::block_scales(std::int64_t columns) const {
  return groups(columns) * kBlockRows;
}

std::byte CodeFormat::zeros() const { return bits == 8 ? std::byte{0x80} : std::byte{0x88}; }

void CodeFormat::pack(std::span<const std::int8_t> codes, std::byte* bytes) const {
  const auto columns = static_cast<std::size_t>(unit_columns());
  for (; !codes.empty(); bytes += kUnitBytes) {
    UnitCodes unit = {};
    const std::size_t count = std::min(columns, codes.size());
    std::copy_n(codes.begin(), count, unit.begin());
    codes = codes.subspan(count);
    for (std::size_t j = 0; j < kRowBytes; ++j) {
      const int stored = bits == 8 ? unit[j] + 128 : (unit[j] + 8) | (unit[j + kRowBytes] + 8) << 4;
      bytes[j] = static_cast<std::byte>(stored);
    }
  }
}

void CodeFormat::unpack(const std::byte* bytes, std::span<std::int8_t> codes) const {
  const auto columns = static_cast<std::size_t>(unit_columns());
  std::size_t done = 0;
  for (; done + columns <= codes.size(); done += columns, bytes += kUnitBytes) {
    unpack_unit(bits, bytes, codes.data() + done);
  }
  if (done < codes.size()) {
    UnitCodes unit = {};
    unpack_unit(bits, bytes, unit.data());
    std::copy_n(unit.begin(), codes.size() - done, codes.begin() + static_cast<std::int64_t>(done));
  }
}

std::int64_t group_count(std::int64_t columns, std::int64_t group) {
  return quotient_up(columns, group);
}

}  // namespace lightmamba
