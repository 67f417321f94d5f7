// Speed of the quantized products at the sizes of mamba2-2.7b, next to what memory and the
// multipliers give at best. Weights are larger than the caches: several matrices take turns.
#include <algorithm>
#include <benchmark/benchmark.h>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/buffer.h"
#include "base/threads.h"
#include "kernels/product.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kGroup = 128;
constexpr std::int64_t kBytesInTurn = 320'000'000;
constexpr std::int64_t kBlocksOfTask = 8;

std::uint32_t noise(std::int64_t i) {
  return static_cast<std::uint32_t>(i) * 2654435761U ^ static_cast<std::uint32_t>(i >> 7);
}

struct Matrices {
  AlignedVector<std::uint8_t> codes;
  AlignedVector<std::uint16_t> scales;
  std::vector<PackedWeights> weights;
};

// As many matrices as `bytes` hold, at least one.
std::unique_ptr<Matrices> make_matrices(int bits, std::int64_t rows, std::int64_t columns,
                                        std::int64_t bytes) {
  PackedWeights shape = {rows, columns, {bits, kGroup}, nullptr, nullptr};
  const std::int64_t blocks = CodeFormat::blocks(rows);
  const std::int64_t code_count = blocks * shape.format.block_bytes(columns);
  const std::int64_t scale_count = blocks * shape.format.block_scales(columns);
  const std::int64_t count = std::max<std::int64_t>(1, bytes / code_count);
  auto made = std::make_unique<Matrices>();
  made->codes.resize(static_cast<std::size_t>(count * code_count));
  made->scales.resize(static_cast<std::size_t>(count * scale_count), 0x2c00);  // 1/16
  for (std::size_t i = 0; i < made->codes.size(); ++i) {
    made->codes[i] = static_cast<std::uint8_t>(noise(static_cast<std::int64_t>(i)) >> 13);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    shape.codes = made->codes.data() + i * code_count;
    shape.scales = made->scales.data() + i * scale_count;
    made->weights.push_back(shape);
  }
  return made;
}

// Kept from one case to the next of the same matrices, one set at a time.
const Matrices& matrices(int bits, std::int64_t rows, std::int64_t columns) {
  static std::vector<std::int64_t> of;
  static std::unique_ptr<Matrices> made;
  if (const std::vector<std::int64_t> wanted = {bits, rows, columns}; of != wanted) {
    made.reset();
    made = make_matrices(bits, rows, columns, kBytesInTurn);
    of = wanted;
  }
  return *made;
}

struct Activations {
  AlignedVector<std::int8_t> codes;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
  QuantizedRows rows;

  Activations(int bits, std::int64_t tokens, std::int64_t columns)
      : codes(static_cast<std::size_t>(tokens * code_stride(columns))),
        scales(static_cast<std::size_t>(tokens * group_count(columns, kGroup))),
        sums(scales.size()),
        rows{tokens, columns, kGroup, codes.data(), scales.data(), sums.data()} {
    std::vector<float> values(static_cast<std::size_t>(tokens * columns));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(noise(static_cast<std::int64_t>(i)) % 2000U) - 1000.0F;
    }
    quantize_rows({bits, false, 1.0F}, values.data(), columns, rows);
  }
};

benchmark::Counter rate(double each, std::int64_t iterations) {
  return {each * static_cast<double>(iterations), benchmark::Counter::kIsRate};
}

void count_work(benchmark::State& bench, const PackedWeights& w, std::int64_t tokens) {
  const std::int64_t bytes = CodeFormat::blocks(w.rows) * (w.format.block_bytes(w.columns) +
                                                           2 * w.format.block_scales(w.columns));
  bench.counters["bytes_per_second"] = rate(static_cast<double>(bytes), bench.iterations());
  bench.counters["operations_per_second"] =
      rate(2.0 * static_cast<double>(w.rows * w.columns * tokens), bench.iterations());
}

// Arguments: bits of weights, bits of activations, rows, columns, tokens, threads.
void product(benchmark::State& bench) {
  const auto bits = static_cast<int>(bench.range(0));
  const std::int64_t rows = bench.range(2);
  const std::int64_t columns = bench.range(3);
  const std::int64_t tokens = bench.range(4);
  set_thread_count(static_cast<int>(bench.range(5)));
  const Matrices& of = matrices(bits, rows, columns);
  const Activations x(static_cast<int>(bench.range(1)), tokens, columns);
  std::vector<float> y(static_cast<std::size_t>(tokens * rows));
  std::size_t turn = 0;
  for ([[maybe_unused]] auto _ : bench) {
    const PackedWeights& w = of.weights[turn++ % of.weights.size()];
    const std::int64_t blocks = CodeFormat::blocks(w.rows);
    parallel_for((blocks + kBlocksOfTask - 1) / kBlocksOfTask, 1'000'000, [&](std::int64_t task) {
      multiply(w, task * kBlocksOfTask, std::min(blocks, (task + 1) * kBlocksOfTask), x.rows,
               y.data(), rows);
    });
    benchmark::DoNotOptimize(y.data());
  }
  count_work(bench, of.weights.front(), tokens);
  set_thread_count(0);
}

void product_cases(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t bits : {4, 8}) {
    for (const auto& [rows, columns] : {std::pair{10576, 2560}, std::pair{2560, 5120}}) {
      for (const std::int64_t tokens : {1, 8, 64, 512}) {
        for (const std::int64_t threads : {1, 2}) {
          bench->Args({bits, bits, rows, columns, tokens, threads});
        }
      }
    }
  }
  bench->Args({4, 8, 10576, 2560, 1, 1})->Args({4, 8, 10576, 2560, 64, 1});
}
BENCHMARK(product)->Apply(product_cases)->UseRealTime();

