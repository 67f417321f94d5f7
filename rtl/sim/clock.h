// The clock and the reset of a verilated unit.
#pragma once

#include <functional>

namespace lightmamba::accel {

// The outputs of a cycle, after its inputs have been set and before the clock rises.
template <typename Unit>
void settle(Unit& unit) {
  unit.clk_i = 0;
  unit.eval();
}

template <typename Unit>
void rise(Unit& unit) {
  unit.clk_i = 1;
  unit.eval();
}

// A whole cycle whose outputs nobody looks at.
template <typename Unit>
void tick(Unit& unit) {
  settle(unit);
  rise(unit);
}

template <typename Unit>
void reset(Unit& unit) {
  unit.rst_ni = 0;
  tick(unit);
  unit.rst_ni = 1;
}

// The same of a unit of any class.
struct Clock {
  std::function<void()> settle, rise, reset;
};

template <typename Unit>
Clock clock_of(Unit& unit) {
  return {.settle = [&unit] { settle(unit); },
          .rise = [&unit] { rise(unit); },
          .reset = [&unit] { reset(unit); }};
}

}  // namespace lightmamba::accel
