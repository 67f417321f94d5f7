#include <memory>
#include <string_view>
#include <utility>

#include <lightmamba/load.h>

#include "base/fail.h"
#include "io/checkpoint.h"
#include "io/file_kind.h"
#include "io/stored_tokenizer.h"
#include "model/weights.h"
#include "quant/quantized_file.h"

namespace lightmamba {
namespace {

struct Loaded {
  std::shared_ptr<const Weights> weights;
  StoredTokenizer tokenizer;
};

Loaded load_directory(const std::filesystem::path& path, bool with_tokenizer) {
  Loaded loaded{std::make_shared<const Weights>(make_weights(open_checkpoint(path))), {}};
  if (with_tokenizer) loaded.tokenizer = read_stored_tokenizer(path / "tokenizer.json");
  return loaded;
}

Loaded load_file(const std::filesystem::path& path, bool with_tokenizer) {
  QuantizedFile file = load_quantized_file(path);
  Loaded loaded{with_context(path.string(),
                             [&] {
                               return std::make_shared<const Weights>(weights_from_layout(
                                   file.config, file.quantization, file.tensors));
                             }),
                {}};
  if (with_tokenizer && file.tokenizer) {
    loaded.tokenizer =
        parse_stored_tokenizer(std::move(*file.tokenizer), fmt::format("{}: tokenizer.json", path));
  }
  return loaded;
}

Loaded load_weights(const std::filesystem::path& path, bool with_tokenizer) {
  constexpr std::string_view kExpected =
      "expected a directory with config.json and weights, or a quantized model";
  const FileKind kind = file_kind(path);
  if (const std::string_view what = what_it_is(kind); !what.empty()) {
    fail("{}: {}; {}", path, what, kExpected);
  }
  const bool is_file = kind == FileKind::safetensors || kind == FileKind::other;
  return is_file ? load_file(path, with_tokenizer) : load_directory(path, with_tokenizer);
}

}  // namespace

Model open_model(const std::filesystem::path& path, const LoadOptions& options) {
  const bool own_tokenizer = !options.tokenizer;
  Loaded loaded = load_weights(path, own_tokenizer);
  if (options.tokenizer) {
    const Tokenizer given = Tokenizer::load(*options.tokenizer);
    loaded.tokenizer = {given, given.json(), {}};
  }
  return {std::move(loaded.weights),
          std::make_shared<const StoredTokenizer>(std::move(loaded.tokenizer)), path};
}

}  // namespace lightmamba
