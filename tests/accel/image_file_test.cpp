#include "accel/image/image_file.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "support/errors.h"
#include "support/paths.h"
#include "support/random_integer_model.h"

namespace lightmamba::accel {
namespace {

using nlohmann::json;
using test::error_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kPrefix = 24;

Image image(const char* preset = "tiny", RowOrder order = RowOrder::hardware) {
  return make_image(test::random_integer_model({.n_layer = 1}), hardware_preset(preset), order);
}

std::string file_of(const Image& image, const std::string& tokenizer = "{}") {
  const test::TemporaryFolder folder;
  const std::int64_t bytes = write_image_file(folder / "image", image, tokenizer, "");
  std::string file = test::read_file(folder / "image");
  EXPECT_EQ(bytes, std::ssize(file));
  return file;
}

const std::string& small_file() {
  static const std::string file = file_of(image());
  return file;
}

ImageFile parse(const std::string& bytes, Checksums checksums = Checksums::verified) {
  return parse_image_file(std::as_bytes(std::span(bytes)), nullptr, "i", checksums);
}

std::string refusal(const std::string& bytes, Checksums checksums = Checksums::verified) {
  return error_of([&] { parse(bytes, checksums); });
}

template <typename T>
std::string with(std::string bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

json header_of(const std::string& bytes) {
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 12, sizeof length);
  return json::parse(bytes.substr(kPrefix, length));
}

// The same file with another header, which must not outgrow its place.
std::string with_header(std::string bytes, const std::string& header) {
  bytes = with(std::move(bytes), 12, static_cast<std::uint32_t>(header.size()));
  return bytes.replace(kPrefix, header.size(), header);
}

template <typename Change>
std::string refusal_of_header(const Change& change) {
  json header = header_of(small_file());
  change(header);
  return refusal(with_header(small_file(), header.dump()), Checksums::ignored);
}

// With a bit of a region flipped.
std::string flipped(std::size_t region, std::size_t byte) {
  std::string bytes = small_file();
  bytes[header_of(bytes)["regions"][region]["offset"].get<std::size_t>() + byte] ^= 1;
  return bytes;
}

bool same(const Region& a, const Region& b) {
  return std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end());
}

TEST(ImageFile, GivesTheImageBack) {
  const test::TemporaryFolder folder;
  for (const Hardware& hardware : hardware_presets()) {
    for (const RowOrder order : {RowOrder::hardware, RowOrder::checkpoint}) {
      const Image written = make_image(test::random_integer_model(), hardware, order);
      write_image_file(folder / "image", written, order == RowOrder::hardware ? "{\"a\": 1}" : "",
                       "");
      const ImageFile read = read_image_file(folder / "image");
      EXPECT_EQ(read.image.config, written.config);
      EXPECT_EQ(read.image.hardware, hardware);
      EXPECT_EQ(read.image.order, order);
      EXPECT_EQ(read.image.hadamard_m, written.hadamard_m);
      EXPECT_TRUE(same(read.image.parameters, written.parameters));
      EXPECT_TRUE(same(read.image.embedding, written.embedding));
      ASSERT_EQ(read.image.weights.size(), written.weights.size());
      for (std::size_t i = 0; i < written.weights.size(); ++i) {
        EXPECT_TRUE(same(read.image.weights[i], written.weights[i]));
      }
      EXPECT_EQ(read.tokenizer, order == RowOrder::hardware
                                    ? std::optional<std::string>("{\"a\": 1}")
                                    : std::nullopt);
      EXPECT_EQ(file_of(read.image, read.tokenizer.value_or("")),
                test::read_file(folder / "image"));
    }
  }
}

// An image need not name it.
TEST(ImageFile, NamesItsModel) {
  const test::TemporaryFolder folder;
  write_image_file(folder / "image", image(), "{}", "0123456789abcdef");
  EXPECT_EQ(read_image_file(folder / "image").fingerprint, "0123456789abcdef");
  EXPECT_EQ(parse(small_file()).fingerprint, "");
  for (const json& name :
       {json("0123456789ABCDEF"), json("0"), json("0123456789abcde\n"), json(1)}) {
    EXPECT_THAT(refusal_of_header([&](json& header) { header["model"] = name; }),
                HasSubstr("header: field 'model': expected"));
  }
}

// The seeds of the fuzz target are images that are accepted, so that it reaches what lies behind
// the header.
TEST(ImageFile, FuzzingStartsFromImagesThatAreAccepted) {
  const std::filesystem::path corpus =
      std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "tests/fuzz/corpus/accel_image";
  EXPECT_EQ(read_image_file(corpus / "tiny").image.state_bits, 16);
  EXPECT_EQ(read_image_file(corpus / "tiny_state_8").image.state_bits, 8);
}

TEST(ImageFile, RefusesBitsOfTheStateThatCannotBe) {
  for (const json& bits : {json(0), json(4), json(32)}) {
    EXPECT_THAT(refusal_of_header([&](json& header) { header["state_bits"] = bits; }),
                HasSubstr("header: field 'state_bits': expected 16 or 8, found"));
  }
  EXPECT_THAT(refusal_of_header([](json& header) { header["state_bits"] = 8; }),
              HasSubstr("the number of bits of the state is 16, expected 8"));
}

TEST(ImageFile, HasRegionsAtPages) {
  const json regions = header_of(small_file())["regions"];
  std::int64_t end = 1;
  std::vector<std::string> names;
  for (const json& region : regions) {
    EXPECT_EQ(region["offset"].get<std::int64_t>() % 4096, 0);
    EXPECT_GE(region["offset"].get<std::int64_t>(), end);
    end = region["offset"].get<std::int64_t>() + region["bytes"].get<std::int64_t>();
    names.push_back(region["name"]);
  }
  EXPECT_EQ(end, std::ssize(small_file()));
  EXPECT_EQ(names,
            (std::vector<std::string>{"weights.0", "parameters", "embedding", "tokenizer.json"}));
}

TEST(ImageFile, FindsDamage) {
  EXPECT_THAT(refusal(with(small_file(), 40, 'x')), StartsWith("i: the header is damaged"));
  EXPECT_THAT(refusal(flipped(0, 5)), HasSubstr("region 'weights.0' is damaged"));
  EXPECT_THAT(refusal(flipped(1, 500)), HasSubstr("region 'parameters' is damaged"));
  EXPECT_THAT(refusal(flipped(2, 7)), HasSubstr("region 'embedding' is damaged"));
  EXPECT_THAT(refusal(flipped(3, 1)), HasSubstr("region 'tokenizer.json' is damaged"));
}

TEST(ImageFile, FindsThatItIsCutShort) {
  EXPECT_THAT(refusal(""), HasSubstr("0 bytes are too few"));
  EXPECT_THAT(refusal(small_file().substr(0, 23)), HasSubstr("23 bytes are too few"));
  EXPECT_THAT(refusal(small_file().substr(0, 100)), HasSubstr("the header claims"));
  EXPECT_THAT(refusal(small_file().substr(0, 5000)),
              HasSubstr("region 'weights.0': 70360 bytes at 4096 are more than the 5000"));
  EXPECT_THAT(refusal(small_file().substr(0, small_file().size() - 1)),
              HasSubstr("region 'tokenizer.json': 2 bytes at"));
  EXPECT_THAT(refusal(small_file() + "x"), HasSubstr("1 bytes follow the last region"));
}

TEST(ImageFile, RefusesOtherFiles) {
  EXPECT_THAT(refusal(std::string(100, 'x')), HasSubstr("not an image of the accelerator"));
  EXPECT_THAT(refusal(with(small_file(), 8, std::uint32_t{1})),
              HasSubstr("format version 1 is not known here, which reads version 2"));
  EXPECT_THAT(refusal(with(small_file(), 12, std::uint32_t{0xffffffff})),
              HasSubstr("the header claims 4294967295 bytes"));
  EXPECT_THAT(error_of([] { read_image_file("no-such-image"); }),
              StartsWith("no-such-image: cannot open"));
}

TEST(ImageFile, RefusesAnAbsurdHeader) {
  EXPECT_THAT(refusal(with_header(small_file(), "[]"), Checksums::ignored),
              HasSubstr("header: expected an object, found array"));
  EXPECT_THAT(refusal(with_header(small_file(), "{"), Checksums::ignored),
              HasSubstr("header: not valid JSON"));
  for (const char* name : {"config", "preset", "order", "hadamard_m", "state_bits"}) {
    EXPECT_THAT(refusal_of_header([&](json& header) { header.erase(name); }),
                HasSubstr(std::string("header: missing field '") + name));
  }
  EXPECT_THAT(refusal_of_header([](json& header) { header["preset"] = "vck\n"; }),
              HasSubstr("header: field 'preset': there is no preset 'vck"));
  EXPECT_THAT(refusal_of_header([](json& header) { header["order"] = "random"; }),
              HasSubstr("header: field 'order': there is no order 'random'"));
  for (const json& m : {json(-1), json(0), json(3), json(41), json(std::int64_t{1} << 60)}) {
    EXPECT_THAT(refusal_of_header([&](json& header) { header["hadamard_m"] = m; }),
                HasSubstr("header: field 'hadamard_m'"));
  }
  const auto refusal_of_config = [](const char* name, const json& value) {
    return refusal_of_header([&](json& header) {
      json config = json::parse(header["config"].get<std::string>());
      config[name] = value;
      header["config"] = config.dump();
    });
  };
  EXPECT_THAT(refusal_of_config("conv_kernel", 3),
              HasSubstr("header: field 'config': the model does not fit the core: d_conv is 3"));
  EXPECT_THAT(refusal_of_config("vocab_size", 16777217), HasSubstr("field 'vocab_size'"));
  EXPECT_THAT(refusal_of_config("vocab_size", 1048575),
              HasSubstr("region 'weights.0': field 'bytes': expected"));
  EXPECT_THAT(refusal_of_config("num_hidden_layers", 4095),
              HasSubstr("region 'weights.0': field 'bytes': expected"));
}

TEST(ImageFile, RefusesAbsurdRegions) {
  const auto refusal_of_region = [](std::size_t index, const char* name, const json& value) {
    return refusal_of_header([&](json& header) { header["regions"][index][name] = value; });
  };
  EXPECT_THAT(refusal_of_header([](json& header) { header["regions"] = 1; }),
              HasSubstr("field 'regions': expected an array"));
  EXPECT_THAT(refusal_of_header([](json& header) { header["regions"][0] = 1; }),
              HasSubstr("region 'weights.0': expected an object"));
  EXPECT_THAT(refusal_of_header([](json& header) { header["regions"].erase(2); }),
              HasSubstr("region 'embedding': 'tokenizer.json' stands in its place"));
  EXPECT_THAT(refusal_of_header([](json& header) {
                header["regions"].erase(3);
                header["regions"].erase(2);
              }),
              HasSubstr("'embedding' is missing"));
  EXPECT_THAT(
      refusal_of_header([](json& header) { header["regions"].push_back(header["regions"][3]); }),
      HasSubstr("field 'regions': has more"));
  EXPECT_THAT(refusal_of_region(1, "bytes", 100),
              HasSubstr("region 'parameters': field 'bytes': expected"));
  EXPECT_THAT(refusal_of_region(3, "bytes", -1), HasSubstr("region 'tokenizer.json': -1 bytes"));
  EXPECT_THAT(refusal_of_region(3, "bytes", std::int64_t{1} << 62), HasSubstr("cut short"));
  EXPECT_THAT(refusal_of_region(0, "offset", 8192),
              HasSubstr("region 'weights.0': field 'offset': expected 4096, found 8192"));
  EXPECT_THAT(refusal_of_region(0, "checksum", 5),
              HasSubstr("region 'weights.0': field 'checksum': expected a string"));
}

// Whatever the checksums say, the core must not be given another shape than the runtime has.
TEST(ImageFile, RefusesParametersOfAnotherShape) {
  const std::size_t at = header_of(small_file())["regions"][1]["offset"];
  const auto refusal_of = [&](std::size_t byte, auto value) {
    return refusal(with(small_file(), at + byte, value), Checksums::ignored);
  };
  EXPECT_THAT(refusal_of(0, std::uint32_t{0}), HasSubstr("region 'parameters': the first word"));
  EXPECT_THAT(refusal_of(4, std::uint16_t{2}), HasSubstr("n_layer is 2, expected 1"));
  EXPECT_THAT(refusal_of(6, std::uint16_t{5}), HasSubstr("nheads is 5, expected 4"));
  EXPECT_THAT(refusal_of(8, std::uint16_t{256}), HasSubstr("d_model is 256, expected 128"));
  EXPECT_THAT(refusal_of(10, std::uint16_t{3}), HasSubstr("m is 3, expected 2"));
  EXPECT_THAT(refusal_of(12, std::uint8_t{6}), HasSubstr("log2 n is 6, expected 7"));
  EXPECT_THAT(refusal_of(13, std::uint8_t{1}), HasSubstr("the order is 1, expected 0"));
  EXPECT_THAT(refusal_of(16, std::uint32_t{1}), HasSubstr("vocab_size is 1, expected 37"));
  EXPECT_THAT(refusal_of(20, std::uint32_t{1}), HasSubstr("the number of words is 1"));
  EXPECT_THAT(refusal_of(24, std::uint32_t{1}), HasSubstr("the number of records is 1"));
  EXPECT_THAT(refusal_of(28, std::uint32_t{1}), HasSubstr("the size of a row"));
  EXPECT_THAT(refusal_of(60, std::uint32_t{1}), HasSubstr("without the head is 1"));
}

}  // namespace
}  // namespace lightmamba::accel
