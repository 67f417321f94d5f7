// The shipped model and the beginning of the text beside it.
#pragma once

#include <cstddef>
#include <gtest/gtest.h>
#include <vector>

#include <lightmamba/load.h>
#include <lightmamba/model.h>

#include "support/paths.h"

namespace lightmamba::test {

// Loaded once by each program.
inline const Model& shipped() {
  static const Model model = open_model(shipped_model());
  return model;
}

// So many tokens of the calibration text.
inline std::vector<TokenId> some_text(std::size_t tokens) {
  std::vector<TokenId> ids =
      shipped().tokenizer().encode(read_file(shipped_model() / "calibration.txt"));
  EXPECT_GE(ids.size(), tokens);
  ids.resize(tokens);
  return ids;
}

}  // namespace lightmamba::test
