// The driver on a device that is not there: its core is the golden model, its faults are chosen.
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <vector>

#include "accel/driver/core_driver.h"
#include "accel/image/image_state.h"
#include "base/index.h"
#include "support/errors.h"
#include "support/random_integer_model.h"

namespace lightmamba::accel {
namespace {

using ::testing::HasSubstr;

// Offsets of docs/memory-map.md, apart from the code's own table.
constexpr std::uint32_t kControl = 0x00, kGlobalEnable = 0x04, kEnable = 0x08, kStatus = 0x0c;
constexpr std::uint32_t kToken = 0x10, kPosition = 0x18, kFlags = 0x20;
constexpr std::uint32_t kParameters = 0x28, kEmbedding = 0x34, kConvState = 0x40, kLogits = 0x4c;
constexpr std::uint32_t kSsmState = 0x58, kWeights = 0xb8, kStride = 12;
constexpr std::uint32_t kNextToken = 0x240, kNextLogit = 0x244, kErrors = 0x248, kCounters = 0x250;
constexpr std::uint32_t kStart = 1, kDone = 2, kIdle = 4;

struct Faults {
  bool never_ends = false;
  bool answers_twice = false;
  bool interrupt_is_lost = false;
  bool interrupts_early = false;
  std::uint32_t errors = 0;
  std::uint32_t next_token_is_off_by = 0;
  std::uint64_t misplaces_by = 0;  // memory, in bytes
};

class GoldenDevice : public Device {
 public:
  GoldenDevice(const std::shared_ptr<const IntegerModel>& model, const Image& image,
               const Hardware& core)
      : image_(image), core_(core), golden_(make_golden_accelerator(model)) {}

  Faults faults;
  int resets = 0, starts = 0;

  const Hardware& core() const override { return core_; }

  void reset() override {
    registers_.clear();
    is_busy_ = is_done_ = false;
    ++resets;
  }

  std::uint32_t read32(std::uint32_t offset) override {
    time_ += std::chrono::milliseconds(1);
    if (offset != kControl) return registers_[offset];
    if (is_busy_ && !faults.never_ends && --polls_left_ == 0) finish();
    const std::uint32_t control = (is_done_ ? kDone : 0U) | (is_busy_ ? 0U : kIdle);
    if (is_done_) is_done_ = std::exchange(is_done_again_, false);
    return control;
  }

  void write32(std::uint32_t offset, std::uint32_t value) override {
    if (offset == kStatus) {
      registers_[offset] ^= value;
      return;
    }
    registers_[offset] = value;
    if (offset != kControl) return;
    EXPECT_EQ(value, kStart);
    EXPECT_FALSE(is_busy_);
    is_busy_ = true;
    polls_left_ = 3;
    ++starts;
  }

  DeviceBuffer allocate(MemoryPort port, int channel, std::size_t bytes) override {
    auto memory = std::make_unique<Memory>();
    memory->port = port;
    memory->channel = channel;
    memory->host.assign(bytes, std::byte{0xaa});
    memory->device.assign(bytes, std::byte{0xbb});
    next_ += 1 << 24;
    const std::uint64_t address = next_ + faults.misplaces_by;
    const DeviceBuffer buffer{address, memory->host};
    memory_[address] = std::move(memory);
    return buffer;
  }

  void sync(const DeviceBuffer& buffer, Sync direction) override {
    Memory& memory = *memory_.at(buffer.address);
    if (direction == Sync::to_device) {
      memory.device = memory.host;
    } else {
      std::copy(memory.device.begin(), memory.device.end(), memory.host.begin());
    }
  }

  bool wait_for_interrupt(Duration limit) override {
    const bool is_enabled = registers_[kGlobalEnable] == 1 && registers_[kEnable] == 1;
    EXPECT_TRUE(is_enabled);
    EXPECT_EQ(registers_[kStatus], 0);
    if (faults.interrupts_early) return true;
    if (!faults.never_ends) finish();
    if (faults.never_ends || faults.interrupt_is_lost) {
      time_ += limit;
      return false;
    }
    registers_[kStatus] |= 1;
    return true;
  }

