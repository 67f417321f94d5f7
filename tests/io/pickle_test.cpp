#include "io/pickle.h"

#include <gtest/gtest.h>
#include <string>

#include "support/errors.h"
#include "support/torch_writer.h"

namespace lightmamba {
namespace {

using namespace std::string_literals;
using test::error_of;
using test::TorchFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

auto unpickle(const std::string& pickle) {
  return unpickle_state_dict(std::as_bytes(std::span(pickle)));
}

std::string error_for(const std::string& pickle) {
  return error_of([&] { unpickle(pickle); });
}

// Pieces of a pickle: a float storage of 6 elements, and a tensor in it.
const std::string kStorage = "(U\x07storagectorch\nFloatStorage\nU\0010U\003cpuK\x06tQ";
const std::string kRebuild = "ctorch._utils\n_rebuild_tensor_v2\n";
const std::string kRest = "\211ccollections\nOrderedDict\n)RtR";
const std::string kTensor = kRebuild + "(" + kStorage + "K\x01K\x02K\x03\x86K\x03K\x01\x86" + kRest;

TEST(Pickle, ReadsWhatTheWriterWrites) {
  TorchFile file;
  const std::size_t weight = file.add("weight", DType::f16, {300, 70000}, {});
  file.add_shared("tied", weight, {70000, 300}, {1, 70000}, 5);
  file.declare_count(weight, std::int64_t{1} << 40);
  file.add("scalar", DType::i64, {}, std::vector<std::byte>(8));
  file.make_parameter();
  file.add("deep", DType::boolean, {1, 2, 1, 2}, std::vector<std::byte>(4));

  const auto tensors = unpickle(file.pickle());
  ASSERT_EQ(tensors.size(), 4U);
  const PickledTensor& tied = tensors.at("tied");
  EXPECT_EQ(tied.dtype, DType::f16);
  EXPECT_EQ(tied.storage_key, "0");
  EXPECT_EQ(tied.storage_count, std::int64_t{1} << 40);
  EXPECT_EQ(tied.layout.offset, 5);
  EXPECT_THAT(tied.layout.shape, ElementsAre(70000, 300));
  EXPECT_THAT(tied.layout.strides, ElementsAre(1, 70000));
  EXPECT_EQ(tensors.at("weight").storage_key, "0");
  EXPECT_EQ(tensors.at("scalar").dtype, DType::i64);
  EXPECT_THAT(tensors.at("scalar").layout.shape, ElementsAre());
  EXPECT_THAT(tensors.at("deep").layout.strides, ElementsAre(4, 2, 2, 1));
}

TEST(Pickle, ReadsManyTensorsWithLongMemoIndexes) {
  TorchFile file;
  for (int i = 0; i < 1000; ++i) file.add(std::to_string(i), DType::f32, {1}, {});
  EXPECT_EQ(unpickle(file.pickle()).size(), 1000U);
}

TEST(Pickle, LeavesOutEntriesThatAreNoTensors) {
  const auto tensors = unpickle("\x80\x02}(U\001aK\x01U\001bNU\001d]K\001aU\001cG" +
                                std::string(8, '\0') + "U\x01w" + kTensor + "u.");
  EXPECT_EQ(tensors.size(), 1U);
  EXPECT_TRUE(tensors.contains("w"));
}

TEST(Pickle, ReadsTheOpcodesOfLaterProtocols) {
  const auto tensors = unpickle("\x80\x04\x95" + std::string(8, '\0') +
                                "\x8c\013collections\x8c\x0bOrderedDict\x93)R\224(\x8d\x01" +
                                std::string(7, '\0') + "w" + kTensor + "u.");
  EXPECT_TRUE(tensors.contains("w"));
}

TEST(Pickle, FindsAStateDictOneLevelDown) {
  for (const std::string key : {"state_dict", "model"}) {
    TorchFile file;
    file.add("w", DType::f32, {2}, {});
    EXPECT_TRUE(unpickle(file.pickle({.under = key})).contains("w")) << key;
  }
  TorchFile file;
  file.add("w", DType::f32, {2}, {});
  EXPECT_THAT(error_for(file.pickle({.under = "weights"})),
              HasSubstr("found one of 2 entries without tensors: weights, epoch"));
}

TEST(Pickle, FindsTheModelInATrainingCheckpoint) {
  TorchFile file;
  file.add("model.embedding.weight", DType::f32, {2}, {});
  file.add("rng_state", DType::u8, {2}, {});
  file.put_beside();
  for (const std::string key : {"model_state_dict", "module", "model_state", "anything"}) {
    for (const std::string around : {"", "state"}) {
      const auto tensors = unpickle(file.pickle({.under = key, .around = around}));
      ASSERT_EQ(tensors.size(), 1U) << key;
      EXPECT_TRUE(tensors.contains("model.embedding.weight"));
    }
  }
  EXPECT_THAT(error_for(file.pickle({.under = "a", .also_under = "b"})),
              HasSubstr("found two, under 'a' and 'b'"));
  EXPECT_EQ(unpickle(file.pickle({.under = "ema", .also_under = "model"})).size(), 1U);
  // Without a model, what lies at the top is the state dict.
  TorchFile other;
  other.add("w", DType::f32, {2}, {});
  other.add("v", DType::f32, {2}, {});
  other.put_beside();
  EXPECT_TRUE(unpickle(other.pickle({.under = "weights"})).contains("v"));
  EXPECT_TRUE(unpickle(other.pickle({.under = "model"})).contains("w"));
}

TEST(Pickle, RefusesWhateverIsNotATensorByName) {
  EXPECT_THAT(error_for("cos\nsystem\n(S'echo'\ntR."),
              HasSubstr("the pickle asks for 'os.system'; only tensors are read"));
  EXPECT_THAT(error_for("\x80\x04\x8c\x05posix\x8c\x06system\x93."), HasSubstr("'posix.system'"));
  EXPECT_THAT(error_for("\x80\002c__builtin__\neval\nU\0011\x85R."),
              HasSubstr("'__builtin__.eval'"));
  EXPECT_THAT(error_for("\x80\002ctorch\nload\n."), HasSubstr("'torch.load'"));
  EXPECT_THAT(error_for("\x80\002ca\x1b[2Jb\xff\nc\n."), HasSubstr("'a?[2Jb\xEF\xBF\xBD.c'"));
  EXPECT_THAT(error_for("\x80\002c" + std::string(1000, 'x') + "\ny\n."), HasSubstr("x....y'"));
  EXPECT_THAT(error_for("\x80\x02)\x81."), HasSubstr("opcode 0x81, which no state dict needs"));
  EXPECT_THAT(error_for("\x80\x02(ios\nsystem\n."), HasSubstr("opcode 0x69"));
}

TEST(Pickle, CallsOnlyWithTheArgumentsThatPyTorchWrites) {
  const std::string dict = "\x80\x02}U\x01w";
  EXPECT_THAT(error_for(dict + "ccollections\nOrderedDict\nN\x85Rs."),
              HasSubstr("OrderedDict: expected 0 arguments, found 1"));
  EXPECT_THAT(error_for(dict + kRebuild + ")Rs."),
              HasSubstr("_rebuild_tensor_v2: expected 6 arguments, found 0"));
  EXPECT_THAT(error_for(dict + kRebuild + "(NNNNNNtRs."),
              HasSubstr("the storage of a tensor: expected a storage, found None"));
  EXPECT_THAT(error_for(dict + kRebuild + "(" + kStorage + "U\x01xNNNNtRs."),
              HasSubstr("the offset of a tensor: expected an integer, found a string"));
  EXPECT_THAT(error_for(dict + kRebuild + "(" + kStorage + "K\x01]NNNtRs."),
              HasSubstr("the shape of a tensor: expected a tuple, found a list"));
  EXPECT_THAT(error_for(dict + kRebuild + "(" + kStorage + "K\x01)}NNtRs."),
              HasSubstr("the strides of a tensor: expected a tuple, found a dictionary"));
  EXPECT_THAT(error_for(dict + kRebuild + "(" + kStorage + "K\x01))NN}tRs."),
              HasSubstr("the metadata of a tensor: expected None, found a dictionary"));
  EXPECT_THAT(error_for(dict + "ctorch._utils\n_rebuild_parameter\nNNN\x87Rs."),
              HasSubstr("a parameter: expected a tensor, found None"));
  EXPECT_THAT(error_for(dict + "U\x01x)Rs."),
              HasSubstr("the callee: expected a function, found a string"));
  EXPECT_THAT(error_for(dict + "ctorch\nFloatStorage\n)Rs."), HasSubstr("found a storage type"));
  EXPECT_THAT(error_for(dict + kRebuild + "NRs."),
              HasSubstr("the arguments: expected a tuple, found None"));
}

TEST(Pickle, RefusesOtherPersistentIds) {
  const std::string expected = "expected a persistent id ('storage', type, key, location, count)";
  EXPECT_THAT(error_for("\x80\x02U\x01xQ."),
              HasSubstr("a persistent id: expected a tuple, found a string"));
  EXPECT_THAT(error_for("\x80\x02)Q."), HasSubstr(expected));
  EXPECT_THAT(error_for("\x80\x02(U\x06modulectorch\nFloatStorage\nU\0010U\003cpuK\x06tQ."),
              HasSubstr(expected));
  EXPECT_THAT(error_for("\x80\x02(U\x07storageU\x01xU\0010U\003cpuK\x06tQ."),
              HasSubstr("the type of a storage: expected a storage type, found a string"));
  EXPECT_THAT(error_for("\x80\x02(U\x07storagectorch\nFloatStorage\nK\x01U\003cpuK\x06tQ."),
              HasSubstr("the key of a storage: expected a string, found an integer"));
  EXPECT_THAT(error_for("\x80\x02(U\x07storagectorch\nFloatStorage\nX" + "\x01\x01\0\0"s +
                        std::string(257, 'k') + "U\003cpuK\x06tQ."),
              HasSubstr("the key of a storage has 257 bytes, expected at most 256"));
  EXPECT_THAT(error_for("\x80\x02(U\x07storagectorch\nFloatStorage\nU\0010U\003cpu\x88tQ."),
              HasSubstr("the size of a storage: expected an integer, found a boolean"));
}

TEST(Pickle, RefusesAValueThatIsNoStateDict) {
  EXPECT_THAT(error_for("\x80\x02]."), HasSubstr("expected a dictionary, found a list"));
  EXPECT_THAT(error_for("\x80\x02" + kTensor + "."), HasSubstr("found a tensor"));
  EXPECT_THAT(error_for("\x80\x02}."), HasSubstr("found one of 0 entries without tensors"));
  EXPECT_THAT(error_for("\x80\x02}K\x01" + kTensor + "s."),
              HasSubstr("the name of a tensor: expected a string, found an integer"));
  EXPECT_THAT(error_for("\x80\x02}(U\x01w" + kTensor + "U\x01w" + kTensor + "u."),
              HasSubstr("tensor 'w' appears twice"));
  EXPECT_THAT(
      error_for("\x80\x02}U\x01w" + kRebuild + "(" + kStorage + "K\x01U\x01x\x85)" + kRest + "s."),
      AllOf(HasSubstr("tensor 'w'"), HasSubstr("shape: expected an integer")));
  EXPECT_THAT(error_for("\x80\x02}U\x01w" + kRebuild + "(" + kStorage + "K\x01(" +
                        std::string(17, 'N') + "t)" + kRest + "s."),
              HasSubstr("expected at most 16 dimensions, found 17"));
}

TEST(Pickle, RefusesAMachineOutOfOrder) {
  EXPECT_THAT(error_for(""), HasSubstr("at byte 0: the pickle breaks off: 1 bytes are missing"));
  for (const std::string code :
       {".", "0", "2", "R", "a", "s", "b", "Q", "q0", "\x85", "\x86", "\x87", "\x94", "\x93"}) {
    EXPECT_THAT(error_for("\x80\x02" + code), HasSubstr("takes a value from an empty stack"));
    EXPECT_THAT(error_for("\x80\x02NNN(" + code + "."), ::testing::Not("")) << code;
  }
  for (const std::string code : {"t", "u", "e", "1"}) {
    EXPECT_THAT(error_for("\x80\x02N" + code), HasSubstr("ends a group that it has not begun"));
  }
  EXPECT_THAT(error_for("\x80\x02(u."), HasSubstr("takes a value from an empty stack"));
  EXPECT_THAT(error_for("\x80\x02}(Nu."), HasSubstr("a key without a value"));
  EXPECT_THAT(error_for("\x80\x02N(NNu."),
              HasSubstr("the target of items: expected a dictionary, found None"));
  EXPECT_THAT(error_for("\x80\x02NNa."),
              HasSubstr("the target of an item: expected a list, found None"));
  EXPECT_THAT(error_for("\x80\x02N(Ne."),
              HasSubstr("the target of items: expected a list, found None"));
  EXPECT_THAT(error_for("\x80\x02}}b."), HasSubstr("sets attributes of a plain dictionary"));
  EXPECT_THAT(error_for("\x80\x02" + kTensor + "}b."),
              HasSubstr("the target of attributes: expected a dictionary, found a tensor"));
  EXPECT_THAT(error_for("\x80\x02h\x05."), HasSubstr("recalls value 5, which it has not stored"));
  EXPECT_THAT(error_for("\x80\x01."), HasSubstr("expected pickle protocol 2 to 5, found 1"));
  EXPECT_THAT(error_for("\x80\x02U\x02\xc3(."), HasSubstr("a string of the pickle"));
}

TEST(Pickle, RefusesSizesBeyondItsEnd) {
  EXPECT_THAT(error_for("\x80\x02X\xff\xff\xff\377abc"), HasSubstr("4294967292 bytes are missing"));
  EXPECT_THAT(error_for("\x80\x02\x8d" + std::string(8, '\xff') + "abc"),
              HasSubstr("18446744073709551612 bytes are missing"));
  EXPECT_THAT(error_for("\x80\x02\x8a\377abc"),
              HasSubstr("expected an integer of at most 8 bytes, found one of 255"));
  EXPECT_THAT(error_for("\x80\x02\x8b\xff\xff\xff\177abc"), HasSubstr("found one of 2147483647"));
  EXPECT_THAT(error_for("\x80\x02\x8a\010abc"), HasSubstr("5 bytes are missing"));
  EXPECT_THAT(error_for("\x80\002cos"), HasSubstr("the pickle breaks off within a name"));
}

TEST(Pickle, IntegersHaveSigns) {
  const auto offset_of = [](const std::string& integer) {
    return unpickle("\x80\x02}U\x01w" + kRebuild + "(" + kStorage + integer + "))" + kRest + "s.")
        .at("w")
        .layout.offset;
  };
  EXPECT_EQ(offset_of("K\xff"), 255);
  EXPECT_EQ(offset_of("M\xff\xff"), 65535);
  EXPECT_EQ(offset_of("J\xff\xff\xff\xff"), -1);
  EXPECT_EQ(offset_of("J\xff\xff\xff\x7f"), 2147483647);
  EXPECT_EQ(offset_of("\x8a"s + '\0'), 0);
  EXPECT_EQ(offset_of("\x8a\x01\xff"), -1);
  EXPECT_EQ(offset_of("\x8a\x02\xff"s + '\0'), 255);
  EXPECT_EQ(offset_of("\x8a\x08" + std::string(7, '\0') + "\x80"), INT64_MIN);
  EXPECT_EQ(offset_of("\x8b\x03"s + std::string(3, '\0') + "\xfe\xff\xff"), -2);
}

TEST(Pickle, ContainersMayHoldThemselves) {
  EXPECT_THAT(error_for("\x80\x02}q0U\x05modelh0s."), HasSubstr("without tensors: model"));
  EXPECT_THAT(error_for("\x80\x02]q0h0a."), HasSubstr("expected a dictionary, found a list"));
  EXPECT_THAT(error_for("\x80\x02}q0U\001ah0\x85q1sh1\x85."), HasSubstr("found a tuple"));
  EXPECT_TRUE(unpickle("\x80\x02}q0(U\x04selfh0U\x01w" + kTensor + "u.").contains("w"));
}

TEST(Pickle, NestingCostsNoStack) {
  std::string tuples = "\x80\x02)";
  std::string dicts = "\x80\x02}";
  for (int i = 0; i < 400000; ++i) {
    tuples += "\x85";
    dicts += "U\x01k}";
  }
  for (int i = 0; i < 400000; ++i) dicts += "s";
  EXPECT_THAT(error_for(tuples + "."), HasSubstr("found a tuple"));
  EXPECT_THAT(error_for(dicts + "."), HasSubstr("found one of 1 entries without tensors: k"));
  EXPECT_THAT(error_for("\x80\x02" + std::string(1000000, '(') + "."), HasSubstr("empty stack"));
}

TEST(Pickle, BoundsItsWork) {
  EXPECT_THAT(error_for("\x80\x02" + std::string(3000000, 'N') + "."),
              HasSubstr("more than 2097152 operations"));
  // Tuples of tuples that double in size if they are written out.
  std::string bomb = "\x80\x02)";
  for (int i = 0; i < 100000; ++i) bomb += "2\x86";
  EXPECT_THAT(error_for(bomb + "."), HasSubstr("found a tuple"));
  // Many keys that would each have a large dictionary searched.
  std::string quadratic = "\x80\x02}q0(";
  for (int i = 0; i < 300000; ++i) quadratic += "NN";
  quadratic += "u}(";
  for (int i = 0; i < 200000; ++i) quadratic += "U\x05modelh0";
  EXPECT_THAT(error_for(quadratic + "u."), HasSubstr("200000 entries without tensors"));
}

TEST(Pickle, TruncatedAnywhereIsAnError) {
  TorchFile file;
  file.add("weight", DType::f32, {2, 3}, {});
  file.make_parameter();
  file.add("bias", DType::bf16, {300}, {});
  const std::string pickle = file.pickle({.under = "model"});
  for (std::size_t size = 0; size < pickle.size(); ++size) {
    EXPECT_NE(error_for(pickle.substr(0, size)), "") << size;
  }
}

}  // namespace
}  // namespace lightmamba
