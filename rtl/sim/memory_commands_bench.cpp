#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vmemory_commands_16_512.h"
#include "Vmemory_commands_1_32.h"
#include "Vmemory_commands_1_64.h"
#include "Vmemory_commands_32_512.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

enum Stream { kWeights, kParams, kConvReads, kConvWrites, kStateReads, kStateWrites, kStreams };

// What ports get: addresses, where there are any, and words.
using Commands = std::array<std::vector<Beat>, kStreams>;

Beat command(const std::vector<std::uint64_t>& numbers) { return {numbers.begin(), numbers.end()}; }

struct Token {
  std::uint32_t token;
  bool writes_logits;
  std::uint32_t n_layer, nheads;
  bool has_short_state;
  std::uint32_t vocab_size, weight_words, param_records, embedding_records;
  std::uint64_t params, embedding, conv, logits;
  std::vector<std::uint64_t> states;  // states of the channels
};

template <typename Unit, int kWeights, int kStates, int kWordBits, int kSsmUnits = 1>
struct Configuration {
  using Model = Unit;
  static constexpr int kWeightChannels = kWeights;
  static constexpr int kStateChannels = kStates;
  static constexpr std::uint32_t kUnits = kSsmUnits;
  static constexpr std::uint32_t kWordBytes = kWordBits / 8;
};

template <typename C>
class MemoryCommandsRtl : public testing::Test {
 protected:
  MemoryCommandsRtl() { reset(unit_); }

  Token random_token(std::uint32_t n_layer, std::uint32_t nheads) {
    Token token = {.token = static_cast<std::uint32_t>(random_.below(1 << 20)),
                   .writes_logits = random_.chance(50),
                   .n_layer = n_layer,
                   .nheads = nheads,
                   .has_short_state = random_.chance(50),
                   .vocab_size = 1 + static_cast<std::uint32_t>(random_.below((1 << 20) - 1)),
                   .weight_words = static_cast<std::uint32_t>(random_.below(UINT32_MAX)),
                   .param_records = static_cast<std::uint32_t>(random_.below(UINT32_MAX)),
                   .embedding_records = 5 * (1 + static_cast<std::uint32_t>(random_.below(20))),
                   .params = random_address(),
                   .embedding = random_address(),
                   .conv = random_address(),
                   .logits = random_address(),
                   .states = {}};
    for (int c = 0; c < C::kStateChannels; ++c) token.states.push_back(random_address());
    return token;
  }

  void check(const Token& token, int stalls) {
    const Commands commands = expected_of(token);
    const StreamWork work = work_of(token, commands);
    StreamRun run(work, {.out = stalls}, random_);
    run.finish();
    expect_nothing_more(run);
  }

  // Only the header, which is of no use.
  void check_bad_header(const Token& token) {
    Commands header;
    header[kParams] = {command({token.params, 4})};
    StreamWork work = work_of(token, header);
    has_header_ = true;  // none comes
    StreamRun run(work, {.out = 20}, random_);
    run.finish();
    expect_nothing_more(run);
  }

  void abandon(const Token& token, std::size_t commands) {
    const Commands expected = expected_of(token);
    const StreamWork work = work_of(token, expected);
    StreamRun run(work, {.out = 20}, random_);
    const auto count = [&run] {
      std::size_t beats = 0;
      for (std::size_t i = 0; i < kStreams; ++i) beats += run.out(i).beats;
      return beats;
    };
    while (count() < commands && !testing::Test::HasFailure()) run.cycle();
    unit_.header_done_i = 0;
    run.reset();
    expect_nothing_more(run);
  }

  RandomNumbers random_{1};

 private:
  std::uint64_t random_address() { return random_.below(std::uint64_t{1} << 52) << 12; }

