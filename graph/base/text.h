/* Texts of strangers: characters of UTF-8, and cutting between them. */
#ifndef GRAPH_BASE_TEXT_H
#define GRAPH_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Bytes of the well-formed character at `text`, of which `left` bytes may be read; 0: there is
 * none. */
size_t text_char_length(const char *text, size_t left);

/* Prints a text of a stranger: what commands a terminal, and what is no character, becomes `?`. */
void text_print(const char *text, FILE *out);
/* The same of what stands in a table: ends of lines and tabs become `?` too. */
void text_print_word(const char *text, FILE *out);

/* Makes it UTF-8: each byte that is no part of a character becomes `?`.  The path of a file may
 * hold some, JSON and XML may not. */
void text_repair(char *text);

/* How many of the first `length` bytes may be shown where `most` fit: no part of a character stands
 * at the end.  For `%.*s`. */
size_t text_cut_n(const char *text, size_t length, size_t most);
/* The same of a whole string, as printf wants it. */
int text_cut(const char *text, size_t most);

/* snprintf for texts that are only shown: what does not fit is cut between two characters and ends
 * in `...`.  Returns the bytes written. */
size_t text_format(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t text_vformat(char *out, size_t size, const char *format, va_list args);
/* The same behind the first `used` bytes; returns all bytes.  Callers can chain. */
size_t text_append(char *out, size_t size, size_t used, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether it ends in `tail`, as names of files end in their form. */
bool text_ends_in(const char *text, const char *tail);

#endif
