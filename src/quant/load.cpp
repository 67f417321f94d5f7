#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <lightmamba/model.h>

#include "base/fail.h"
#include "io/checkpoint.h"
#include "model/weights.h"
#include "quant/quantized_file.h"

namespace lightmamba {
namespace {

struct Loaded {
  std::shared_ptr<const Weights> weights;
  std::optional<Tokenizer> tokenizer;
};

Loaded load_directory(const std::filesystem::path& path, bool with_tokenizer) {
  Loaded loaded{std::make_shared<const Weights>(make_weights(open_checkpoint(path))), {}};
  const std::filesystem::path tokenizer = path / "tokenizer.json";
  std::error_code ignored;
  if (with_tokenizer &&
      std::filesystem::exists(std::filesystem::symlink_status(tokenizer, ignored))) {
    loaded.tokenizer = Tokenizer::load(tokenizer);
  }
  return loaded;
}

Loaded load_file(const std::filesystem::path& path, bool with_tokenizer) {
  const QuantizedFile file = load_quantized_file(path);
  Loaded loaded{with_context(path.string(),
                             [&] {
                               return std::make_shared<const Weights>(weights_from_layout(
                                   file.config, file.quantization, file.tensors));
                             }),
                {}};
  if (with_tokenizer && file.tokenizer) {
    loaded.tokenizer = Tokenizer::parse(*file.tokenizer, fmt::format("{}: tokenizer.json", path));
  }
  return loaded;
}

}  // namespace

// Here, above both formats, since either may be loaded.
Model Model::load(const std::filesystem::path& path, const LoadOptions& options) {
  const bool own_tokenizer = !options.tokenizer;
  Loaded loaded =
      is_file(path) ? load_file(path, own_tokenizer) : load_directory(path, own_tokenizer);
  if (options.tokenizer) loaded.tokenizer = Tokenizer::load(*options.tokenizer);
  return {std::move(loaded.weights), std::move(loaded.tokenizer), path};
}

}  // namespace lightmamba