  static Commands expected_of(const Token& token) {
    // docs/memory-map.md
    const std::uint32_t heads = token.n_layer * (token.nheads / C::kUnits);
    const std::uint32_t windows = token.n_layer * (64 * token.nheads + 256);
    const std::uint32_t code_bytes =
        64 * 128 * (token.has_short_state ? 1 : 2) * C::kUnits / C::kStateChannels;
    const std::uint32_t head_bytes = 64 + code_bytes;
    Commands commands;
    commands[kWeights] = {command({token.weight_words})};
    commands[kParams] = {
        command({token.params, 4}),
        command({token.embedding + 16 * std::uint64_t{token.token} * token.embedding_records,
                 token.embedding_records}),
        command({token.params + 64, token.param_records})};
    commands[kConvReads] = {command({windows})};
    commands[kConvWrites] = {command({token.conv, windows})};
    if (token.writes_logits) {
      commands[kConvWrites].push_back(command({token.logits, (token.vocab_size + 1) / 2}));
    }
    commands[kStateReads] = {command({heads * (head_bytes / C::kWordBytes)})};
    for (std::uint64_t head = 0; head < heads; ++head) {
      std::vector<std::uint64_t> codes, exponents;
      for (const std::uint64_t state : token.states) {
        exponents.push_back(state + head * head_bytes);
        codes.push_back(exponents.back() + 64);
      }
      codes.push_back(code_bytes / C::kWordBytes);
      exponents.push_back(64 / C::kWordBytes);
      commands[kStateWrites].push_back(command(codes));
      commands[kStateWrites].push_back(command(exponents));
    }
    return commands;
  }

  // All channels of a kind take a command at once: they are one stream, which is ready where all
  // channels are.
  StreamWork work_of(const Token& token, const Commands& commands) {
    has_header_ = false;
    is_over_ = false;
    const auto read_state_write = [this] {
      Beat beat = lanes_of(unit_.state_write_address_o, C::kStateChannels, 64);
      beat.push_back(unit_.state_write_words_o);
      return beat;
    };
    Clock clock = clock_of(unit_);
    clock.settle = [this] { settle_all(); };
    return {.clock = clock,
            .out = {{unit_.weights_valid_o, weights_ready_,
                     [this] { return command({unit_.weights_words_o}); }, commands[kWeights]},
                    {unit_.params_valid_o, unit_.params_ready_i,
                     [this] {
                       return command({unit_.params_address_o, unit_.params_words_o});
                     },
                     commands[kParams]},
                    {unit_.conv_read_valid_o, unit_.conv_read_ready_i,
                     [this] { return command({unit_.conv_read_words_o}); }, commands[kConvReads]},
                    {unit_.conv_write_valid_o, unit_.conv_write_ready_i,
                     [this] {
                       return command({unit_.conv_write_address_o, unit_.conv_write_words_o});
                     },
                     commands[kConvWrites]},
                    {unit_.state_read_valid_o, state_read_ready_,
                     [this] { return command({unit_.state_read_words_o}); }, commands[kStateReads]},
                    {unit_.state_write_valid_o, state_write_ready_, read_state_write,
                     commands[kStateWrites]}},
            .start = [this, &token] { start(token); },
            .drive = [this, &token](const StreamRun& run) { drive(token, run); },
            .watch = [this, &commands](const StreamRun& run) { watch(commands, run); }};
  }

  void start(const Token& token) {
    unit_.token_i = token.token;
    unit_.write_logits_i = token.writes_logits;
    unit_.params_address_i = token.params;
    unit_.embedding_address_i = token.embedding;
    unit_.conv_state_address_i = token.conv;
    unit_.logits_address_i = token.logits;
    for (int c = 0; c < C::kStateChannels; ++c) {
      set_field(unit_.state_address_i, 64 * c, 64,
                static_cast<std::int64_t>(token.states[static_cast<std::size_t>(c)]));
    }
    set_garbage();
    unit_.start_i = 1;
    settle(unit_);
    EXPECT_FALSE(unit_.is_idle_o);
    rise(unit_);
    unit_.start_i = 0;
  }

  // The header before it is there.
  void set_garbage() {
    unit_.n_layer_i = 77;
    unit_.nheads_i = 11;
    unit_.has_short_state_i = random_.chance(50);
    unit_.vocab_size_i = 12345;
    unit_.weight_words_i = 54321;
    unit_.param_records_i = 9;
    unit_.embedding_records_i = 13;
  }