  Duration now() const override { return time_; }

  // All that the core sees, for tests that look for what is missing.
  std::size_t regions() const { return memory_.size(); }

 private:
  struct Memory {
    MemoryPort port;
    int channel;
    std::vector<std::byte> host, device;
  };

  std::vector<std::byte>& at_address(std::uint32_t offset, MemoryPort port, int channel = 0) {
    const std::uint64_t address = registers_[offset] | std::uint64_t{registers_[offset + 4]} << 32;
    Memory& memory = *memory_.at(address);
    EXPECT_EQ(memory.port, port);
    EXPECT_EQ(memory.channel, channel);
    return memory.device;
  }

  void expect_region(std::uint32_t offset, MemoryPort port, int channel, const Region& region) {
    EXPECT_TRUE(std::ranges::equal(at_address(offset, port, channel), region.bytes)) << offset;
  }

  // What the core does with a token.
  void finish() {
    expect_region(kParameters, MemoryPort::parameters, 0, image_.parameters);
    expect_region(kEmbedding, MemoryPort::parameters, 0, image_.embedding);
    for (std::size_t c = 0; c < image_.weights.size(); ++c) {
      const auto channel = static_cast<int>(c);
      expect_region(kWeights + kStride * static_cast<std::uint32_t>(c), MemoryPort::weights,
                    channel, image_.weights[c]);
    }
    ImageState state{at_address(kConvState, MemoryPort::conv_state), {}};
    for (int c = 0; c < core_.state_channels; ++c) {
      state.ssm.push_back(at_address(kSsmState + kStride * static_cast<std::uint32_t>(c),
                                     MemoryPort::ssm_state, c));
    }
    golden_->restore(from_image_state(state, registers_[kPosition], image_.config,
                                      image_.state_bits, image_.hardware, image_.order));
    const std::uint32_t flags = registers_[kFlags];
    const Output output = flags == 0 ? Output::none : flags == 1 ? Output::argmax : Output::logits;
    EXPECT_NE(flags, 2);
    const StepResult result = golden_->step(static_cast<TokenId>(registers_[kToken]), output);
    state = to_image_state(golden_->state(), image_.config, image_.state_bits, image_.hardware,
                           image_.order);
    at_address(kConvState, MemoryPort::conv_state) = state.conv;
    for (int c = 0; c < core_.state_channels; ++c) {
      at_address(kSsmState + kStride * static_cast<std::uint32_t>(c), MemoryPort::ssm_state, c) =
          state.ssm[at(c)];
    }
    if (result.argmax) {
      registers_[kNextToken] =
          static_cast<std::uint32_t>(result.argmax->token) + faults.next_token_is_off_by;
      registers_[kNextLogit] = static_cast<std::uint32_t>(result.argmax->logit);
    }
    if (output == Output::logits) {
      std::memcpy(at_address(kLogits, MemoryPort::conv_state).data(), result.logits.data(),
                  result.logits.size() * sizeof(std::int32_t));
    }
    for (std::uint32_t k = 0; k < 8; ++k) {
      registers_[kCounters + 8 * k] = 100 * registers_[kPosition] + k;
      registers_[kCounters + 8 * k + 4] = k;
    }
    registers_[kErrors] = faults.errors;
    is_busy_ = false;
    is_done_ = true;
    is_done_again_ = faults.answers_twice;
  }

  const Image& image_;
  const Hardware& core_;
  std::unique_ptr<Accelerator> golden_;
  std::map<std::uint32_t, std::uint32_t> registers_;
  std::map<std::uint64_t, std::unique_ptr<Memory>> memory_;
  std::uint64_t next_ = std::uint64_t{1} << 35;
  Duration time_ = {};
  bool is_busy_ = false, is_done_ = false, is_done_again_ = false;
  int polls_left_ = 0;
};

struct Host {
  explicit Host(const char* preset = "tiny", RowOrder order = RowOrder::hardware)
      : model(std::make_shared<const IntegerModel>(test::random_integer_model())),
        image(make_image(*model, hardware_preset(preset), order)),
        device(model, image, core_for(hardware_preset(preset), order)) {}

