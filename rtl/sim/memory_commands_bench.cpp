#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vmemory_commands_16_512.h"
#include "Vmemory_commands_1_32.h"
#include "Vmemory_commands_1_64.h"
#include "Vmemory_commands_32_512.h"
#include "clocked.h"

namespace lightmamba::accel {
namespace {

// What ports get: addresses, where there are any, and words.
using Command = std::vector<std::uint64_t>;

struct Commands {
  std::vector<Command> weights, params, conv_reads, conv_writes, state_reads, state_writes;

  bool operator==(const Commands&) const = default;
  std::size_t count() const {
    return weights.size() + params.size() + conv_reads.size() + conv_writes.size() +
           state_reads.size() + state_writes.size();
  }
};

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
  MemoryCommandsRtl() { restart(); }

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
    const Commands expected = expected_of(token);
    start(token);
    run(token, expected.count(), stalls);
    ASSERT_EQ(seen_.weights, expected.weights);
    ASSERT_EQ(seen_.params, expected.params);
    ASSERT_EQ(seen_.conv_reads, expected.conv_reads);
    ASSERT_EQ(seen_.conv_writes, expected.conv_writes);
    ASSERT_EQ(seen_.state_reads, expected.state_reads);
    ASSERT_EQ(seen_.state_writes, expected.state_writes);
    expect_nothing_more();
  }

  // Only the header, which is of no use.
  void check_bad_header(const Token& token) {
    start(token);
    set_garbage();
    while (seen_.params.empty()) cycle(20);
    ASSERT_EQ(seen_.params[0], (Command{token.params, 4}));
    expect_nothing_more();
  }

  void abandon(const Token& token, std::size_t commands) {
    start(token);
    run(token, commands, 20);
    restart();
    expect_nothing_more();
  }

  RandomNumbers random_{1};

 private:
  void restart() {
    unit_.start_i = 0;
    unit_.header_done_i = 0;
    params_waiting_.clear();
    conv_read_waiting_.clear();
    conv_write_waiting_.clear();
    reset(unit_);
  }

  std::uint64_t random_address() { return random_.below(std::uint64_t{1} << 52) << 12; }

  static Commands expected_of(const Token& token) {
    // docs/memory-map.md
    const std::uint32_t heads = token.n_layer * (token.nheads / C::kUnits);
    const std::uint32_t windows = token.n_layer * (64 * token.nheads + 256);
    const std::uint32_t code_bytes =
        64 * 128 * (token.has_short_state ? 1 : 2) * C::kUnits / C::kStateChannels;
    const std::uint32_t head_bytes = 64 + code_bytes;
    Commands commands;
    commands.weights = {{token.weight_words}};
    commands.params = {{token.params, 4},
                       {token.embedding + 16 * std::uint64_t{token.token} * token.embedding_records,
                        token.embedding_records},
                       {token.params + 64, token.param_records}};
    commands.conv_reads = {{windows}};
    commands.conv_writes = {{token.conv, windows}};
    if (token.writes_logits) {
      commands.conv_writes.push_back({token.logits, (token.vocab_size + 1) / 2});
    }
    commands.state_reads = {{heads * (head_bytes / C::kWordBytes)}};
    for (std::uint64_t head = 0; head < heads; ++head) {
      Command codes, exponents;
      for (const std::uint64_t state : token.states) {
        exponents.push_back(state + head * head_bytes);
        codes.push_back(exponents.back() + 64);
      }
      codes.push_back(code_bytes / C::kWordBytes);
      exponents.push_back(64 / C::kWordBytes);
      commands.state_writes.push_back(codes);
      commands.state_writes.push_back(exponents);
    }
    return commands;
  }

