// Rays against spheres, planes and boxes, and a tree of boxes that keeps most of them from being asked.
#include "rays.h"

#include <stddef.h>

// ---------------------------------------------------------------------------------------------- shapes

double hit_sphere(const Object *o, const Ray *ray, double t_max) {
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

Vec normal_of(const Object *o, Vec p) {
    if (o->shape == SPHERE) return scale(sub(p, o->a), 1.0 / o->radius);
    if (o->shape == PLANE) return o->b;
    Vec centre = scale(add(o->a, o->b), 0.5), half = scale(sub(o->b, o->a), 0.5), d = sub(p, centre);
    double x = d.x / half.x, y = d.y / half.y, z = d.z / half.z;
    double ax = fabs(x), ay = fabs(y), az = fabs(z);
    if (ax >= ay && ax >= az) return vec(x > 0 ? 1 : -1, 0, 0);
    if (ay >= az) return vec(0, y > 0 ? 1 : -1, 0);
    return vec(0, 0, z > 0 ? 1 : -1);
}

// ---------------------------------------------------------------------------------------------- tree of boxes

enum { LEAF_OBJECTS_MAX = 2, TREE_NODES_MAX = 2 * OBJECTS_MAX, TREE_DEPTH_MAX = 32 };

typedef struct {
    Vec low, high;
    int axis;         // by which the children were parted
    int left, right;  // children; -1 in a leaf
    int first, count; // objects of a leaf, as a range of `sorted`
} Node;

static Node nodes[TREE_NODES_MAX];
static int node_count;
static const Object *sorted[OBJECTS_MAX]; // spheres and boxes, leaf by leaf
static const Object *planes[OBJECTS_MAX]; // endless, so outside the tree
static int sorted_count, plane_count;

static Vec low_of(const Object *o) { return o->shape == BOX ? o->a : sub(o->a, vec(o->radius, o->radius, o->radius)); }
static Vec high_of(const Object *o) { return o->shape == BOX ? o->b : add(o->a, vec(o->radius, o->radius, o->radius)); }
static double component(Vec v, int axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }
static double middle(const Object *o, int axis) { return component(add(low_of(o), high_of(o)), axis); }

// Insertion sort: few objects, and the same order everywhere.
static void sort_range(int first, int count, int axis) {
    for (int i = first + 1; i < first + count; i++) {
        const Object *o = sorted[i];
        int j = i;
        for (; j > first && middle(sorted[j - 1], axis) > middle(o, axis); j--) sorted[j] = sorted[j - 1];
        sorted[j] = o;
    }
}

// Halves the range at its median, so the depth is the logarithm of OBJECTS_MAX. Returns the number of the node.
static int build(int first, int count) {
    int number = node_count++;
    Vec low = low_of(sorted[first]), high = high_of(sorted[first]);
    for (int i = first + 1; i < first + count; i++) {
        Vec l = low_of(sorted[i]), h = high_of(sorted[i]);
        low = vec(smaller(low.x, l.x), smaller(low.y, l.y), smaller(low.z, l.z));
        high = vec(larger(high.x, h.x), larger(high.y, h.y), larger(high.z, h.z));
    }
    Node node = {.low = low, .high = high, .left = -1, .right = -1, .first = first, .count = count};
    if (count > LEAF_OBJECTS_MAX) {
        Vec size = sub(high, low);
        node.axis = size.x >= size.y && size.x >= size.z ? 0 : size.y >= size.z ? 1 : 2;
        sort_range(first, count, node.axis);
        node.left = build(first, count / 2);
        node.right = build(first + count / 2, count - count / 2);
    }
    nodes[number] = node;
    return number;
}

void build_tree(void) {
    for (int i = 0; i < scene.object_count; i++) {
        const Object *o = &scene.objects[i];
        if (o->shape == PLANE) planes[plane_count++] = o;
        else sorted[sorted_count++] = o;
    }
    if (sorted_count > 0) build(0, sorted_count);
}

static double inverse(double x) { return fabs(x) < 1e-300 ? (x < 0.0 ? -1e300 : 1e300) : 1.0 / x; }

static bool meets(const Node *node, Vec origin, Vec inverse, double t_max) {
    double enter = NEAR, leave = t_max;
    slab(node->low.x, node->high.x, origin.x, inverse.x, &enter, &leave);
    slab(node->low.y, node->high.y, origin.y, inverse.y, &enter, &leave);
    slab(node->low.z, node->high.z, origin.z, inverse.z, &enter, &leave);
    return enter <= leave;
}

// Visits the leaves that the ray meets, nearer child first; `any` ends the search at the first hit.
static const Object *search(const Ray *ray, double *t_max, bool any, const Object *except) {
    const Object *found = NULL;
    Vec d = ray->direction, inv = vec(inverse(d.x), inverse(d.y), inverse(d.z));
    int stack[TREE_DEPTH_MAX], height = 0;
    if (sorted_count > 0) stack[height++] = 0;
    while (height > 0) {
        const Node *node = &nodes[stack[--height]];
        if (!meets(node, ray->origin, inv, *t_max)) continue;
        if (node->left >= 0) {
            bool forward = component(d, node->axis) >= 0.0;
            stack[height++] = forward ? node->right : node->left;
            stack[height++] = forward ? node->left : node->right;
            continue;
        }
        for (int i = node->first; i < node->first + node->count; i++) {
            const Object *o = sorted[i];
            if (any && (o == except || o->material->surface == GLASS)) continue;
            double t = hit(o, ray, *t_max);
            if (t >= *t_max) continue;
            *t_max = t;
            found = o;
            if (any) return found;
        }
    }
    return found;
}

const Object *nearest(const Ray *ray, double *distance) {
    *distance = FAR;
    const Object *found = NULL;
    for (int i = 0; i < plane_count; i++) {
        double t = hit_plane(planes[i], ray, *distance);
        if (t < *distance) { *distance = t; found = planes[i]; }
    }
    const Object *nearer = search(ray, distance, false, NULL);
    return nearer != NULL ? nearer : found;
}

bool shadowed(const Ray *ray, double t_max, const Object *except) {
    for (int i = 0; i < plane_count; i++)
        if (planes[i]->material->surface != GLASS && hit_plane(planes[i], ray, t_max) < t_max) return true;
    return search(ray, &t_max, true, except) != NULL;
}
