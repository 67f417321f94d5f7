#include "io/pytorch.h"

#include <cstring>
#include <gtest/gtest.h>
#include <numeric>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/paths.h"
#include "support/torch_writer.h"

namespace lightmamba {
namespace {

using namespace std::string_literals;
using test::error_of;
using test::TemporaryFolder;
using test::TorchFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "tests/data/torch" / name;
}

// Views point into `bytes`, so the caller keeps it.
TensorMap parse(const std::string& bytes) {
  return parse_pytorch(std::as_bytes(std::span(bytes)), nullptr, "model.bin");
}

std::string error_for(const std::string& bytes) {
  return error_of([&] { parse(bytes); });
}

std::string error_for(const TorchFile& file, const test::TorchOptions& options = {}) {
  return error_for(file.bytes(options));
}

std::vector<std::byte> floats(std::vector<float> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <typename T = float>
std::vector<T> values_of(const Tensor& tensor) {
  std::vector<T> values(tensor.data.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

std::vector<float> as_floats(const Tensor& tensor) {
  std::vector<float> values(element_count(tensor.shape, tensor.dtype));
  to_float(tensor.dtype, tensor.data.data(), values);
  return values;
}

TorchFile small_file() {
  TorchFile file;
  const std::size_t weight = file.add("weight", DType::f32, {2, 3}, floats({0, 1, 2, 3, 4, 5}));
  file.add_shared("tied", weight, {2, 3});
  file.add_shared("transposed", weight, {3, 2}, {1, 3});
  file.add_shared("row", weight, {3}, {1}, 3);
  file.add("half", DType::f16, {2}, std::vector<std::byte>(4, std::byte{0x3c}));
  file.make_parameter();
  return file;
}

void expect_small(const TensorMap& tensors) {
  EXPECT_EQ(tensors.size(), 5U);
  EXPECT_THAT(tensors.at("weight").shape, ElementsAre(2, 3));
  EXPECT_THAT(values_of(tensors.at("weight")), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(tensors.at("tied").data.data(), tensors.at("weight").data.data());
  EXPECT_THAT(tensors.at("transposed").shape, ElementsAre(3, 2));
  EXPECT_THAT(values_of(tensors.at("transposed")), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_EQ(tensors.at("row").data.data(), tensors.at("weight").data.data() + 12);
  EXPECT_EQ(tensors.at("half").dtype, DType::f16);
  EXPECT_THAT(values_of<std::uint16_t>(tensors.at("half")), ElementsAre(0x3c3c, 0x3c3c));
}

TEST(Pytorch, ReadsAFileThatOutlivesItsName) {
  const TemporaryFolder folder;
  small_file().write(folder / "model.bin");
  const TensorMap tensors = read_pytorch(folder / "model.bin");
  std::filesystem::remove(folder / "model.bin");
  expect_small(tensors);
}

TEST(Pytorch, ViewsPointIntoTheFile) {
  const std::string bytes = small_file().bytes();
  const TensorMap tensors = parse(bytes);
  const auto* begin = std::as_bytes(std::span(bytes)).data();
  const auto* data = tensors.at("weight").data.data();
  EXPECT_GE(data, begin);
  EXPECT_LT(data, begin + bytes.size());
  EXPECT_EQ((data - begin) % 64, 0);
}

TEST(Pytorch, ReadsEveryFormOfArchive) {
  const std::vector<test::TorchOptions> all = {{},
                                               {.folder = "pytorch_model"},
                                               {.byteorder = ""},
                                               {.under = "state_dict"},
                                               {.under = "model", .metadata = false},
                                               {.zip64 = true}};
  for (const test::TorchOptions& options : all) {
    const std::string bytes = small_file().bytes(options);
    expect_small(parse(bytes));
  }
}

void expect_fixture(const TensorMap& tensors) {
  EXPECT_EQ(tensors.size(), 18U);
  const Tensor& weight = tensors.at("head.weight");
  EXPECT_EQ(weight.dtype, DType::f32);
  EXPECT_THAT(weight.shape, ElementsAre(2, 3));
  EXPECT_THAT(values_of(weight), ElementsAre(-5, -2, 1, 4, 7, 10));
  EXPECT_EQ(tensors.at("tied").data.data(), weight.data.data());
  EXPECT_THAT(tensors.at("transposed").shape, ElementsAre(3, 2));
  EXPECT_THAT(values_of(tensors.at("transposed")), ElementsAre(-5, 4, -2, 7, 1, 10));
  EXPECT_THAT(values_of(tensors.at("row")), ElementsAre(4, 7, 10));
  EXPECT_EQ(tensors.at("row").data.data(), weight.data.data() + 12);
  EXPECT_THAT(values_of(tensors.at("column")), ElementsAre(-2, 7));
  EXPECT_THAT(values_of(tensors.at("expanded")), ElementsAre(-5, -5, -5, -5));
  EXPECT_THAT(tensors.at("scalar").shape, ElementsAre());
  EXPECT_THAT(values_of(tensors.at("scalar")), ElementsAre(2.5F));
  EXPECT_THAT(tensors.at("empty").shape, ElementsAre(0, 3));
  EXPECT_TRUE(tensors.at("empty").data.empty());

  EXPECT_EQ(tensors.at("parameter").dtype, DType::f16);
  EXPECT_EQ(tensors.at("bfloat16").dtype, DType::bf16);
  EXPECT_EQ(tensors.at("float64").dtype, DType::f64);
  for (const std::string name : {"parameter", "float16", "bfloat16", "float64"}) {
    EXPECT_THAT(as_floats(tensors.at(name)), ElementsAre(-5, -2, 1, 4)) << name;
  }
  EXPECT_EQ(tensors.at("int8").dtype, DType::i8);
  EXPECT_THAT(values_of<std::int8_t>(tensors.at("int8")), ElementsAre(-5, -2, 1, 4));
  EXPECT_EQ(tensors.at("int16").dtype, DType::i16);
  EXPECT_THAT(values_of<std::int16_t>(tensors.at("int16")), ElementsAre(-5, -2, 1, 4));
  EXPECT_EQ(tensors.at("int32").dtype, DType::i32);
  EXPECT_THAT(values_of<std::int32_t>(tensors.at("int32")), ElementsAre(-5, -2, 1, 4));
  EXPECT_EQ(tensors.at("int64").dtype, DType::i64);
  EXPECT_THAT(values_of<std::int64_t>(tensors.at("int64")), ElementsAre(-5, -2, 1, 4));
  EXPECT_EQ(tensors.at("uint8").dtype, DType::u8);
  EXPECT_THAT(values_of<std::uint8_t>(tensors.at("uint8")), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(tensors.at("bool").dtype, DType::boolean);
  EXPECT_THAT(values_of<std::uint8_t>(tensors.at("bool")), ElementsAre(1, 0, 1));
}

TEST(Pytorch, ReadsWhatPyTorchItselfWrote) {
  expect_fixture(read_pytorch(fixture("state_dict.bin")));
  expect_fixture(read_pytorch(fixture("nested_protocol4.bin")));
  expect_fixture(read_pytorch(fixture("zip64.bin")));
}

TEST(Pytorch, RefusesOtherThingsThatPyTorchWrites) {
  EXPECT_THAT(error_of([] { read_pytorch(fixture("legacy.bin")); }),
              AllOf(HasSubstr("legacy.bin: "), HasSubstr("before PyTorch 1.6")));
  EXPECT_THAT(
      error_of([] { read_pytorch(fixture("torchscript.bin")); }),
      HasSubstr("expected a state dict written by torch.save, found a TorchScript archive"));
  EXPECT_THAT(error_of([] { read_pytorch(fixture("whole_module.bin")); }),
              HasSubstr("the pickle asks for 'torch.nn.modules.linear.Linear'; only tensors are "
                        "read"));
}

TEST(Pytorch, SaysWhatItFoundInstead) {
  EXPECT_THAT(error_of([] { read_pytorch("no/such/model.bin"); }), HasSubstr("no/such/model.bin"));
  const TemporaryFolder folder;
  test::write_file(folder / "empty.bin", "");
  EXPECT_THAT(error_of([&] { read_pytorch(folder / "empty.bin"); }),
              AllOf(HasSubstr("empty.bin"), HasSubstr("the file is empty")));
  EXPECT_EQ(error_for(""), "model.bin: the file is empty");
  EXPECT_THAT(error_for("hello"), HasSubstr("found something else"));
  EXPECT_THAT(error_for("\x80\x02}."), HasSubstr("found a bare pickle"));
  EXPECT_THAT(error_for(std::string(257, 'x') + "ustar  "), HasSubstr("found a tar archive"));
  EXPECT_THAT(error_for("version https://git-lfs.github.com/spec/v1\n"),
              HasSubstr("found a Git LFS pointer"));
  EXPECT_THAT(error_for("\x10"s + std::string(7, '\0') + "{\"a\":{}}"), HasSubstr("safetensors"));
  EXPECT_THAT(error_for("PK\3\4 and then nothing"), HasSubstr("cut short or damaged"));
  EXPECT_THAT(error_for(test::make_zip({})), HasSubstr("found an empty one"));
  EXPECT_THAT(error_for(test::make_zip({{.name = "a.txt", .content = "x"}})),
              HasSubstr("found one of 1 entries, 'a.txt' among them"));
  EXPECT_THAT(error_for(test::make_zip({{.name = "a/data.pkl", .content = "x"},
                                        {.name = "b/data.pkl", .content = "x"}})),
              HasSubstr("two pickles, 'a/data.pkl' and 'b/data.pkl'"));
  EXPECT_THAT(error_for(test::make_zip({{.name = "data.pkl", .content = "x"},
                                        {.name = "a/b/data.pkl", .content = "x"}})),
              HasSubstr("found one of 2 entries"));
}

TEST(Pytorch, RefusesAnotherByteOrder) {
  EXPECT_THAT(error_for(small_file(), {.byteorder = "big"}),
              HasSubstr("model.bin: archive/byteorder: expected byte order 'little', found 'big'"));
  EXPECT_THAT(error_for(small_file(), {.byteorder = std::string(100, 'x')}),
              HasSubstr("found '" + std::string(20, 'x') + "'"));
}

TEST(Pytorch, NamesTheTensorWhoseStorageIsWrong) {
  TorchFile missing = small_file();
  missing.drop_storage(1);
  EXPECT_THAT(error_for(missing),
              HasSubstr("tensor 'half': the archive has no entry 'archive/data/1'"));
  EXPECT_THAT(error_for(small_file(), {.deflated_storages = true}),
              AllOf(HasSubstr("tensor 'half'"), HasSubstr("'archive/data/1' is compressed")));
  TorchFile more = small_file();
  more.declare_count(1, 3);
  EXPECT_THAT(error_for(more),
              HasSubstr("tensor 'half': storage '1': the pickle says 3 elements of "
                        "F16, the archive has 4 bytes"));
  TorchFile negative = small_file();
  negative.declare_count(1, -1);
  EXPECT_THAT(error_for(negative), HasSubstr("the pickle says -1 elements"));
  TorchFile huge = small_file();
  huge.declare_count(1, std::int64_t{1} << 62);
  EXPECT_THAT(error_for(huge), HasSubstr("the pickle says 4611686018427387904 elements"));
  TorchFile fewer = small_file();
  fewer.declare_count(1, 1);
  EXPECT_THAT(error_for(fewer), HasSubstr("tensor 'half': shape [2] with strides [1] at offset 0 "
                                          "needs 2 elements, its storage has 1"));
}

TEST(Pytorch, NamesTheTensorWhoseLayoutIsWrong) {
  const auto error_of_layout = [](const Shape& shape, const Shape& strides, std::int64_t offset) {
    TorchFile file;
    file.add_shared("view", file.add("base", DType::f32, {4}, floats({1, 2, 3, 4})), shape, strides,
                    offset);
    return error_for(file);
  };
  EXPECT_THAT(error_of_layout({3}, {2}, 0), HasSubstr("tensor 'view': shape [3] with strides [2]"));
  EXPECT_THAT(error_of_layout({-1}, {1}, 0), HasSubstr("tensor 'view': shape [-1]"));
  EXPECT_THAT(error_of_layout({2}, {-1}, 1), HasSubstr("tensor 'view': strides [-1]"));
  EXPECT_THAT(error_of_layout({2}, {1}, -1), HasSubstr("tensor 'view': the storage offset -1"));
  EXPECT_THAT(error_of_layout({INT64_MAX, 4}, {1, 1}, 0),
              HasSubstr("tensor 'view': shape [9223372036854775807, 4] of F32 is too large"));
}

TEST(Pytorch, ExpandedTensorsStayInProportionToTheFile) {
  TorchFile small;
  small.add_shared("view", small.add("base", DType::f32, {1}, floats({7})), {1 << 20}, {0});
  const std::string bytes = small.bytes();
  EXPECT_EQ(values_of(parse(bytes).at("view")), std::vector<float>(1 << 20, 7.0F));

  TorchFile bomb;
  const std::size_t base = bomb.add("base", DType::f32, {1}, floats({7}));
  bomb.add_shared("a", base, {3 << 20}, {0});
  bomb.add_shared("b", base, {3 << 20}, {0});
  EXPECT_THAT(error_for(bomb), HasSubstr("tensor 'b': shape [3145728] with strides [0] would be "
                                         "copied to 12582912 bytes, out of proportion"));
}

TEST(Pytorch, SharedViewsStayInProportionToTheFile) {
  TorchFile file;
  const std::size_t storage =
      file.add("first", DType::f32, {1 << 20}, std::vector<std::byte>(std::size_t{4} << 20));
  for (int i = 0; i < 5; ++i) file.add_shared("copy" + std::to_string(i), storage, {1 << 20});
  EXPECT_EQ(parse(file.bytes()).size(), 6u);
  file.add_shared("too much", storage, {1 << 20});
  EXPECT_THAT(error_for(file), HasSubstr("more than twice the file"));
}

TEST(Pytorch, TruncatedAnywhereIsAnError) {
  const std::string bytes = small_file().bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(error_for(bytes.substr(0, size)), "") << size;
  }
}

TEST(Pytorch, DamageAnywhereIsAnErrorOrIsNotNoticed) {
  const std::string intact = test::read_file(fixture("state_dict.bin"));
  for (std::size_t at = 0; at < intact.size(); ++at) {
    for (const char change : {'\x01', '\x80', '\xff'}) {
      std::string bytes = intact;
      bytes[at] = static_cast<char>(bytes[at] ^ change);
      try {
        for (const auto& [name, tensor] : parse(bytes)) {
          EXPECT_EQ(tensor.data.size(),
                    element_count(tensor.shape, tensor.dtype) * dtype_size(tensor.dtype));
          // Touches every byte, for the sanitizers.
          std::accumulate(tensor.data.begin(), tensor.data.end(), 0,
                          [](int sum, std::byte b) { return sum ^ static_cast<int>(b); });
        }
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace lightmamba
