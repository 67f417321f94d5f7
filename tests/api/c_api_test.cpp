#include <algorithm>
#include <cstring>
#include <thread>

#include <lightmamba/c_api.h>
#include <lightmamba/generate.h>
#include <lightmamba/load.h>
#include <lightmamba/runtime.h>

#include "base/utf8.h"
#include "support/errors.h"
#include "support/paths.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

struct Free {
  void operator()(lightmamba_model* model) const { lightmamba_free_model(model); }
  void operator()(lightmamba_backend* backend) const { lightmamba_free_backend(backend); }
  void operator()(lightmamba_sequence* sequence) const { lightmamba_free_sequence(sequence); }
};
using ModelHandle = std::unique_ptr<lightmamba_model, Free>;
using BackendHandle = std::unique_ptr<lightmamba_backend, Free>;
using SequenceHandle = std::unique_ptr<lightmamba_sequence, Free>;

constexpr const char* kText = "It is a truth";

ModelHandle load() {
  return ModelHandle(lightmamba_load_model(test::shipped_model().c_str(), nullptr));
}

std::vector<TokenId> tokens_of(const lightmamba_model* model) {
  std::vector<TokenId> ids(20);
  const std::int64_t count =
      lightmamba_tokenize(model, kText, std::strlen(kText), true, ids.data(), ids.size());
  ids.resize(static_cast<std::size_t>(count));
  return ids;
}

std::vector<float> logits_of(const lightmamba_model* model, const lightmamba_sequence* sequence) {
  const float* logits = lightmamba_logits(sequence);
  return {logits, logits + lightmamba_vocab_size(model)};
}

TEST(CApi, TextGoesToTokensAndBack) {
  const ModelHandle model = load();
  const Model same = open_model(test::shipped_model());
  const std::vector<TokenId> ids = same.tokenizer().encode(kText, {.add_special_tokens = true});
  EXPECT_EQ(tokens_of(model.get()), ids);
  EXPECT_EQ(lightmamba_tokenize(model.get(), kText, std::strlen(kText), true, nullptr, 0),
            std::ssize(ids));
  TokenId first = -1;
  lightmamba_tokenize(model.get(), kText, std::strlen(kText), true, &first, 1);
  EXPECT_EQ(first, ids.front());

  char text[100];
  const std::int64_t bytes =
      lightmamba_detokenize(model.get(), ids.data(), ids.size(), text, sizeof text);
  EXPECT_STREQ(text, kText);
  EXPECT_EQ(bytes, static_cast<std::int64_t>(std::strlen(kText)));
  EXPECT_EQ(lightmamba_detokenize(model.get(), ids.data(), ids.size(), text, 6), bytes);
  EXPECT_STREQ(text, "It is");
  EXPECT_EQ(lightmamba_detokenize(model.get(), ids.data(), ids.size(), nullptr, 0), bytes);
}

TEST(CApi, LogitsAreThoseOfCpp) {
  const ModelHandle model = load();
  const std::vector<TokenId> ids = tokens_of(model.get());
  const BackendHandle backend(lightmamba_open_backend(model.get(), nullptr));
  EXPECT_STREQ(lightmamba_backend_name(backend.get()), "reference");
  const SequenceHandle sequence(lightmamba_open_sequence(backend.get()));
  EXPECT_EQ(lightmamba_logits(sequence.get()), nullptr);
  ASSERT_TRUE(lightmamba_prefill(sequence.get(), ids.data(), ids.size()));

  const auto expected = reference_backend(open_model(test::shipped_model()))->open();
  expected->prefill(ids);
  EXPECT_EQ(logits_of(model.get(), sequence.get()), test::copy_of(expected->logits()));
  ASSERT_TRUE(lightmamba_decode(sequence.get(), 7));
  EXPECT_EQ(logits_of(model.get(), sequence.get()), test::copy_of(expected->decode(7)));
  EXPECT_EQ(lightmamba_position(sequence.get()), expected->position());
}

