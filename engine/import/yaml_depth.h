// yaml_depth.h: a bound on how deep a YAML file is nested, held before it is parsed.
//
// THEORY    libyaml's time for a token grows with the depth: a file of a hundred thousand brackets would take it
//           minutes.
#pragma once

#include <stddef.h>

#define YAML_DEPTH_MAX 32             // of lists in lists: site data have four, a configuration three

// The line where it is nested deeper than YAML_DEPTH_MAX, or 0. What is no YAML is told by who loads it.
size_t yaml_line_too_deep(const char *text, size_t bytes);
