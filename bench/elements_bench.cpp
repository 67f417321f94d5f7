// Speed of the element kernels on one core at the sizes of the 2.7B model, for each instruction
// set. bytes_per_second counts what must be read and written.
#include <benchmark/benchmark.h>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "kernels/elements.h"
#include "quant/dither.h"
#include "quant/hadamard.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kModel = 2560;
constexpr std::int64_t kInner = 5120;
constexpr std::int64_t kHeads = 80;
constexpr std::int64_t kHeaddim = 64;
constexpr std::int64_t kState = 128;
constexpr std::int64_t kConv = kInner + 2 * kState;
constexpr std::int64_t kLayers = 64;

using Values = AlignedVector<float>;

Values some_values(std::int64_t count, std::uint64_t seed = 0) {
  const std::vector<float> first = random_signs(count, 2 * seed);
  const std::vector<float> second = random_signs(count, 2 * seed + 1);
  Values values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = first[i] + 0.3F * second[i] + 0.01F * static_cast<float>(i % 17);
  }
  return values;
}

const ElementKernels& kernels_of(const benchmark::State& bench) {
  return element_kernels(static_cast<Isa>(bench.range(0)));
}

void count_bytes(benchmark::State& bench, std::int64_t each) {
  bench.SetBytesProcessed(bench.iterations() * each);
  bench.SetLabel(std::string(isa_name(static_cast<Isa>(bench.range(0)))));
}

template <MapKernel ElementKernels::*kKernel>
void map_row(benchmark::State& bench) {
  const Values x = some_values(kInner);
  Values out(x.size());
  for ([[maybe_unused]] auto _ : bench) {
    (kernels_of(bench).*kKernel)(x.data(), kInner, out.data());
    benchmark::DoNotOptimize(out.data());
  }
  count_bytes(bench, kInner * 8);
}

void add_row(benchmark::State& bench) {
  const Values x = some_values(kModel);
  Values sum(x.size());
  for ([[maybe_unused]] auto _ : bench) {
    kernels_of(bench).add(x.data(), kModel, sum.data());
    benchmark::DoNotOptimize(sum.data());
  }
  count_bytes(bench, kModel * 12);
}

void gate_row(benchmark::State& bench) {
  const Values z(static_cast<std::size_t>(kInner), 2.0F);
  Values y = some_values(kInner);
  for ([[maybe_unused]] auto _ : bench) {
    kernels_of(bench).gate(z.data(), kInner, y.data());
    benchmark::DoNotOptimize(y.data());
    y.back() = 1;
  }
  count_bytes(bench, kInner * 12);
}

void rmsnorm_row(benchmark::State& bench) {
  const Values x = some_values(kInner);
  const Values gain = some_values(kInner, 1);
  Values out(x.size());
  for ([[maybe_unused]] auto _ : bench) {
    kernels_of(bench).rmsnorm(x.data(), gain.data(), nullptr, 1e-5F, kInner, 1, out.data());
    benchmark::DoNotOptimize(out.data());
  }
  count_bytes(bench, kInner * 12);
}

void conv_tokens(benchmark::State& bench) {
  const std::int64_t tokens = bench.range(1);
  const Values weights = some_values(4 * kConv);
  const Values bias = some_values(kConv, 1);
  const Values input = some_values((tokens + 3) * kConv, 2);
  Values out(static_cast<std::size_t>(tokens * kConv));
  for ([[maybe_unused]] auto _ : bench) {
    kernels_of(bench).conv_silu({.tokens = tokens,
                                 .channels = kConv,
                                 .d_conv = 4,
                                 .weights = weights.data(),
                                 .weight_stride = kConv,
                                 .bias = bias.data(),
                                 .input = input.data(),
                                 .input_stride = kConv,
                                 .out = out.data(),
                                 .out_stride = kConv});
    benchmark::DoNotOptimize(out.data());
  }
  count_bytes(bench, (2 * tokens + 3 + 5) * kConv * 4);
}

void round_groups(benchmark::State& bench) {
  Values x = some_values(kInner);
  for ([[maybe_unused]] auto _ : bench) {
    kernels_of(bench).round_power_of_two_groups(1, kInner, 128, x.data());
    benchmark::DoNotOptimize(x.data());
  }
  count_bytes(bench, kInner * 8);
}

void round_significands(benchmark::State& bench) {
  Values x(static_cast<std::size_t>(kInner), 1.3F);
  for ([[maybe_unused]] auto _ : bench) {
    kernels_of(bench).round_significand(8, kInner, x.data());
    benchmark::DoNotOptimize(x.data());
  }
  count_bytes(bench, kInner * 8);
}