TEST(CApi, ForksAndStatesGoOnAlone) {
  const test::TemporaryFolder folder;
  const ModelHandle model = load();
  const std::vector<TokenId> ids = tokens_of(model.get());
  const BackendHandle backend(lightmamba_open_backend(model.get(), "reference"));
  const SequenceHandle sequence(lightmamba_open_sequence(backend.get()));
  ASSERT_TRUE(lightmamba_prefill(sequence.get(), ids.data(), ids.size()));
  const std::string path = folder / "state";
  ASSERT_TRUE(lightmamba_save_state(sequence.get(), path.c_str()));
  const SequenceHandle fork(lightmamba_fork(sequence.get()));
  const SequenceHandle loaded(lightmamba_load_state(backend.get(), path.c_str()));
  ASSERT_TRUE(lightmamba_decode(sequence.get(), 5));
  EXPECT_NE(logits_of(model.get(), fork.get()), logits_of(model.get(), sequence.get()));
  EXPECT_EQ(logits_of(model.get(), fork.get()), logits_of(model.get(), loaded.get()));
  lightmamba_sequence* both[] = {fork.get(), loaded.get()};
  const TokenId next[] = {5, 6};
  ASSERT_TRUE(lightmamba_decode_together(both, next, 2));
  EXPECT_EQ(logits_of(model.get(), fork.get()), logits_of(model.get(), sequence.get()));
  EXPECT_NE(logits_of(model.get(), loaded.get()), logits_of(model.get(), sequence.get()));
}

struct Heard {
  std::vector<TokenId> ids = {};
  std::string text = {};
  std::size_t max = 100;
};

bool hear(lightmamba_token id, const char* text, void* user) {
  Heard& heard = *static_cast<Heard*>(user);
  if (id >= 0) heard.ids.push_back(id);
  heard.text += text;
  return heard.ids.size() < heard.max;
}

TEST(CApi, GeneratesAsCppDoes) {
  const ModelHandle model = load();
  const Model same = open_model(test::shipped_model());
  const std::vector<TokenId> ids = tokens_of(model.get());
  const BackendHandle backend(lightmamba_open_backend(model.get(), "reference"));
  lightmamba_generate_options options = lightmamba_default_generate_options();
  options.max_tokens = 12;
  options.temperature = 0.9F;
  options.seed = 5;
  const auto expected = generate(*reference_backend(same), ids,
                                 {.max_tokens = 12, .sampling = {.temperature = 0.9F, .seed = 5}});
  const SequenceHandle sequence(lightmamba_open_sequence(backend.get()));
  Heard all;
  EXPECT_EQ(lightmamba_generate(sequence.get(), ids.data(), ids.size(), &options, hear, &all), 12);
  EXPECT_EQ(all.ids, expected.ids);
  EXPECT_EQ(all.text, same.tokenizer().decode(expected.ids));
  EXPECT_EQ(lightmamba_position(sequence.get()), std::ssize(ids) + 12);

  Heard three{.max = 3};
  const SequenceHandle another(lightmamba_open_sequence(backend.get()));
  EXPECT_EQ(lightmamba_generate(another.get(), ids.data(), ids.size(), &options, hear, &three), 3);
  EXPECT_TRUE(std::equal(three.ids.begin(), three.ids.end(), expected.ids.begin()));
  EXPECT_EQ(lightmamba_generate(another.get(), nullptr, 0, nullptr, nullptr, nullptr),
            lightmamba_default_generate_options().max_tokens);
}

// Many times over, so that a leak shows under AddressSanitizer.
TEST(CApi, HandlesAreFreedInAnyOrder) {
  for (int i = 0; i < 20; ++i) {
    ModelHandle model = load();
    const TokenId id = 3;
    BackendHandle backend(lightmamba_open_backend(model.get(), nullptr));
    SequenceHandle sequence(lightmamba_open_sequence(backend.get()));
    if (i % 2 == 0) backend.reset();
    model.reset();
    EXPECT_TRUE(lightmamba_decode(sequence.get(), id));
    EXPECT_NE(lightmamba_logits(sequence.get()), nullptr);
    EXPECT_FALSE(lightmamba_decode(sequence.get(), -1));
  }
  lightmamba_free_model(nullptr);
  lightmamba_free_backend(nullptr);
  lightmamba_free_sequence(nullptr);
}

