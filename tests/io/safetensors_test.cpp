#include "io/safetensors.h"

#include <cstring>

#include "support/errors.h"
#include "support/paths.h"
#include "support/random_model.h"

namespace lightmamba {
namespace {

using test::error_of;
using test::safetensors_bytes;
using ::testing::HasSubstr;

SafetensorsFile parse(const std::string& bytes) {
  return parse_safetensors(std::as_bytes(std::span(bytes)), nullptr, "t.safetensors");
}

std::string refusal(const std::string& header, std::size_t data_bytes) {
  const std::string bytes = safetensors_bytes(header, std::string(data_bytes, 'x'));
  return error_of([&] { parse(bytes); });
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

TEST(Safetensors, ReadsTensorsAsViews) {
  const std::string bytes =
      safetensors_bytes(R"({"__metadata__":{"format":"pt"},"b":)" + entry("F16", "[2]", "[4,8]") +
                            R"(,"a":)" + entry("F32", "[1,1]", "[0,4]") + "}",
                        "01234567");
  const SafetensorsFile file = parse(bytes);
  EXPECT_EQ(file.metadata.at("format"), "pt");
  ASSERT_EQ(file.tensors.size(), 2u);
  const Tensor& b = file.tensors.at("b");
  EXPECT_EQ(b.dtype, DType::f16);
  EXPECT_EQ(b.shape, Shape{2});
  EXPECT_EQ(std::memcmp(b.data.data(), "4567", 4), 0);
  EXPECT_EQ(b.data.data(), reinterpret_cast<const std::byte*>(bytes.data() + bytes.size() - 4));
}

TEST(Safetensors, TakesScalarsAndEmptyTensors) {
  const std::string bytes = safetensors_bytes(R"({"s":)" + entry("F32", "[]", "[0,4]") +
                                                  R"(,"e":)" + entry("F32", "[0,5]", "[4,4]") +
                                                  R"(,"f":)" + entry("F32", "[0]", "[0,0]") + "}",
                                              "0123");
  EXPECT_EQ(parse(bytes).tensors.size(), 3u);
}

TEST(Safetensors, RefusesFilesThatAreTooShort) {
  EXPECT_THAT(error_of([] { parse(""); }), HasSubstr("t.safetensors: 0 bytes are too few"));
  EXPECT_THAT(error_of([] { parse("1234567"); }), HasSubstr("too few"));
  const std::string whole =
      safetensors_bytes(R"({"a":)" + entry("F32", "[2]", "[0,8]") + "}", "01234567");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THAT(error_of([&] { parse(whole.substr(0, length)); }), HasSubstr("t.safetensors: "));
  }
}

TEST(Safetensors, RefusesAHeaderLengthThatLies) {
  for (const std::uint64_t length :
       {std::uint64_t{3}, std::uint64_t{1} << 63, ~std::uint64_t{0}, std::uint64_t{200'000'000}}) {
    std::string bytes(10, '{');
    std::memcpy(bytes.data(), &length, sizeof(length));
    EXPECT_THAT(error_of([&] { parse(bytes); }), HasSubstr("the header claims"));
  }
}

TEST(Safetensors, RefusesAHeaderThatIsNotAnObjectOfTensors) {
  EXPECT_THAT(refusal("[]", 0), HasSubstr("not a JSON object but array"));
  EXPECT_THAT(refusal("{", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("{\"\xff\":1}", 0), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(refusal(R"({"a":3})", 0), HasSubstr("tensor 'a': expected an object"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1]}})", 4),
              HasSubstr("tensor 'a': missing field 'data_offsets'"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":1}})", 0), HasSubstr("field 'k': expected a string"));
}

TEST(Safetensors, RefusesUnknownTypes) {
  EXPECT_THAT(refusal(R"({"a":)" + entry("F8_E5M2", "[4]", "[0,4]") + "}", 4),
              HasSubstr("tensor 'a': dtype 'F8_E5M2' is not supported"));
}

TEST(Safetensors, RefusesOffsetsThatLie) {
  const auto with_offsets = [](const std::string& offsets) {
    return refusal(R"({"a":)" + entry("F32", "[2]", offsets) + "}", 8);
  };
  EXPECT_THAT(with_offsets("[0,16]"), HasSubstr("tensor 'a': data_offsets [0, 16]"));
  EXPECT_THAT(with_offsets("[8,0]"), HasSubstr("data_offsets"));
  EXPECT_THAT(with_offsets("[-8,0]"), HasSubstr("data_offsets"));
  EXPECT_THAT(with_offsets("[0]"), HasSubstr("data_offsets"));
  EXPECT_THAT(with_offsets("[0,9223372036854775808]"), HasSubstr("below 2^63"));
  EXPECT_THAT(with_offsets("[0,1e400]"), HasSubstr("t.safetensors"));
  EXPECT_THAT(with_offsets("[0,\"8\"]"), HasSubstr("expected an integer"));
}

TEST(Safetensors, RefusesShapesThatLie) {
  const auto with_shape = [](const std::string& shape) {
    return refusal(R"({"a":)" + entry("F32", shape, "[0,8]") + "}", 8);
  };
  EXPECT_THAT(with_shape("[-2]"), HasSubstr("negative dimension"));
  EXPECT_THAT(with_shape("[3]"), HasSubstr("takes 12 bytes, but data_offsets span 8"));
  EXPECT_THAT(with_shape("[4611686018427387904,4611686018427387904]"), HasSubstr("too large"));
  EXPECT_THAT(with_shape("[2305843009213693952]"), HasSubstr("too large"));
  EXPECT_THAT(with_shape("[9223372036854775808]"), HasSubstr("below 2^63"));
  EXPECT_THAT(with_shape("[4294967296,4294967296,0,2]"), HasSubstr("tensor 'a'"));
}

TEST(Safetensors, RefusesOverlapsAndHoles) {
  EXPECT_THAT(refusal(R"({"a":)" + entry("F32", "[2]", "[0,8]") + R"(,"b":)" +
                          entry("F32", "[2]", "[4,12]") + "}",
                      12),
              HasSubstr("tensors overlap or leave a hole"));
  EXPECT_THAT(refusal(R"({"a":)" + entry("F32", "[2]", "[0,8]") + R"(,"b":)" +
                          entry("F32", "[2]", "[0,8]") + "}",
                      8),
              HasSubstr("tensors overlap or leave a hole"));
  EXPECT_THAT(refusal(R"({"a":)" + entry("F32", "[1]", "[4,8]") + "}", 8),
              HasSubstr("tensors overlap or leave a hole"));
  EXPECT_THAT(refusal(R"({"a":)" + entry("F32", "[1]", "[0,4]") + "}", 8),
              HasSubstr("4 bytes of data are not part of any tensor"));
}

TEST(Safetensors, WritesWhatItReads) {
  const test::TemporaryFolder folder;
  const std::string floats = "0123456789ab";
  const std::string bytes = "xyz";
  const std::vector<std::pair<std::string, Tensor>> tensors = {
      {"later", {DType::f32, {3}, std::as_bytes(std::span(floats)), nullptr}},
      {"\"quoted\" ü", {DType::i8, {1, 3}, std::as_bytes(std::span(bytes)), nullptr}}};
  write_safetensors(folder / "a", {{"k", "v"}}, tensors);
  write_safetensors(folder / "b", {{"k", "v"}}, tensors);
  EXPECT_EQ(test::read_file(folder / "a"), test::read_file(folder / "b"));

  const SafetensorsFile file = read_safetensors(folder / "a");
  EXPECT_EQ(file.metadata.at("k"), "v");
  for (const auto& [name, tensor] : tensors) {
    const Tensor& read = file.tensors.at(name);
    EXPECT_EQ(read.dtype, tensor.dtype);
    EXPECT_EQ(read.shape, tensor.shape);
    EXPECT_EQ(std::memcmp(read.data.data(), tensor.data.data(), tensor.data.size()), 0);
  }
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.tensors.at("later").data.data()) % 64, 0u);
}

