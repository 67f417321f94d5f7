// A Mamba-2 language model: its configuration, weights and tokenizer.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <lightmamba/config.h>
#include <lightmamba/error.h>
#include <lightmamba/export.h>
#include <lightmamba/quantization.h>
#include <lightmamba/taps.h>
#include <lightmamba/tokenizer.h>

namespace lightmamba {
struct Weights;
struct StoredTokenizer;
}  // namespace lightmamba

namespace LIGHTMAMBA_EXPORT lightmamba {

struct LoadOptions {
  // Read instead of the model's own tokenizer.json (state-spaces checkpoints have none). Loading
  // throws Error where it cannot be used.
  std::optional<std::filesystem::path> tokenizer;
};

// A Mamba-2 language model as data: configuration, weights, tokenizer. Back ends run it
// (sequence.h). Immutable, cheap to copy, safe to use from several threads. Weights stay in the
// type they are stored in: those of a float model in the mapped file, those of a quantized file in
// memory.
class Model {
 public:
  // `path` is a directory with config.json and weights: Hugging Face (Mamba2ForCausalLM) or
  // state-spaces layout; or a quantized file. Throws Error naming the file and the field or tensor,
  // but not for the model's own tokenizer.json: only what needs text needs that.
  static Model load(const std::filesystem::path& path, const LoadOptions& options = {});

  const Mamba2Config& config() const;
  const std::optional<Quantization>& quantization() const;  // none: a float model
  // Whole sentences that a user should read: where the checkpoint contradicts itself and what was
  // done about it. Mostly none.
  const std::vector<std::string>& notes() const;
  const std::filesystem::path& path() const { return path_; }  // that it was loaded from

  bool has_tokenizer() const;  // one that can be used
  // Throws Error if there is none, or saying why the model's tokenizer.json cannot be used.
  const Tokenizer& tokenizer() const;
  // The text of the tokenizer.json, also of one that cannot be used, for files that carry it along;
  // empty where there is none or it cannot be read.
  const std::string& tokenizer_json() const;

  // Tells models apart: 16 hexadecimal digits from the configuration, the quantization and the
  // weights (all small tensors, the beginning of each large one).
  std::string fingerprint() const;

  // For the library itself, which knows what Weights are.
  const Weights& weights() const { return *weights_; }
  const std::shared_ptr<const Weights>& shared_weights() const { return weights_; }
  // The same tokenizer with other weights.
  Model with_weights(std::shared_ptr<const Weights> weights) const;
  Model(std::shared_ptr<const Weights> weights, std::shared_ptr<const StoredTokenizer> tokenizer,
        std::filesystem::path path);

 private:
  std::shared_ptr<const Weights> weights_;
  std::shared_ptr<const StoredTokenizer> tokenizer_;
  std::filesystem::path path_;
};

}  // namespace lightmamba
