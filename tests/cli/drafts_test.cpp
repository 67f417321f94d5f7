// generate --draft, and bench --verify.
#include "cli/cli.h"
#include "support/random_model.h"

namespace lightmamba::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

const std::string kModel = shipped_model();

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(Drafts, ChangeNoTextAndAreCounted) {
  const TemporaryFolder folder;
  const std::string small = quantized(folder, {});
  const Words greedy = {"generate",     small, "--prompt", "And the LORD said unto Moses, ",
                        "--max-tokens", "40"};
  const Words seeded = with(greedy, {"--temperature", "1", "--seed", "4"});
  for (const Words& command : {greedy, seeded}) {
    const nlohmann::json plain = lightmamba_json(command);
    EXPECT_EQ(plain["decode_passes"], 39);
    EXPECT_EQ(plain["draft_tokens"], 0);
    EXPECT_EQ(plain["accepted_tokens"], 0);
    for (const std::string draft : {"ngram", kModel.c_str()}) {
      for (const char* tokens : {"1", "5"}) {
        const nlohmann::json found =
            lightmamba_json(with(command, {"--draft", draft, "--draft-tokens", tokens}));
        EXPECT_EQ(found["ids"], plain["ids"]);
        EXPECT_EQ(found["text"], plain["text"]);
        const int accepted = found["accepted_tokens"];
        EXPECT_GE(found["draft_tokens"], accepted);
        EXPECT_EQ(found["decode_passes"], 39 - accepted);
        // At random, hardly any pair of tokens comes twice in so short a text.
        const bool is_random = command.size() > greedy.size();
        EXPECT_GE(accepted, draft != "ngram" ? 8 : is_random ? 0 : 1);
      }
    }
  }
  const ProcessResult plain = lightmamba(greedy);
  EXPECT_EQ(lightmamba(with(greedy, {"--draft", "ngram"})).out, plain.out);
  // The saved state is that of the text.
  const Words save = {"--save-state", folder / "state"};
  lightmamba(with(greedy, save));
  const std::string state = read_file(folder / "state");
  lightmamba(with(with(greedy, {"--draft", kModel}), save));
  EXPECT_EQ(read_file(folder / "state"), state);
}

TEST(Drafts, RefuseWhatCannotBe) {
  const TemporaryFolder folder;
  RandomModel({}).write_hugging_face(folder / "other");
  const Words command = {"generate", kModel, "--prompt", "x", "--max-tokens", "3"};
  EXPECT_THAT(
      failure({"generate", kModel, "--prompt", "x", "--max-tokens", "2", "--draft", "ngram"}, 1),
      HasSubstr("--draft has no effect with --max-tokens below 3"));
  EXPECT_THAT(failure(with(command, {"--draft-tokens", "3"}), 1),
              HasSubstr("--draft-tokens has no effect without --draft"));
  EXPECT_THAT(failure(with(command, {"--draft", ""}), 2), HasSubstr("--draft"));
  EXPECT_THAT(failure(with(command, {"--draft", "ngram", "--draft-tokens", "0"}), 2),
              HasSubstr("--draft-tokens"));
  EXPECT_THAT(failure(with(command, {"--draft", folder / "none"}), 1),
              HasSubstr((folder / "none").string()));
  EXPECT_THAT(failure(with(command, {"--draft", folder / "other"}), 1),
              AllOf(HasSubstr(kModel), HasSubstr((folder / "other").string()),
                    HasSubstr("vocabularies of 37 and 4096 tokens")));
  // The tokenizer that is given is that of the model, not of the one that drafts.
  EXPECT_THAT(failure(with(command, {"--draft", folder / "other", "--tokenizer",
                                     std::string(kModel) + "/tokenizer.json"}),
                      1),
              HasSubstr("vocabularies of 37 and 4096 tokens"));
  EXPECT_THAT(failure(with(command, {"--draft", folder / "other", "--save-state",
                                     folder / "other/model.safetensors"}),
                      1),
              HasSubstr("would overwrite"));
}

TEST(Bench, MeasuresVerification) {
  const Words command = {"bench",  kModel, "--prompt-tokens", "0", "--generate-tokens", "2",
                         "--runs", "1"};
  EXPECT_FALSE(lightmamba_json(command).contains("verify_tokens"));
  const nlohmann::json report = lightmamba_json(with(command, {"--verify", "3", "--keep", "2"}));
  EXPECT_EQ(report["verify_tokens"], 3);
  for (const char* field :
       {"verify_seconds", "verify_over_decode", "verify_over_decode_processor_time"}) {
    EXPECT_GT(report[field], 0) << field;
  }
  EXPECT_THAT(failure(with(command, {"--keep", "1"}), 1),
              HasSubstr("--keep has no effect without --verify"));
  EXPECT_THAT(failure(with(command, {"--verify", "2", "--keep", "3"}), 1),
              HasSubstr("only 2 tokens are verified"));
}

}  // namespace
}  // namespace lightmamba::test
