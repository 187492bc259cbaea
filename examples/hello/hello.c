// The smallest whole application: reads its arguments and its first input file, writes a result and computed.json.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES_MAX = 1024, COPY_BYTES = 4096 };

static const char *environment(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

// Opens DIRECTORY/NAME; on failure says which file and why, and ends the program with code 2.
static FILE *open_in(const char *directory, const char *name, const char *mode) {
    char path[PATH_BYTES_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        fprintf(stderr, "hello: the path %s/%s is too long\n", directory, name);
        exit(2);
    }
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    return file;
}

// Copies the first input file, if there is one, to RESULT. Returns the number of bytes copied.
static unsigned long copy_input(FILE *result) {
    const char *name = getenv("IEXEC_INPUT_FILE_NAME_1");
    if (name == NULL) return 0;
    FILE *input = open_in(environment("IEXEC_IN", "/iexec_in"), name, "rb");
    char buffer[COPY_BYTES];
    unsigned long copied = 0;
    size_t length;
    while ((length = fread(buffer, 1, sizeof buffer, input)) > 0) {
        if (fwrite(buffer, 1, length, result) != length) {
            perror("result.txt");
            exit(2);
        }
        copied += length;
    }
    fclose(input);
    return copied;
}

int main(int argc, char **argv) {
    const char *out = environment("IEXEC_OUT", "/iexec_out");
    FILE *result = open_in(out, "result.txt", "wb");
    fputs("hello", result);
    for (int i = 1; i < argc; i++) fprintf(result, " %s", argv[i]);
    fputc('\n', result);
    unsigned long copied = copy_input(result);
    if (fclose(result) != 0) {
        perror("result.txt");
        return 2;
    }
    FILE *computed = open_in(out, "computed.json", "wb");
    fputs("{\"deterministic-output-path\": \"/iexec_out/result.txt\"}\n", computed);
    if (fclose(computed) != 0) {
        perror("computed.json");
        return 2;
    }
    printf("wrote result.txt with %lu bytes of input\n", copied);
    return 0;
}
