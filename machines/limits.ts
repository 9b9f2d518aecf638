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

/** Loading a few rows and deciding; a database that is away for longer fails the call, and the agent asks again. */
export const weighMs = 30 * second
/** A grant that others spent first is looked for again this often; then a person is asked. */
export const weighingsMax = 4
/** Somebody watches: an agent that waits longer has given up its turn. */
export const pendingAttendedMs = 5 * minute
/** Nobody watches: whoever decides sleeps, and reads it in the morning. */
export const pendingUnattendedMs = 24 * hour
/** Calls of one session that wait for a person; one more is refused, for nobody decides a flood. */
export const pendingMax = 10
/** An approved call waits this long for its turn at a service that limits its rate. */
export const clearMs = 10 * minute
/** A provider's call has 30 s; whoever has heard nothing after this does not know whether it took effect. */
export const executeMs = 40 * second
/** Attempts of one call, each after the absence of the one before was proven. */
export const attemptsMax = 3
/** A person looks whether it took effect within this time; then the agent is told that nobody knows. */
export const unknownMs = 24 * hour
/** The agent's command waits for the outcome, and says that it has it; one that has gone is told by a prompt. */
export const hearMs = 10 * second

/** How long a grant lasts by default, by its scope: a session's day of work, an organisation's month. */
export const grantLastsMs = { session: 8 * hour, automation: 30 * day, configuration: 30 * day, organisation: 30 * day } as const
export const grantLastsMinMs = minute
/** What is wanted for longer is a rule, not a grant. */
export const grantLastsMaxMs = 90 * day
/** Constraints of one grant: more are not read by whoever lends it. */
export const grantConstraintsMax = 50
/** A call's arguments for display, and its result: redacted and bounded before they come here. */
export const displayCharactersMax = 20_000
