#include "sim/demand/demand_file.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/import/network_file.h"
#include "network.pb-c.h"

enum { PATH_BYTES_MAX = 4096, TYPE_COUNT_MAX = 100000, VARINT_BYTES_MAX = 5 };

// Columns of a block that is being filled or read.
struct block {
    LIST_OF(uint32_t) after_ms, type, link_count, first_link;
    LIST_OF(int32_t) lane, speed_mmps, front_mm;
    LIST_OF(uint8_t) turns;
    int64_t first_depart_ms;
};

static void block_clear(struct block *block)
{
    block->after_ms.count = block->type.count = block->link_count.count = block->first_link.count = 0;
    block->lane.count = block->speed_mmps.count = block->front_mm.count = block->turns.count = 0;
}

static void block_release(struct block *block)
{
    void *owned[] = { block->after_ms.at, block->type.at, block->link_count.at, block->first_link.at, block->lane.at,
        block->speed_mmps.at, block->front_mm.at, block->turns.at };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
}

struct demand_writer {
    const struct router *router;
    FILE *file;
    char path[PATH_BYTES_MAX], draft[PATH_BYTES_MAX + 8];   // written as draft, renamed to path
    int32_t type_count, link_count;
    int64_t last_ms;
    struct block block;
    LIST_OF(uint8_t) bytes;
};

static enum status write_failed(const struct demand_writer *writer, struct problem *problem)
{
    return problem_report(problem, STATUS_IO, writer->path, NULL, "is the disk full?", "cannot be written: %s",
                          strerror(errno));
}

