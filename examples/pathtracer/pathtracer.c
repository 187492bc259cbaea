// A Monte Carlo path tracer for WebAssembly (WASI preview 1): renders one tile of a scene given as text.
//
// What it promises: a pixel depends only on the scene and on its own coordinates, never on the tile it lies in, so
// tiles put side by side equal the direct render bit for bit. See README.md for the scene grammar and the arguments.
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCENE_BYTES_MAX = 65536,
    TOKENS_MAX = 16,
    NAME_BYTES_MAX = 32,
    MATERIALS_MAX = 64,
    OBJECTS_MAX = 256,
    SIDE_PIXELS_MAX = 8192,
    SAMPLES_MAX = 65536,
    DEPTH_MAX = 64,
    TILES_PER_SIDE_MAX = 256,
    PATH_BYTES_MAX = 1024,
    EXIT_BAD_INPUT = 2,
};

static const double PI = 3.14159265358979323846;
static const double FAR = 1e30;
static const double NEAR = 1e-6;
// Light that arrives after the first bounce is cut here: it trades a little energy for no fireflies.
static const double INDIRECT_MAX = 6.0;

// ---------------------------------------------------------------------------------------------- vectors

typedef struct { double x, y, z; } Vec;

static Vec vec(double x, double y, double z) { return (Vec){x, y, z}; }
static Vec add(Vec a, Vec b) { return vec(a.x + b.x, a.y + b.y, a.z + b.z); }
static Vec sub(Vec a, Vec b) { return vec(a.x - b.x, a.y - b.y, a.z - b.z); }
static Vec mul(Vec a, Vec b) { return vec(a.x * b.x, a.y * b.y, a.z * b.z); }
static Vec scale(Vec a, double k) { return vec(a.x * k, a.y * k, a.z * k); }
static double dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static Vec cross(Vec a, Vec b) {
    return vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}
static Vec unit(Vec a) { return scale(a, 1.0 / sqrt(dot(a, a))); }
static Vec mix(Vec a, Vec b, double t) { return add(scale(a, 1.0 - t), scale(b, t)); }
static Vec reflect(Vec d, Vec n) { return sub(d, scale(n, 2.0 * dot(d, n))); }
static double largest(Vec a) { return fmax(a.x, fmax(a.y, a.z)); }

// ---------------------------------------------------------------------------------------------- randomness

// PCG-XSH-RR with 64 bits of state (O'Neill 2014), one stream per pixel.
typedef struct { uint64_t state, stream; } Random;

static uint32_t random_bits(Random *r) {
    uint64_t old = r->state;
    r->state = old * 6364136223846793005ull + r->stream;
    uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t turn = (uint32_t)(old >> 59);
    return (shifted >> turn) | (shifted << ((32 - turn) & 31));
}

// Uniform in [0, 1).
static double uniform(Random *r) { return random_bits(r) * (1.0 / 4294967296.0); }

static Random random_of_pixel(uint64_t seed, int x, int y) {
    Random r = {0, (((uint64_t)y << 32 | (uint32_t)x) << 1) | 1};
    random_bits(&r);
    r.state += seed * 0x9e3779b97f4a7c15ull;
    random_bits(&r);
    random_bits(&r);
    return r;
}

// Two vectors that make an orthonormal base with `n` (Duff et al. 2017).
static void base_of(Vec n, Vec *u, Vec *v) {
    double sign = n.z >= 0.0 ? 1.0 : -1.0;
    double a = -1.0 / (sign + n.z), b = n.x * n.y * a;
    *u = vec(1.0 + sign * n.x * n.x * a, sign * b, -sign * n.x);
    *v = vec(b, sign + n.y * n.y * a, -n.y);
}

static Vec around(Vec axis, double cosine, double angle) {
    Vec u, v;
    base_of(axis, &u, &v);
    double sine = sqrt(fmax(0.0, 1.0 - cosine * cosine));
    return add(scale(axis, cosine), add(scale(u, sine * cos(angle)), scale(v, sine * sin(angle))));
}

