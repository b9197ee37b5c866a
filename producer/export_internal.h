/* What the parts of the exporting machine share: export.c (events, time, claims), export_outcome.c (answers) and
 * export_slot.c (the moves of one slot). Nobody else's. */
#ifndef PRODUCER_EXPORT_INTERNAL_H
#define PRODUCER_EXPORT_INTERNAL_H

#include "producer/export.h"

/* The same batch in a row, with waits between, until its records are looked at. */
#define EXPORT_SUSPICIONS_MAX 3

/* -- export_slot.c -- */
void export_act(struct export_core *core, enum export_action_kind kind, size_t slot, size_t count);
void export_set_state(struct export_core *core, size_t slot, enum export_state state);
/* The slot is free again, and the edge forgets what it held. */
void export_drop(struct export_core *core, size_t slot);
/* Gives the claim back, then drops. */
void export_release(struct export_core *core, size_t slot);
/* A failure that no waiting mends: blocks the job, where it is the job's fault, and releases. */
void export_refuse(struct export_core *core, size_t slot, enum error_kind error);
/* The claim is no longer ours: drops what has not been sent. */
void export_lose(struct export_core *core, size_t slot);

/* Are fewer than fetch_limit batches being fetched and encoded? */
bool export_has_room(const struct export_core *core);

/* -- export_outcome.c: the event of that name, of a slot that awaits it -- */
void export_on_claimed(struct export_core *core, const struct export_event *event);
void export_on_fetched(struct export_core *core, const struct export_event *event, int64_t now_ms);
void export_on_searched(struct export_core *core, const struct export_event *event, int64_t now_ms);
void export_on_lettered(struct export_core *core, const struct export_event *event, int64_t now_ms);
void export_on_recorded(struct export_core *core, const struct export_event *event);
void export_on_sent(struct export_core *core, const struct export_event *event, int64_t now_ms);
void export_on_report(struct export_core *core, const struct export_event *event);
void export_on_reported(struct export_core *core, const struct export_event *event, int64_t now_ms);

#endif
