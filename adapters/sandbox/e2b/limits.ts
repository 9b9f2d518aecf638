/** Every bound of the sandboxes at E2B, with its unit in its name and its reason beside it. */

const second = 1_000
const minute = 60 * second

/** Of a sandbox whose session does not ask for more: it costs money while nobody knows of it. */
export const lifeMs = 60 * minute
/** Whole operations: below the session's own deadlines (120 s to boot, 180 s to capture), so that it hears why. */
export const provisionMs = 110 * second
export const captureMs = 170 * second
/** A kill is one request; its retries fit. */
export const destroyMs = 45 * second
/** Status and end of life, which a session asks for beside its work. */
export const askMs = 20 * second
/** One request to E2B's API: a create that takes longer is looked for, not awaited. */
export const requestMs = 30 * second
/** E2B stops the machine, writes disk and memory, and starts it again. */
export const snapshotMs = 120 * second
/** The bundle is 0.6 MB; over a slow line up it takes a few seconds. */
export const uploadMs = 60 * second
/** One command that asks for a fact or prepares a directory. */
export const commandMs = 20 * second
/** From start to the daemon's first answer: 0.2 s on an idle machine. One silent for longer is hung. */
export const healthMs = 20 * second
/** One question to the daemon. */
export const healthTryMs = 3 * second
/** SIGKILL to a process namespace takes milliseconds; asking E2B whether it is over takes longer. */
export const killMs = 10 * second
/** For the connection of a sandbox back to here, before it is used: without it no repository can be cloned. */
export const uplinkMs = 15 * second
/** Tries of a request that changes nothing when it is repeated. */
export const triesMax = 3
/** Pages of a list, 100 sandboxes each, before it is taken to have no end. */
export const pagesMax = 100
/** Of what a daemon that did not come up has written. */
export const logQuotedBytesMax = 2_048
/** What a daemon writes on its standard output; the beginning is kept. */
export const logBytesMax = 1_048_576
/** Of a message of E2B that we pass on. */
export const messageCharactersMax = 1_000
/** What a daemon may answer to a question for its health. */
export const answerCharactersMax = 65_536
