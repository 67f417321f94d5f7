#include "kernels/isa.h"

#include <lightmamba/runtime.h>

#include "support/errors.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

TEST(Isa, NamesAreReadBack) {
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    EXPECT_EQ(parse_isa(isa_name(isa)), isa);
  }
  EXPECT_THAT(test::error_of([] { parse_isa("sse9"); }),
              HasSubstr("unknown instruction set 'sse9': expected one of scalar, avx2, avx512"));
}

TEST(Isa, TheBestOneIsTakenUnlessAnotherIsSet) {
  const std::vector<Isa> isas = supported_isas();
  EXPECT_EQ(isas.front(), Isa::scalar);
  for (const Isa isa : isas) {
    set_isa(isa);
    EXPECT_EQ(current_isa(), isa);
  }
}

TEST(Isa, InstructionSetsAreChosenByName) {
  const Isa best = current_isa();
  std::vector<std::string_view> names;
  for (const Isa isa : supported_isas()) {
    names.push_back(isa_name(isa));
    set_instruction_set(names.back());
    EXPECT_EQ(current_isa(), isa);
    EXPECT_EQ(instruction_set(), names.back());
  }
  EXPECT_EQ(instruction_sets(), names);
  set_isa(best);
  EXPECT_THAT(test::error_of([] { set_instruction_set("sse9"); }), HasSubstr("'sse9'"));
  EXPECT_EQ(current_isa(), best);
}

}  // namespace
}  // namespace lightmamba
