/* What the parts of the delivering machine share: delivery.c (events, time), delivery_turn.c (whose turn), delivery_pace.c (how many at a time),
 * delivery_outcome.c (answers), delivery_failure.c (failures) and delivery_slot.c (the moves of one slot). Nobody else's. */
#ifndef CONSUMER_DELIVERY_INTERNAL_H
#define CONSUMER_DELIVERY_INTERNAL_H

#include "consumer/delivery.h"

#define RETRY_BASE_MS 200
#define RETRY_CAP_MS  30000

#define DELIVERY_JOB_BLOCKED    "the job is blocked"
#define DELIVERY_TARGET_REFUSES "the target refuses"

/* -- delivery_slot.c -- */
/* Puts an action into the queue, filled in from the slot. The pointer is for the caller's additions, until the next
 * one. */
struct delivery_action *delivery_act(struct delivery_core *core, enum delivery_action_kind kind,
                                     size_t slot);
void delivery_set_state(struct delivery_core *core, size_t slot, enum delivery_state state);
void delivery_drop(struct delivery_core *core, size_t slot);
/* The message is done: acknowledged, unless its generation has ended. */
void delivery_finish(struct delivery_core *core, size_t slot);
/* Not ours, or not ours any more: what was known under the claim is void; look again at due_ms. */
void delivery_hold(struct delivery_core *core, size_t slot, int64_t due_ms);
/* The claim is over before its work was: the request is aborted. A statement under way is left to the fence. */
void delivery_lose(struct delivery_core *core, size_t slot, int64_t due_ms);
/* Stopping: the claim, if there is one, goes back, and the message stays for whoever comes next. */
void delivery_leave_behind(struct delivery_core *core, size_t slot);
/* Into KNOCKING, UPSERTING, READING, LETTERING, MARKING, PARKING, EXPELLING or NOTING, with the action that belongs to it; also to repeat that. */
void delivery_start(struct delivery_core *core, size_t slot, enum delivery_state state);

/* Works under a claim that can be lost: no statement about it is under way. */
bool delivery_has_claim(enum delivery_state state);
int64_t delivery_deadline_ms(const struct delivery_core *core, const struct delivery *delivery);

/* -- delivery_turn.c -- */
bool delivery_has_time(const struct delivery_core *core, size_t slot, int64_t now_ms);
void delivery_take_turns(struct delivery_core *core, int64_t now_ms);
/* Nothing new is begun; what is in flight may end until the grace does. */
void delivery_wind_down(struct delivery_core *core, int64_t now_ms);

/* -- delivery_pace.c -- */
/* Where a message of this job is likely to go. */
size_t delivery_guess_target(const struct delivery_core *core, int64_t job_id);
/* The ledger has said where the slot's batch goes. */
void delivery_learn_target(struct delivery_core *core, size_t slot, const struct uuid *target);
struct tempo *delivery_tempo(struct delivery_core *core, size_t slot);
/* The slot's turn may come now: to be claimed, to write; to read back, which waits only where the target is left alone. */
bool delivery_may_claim(const struct delivery_core *core, size_t slot, int64_t now_ms);
bool delivery_may_write(const struct delivery_core *core, size_t slot, int64_t now_ms);
bool delivery_may_read(const struct delivery_core *core, size_t slot, int64_t now_ms);
/* When a request that may not be now is to be looked at again. */
int64_t delivery_pause_ends_ms(const struct delivery_core *core, size_t slot, int64_t now_ms);
/* Another answer has asked for a pause meanwhile. */
bool delivery_is_left_alone(const struct delivery_core *core, size_t slot, int64_t now_ms);
/* Written: read back now, or when the target may be asked again. */
void delivery_read_soon(struct delivery_core *core, size_t slot, int64_t now_ms);
/* An upsert was answered; failures are told by delivery_fail(). */
void delivery_note_answer(struct delivery_core *core, const struct delivery_event *event,
                          int64_t now_ms);
/* As much was under way as the pace allows, this slot's included. */
bool delivery_is_full(const struct delivery_core *core, size_t slot, int64_t now_ms);
/* Claims that the slot's target has from us. */
uint32_t delivery_claims_held(const struct delivery_core *core, size_t slot);

/* -- delivery_failure.c -- */
/* probed: so many records, each alone, were refused alike; 0: it is not about records. */
void delivery_block(struct delivery_core *core, size_t slot, uint32_t probed, int64_t now_ms);
/* Throttled, or not there; our own want of memory, for one, is not. */
bool delivery_is_about_the_target(enum error_kind kind);
/* A request failed, and no record is to blame. */
void delivery_fail(struct delivery_core *core, const struct delivery_event *event, int64_t now_ms);

/* -- delivery_outcome.c -- */
void delivery_park(struct delivery_core *core, size_t slot, const char *reason);
void delivery_on_claim(struct delivery_core *core, const struct delivery_event *event,
                       int64_t now_ms);
void delivery_on_knock(struct delivery_core *core, const struct delivery_event *event,
                       int64_t now_ms);
void delivery_on_upsert(struct delivery_core *core, const struct delivery_event *event,
                        int64_t now_ms);
void delivery_on_read(struct delivery_core *core, const struct delivery_event *event,
                      int64_t now_ms);
void delivery_on_repair(struct delivery_core *core, const struct delivery_event *event,
                        int64_t now_ms);
void delivery_on_delete(struct delivery_core *core, const struct delivery_event *event,
                        int64_t now_ms);
void delivery_on_lettered(struct delivery_core *core, const struct delivery_event *event,
                          int64_t now_ms);
void delivery_on_mark(struct delivery_core *core, const struct delivery_event *event,
                      int64_t now_ms);
/* EVENT_PARK and EVENT_NOTED. */
void delivery_on_settled(struct delivery_core *core, const struct delivery_event *event,
                         int64_t now_ms);

#endif