static Vec cosine_direction(Vec normal, Random *r) {
    double cosine = sqrt(1.0 - uniform(r));
    return around(normal, cosine, 2.0 * PI * uniform(r));
}

// ---------------------------------------------------------------------------------------------- scene

typedef enum { DIFFUSE, CHECKER, COATED, METAL, GLASS, LIGHT } Surface;

typedef struct {
    char name[NAME_BYTES_MAX];
    Surface surface;
    Vec colour, other; // `other`: second colour of a checker
    double amount;     // checker: side of a square; metal: fuzz; glass: index of refraction
} Material;

typedef enum { SPHERE, PLANE, BOX } Shape;

typedef struct {
    Shape shape;
    Vec a, b;      // sphere: centre; plane: point and normal; box: lowest and highest corner
    double radius; // sphere only
    const Material *material;
} Object;

typedef struct {
    Vec origin, forward, right, up;
    double half_width, half_height, aperture, focus;
} Camera;

typedef struct {
    int width, height, samples, depth;
    uint64_t seed;
    double exposure;
    Vec eye, target;
    double fov, aperture, focus;
    Vec horizon, zenith, sun_direction, sun_colour;
    double sun_width;
    Material materials[MATERIALS_MAX];
    int material_count;
    Object objects[OBJECTS_MAX];
    int object_count;
    int lights[OBJECTS_MAX]; // indices of the spheres that shine; only these are sampled directly
    int light_count;
    bool has_image, has_camera, has_sky;
    Camera camera;
} Scene;

static Scene scene;

// ---------------------------------------------------------------------------------------------- parsing

static const char *scene_name = "scene";

