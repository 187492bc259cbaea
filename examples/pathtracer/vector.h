// Vectors, points and colours: three doubles.
#pragma once
#include <math.h>

static const double PI = 3.14159265358979323846;
static const double GOLDEN = 0.61803398874989484820;

// Unlike fmin and fmax these are one instruction.
static inline double larger(double a, double b) { return a > b ? a : b; }
static inline double smaller(double a, double b) { return a < b ? a : b; }

typedef struct { double x, y, z; } Vec;

static inline Vec vec(double x, double y, double z) { return (Vec){x, y, z}; }
static inline Vec add(Vec a, Vec b) { return vec(a.x + b.x, a.y + b.y, a.z + b.z); }
static inline Vec sub(Vec a, Vec b) { return vec(a.x - b.x, a.y - b.y, a.z - b.z); }
static inline Vec mul(Vec a, Vec b) { return vec(a.x * b.x, a.y * b.y, a.z * b.z); }
static inline Vec scale(Vec a, double k) { return vec(a.x * k, a.y * k, a.z * k); }
static inline double dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline Vec cross(Vec a, Vec b) {
    return vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}
static inline Vec unit(Vec a) { return scale(a, 1.0 / sqrt(dot(a, a))); }
static inline Vec mix(Vec a, Vec b, double t) { return add(scale(a, 1.0 - t), scale(b, t)); }
static inline Vec reflect(Vec d, Vec n) { return sub(d, scale(n, 2.0 * dot(d, n))); }
static inline double largest(Vec a) { return larger(a.x, larger(a.y, a.z)); }
