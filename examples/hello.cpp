// Continues a text: hello MODEL PROMPT
#include <cstdio>
#include <exception>
#include <string>

#include <lightmamba/lightmamba.h>

using namespace lightmamba;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    const Model model = open_model(argv[1]);
    const auto backend = engine_supports(model) ? engine_backend(model) : reference_backend(model);
    const auto prompt = model.tokenizer().encode(argv[2], {.add_special_tokens = true});
    const GenerateResult result = generate(*backend, prompt, {.max_tokens = 16});
    std::printf("%s%s\n", argv[2], model.tokenizer().decode(result.ids).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hello: %s\n", error.what());
    return 1;
  }
}
