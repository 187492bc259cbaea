// Light along a ray.
#pragma once
#include "random.h"
#include "rays.h"

// Radiance that comes back along the ray, by following one random path of at most scene.depth bounces.
Vec trace(Ray ray, Random *r);
