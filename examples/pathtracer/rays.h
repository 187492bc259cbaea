// Rays against the objects of the scene.
#pragma once
#include "scene.h"

static const double FAR = 1e30;
static const double NEAR = 1e-6;

typedef struct { Vec origin, direction; } Ray;

static inline Vec along(const Ray *ray, double t) { return add(ray->origin, scale(ray->direction, t)); }

// Sorts the objects of the scene into a tree of boxes. Once, before the first ray.
void build_tree(void);

// Distance to the nearest hit in (NEAR, t_max), or FAR.
double hit_sphere(const Object *o, const Ray *ray, double t_max);

// The nearest object along the ray, or NULL; its distance goes to `distance`.
const Object *nearest(const Ray *ray, double *distance);

// Whether anything but glass or `except` lies before `t_max`. Glass lets direct light through uncoloured: its
// caustics would need far more samples than a small picture can pay for.
bool shadowed(const Ray *ray, double t_max, const Object *except);

// The outward normal of the object at a point on it.
Vec normal_of(const Object *o, Vec p);