TEST(CApi, FailuresSayWhy) {
  EXPECT_EQ(lightmamba_load_model("no such model", nullptr), nullptr);
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("no such model"));
  const ModelHandle model = load();
  EXPECT_EQ(lightmamba_load_model(test::shipped_model().c_str(), "no tokenizer"), nullptr);
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("no tokenizer"));
  EXPECT_EQ(lightmamba_open_backend(model.get(), "abacus"), nullptr);
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("unknown back end 'abacus'"));
  EXPECT_EQ(lightmamba_open_backend(model.get(), "golden"), nullptr);
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("the weights are floats"));
  const TokenId bad = 1 << 20;
  EXPECT_EQ(lightmamba_detokenize(model.get(), &bad, 1, nullptr, 0), -1);
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("no token has id 1048576"));
  EXPECT_EQ(lightmamba_tokenize(model.get(), "\xff", 1, false, nullptr, 0), -1);
  const BackendHandle backend(lightmamba_open_backend(model.get(), nullptr));
  const SequenceHandle sequence(lightmamba_open_sequence(backend.get()));
  EXPECT_FALSE(lightmamba_prefill(sequence.get(), &bad, 1));
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("token id 1048576 is outside"));
  EXPECT_FALSE(lightmamba_prefill(sequence.get(), nullptr, 0));
  EXPECT_EQ(lightmamba_generate(sequence.get(), nullptr, 0, nullptr, nullptr, nullptr), -1);
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("the prompt has no tokens"));
  EXPECT_FALSE(lightmamba_save_state(sequence.get(), "no folder/state"));
  EXPECT_FALSE(
      lightmamba_save_state(sequence.get(), (test::shipped_model() / "model.safetensors").c_str()));
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("would overwrite the model"));
  EXPECT_EQ(lightmamba_load_state(backend.get(), "no state"), nullptr);
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("no state"));
}

TEST(CApi, AnotherThreadStopsASequence) {
  const ModelHandle model = load();
  const BackendHandle backend(lightmamba_open_backend(model.get(), "reference"));
  const SequenceHandle sequence(lightmamba_open_sequence(backend.get()));
  const SequenceHandle other(lightmamba_open_sequence(backend.get()));
  const std::vector<TokenId> ids = tokens_of(model.get());
  ASSERT_TRUE(lightmamba_prefill(sequence.get(), ids.data(), ids.size()));
  const auto stop_it = [](lightmamba_token /*id*/, const char* /*text*/, void* stopped) {
    std::thread(lightmamba_stop, static_cast<lightmamba_sequence*>(stopped)).join();
    return true;
  };
  EXPECT_EQ(lightmamba_generate(sequence.get(), nullptr, 0, nullptr, stop_it, sequence.get()), -1);
  EXPECT_EQ(lightmamba_position(sequence.get()), static_cast<std::int64_t>(ids.size()));
  EXPECT_FALSE(lightmamba_prefill(sequence.get(), ids.data(), ids.size()));
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("stopped"));
  EXPECT_TRUE(lightmamba_prefill(other.get(), ids.data(), ids.size()));
}

TEST(CApi, ErrorsAreOfTheThread) {
  lightmamba_load_model("of this thread", nullptr);
  std::string other = "something";
  std::thread([&] {
    other = lightmamba_last_error();
    lightmamba_load_model("of that thread", nullptr);
  }).join();
  EXPECT_EQ(other, "");
  EXPECT_THAT(lightmamba_last_error(), HasSubstr("of this thread"));
  const std::string longest(5000, 'x');
  lightmamba_load_model(longest.c_str(), nullptr);
  EXPECT_THAT(lightmamba_last_error(), EndsWith("xxx"));
}

TEST(CApi, ALongErrorIsCutBetweenCharacters) {
  for (const std::string_view character : {"\u00e9", "\u20ac", "\U0001F600"}) {
    for (std::size_t offset = 0; offset < character.size(); ++offset) {
      std::string name(offset, 'x');
      while (name.size() < 5000) name += character;
      EXPECT_EQ(lightmamba_load_model(name.c_str(), nullptr), nullptr);
      const std::string message = lightmamba_last_error();
      EXPECT_EQ(valid_utf8_prefix(message), message.size());
      EXPECT_GT(message.size(), 2047 - character.size());
      EXPECT_THAT(message, EndsWith(std::string(character)));
    }
  }
}

TEST(CApi, HasTheVersionAndTheThreads) {
  EXPECT_EQ(lightmamba_version(), version());
  ASSERT_TRUE(lightmamba_set_threads(3));
  EXPECT_EQ(thread_count(), 3);
  EXPECT_FALSE(lightmamba_set_threads(-5));
  EXPECT_EQ(thread_count(), 3);
  ASSERT_TRUE(lightmamba_set_threads(0));
}

}  // namespace
}  // namespace lightmamba