  void start(const Token& token) {
    seen_ = {};
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
    cycle(0);
    ASSERT_FALSE(was_idle_);
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

  void run(const Token& token, std::size_t commands, int stalls) {
    bool is_header_done = false;
    const std::int64_t limit = cycle_ + 1000 + 10'000 * static_cast<std::int64_t>(commands);
    while (seen_.count() < commands && !testing::Test::HasFatalFailure()) {
      ASSERT_LT(cycle_, limit) << "hangs after " << seen_.count() << " commands";
      const bool was_header_done = is_header_done;
      if (!is_header_done && !seen_.params.empty() && random_.chance(20)) {
        is_header_done = true;
        set_header(token);
        unit_.header_done_i = 1;
      }
      // The parameters' own commands do not count: what they bring is waited for anyway.
      const std::size_t left = seen_.params.size() - seen_.count() + commands;
      cycle(stalls);
      unit_.header_done_i = 0;
      if (was_header_done && left > 3) {
        ASSERT_FALSE(was_idle_);
      }
    }
  }

  void expect_nothing_more() {
    const std::size_t count = seen_.count();
    for (int i = 0; i < 20; ++i) {
      cycle(20);
      ASSERT_EQ(seen_.count(), count);
      ASSERT_TRUE(was_idle_);
    }
  }

  template <typename Port>
  void choose_channels(Port& ready, int channels, int stalls) {
    ready = 0;
    // Many channels are seldom all ready by chance.
    const int each = channels > 2 ? stalls / 10 : stalls;
    for (int c = 0; c < channels; ++c) set_field(ready, c, 1, !random_.chance(each));
  }

  void cycle(int stalls) {
    choose_channels(unit_.weights_ready_i, C::kWeightChannels, stalls);
    choose_channels(unit_.state_read_ready_i, C::kStateChannels, stalls);
    choose_channels(unit_.state_write_ready_i, C::kStateChannels, stalls);
    unit_.params_ready_i = !random_.chance(stalls);
    unit_.conv_read_ready_i = !random_.chance(stalls);
    unit_.conv_write_ready_i = !random_.chance(stalls);
    settle(unit_);
    was_idle_ = unit_.is_idle_o != 0;
    const auto all = [](auto ready, int channels) { return ready == low_bits(-1, channels); };
    if (unit_.weights_valid_o != 0) {
      ASSERT_TRUE(all(unit_.weights_ready_i, C::kWeightChannels));
      seen_.weights.push_back({unit_.weights_words_o});
    }
    if (unit_.state_read_valid_o != 0) {
      ASSERT_TRUE(all(unit_.state_read_ready_i, C::kStateChannels));
      seen_.state_reads.push_back({unit_.state_read_words_o});
    }
    if (unit_.state_write_valid_o != 0) {
      ASSERT_TRUE(all(unit_.state_write_ready_i, C::kStateChannels));
      Command command;
      for (int c = 0; c < C::kStateChannels; ++c) {
        command.push_back(get_field(unit_.state_write_address_o, 64 * c, 64));
      }
      command.push_back(unit_.state_write_words_o);
      seen_.state_writes.push_back(command);
    }
    take(params_waiting_, unit_.params_valid_o, unit_.params_ready_i,
         {unit_.params_address_o, unit_.params_words_o}, seen_.params);
    take(conv_read_waiting_, unit_.conv_read_valid_o, unit_.conv_read_ready_i,
         {unit_.conv_read_words_o}, seen_.conv_reads);
    take(conv_write_waiting_, unit_.conv_write_valid_o, unit_.conv_write_ready_i,
         {unit_.conv_write_address_o, unit_.conv_write_words_o}, seen_.conv_writes);
    rise(unit_);
    ++cycle_;
  }

  // Outputs that are not taken must stay.
  static void take(Command& waiting, CData valid, CData ready, const Command& command,
                   std::vector<Command>& seen) {
    if (!waiting.empty()) {
      EXPECT_TRUE(valid);
      EXPECT_EQ(command, waiting);
    }
    waiting.clear();
    if (valid == 0) return;
    if (ready == 0) {
      waiting = command;
    } else {
      seen.push_back(command);
    }
  }

  typename C::Model unit_;
  std::int64_t cycle_ = 0;
  bool was_idle_ = false;
  Commands seen_;
  Command params_waiting_, conv_read_waiting_, conv_write_waiting_;
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
