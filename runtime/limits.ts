/** Every bound of the runtime, with its unit in its name and its reason beside it. */

/** Messages waiting in one actor's mailbox; the next is refused at once, so that a caller can say 503. */
export const mailboxMessagesMax = 64
/** Transitions in one statement: 64 on 4 connections measured best; larger batches wait longer than they save. */
export const batchTransitionsMax = 64
export const batchesInFlightMax = 4
/** Messages of one actor in one commit: a full mailbox is 4 commits instead of 64, and a full batch a thousand rows that others wait for. */
export const foldedMax = 16
/** Transitions in flight that an organisation may have beside others, however little those ask: a thousand commits per second and more. */
export const turnsMin = 4
/** Pause of an actor that refused, beside other organisations: asked again at once it looks into the journal each time. */
export const vainMs = 10
/** What all that are there together may have in flight, beyond the least of each: as much as the statements under way can carry. */
export const turnsMax = batchTransitionsMax * batchesInFlightMax
/** An organisation counts as there for so long after it last asked for anything: a few times what one that asks again at once takes. */
export const besideMs = 100
/** Tries of one batch whose commit is unknown, with a pause between, before its callers are told. */
export const commitTriesMax = 8
export const commitRetryMs = 250
/** Reads of actors at once, of the ten connections that there are for everything but commits: what claims and lists needs some too. */
export const readsInFlightMax = 6
/** Commands given back at once, for the same reason. */
export const retriesInFlightMax = 2
/** A command claim, renewed three times in it while its run lives; what a dead host's commands wait before another takes them. */
export const commandClaimMs = 10_000
export const commandRenewMs = 3_000
/** Hands at work at once in one process, for each part of the journal; each mostly waits for a provider. One organisation alone has half of them. */
export const commandsInFlightMax = 128
/** Commands claimed beyond the hands that are free, if as many ended while the last claim was under way: short ones come in bulk. */
export const commandsAheadMax = 512
/** Claimed by one process and not begun, of all organisations. */
export const commandsWaitingMax = 1_024
/** Commands that ended with nothing to tell and wait to be completed, in one statement, before more are claimed. */
export const completionsMax = 512
/** Tries of a command whose hand crashed, 0.5 s apart and doubling. */
export const commandTriesMax = 5
export const commandRetryMs = 500
/** A hand that cannot tell yet, or whose actor does not take the fact, is asked again no more seldom than this. */
export const commandRetryMaxMs = 30_000
/** One run of a hand: the longest that a port promises is a clone of 110 s; one that takes five times that hangs. */
export const commandMs = 600_000
/** The safety net under in-process wake-ups of the outbox. */
export const outboxPollMs = 1_000
/** Timers are read this far ahead and then waited for in memory. */
export const timerAheadMs = 1_000
export const timersReadMax = 512
/** With those that are not to be fired here: what a lost node of a hundred thousand sessions leaves due until it is replaced. */
export const timersShownMax = 8_192
/** Restarts a supervisor grants within the window before it escalates (Erlang's intensity and period). */
export const restartsMax = 5
export const restartWindowMs = 60_000
/** Restarts that an organisation has at once, of all its children, and the time between any more: 3 % of a processor, if each reads its journal. */
export const restartsAtOnceMax = 50
export const restartEveryMs = 20
/** Pause before a restart: 50 ms, doubling to 5 s, so that a crash loop costs its neighbours nothing. */
export const restartPauseMs = 50
export const restartPauseMaxMs = 5_000
/** A home with nothing to do and nothing standing leaves memory after this. */
export const passivateAfterMs = 300_000
/** Who was written this long before the last write of all is activated at a start as well: its watchers may lack something. */
export const recentMs = 300_000
/** How often homes are looked over for passivation. */
export const passivateEveryMs = 30_000
/** What a drain waits for messages in flight before it stops their supervisors. */
export const drainMs = 5_000
/** Feed events of a home kept in memory for watchers that are almost in step. */
export const feedRingEventsMax = 1_024
/** The same in characters, about: 1,024 outputs of a tool would be 64 MB. */
export const feedRingCharactersMax = 1_048_576
/** A watcher that hears nothing looks this often at what other hosts have stored. */
export const feedLookMs = 10_000
/** Homes that are looked at, or spoken of to other servers, at once: each asks the store or the coordination. */
export const feedCallsMax = 8
/** Feed events of a home kept at all: older ones are an announced gap. */
export const feedEventsMax = 100_000
/** Feed events in one storing statement. */
export const feedBatchEventsMax = 256
/** Between two tries to store while the database is away. */
export const feedRetryMs = 250
/** Waiting to be stored per home; beyond it the source is slowed. */
export const feedPendingEventsMax = 4_096
/** Why something failed, in one place of the records. */
export const reasonCharactersMax = 2_000
/** What coordination may take of a request before it goes on without: a hundred times what a Redis next door takes. */
export const coordinationAskMs = 500
/** After coordination failed to answer it is left alone for this long, so that an outage slows few requests. */
export const coordinationRestMs = 2_000
/** Buckets of rates that a process keeps before it looks for those that are full again: 100 bytes each. */
export const bucketsLookedOverMin = 10_000
/** What a node of a cluster may be silent before its homes are others': it renews each second, and a busy process may miss some. */
export const nodeLeaseMs = 5_000
/** What is left of it once another node finds it unwell: one that lives renews within it. */
export const nodeUnwellMs = 1_500
