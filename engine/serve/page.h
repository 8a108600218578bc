// page.h: the page that the daemon serves, carried in the program (web/index.html; the build makes page.c of it).
#pragma once

extern const unsigned char page_index[];
extern const unsigned int page_index_bytes;
