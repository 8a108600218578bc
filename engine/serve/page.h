// page.h: the console that the daemon serves, carried in the program (web/; the build makes C files of it).
#pragma once

extern const unsigned char page_index[];
extern const unsigned int page_index_bytes;
extern const unsigned char page_script[];
extern const unsigned int page_script_bytes;
extern const unsigned char page_draw[];
extern const unsigned int page_draw_bytes;
extern const unsigned char page_style[];
extern const unsigned int page_style_bytes;
