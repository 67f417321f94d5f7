// Dense linear algebra by BLAS and LAPACK. Each call runs on the calling thread: we split work by
// shape, so that results do not depend on the number of threads.
#pragma once

#include <cstdint>

namespace lightmamba::blas {

struct Size {
  std::int64_t m, n, k;
};

// A row-major matrix; `stride` is the distance between its rows in elements.
struct Operand {
  const float* data;
  std::int64_t stride;
  bool transpose = false;
};
struct Result {
  float* data;
  std::int64_t stride;
};

inline Operand transposed(Operand operand) {
  operand.transpose = !operand.transpose;
  return operand;
}

// C[m, n] = alpha op(A)[m, k] op(B)[k, n] + beta C
void multiply(Size size, float alpha, Operand a, Operand b, float beta, Result c);

// C += Aᵀ A for A[k, n], on and above the diagonal of C[n, n]; elements below it do not change
void add_gram(std::int64_t n, std::int64_t k, const float* a, std::int64_t stride, Result c);

// y[rows] = A[rows, columns] x[columns], A dense
void multiply_vector(std::int64_t rows, std::int64_t columns, const float* a, const float* x,
                     float* y);

// A = L Lᵀ for a symmetric row-major A[n, n]: its lower triangle is replaced by L, the rest is not
// used. Returns false, with A destroyed, if A is not positive definite.
[[nodiscard]] bool cholesky(std::int64_t n, double* a);

// Replaces a lower triangular row-major L[n, n] by its inverse; elements above the diagonal are not
// used. The diagonal must not be zero.
void invert_lower(std::int64_t n, double* l);

}  // namespace lightmamba::blas