  CoreDriver driver(const DriverOptions& options = {}) { return {image, device, options}; }
  std::string error(const DriverOptions& options = {}) {
    return test::error_of([&] { driver(options); });
  }

  std::shared_ptr<const IntegerModel> model;
  Image image;
  GoldenDevice device;
};

const DriverOptions kInterrupt = {.use_interrupt = true};

void expect_equal_to_golden(Host& host, const DriverOptions& options) {
  const auto golden = make_golden_accelerator(host.model);
  CoreDriver driver = host.driver(options);
  for (int sequence = 0; sequence < 2; ++sequence) {
    std::uint64_t position = 0;
    for (const Output output : {Output::none, Output::logits, Output::argmax, Output::logits}) {
      const StepResult expected = golden->step(7, output);
      const StepResult actual = driver.step(7, output);
      EXPECT_EQ(actual.argmax, expected.argmax);
      EXPECT_EQ(actual.logits, expected.logits);
      EXPECT_EQ(actual.traffic, Traffic());
      EXPECT_EQ(actual.counters.cycles, 100 * static_cast<std::int64_t>(position));
      EXPECT_EQ(actual.counters.ssm_waits_for_input,
                (std::int64_t{7} << 32) + 100 * static_cast<std::int64_t>(position) + 7);
      ++position;
    }
    EXPECT_EQ(driver.state().position, 4);
    EXPECT_EQ(driver.state().ssm_codes, golden->state().ssm_codes);
    EXPECT_EQ(driver.state().conv_codes, golden->state().conv_codes);
    driver.reset();
    golden->reset();
  }
}

TEST(CoreDriver, AnswersAsItsCore) {
  for (const char* preset : {"tiny", "vck190", "u280"}) {
    for (const DriverOptions& options : {DriverOptions(), kInterrupt}) {
      for (const RowOrder order : {RowOrder::hardware, RowOrder::checkpoint}) {
        Host host(preset, order);
        expect_equal_to_golden(host, options);
      }
    }
  }
}

TEST(CoreDriver, GoesOnFromAState) {
  Host host;
  CoreDriver driver = host.driver();
  driver.step(1, Output::none);
  const GoldenState state = driver.state();
  const std::vector<std::int32_t> expected = driver.step(2, Output::logits).logits;
  driver.step(3, Output::none);
  driver.restore(state);
  EXPECT_EQ(driver.step(2, Output::logits).logits, expected);
  driver.reset();
  EXPECT_NE(driver.step(2, Output::logits).logits, expected);
}

// Sequences that are opened, copied and closed while others run, each as it would be alone.
TEST(CoreDriver, HoldsSeveralSequences) {
  Host host("u280_wide");
  CoreDriver driver = host.driver();
  const auto golden = make_golden_accelerator(host.model);
  const auto expect_same = [&](SequenceId sequence, TokenId token) {
    const Slot slot = {sequence, token, Output::logits};
    EXPECT_EQ(driver.step(slot).logits, golden->pass({&slot, 1}).front().logits);
    EXPECT_EQ(driver.state(sequence), golden->state(sequence));
  };
  expect_same(kFirstSequence, 3);
  const SequenceId second = driver.open();
  ASSERT_EQ(golden->open(), second);
  expect_same(second, 4);
  expect_same(kFirstSequence, 5);
  const SequenceId copy = driver.open_copy(second);
  ASSERT_EQ(golden->open_copy(second), copy);
  for (const SequenceId sequence : {copy, second, kFirstSequence, copy, second}) {
    expect_same(sequence, 6);
  }
  driver.close(second);
  golden->close(second);
  EXPECT_THAT(test::error_of([&] { driver.step({.sequence = second, .token = 1}); }),
              HasSubstr("there is no sequence 1"));
  EXPECT_THAT(test::error_of([&] { driver.state(second); }), HasSubstr("no sequence 1"));
  EXPECT_THAT(test::error_of([&] { driver.close(kFirstSequence); }), HasSubstr("cannot be closed"));
  expect_same(copy, 7);
  // In the memory of the one that is closed.
  ASSERT_EQ(driver.open(), second);
  ASSERT_EQ(golden->open(), second);
  expect_same(second, 8);
  driver.reset();
  EXPECT_FALSE(driver.exists(copy));
}

TEST(CoreDriver, RefusesATokenOutsideTheVocabulary) {
  Host host;
  CoreDriver driver = host.driver();
  const auto vocab_size = static_cast<TokenId>(host.image.config.vocab_size);
  EXPECT_NE(test::error_of([&] { driver.step(vocab_size, Output::none); }), "");
  EXPECT_EQ(host.device.starts, 0);
}

TEST(CoreDriver, EndsAWaitForACoreThatNeverEnds) {
  for (const DriverOptions& options : {DriverOptions(), kInterrupt}) {
    Host host;
    CoreDriver driver = host.driver(options);
    host.device.faults.never_ends = true;
    EXPECT_EQ(test::error_of([&] { driver.step(1, Output::argmax); }),
              "the core has not answered the token at position 0 within 10000 ms; its control "
              "register is 0x0");
    EXPECT_EQ(test::error_of([&] { driver.step(1, Output::argmax); }),
              "the core is busy with a token that has no answer yet");
    EXPECT_EQ(host.device.starts, 1);
    host.device.faults = {};
    driver.reset();
    EXPECT_EQ(driver.state(), GoldenState(host.image.config));
    EXPECT_TRUE(driver.step(1, Output::argmax).argmax);
  }
}

TEST(CoreDriver, SaysWhatTheCoreReports) {
  const std::pair<std::uint32_t, const char*> cases[] = {
      {1, "the core reports no image at the address of the parameters"},
      {2, "the core reports a shape larger than the core allows"},
      {4, "the core reports an error of the bus"},
      {0x16,
       "the core reports a shape larger than the core allows, an error of the bus, 0x10, "
       "which is not known"}};
  for (const auto& [errors, text] : cases) {
    Host host;
    CoreDriver driver = host.driver();
    host.device.faults.errors = errors;
    EXPECT_EQ(test::error_of([&] { driver.step(1, Output::argmax); }), text);
    EXPECT_EQ(driver.state().position, 0);
  }
}

TEST(CoreDriver, RefusesASecondAnswer) {
  for (const DriverOptions& options : {DriverOptions(), kInterrupt}) {
    Host host;
    CoreDriver driver = host.driver(options);
    host.device.faults.answers_twice = true;
    driver.step(1, Output::argmax);
    EXPECT_EQ(test::error_of([&] { driver.step(2, Output::argmax); }),
              "the core has answered a token that was not started");
    EXPECT_EQ(host.device.starts, 1);
  }
}

TEST(CoreDriver, RefusesATokenThatCannotBe) {
  Host host;
  CoreDriver driver = host.driver();
  host.device.faults.next_token_is_off_by = 1000;
  driver.step(1, Output::none);
  EXPECT_THAT(test::error_of([&] { driver.step(1, Output::argmax); }), HasSubstr("of 37"));
}

TEST(CoreDriver, RefusesInterruptsThatAreLostOrEarly) {
  Host host;
  CoreDriver driver = host.driver(kInterrupt);
  host.device.faults.interrupt_is_lost = true;
  EXPECT_EQ(test::error_of([&] { driver.step(1, Output::argmax); }),
            "the core has answered, but its interrupt has not come");
  driver.reset();
  host.device.faults = {.interrupts_early = true};
  EXPECT_EQ(test::error_of([&] { driver.step(1, Output::argmax); }),
            "the core interrupts, but has not answered");
}

// A copy of a region with some bits of its first records changed.
Region with_field(const Region& region, std::size_t record, std::size_t byte) {
  auto bytes = std::make_shared<std::vector<std::byte>>(region.bytes.begin(), region.bytes.end());
  (*bytes)[16 * record + byte] ^= std::byte{0x10};
  return {*bytes, bytes};
}

TEST(CoreDriver, RefusesAnImageWhoseCountsAreWrong) {
  struct Field {
    std::size_t record, byte;
    const char* name;
  };
  for (const Field& field : {Field{0, 0, "the first word"},
                             {0, 4, "n_layer"},
                             {0, 6, "nheads"},
                             {0, 8, "d_model"},
                             {0, 10, "m is"},
                             {0, 12, "log2 n"},
                             {0, 13, "the order"},
                             {1, 0, "vocab_size"},
                             {1, 5, "the number of words"},
                             {1, 8, "the number of records"},
                             {1, 12, "the size of a row of the embedding"},
                             {3, 12, "the number of words without the head"}}) {
    Host host;
    host.image.parameters = with_field(host.image.parameters, field.record, field.byte);
    EXPECT_THAT(host.error(),
                testing::AllOf(HasSubstr("region 'parameters'"), HasSubstr(field.name)));
    EXPECT_EQ(host.device.regions(), 0);
  }
}

TEST(CoreDriver, RefusesAnImageWhoseRegionsHaveOtherSizes) {
  const auto shortened = [](const Region& region) {
    return Region{region.bytes.first(region.bytes.size() - 1), region.owner};
  };
  Host host("u280");
  const Image image = host.image;
  host.image.weights[3] = shortened(image.weights[3]);
  EXPECT_THAT(host.error(), HasSubstr("region 'weights.3': its size"));
  host.image = image;
  host.image.parameters = shortened(image.parameters);
  EXPECT_THAT(host.error(), HasSubstr("region 'parameters': its size"));
  host.image = image;
  host.image.embedding = shortened(image.embedding);
  EXPECT_THAT(host.error(), HasSubstr("region 'embedding': its size"));
  host.image = image;
  host.image.weights.pop_back();
  EXPECT_THAT(host.error(), HasSubstr("the number of channels is 15, expected 16"));
  host.image = image;
  EXPECT_NO_THROW(host.driver());
}

TEST(CoreDriver, RefusesAnImageForAnotherCore) {
  Host host("vck190");
  GoldenDevice other(host.model, host.image, hardware_preset("u280"));
  EXPECT_EQ(test::error_of([&] { CoreDriver(host.image, other, {}); }),
            "the image is for a core of the size vck190, the device has u280");
}

TEST(CoreDriver, RefusesAnOrderThatNeedsLongerQueues) {
  const auto model =
      std::make_shared<const IntegerModel>(test::random_integer_model({.n_layer = 1, .nheads = 6}));
  const auto wide = std::make_shared<const IntegerModel>(
      test::random_integer_model({.n_layer = 1, .nheads = 20}));
  const Image small = make_image(*wide, hardware_preset("tiny"), RowOrder::checkpoint);
  GoldenDevice device(wide, small, hardware_preset("tiny_checkpoint"));
  EXPECT_EQ(test::error_of([&] { CoreDriver(small, device, {}); }),
            "rows in the order of the checkpoint need queues of 1280 channels, the core "
            "tiny_checkpoint has 1024");
  const Image image = make_image(*model, hardware_preset("vck190"), RowOrder::checkpoint);
  GoldenDevice deeper(model, image, core_for(hardware_preset("vck190"), RowOrder::checkpoint));
  EXPECT_NO_THROW(CoreDriver(image, deeper, {}));
}

TEST(CoreDriver, RefusesAnOrderThatTheCoreIsNotMadeFor) {
  const auto model =
      std::make_shared<const IntegerModel>(test::random_integer_model({.n_layer = 1}));
  const Image image = make_image(*model, hardware_preset("vck190"), RowOrder::checkpoint);
  GoldenDevice device(model, image, hardware_preset("vck190"));
  EXPECT_EQ(test::error_of([&] { CoreDriver(image, device, {}); }),
            "the core vck190 runs rows in the order 'hardware', not 'checkpoint'");
}

TEST(CoreDriver, RefusesAModelThatNoCoreRuns) {
  Host host;
  host.image.config.d_state = 64;
  EXPECT_EQ(host.error(), "the model does not fit the core: d_state is 64, not 128");
}

TEST(CoreDriver, RefusesMemoryThatIsNotAligned) {
  Host host;
  host.device.faults.misplaces_by = 64;
  EXPECT_THAT(host.error(), HasSubstr("which is no multiple of 4096"));
}

}  // namespace
}  // namespace lightmamba::accel
