#include "engine/serve/page_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void page_text_release(struct page_text *text)
{
    free(text->at);
    *text = (struct page_text){ 0 };
}

static bool reserve(struct page_text *text, size_t bytes)
{
    if (text->full || bytes > PAGE_BYTES_MAX - text->used) {
        text->full = true;
        return false;
    }
    size_t capacity = text->capacity == 0 ? 4096 : text->capacity;
    while (capacity < text->used + bytes) {
        capacity *= 2;
    }
    if (capacity > text->capacity) {
        char *grown = realloc(text->at, capacity);
        if (grown == NULL) {
            text->full = true;
            return false;
        }
        text->at = grown;
        text->capacity = capacity;
    }
    return true;
}

void page_text_add(struct page_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    if (bytes >= 0 && reserve(text, (size_t)bytes + 1)) {
        vsnprintf(text->at + text->used, (size_t)bytes + 1, format, again);
        text->used += (size_t)bytes;
    }
    va_end(again);
    va_end(arguments);
}

void page_text_string(struct page_text *text, const char *value)
{
    page_text_add(text, "\"");
    for (const unsigned char *letter = (const unsigned char *)value; *letter != '\0'; letter++) {
        if (*letter < 0x20 || *letter == '"' || *letter == '\\') {
            page_text_add(text, "\\u%04x", *letter);
        } else if (reserve(text, 2)) {
            text->at[text->used++] = (char)*letter;
        }
    }
    page_text_add(text, "\"");
}
