#include "io/tensor_names.h"

#include <gtest/gtest.h>

#include "support/errors.h"

namespace lightmamba {
namespace {

using test::error_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::map<std::string, std::string> plain(const std::vector<std::string>& names) {
  TensorMap tensors;
  for (const std::string& name : names) tensors.emplace(name, Tensor{});
  return plain_names(tensors);
}

TEST(TensorNames, AreKeptWhereTheyArePlain) {
  EXPECT_THAT(plain({"backbone.embedding.weight", "lm_head.weight", "model.x"}),
              ElementsAre(Pair("backbone.embedding.weight", "backbone.embedding.weight"),
                          Pair("lm_head.weight", "lm_head.weight"), Pair("model.x", "model.x")));
  EXPECT_THAT(plain({"a", "b.c"}), ElementsAre(Pair("a", "a"), Pair("b.c", "b.c")));
  EXPECT_THAT(plain({}), ElementsAre());
}

TEST(TensorNames, LoseAPrefixAtWholeParts) {
  EXPECT_THAT(plain({"net.backbone.embeddings.weight", "net.lm_head.weight", "network.backbone.x"}),
              ElementsAre(Pair("net.backbone.embeddings.weight", "backbone.embeddings.weight"),
                          Pair("net.lm_head.weight", "lm_head.weight"),
                          Pair("network.backbone.x", "network.backbone.x")));
  EXPECT_THAT(
      plain({"my_backbone.embeddings.weight", "my_backbone.layers.0.norm.weight"}),
      ElementsAre(Pair("my_backbone.embeddings.weight", "backbone.embeddings.weight"),
                  Pair("my_backbone.layers.0.norm.weight", "backbone.layers.0.norm.weight")));
}

TEST(TensorNames, OfNothingToDoWithTheModelStay) {
  EXPECT_THAT(plain({"embeddings.weight", "layers.0.norm.weight", "visual.weight"}),
              ElementsAre(Pair("embeddings.weight", "backbone.embeddings.weight"),
                          Pair("layers.0.norm.weight", "backbone.layers.0.norm.weight"),
                          Pair("visual.weight", "visual.weight")));
}

TEST(TensorNames, ThatMeetAreRefused) {
  EXPECT_THAT(error_of([] {
                plain({"module.backbone.norm_f.weight", "backbone.norm_f.weight"});
              }),
              AllOf(HasSubstr("'backbone.norm_f.weight' and 'module.backbone.norm_f.weight'")));
}

TEST(TensorNames, OfSeveralModelsAreRefused) {
  EXPECT_THAT(error_of([] {
                plain({"ema.backbone.embeddings.weight", "model.backbone.embeddings.weight"});
              }),
              HasSubstr("2 models, below 'ema.backbone.', 'model.backbone.'"));
  // Beside one that has its plain names, another is what does not belong.
  EXPECT_THAT(
      plain({"backbone.embeddings.weight", "ema.backbone.embeddings.weight"}),
      ElementsAre(Pair("backbone.embeddings.weight", "backbone.embeddings.weight"),
                  Pair("ema.backbone.embeddings.weight", "ema.backbone.embeddings.weight")));
}

}  // namespace
}  // namespace lightmamba
