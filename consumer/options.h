/* The option table of ferry-consumer, and its --help. */
#ifndef CONSUMER_OPTIONS_H
#define CONSUMER_OPTIONS_H

#include "app/option.h"

extern const struct option_row consumer_rows[];
extern const size_t consumer_row_count;
extern const struct option_help consumer_help;

#endif
