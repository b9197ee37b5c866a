/*
 * Every ceiling of the ferry, in one place (decision 23): what it bounds and what happens when it is hit.
 * Bytes unless the name says otherwise.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define KIB (1024u)
#define MIB (1024u * KIB)

/* -- records and batches -- */
#define LIMIT_BATCH_RECORDS 300u /* planned into one batch; Chroma Cloud takes no more a write */
#define LIMIT_RECORD_ID     (64u * KIB) /* longest id we carry; longer: the listing fails, naming it */
#define LIMIT_DIMENSION     65536u      /* floats in one vector; more: malformed answer */
#define LIMIT_JSON_DEPTH    64u         /* nesting inside one record; deeper: malformed */
#define LIMIT_MESSAGE       (4u * MIB)  /* one encoded batch (gzip); larger: split at export */
#define LIMIT_MESSAGE_WIRE  (8u * MIB)  /* what topic and client must accept */
#define LIMIT_LETTER_WIRE   (9u * MIB)  /* one dead letter; larger: without its value */
#define LIMIT_LETTERS_HELD  (16u * MIB) /* values of one batch's, at export; more: without theirs */
#define LIMIT_INFLATED      (64u * MIB) /* one batch inflated; more: poison */
#define LIMIT_BATCH_ARENA   (64u * MIB) /* everything parsed from one batch or one answer */
/* Inflated to compressed, beyond the first MiB; more: poison. Base64 of constant vectors compresses well. */
#define LIMIT_INFLATE_RATIO 200u

#define LIMIT_JOB_COLLECTIONS 1000u /* moved by one job; more: usage error */

/* -- HTTP -- */
#define LIMIT_RESPONSE         (160u * MIB) /* an answer in memory; 300 x 4096 dims is 20 MB */
#define LIMIT_ERROR_BODY       (2u * KIB)   /* of a refusal's body, kept for the message */
#define LIMIT_REQUEST_BODY     (36u * MIB)  /* below Chroma's default 40 MiB */
#define LIMIT_BODY_FLOOR       (64u * KIB) /* every target takes such a request; a 413 below: an outage */
#define LIMIT_CONTROL_DOCUMENT (1u * MIB) /* collection objects, pre-flight, error bodies (cJSON) */
#define LIMIT_REQUEST_MS       300000     /* one request, whole */
#define LIMIT_RETRY_AFTER_S    300u       /* what a server may make us wait; more: so long */
#define LIMIT_CONNECT_MS       10000      /* a dependency that does not answer at start: exit 3 */

/* -- in flight -- */
#define LIMIT_PUBLISH_UNREPORTED  (6u * MIB)   /* at the bus without a report, per producer */
#define LIMIT_PUBLISH_AHEAD       128u         /* batches published and not yet verified, per job */
#define LIMIT_PUBLISH_AHEAD_BYTES (256u * MIB) /* the same in bytes */
#define LIMIT_WRITES_PER_TARGET   10u          /* write slots of one target, over all workers */
#define LIMIT_INTAKE_MESSAGES     12u        /* messages a consumer holds: writes, and some ahead */
#define LIMIT_INTAKE_BYTES        (8u * MIB) /* the same in bytes; one message is always taken */

/* -- the program's own surroundings -- */
#define LIMIT_ENV_FILE       (64u * KIB) /* a .env file or a ferry.conf; longer: usage error */
#define LIMIT_ENV_VALUES     (256u * KIB) /* what a .env file sets, ${…} replaced; longer: usage error */
#define LIMIT_SECRET         (8u * KIB)  /* a token file; longer: usage error */
#define LIMIT_ENDPOINTS      64u         /* in a ferry.conf; more: usage error */
#define LIMIT_BUS_PROPERTIES 128u /* that people add to the bus's client; more: usage error */

#endif
