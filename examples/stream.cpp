// Writes to the end of a sentence, each word as it comes: stream MODEL PROMPT
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
    const auto sequence = backend->open();
    const auto prompt = model.tokenizer().encode(argv[2], {.add_special_tokens = true});
    Generator generator(*sequence, prompt, {.max_tokens = 200});
    TextStream text(model.tokenizer());
    std::fputs(argv[2], stdout);
    while (const auto id = generator.next()) {
      const std::string piece = text.push(*id);
      const std::size_t end = piece.find_first_of(".!?");
      if (end != std::string::npos) generator.stop();
      std::fputs(piece.substr(0, end == std::string::npos ? end : end + 1).c_str(), stdout);
      std::fflush(stdout);
    }
    std::puts("");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stream: %s\n", error.what());
    return 1;
  }
}
