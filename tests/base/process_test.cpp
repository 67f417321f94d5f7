#include "base/process.h"

#include "support/errors.h"

namespace lightmamba {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

ProgramResult shell(const std::string& script, std::string_view input = {}) {
  return run_program({"sh", "-c", script}, input, "");
}

TEST(Process, ReturnsOutputErrorsAndExitCode) {
  const ProgramResult result = shell("cat; echo trouble >&2; exit 3", "in\n");
  EXPECT_EQ(result.out, "in\n");
  EXPECT_EQ(result.err, "trouble\n");
  EXPECT_EQ(result.exit_code, 3);
}

TEST(Process, MovesMoreThanAPipeHoldsBothWays) {
  std::string input(3'000'000, 'a');
  input += "end";
  EXPECT_EQ(run_program({"cat"}, input, "").out, input);
}

TEST(Process, InputMayBeLeftUnread) {
  const ProgramResult result = shell("exit 0", std::string(3'000'000, 'a'));
  EXPECT_EQ(result.exit_code, 0);
}

TEST(Process, ASignalIsNoExitCode) { EXPECT_EQ(shell("kill -9 $$").exit_code, -1); }

TEST(Process, WordsAreNotReadByAShell) {
  EXPECT_EQ(run_program({"echo", "$HOME;", "a  b"}, "", "").out, "$HOME; a  b\n");
}

TEST(Process, AMissingProgramIsAnErrorThatSaysWhereToGetIt) {
  EXPECT_THAT(test::error_of([] { run_program({"no-such-program"}, "", "look there"); }),
              AllOf(HasSubstr("cannot start no-such-program"), HasSubstr("look there")));
}

}  // namespace
}  // namespace lightmamba
