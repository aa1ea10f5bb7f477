// Fused bf16 batch-norm / ReLU kernels for training a DenseNet on AVX-512 CPUs.
//
// Every activation is a channels-last matrix of `rows` (= batch * height * width)
// by `channels`.  A leading dimension (`ld*`) larger than `channels` addresses a
// channel slice of a wider dense-block buffer.  Statistics and channel vectors
// are float32; activations are bfloat16.
//
// train.py compiles this file and calls it through ctypes.

#include <immintrin.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

using bf16 = uint16_t;
constexpr long kLanes = 16;
constexpr long kTileRows = 16;

constexpr __mmask16 kFull = 0xffff;

// The compiler hoists the test for a full vector out of the row loops; masked
// accesses are much slower than plain ones.
inline __m512 load(const bf16* p, __mmask16 m) {
  const __m256i raw = m == kFull ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))
                                 : _mm256_maskz_loadu_epi16(m, p);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(raw), 16));
}

inline __m512 load(const float* p, __mmask16 m) { return _mm512_maskz_loadu_ps(m, p); }

inline void store(bf16* p, __mmask16 m, __m512 v) {
  const __m256i raw = (__m256i)_mm512_cvtneps_pbh(v);
  if (m == kFull) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), raw);
  } else {
    _mm256_mask_storeu_epi16(p, m, raw);
  }
}

inline __m512 relu(__m512 v) { return _mm512_max_ps(v, _mm512_setzero_ps()); }

// g where s * x + t > 0, else 0: the gradient that passes a ReLU.
inline __m512 gate(__m512 g, __m512 x, __m512 s, __m512 t) {
  const __m512 z = _mm512_fmadd_ps(s, x, t);
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(z, _mm512_setzero_ps(), _CMP_GT_OQ), g);
}

// Calls body(c, mask, row_begin, row_end, thread) for every 16-channel column of
// every tile of rows; each thread owns one contiguous range of rows.
template <class Body>
void for_each_tile(long rows, long channels, Body body) {
#pragma omp parallel
  {
    const long threads = omp_get_num_threads(), thread = omp_get_thread_num();
    const long begin = rows * thread / threads, end = rows * (thread + 1) / threads;
    for (long r = begin; r < end; r += kTileRows) {
      const long tile_end = std::min(r + kTileRows, end);
      for (long c = 0; c < channels; c += kLanes) {
        const long left = std::min(kLanes, channels - c);
        body(c, static_cast<__mmask16>((1u << left) - 1), r, tile_end, thread);
      }
    }
  }
}

// Two per-channel sums, accumulated per thread and then combined.
class ChannelSums {
 public:
  explicit ChannelSums(long channels)
      : width_((channels + kLanes - 1) / kLanes * kLanes),
        data_(2 * width_ * omp_get_max_threads(), 0.f) {}

  void add(long thread, long c, __m512 a, __m512 b) {
    float* p = data_.data() + 2 * width_ * thread + c;
    _mm512_storeu_ps(p, _mm512_add_ps(_mm512_loadu_ps(p), a));
    p += width_;
    _mm512_storeu_ps(p, _mm512_add_ps(_mm512_loadu_ps(p), b));
  }

  float first(long c) const { return total(c); }
  float second(long c) const { return total(width_ + c); }

 private:
  float total(long i) const {
    float sum = 0;
    for (size_t base = 0; base < data_.size(); base += 2 * width_) sum += data_[base + i];
    return sum;
  }

  long width_;
  std::vector<float> data_;
};

void batch_stats(const bf16* x, long rows, long channels, float eps, float* mean, float* rstd) {
  ChannelSums sums(channels);
  for_each_tile(rows, channels, [&](long c, __mmask16 m, long r, long end, long thread) {
    __m512 sum = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
    for (; r < end; ++r) {
      const __m512 v = load(x + r * channels + c, m);
      sum = _mm512_add_ps(sum, v);
      squares = _mm512_fmadd_ps(v, v, squares);
    }
    sums.add(thread, c, sum, squares);
  });
  for (long c = 0; c < channels; ++c) {
    mean[c] = sums.first(c) / rows;
    const float var = std::max(0.f, sums.second(c) / rows - mean[c] * mean[c]);
    rstd[c] = 1.f / std::sqrt(var + eps);
  }
}

// y = s * x + t, through a ReLU when kRelu.
template <bool kRelu>
void affine(const bf16* x, long ldx, const float* s, const float* t, bf16* y, long ldy,
            long rows, long channels) {
  for_each_tile(rows, channels, [&](long c, __mmask16 m, long r, long end, long) {
    const __m512 scale = load(s + c, m), shift = load(t + c, m);
    for (; r < end; ++r) {
      const __m512 v = _mm512_fmadd_ps(load(x + r * ldx + c, m), scale, shift);
      store(y + r * ldy + c, m, kRelu ? relu(v) : v);
    }
  });
}

// Batch norm as s * x + t.
void fold_batch_norm(long channels, const float* gamma, const float* beta, const float* mean,
                     const float* rstd, float* s, float* t) {
  for (long c = 0; c < channels; ++c) {
    s[c] = gamma[c] * rstd[c];
    t[c] = beta[c] - mean[c] * s[c];
  }
}

}  // namespace

