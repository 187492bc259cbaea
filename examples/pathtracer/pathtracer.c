// A Monte Carlo path tracer for WebAssembly (WASI preview 1): renders one tile of a scene given as text.
//
// What it promises: a pixel depends only on the scene and on its own coordinates, never on the tile it lies in, so
// tiles put side by side equal the direct render bit for bit. See README.md for the scene grammar and the arguments.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "light.h"

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

static Ray camera_ray(double px, double py, Draw d) {
    const Camera *c = &scene.camera;
    double x = (2.0 * px / scene.width - 1.0) * c->half_width;
    double y = (1.0 - 2.0 * py / scene.height) * c->half_height;
    Vec target = scale(add(c->forward, add(scale(c->right, x), scale(c->up, y))), c->focus);
    double radius = c->aperture * sqrt(d.number);
    Vec lens = add(scale(c->right, radius * d.cosine), scale(c->up, radius * d.sine));
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

static double fraction(double number) { return number - floor(number); }

static void render_pixel(int x, int y, unsigned char *out) {
    Random r = random_of_pixel(scene.seed, x, y);
    Vec sum = vec(0, 0, 0);
    // The samples are points of a Fibonacci lattice, shifted at random in each pixel.
    double left = uniform(&r), top = uniform(&r);
    for (r.sample = 0; r.sample < scene.samples; r.sample++) {
        double dx = fraction(left + (double)r.sample / scene.samples), dy = fraction(top + r.sample * GOLDEN);
        sum = add(sum, trace(camera_ray(x + dx, y + dy, spread(&r, LENS)), &r));
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
    build_tree();
    set_up_camera();
    set_up_spreads();
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
