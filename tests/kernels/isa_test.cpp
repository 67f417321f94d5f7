#include "kernels/isa.h"

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

}  // namespace
}  // namespace lightmamba
