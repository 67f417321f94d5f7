#include <cstdio>
#include <string>
#include <vector>

#include <lightmamba/generate.h>
#include <lightmamba/model.h>

// Prints the most likely continuation of a prompt.
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const lightmamba::Model model = lightmamba::Model::load(argv[1]);
  lightmamba::GenerateOptions options;
  options.max_tokens = 8;
  const auto result = lightmamba::generate(
      *lightmamba::reference_backend(model),
      model.tokenizer().encode(argv[2], {.add_special_tokens = true}), options);
  std::printf("%s%s\n", argv[2], model.tokenizer().decode(result.ids).c_str());
}
