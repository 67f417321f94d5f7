#include <utility>

#include <lightmamba/model.h>

#include "base/fail.h"
#include "io/stored_tokenizer.h"
#include "model/fingerprint.h"
#include "model/weights.h"

namespace lightmamba {

Model::Model(std::shared_ptr<const Weights> weights,
             std::shared_ptr<const StoredTokenizer> tokenizer, std::filesystem::path path)
    : weights_(std::move(weights)), tokenizer_(std::move(tokenizer)), path_(std::move(path)) {}

const Mamba2Config& Model::config() const { return weights_->config; }

const std::optional<Quantization>& Model::quantization() const { return weights_->quantization; }

const std::vector<std::string>& Model::notes() const { return weights_->notes; }

Model Model::with_weights(std::shared_ptr<const Weights> weights) const {
  return {std::move(weights), tokenizer_, path_};
}

bool Model::has_tokenizer() const { return tokenizer_->tokenizer.has_value(); }

const Tokenizer& Model::tokenizer() const {
  if (!tokenizer_->error.empty()) throw Error(tokenizer_->error);
  if (!tokenizer_->tokenizer) {
    fail(
        "{}: no tokenizer.json (state-spaces models use that of EleutherAI/gpt-neox-20b, which can "
        "be given apart: --tokenizer, LoadOptions::tokenizer)",
        path_);
  }
  return *tokenizer_->tokenizer;
}

const std::string& Model::tokenizer_json() const { return tokenizer_->json; }

std::string Model::fingerprint() const {
  if (!has_fingerprint(*weights_)) {
    fail("{}: an image that does not name its model: pack it again with this lightmamba", path_);
  }
  return lightmamba::fingerprint(*weights_);
}

}  // namespace lightmamba
