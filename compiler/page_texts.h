/* The files of compiler/page, as strings: `page_text_NAME`.  CMake makes them. */
#ifndef COMPILER_PAGE_TEXTS_H
#define COMPILER_PAGE_TEXTS_H

#define TEXT(NAME) extern const char page_text_##NAME[];
#include <page_texts.inc>
#undef TEXT

#endif