extern "C" {

// out[:, :channels] = (x - mean) * rstd with the batch statistics of x.
void normalise_forward(const bf16* x, long rows, long channels, float eps, float* mean,
                       float* rstd, bf16* out, long ld_out) {
  batch_stats(x, rows, channels, eps, mean, rstd);
  std::vector<float> shift(channels);
  for (long c = 0; c < channels; ++c) shift[c] = -mean[c] * rstd[c];
  affine<false>(x, channels, rstd, shift.data(), out, ld_out, rows, channels);
}

// Gradient of normalise_forward with respect to x.
void normalise_backward(const bf16* grad, const bf16* xhat, long ld, long rows, long channels,
                        const float* rstd, bf16* dx) {
  ChannelSums sums(channels);
  for_each_tile(rows, channels, [&](long c, __mmask16 m, long r, long end, long thread) {
    __m512 sum = _mm512_setzero_ps(), dot = _mm512_setzero_ps();
    for (; r < end; ++r) {
      const __m512 g = load(grad + r * ld + c, m);
      sum = _mm512_add_ps(sum, g);
      dot = _mm512_fmadd_ps(g, load(xhat + r * ld + c, m), dot);
    }
    sums.add(thread, c, sum, dot);
  });
  std::vector<float> slope(channels), offset(channels);
  for (long c = 0; c < channels; ++c) {
    slope[c] = -rstd[c] * sums.second(c) / rows;
    offset[c] = -rstd[c] * sums.first(c) / rows;
  }
  for_each_tile(rows, channels, [&](long c, __mmask16 m, long r, long end, long) {
    const __m512 a = load(rstd + c, m), b = load(&slope[c], m), d = load(&offset[c], m);
    for (; r < end; ++r) {
      const __m512 x = load(xhat + r * ld + c, m), g = load(grad + r * ld + c, m);
      store(dx + r * channels + c, m, _mm512_fmadd_ps(a, g, _mm512_fmadd_ps(b, x, d)));
    }
  });
}

// out = relu(gamma * xhat + beta): batch norm of features that are already normalised.
void affine_relu_forward(const bf16* xhat, long ld, long rows, long channels, const float* gamma,
                         const float* beta, bf16* out) {
  affine<true>(xhat, ld, gamma, beta, out, channels, rows, channels);
}

// Gradients of affine_relu_forward; d_xhat is accumulated into (or set when `overwrite`).
void affine_relu_backward(const bf16* grad, const bf16* xhat, long ld, long rows, long channels,
                          const float* gamma, const float* beta, float* d_gamma, float* d_beta,
                          bf16* d_xhat, int overwrite) {
  ChannelSums sums(channels);
  for_each_tile(rows, channels, [&](long c, __mmask16 m, long r, long end, long thread) {
    const __m512 s = load(gamma + c, m), t = load(beta + c, m);
    __m512 sum = _mm512_setzero_ps(), dot = _mm512_setzero_ps();
    for (; r < end; ++r) {
      const __m512 x = load(xhat + r * ld + c, m);
      const __m512 g = gate(load(grad + r * channels + c, m), x, s, t);
      sum = _mm512_add_ps(sum, g);
      dot = _mm512_fmadd_ps(g, x, dot);
      bf16* d = d_xhat + r * ld + c;
      store(d, m, _mm512_fmadd_ps(g, s, overwrite ? _mm512_setzero_ps() : load(d, m)));
    }
    sums.add(thread, c, sum, dot);
  });
  for (long c = 0; c < channels; ++c) {
    d_beta[c] = sums.first(c);
    d_gamma[c] = sums.second(c);
  }
}

// out = relu(batch_norm(x)).
void bn_relu_forward(const bf16* x, long rows, long channels, float eps, const float* gamma,
                     const float* beta, float* mean, float* rstd, bf16* out) {
  batch_stats(x, rows, channels, eps, mean, rstd);
  std::vector<float> s(channels), t(channels);
  fold_batch_norm(channels, gamma, beta, mean, rstd, s.data(), t.data());
  affine<true>(x, channels, s.data(), t.data(), out, channels, rows, channels);
}

// Gradients of bn_relu_forward.
void bn_relu_backward(const bf16* grad, const bf16* x, long rows, long channels,
                      const float* gamma, const float* beta, const float* mean, const float* rstd,
                      float* d_gamma, float* d_beta, bf16* dx) {
  std::vector<float> s(channels), t(channels), slope(channels), offset(channels);
  fold_batch_norm(channels, gamma, beta, mean, rstd, s.data(), t.data());
  ChannelSums sums(channels);
  for_each_tile(rows, channels, [&](long c, __mmask16 m, long r, long end, long thread) {
    const __m512 scale = load(&s[c], m), shift = load(&t[c], m);
    __m512 sum = _mm512_setzero_ps(), dot = _mm512_setzero_ps();
    for (; r < end; ++r) {
      const __m512 v = load(x + r * channels + c, m);
      const __m512 g = gate(load(grad + r * channels + c, m), v, scale, shift);
      sum = _mm512_add_ps(sum, g);
      dot = _mm512_fmadd_ps(g, v, dot);
    }
    sums.add(thread, c, sum, dot);
  });
  for (long c = 0; c < channels; ++c) {
    d_beta[c] = sums.first(c);
    d_gamma[c] = rstd[c] * (sums.second(c) - mean[c] * sums.first(c));
    slope[c] = -s[c] * rstd[c] * d_gamma[c] / rows;
    offset[c] = -s[c] * d_beta[c] / rows - slope[c] * mean[c];
  }
  for_each_tile(rows, channels, [&](long c, __mmask16 m, long r, long end, long) {
    const __m512 scale = load(&s[c], m), shift = load(&t[c], m);
    const __m512 b = load(&slope[c], m), d = load(&offset[c], m);
    for (; r < end; ++r) {
      const __m512 v = load(x + r * channels + c, m);
      const __m512 g = gate(load(grad + r * channels + c, m), v, scale, shift);
      store(dx + r * channels + c, m, _mm512_fmadd_ps(scale, g, _mm512_fmadd_ps(b, v, d)));
    }
  });
}

}  // extern "C"