TEST(Safetensors, LeavesNothingBehindWhenItCannotWrite) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { write_safetensors(folder / "none/a", {}, {}); }),
              HasSubstr("cannot create"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, NamesAFileThatIsNotThere) {
  EXPECT_THAT(error_of([] { read_safetensors("no-such-file"); }),
              HasSubstr("no-such-file: cannot open"));
  EXPECT_THAT(error_of([] { read_safetensors("."); }), HasSubstr("not a regular file"));
}

TEST(Safetensors, WritesTensorsOneAfterTheOther) {
  const test::TemporaryFolder folder;
  const std::vector<TensorSpec> specs = {{"b", DType::f32, {2}}, {"a", DType::u8, {3}}};
  const std::string bytes = "01234567abc";
  write_safetensors(folder / "f", {{"k", "v"}}, specs, [&](const PutTensor& put) {
    put(std::as_bytes(std::span(bytes)).first(8));
    put(std::as_bytes(std::span(bytes)).subspan(8));
  });
  const std::string written = test::read_file(folder / "f");
  const std::string header = safetensors_header({{"k", "v"}}, specs);
  EXPECT_EQ(written, safetensors_bytes(header, bytes));
  EXPECT_EQ((8 + header.size()) % 64, 0u);
  EXPECT_EQ(read_safetensors(folder / "f").header, header);
  EXPECT_EQ(specs[0].bytes(), 8u);
}

TEST(Safetensors, AWriterThatDoesNotKeepItsWordLeavesNoFile) {
  const test::TemporaryFolder folder;
  const std::vector<TensorSpec> specs = {{"b", DType::f32, {2}}, {"a", DType::u8, {3}}};
  const std::vector<std::byte> data(8);
  const auto message = [&](const std::vector<std::size_t>& sizes) {
    std::string error = error_of([&] {
      write_safetensors(folder / "f", {}, specs, [&](const PutTensor& put) {
        for (const std::size_t size : sizes) put(std::span(data).first(size));
      });
    });
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
    return error;
  };
  EXPECT_THAT(message({}), HasSubstr("tensor 'b' was not written"));
  EXPECT_THAT(message({8}), HasSubstr("tensor 'a' was not written"));
  EXPECT_THAT(message({8, 3, 1}), HasSubstr("more tensors than the 2 announced"));
  EXPECT_THAT(message({7}), HasSubstr("tensor 'b': 7 bytes, expected 8"));
  EXPECT_THAT(message({8, 8}), HasSubstr("tensor 'a': 8 bytes, expected 3"));
  EXPECT_THROW(write_safetensors(folder / "f", {}, specs,
                                 [](const PutTensor&) { throw std::runtime_error("stopped"); }),
               std::runtime_error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace lightmamba
