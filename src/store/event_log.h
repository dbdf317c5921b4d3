/* event_log.h: an append-only log of events that is durable and knows what it has already.
 *
 * A folder of segments of bounded size (event_segment.h). An event has an id and content, which the
 * log does not look into. The same id with the same content is a duplicate and is not stored again;
 * with other content it is refused with ALM_ERR_CONFLICT.
 *
 * GROUP COMMIT. Any thread submits; submitting never waits, for a lock or for the disk. One thread
 * at a time commits: everything submitted until then goes into one write and one sync (more when
 * they are large), and only after the sync is anyone told. A duplicate of an event of the same
 * group is told with it.
 *
 * INVARIANTS
 *  (1) An event that was acknowledged, as stored or as a duplicate, is found by every later open.
 *  (2) No id is in the log twice.
 *  (3) A segment that another one follows never changes any more: the header of the follower says
 *      how many of its bytes count. So what a failed write or a crash left behind that place is
 *      cut for good as soon as the follower is safe, and nothing is acknowledged before.
 *  (4) An open syncs what it has read of the newest segment before it says "duplicate" to anyone.
 *  (5) A write or a sync that failed is never repeated in its segment; the next one is begun.
 *
 * READING. A last frame that is not whole was never acknowledged (a crash in the middle of a
 * write): it is left out, and alm_event_log_facts says so. Damage anywhere else is ALM_ERR_CORRUPT
 * with file and byte; the log is then not opened at all, because what is lost cannot be told.
 *
 * RETENTION. Everything is kept until alm_event_log_release says what is not needed any more; whole
 * segments are then removed, oldest first, and their ids forgotten. So duplicates are known as far
 * back as `oldest_sequence` of the facts; whoever releases must know what is older without the log
 * (alm_online_state_check does, by its day). At most `ids_max` ids are held, 48 to 96 bytes each;
 * above that events are refused with ALM_ERR_LIMIT, never forgotten in silence.
 *
 * One process at a time. Thread safety: as said above; open, commit, release, facts and close by
 * one thread at a time. */
#ifndef ALM_STORE_EVENT_LOG_H
#define ALM_STORE_EVENT_LOG_H

#include <stdatomic.h>

#include "base/fs.h"
#include "base/hash.h"

#define ALM_EVENT_ID_BYTES_MAX 128
#define ALM_EVENT_CONTENT_BYTES_MAX 65536

typedef struct alm_event_log alm_event_log;

typedef struct alm_event_record {
    uint64_t sequence; /* from 1, without gaps */
    alm_instant received; /* said by whoever appended; not part of what makes a duplicate */
    alm_str id;
    alm_str content;
} alm_event_record;

/* The record is borrowed for the call. A failure ends the reading and is returned. */
typedef struct alm_event_sink {
    alm_err (*take)(void *context, const alm_event_record *record, alm_error *error);
    void *context;
} alm_event_sink;

typedef struct alm_event_log_options {
    const char *folder;   /* made if it is missing; the one above is there */
    size_t segment_bytes; /* a segment that has as many is followed by a new one; 0: 16 MiB */
    size_t ids_max;       /* 0: 1048576 */
} alm_event_log_options;

/* Reads everything that is kept, in order, through `replay` (NULL: nobody listens). */
ALM_NODISCARD alm_err alm_event_log_open(alm_fs *fs, const alm_event_log_options *options,
                                         const alm_event_sink *replay, alm_event_log **out,
                                         alm_error *error);
void alm_event_log_close(alm_event_log *log); /* takes NULL; nothing is waiting any more */

/* Sequences of [from, before) that are kept, in order, from the files of a log that is open: by any
 * thread, while another one commits, as long as none releases. `before` is at most a next_sequence
 * that was seen before the call: what is not acknowledged is not read. Takes no memory for ids. */
typedef struct alm_event_range {
    const char *folder;
    uint64_t from, before;
} alm_event_range;
ALM_NODISCARD alm_err alm_event_log_replay(alm_fs *fs, const alm_event_range *range,
                                           const alm_event_sink *sink, alm_error *error);

typedef enum alm_event_outcome {
    ALM_EVENT_WAITING,
    ALM_EVENT_STORED,    /* safe, with a sequence of its own */
    ALM_EVENT_DUPLICATE, /* safe already, under the sequence given */
    ALM_EVENT_REFUSED    /* with the error; after an ALM_ERR_IO it may be there nevertheless, and
                          * sending it again is right */
} alm_event_outcome;

typedef struct alm_event_append {
    alm_str id; /* 1 to ALM_EVENT_ID_BYTES_MAX bytes; this and the content borrowed until `done` */
    alm_str content; /* up to ALM_EVENT_CONTENT_BYTES_MAX bytes */
    alm_instant received;
    /* Called once by the committing thread, in the order of the submissions; may free the append.
     * Must not commit. */
    void (*done)(struct alm_event_append *append);
    void *context;
    alm_event_outcome outcome;
    uint64_t sequence;
    alm_error error;
    struct alm_event_append *next; /* the log's */
} alm_event_append;

/* Any thread; lock-free. */
void alm_event_log_submit(alm_event_log *log, alm_event_append *append);
/* Is anything waiting for a commit? Any thread. */
bool alm_event_log_has_waiting(const alm_event_log *log);
/* Is there an event of that id, safe or in the group that is being committed? By the thread that
 * commits. */
bool alm_event_log_has(const alm_event_log *log, alm_str id);
/* Writes, syncs and tells everything that is waiting. `count`: how many were told. A failure is
 * that of the log itself, and everyone concerned has been told it too. */
ALM_NODISCARD alm_err alm_event_log_commit(alm_event_log *log, size_t *count, alm_error *error);

/* Would releasing remove anything? */
bool alm_event_log_can_release(const alm_event_log *log, uint64_t before);
/* Sequences below `before` are not needed any more. Removes the segments that hold nothing else. */
ALM_NODISCARD alm_err alm_event_log_release(alm_event_log *log, uint64_t before,
                                            alm_error *error);

typedef struct alm_event_log_facts {
    uint64_t oldest_sequence; /* of the oldest event that is kept, or next_sequence */
    uint64_t next_sequence;
    uint64_t ids;
    size_t segments;
    uint64_t cut_bytes; /* left out when the log was opened: they were never acknowledged */
    const char *cut_path; /* of the file they are in; "" when there are none */
} alm_event_log_facts;

void alm_event_log_facts_of(const alm_event_log *log, alm_event_log_facts *out);

#endif
