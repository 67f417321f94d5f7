// Continues several texts at once, which share every read of a weight: batch MODEL PROMPT...
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <lightmamba/lightmamba.h>

using namespace lightmamba;

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  try {
    const Model model = open_model(argv[1]);
    const auto backend = engine_supports(model) ? engine_backend(model) : reference_backend(model);

    std::vector<std::unique_ptr<Sequence>> owners;
    std::vector<Sequence*> sequences;
    std::vector<std::vector<TokenId>> texts;
    for (int i = 2; i < argc; ++i) {
      texts.push_back(model.tokenizer().encode(argv[i], {.add_special_tokens = true}));
      owners.push_back(backend->open());
      sequences.push_back(owners.back().get());
      sequences.back()->prefill(texts.back());
    }

    Sampler sampler({}, model);
    std::vector<std::vector<TokenId>> continuations(texts.size());
    std::vector<TokenId> next(texts.size());
    for (int step = 0; step < 16; ++step) {
      for (std::size_t i = 0; i < texts.size(); ++i) {
        next[i] = sampler.sample(sequences[i]->logits(), texts[i]);
        texts[i].push_back(next[i]);
        continuations[i].push_back(next[i]);
      }
      backend->decode_together(sequences, next);
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      std::printf("%s%s\n", argv[i + 2], model.tokenizer().decode(continuations[i]).c_str());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "batch: %s\n", error.what());
    return 1;
  }
}
