// Answers with one of several words, the likeliest by its tokens: constrained MODEL PROMPT WORD...
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <lightmamba/lightmamba.h>

using namespace lightmamba;

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  try {
    const Model model = open_model(argv[1]);
    const auto sequence = reference_backend(model)->open();
    std::vector<TokenId> seen = model.tokenizer().encode(argv[2], {.add_special_tokens = true});
    sequence->prefill(seen);

    std::vector<std::vector<TokenId>> words;
    for (int i = 3; i < argc; ++i) {
      words.push_back(model.tokenizer().encode(" " + std::string(argv[i])));
    }
    Sampler sampler({}, model);
    std::vector<TokenId> answer;
    while (std::find(words.begin(), words.end(), answer) == words.end()) {
      // The ids that go on with a word that begins as the answer does, ascending.
      std::vector<TokenId> allowed;
      for (const std::vector<TokenId>& word : words) {
        if (word.size() > answer.size() && std::equal(answer.begin(), answer.end(), word.begin())) {
          allowed.push_back(word[answer.size()]);
        }
      }
      std::sort(allowed.begin(), allowed.end());
      allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
      answer.push_back(sampler.sample(sequence->logits(), seen, allowed));
      seen.push_back(answer.back());
      sequence->decode(answer.back());
    }
    std::printf("%s%s\n", argv[2], model.tokenizer().decode(answer).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "constrained: %s\n", error.what());
    return 1;
  }
}
