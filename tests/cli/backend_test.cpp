// Every command that runs a model runs it on every back end.
#include <cmath>
#include <map>

#include "cli/cli.h"
#include "support/random_model.h"
#include "support/tokenizers.h"

namespace lightmamba::test {
namespace {

using ::testing::HasSubstr;
using json = nlohmann::json;
using Words = std::vector<std::string>;

// Small enough for the simulation of the core, of a shape that the core runs.
class Backends : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    const auto model = *folder / "m";
    RandomModel({.vocab_size = 256,
                 .d_model = 128,
                 .n_layer = 1,
                 .headdim = 64,
                 .d_state = 128,
                 .dtype = DType::f16})
        .write_hugging_face(model);
    write_file(std::filesystem::path(model) / "tokenizer.json", byte_level_file().dump());
    write_file(*folder / "text", "It is a truth universally acknowledged");
    const ProcessResult made =
        lightmamba({"quantize", model, "--out", quantized_model(), "--ssm", "pot8", "--head-bits",
                    "4", "--calibration", *folder / "text"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  static void TearDownTestSuite() { delete folder; }

  static std::string path(const std::string& name) { return *folder / name; }
  static std::string quantized_model() { return path("q.lm"); }

  // With what a back end needs besides its name.
  static Words on(const std::string& backend, Words words) {
    words.insert(words.end(), {"--backend", backend});
    if (backend == "rtlsim") words.insert(words.end(), {"--preset", "tiny"});
    return words;
  }

  static TemporaryFolder* folder;
};

TemporaryFolder* Backends::folder = nullptr;

const Words kBackends = {"reference", "engine", "golden",
#ifdef LIGHTMAMBA_RTLSIM
                         "rtlsim"
#endif
};

// sqrt(sum (a - b)^2 / sum b^2) over all rows.
double relative_distance(const json& a, const json& b) {
  double difference = 0;
  double size = 0;
  for (std::size_t t = 0; t < b.size(); ++t) {
    for (std::size_t i = 0; i < b[t].size(); ++i) {
      difference += std::pow(a[t][i].get<double>() - b[t][i].get<double>(), 2);
      size += std::pow(b[t][i].get<double>(), 2);
    }
  }
  return std::sqrt(difference / size);
}

// The same roundings, but for values that fall on the other side of a boundary now and then.
TEST_F(Backends, LogitsAreAlike) {
  std::map<std::string, json> logits;
  for (const std::string& backend : kBackends) {
    logits[backend] = lightmamba_json(
        on(backend, {"logits", quantized_model(), "--tokens", "73,116,32,105,115"}))["logits"];
    ASSERT_EQ(logits[backend].size(), 5u);
    EXPECT_LT(relative_distance(logits[backend], logits["reference"]), 0.25) << backend;
  }
  EXPECT_NE(logits["engine"], logits["reference"]);
  EXPECT_NE(logits["golden"], logits["reference"]);
#ifdef LIGHTMAMBA_RTLSIM
  EXPECT_EQ(logits["rtlsim"], logits["golden"]);
#endif
}

TEST_F(Backends, EachGeneratesSavesItsStateAndGoesOn) {
  for (const std::string& backend : kBackends) {
    const auto generate = [&](Words words) {
      words.insert(words.begin(), {"generate", quantized_model(), "--ignore-eos"});
      return lightmamba_json(on(backend, words))["ids"];
    };
    json whole = generate({"--prompt", "It is", "--max-tokens", "6"});
    json half = generate(
        {"--prompt", "It is", "--max-tokens", "3", "--save-state", path("state " + backend)});
    for (const json& id :
         generate({"--max-tokens", "3", "--load-state", path("state " + backend)})) {
      half.push_back(id);
    }
    EXPECT_EQ(half, whole) << backend;
  }
}

TEST_F(Backends, EachEvaluatesScoresAndIsMeasured) {
  write_file(path("lambada.jsonl"),
             "{\"text\": \"It is a\"}\n{\"text\": \"a man is\"}\n{\"text\": \"not read\"}\n");
  for (const std::string& backend : kBackends) {
    const json result =
        lightmamba_json(on(backend, {"evaluate", quantized_model(), "--task", "lambada", "--data",
                                     path("lambada.jsonl"), "--limit", "2"}));
    EXPECT_EQ(result["n"], 2) << backend;
    EXPECT_GT(result["perplexity"].get<double>(), 1) << backend;
    const json text = lightmamba_json(on(
        backend, {"perplexity", quantized_model(), "--file", path("text"), "--max-tokens", "8"}));
    EXPECT_EQ(text["tokens"], 8) << backend;
    const json speed =
        lightmamba_json(on(backend, {"bench", quantized_model(), "--prompt-tokens", "2",
                                     "--generate-tokens", "1", "--sequences", "2", "--runs", "1"}));
    EXPECT_EQ(speed["backend"], backend);
    EXPECT_GT(speed["decode_tokens_per_second"].get<double>(), 0) << backend;
    const json compared = lightmamba_json(
        on(backend, {"compare", path("m"), "--file", path("text"), "--methods", "lightmamba*+clip",
                     "--schemes", "w4a4", "--head-bits", "4", "--max-tokens", "8", "--no-taps"}));
    EXPECT_EQ(compared["rows"][1]["backend"], backend);
  }
}

#ifdef LIGHTMAMBA_RTLSIM

TEST_F(Backends, TheSimulationWritesTheTextOfTheGoldenModel) {
  const auto generate = [&](const std::string& backend, const std::string& model) {
    return lightmamba_json(
        on(backend, {"generate", model, "--prompt", "It is", "--max-tokens", "8"}))["text"];
  };
  const json expected = generate("golden", quantized_model());
  EXPECT_EQ(generate("rtlsim", quantized_model()), expected);
  const std::string image = path("image");
  ASSERT_EQ(lightmamba({"accel", "pack", quantized_model(), "--out", image, "--preset", "tiny"})
                .exit_code,
            0);
  EXPECT_EQ(generate("rtlsim", image), expected);
  EXPECT_EQ(lightmamba_json({"generate", image, "--prompt", "It is", "--max-tokens", "8"})["text"],
            expected);
  EXPECT_THAT(failure({"generate", image, "--prompt", "a", "--backend", "engine"}, 1),
              HasSubstr("an image of the accelerator runs on --backend rtlsim only"));
}

#else

TEST_F(Backends, SayHowToGetTheSimulation) {
  EXPECT_THAT(failure(on("rtlsim", {"generate", quantized_model(), "--prompt", "a"}), 1),
              HasSubstr("-DLIGHTMAMBA_RTL=ON"));
}

#endif

TEST_F(Backends, OptionsWithoutEffectAreRefused) {
  for (const std::string backend : {"engine", "reference", "golden"}) {
    EXPECT_THAT(failure({"generate", quantized_model(), "--prompt", "a", "--backend", backend,
                         "--preset", "tiny"},
                        1),
                HasSubstr("--preset has no effect on --backend " + backend));
  }
  EXPECT_THAT(failure({"generate", quantized_model(), "--prompt", "a", "--preset", "tiny"}, 1),
              HasSubstr("--preset has no effect on --backend engine"));
  for (const std::string backend : {"engine", "golden", "rtlsim"}) {
    EXPECT_THAT(failure({"perplexity", quantized_model(), "--file", path("text"), "--backend",
                         backend, "--tap", "dt=8:0"},
                        1),
                HasSubstr("--tap runs on the reference only"));
  }
}

TEST_F(Backends, TapsMeanTheReference) {
  const auto perplexity = [&](const Words& options) {
    Words words = {"perplexity", quantized_model(), "--file", path("text")};
    words.insert(words.end(), options.begin(), options.end());
    return lightmamba_json(words)["nll"];
  };
  const json tapped = perplexity({"--tap", "dt=4:0"});
  EXPECT_EQ(tapped, perplexity({"--tap", "dt=4:0", "--backend", "reference"}));
  EXPECT_NE(tapped, perplexity({"--backend", "reference"}));
}

TEST_F(Backends, AStateIsRefusedByAnotherModel) {
  ASSERT_EQ(lightmamba({"generate", quantized_model(), "--prompt", "a", "--max-tokens", "1",
                        "--save-state", path("state")})
                .exit_code,
            0);
  EXPECT_THAT(failure({"generate", path("m"), "--load-state", path("state")}, 1),
              HasSubstr("the state was left by the model "));
  EXPECT_THAT(failure({"generate", quantized_model()}, 2), HasSubstr("--prompt"));
}

}  // namespace
}  // namespace lightmamba::test
