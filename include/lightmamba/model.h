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
#include <lightmamba/quant_format.h>
#include <lightmamba/taps.h>
#include <lightmamba/tokenizer.h>

namespace lightmamba {

struct Weights;
struct StoredTokenizer;

// A Mamba-2 language model as data: configuration, weights, tokenizer. open_model() reads it
// (load.h), back ends run it (sequence.h). A Model is immutable, cheap to copy and safe to use from
// several threads. Weights stay in the type they are stored in: a float model keeps them in the
// mapped file, a quantized one in memory.
class LIGHTMAMBA_EXPORT Model {
 public:
  const Mamba2Config& config() const;
  const std::optional<Quantization>& quantization() const;  // nullopt for a float model
  // Sentences that a user should read: where the checkpoint contradicts itself and how that was
  // resolved, and which fields of its configuration are not known. Usually empty.
  const std::vector<std::string>& notes() const;
  const std::filesystem::path& path() const { return path_; }  // where it was loaded from

  bool has_tokenizer() const;  // whether there is a usable tokenizer
  // Throws Error if the model has no tokenizer, or says why its tokenizer.json cannot be used.
  const Tokenizer& tokenizer() const;
  // The text of the tokenizer.json, usable or not, for files that carry it along. Empty if there is
  // none or it cannot be read.
  const std::string& tokenizer_json() const;

  // Returns 16 hexadecimal digits that tell models apart, computed from the configuration, the
  // quantization and all weights, which are read for it.
  std::string fingerprint() const;

  // The functions below are for the library itself, which knows Weights.
  const Weights& weights() const { return *weights_; }
  const std::shared_ptr<const Weights>& shared_weights() const { return weights_; }
  // Returns a model with the same tokenizer and other weights.
  Model with_weights(std::shared_ptr<const Weights> weights) const;
  Model(std::shared_ptr<const Weights> weights, std::shared_ptr<const StoredTokenizer> tokenizer,
        std::filesystem::path path);

 private:
  std::shared_ptr<const Weights> weights_;
  std::shared_ptr<const StoredTokenizer> tokenizer_;
  std::filesystem::path path_;
};

}  // namespace lightmamba
