// Randomness: one stream per pixel, numbers that are spread evenly over its samples, and directions made of both.
#pragma once
#include <stdint.h>

#include "scene.h"

// What is drawn once per sample, evenly spread; everything else is drawn independently.
enum { LENS, SURFACE, BOUNCE, LIGHTS, SPREAD_LIGHTS_MAX = 6, SPREADS = LIGHTS + SPREAD_LIGHTS_MAX };

// A number in [0, 1) and, independent of it, a point on the unit circle.
typedef struct { double number, cosine, sine; } Draw;

// PCG-XSH-RR with 64 bits of state (O'Neill 2014), one stream per pixel.
typedef struct {
    uint64_t state, stream;
    int sample;           // which of the pixel's samples is being drawn
    Draw starts[SPREADS]; // where each spread of this pixel begins
} Random;

static inline uint32_t random_bits(Random *r) {
    uint64_t old = r->state;
    r->state = old * 6364136223846793005ull + r->stream;
    uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t turn = (uint32_t)(old >> 59);
    return (shifted >> turn) | (shifted << ((32 - turn) & 31));
}

// Uniform in [0, 1).
static inline double uniform(Random *r) { return random_bits(r) * (1.0 / 4294967296.0); }

// Two vectors that make an orthonormal base with `n` (Duff et al. 2017).
static inline void base_of(Vec n, Vec *u, Vec *v) {
    double sign = n.z >= 0.0 ? 1.0 : -1.0;
    double a = -1.0 / (sign + n.z), b = n.x * n.y * a;
    *u = vec(1.0 + sign * n.x * n.x * a, sign * b, -sign * n.x);
    *v = vec(b, sign + n.y * n.y * a, -n.y);
}

// A number, and a point on the circle without trigonometry (von Neumann 1951).
static inline Draw draw(Random *r) {
    double x, y, square;
    do {
        x = 2.0 * uniform(r) - 1.0;
        y = 2.0 * uniform(r) - 1.0;
        square = x * x + y * y;
    } while (square > 1.0 || square < 1e-12);
    return (Draw){uniform(r), (x * x - y * y) / square, 2.0 * x * y / square};
}

// Points of a circle, each turned from the one before by the golden angle: one per sample of a pixel.
extern Draw golden[SAMPLES_MAX];
void set_up_spreads(void);

// This sample's share of a sunflower (Vogel 1979) that begins anywhere: over the samples of a pixel the draws lie evenly,
// each of them alone is as random as any.
static inline Draw spread(const Random *r, int what) {
    const Draw *start = &r->starts[what];
    double place = start->number * scene.samples;
    int whole = (int)place, index = (r->sample + whole) % scene.samples;
    const Draw *turn = &golden[index];
    return (Draw){(index + (place - whole)) / scene.samples,
                  start->cosine * turn->cosine - start->sine * turn->sine,
                  start->cosine * turn->sine + start->sine * turn->cosine};
}

static inline Random random_of_pixel(uint64_t seed, int x, int y) {
    Random r = {.stream = (((uint64_t)y << 32 | (uint32_t)x) << 1) | 1};
    random_bits(&r);
    r.state += seed * 0x9e3779b97f4a7c15ull;
    random_bits(&r);
    random_bits(&r);
    for (int i = 0; i < SPREADS; i++) r.starts[i] = draw(&r);
    return r;
}

// A direction at an angle to the axis of which the cosine is given, turned around the axis by the draw.
static inline Vec around(Vec axis, double cosine, Draw d) {
    Vec u, v;
    base_of(axis, &u, &v);
    double sine = sqrt(larger(0.0, 1.0 - cosine * cosine));
    return add(scale(axis, cosine), add(scale(u, sine * d.cosine), scale(v, sine * d.sine)));
}

static inline Vec cosine_direction(Vec normal, Draw d) { return around(normal, sqrt(1.0 - d.number), d); }
