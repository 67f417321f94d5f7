// Speed of the float reference on the shipped model.
#include <benchmark/benchmark.h>
#include <filesystem>
#include <vector>

#include <lightmamba/load.h>
#include <lightmamba/sequence.h>

namespace lightmamba {
namespace {

const Backend& reference() {
  static const auto backend = reference_backend(
      open_model(std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "models/mamba2-prose-7m"));
  return *backend;
}

std::vector<TokenId> some_tokens(std::int64_t count) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<TokenId>(i * 2654435761u % 4096u);
  }
  return tokens;
}

void count_tokens(benchmark::State& bench, std::int64_t tokens) {
  bench.counters["tokens_per_second"] = benchmark::Counter(
      static_cast<double>(bench.iterations() * tokens), benchmark::Counter::kIsRate);
}

void decode(benchmark::State& bench) {
  const std::vector<TokenId> tokens = some_tokens(4096);
  const auto sequence = reference().open();
  std::size_t next = 0;
  for ([[maybe_unused]] auto _ : bench) {
    benchmark::DoNotOptimize(sequence->decode(tokens[next++ % tokens.size()]).data());
  }
  count_tokens(bench, 1);
}

void prefill(benchmark::State& bench) {
  const std::vector<TokenId> tokens = some_tokens(bench.range(0));
  for ([[maybe_unused]] auto _ : bench) {
    benchmark::DoNotOptimize(reference().open()->prefill(tokens).data());
  }
  count_tokens(bench, bench.range(0));
}

BENCHMARK(decode)->UseRealTime();
BENCHMARK(prefill)->Arg(64)->Arg(512)->Arg(2048)->UseRealTime();

}  // namespace
}  // namespace lightmamba
