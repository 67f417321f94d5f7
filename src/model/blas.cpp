#include "model/blas.h"

#include <cblas.h>

// LAPACK stores matrices by columns: its upper triangle is our lower one.
extern "C" {
// NOLINTBEGIN(readability-identifier-naming)
void dpotrf_(const char* triangle, const blasint* n, double* a, const blasint* stride,
             blasint* info);
void dtrtri_(const char* triangle, const char* diagonal, const blasint* n, double* a,
             const blasint* stride, blasint* info);
// NOLINTEND(readability-identifier-naming)
}

namespace lightmamba::blas {
namespace {

// OpenBLAS otherwise starts threads of its own inside each of ours.
void use_one_thread() {
  [[maybe_unused]] static const bool done = [] {
    openblas_set_num_threads(1);
    return true;
  }();
}

blasint narrow(std::int64_t value) { return static_cast<blasint>(value); }

CBLAS_TRANSPOSE flag(const Operand& operand) {
  return operand.transpose ? CblasTrans : CblasNoTrans;
}

}  // namespace

void multiply(Size size, float alpha, Operand a, Operand b, float beta, Result c) {
  use_one_thread();
  cblas_sgemm(CblasRowMajor, flag(a), flag(b), narrow(size.m), narrow(size.n), narrow(size.k),
              alpha, a.data, narrow(a.stride), b.data, narrow(b.stride), beta, c.data,
              narrow(c.stride));
}

void add_gram(std::int64_t n, std::int64_t k, const float* a, std::int64_t stride, Result c) {
  use_one_thread();
  cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, narrow(n), narrow(k), 1.0F, a, narrow(stride),
              1.0F, c.data, narrow(c.stride));
}

void multiply_vector(std::int64_t rows, std::int64_t columns, const float* a, const float* x,
                     float* y) {
  use_one_thread();
  cblas_sgemv(CblasRowMajor, CblasNoTrans, narrow(rows), narrow(columns), 1.0F, a, narrow(columns),
              x, 1, 0.0F, y, 1);
}

bool cholesky(std::int64_t n, double* a) {
  use_one_thread();
  const blasint order = narrow(n);
  blasint info = 0;
  dpotrf_("U", &order, a, &order, &info);
  return info == 0;
}

void invert_lower(std::int64_t n, double* l) {
  use_one_thread();
  const blasint order = narrow(n);
  blasint info = 0;
  dtrtri_("U", "N", &order, l, &order, &info);
}

}  // namespace lightmamba::blas
