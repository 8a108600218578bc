// page_text.h: a growing text for pages, with a bound.
//
// CONTRACT  One thread. Once the bound is passed the text is cut and `full` says so.
// OWNERSHIP page_text_release frees it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"

#define PAGE_BYTES_MAX (64u << 20)

struct page_text {
    char *at;
    size_t used, capacity;
    bool full;
};

void page_text_release(struct page_text *text);
void page_text_add(struct page_text *text, const char *format, ...) PRINTF_LIKE(2, 3);

// A JSON string with its quotes. Bytes that are not UTF-8 are passed on as they are.
void page_text_string(struct page_text *text, const char *value);
