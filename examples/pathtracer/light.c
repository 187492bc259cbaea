// Materials, direct light, and the paths that light takes.
#include "light.h"

#include <stddef.h>

Draw golden[SAMPLES_MAX];

void set_up_spreads(void) {
    for (int i = 0; i < scene.samples; i++)
        golden[i] = (Draw){0.0, cos(2.0 * PI * GOLDEN * i), sin(2.0 * PI * GOLDEN * i)};
}

// Light that arrives by way of a diffuse bounce is cut here: it trades a little energy for no fireflies.
static const double INDIRECT_MAX = 1.0;

static Vec albedo(const Material *m, Vec p) {
    if (m->surface != CHECKER) return m->colour;
    // The small shift keeps faces that lie on a multiple of the side from flickering between both colours.
    long sum = (long)floor(p.x / m->amount + 1e-4) + (long)floor(p.y / m->amount + 1e-4) +
               (long)floor(p.z / m->amount + 1e-4);
    return (sum & 1) ? m->other : m->colour;
}

static bool has_sun(void) { return scene.sun_width > 0.0; }

static Vec sky(Vec d, bool with_sun) {
    double height = d.y > 0.0 ? d.y : 0.0;
    Vec light = mix(scene.horizon, scene.zenith, sqrt(height));
    if (with_sun && has_sun() && dot(d, scene.sun_direction) >= scene.sun_cosine) light = add(light, scene.sun_colour);
    return light;
}

// Light that reaches a diffuse point from one sphere light, by sampling the cone under which it is seen.
static Vec light_from(int index, Vec p, Vec n, Draw d) {
    const Object *o = &scene.objects[index];
    Vec to = sub(o->a, p);
    double distance2 = dot(to, to), radius2 = o->radius * o->radius;
    if (distance2 <= radius2 * 1.0001) return vec(0, 0, 0);
    double edge = sqrt(1.0 - radius2 / distance2);
    double cosine = 1.0 - d.number * (1.0 - edge);
    Ray ray = {p, around(scale(to, 1.0 / sqrt(distance2)), cosine, d)};
    double facing = dot(ray.direction, n);
    if (facing <= 0.0) return vec(0, 0, 0);
    double t = hit_sphere(o, &ray, FAR);
    if (t >= FAR || shadowed(&ray, t, o)) return vec(0, 0, 0);
    return scale(o->material->colour, facing * 2.0 * (1.0 - edge));
}

static Vec light_from_sun(Vec p, Vec n, Draw d) {
    double edge = scene.sun_cosine;
    double cosine = 1.0 - d.number * (1.0 - edge);
    Ray ray = {p, around(scene.sun_direction, cosine, d)};
    double facing = dot(ray.direction, n);
    if (facing <= 0.0 || shadowed(&ray, FAR, NULL)) return vec(0, 0, 0);
    return scale(scene.sun_colour, facing * 2.0 * (1.0 - edge));
}

// From the spheres that shine in their order, then from the sun.
static Vec light_of(int source, Vec p, Vec n, Draw d) {
    return source < scene.light_count ? light_from(scene.lights[source], p, n, d) : light_from_sun(p, n, d);
}

// Direct light at a diffuse point: every light where it is seen straight from the camera, else one by lot.
static Vec direct_light(Vec p, Vec n, bool first, Random *r) {
    Vec sum = vec(0, 0, 0);
    int sources = scene.light_count + (has_sun() ? 1 : 0);
    if (sources == 0) return sum;
    if (first) {
        for (int i = 0; i < sources; i++) {
            Draw d = i < SPREAD_LIGHTS_MAX ? spread(r, LIGHTS + i) : draw(r);
            sum = add(sum, light_of(i, p, n, d));
        }
        return sum;
    }
    int chosen = (int)(uniform(r) * sources);
    return scale(light_of(chosen, p, n, draw(r)), sources);
}

static double fresnel(double cosine, double index) {
    double r0 = (1.0 - index) / (1.0 + index);
    r0 *= r0;
    double k = 1.0 - cosine, k2 = k * k;
    return r0 + (1.0 - r0) * k2 * k2 * k;
}

static Vec bend(Vec d, Vec n, double index, bool inside, Random *r) {
    double ratio = inside ? index : 1.0 / index;
    double cosine = smaller(-dot(d, n), 1.0);
    double sine2 = ratio * ratio * (1.0 - cosine * cosine);
    if (sine2 >= 1.0) return reflect(d, n);
    double out = sqrt(1.0 - sine2);
    if (uniform(r) < fresnel(inside ? out : cosine, index)) return reflect(d, n);
    return unit(add(scale(d, ratio), scale(n, ratio * cosine - out)));
}

// One point of a path, and what it does to the path that goes on from here.
typedef struct {
    Vec light, strength;
    bool sampled;   // the last bounce was diffuse: lights that were sampled there do not count again
    bool scattered; // some bounce was diffuse
    int bounce;
} Path;

static void gather(Path *path, Vec light) {
    Vec share = mul(path->strength, light);
    double top = largest(share);
    if (path->scattered && top > INDIRECT_MAX) share = scale(share, INDIRECT_MAX / top);
    path->light = add(path->light, share);
}

// Returns the direction in which the path leaves the surface, or the zero vector if it ends here.
static Vec scatter(Path *path, const Ray *ray, const Material *m, Vec p, Vec n, bool inside, Random *r) {
    if (m->surface == GLASS) {
        path->sampled = false;
        path->strength = mul(path->strength, m->colour);
        return bend(ray->direction, n, m->amount, inside, r);
    }
    if (m->surface == METAL) {
        path->sampled = false;
        path->strength = mul(path->strength, m->colour);
        Vec d = reflect(ray->direction, n);
        if (m->amount > 0.0) d = unit(add(d, scale(cosine_direction(d, draw(r)), m->amount)));
        return dot(d, n) > 0.0 ? d : vec(0, 0, 0);
    }
    if (m->surface == COATED) {
        double lot = path->bounce == 0 ? spread(r, SURFACE).number : uniform(r);
        if (lot < fresnel(-dot(ray->direction, n), 1.5)) {
            path->sampled = false;
            return reflect(ray->direction, n);
        }
    }
    Draw next = path->scattered ? draw(r) : spread(r, BOUNCE);
    path->strength = mul(path->strength, albedo(m, p));
    gather(path, direct_light(p, n, path->bounce == 0, r));
    path->sampled = path->scattered = true;
    return cosine_direction(n, next);
}

// The chance that a path of this strength goes on; it pays for the risk, so the mean stays right.
static bool survives(Path *path, Random *r) {
    if (path->bounce < 2) return true;
    double chance = smaller(0.95, largest(path->strength));
    if (uniform(r) >= chance) return false;
    path->strength = scale(path->strength, 1.0 / chance);
    return true;
}

Vec trace(Ray ray, Random *r) {
    Path path = {.strength = {1, 1, 1}};
    for (; path.bounce < scene.depth; path.bounce++) {
        double t;
        const Object *o = nearest(&ray, &t);
        if (o == NULL) {
            gather(&path, sky(ray.direction, !path.sampled));
            break;
        }
        if (o->material->surface == LIGHT) {
            if (!(path.sampled && o->shape == SPHERE)) gather(&path, o->material->colour);
            break;
        }
        Vec p = along(&ray, t), n = normal_of(o, p);
        bool inside = dot(n, ray.direction) > 0.0;
        if (inside) n = scale(n, -1.0);
        Vec d = scatter(&path, &ray, o->material, p, n, inside, r);
        if (dot(d, d) == 0.0 || !survives(&path, r)) break;
        ray = (Ray){p, d};
    }
    return path.light;
}