static void fail(int line, const char *format, ...) {
    va_list arguments;
    if (line > 0) fprintf(stderr, "%s:%d: ", scene_name, line);
    else fputs("pathtracer: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_BAD_INPUT);
}

typedef struct {
    int line, count, next;
    char *token[TOKENS_MAX];
} Line;

static const char *word(Line *l, const char *what) {
    if (l->next >= l->count) fail(l->line, "%s: %s is missing", l->token[0], what);
    return l->token[l->next++];
}

// A decimal number in [low, high]; `inf`, `nan`, hexadecimal and trailing characters are refused.
static double number(Line *l, const char *what, double low, double high) {
    const char *text = word(l, what);
    char *end;
    double value = strtod(text, &end);
    if (strspn(text, "+-.0123456789eE") != strlen(text) || *end != '\0' || end == text)
        fail(l->line, "%s: %s is not a number: %s", l->token[0], what, text);
    if (!(value >= low && value <= high)) fail(l->line, "%s: %s is out of range: %s", l->token[0], what, text);
    return value;
}

static int integer(Line *l, const char *what, int low, int high) {
    double value = number(l, what, low, high);
    if (value != floor(value)) fail(l->line, "%s: %s must be a whole number", l->token[0], what);
    return (int)value;
}

static Vec point(Line *l, const char *what) {
    double x = number(l, what, -1e6, 1e6), y = number(l, what, -1e6, 1e6), z = number(l, what, -1e6, 1e6);
    return vec(x, y, z);
}

static Vec direction(Line *l, const char *what) {
    Vec v = point(l, what);
    if (dot(v, v) < 1e-12) fail(l->line, "%s: %s must not be the zero vector", l->token[0], what);
    return unit(v);
}

static Vec colour(Line *l, const char *what, double high) {
    double r = number(l, what, 0, high), g = number(l, what, 0, high), b = number(l, what, 0, high);
    return vec(r, g, b);
}

static const Material *material_named(const char *name) {
    for (int i = 0; i < scene.material_count; i++)
        if (strcmp(scene.materials[i].name, name) == 0) return &scene.materials[i];
    return NULL;
}

static void parse_surface(Line *l, Material *m) {
    const char *surface = word(l, "surface");
    if (strcmp(surface, "diffuse") == 0) {
        m->surface = DIFFUSE;
        m->colour = colour(l, "colour", 1);
    } else if (strcmp(surface, "coated") == 0) {
        m->surface = COATED;
        m->colour = colour(l, "colour", 1);
    } else if (strcmp(surface, "checker") == 0) {
        m->surface = CHECKER;
        m->colour = colour(l, "first colour", 1);
        m->other = colour(l, "second colour", 1);
        m->amount = number(l, "side", 1e-3, 1e6);
    } else if (strcmp(surface, "metal") == 0) {
        m->surface = METAL;
        m->colour = colour(l, "colour", 1);
        m->amount = number(l, "fuzz", 0, 1);
    } else if (strcmp(surface, "glass") == 0) {
        m->surface = GLASS;
        m->colour = colour(l, "colour", 1);
        m->amount = number(l, "index of refraction", 1, 4);
    } else if (strcmp(surface, "light") == 0) {
        m->surface = LIGHT;
        m->colour = colour(l, "radiance", 1e6);
    } else {
        fail(l->line, "material: unknown surface: %s", surface);
    }
}

static void parse_material(Line *l) {
    if (scene.material_count == MATERIALS_MAX) fail(l->line, "more than %d materials", MATERIALS_MAX);
    const char *name = word(l, "name");
    if (strlen(name) >= NAME_BYTES_MAX) fail(l->line, "material: the name is longer than %d bytes", NAME_BYTES_MAX - 1);
    if (material_named(name) != NULL) fail(l->line, "material: %s is defined twice", name);
    Material *m = &scene.materials[scene.material_count];
    memset(m, 0, sizeof *m);
    strcpy(m->name, name);
    parse_surface(l, m);
    scene.material_count++;
}

static void parse_object(Line *l, Shape shape) {
    if (scene.object_count == OBJECTS_MAX) fail(l->line, "more than %d objects", OBJECTS_MAX);
    Object *o = &scene.objects[scene.object_count];
    memset(o, 0, sizeof *o);
    o->shape = shape;
    if (shape == SPHERE) {
        o->a = point(l, "centre");
        o->radius = number(l, "radius", 1e-4, 1e6);
    } else if (shape == PLANE) {
        o->a = point(l, "point");
        o->b = direction(l, "normal");
    } else {
        o->a = point(l, "lowest corner");
        o->b = point(l, "highest corner");
        if (!(o->a.x < o->b.x && o->a.y < o->b.y && o->a.z < o->b.z))
            fail(l->line, "box: the second corner must be higher on every axis");
    }
    const char *name = word(l, "material");
    o->material = material_named(name);
    if (o->material == NULL) fail(l->line, "%s: no material is called %s", l->token[0], name);
    if (shape == SPHERE && o->material->surface == LIGHT) scene.lights[scene.light_count++] = scene.object_count;
    scene.object_count++;
}

static void once(Line *l, bool *seen) {
    if (*seen) fail(l->line, "%s is given twice", l->token[0]);
    *seen = true;
}

static void parse_camera(Line *l) {
    once(l, &scene.has_camera);
    scene.eye = point(l, "position");
    scene.target = point(l, "target");
    scene.fov = number(l, "field of view", 1, 170);
    scene.aperture = number(l, "aperture", 0, 1e3);
    scene.focus = number(l, "focus distance", 1e-3, 1e6);
    Vec forward = sub(scene.target, scene.eye);
    if (dot(forward, forward) < 1e-12 || (fabs(forward.x) < 1e-9 && fabs(forward.z) < 1e-9))
        fail(l->line, "camera: it must not look straight up, straight down or at itself");
}

static void parse_line(Line *l) {
    const char *keyword = word(l, "keyword");
    if (strcmp(keyword, "image") == 0) {
        once(l, &scene.has_image);
        scene.width = integer(l, "width", 1, SIDE_PIXELS_MAX);
        scene.height = integer(l, "height", 1, SIDE_PIXELS_MAX);
    } else if (strcmp(keyword, "samples") == 0) {
        scene.samples = integer(l, "count", 1, SAMPLES_MAX);
    } else if (strcmp(keyword, "depth") == 0) {
        scene.depth = integer(l, "count", 1, DEPTH_MAX);
    } else if (strcmp(keyword, "seed") == 0) {
        scene.seed = (uint64_t)integer(l, "number", 0, INT32_MAX);
    } else if (strcmp(keyword, "exposure") == 0) {
        scene.exposure = number(l, "factor", 1e-6, 1e6);
    } else if (strcmp(keyword, "camera") == 0) {
        parse_camera(l);
    } else if (strcmp(keyword, "sky") == 0) {
        once(l, &scene.has_sky);
        scene.horizon = colour(l, "horizon", 1e6);
        scene.zenith = colour(l, "zenith", 1e6);
    } else if (strcmp(keyword, "sun") == 0) {
        scene.sun_direction = direction(l, "direction");
        scene.sun_colour = colour(l, "radiance", 1e6);
        scene.sun_width = number(l, "width in degrees", 0.1, 90);
    } else if (strcmp(keyword, "material") == 0) {
        parse_material(l);
    } else if (strcmp(keyword, "sphere") == 0) {
        parse_object(l, SPHERE);
    } else if (strcmp(keyword, "plane") == 0) {
        parse_object(l, PLANE);
    } else if (strcmp(keyword, "box") == 0) {
        parse_object(l, BOX);
    } else {
        fail(l->line, "unknown keyword: %s", keyword);
    }
    if (l->next < l->count) fail(l->line, "%s: nothing may follow, but found: %s", keyword, l->token[l->next]);
}

static void parse_scene(char *text) {
    scene.samples = 16;
    scene.depth = 8;
    scene.exposure = 1.0;
    int line_number = 0;
    for (char *line = text; line != NULL;) {
        char *next = strchr(line, '\n');
        if (next != NULL) *next++ = '\0';
        char *comment = strchr(line, '#');
        if (comment != NULL) *comment = '\0';
        Line l = {.line = ++line_number};
        for (char *t = strtok(line, " \t\r"); t != NULL; t = strtok(NULL, " \t\r")) {
            if (l.count == TOKENS_MAX) fail(l.line, "more than %d words on a line", TOKENS_MAX);
            l.token[l.count++] = t;
        }
        if (l.count > 0) parse_line(&l);
        line = next;
    }
    if (!scene.has_image) fail(line_number, "the scene has no image line");
    if (!scene.has_camera) fail(line_number, "the scene has no camera line");
    if (scene.object_count == 0) fail(line_number, "the scene has no object");
}

static void read_scene(const char *path) {
    static char text[SCENE_BYTES_MAX + 1];
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail(0, "cannot open the scene %s: %s", path, strerror(errno));
    size_t length = fread(text, 1, sizeof text, file);
    if (ferror(file)) fail(0, "cannot read the scene %s: %s", path, strerror(errno));
    fclose(file);
    if (length > SCENE_BYTES_MAX) fail(0, "the scene %s is larger than %d bytes", path, SCENE_BYTES_MAX);
    if (memchr(text, '\0', length) != NULL) fail(0, "the scene %s is not a text", path);
    text[length] = '\0';
    parse_scene(text);
}

// ---------------------------------------------------------------------------------------------- rays

typedef struct { Vec origin, direction; } Ray;

static Vec along(const Ray *ray, double t) { return add(ray->origin, scale(ray->direction, t)); }

// Each of these returns the distance to the nearest hit in (NEAR, t_max), or FAR.
static double hit_sphere(const Object *o, const Ray *ray, double t_max) {
    Vec to = sub(o->a, ray->origin);
    double b = dot(to, ray->direction);
    double c = dot(to, to) - o->radius * o->radius;
    if (c > 0.0 && b < 0.0) return FAR;
    double discriminant = b * b - c;
    if (discriminant < 0.0) return FAR;
    double root = sqrt(discriminant);
    double near = o->radius * 1e-6 + NEAR;
    double t = b - root;
    if (t > near && t < t_max) return t;
    t = b + root;
    return t > near && t < t_max ? t : FAR;
}

static double hit_plane(const Object *o, const Ray *ray, double t_max) {
    double slope = dot(o->b, ray->direction);
    if (fabs(slope) < 1e-12) return FAR;
    double t = dot(sub(o->a, ray->origin), o->b) / slope;
    return t > NEAR && t < t_max ? t : FAR;
}

static void slab(double low, double high, double origin, double inverse, double *enter, double *leave) {
    double a = (low - origin) * inverse, b = (high - origin) * inverse;
    if (a > b) { double swap = a; a = b; b = swap; }
    if (a > *enter) *enter = a;
    if (b < *leave) *leave = b;
}

// Division by a zero component gives an infinity that the comparisons of `slab` treat rightly.
static double hit_box(const Object *o, const Ray *ray, double t_max) {
    double enter = -FAR, leave = FAR;
    slab(o->a.x, o->b.x, ray->origin.x, 1.0 / ray->direction.x, &enter, &leave);
    slab(o->a.y, o->b.y, ray->origin.y, 1.0 / ray->direction.y, &enter, &leave);
    slab(o->a.z, o->b.z, ray->origin.z, 1.0 / ray->direction.z, &enter, &leave);
    if (enter > leave) return FAR;
    if (enter > NEAR && enter < t_max) return enter;
    return leave > NEAR && leave < t_max ? leave : FAR;
}

static double hit(const Object *o, const Ray *ray, double t_max) {
    switch (o->shape) {
    case SPHERE: return hit_sphere(o, ray, t_max);
    case PLANE: return hit_plane(o, ray, t_max);
    case BOX: return hit_box(o, ray, t_max);
    }
    return FAR;
}

// Index of the nearest object along the ray, or -1; its distance goes to `distance`.
static int nearest(const Ray *ray, double *distance) {
    double best = FAR;
    int found = -1;
    for (int i = 0; i < scene.object_count; i++) {
        double t = hit(&scene.objects[i], ray, best);
        if (t < best) { best = t; found = i; }
    }
    *distance = best;
    return found;
}

// Whether anything but glass or `except` lies before `t_max`. Glass lets direct light through uncoloured: its
// caustics would need far more samples than a small picture can pay for.
static bool shadowed(const Ray *ray, double t_max, int except) {
    for (int i = 0; i < scene.object_count; i++) {
        const Object *o = &scene.objects[i];
        if (i == except || o->material->surface == GLASS) continue;
        if (hit(o, ray, t_max) < t_max) return true;
    }
    return false;
}

static Vec normal_of(const Object *o, Vec p) {
    if (o->shape == SPHERE) return scale(sub(p, o->a), 1.0 / o->radius);
    if (o->shape == PLANE) return o->b;
    Vec centre = scale(add(o->a, o->b), 0.5), half = scale(sub(o->b, o->a), 0.5), d = sub(p, centre);
    double x = d.x / half.x, y = d.y / half.y, z = d.z / half.z;
    double ax = fabs(x), ay = fabs(y), az = fabs(z);
    if (ax >= ay && ax >= az) return vec(x > 0 ? 1 : -1, 0, 0);
    if (ay >= az) return vec(0, y > 0 ? 1 : -1, 0);
    return vec(0, 0, z > 0 ? 1 : -1);
}

static Vec albedo(const Material *m, Vec p) {
    if (m->surface != CHECKER) return m->colour;
    // The small shift keeps faces that lie on a multiple of the side from flickering between both colours.
    long sum = (long)floor(p.x / m->amount + 1e-4) + (long)floor(p.y / m->amount + 1e-4) +
               (long)floor(p.z / m->amount + 1e-4);
    return (sum & 1) ? m->other : m->colour;
}

static bool has_sun(void) { return scene.sun_width > 0.0; }
static double sun_cosine(void) { return cos(scene.sun_width * 0.5 * PI / 180.0); }

static Vec sky(Vec d, bool with_sun) {
    double height = d.y > 0.0 ? d.y : 0.0;
    Vec light = mix(scene.horizon, scene.zenith, sqrt(height));
    if (with_sun && has_sun() && dot(d, scene.sun_direction) >= sun_cosine()) light = add(light, scene.sun_colour);
    return light;
}

// ---------------------------------------------------------------------------------------------- light

// Light that reaches a diffuse point from one sphere light, by sampling the cone under which it is seen.
static Vec light_from(int index, Vec p, Vec n, Random *r) {
    const Object *o = &scene.objects[index];
    Vec to = sub(o->a, p);
    double distance2 = dot(to, to), radius2 = o->radius * o->radius;
    if (distance2 <= radius2 * 1.0001) return vec(0, 0, 0);
    double edge = sqrt(1.0 - radius2 / distance2);
    double cosine = 1.0 - uniform(r) * (1.0 - edge);
    Ray ray = {p, around(scale(to, 1.0 / sqrt(distance2)), cosine, 2.0 * PI * uniform(r))};
    double facing = dot(ray.direction, n);
    if (facing <= 0.0) return vec(0, 0, 0);
    double t = hit_sphere(o, &ray, FAR);
    if (t >= FAR || shadowed(&ray, t, index)) return vec(0, 0, 0);
    return scale(o->material->colour, facing * 2.0 * (1.0 - edge));
}

static Vec light_from_sun(Vec p, Vec n, Random *r) {
    double edge = sun_cosine();
    double cosine = 1.0 - uniform(r) * (1.0 - edge);
    Ray ray = {p, around(scene.sun_direction, cosine, 2.0 * PI * uniform(r))};
    double facing = dot(ray.direction, n);
    if (facing <= 0.0 || shadowed(&ray, FAR, -1)) return vec(0, 0, 0);
    return scale(scene.sun_colour, facing * 2.0 * (1.0 - edge));
}

// Direct light at a diffuse point: every light where it is seen straight from the camera, else one by lot.
static Vec direct_light(Vec p, Vec n, bool first, Random *r) {
    Vec sum = vec(0, 0, 0);
    int sources = scene.light_count + (has_sun() ? 1 : 0);
    if (sources == 0) return sum;
    if (first) {
        for (int i = 0; i < scene.light_count; i++) sum = add(sum, light_from(scene.lights[i], p, n, r));
        return has_sun() ? add(sum, light_from_sun(p, n, r)) : sum;
    }
    int chosen = (int)(uniform(r) * sources);
    sum = chosen < scene.light_count ? light_from(scene.lights[chosen], p, n, r) : light_from_sun(p, n, r);
    return scale(sum, sources);
}

static double fresnel(double cosine, double index) {
    double r0 = (1.0 - index) / (1.0 + index);
    r0 *= r0;
    double k = 1.0 - cosine, k2 = k * k;
    return r0 + (1.0 - r0) * k2 * k2 * k;
}

static Vec bend(Vec d, Vec n, double index, bool inside, Random *r) {
    double ratio = inside ? index : 1.0 / index;
    double cosine = fmin(-dot(d, n), 1.0);
    double sine2 = ratio * ratio * (1.0 - cosine * cosine);
    if (sine2 >= 1.0) return reflect(d, n);
    double out = sqrt(1.0 - sine2);
    if (uniform(r) < fresnel(inside ? out : cosine, index)) return reflect(d, n);
    return unit(add(scale(d, ratio), scale(n, ratio * cosine - out)));
}

// One point of a path, and what it does to the path that goes on from here.
typedef struct {
    Vec light, strength;
    bool sampled; // the last bounce was diffuse: lights that were sampled there do not count again
    int bounce;
} Path;

static void gather(Path *path, Vec light) {
    Vec share = mul(path->strength, light);
    double top = largest(share);
    if (path->bounce > 0 && top > INDIRECT_MAX) share = scale(share, INDIRECT_MAX / top);
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
        if (m->amount > 0.0) d = unit(add(d, scale(cosine_direction(d, r), m->amount)));
        return dot(d, n) > 0.0 ? d : vec(0, 0, 0);
    }
    if (m->surface == COATED && uniform(r) < fresnel(-dot(ray->direction, n), 1.5)) {
        path->sampled = false;
        return reflect(ray->direction, n);
    }
    path->strength = mul(path->strength, albedo(m, p));
    gather(path, direct_light(p, n, path->bounce == 0, r));
    path->sampled = true;
    return cosine_direction(n, r);
}

