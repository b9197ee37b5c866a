/* The lines of a .env file, as python-dotenv reads them: pure. Internal to app; the file is environment.h's. */
#ifndef APP_DOTENV_H
#define APP_DOTENV_H

/* One line without its end, changed in place: *name and *value point into it; *name stays NULL for a line without a variable.
 * Returns what is wrong (never the text, it may be a secret), or NULL. */
const char *dotenv_parse_line(char *line, const char **name, const char **value);

#endif
