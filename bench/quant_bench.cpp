// Speed of what quantizing a model spends its time in.
#include <benchmark/benchmark.h>
#include <vector>

#include "base/threads.h"
#include "quant/gptq.h"
#include "quant/hadamard.h"
#include "quant/scale_search.h"

namespace lightmamba {
namespace {

// Bell-shaped and of one seed.
std::vector<float> some_values(std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count), 0.0F);
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const std::vector<float> signs = random_signs(count, seed);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] += signs[i] / static_cast<float>(1 + seed % 5);
  }
  return values;
}

void count(benchmark::State& bench, const char* what, std::int64_t each) {
  bench.counters[what] = benchmark::Counter(static_cast<double>(bench.iterations() * each),
                                            benchmark::Counter::kIsRate);
}

void hadamard_rows(benchmark::State& bench) {
  const HadamardTransform transform(bench.range(0));
  std::vector<float> rows = some_values(512 * bench.range(0));
  for ([[maybe_unused]] auto _ : bench) {
    transform.apply(rows);
    benchmark::DoNotOptimize(rows.data());
  }
  count(bench, "rows_per_second", 512);
}

void hadamard_columns(benchmark::State& bench) {
  const HadamardTransform transform(bench.range(0));
  std::vector<float> matrix = some_values(512 * bench.range(0));
  for ([[maybe_unused]] auto _ : bench) {
    transform.apply_columns(matrix, 512);
    benchmark::DoNotOptimize(matrix.data());
  }
  count(bench, "columns_per_second", 512);
}

void search_scales(benchmark::State& bench) {
  constexpr std::int64_t kGroup = 128;
  constexpr std::int64_t kGroups = 8192;
  const std::vector<float> weights = some_values(kGroups * kGroup);
  std::vector<float> scales(kGroups);
  for ([[maybe_unused]] auto _ : bench) {
    parallel_for(kGroups / 64, 1'000'000, [&](std::int64_t task) {
      for (std::int64_t group = task * 64; group < (task + 1) * 64; ++group) {
        scales[static_cast<std::size_t>(group)] =
            mse_scale({weights.data() + group * kGroup, static_cast<std::size_t>(kGroup)}, {},
                      static_cast<int>(bench.range(0)));
      }
    });
    benchmark::DoNotOptimize(scales.data());
  }
  count(bench, "weights_per_second", kGroups * kGroup);
}

void compensate(benchmark::State& bench) {
  const std::int64_t rows = bench.range(0);
  const std::int64_t columns = bench.range(1);
  HessianAccumulator hessian(columns);
  hessian.add(some_values(1024 * columns));
  const std::vector<float> weights = some_values(rows * columns);
  std::vector<std::int8_t> codes(weights.size());
  std::vector<float> scales(weights.size() / 128);
  for ([[maybe_unused]] auto _ : bench) {
    std::vector<float> copy = weights;
    gptq(
        copy, rows, columns, hessian.matrix(), {}, {128, -8, 7},
        [](std::span<const float> group, std::span<const float> importance) {
          return mse_scale(group, importance, 4);
        },
        codes, scales);
  }
  count(bench, "weights_per_second", rows * columns);
}

BENCHMARK(hadamard_rows)->Arg(768)->Arg(2560)->Arg(5120)->UseRealTime();
BENCHMARK(hadamard_columns)->Arg(2560)->UseRealTime();
BENCHMARK(search_scales)->Arg(4)->Arg(8)->UseRealTime();
BENCHMARK(compensate)->Args({1024, 768})->Args({10576, 2560})->UseRealTime()->Iterations(1);

}  // namespace
}  // namespace lightmamba