// The chance that a path of this strength goes on; it pays for the risk, so the mean stays right.
static bool survives(Path *path, Random *r) {
    if (path->bounce < 3) return true;
    double chance = fmin(0.95, largest(path->strength));
    if (uniform(r) >= chance) return false;
    path->strength = scale(path->strength, 1.0 / chance);
    return true;
}

static Vec trace(Ray ray, Random *r) {
    Path path = {.strength = {1, 1, 1}};
    for (; path.bounce < scene.depth; path.bounce++) {
        double t;
        int found = nearest(&ray, &t);
        if (found < 0) {
            gather(&path, sky(ray.direction, !path.sampled));
            break;
        }
        const Object *o = &scene.objects[found];
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

// ---------------------------------------------------------------------------------------------- picture

static void set_up_camera(void) {
    Camera *c = &scene.camera;
    c->origin = scene.eye;
    c->forward = unit(sub(scene.target, scene.eye));
    c->right = unit(cross(c->forward, vec(0, 1, 0)));
    c->up = cross(c->right, c->forward);
    c->half_height = tan(scene.fov * 0.5 * PI / 180.0);
    c->half_width = c->half_height * scene.width / scene.height;
    c->aperture = scene.aperture;
    c->focus = scene.focus;
}

static Ray camera_ray(double px, double py, Random *r) {
    const Camera *c = &scene.camera;
    double x = (2.0 * px / scene.width - 1.0) * c->half_width;
    double y = (1.0 - 2.0 * py / scene.height) * c->half_height;
    Vec target = scale(add(c->forward, add(scale(c->right, x), scale(c->up, y))), c->focus);
    double radius = c->aperture * sqrt(uniform(r)), angle = 2.0 * PI * uniform(r);
    Vec lens = add(scale(c->right, radius * cos(angle)), scale(c->up, radius * sin(angle)));
    return (Ray){add(c->origin, lens), unit(sub(target, lens))};
}

// Filmic curve (Narkowicz 2015), then gamma 2.2, then 8 bits.
static unsigned char shade(double light) {
    double x = light * scene.exposure;
    double y = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14);
    if (y < 0.0) y = 0.0;
    if (y > 1.0) y = 1.0;
    return (unsigned char)(pow(y, 1.0 / 2.2) * 255.0 + 0.5);
}

static void render_pixel(int x, int y, unsigned char *out) {
    Random r = random_of_pixel(scene.seed, x, y);
    Vec sum = vec(0, 0, 0);
    // As many strata per pixel as a square holds; what is left over falls anywhere in the pixel.
    int side = (int)sqrt((double)scene.samples);
    for (int s = 0; s < scene.samples; s++) {
        double dx = uniform(&r), dy = uniform(&r);
        if (s < side * side) {
            dx = (s % side + dx) / side;
            dy = (s / side + dy) / side;
        }
        sum = add(sum, trace(camera_ray(x + dx, y + dy, &r), &r));
    }
    sum = scale(sum, 1.0 / scene.samples);
    out[0] = shade(sum.x);
    out[1] = shade(sum.y);
    out[2] = shade(sum.z);
}

typedef struct { int x0, y0, x1, y1; } Tile;

static void render(Tile tile, const char *path) {
    size_t width = (size_t)(tile.x1 - tile.x0), height = (size_t)(tile.y1 - tile.y0);
    unsigned char *row = malloc(width * 3);
    FILE *file = fopen(path, "wb");
    if (row == NULL || file == NULL) fail(0, "cannot write %s: %s", path, strerror(errno));
    fprintf(file, "P6\n%d %d\n255\n", (int)width, (int)height);
    for (int y = tile.y0; y < tile.y1; y++) {
        for (int x = tile.x0; x < tile.x1; x++) render_pixel(x, y, row + (size_t)(x - tile.x0) * 3);
        if (fwrite(row, 3, width, file) != width) fail(0, "cannot write %s: %s", path, strerror(errno));
    }
    if (fclose(file) != 0) fail(0, "cannot write %s: %s", path, strerror(errno));
    free(row);
}

// ---------------------------------------------------------------------------------------------- program

static int whole_number(const char *text, const char *what, int low, int high) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < low || value > high)
        fail(0, "%s must be a whole number from %d to %d, not \"%s\"", what, low, high, text);
    return (int)value;
}

