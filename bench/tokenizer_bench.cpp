// Tokenizer speed: with GPT-NeoX and WikiText where they are at hand, else with what ships.
#include <benchmark/benchmark.h>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <lightmamba/tokenizer.h>

#include "base/file.h"

namespace lightmamba {
namespace {

struct Input {
  std::filesystem::path tokenizer;
  std::filesystem::path text;
};

const Input kNeoX{
    std::filesystem::path(LIGHTMAMBA_TEST_DATA) / "tokenizer/gpt-neox-20b.tokenizer.json",
    std::filesystem::path(LIGHTMAMBA_TEST_DATA) / "text/wiki.test.raw"};
const Input kShipped{
    std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "models/mamba2-prose-7m/tokenizer.json",
    std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "models/mamba2-prose-7m/calibration.txt"};

bool is_there(const Input& input, benchmark::State& state) {
  if (std::filesystem::exists(input.tokenizer) && std::filesystem::exists(input.text)) return true;
  state.SkipWithError("the inputs are not at hand");
  return false;
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void load(benchmark::State& state, const Input& input) {
  if (!is_there(input, state)) return;
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(Tokenizer::load(input.tokenizer).vocab_size());
}

// A tokenizer that has seen no text, as at the start of a program.
void encode_cold(benchmark::State& state, const Input& input) {
  if (!is_there(input, state)) return;
  const std::string text = read_text_file(input.text);
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    const Tokenizer tokenizer = Tokenizer::load(input.tokenizer);
    state.ResumeTiming();
    benchmark::DoNotOptimize(tokenizer.encode(text));
  }
  count_bytes(state, text.size());
}

void encode_warm(benchmark::State& state, const Input& input) {
  if (!is_there(input, state)) return;
  const std::string text = read_text_file(input.text);
  const Tokenizer tokenizer = Tokenizer::load(input.tokenizer);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(text));
  count_bytes(state, text.size());
}

// One word of a megabyte, which no cache helps.
void encode_long_word(benchmark::State& state, const Input& input) {
  if (!is_there(input, state)) return;
  const Tokenizer tokenizer = Tokenizer::load(input.tokenizer);
  std::string word;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    word += static_cast<char>('a' + (i * 2654435761U >> 8) % 26);
  }
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(word));
  count_bytes(state, word.size());
}

void decode(benchmark::State& state, const Input& input) {
  if (!is_there(input, state)) return;
  const std::string text = read_text_file(input.text);
  const Tokenizer tokenizer = Tokenizer::load(input.tokenizer);
  const std::vector<TokenId> ids = tokenizer.encode(text);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(tokenizer.decode(ids));
  count_bytes(state, text.size());
}

BENCHMARK_CAPTURE(load, neox, kNeoX)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(load, shipped, kShipped)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode_cold, neox, kNeoX)->Unit(benchmark::kMillisecond)->Iterations(10);
BENCHMARK_CAPTURE(encode_cold, shipped, kShipped)->Unit(benchmark::kMillisecond)->Iterations(10);
BENCHMARK_CAPTURE(encode_warm, neox, kNeoX)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode_warm, shipped, kShipped)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode_long_word, neox, kNeoX)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, neox, kNeoX)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, shipped, kShipped)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lightmamba
