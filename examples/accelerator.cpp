// The accelerator's integers beside the engine's: accelerator FILE PROMPT
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>

#include <lightmamba/lightmamba.h>

using namespace lightmamba;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    const Model model = open_model(argv[1]);
    if (!accelerator_supports(model)) {
      std::fprintf(stderr, "accelerator: %s has another format\n", argv[1]);
      return 1;
    }
    const auto golden = golden_backend(model);
    const auto prompt = model.tokenizer().encode(argv[2], {.add_special_tokens = true});
    const auto result = generate(*golden, prompt, {.max_tokens = 8});
    std::printf("%s%s\n", argv[2], model.tokenizer().decode(result.ids).c_str());

    // How far apart the two are after the prompt, as a share of the engine's logits.
    const auto a = golden->open();
    const auto b = engine_backend(model)->open();
    const auto golden_logits = a->prefill(prompt);
    const auto engine_logits = b->prefill(prompt);
    double difference = 0;
    double sum = 0;
    for (std::size_t i = 0; i < golden_logits.size(); ++i) {
      difference += std::pow(golden_logits[i] - engine_logits[i], 2);
      sum += std::pow(engine_logits[i], 2);
    }
    std::fprintf(stderr, "distance from the engine %.3f\n", std::sqrt(difference / sum));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "accelerator: %s\n", error.what());
    return 1;
  }
}
