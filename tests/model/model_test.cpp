#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include <lightmamba/load.h>
#include <lightmamba/sequence.h>

#include "base/threads.h"
#include "io/safetensors.h"
#include "model/fingerprint.h"
#include "model/model_files.h"
#include "model/weights.h"
#include "support/errors.h"
#include "support/paths.h"
#include "support/quantized.h"
#include "support/random_model.h"

namespace lightmamba {
namespace {

using test::copy_of;
using test::error_of;
using test::random_tokens;
using test::RandomModel;
using test::RandomModelOptions;
using ::testing::HasSubstr;

using Rows = std::vector<std::vector<float>>;

Rows prefill(Sequence& sequence, std::span<const TokenId> tokens) {
  Rows rows;
  sequence.prefill_all(tokens, [&](std::int64_t index, std::span<const float> row) {
    EXPECT_EQ(index, std::ssize(rows));
    rows.emplace_back(row.begin(), row.end());
  });
  return rows;
}

Rows decode(Sequence& sequence, std::span<const TokenId> tokens) {
  Rows rows;
  for (const TokenId id : tokens) rows.push_back(copy_of(sequence.decode(id)));
  return rows;
}

// Largest difference, relative to the largest expected value.
template <typename Expected>
double worst(const Rows& found, const Expected& expected) {
  EXPECT_EQ(found.size(), expected.size());
  double difference = 0;
  double scale = 0;
  for (std::size_t t = 0; t < found.size(); ++t) {
    EXPECT_EQ(found[t].size(), expected[t].size());
    for (std::size_t i = 0; i < found[t].size(); ++i) {
      difference = std::max(difference, std::abs(static_cast<double>(found[t][i]) -
                                                 static_cast<double>(expected[t][i])));
      scale = std::max(scale, std::abs(static_cast<double>(expected[t][i])));
    }
  }
  return difference / scale;
}

void expect_agreement(const std::filesystem::path& directory, const RandomModel& reference) {
  const auto model = reference_backend(open_model(directory));
  const std::vector<TokenId> tokens = random_tokens(40, reference.options().vocab_size);
  const auto expected = reference.logits(tokens);
  const auto prefilled = model->open();
  const auto decoded = model->open();
  EXPECT_LT(worst(prefill(*prefilled, tokens), expected), 2e-5);
  EXPECT_LT(worst(decode(*decoded, tokens), expected), 2e-5);
  EXPECT_EQ(prefilled->position(), 40);
  EXPECT_EQ(decoded->position(), 40);
}

TEST(Model, AgreesWithTheRecurrenceInEveryLayoutTypeAndShape) {
  const std::vector<RandomModelOptions> cases = {
      {},
      {.tied = false},
      {.dtype = DType::bf16},
      {.dtype = DType::f16},
      {.ngroups = 2},
      {.ngroups = 3, .tied = false, .dtype = DType::bf16},
      {.conv_bias = false},
      {.d_conv = 2},
      {.dt_min = 0.05, .dt_max = 0.2},
      {.d_model = 40, .n_layer = 3, .expand = 1, .headdim = 4, .d_state = 5},
  };
  for (const RandomModelOptions& options : cases) {
    SCOPED_TRACE(&options - cases.data());
    const RandomModel reference(options);
    const test::TemporaryFolder folder;
    reference.write_hugging_face(folder / "hf");
    expect_agreement(folder / "hf", reference);
    reference.write_hugging_face_shards(folder / "shards");
    expect_agreement(folder / "shards", reference);
    if (std::isinf(options.dt_max)) {
      reference.write_state_spaces(folder / "ss");
      expect_agreement(folder / "ss", reference);
    }
  }
}

TEST(Model, AgreesWithTransformers) {
  LIGHTMAMBA_NEEDS_DATA("hf-tiny/tiny_mamba2.safetensors");
  const test::TemporaryFolder folder;
  std::filesystem::copy(test::data_path("hf-tiny/tiny_mamba2.safetensors"),
                        folder / "model.safetensors");
  std::filesystem::copy(test::data_path("hf-tiny/tiny_mamba2_config.json"), folder / "config.json");
  const auto model = reference_backend(open_model(folder.path()));
  const auto golden =
      nlohmann::json::parse(test::read_file(test::data_path("hf-tiny/tiny_mamba2_logits.json")));
  for (std::size_t i = 0; i < golden["sequences"].size(); ++i) {
    const auto tokens = golden["sequences"][i].get<std::vector<TokenId>>();
    const auto expected = golden["logits"][i].get<std::vector<std::vector<double>>>();
    for (const Rows& rows : {prefill(*model->open(), tokens), decode(*model->open(), tokens)}) {
      for (std::size_t t = 0; t < rows.size(); ++t) {
        for (std::size_t v = 0; v < rows[t].size(); ++v) {
          EXPECT_NEAR(rows[t][v], expected[t][v], 2e-5);
        }
      }
    }
  }
}

TEST(Model, RefusesTheMamba1Checkpoint) {
  LIGHTMAMBA_NEEDS_DATA("hf-tiny/tiny_mamba.safetensors");
  const test::TemporaryFolder folder;
  std::filesystem::copy(test::data_path("hf-tiny/tiny_mamba.safetensors"),
                        folder / "model.safetensors");
  std::filesystem::copy(test::data_path("hf-tiny/tiny_mamba_config.json"), folder / "config.json");
  EXPECT_THAT(error_of([&] { open_model(folder.path()); }), HasSubstr("Mamba-1"));
}

TEST(ShippedModel, AgreesWithItsTrainingCode) {
  const auto model = reference_backend(open_model(test::shipped_model()));
  const auto golden = nlohmann::json::parse(test::read_file(test::shipped_model() / "golden.json"));
  for (std::size_t i = 0; i < golden["sequences"].size(); ++i) {
    const auto tokens = golden["sequences"][i].get<std::vector<TokenId>>();
    const Rows rows = prefill(*model->open(), tokens);
    const auto last = golden["last_logits"][i].get<std::vector<double>>();
    EXPECT_LT(worst({rows.back()}, std::vector<std::vector<double>>{last}), 1e-5);

    double nll = 0;
    for (std::size_t t = 0; t + 1 < tokens.size(); ++t) {
      double sum = 0;
      for (const float logit : rows[t]) sum += std::exp(static_cast<double>(logit));
      nll += std::log(sum) - rows[t][static_cast<std::size_t>(tokens[t + 1])];
    }
    EXPECT_NEAR(nll / static_cast<double>(tokens.size() - 1), golden["nll"][i].get<double>(), 1e-5);
  }
}

TEST(ShippedModel, PrefillAndDecodeAgreeAcrossSegments) {
  const auto model = reference_backend(open_model(test::shipped_model()));
  const std::vector<TokenId> tokens = random_tokens(600, 4096);
  const auto prefilled = model->open();
  const auto decoded = model->open();
  EXPECT_LT(worst(prefill(*prefilled, tokens), decode(*decoded, tokens)), 1e-4);
  EXPECT_LT(worst({prefilled->state().ssm}, Rows{decoded->state().ssm}), 1e-4);
  EXPECT_LT(worst({prefilled->state().conv}, Rows{decoded->state().conv}), 1e-4);
}

TEST(ShippedModel, ResultsDoNotDependOnTheNumberOfThreads) {
  const auto model = reference_backend(open_model(test::shipped_model()));
  const std::vector<TokenId> tokens = random_tokens(150, 4096);
  std::vector<Rows> results;
  for (const int threads : {1, 2, 3, 7}) {
    set_thread_count(threads);
    const auto sequence = model->open();
    results.push_back(prefill(*sequence, tokens));
    results.back().push_back(copy_of(sequence->decode(tokens.front())));
  }
  set_thread_count(0);
  for (const Rows& rows : results) EXPECT_EQ(rows, results.front());
}

class SmallModel : public ::testing::Test {
 protected:
  SmallModel()
      : model_([this] {
          RandomModel({}).write_hugging_face(folder_ / "m");
          return open_model(folder_ / "m");
        }()),
        backend_(reference_backend(model_)) {}

