// report_page.h: the page of the report (report.html), carried in the program; ends with NUL.
#pragma once

extern const unsigned char report_page[];
extern const unsigned int report_page_bytes;
