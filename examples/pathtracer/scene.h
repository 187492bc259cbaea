// The scene and its bounds. It is read once and never changes afterwards.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "vector.h"

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
    double sun_width, sun_cosine; // width in degrees, cosine of half of it
    Material materials[MATERIALS_MAX];
    int material_count;
    Object objects[OBJECTS_MAX];
    int object_count;
    int lights[OBJECTS_MAX]; // indices of the spheres that shine; only these are sampled directly
    int light_count;
    bool has_image, has_camera, has_sky;
    Camera camera;
} Scene;

// The one scene of this run.
extern Scene scene;

// Reads the file into `scene`. Mistakes are printed as file:line: what, and end the program with EXIT_BAD_INPUT.
void read_scene(const char *path);

// Prints what is wrong, at a line of the scene if `line` is above 0, and ends the program with EXIT_BAD_INPUT.
_Noreturn void fail(int line, const char *format, ...) __attribute__((format(printf, 2, 3)));