void hadamard_row(benchmark::State& bench) {
  const std::int64_t d = bench.range(1);
  const HadamardShape shape = hadamard_shape(d);
  const std::int64_t order = bench.range(2) == 0 ? shape.m : bench.range(2);
  const std::vector<std::int8_t> entries = hadamard_matrix(order);
  const Values matrix(entries.begin(), entries.end());
  Values x = some_values(d);
  Values scratch(x.size());
  for ([[maybe_unused]] auto _ : bench) {
    kernels_of(bench).hadamard(
        {.d = d, .n = shape.n, .order = order, .matrix = matrix.data(), .scratch = scratch.data()},
        x.data());
    benchmark::DoNotOptimize(x.data());
  }
  count_bytes(bench, d * 8);
}

// One token through all layers, so that the state comes from memory. bytes_per_second counts the
// state alone, read and written.
void ssm_token(benchmark::State& bench) {
  const StateLayout layout =
      state_layout(static_cast<StateFormat>(bench.range(1)), kHeaddim, kState);
  AlignedVector<std::byte> state(static_cast<std::size_t>(kLayers * kHeads * layout.head_bytes));
  const Values x = some_values(kInner);
  const Values B = some_values(kState, 1);
  const Values C = some_values(kState, 2);
  const Values dt(static_cast<std::size_t>(kHeads), 0.1F);
  const Values decay(static_cast<std::size_t>(kHeads), 0.9F);
  Values y(x.size());
  Values scratch(static_cast<std::size_t>(2 * layout.row));
  std::int64_t position = 0;
  for ([[maybe_unused]] auto _ : bench) {
    for (std::int64_t layer = 0; layer < kLayers; ++layer) {
      const SsmToken token = {.x = x.data(),
                              .B = B.data(),
                              .C = C.data(),
                              .dt = dt.data(),
                              .decay = decay.data(),
                              .dither = state_dither(layer, position),
                              .y = y.data()};
      kernels_of(bench).ssm_step({.layout = layout,
                                  .first_head = 0,
                                  .end_head = kHeads,
                                  .heads_per_group = kHeads,
                                  .D = dt.data(),
                                  .tokens = &token,
                                  .count = 1,
                                  .stored = 1,
                                  .state = state.data() + layer * kHeads * layout.head_bytes,
                                  .scratch = scratch.data()});
    }
    ++position;
    benchmark::DoNotOptimize(y.data());
  }
  count_bytes(bench, 2 * std::ssize(state));
  bench.SetLabel(std::string(isa_name(static_cast<Isa>(bench.range(0)))) + " " +
                 std::string(state_format_name(static_cast<StateFormat>(bench.range(1)))));
}

// Calls `add` with the number of each instruction set there is.
template <typename Add>
bool for_each_isa(const Add& add) {
  for (const Isa isa : supported_isas()) add(static_cast<std::int64_t>(isa));
  return true;
}

void per_isa(benchmark::internal::Benchmark* bench) {
  for_each_isa([&](std::int64_t isa) { bench->Args({isa}); });
}

BENCHMARK(map_row<&ElementKernels::exp>)->Name("exp")->Apply(per_isa);
BENCHMARK(map_row<&ElementKernels::silu>)->Name("silu")->Apply(per_isa);
BENCHMARK(map_row<&ElementKernels::softplus>)->Name("softplus")->Apply(per_isa);
BENCHMARK(add_row)->Apply(per_isa);
BENCHMARK(gate_row)->Apply(per_isa);
BENCHMARK(rmsnorm_row)->Apply(per_isa);
BENCHMARK(conv_tokens)->Apply([](benchmark::internal::Benchmark* bench) {
  for_each_isa([&](std::int64_t isa) { bench->Args({isa, 1})->Args({isa, 64}); });
});
BENCHMARK(round_groups)->Apply(per_isa);
BENCHMARK(round_significands)->Apply(per_isa);
BENCHMARK(hadamard_row)->Apply([](benchmark::internal::Benchmark* bench) {
  // 20 is the order from which 40 is doubled.
  for_each_isa([&](std::int64_t isa) {
    bench->Args({isa, 2560, 0})->Args({isa, 5120, 0})->Args({isa, 5120, 20});
  });
});
BENCHMARK(ssm_token)
    ->Unit(benchmark::kMillisecond)
    ->Apply([](benchmark::internal::Benchmark* bench) {
      for_each_isa([&](std::int64_t isa) {
        for (const std::int64_t format : {0, 1, 2, 3}) bench->Args({isa, format});
      });
    });

}  // namespace
}  // namespace lightmamba