static void parse_tiles(char *text, int *columns, int *rows) {
    char *comma = strchr(text, ',');
    if (comma == NULL) fail(0, "--tiles takes COLS,ROWS, not \"%s\"", text);
    *comma = '\0';
    *columns = whole_number(text, "COLS of --tiles", 1, TILES_PER_SIDE_MAX);
    *rows = whole_number(comma + 1, "ROWS of --tiles", 1, TILES_PER_SIDE_MAX);
}

static const char *environment(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

static void join(char *path, const char *directory, const char *name) {
    int length = snprintf(path, PATH_BYTES_MAX, "%s/%s", directory, name);
    if (length < 0 || length >= PATH_BYTES_MAX) fail(0, "the path %s/%s is too long", directory, name);
}

static void write_computed(const char *out) {
    char path[PATH_BYTES_MAX];
    join(path, out, "computed.json");
    FILE *file = fopen(path, "wb");
    if (file == NULL) fail(0, "cannot write %s: %s", path, strerror(errno));
    fprintf(file, "{\"deterministic-output-path\": \"%s/tile.ppm\"}\n", out);
    if (fclose(file) != 0) fail(0, "cannot write %s: %s", path, strerror(errno));
}

int main(int argc, char **argv) {
    int columns = 1, rows = 1, samples = 0;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) fail(0, "\"%s\" needs a value; usage: [--tiles COLS,ROWS] [--samples N]", argv[i]);
        if (strcmp(argv[i], "--tiles") == 0) parse_tiles(argv[i + 1], &columns, &rows);
        else if (strcmp(argv[i], "--samples") == 0) samples = whole_number(argv[i + 1], "--samples", 1, SAMPLES_MAX);
        else fail(0, "unknown argument \"%s\"; usage: [--tiles COLS,ROWS] [--samples N]", argv[i]);
    }
    int index = whole_number(environment("IEXEC_TASK_INDEX", "0"), "IEXEC_TASK_INDEX", 0, columns * rows - 1);
    const char *name = getenv("IEXEC_INPUT_FILE_NAME_1");
    if (name == NULL) fail(0, "no input file: the scene is the first one");
    const char *out = environment("IEXEC_OUT", "/iexec_out");
    char path[PATH_BYTES_MAX];
    join(path, environment("IEXEC_IN", "/iexec_in"), name);
    read_scene(path);
    if (samples > 0) scene.samples = samples;
    if (columns > scene.width || rows > scene.height) fail(0, "more tiles than pixels");
    set_up_camera();
    int column = index % columns, row = index / columns;
    Tile tile = {scene.width * column / columns, scene.height * row / rows,
                 scene.width * (column + 1) / columns, scene.height * (row + 1) / rows};
    join(path, out, "tile.ppm");
    render(tile, path);
    write_computed(out);
    printf("tile %d of %d: %d x %d pixels from (%d, %d), %d samples per pixel\n", index + 1, columns * rows,
           tile.x1 - tile.x0, tile.y1 - tile.y0, tile.x0, tile.y0, scene.samples);
    return 0;
}
