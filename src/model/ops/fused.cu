// One softmax over two lists of scores: those of the prefix that all rows of a batch see, and those of each row's own
// columns. Compiled when it is first run, so without CUDA's headers: half formats are widened and narrowed here.

struct f16 {
    unsigned short bits;
};
struct bf16 {
    unsigned short bits;
};

__device__ __forceinline__ float wide(float x) { return x; }
__device__ __forceinline__ float wide(f16 x) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
    return y;
}
__device__ __forceinline__ float wide(bf16 x) { return __uint_as_float((unsigned)x.bits << 16); }

__device__ __forceinline__ void narrow(float x, float *out) { *out = x; }
__device__ __forceinline__ void narrow(float x, f16 *out) {
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out->bits) : "f"(x));
}
__device__ __forceinline__ void narrow(float x, bf16 *out) {
    unsigned bits = __float_as_uint(x);
    // To the nearest, ties to even; a NaN stays one.
    out->bits = x == x ? (bits + 0x7fff + ((bits >> 16) & 1)) >> 16 : 0x7fc0;
}

// The running maximum and the sum of exponentials beside it take in one more score.
__device__ __forceinline__ void take(float x, float &most, float &sum) {
    if (x > most) {
        sum = sum * __expf(most - x) + 1.0f;
        most = x;
    } else if (x > -__int_as_float(0x7f800000) || x != x) {
        sum += __expf(x - most);
    }
}

// A warp for each list of scores, `before` of the prefix, of which the first `tokens` count. `out` has the weights of all prefixes first, then those of all own columns.
template <typename T>
__device__ void soft(const T *prefix, const T *own, const float *mask, T *out, long long lists, int tokens, int before,
                     int columns, int queries, int repeat, int rows, float scale) {
    const long long list = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    const int lane = threadIdx.x % 32;
    if (list >= lists) {
        return;
    }
    const long long row = list / queries / repeat % rows;
    const float *seen = mask + (row * queries + list % queries) * columns;
    const T *a = prefix + list * before;
    const T *b = own + list * columns;
    float most = -__int_as_float(0x7f800000), sum = 0.0f;
    for (int i = lane; i < tokens; i += 32) {
        take(wide(a[i]) * scale, most, sum);
    }
    for (int i = lane; i < columns; i += 32) {
        take(wide(b[i]) * scale + seen[i], most, sum);
    }
    float all = most;
    for (int step = 16; step > 0; step /= 2) {
        all = fmaxf(all, __shfl_xor_sync(0xffffffff, all, step));
    }
    sum = most > -__int_as_float(0x7f800000) ? sum * __expf(most - all) : 0.0f;
    for (int step = 16; step > 0; step /= 2) {
        sum += __shfl_xor_sync(0xffffffff, sum, step);
    }
    const float share = 1.0f / sum;
    T *c = out + list * before;
    for (int i = lane; i < before; i += 32) {
        narrow(i < tokens ? __expf(wide(a[i]) * scale - all) * share : 0.0f, c + i);
    }
    T *d = out + lists * before + list * columns;
    for (int i = lane; i < columns; i += 32) {
        narrow(__expf(wide(b[i]) * scale + seen[i] - all) * share, d + i);
    }
}

#define SOFT(T)                                                                                                        \
    extern "C" __global__ void soft_##T(const T *prefix, const T *own, const float *mask, T *out, long long lists,     \
                                        int tokens, int before, int columns, int queries, int repeat, int rows,        \
                                        float scale) {                                                                 \
        soft<T>(prefix, own, mask, out, lists, tokens, before, columns, queries, repeat, rows, scale);                 \
    }
typedef float f32;
SOFT(f32)
SOFT(f16)
SOFT(bf16)
