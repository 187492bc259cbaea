// Randomness: one stream per pixel, and directions drawn from it.
#pragma once
#include <stdint.h>

#include "vector.h"

// PCG-XSH-RR with 64 bits of state (O'Neill 2014), one stream per pixel.
typedef struct { uint64_t state, stream; } Random;

static inline uint32_t random_bits(Random *r) {
    uint64_t old = r->state;
    r->state = old * 6364136223846793005ull + r->stream;
    uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t turn = (uint32_t)(old >> 59);
    return (shifted >> turn) | (shifted << ((32 - turn) & 31));
}

// Uniform in [0, 1).
static inline double uniform(Random *r) { return random_bits(r) * (1.0 / 4294967296.0); }

static inline Random random_of_pixel(uint64_t seed, int x, int y) {
    Random r = {0, (((uint64_t)y << 32 | (uint32_t)x) << 1) | 1};
    random_bits(&r);
    r.state += seed * 0x9e3779b97f4a7c15ull;
    random_bits(&r);
    random_bits(&r);
    return r;
}

// Two vectors that make an orthonormal base with `n` (Duff et al. 2017).
static inline void base_of(Vec n, Vec *u, Vec *v) {
    double sign = n.z >= 0.0 ? 1.0 : -1.0;
    double a = -1.0 / (sign + n.z), b = n.x * n.y * a;
    *u = vec(1.0 + sign * n.x * n.x * a, sign * b, -sign * n.x);
    *v = vec(b, sign + n.y * n.y * a, -n.y);
}

// A uniformly random point on the unit circle, without trigonometry (von Neumann 1951).
static inline void circle(Random *r, double *cosine, double *sine) {
    double x, y, square;
    do {
        x = 2.0 * uniform(r) - 1.0;
        y = 2.0 * uniform(r) - 1.0;
        square = x * x + y * y;
    } while (square > 1.0 || square < 1e-12);
    *cosine = (x * x - y * y) / square;
    *sine = 2.0 * x * y / square;
}

// A random direction at an angle to the axis of which the cosine is given.
static inline Vec around(Vec axis, double cosine, Random *r) {
    Vec u, v;
    double c, s;
    base_of(axis, &u, &v);
    circle(r, &c, &s);
    double sine = sqrt(larger(0.0, 1.0 - cosine * cosine));
    return add(scale(axis, cosine), add(scale(u, sine * c), scale(v, sine * s)));
}

static inline Vec cosine_direction(Vec normal, Random *r) { return around(normal, sqrt(1.0 - uniform(r)), r); }