// One matrix that stays in the L2 cache, on one thread, with each instruction set. Arguments: bits,
// tokens, instruction set.
void product_in_cache(benchmark::State& bench) {
  const auto isa = static_cast<Isa>(bench.range(2));
  if (!is_supported(isa)) return bench.SkipWithError("not supported");
  const auto bits = static_cast<int>(bench.range(0));
  const std::int64_t tokens = bench.range(1);
  const std::unique_ptr<Matrices> of = make_matrices(bits, 256, 2560, 1);
  const PackedWeights& w = of->weights.front();
  const Activations x(bits, tokens, 2560);
  std::vector<float> y(static_cast<std::size_t>(tokens * 256));
  for ([[maybe_unused]] auto _ : bench) {
    product_kernels(isa).multiply(w, 0, CodeFormat::blocks(w.rows), x.rows, y.data(), 256);
    benchmark::DoNotOptimize(y.data());
  }
  count_work(bench, w, tokens);
}
BENCHMARK(product_in_cache)->ArgsProduct({{4, 8}, {1, 8, 64}, {2, 1}})->UseRealTime();
BENCHMARK(product_in_cache)->ArgsProduct({{4, 8}, {1}, {0}})->UseRealTime();

// Arguments: bits, tokens of 5120 columns, instruction set.
void quantize_activations(benchmark::State& bench) {
  const auto isa = static_cast<Isa>(bench.range(2));
  if (!is_supported(isa)) return bench.SkipWithError("not supported");
  const std::int64_t tokens = bench.range(1);
  const Activations x(4, tokens, 5120);
  const std::vector<float> values(static_cast<std::size_t>(tokens * 5120), 0.5F);
  for ([[maybe_unused]] auto _ : bench) {
    product_kernels(isa).quantize_rows({static_cast<int>(bench.range(0)), false, 1.0F},
                                       values.data(), 5120, x.rows);
    benchmark::DoNotOptimize(x.codes.data());
  }
  bench.counters["values_per_second"] =
      rate(static_cast<double>(tokens * 5120), bench.iterations());
}
BENCHMARK(quantize_activations)->ArgsProduct({{4, 8}, {1, 64}, {2, 1, 0}})->UseRealTime();

#if defined(__x86_64__)
__attribute__((target("avx2"))) void read_all(const std::uint8_t* bytes, std::int64_t count) {
  __m256i a = _mm256_setzero_si256();
  __m256i b = a;
  for (std::int64_t i = 0; i < count; i += 64) {
    a = _mm256_xor_si256(a, _mm256_load_si256(reinterpret_cast<const __m256i*>(bytes + i)));
    b = _mm256_xor_si256(b, _mm256_load_si256(reinterpret_cast<const __m256i*>(bytes + i + 32)));
  }
  a = _mm256_xor_si256(a, b);
  benchmark::DoNotOptimize(a);
}

// Argument: threads.
void read_memory(benchmark::State& bench) {
  if (!is_supported(Isa::avx2)) return bench.SkipWithError("not supported");
  constexpr std::int64_t kSlice = 64 * 4096;
  set_thread_count(static_cast<int>(bench.range(0)));
  const Matrices& of = matrices(4, 10576, 2560);
  const std::int64_t slices = std::ssize(of.codes) / kSlice;
  for ([[maybe_unused]] auto _ : bench) {
    parallel_for(slices, 1'000'000,
                 [&](std::int64_t i) { read_all(of.codes.data() + i * kSlice, kSlice); });
  }
  bench.counters["bytes_per_second"] =
      rate(static_cast<double>(slices * kSlice), bench.iterations());
  set_thread_count(0);
}
BENCHMARK(read_memory)->Arg(1)->Arg(2)->UseRealTime();

// vpdpbusd of registers: 64 products and as many sums each.
void multiplier_peak(benchmark::State& bench) {
  if (!is_supported(Isa::avx512)) return bench.SkipWithError("not supported");
  constexpr std::int64_t kRounds = 1000;
  for ([[maybe_unused]] auto _ : bench) {
    for (std::int64_t i = 0; i < kRounds; ++i) {
      asm volatile(
          "vpdpbusd %%zmm15, %%zmm14, %%zmm0\n vpdpbusd %%zmm15, %%zmm14, %%zmm1\n"
          "vpdpbusd %%zmm15, %%zmm14, %%zmm2\n vpdpbusd %%zmm15, %%zmm14, %%zmm3\n"
          "vpdpbusd %%zmm15, %%zmm14, %%zmm4\n vpdpbusd %%zmm15, %%zmm14, %%zmm5\n"
          "vpdpbusd %%zmm15, %%zmm14, %%zmm6\n vpdpbusd %%zmm15, %%zmm14, %%zmm7\n"
          "vpdpbusd %%zmm15, %%zmm14, %%zmm8\n vpdpbusd %%zmm15, %%zmm14, %%zmm9\n"
          "vpdpbusd %%zmm15, %%zmm14, %%zmm10\n vpdpbusd %%zmm15, %%zmm14, %%zmm11\n" ::
              : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                "xmm10", "xmm11");
    }
  }
  bench.counters["operations_per_second"] = rate(kRounds * 12 * 128.0, bench.iterations());
}
BENCHMARK(multiplier_peak)->UseRealTime();
#endif

}  // namespace
}  // namespace lightmamba
