#include "accel/image/image_state.h"

#include <cstring>

#include "base/fail.h"
#include "base/index.h"

namespace lightmamba::accel {
namespace {

constexpr std::int64_t kChannelBytes = 8;  // bytes of a channel in the conv state
constexpr std::int64_t kKept = kTaps - 1;

// Calls body(place, code, exponent) for each byte pair of the conv state, with the place of the
// code in memory (the exponent is kKept behind it) and the indices in a GoldenState.
template <typename Body>
void for_each_conv_input(const Mamba2Config& c, RowOrder order, const Body& body) {
  const std::vector<std::int64_t> blocks = conv_blocks(c, order);
  std::int64_t place = 0;
  for (std::int64_t layer = 0; layer < c.n_layer; ++layer) {
    for (const std::int64_t block : blocks) {
      for (std::int64_t channel = block * c.headdim; channel < (block + 1) * c.headdim; ++channel) {
        for (std::int64_t tap = 0; tap < kKept; ++tap) {
          const std::int64_t token = layer * kKept + tap;
          body(at(place + tap), at(token * c.conv_dim() + channel),
               at(token * (c.conv_dim() / c.headdim) + block));
        }
        place += kChannelBytes;
      }
    }
  }
}

// Calls body(channel, part's place, part's first code) for each part of a row of the SSM state;
// parts have as many codes as a memory channel has lanes.
template <typename Body>
void for_each_part(const Mamba2Config& c, int state_bits, const ImageLayout& layout,
                   const Hardware& hardware, const Body& body) {
  const std::int64_t part = hardware.lanes_of_channel();
  const std::int64_t channels = hardware.channels_of_head();
  for (std::int64_t head = 0; head < c.n_layer * c.nheads; ++head) {
    for (std::int64_t i = 0; i < channels; ++i) {
      std::int64_t place = head / hardware.ssm_units * layout.head_state_bytes + c.headdim;
      for (std::int64_t row = head * c.headdim; row < (head + 1) * c.headdim; ++row) {
        for (std::int64_t n = i * part; n < c.d_state; n += channels * part) {
          body(at(head % hardware.ssm_units * channels + i), at(place), at(row * c.d_state + n));
          place += part * state_bits / 8;
        }
      }
    }
  }
}

// Calls body(channel, exponent's place, row) for each row of the SSM state. Each channel of a head
// has all of its exponents.
template <typename Body>
void for_each_exponent(const Mamba2Config& c, const ImageLayout& layout, const Hardware& hardware,
                       const Body& body) {
  const std::int64_t channels = hardware.channels_of_head();
  for (std::int64_t row = 0; row < c.n_layer * c.d_inner; ++row) {
    const std::int64_t head = row / c.headdim;
    for (std::int64_t i = 0; i < channels; ++i) {
      body(at(head % hardware.ssm_units * channels + i),
           at(head / hardware.ssm_units * layout.head_state_bytes + row % c.headdim), at(row));
    }
  }
}

// Codes as they lie in memory, in 16 bits or in 8.
void write_codes(std::span<const std::int16_t> codes, int state_bits, std::byte* to) {
  if (state_bits == 16) {
    std::memcpy(to, codes.data(), codes.size_bytes());
    return;
  }
  for (const std::int16_t code : codes) *to++ = static_cast<std::byte>(code);
}

void read_codes(const std::byte* from, int state_bits, std::span<std::int16_t> codes) {
  if (state_bits == 16) {
    std::memcpy(codes.data(), from, codes.size_bytes());
    return;
  }
  for (std::int16_t& code : codes) {
    code = static_cast<std::int16_t>((std::to_integer<int>(*from++) ^ 0x80) - 0x80);
  }
}

}  // namespace

ImageState to_image_state(const GoldenState& state, const Mamba2Config& c, int state_bits,
                          const Hardware& hardware, RowOrder order) {
  const ImageLayout layout(c, 0, state_bits, hardware);
  ImageState image;
  image.conv.resize(at(layout.conv_state_bytes));
  for_each_conv_input(c, order, [&](std::size_t place, std::size_t code, std::size_t exponent) {
    image.conv[place] = static_cast<std::byte>(state.conv_codes[code]);
    image.conv[place + kKept] = static_cast<std::byte>(state.conv_exponents[exponent]);
  });
  image.ssm.assign(at(hardware.state_channels), std::vector<std::byte>(at(layout.ssm_state_bytes)));
  const std::size_t part = at(hardware.lanes_of_channel());
  for_each_part(c, state_bits, layout, hardware,
                [&](std::size_t channel, std::size_t place, std::size_t code) {
                  write_codes(std::span(state.ssm_codes).subspan(code, part), state_bits,
                              image.ssm[channel].data() + place);
                });
  for_each_exponent(c, layout, hardware,
                    [&](std::size_t channel, std::size_t place, std::size_t row) {
                      image.ssm[channel][place] = static_cast<std::byte>(state.ssm_exponents[row]);
                    });
  return image;
}

GoldenState from_image_state(const ImageState& image, std::int64_t position, const Mamba2Config& c,
                             int state_bits, const Hardware& hardware, RowOrder order) {
  const ImageLayout layout(c, 0, state_bits, hardware);
  if (std::ssize(image.conv) != layout.conv_state_bytes ||
      std::ssize(image.ssm) != hardware.state_channels) {
    fail("the state in memory is not that of this model");
  }
  for (const std::vector<std::byte>& channel : image.ssm) {
    if (std::ssize(channel) != layout.ssm_state_bytes) {
      fail("the state in memory is not that of this model");
    }
  }
  GoldenState state(c);
  state.position = position;
  for_each_conv_input(c, order, [&](std::size_t place, std::size_t code, std::size_t exponent) {
    state.conv_codes[code] = static_cast<std::int8_t>(image.conv[place]);
    state.conv_exponents[exponent] = static_cast<std::int8_t>(image.conv[place + kKept]);
  });
  const std::size_t part = at(hardware.lanes_of_channel());
  for_each_part(c, state_bits, layout, hardware,
                [&](std::size_t channel, std::size_t place, std::size_t code) {
                  read_codes(image.ssm[channel].data() + place, state_bits,
                             std::span(state.ssm_codes).subspan(code, part));
                });
  for_each_exponent(
      c, layout, hardware, [&](std::size_t channel, std::size_t place, std::size_t row) {
        // The others are copies, which the core ignores.
        if (channel % at(hardware.channels_of_head()) != 0) return;
        state.ssm_exponents[row] = static_cast<std::int8_t>(image.ssm[channel][place]);
      });
  return state;
}

}  // namespace lightmamba::accel
