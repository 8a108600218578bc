// Goal: a network that was saved and loaded is the same (every hash), and whatever happens to the file in between
// (cut, altered, of another version, of another form, contradictory in itself) gives a sentence and no network.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/import/network_columns.h"
#include "engine/import/network_file.h"
#include "engine/model/network_check.h"
#include "tests/engine/crossings.h"

static struct crossings made;
static char folder[] = "network-file-XXXXXX";
static char path[64];

static uint8_t *slurp(size_t *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *bytes = memory_take(1 << 20, 1);
    *ret_bytes = fread(bytes, 1, 1 << 20, file);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

static void same_after_saving(void **state)
{
    (void)state;
    struct problem problem = { "" };
    struct network loaded;
    assert_int_equal(network_file_save(&made.network, path, &problem), STATUS_OK);
    assert_int_equal(network_file_load(path, &loaded, &problem), STATUS_OK);
    assert_true(loaded.hash == made.network.hash);
    assert_true(network_roads_hash(&loaded) == network_roads_hash(&made.network));
    for (int32_t i = 0; i < loaded.intersection_count; i++) {
        assert_true(loaded.intersections[i].site_hash == made.network.intersections[i].site_hash);
    }
    assert_int_equal(network_find_intersection(&loaded, "crossing2_0").index, 2);
    assert_string_equal(loaded.time_zone, made.network.time_zone);
    assert_memory_equal(loaded.links, made.network.links, sizeof(struct link) * (size_t)loaded.link_count);
    network_release(&loaded);
}

// Named corridors are kept, and a network that has them is another than one that has none.
static void corridors_are_kept(void **state)
{
    (void)state;
    struct problem problem = { "" };
    struct network named, loaded;
    char own_path[sizeof path + 16];
    (void)snprintf(own_path, sizeof own_path, "%s.corridors", path);
    network_copy(&made.network, &named);
    (void)names_add(&named.corridors, "ring");
    (void)names_add(&named.corridors, "high street");
    named.intersections[0].corridors = 2;
    named.intersections[1].corridors = 3;
    network_hash(&named);
    assert_true(named.hash != made.network.hash);
    assert_true(named.intersections[0].site_hash == made.network.intersections[0].site_hash);
    assert_int_equal(network_file_save(&named, own_path, &problem), STATUS_OK);
    assert_int_equal(network_file_load(own_path, &loaded, &problem), STATUS_OK);
    assert_true(loaded.hash == named.hash);
    assert_string_equal(names_text(&loaded.corridors, 1), "high street");
    assert_int_equal(loaded.intersections[0].corridors, 2);
    assert_int_equal(loaded.intersections[1].corridors, 3);
    assert_int_equal(loaded.intersections[2].corridors, 0);
    network_release(&loaded);
    named.intersections[2].corridors = 4;
    network_hash(&named);
    assert_int_equal(network_file_save(&named, own_path, &problem), STATUS_OK);
    assert_int_equal(network_file_load(own_path, &loaded, &problem), STATUS_RANGE);
    assert_non_null(strstr(problem.text, "corridor"));
    network_release(&named);
    (void)remove(own_path);
}

static enum status parse(const uint8_t *bytes, size_t count, struct problem *problem)
{
    struct network network = { .point_count = -77 };
    problem->text[0] = '\0';
    uint8_t *copy = memory_copy(bytes, count, 1);   // Of its own length, so that a read past the end is seen.
    enum status status = network_file_parse(copy, count, "x.net", &network, problem);
    free(copy);
    if (status == STATUS_OK) {
        network_release(&network);
    } else {
        assert_int_equal(network.point_count, -77);   // Untouched.
        assert_true(strncmp(problem->text, "x.net: ", 7) == 0 && strlen(problem->text) > 20);
    }
    return status;
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    struct problem problem;
    size_t bytes;
    uint8_t *image = slurp(&bytes);
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(parse(image, bytes * i / 200, &problem), STATUS_SYNTAX);
    }
    assert_int_equal(parse(image, bytes - 1, &problem), STATUS_SYNTAX);
    assert_non_null(strstr(problem.text, "cut off"));
    assert_int_equal(parse(image, bytes, &problem), STATUS_OK);
    free(image);
}

