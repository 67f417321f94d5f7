// From memory to the state's unit and back.
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vstate_reader_2.h"
#include "Vstate_reader_4.h"
#include "Vstate_reader_64.h"
#include "Vstate_writer_2.h"
#include "Vstate_writer_4.h"
#include "Vstate_writer_64.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

constexpr std::size_t kHeads = 3;
constexpr std::size_t kRows = 64;
constexpr std::size_t kDState = 128;
constexpr int kCodeBits = 16;

// States as beats of codes of so many bits, and the words with the exponents of a head.
struct States {
  States(std::size_t lanes, std::size_t channels, int bits)
      : random(lanes), part(lanes / channels) {
    for (std::size_t head = 0; head < kHeads; ++head) {
      for (std::size_t row = 0; row < kRows; ++row) exponents.push_back(random.number(8));
      for (std::size_t beat = 0; beat < kRows * kDState / lanes; ++beat) {
        codes.emplace_back();
        for (std::size_t lane = 0; lane < lanes; ++lane)
          codes.back().push_back(random.number(bits));
      }
      // Two exponents take the place of a code.
      const std::size_t places = lanes / channels;
      for (std::size_t word = 0; word < kRows / 2 / places; ++word) {
        exponent_words.emplace_back();
        for (std::size_t i = 0; i < lanes; ++i) {
          const std::int64_t* pair = &exponents[head * kRows + 2 * (word * places + i % places)];
          exponent_words.back().push_back(
              sign_extend(low_bits(pair[0], 8) | low_bits(pair[1], 8) << 8, kCodeBits));
        }
      }
    }
  }

  std::size_t words() const { return exponent_words.size() / kHeads; }  // exponents of a head
  std::size_t beats() const { return codes.size() / kHeads; }

  // The word of two beats of codes of 8 bits: in each channel those of the first, then those of the
  // second.
  Beat short_word(std::size_t index) const {
    Beat word;
    const std::size_t lanes = codes[0].size();
    for (std::size_t first = 0; first < lanes; first += part) {
      std::vector<std::int64_t> bytes;
      for (const std::size_t beat : {2 * index, 2 * index + 1}) {
        for (std::size_t i = 0; i < part; ++i) bytes.push_back(codes[beat][first + i]);
      }
      for (std::size_t i = 0; i < bytes.size(); i += 2) {
        word.push_back(
            sign_extend(low_bits(bytes[i], 8) | low_bits(bytes[i + 1], 8) << 8, kCodeBits));
      }
    }
    return word;
  }

  RandomNumbers random;
  std::size_t part;  // lanes of a channel
  std::vector<std::int64_t> exponents;
  std::vector<Beat> codes;  // codes of all heads
  std::vector<Beat> exponent_words;
};

Beat with_exponent(const States& states, std::size_t beat) {
  Beat result = states.codes[beat];
  result.push_back(states.exponents[beat * kRows / states.beats()]);
  return result;
}

template <typename Unit>
void check_reader(std::size_t lanes, std::size_t channels, int bits) {
  Unit unit;
  unit.is_short_i = bits == 8;
  States states(lanes, channels, bits);
  std::vector<Beat> words, expected;
  for (std::size_t head = 0; head < kHeads; ++head) {
    for (std::size_t i = 0; i < states.words(); ++i) {
      Beat word = states.exponent_words[head * states.words() + i];
      // Those of the other channels do not count.
      for (std::size_t k = lanes / channels; k < lanes; ++k) word[k] = states.random.number(16);
      words.push_back(word);
    }
    for (std::size_t i = 0; i < states.beats(); ++i) {
      const std::size_t beat = head * states.beats() + i;
      if (bits == 16) words.push_back(states.codes[beat]);
      if (bits == 8 && beat % 2 == 1) words.push_back(states.short_word(beat / 2));
      expected.push_back(with_exponent(states, head * states.beats() + i));
    }
  }
  const StreamWork work = {.clock = clock_of(unit),
                           .in = {{unit.in_valid_i, unit.in_ready_o, words.size(),
                                   [&](std::size_t i) {
                                     set_lanes(unit.in_data_i, words[i].data(), lanes, kCodeBits);
                                   }}},
                           .out = {{unit.out_valid_o, unit.out_ready_i,
                                    [&] {
                                      Beat beat = lanes_of(unit.out_codes_o, lanes, kCodeBits);
                                      beat.push_back(sign_extend(unit.out_exponent_o, 8));
                                      return beat;
                                    },
                                    expected}}};
  const std::size_t cycles = states.codes.size() + states.exponent_words.size();
  exercise(work, static_cast<std::int64_t>(cycles));
}

template <typename Unit>
void check_reader(std::size_t lanes, std::size_t channels) {
  for (const int bits : {16, 8}) check_reader<Unit>(lanes, channels, bits);
}

TEST(StateReaderRtl, GivesRowsOf2Lanes) { check_reader<Vstate_reader_2>(2, 1); }
TEST(StateReaderRtl, GivesRowsOf4Lanes) { check_reader<Vstate_reader_4>(4, 1); }
TEST(StateReaderRtl, GivesRowsOf64LanesFrom2Channels) { check_reader<Vstate_reader_64>(64, 2); }

template <typename Unit>
void check_writer(std::size_t lanes, std::size_t channels, int bits) {
  Unit unit;
  unit.is_short_i = bits == 8;
  States states(lanes, channels, bits);
  std::vector<Beat> expected;
  for (std::size_t head = 0; head < kHeads; ++head) {
    for (std::size_t beat = head * states.beats(); beat < (head + 1) * states.beats(); ++beat) {
      if (bits == 16) expected.push_back(states.codes[beat]);
      if (bits == 8 && beat % 2 == 1) expected.push_back(states.short_word(beat / 2));
    }
    const auto words =
        states.exponent_words.begin() + static_cast<std::ptrdiff_t>(head * states.words());
    expected.insert(expected.end(), words, words + static_cast<std::ptrdiff_t>(states.words()));
  }
  const StreamWork work = {
      .clock = clock_of(unit),
      .in = {{unit.in_valid_i, unit.in_ready_o, states.codes.size(),
              [&](std::size_t i) {
                set_lanes(unit.in_codes_i, states.codes[i].data(), lanes, kCodeBits);
                set_lane(unit.in_exponent_i, 0, 8, with_exponent(states, i).back());
              }}},
      .out = {{unit.out_valid_o, unit.out_ready_i,
               [&] { return lanes_of(unit.out_data_o, lanes, kCodeBits); }, expected}}};
  const std::size_t cycles = states.codes.size() + states.exponent_words.size();
  exercise(work, static_cast<std::int64_t>(cycles));
}

template <typename Unit>
void check_writer(std::size_t lanes, std::size_t channels) {
  for (const int bits : {16, 8}) check_writer<Unit>(lanes, channels, bits);
}

TEST(StateWriterRtl, GivesWordsOf2Lanes) { check_writer<Vstate_writer_2>(2, 1); }
TEST(StateWriterRtl, GivesWordsOf4Lanes) { check_writer<Vstate_writer_4>(4, 1); }
TEST(StateWriterRtl, GivesWordsOf64LanesTo2Channels) { check_writer<Vstate_writer_64>(64, 2); }

}  // namespace
}  // namespace lightmamba::accel
