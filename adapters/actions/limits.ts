/** What a call to a service may cost. */

/** One call, its tries and its waits together: agents' shells give up after about two minutes, and a person may be waiting. */
export const callMs = 30_000
/** A connector's list of tools: asked for before an agent begins, and once in five minutes. */
export const toolListMs = 15_000
/** A list of tools is believed this long. */
export const toolsKeptMs = 300_000
/** An answer beyond this is cut off: a hundred issues with their texts fit, and no answer can fill the server's memory. */
export const answerBytesMax = 8 * 1024 * 1024
/** Of a log, only the end is kept, and nothing beyond this is read. */
export const logBytesMax = 64 * 1024 * 1024
/** Enough of a log's end to hold the failure. */
export const logTailBytes = 64 * 1024
/** A call that cannot have taken effect is made this many times at most. */
export const triesMax = 3
/** A service that asks for a longer pause than this gets it from the queue, not from a waiting call. */
export const retryAfterMsMax = 5_000
/** A renamed repository redirects once, sometimes twice. */
export const redirectsMax = 3
/** What is told of a failure. */
export const messageCharactersMax = 500
/** GitHub's installation tokens live for 60 minutes. */
export const installationTokenMs = 50 * 60_000
/** GitHub takes 10 minutes at most, and its clock may be behind ours. */
export const appAssertionMs = 9 * 60_000
/** How far a service's clock may be from ours, when an effect is looked for by its time. */
export const clockSkewMs = 120_000
