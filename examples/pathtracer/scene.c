// From text to a scene. The grammar is in README.md.
#include "scene.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Scene scene;

static const char *scene_name = "scene";

_Noreturn void fail(int line, const char *format, ...) {
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
        scene.sun_cosine = cos(scene.sun_width * 0.5 * PI / 180.0);
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

void read_scene(const char *path) {
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
