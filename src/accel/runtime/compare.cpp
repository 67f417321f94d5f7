#include "accel/runtime/compare.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include <lightmamba/error.h>

namespace lightmamba::accel {
namespace {

struct Names {
  std::string_view unit;
  std::vector<std::string_view> fields;  // of an element
};

const Names& names_of(ProbePoint unit) {
  static const std::array<Names, 8> names = {
      {{"residual", {""}},
       {"blocks", {"code", "exponent"}},
       {"decay", {"mantissa of dt", "exponent of dt", "mantissa of 1 - a", "exponent of 1 - a"}},
       {"conv", {"code", "exponent"}},
       {"y", {""}},
       {"gated", {""}},
       {"rotated", {""}},
       {"logits", {""}}}};
  return names[static_cast<std::size_t>(unit)];
}

// What a unit has given in a layer.
struct UnitValues {
  ProbePoint unit;
  std::int64_t layer;
  std::vector<std::int64_t> values;
};

Probe record(std::vector<UnitValues>& outputs) {
  return [&](ProbePoint unit, std::int64_t layer, std::span<const std::int64_t> values) {
    outputs.push_back({unit, layer, {values.begin(), values.end()}});
  };
}

std::optional<std::int64_t> value_at(std::span<const std::int64_t> values, std::size_t index) {
  if (index >= values.size() || values[index] == kNotGiven) return std::nullopt;
  return values[index];
}

class TokenComparison {
 public:
  // What is missing differs, unless the token was cut short.
  TokenComparison(Comparison& result, bool is_cut_short)
      : result_(result), is_cut_short_(is_cut_short) {}

  void compare_units(const std::vector<UnitValues>& expected,
                     const std::vector<UnitValues>& actual) {
    const auto values_of = [](const std::vector<UnitValues>& outputs, const UnitValues& like) {
      const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const UnitValues& each) {
        return each.unit == like.unit && each.layer == like.layer;
      });
      return found == outputs.end() ? std::span<const std::int64_t>() : found->values;
    };
    for (const UnitValues& each : expected) {
      compare_values(names_of(each.unit), each.layer, each.values, values_of(actual, each));
    }
    for (const UnitValues& each : actual) {
      if (values_of(expected, each).empty()) {
        compare_values(names_of(each.unit), each.layer, {}, each.values);
      }
    }
  }

  // What the host reads.
  void compare_answers(const StepResult& expected, const StepResult& actual, std::int64_t layer) {
    static const Names kMemory = {"logits in memory", {""}};
    static const Names kRegisters = {"registers", {"token", "logit"}};
    const auto logits = [](const StepResult& step) {
      return std::vector<std::int64_t>(step.logits.begin(), step.logits.end());
    };
    const auto best = [](const StepResult& step) {
      return step.argmax ? std::vector<std::int64_t>{step.argmax->token, step.argmax->logit}
                         : std::vector<std::int64_t>();
    };
    compare_values(kMemory, layer, logits(expected), logits(actual));
    compare_values(kRegisters, layer, best(expected), best(actual));
  }

 private:
  void compare_values(const Names& names, std::int64_t layer,
                      std::span<const std::int64_t> expected,
                      std::span<const std::int64_t> actual) {
    for (std::size_t i = 0; i < std::max(expected.size(), actual.size()); ++i) {
      if (result_.difference) return;
      const std::optional<std::int64_t> want = value_at(expected, i);
      const std::optional<std::int64_t> have = value_at(actual, i);
      if (!have && is_cut_short_) continue;
      ++result_.values;
      if (want == have) continue;
      result_.difference = Difference{.token = result_.tokens,
                                      .layer = layer,
                                      .unit = names.unit,
                                      .element = static_cast<std::int64_t>(i / names.fields.size()),
                                      .field = names.fields[i % names.fields.size()],
                                      .expected = want,
                                      .actual = have};
    }
  }

  Comparison& result_;
  bool is_cut_short_;
};

}  // namespace

std::string Difference::text() const {
  const auto value = [](const std::optional<std::int64_t>& each) {
    return each ? std::to_string(*each) : std::string("nothing");
  };
  return fmt::format("token {}, layer {}, {}, element {}{}{}: {} instead of {}", token, layer, unit,
                     element, field.empty() ? "" : ", ", field, value(actual), value(expected));
}

Comparison compare(Accelerator& expected, Accelerator& actual, std::span<const TokenId> prompt,
                   std::int64_t max_tokens, const std::function<void(std::int64_t)>& progress) {
  Comparison result;
  std::vector<UnitValues> golden;
  std::vector<UnitValues> tested;
  expected.set_probe(record(golden));
  actual.set_probe(record(tested));
  expected.reset();
  actual.reset();
  std::vector<TokenId> sequence(prompt.begin(), prompt.end());
  while (result.tokens < std::ssize(sequence) && !result.difference && result.error.empty()) {
    golden.clear();
    tested.clear();
    const TokenId token = sequence[static_cast<std::size_t>(result.tokens)];
    const StepResult want = expected.step(token, Output::logits);
    StepResult have;
    try {
      have = actual.step(token, Output::logits);
    } catch (const Error& error) {
      result.error = error.what();
    }
    TokenComparison comparison(result, !result.error.empty());
    comparison.compare_units(golden, tested);
    if (result.error.empty()) comparison.compare_answers(want, have, golden.back().layer);
    result.counters += have.counters;
    result.traffic += have.traffic;
    ++result.tokens;
    if (result.tokens >= std::ssize(prompt) && std::ssize(result.ids) < max_tokens) {
      result.ids.push_back(want.argmax->token);
      if (std::ssize(result.ids) < max_tokens) sequence.push_back(want.argmax->token);
    }
    if (progress) progress(result.tokens);
  }
  expected.set_probe({});
  actual.set_probe({});
  return result;
}

}  // namespace lightmamba::accel