// Writes the length as a varint and then the message that was packed into writer->bytes.
static enum status write_message(struct demand_writer *writer, size_t bytes, struct problem *problem)
{
    uint8_t head[VARINT_BYTES_MAX];
    size_t count = 0;
    for (size_t rest = bytes; count == 0 || rest > 0; rest >>= 7) {
        head[count++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    }
    return fwrite(head, 1, count, writer->file) == count && fwrite(writer->bytes.at, 1, bytes, writer->file) == bytes
        ? STATUS_OK : write_failed(writer, problem);
}

static void type_pack(const struct vehicle_type *type, Intergreen__V1__VehicleType *ret)
{
    intergreen__v1__vehicle_type__init(ret);
    ret->name = (char *)(uintptr_t)type->name;   // protobuf-c's strings are not const; packing only reads
    ret->has_user = ret->has_following = ret->has_length_m = ret->has_gap_m = ret->has_acceleration_mps2 = true;
    ret->has_deceleration_mps2 = ret->has_emergency_mps2 = ret->has_headway_s = ret->has_imperfection = true;
    ret->has_speed_mps_max = ret->has_speed_factor = ret->has_speed_deviation = ret->has_start_loss_s = true;
    ret->has_turn_way_m = true;
    ret->user = type->user;
    ret->following = type->following;
    ret->length_m = type->length_m;
    ret->gap_m = type->gap_m;
    ret->acceleration_mps2 = type->acceleration_mps2;
    ret->deceleration_mps2 = type->deceleration_mps2;
    ret->emergency_mps2 = type->emergency_mps2;
    ret->headway_s = type->headway_s;
    ret->imperfection = type->imperfection;
    ret->speed_mps_max = type->speed_mps_max;
    ret->speed_factor = type->speed_factor;
    ret->speed_deviation = type->speed_deviation;
    ret->start_loss_s = type->start_loss_s;
    ret->turn_way_m = type->turn_way_m;
}

static enum status write_header(struct demand_writer *writer, const struct network *network,
                                const struct vehicle_type *types, int64_t begin_ms, int64_t end_ms,
                                struct problem *problem)
{
    size_t count = (size_t)writer->type_count;
    Intergreen__V1__VehicleType *packed = memory_take(count, sizeof *packed), **list = memory_take(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        type_pack(&types[i], &packed[i]);
        list[i] = &packed[i];
    }
    Intergreen__V1__DemandHeader header;
    intergreen__v1__demand_header__init(&header);
    header.has_roads_hash = true;
    header.roads_hash = network_roads_hash(network);
    header.has_begin_ms = begin_ms != DEMAND_TIME_NONE;
    header.begin_ms = begin_ms;
    header.has_end_ms = end_ms != DEMAND_TIME_NONE;
    header.end_ms = end_ms;
    header.n_type = count;
    header.type = list;
    size_t bytes = intergreen__v1__demand_header__get_packed_size(&header);
    memory_grow((void **)&writer->bytes.at, &writer->bytes.capacity, (int32_t)bytes, 1);
    (void)intergreen__v1__demand_header__pack(&header, writer->bytes.at);
    free(packed);
    free(list);
    bool whole = fwrite(DEMAND_FILE_MAGIC, 1, NETWORK_FILE_MAGIC_BYTES, writer->file) == NETWORK_FILE_MAGIC_BYTES;
    return whole ? write_message(writer, bytes, problem) : write_failed(writer, problem);
}

enum status demand_writer_create(const struct network *network, const struct router *router, const char *path,
                                 const struct vehicle_type *types, int32_t type_count, int64_t begin_ms, int64_t end_ms,
                                 struct demand_writer **ret, struct problem *problem)
{
    assert(type_count <= TYPE_COUNT_MAX);
    if (strlen(path) >= PATH_BYTES_MAX) {
        return problem_report(problem, STATUS_LIMIT, path, NULL, "choose a shorter one", "the path is too long");
    }
    struct demand_writer *writer = memory_take(1, sizeof *writer);
    writer->router = router;
    writer->type_count = type_count;
    writer->link_count = network->link_count;
    writer->last_ms = INT64_MIN;
    (void)snprintf(writer->path, sizeof writer->path, "%s", path);
    (void)snprintf(writer->draft, sizeof writer->draft, "%s.draft", path);
    writer->file = fopen(writer->draft, "wb");
    enum status status = writer->file == NULL ? write_failed(writer, problem)
        : write_header(writer, network, types, begin_ms, end_ms, problem);
    if (status != STATUS_OK) {
        demand_writer_abandon(writer);
        return status;
    }
    *ret = writer;
    return STATUS_OK;
}

static enum status write_block(struct demand_writer *writer, struct problem *problem)
{
    struct block *block = &writer->block;
    if (block->type.count == 0) {
        return STATUS_OK;
    }
    Intergreen__V1__TripBlock message;
    intergreen__v1__trip_block__init(&message);
    size_t count = (size_t)block->type.count;
    message.has_first_depart_ms = true;
    message.first_depart_ms = block->first_depart_ms;
    message.n_depart_after_ms = message.n_type = message.n_route_link_count = message.n_route_first_link = count;
    message.depart_after_ms = block->after_ms.at;
    message.type = block->type.at;
    message.route_link_count = block->link_count.at;
    message.route_first_link = block->first_link.at;
    bool lanes = false, speeds = false, fronts = false;
    for (size_t i = 0; i < count; i++) {
        lanes = lanes || block->lane.at[i] != -1;
        speeds = speeds || block->speed_mmps.at[i] != -1;
        fronts = fronts || block->front_mm.at[i] != DEPART_AT_START;
    }
    message.n_depart_lane = lanes ? count : 0;
    message.depart_lane = block->lane.at;
    message.n_depart_speed_mmps = speeds ? count : 0;
    message.depart_speed_mmps = block->speed_mmps.at;
    message.n_depart_front_mm = fronts ? count : 0;
    message.depart_front_mm = block->front_mm.at;
    message.has_route_turn = true;
    message.route_turn = (ProtobufCBinaryData){ .len = (size_t)block->turns.count, .data = block->turns.at };
    size_t bytes = intergreen__v1__trip_block__get_packed_size(&message);
    if (bytes > DEMAND_FILE_BLOCK_BYTES_MAX) {
        return problem_report(problem, STATUS_LIMIT, writer->path, NULL, "write shorter routes",
                              "a block of %d trips takes "
                              "more than %d bytes",
                              block->type.count, DEMAND_FILE_BLOCK_BYTES_MAX);
    }
    memory_grow((void **)&writer->bytes.at, &writer->bytes.capacity, (int32_t)bytes, 1);
    (void)intergreen__v1__trip_block__pack(&message, writer->bytes.at);
    block_clear(block);
    return write_message(writer, bytes, problem);
}

// Appends the turn bytes of a route. False when two links do not follow one another.
static bool turns_add(struct demand_writer *writer, const struct demand_trip *trip)
{
    for (int32_t i = 1; i < trip->link_count; i++) {
        const int32_t *to;
        int32_t count = router_successors(writer->router, trip->links[i - 1], &to), at = 0;
        while (at < count && to[at] != trip->links[i]) {
            at++;
        }
        if (at == count || at > UINT8_MAX) {
            return false;
        }
        if (count > 1) {
            *GROW(writer->block.turns) = (uint8_t)at;
        }
    }
    return true;
}

enum status demand_writer_add(struct demand_writer *writer, const struct demand_trip *trip, struct problem *problem)
{
    struct block *block = &writer->block;
    if (block->type.count == DEMAND_FILE_BLOCK_TRIPS
        || (block->type.count > 0 && trip->depart_ms - writer->last_ms > UINT32_MAX)) {
        enum status status = write_block(writer, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (trip->depart_ms < writer->last_ms || trip->type < 0 || trip->type >= writer->type_count || trip->link_count < 1
        || trip->links[0] < 0 || trip->links[0] >= writer->link_count || !turns_add(writer, trip)) {
        return problem_report(problem, STATUS_RANGE, writer->path, NULL, NULL,
                              "a trip is out of order, of an unknown type, or not connected");
    }
    if (block->type.count == 0) {
        block->first_depart_ms = writer->last_ms = trip->depart_ms;
    }
    *GROW(block->after_ms) = (uint32_t)(trip->depart_ms - writer->last_ms);
    *GROW(block->type) = (uint32_t)trip->type;
    *GROW(block->link_count) = (uint32_t)trip->link_count;
    *GROW(block->first_link) = (uint32_t)trip->links[0];
    *GROW(block->lane) = trip->depart_lane;
    *GROW(block->speed_mmps) = trip->depart_speed_mmps;
    *GROW(block->front_mm) = trip->depart_front_mm;
    writer->last_ms = trip->depart_ms;
    return STATUS_OK;
}

void demand_writer_abandon(struct demand_writer *writer)
{
    if (writer->file != NULL) {
        (void)fclose(writer->file);
        (void)unlink(writer->draft);
    }
    block_release(&writer->block);
    free(writer->bytes.at);
    free(writer);
}

enum status demand_writer_close(struct demand_writer *writer, struct problem *problem)
{
    enum status status = write_block(writer, problem);
    FILE *file = writer->file;
    if (status == STATUS_OK && (fflush(file) != 0 || rename(writer->draft, writer->path) != 0)) {
        status = write_failed(writer, problem);
    }
    if (status == STATUS_OK) {
        writer->file = NULL;
        status = fclose(file) == 0 ? STATUS_OK : write_failed(writer, problem);
    }
    demand_writer_abandon(writer);
    return status;
}

struct demand_file {
    const struct network *network;
    struct router *router;
    FILE *file;
    char path[PATH_BYTES_MAX];
    LIST_OF(struct vehicle_type) types;
    int64_t begin_ms, end_ms;

    LIST_OF(uint8_t) bytes;
    int64_t block_index, trip_index;
    Intergreen__V1__TripBlock *block;     // the open one, or NULL
    size_t row, turn;                     // what comes next in it
    int64_t last_ms;
    struct demand_trip trip;
    struct link_list links;
};

static enum status broken(const struct demand_file *file, struct problem *problem, const char *what)
{
    char place[48];
    (void)snprintf(place, sizeof place, "block %lld", (long long)file->block_index);
    return problem_report(problem, STATUS_SYNTAX, file->path, file->block_index >= 0 ? place : "header",
                          "write the file anew with `intergreen generate`", "%s", what);
}

// Reads one message into file->bytes. *ret_bytes is -1 at the end of the file.
static enum status read_message(struct demand_file *file, int32_t *ret_bytes, struct problem *problem)
{
    uint32_t bytes = 0;
    for (int i = 0;; i++) {
        int c = getc(file->file);
        if (c == EOF && i == 0 && !ferror(file->file)) {
            *ret_bytes = -1;
            return STATUS_OK;
        }
        if (c == EOF || i == VARINT_BYTES_MAX - 1) {
            return broken(file, problem, c == EOF ? "is cut off" : "a length is too long");
        }
        bytes |= (uint32_t)(c & 0x7f) << (7 * i);
        if ((c & 0x80) == 0) {
            break;
        }
    }
    if (bytes > DEMAND_FILE_BLOCK_BYTES_MAX) {
        return broken(file, problem, "a block is longer than any that is written");
    }
    memory_grow((void **)&file->bytes.at, &file->bytes.capacity, (int32_t)bytes, 1);
    if (fread(file->bytes.at, 1, bytes, file->file) != bytes) {
        return broken(file, problem, "is cut off");
    }
    *ret_bytes = (int32_t)bytes;
    return STATUS_OK;
}

// Within limits that keep the street's arithmetic sound; NaN fails every comparison.
static bool type_valid(const struct vehicle_type *type)
{
    uint32_t user = (uint32_t)type->user;
    return user != 0 && (user & (user - 1)) == 0 && user <= USER_RAIL
        && type->length_m > 0.0 && type->length_m <= 1000.0 && type->gap_m >= 0.0 && type->gap_m <= 100.0
        && type->acceleration_mps2 > 0.0 && type->acceleration_mps2 <= 50.0
        && type->deceleration_mps2 > 0.0 && type->deceleration_mps2 <= 50.0
        && type->emergency_mps2 >= type->deceleration_mps2 && type->emergency_mps2 <= 100.0
        && type->headway_s > 0.0 && type->headway_s <= 60.0 && type->imperfection >= 0.0 && type->imperfection <= 1.0
        && type->speed_mps_max > 0.0 && type->speed_mps_max <= 200.0 && type->speed_factor > 0.0
        && type->speed_factor <= 100.0 && type->speed_deviation >= 0.0 && type->speed_deviation <= 100.0
        && type->start_loss_s >= 0.0 && type->start_loss_s <= 60.0
        && type->turn_way_m >= 0.0 && type->turn_way_m <= 1000.0;
}

static bool type_unpack(const Intergreen__V1__VehicleType *from, struct vehicle_type *ret)
{
    if (from->following > FOLLOW_KRAUSS) {
        return false;
    }
    *ret = (struct vehicle_type){ .user = (enum user_class)from->user, .following = (enum car_following)from->following,
        .length_m = from->length_m, .gap_m = from->gap_m, .acceleration_mps2 = from->acceleration_mps2,
        .deceleration_mps2 = from->deceleration_mps2, .emergency_mps2 = from->emergency_mps2,
        .headway_s = from->headway_s, .imperfection = from->imperfection, .speed_mps_max = from->speed_mps_max,
        .speed_factor = from->speed_factor, .speed_deviation = from->speed_deviation,
        .start_loss_s = from->start_loss_s, .turn_way_m = from->turn_way_m };
    (void)snprintf(ret->name, sizeof ret->name, "%s", from->name != NULL ? from->name : "");
    return type_valid(ret);
}

static enum status header_take(struct demand_file *file, const Intergreen__V1__DemandHeader *header,
                               struct problem *problem)
{
    if (header->roads_hash != network_roads_hash(file->network)) {
        return problem_report(problem, STATUS_VERSION, file->path, NULL, "name the network that it was written for, or "
                              "generate both anew", "belongs to another network");
    }
    if (header->n_type > TYPE_COUNT_MAX) {
        return broken(file, problem, "has too many vehicle types");
    }
    file->begin_ms = header->has_begin_ms ? header->begin_ms : DEMAND_TIME_NONE;
    file->end_ms = header->has_end_ms ? header->end_ms : DEMAND_TIME_NONE;
    for (size_t i = 0; i < header->n_type; i++) {
        if (!type_unpack(header->type[i], GROW(file->types))) {
            return broken(file, problem, "a vehicle type has an impossible value");
        }
    }
    return STATUS_OK;
}

static enum status read_header(struct demand_file *file, struct problem *problem)
{
    char magic[NETWORK_FILE_MAGIC_BYTES];
    if (fread(magic, 1, sizeof magic, file->file) != sizeof magic
        || memcmp(magic, DEMAND_FILE_MAGIC, sizeof magic) != 0) {
        return broken(file, problem, "is no demand file of this version");
    }
    int32_t bytes;
    enum status status = read_message(file, &bytes, problem);
    if (status != STATUS_OK) {
        return status;
    }
    Intergreen__V1__DemandHeader *header = bytes < 0 ? NULL
        : intergreen__v1__demand_header__unpack(NULL, (size_t)bytes, file->bytes.at);
    if (header == NULL) {
        return broken(file, problem, "is cut off or altered");
    }
    status = header_take(file, header, problem);
    intergreen__v1__demand_header__free_unpacked(header, NULL);
    return status;
}

enum status demand_file_open(const struct network *network, const char *path, struct demand_file **ret,
                             struct problem *problem)
{
    struct demand_file *file = memory_take(1, sizeof *file);
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    file->network = network;
    file->block_index = file->trip_index = -1;
    file->last_ms = INT64_MIN;
    file->file = fopen(path, "rb");
    enum status status = file->file == NULL
        ? problem_report(problem, STATUS_IO, path, NULL, "check the path", "cannot be read: %s", strerror(errno))
        : read_header(file, problem);
    if (status != STATUS_OK) {
        demand_file_close(file);
        return status;
    }
    file->router = router_create(network);
    *ret = file;
    return STATUS_OK;
}

void demand_file_close(struct demand_file *file)
{
    if (file == NULL) {
        return;
    }
    if (file->file != NULL) {
        (void)fclose(file->file);
    }
    if (file->block != NULL) {
        intergreen__v1__trip_block__free_unpacked(file->block, NULL);
    }
    router_release(file->router);
    free(file->types.at);
    free(file->bytes.at);
    free(file->links.at);
    free(file);
}

const struct vehicle_type *demand_file_types(const struct demand_file *file, int32_t *ret_count)
{
    *ret_count = file->types.count;
    return file->types.at;
}

int64_t demand_file_begin_ms(const struct demand_file *file)
{
    return file->begin_ms;
}

int64_t demand_file_end_ms(const struct demand_file *file)
{
    return file->end_ms;
}

static enum status open_block(struct demand_file *file, struct problem *problem)
{
    if (file->block != NULL) {
        intergreen__v1__trip_block__free_unpacked(file->block, NULL);
        file->block = NULL;
    }
    int32_t bytes;
    file->block_index++;
    enum status status = read_message(file, &bytes, problem);
    if (status != STATUS_OK || bytes < 0) {
        return status;
    }
    Intergreen__V1__TripBlock *block = intergreen__v1__trip_block__unpack(NULL, (size_t)bytes, file->bytes.at);
    if (block == NULL) {
        return broken(file, problem, "is cut off or altered");
    }
    size_t count = block->n_type;
    if (count == 0 || block->n_depart_after_ms != count || block->n_route_link_count != count
        || block->n_route_first_link != count || (block->n_depart_lane != 0 && block->n_depart_lane != count)
        || (block->n_depart_speed_mmps != 0 && block->n_depart_speed_mmps != count)
        || (block->n_depart_front_mm != 0 && block->n_depart_front_mm != count)
        || block->first_depart_ms < file->last_ms) {
        intergreen__v1__trip_block__free_unpacked(block, NULL);
        return broken(file, problem, "its columns disagree, or it departs before the block before it");
    }
    file->block = block;
    file->row = file->turn = 0;
    file->last_ms = block->first_depart_ms;
    return STATUS_OK;
}

// Follows the turns from the first link into file->links. False when they lead nowhere. *ret_users: who may drive so.
static bool follow(struct demand_file *file, uint32_t first_link, uint32_t link_count, uint32_t *ret_users)
{
    const Intergreen__V1__TripBlock *block = file->block;
    file->links.count = 0;
    if (first_link >= (uint32_t)file->network->link_count) {
        return false;
    }
    *GROW(file->links) = (int32_t)first_link;
    uint32_t users = UINT32_MAX;
    for (uint32_t i = 1; i < link_count; i++) {
        const int32_t *to;
        uint32_t count = (uint32_t)router_successors(file->router, file->links.at[i - 1], &to), turn = 0;
        if (count > 1) {
            if (file->turn >= block->route_turn.len) {
                return false;
            }
            turn = block->route_turn.data[file->turn++];
        }
        if (turn >= count || i > DEMAND_FILE_BLOCK_BYTES_MAX) {
            return false;
        }
        users &= router_step_users(file->router, router_step(file->router, file->links.at[i - 1]) + (int32_t)turn);
        *GROW(file->links) = to[turn];
    }
    *ret_users = users;
    return true;
}

enum status demand_file_next(struct demand_file *file, const struct demand_trip **ret, bool *ret_forbidden,
                             struct problem *problem)
{
    if (file->block == NULL || file->row == file->block->n_type) {
        enum status status = open_block(file, problem);
        if (status != STATUS_OK || file->block == NULL) {
            *ret = NULL;
            return status;
        }
    }
    const Intergreen__V1__TripBlock *block = file->block;
    size_t row = file->row;
    uint32_t type = block->type[row], link_count = block->route_link_count[row], users = 0;
    int32_t lane = block->n_depart_lane > 0 ? block->depart_lane[row] : -1;
    int32_t speed_mmps = block->n_depart_speed_mmps > 0 ? block->depart_speed_mmps[row] : -1;
    int32_t front_mm = block->n_depart_front_mm > 0 ? block->depart_front_mm[row] : DEPART_AT_START;
    if (type >= (uint32_t)file->types.count || link_count == 0
        || !follow(file, block->route_first_link[row], link_count, &users)
        || lane < -1 || lane >= file->network->links[file->links.at[0]].lane_count || lane > INT8_MAX || speed_mmps < -1
        || front_mm < DEPART_BEHIND_LAST || file->last_ms > INT64_MAX / 2) {
        return broken(file, problem, "a trip has an impossible value");
    }
    file->last_ms += block->depart_after_ms[row];
    file->trip = (struct demand_trip){ .depart_ms = file->last_ms, .type = (int32_t)type, .links = file->links.at,
        .link_count = file->links.count, .depart_lane = (int8_t)lane, .depart_speed_mmps = speed_mmps,
        .depart_front_mm = front_mm };
    file->row++;
    file->trip_index++;
    *ret = &file->trip;
    enum user_class user = file->types.at[type].user;
    *ret_forbidden = (users & (uint32_t)user) == 0 || !router_usable(file->router, file->links.at[0], user);
    return STATUS_OK;
}

int64_t demand_file_trip_index(const struct demand_file *file)
{
    return file->trip_index;
}