  std::unique_ptr<Sequence> open(const Taps* taps = nullptr) const {
    return backend_->open({.taps = taps});
  }

  test::TemporaryFolder folder_;
  Model model_;
  std::shared_ptr<const Backend> backend_;
};

TEST_F(SmallModel, SplittingASequenceChangesNothing) {
  const std::vector<TokenId> tokens = random_tokens(90, 37);
  const std::vector<float> expected = copy_of(open()->prefill(tokens));
  for (const std::size_t split : {1u, 2u, 3u, 64u, 89u}) {
    const auto sequence = open();
    sequence->prefill(std::span(tokens).first(split));
    sequence->prefill(std::span(tokens).subspan(split));
    EXPECT_LT(worst({copy_of(sequence->logits())}, Rows{expected}), 1e-5);
    EXPECT_EQ(sequence->position(), 90);
  }
}

TEST_F(SmallModel, AStateIsAValueThatCanBeCopiedSavedAndRestored) {
  const std::vector<TokenId> tokens = random_tokens(20, 37);
  const auto sequence = open();
  sequence->prefill(tokens);
  const State state = sequence->state();
  EXPECT_EQ(state.logits, copy_of(sequence->logits()));
  const auto fork = sequence->fork();
  save_state(state, model_, folder_ / "state");
  const std::vector<float> expected = copy_of(sequence->prefill(tokens));
  EXPECT_NE(sequence->state(), state);

  EXPECT_EQ(fork->state(), state);
  EXPECT_EQ(copy_of(fork->prefill(tokens)), expected);
  const State loaded = load_state(model_, folder_ / "state");
  EXPECT_EQ(loaded, state);
  const auto restored = backend_->open({.state = &loaded});
  EXPECT_EQ(copy_of(restored->logits()), state.logits);
  EXPECT_EQ(copy_of(restored->prefill(tokens)), expected);

  fork->advance(1);
  EXPECT_TRUE(fork->logits().empty());
  save_state(fork->state(), model_, folder_ / "without logits");
  EXPECT_EQ(load_state(model_, folder_ / "without logits"), fork->state());
}

TEST_F(SmallModel, RefusesAStateOfAnotherModel) {
  RandomModel({.n_layer = 3}).write_hugging_face(folder_ / "other");
  const Model other = open_model(folder_ / "other");
  const State state = open()->state();
  EXPECT_THAT(error_of([&] { reference_backend(other)->open({.state = &state}); }),
              HasSubstr("the state has"));
  EXPECT_THAT(error_of([&] { save_state(state, other, folder_ / "none"); }),
              HasSubstr("none: the state has"));
  save_state(state, model_, folder_ / "state");
  EXPECT_THAT(error_of([&] { load_state(other, folder_ / "state"); }),
              HasSubstr("tensor 'conv' is F32 of [2, 3, 80]"));
  EXPECT_THAT(error_of([&] { load_state(other, folder_ / "m/model.safetensors"); }),
              HasSubstr("not a saved state"));
  // It has the same shape and other weights.
  RandomModel({.seed = 9}).write_hugging_face(folder_ / "twin");
  const Model twin = open_model(folder_ / "twin");
  EXPECT_NE(twin.fingerprint(), model_.fingerprint());
  EXPECT_EQ(open_model(folder_ / "m").fingerprint(), model_.fingerprint());
  EXPECT_THAT(error_of([&] { load_state(twin, folder_ / "state"); }),
              HasSubstr("state: the state was left by the model " + model_.fingerprint()));
}

TEST_F(SmallModel, RefusesAStateThatNoModelLeaves) {
  const auto sequence = open();
  sequence->prefill(random_tokens(5, 37));
  const State good = sequence->state();
  const auto refusal = [&](const auto& change) {
    State state = good;
    change(state);
    save_state(state, model_, folder_ / "state");
    return error_of([&] { load_state(model_, folder_ / "state"); });
  };
  const float nan = std::nanf("");
  EXPECT_THAT(refusal([&](State& state) { state.ssm[16 * 8 + 3] = nan; }),
              HasSubstr("state: tensor 'ssm': element [0, 1, 0, 3] is nan"));
  EXPECT_THAT(refusal([&](State& state) { state.conv[5] = -INFINITY; }),
              HasSubstr("state: tensor 'conv': element [0, 0, 5] is -inf"));
  EXPECT_THAT(refusal([&](State& state) { state.logits[36] = nan; }),
              HasSubstr("state: tensor 'logits': element [36] is nan"));

  save_state(good, model_, folder_ / "state");
  SafetensorsFile file = read_safetensors(folder_ / "state");
  std::vector<std::pair<std::string, Tensor>> tensors(file.tensors.begin(), file.tensors.end());
  tensors.emplace_back("more", tensors.front().second);
  write_safetensors(folder_ / "more", file.metadata, tensors);
  EXPECT_THAT(error_of([&] { load_state(model_, folder_ / "more"); }),
              HasSubstr("more: tensor 'more' is not part of a state"));
}

TEST_F(SmallModel, RefusesAStateAtAnImpossiblePosition) {
  State state = new_state(model_.config());
  for (const std::int64_t position :
       {std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(), std::int64_t{1} << 60}) {
    state.position = position;
    EXPECT_THAT(error_of([&] { backend_->open({.state = &state}); }),
                HasSubstr("the state has the position " + std::to_string(position)));
  }
  state.position = 999'999'999'999'999'998;
  const auto sequence = backend_->open({.state = &state});
  sequence->decode(1);
  EXPECT_EQ(sequence->position(), 999'999'999'999'999'999);
}

TEST_F(SmallModel, AStateDoesNotReplaceAFileOfTheModel) {
  const State state = open()->state();
  const std::string before = test::read_file(folder_ / "m/model.safetensors");
  EXPECT_THAT(error_of([&] { save_state(state, model_, folder_ / "m/model.safetensors"); }),
              HasSubstr("model.safetensors: would overwrite the model that is read"));
  EXPECT_EQ(test::read_file(folder_ / "m/model.safetensors"), before);
  for (int i = 0; i < 2; ++i) save_state(state, model_, folder_ / "m/state");
}

// An image of the accelerator has no weights, but may have their name.
TEST_F(SmallModel, AStateNamesTheModelOfAnImage) {
  const State state = open()->state();
  Weights image;
  image.config = model_.config();
  const Model nameless = model_.with_weights(std::make_shared<const Weights>(image));
  image.fingerprint = model_.fingerprint();
  const Model named = model_.with_weights(std::make_shared<const Weights>(image));
  save_state(state, named, folder_ / "state");
  EXPECT_EQ(load_state(model_, folder_ / "state"), state);
  EXPECT_EQ(load_state(named, folder_ / "state"), state);
  require_place_for_state(named, folder_ / "state");
  EXPECT_THAT(error_of([&] { require_place_for_state(nameless, folder_ / "state"); }),
              HasSubstr("an image that does not name its model"));
}

TEST(Fingerprint, EveryWeightCounts) {
  const test::TemporaryFolder folder;
  // An in_proj of 295 kB.
  RandomModel({.d_model = 128}).write_hugging_face(folder / "m");
  const std::string bytes = test::read_file(folder / "m/model.safetensors");
  const auto file = parse_safetensors(std::as_bytes(std::span(bytes)), nullptr, "m");
  const std::span data = file.tensors.at("backbone.layers.1.mixer.in_proj.weight").data;
  const std::string before = open_model(folder / "m").fingerprint();
  for (const std::size_t place : {std::size_t{0}, data.size() / 2, data.size() - 1}) {
    std::string changed = bytes;
    changed[static_cast<std::size_t>(data.data() - std::as_bytes(std::span(bytes)).data()) +
            place] ^= 1;
    test::write_file(folder / "m/model.safetensors", changed);
    EXPECT_NE(open_model(folder / "m").fingerprint(), before) << place;
  }
}

TEST(Fingerprint, ScalesAndClipsCount) {
  const Model model = quantize(test::load_random_model(), test::accelerator_options()).model;
  const std::string before = model.fingerprint();
  Weights clipped = model.weights();
  ASSERT_FALSE(clipped.clips.empty());
  clipped.clips.back() *= 0.5F;
  EXPECT_NE(fingerprint(clipped), before);
  Weights scaled = model.weights();
  std::vector<std::byte> scales(1 << 16);
  Matrix& matrix = scaled.layers.back().out_proj;
  const std::int64_t count =
      CodeFormat::blocks(matrix.rows) * matrix.codes.block_scales(matrix.columns);
  std::copy_n(matrix.scales, count * 2, scales.begin());
  matrix.scales = scales.data();
  EXPECT_EQ(fingerprint(scaled), before);
  scales[static_cast<std::size_t>(count - 1) * 2] ^= std::byte{1};
  EXPECT_NE(fingerprint(scaled), before);
}

TEST_F(SmallModel, RefusesTokensOutsideTheVocabularyAndLeavesTheStateAlone) {
  const auto sequence = open();
  sequence->decode(3);
  const State before = sequence->state();
  for (const TokenId bad : {-1, 37, 1 << 30}) {
    const std::vector<TokenId> tokens = {1, 2, bad};
    EXPECT_THAT(error_of([&] { sequence->prefill(tokens); }),
                HasSubstr("token id " + std::to_string(bad) + " is outside the vocabulary of 37"));
    EXPECT_EQ(sequence->state(), before);
  }
  EXPECT_THAT(error_of([&] { sequence->prefill({}); }), HasSubstr("no tokens"));
  EXPECT_THAT(error_of([&] { sequence->decode(37); }), HasSubstr("token id 37"));
  EXPECT_THAT(error_of([&] { sequence->advance(-1); }), HasSubstr("token id -1"));
  EXPECT_EQ(sequence->state(), before);
}

TEST_F(SmallModel, TapsSeeEveryPointWithItsShape) {
  const std::vector<TokenId> tokens = random_tokens(70, 37);
  const Mamba2Config& c = model_.config();
  const std::vector<std::int64_t> columns = {24, 24, 48, 80, 80, 6,  6, 8 * 16,
                                             48, 48, 48, 24, 24, 24, 37};
  Taps taps;
  std::vector<std::int64_t> rows(kTapCount);
  for (int i = 0; i < kTapCount; ++i) {
    taps.set(static_cast<Tap>(i), [&, i](const TapValue& value) {
      EXPECT_EQ(static_cast<int>(value.tap), i);
      EXPECT_EQ(value.columns, columns[static_cast<std::size_t>(i)]) << tap_name(value.tap);
      EXPECT_EQ(value.rows * value.columns, std::ssize(value.data));
      const bool by_head = value.tap == Tap::state;
      const bool in_block = value.layer >= 0;
      const std::int64_t earlier = rows[static_cast<std::size_t>(i)];
      // Rows come in order of position, layer after layer.
      EXPECT_EQ(value.first_position,
                by_head ? earlier / c.nheads % 70 : (in_block ? earlier % 70 : earlier))
          << tap_name(value.tap);
      rows[static_cast<std::size_t>(i)] += value.rows;
    });
  }
  open(&taps)->prefill_all(tokens, [](auto, auto) {});
  for (int i = 0; i < kTapCount; ++i) {
    const auto tap = static_cast<Tap>(i);
    const bool outside = tap == Tap::embedding || tap == Tap::head_input || tap == Tap::logits;
    const std::int64_t expected =
        70 * (outside ? 1 : c.n_layer) * (tap == Tap::state ? c.nheads : 1);
    EXPECT_EQ(rows[static_cast<std::size_t>(i)], expected) << tap_name(tap);
  }
}

TEST_F(SmallModel, ATapOnDtDecidesTheDecay) {
  Taps taps;
  taps.set(Tap::dt, [](const TapValue& value) {
    for (float& dt : value.data) dt = 0;
  });
  taps.set(Tap::decay, [](const TapValue& value) {
    for (const float a : value.data) EXPECT_EQ(a, 1.0F);
  });
  open(&taps)->prefill(random_tokens(5, 37));
}

TEST_F(SmallModel, WhatATapLeavesIsWhatTheNetworkGoesOnWith) {
  const std::vector<TokenId> tokens = random_tokens(70, 37);
  const Rows expected = prefill(*open(), tokens);
  for (int i = 0; i < kTapCount; ++i) {
    Taps taps;
    taps.set(static_cast<Tap>(i), [](const TapValue& value) {
      for (std::int64_t j = 0; j < std::ssize(value.data); ++j) {
        if (j % value.columns % 2 == 0) value.data[static_cast<std::size_t>(j)] *= 0.5F;
      }
    });
    const Rows changed = prefill(*open(&taps), tokens);
    const Rows stepped = decode(*open(&taps), tokens);
    EXPECT_GT(worst(changed, expected), 1e-3) << tap_name(static_cast<Tap>(i));
    EXPECT_LT(worst(changed, stepped), 1e-4) << tap_name(static_cast<Tap>(i));
  }
}

}  // namespace
}  // namespace lightmamba
