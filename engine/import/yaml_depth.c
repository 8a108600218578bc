#include "engine/import/yaml_depth.h"

#include <stdbool.h>
#include <yaml.h>

size_t yaml_line_too_deep(const char *text, size_t bytes)
{
    yaml_parser_t parser;
    size_t line = 0;
    if (!yaml_parser_initialize(&parser)) {
        return 0;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    int depth = 0;
    for (bool more = true; more && line == 0;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            break;
        }
        depth += event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT;
        depth -= event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
        line = depth > YAML_DEPTH_MAX ? event.start_mark.line + 1 : 0;
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return line;
}