  void set_header(const Token& token) {
    unit_.n_layer_i = static_cast<std::uint16_t>(token.n_layer);
    unit_.nheads_i = static_cast<std::uint16_t>(token.nheads);
    unit_.has_short_state_i = token.has_short_state;
    unit_.vocab_size_i = token.vocab_size;
    unit_.weight_words_i = token.weight_words;
    unit_.param_records_i = token.param_records;
    unit_.embedding_records_i = token.embedding_records;
  }

  // The header is there some cycles after it has been asked for.
  void drive(const Token& token, const StreamRun& run) {
    unit_.header_done_i =
        !is_over_ && !has_header_ && run.out(kParams).beats > 0 && random_.chance(20);
    if (unit_.header_done_i != 0) set_header(token);
  }

  // The channels of a stream that is not ready are not all ready.
  void settle_all() {
    set_ready(unit_.weights_ready_i, C::kWeightChannels, weights_ready_ != 0);
    set_ready(unit_.state_read_ready_i, C::kStateChannels, state_read_ready_ != 0);
    set_ready(unit_.state_write_ready_i, C::kStateChannels, state_write_ready_ != 0);
    settle(unit_);
  }

  template <typename Port>
  void set_ready(Port& ready, int channels, bool is_all) {
    const std::uint64_t all = low_bits(-1, channels);
    ready = static_cast<Port>(is_all ? all : random_.below(all));
  }

  void watch(const Commands& commands, const StreamRun& run) {
    EXPECT_TRUE(weights_ready_ || !unit_.weights_valid_o);
    EXPECT_TRUE(state_read_ready_ || !unit_.state_read_valid_o);
    EXPECT_TRUE(state_write_ready_ || !unit_.state_write_valid_o);
    // The parameters' own commands do not count: what they bring is waited for anyway.
    bool has_commands = false;
    for (const std::size_t i : {kWeights, kConvReads, kConvWrites, kStateReads, kStateWrites}) {
      has_commands = has_commands || run.out(i).beats < commands[i].size();
    }
    if (is_over_ || (has_header_ && has_commands)) {
      EXPECT_EQ(unit_.is_idle_o != 0, is_over_);
    }
    has_header_ = has_header_ || unit_.header_done_i != 0;
  }

  void expect_nothing_more(StreamRun& run) {
    is_over_ = true;
    run.expect_silence(20);
  }

  typename C::Model unit_;
  std::uint8_t weights_ready_ = 0, state_read_ready_ = 0, state_write_ready_ = 0;
  bool has_header_ = false;
  bool is_over_ = false;
};

using Configurations = testing::Types<Configuration<Vmemory_commands_1_32, 1, 1, 32>,
                                      Configuration<Vmemory_commands_1_64, 1, 1, 64>,
                                      Configuration<Vmemory_commands_16_512, 16, 2, 512>,
                                      Configuration<Vmemory_commands_32_512, 32, 4, 512, 2>>;
TYPED_TEST_SUITE(MemoryCommandsRtl, Configurations);

TYPED_TEST(MemoryCommandsRtl, CoversAllOfATokensMemory) {
  for (const int stalls : {0, 20, 70}) {
    this->check(this->random_token(1, 2), stalls);
    this->check(this->random_token(3, 4), stalls);
    this->check(this->random_token(64, 80), stalls);
    for (int i = 0; i < 20; ++i) this->check(this->random_token(2, 6), stalls);
  }
}

TYPED_TEST(MemoryCommandsRtl, StopsAfterABadHeader) {
  for (int i = 0; i < 3; ++i) {
    this->check_bad_header(this->random_token(1, 2));
    this->check(this->random_token(1, 2), 20);
  }
}

TYPED_TEST(MemoryCommandsRtl, WorksAgainAfterReset) {
  for (const std::size_t commands : {0U, 1U, 2U, 5U, 9U}) {
    this->abandon(this->random_token(2, 4), commands);
    this->check(this->random_token(2, 2), 20);
  }
}

}  // namespace
}  // namespace lightmamba::accel
