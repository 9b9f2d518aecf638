/** Every deadline and bound of the machines, with its unit in its name and its reason beside it. */

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** One attempt to boot, from asking the provider to a ready agent: a large clone fits, a hung one does not. */
export const provisionMs = 120 * second
/** Sandboxes given up one after another before a session has failed: what a third does not mend, a fourth would not. */
export const provisionAttemptsMax = 3
/** Between two tries to get an agent running: a provider or a daemon that restarts is back by then. */
export const retryMs = 5 * second
/** Recoveries in a row without a finished turn between them; then something is broken that restarting does not mend. */
export const recoveriesMax = 3
/** One turn, its open questions included: an agent that asks for ever is stopped as well. */
export const turnMs = 60 * minute
/** A cancelled agent answers in 0.2 s; one that does not in this time is restarted. */
export const interruptMs = 10 * second
/** A question of the agent that nobody answers is answered by `cancelled`. */
export const questionMs = 5 * minute
/** Questions open at once: agents ask for each of a few parallel tools; one more is answered by `cancelled` at once. */
export const questionsOpenMax = 16
/** Nothing to do: a person reads for minutes before the next prompt, a program does not. */
export const idleAttendedMs = 300 * second
export const idleUnattendedMs = 30 * second
/** A turn may go on this long while its sandbox is about to expire, then it is cancelled: expiry is told 5 min ahead. */
export const finishMs = 30 * second
/** One capture: a large disk fits, a hung provider does not. */
export const snapshotMs = 180 * second
/** Captures in a row that may fail before a session that should rest is stopped instead of burning on. */
export const snapshotFailuresMax = 3
/** A link is redialled this long before its sandbox is looked after. */
export const linkMs = 45 * second
/** A destruction is seldom slower; a slower one goes on without the session waiting for it. */
export const stoppingMs = 60 * second
/** Nobody came: what was never started, or is paused, is given up after two weeks, its snapshot with it. */
export const pendingMs = 14 * day
export const pausedMs = 14 * day
/** A failed session may hold a sandbox, which costs more than a snapshot. */
export const failedMs = 7 * day
/** Prompts waiting behind a turn; a person sees and removes them, so more than this is a mistake. */
export const promptsQueuedMax = 20
/** A prompt is text a person or a program wrote; larger things belong into a file. */
export const promptCharactersMax = 100_000
/** Why a session is as it is, in a row of a list. */
export const reasonCharactersMax = 500
/** Snapshots of a session that are not its newest are kept this long. */
export const snapshotRetentionMs = 14 * day
