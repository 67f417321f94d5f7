// Asserting that bad input is refused with a message that says why.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include <lightmamba/error.h>

namespace lightmamba::test {

// The message of the Error that `body` throws; the test fails if it throws none.
template <typename Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return {};
}

}  // namespace lightmamba::test