// FNV-1a changes with every single byte: each step is a bijection of the hash.
static void altered_files_are_refused(void **state)
{
    (void)state;
    struct problem problem;
    size_t bytes;
    uint8_t *image = slurp(&bytes);
    for (uint64_t i = 0; i < 2000; i++) {
        size_t at = i < 32 ? i : (size_t)(random_unit(1, RANDOM_TEST, i, 0) * (double)bytes);
        uint8_t kept = image[at];
        image[at] = (uint8_t)(kept ^ (1u << (random_bits(1, RANDOM_TEST, i, 1) % 8)));
        assert_int_not_equal(parse(image, bytes, &problem), STATUS_OK);
        image[at] = kept;
    }
    image[5] = 2;
    assert_int_equal(parse(image, bytes, &problem), STATUS_VERSION);
    assert_non_null(strstr(problem.text, "version 2"));
    free(image);
}

// Writes the hash anew over altered bytes: now the message itself must hold.
static void sign(uint8_t *image, size_t bytes)
{
    uint64_t hash = hash_bytes(HASH_SEED, image + 24, bytes - 24);
    for (int i = 0; i < 8; i++) {
        image[8 + i] = (uint8_t)((bytes - 24) >> (8 * i));
        image[16 + i] = (uint8_t)(hash >> (8 * i));
    }
}

static void lies_with_a_true_hash_are_refused(void **state)
{
    (void)state;
    struct problem problem;
    size_t bytes;
    uint8_t *image = slurp(&bytes), *forged = memory_take(bytes, 1);
    int accepted = 0;
    for (uint64_t i = 0; i < 4000; i++) {
        memcpy(forged, image, bytes);
        uint64_t count = 1 + random_bits(2, RANDOM_TEST, i, 0) % 4;
        for (uint64_t k = 0; k < count; k++) {
            size_t at = 24 + (size_t)(random_unit(2, RANDOM_TEST, i, 1 + 2 * k) * (double)(bytes - 24));
            forged[at] = (uint8_t)random_bits(2, RANDOM_TEST, i, 2 + 2 * k);
        }
        size_t length = i % 4 == 0 ? 24 + (size_t)(random_unit(2, RANDOM_TEST, i, 99) * (double)(bytes - 24)) : bytes;
        sign(forged, length);
        accepted += parse(forged, length, &problem) == STATUS_OK;
    }
    // The network's own hash stands in the message: only a change of nothing (the same byte again) may pass.
    assert_true(accepted < 40);
    free(forged);
    free(image);
}

static void other_files_are_named_as_such(void **state)
{
    (void)state;
    struct problem problem;
    struct network network;
    const char *text = "<?xml version=\"1.0\"?><net version=\"1.9\"></net>";
    assert_int_equal(parse((const uint8_t *)text, strlen(text), &problem), STATUS_SYNTAX);
    assert_non_null(strstr(problem.text, "no network file"));
    assert_int_equal(network_file_load("no/such/file", &network, &problem), STATUS_IO);
    assert_non_null(strstr(problem.text, "no/such/file"));
    assert_int_equal(network_file_save(&made.network, "no/such/folder/x", &problem), STATUS_IO);
}

static void empty_network_is_a_network(void **state)
{
    (void)state;
    struct problem problem;
    struct network empty, loaded;
    network_create(&empty);
    assert_int_equal(network_finish(&empty, "empty", &problem), STATUS_OK);
    char name[96];
    (void)snprintf(name, sizeof name, "%s.empty", path);
    assert_int_equal(network_file_save(&empty, name, &problem), STATUS_OK);
    assert_int_equal(network_file_load(name, &loaded, &problem), STATUS_OK);
    assert_true(loaded.hash == empty.hash);
    network_release(&loaded);
    network_release(&empty);
    (void)remove(name);
}

static int build(void **state)
{
    (void)state;
    crossings_build(&made, 3, 400.0);
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/city.net", folder);
    return 0;
}

static int release(void **state)
{
    (void)state;
    network_release(&made.network);
    (void)remove(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_after_saving), cmocka_unit_test(corridors_are_kept),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(altered_files_are_refused), cmocka_unit_test(lies_with_a_true_hash_are_refused),
        cmocka_unit_test(other_files_are_named_as_such), cmocka_unit_test(empty_network_is_a_network),
    };
    return cmocka_run_group_tests(tests, build, release);
}
