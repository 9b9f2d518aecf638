/** Every bound of an uplink, the same for both of its ends, with its unit in its name and its reason beside it. */

/** Below the daemon's address. */
export const uplinkPath = "/v1/uplink"

/** Connections out of one sandbox at once; one more is told so. */
export const streamsMax = 64
/** What the host accepts: a stream lives a moment longer on its side than on the daemon's, which keeps to the bound. */
export const streamsAcceptedMax = 4 * streamsMax
/** Of one stream, sent and not yet read by who it is for: a clone over 100 ms of line runs at 5 MB/s, 64 hold 32 MB. */
export const windowBytes = 524_288
/** One message: small enough that a long answer holds up no short one. */
export const pieceBytesMax = 32_768
/** How often each end looks whether the other is still there. */
export const pingEveryMs = 15_000
/** No answer for this long, and the other end is gone: a machine that was stopped says no goodbye. */
export const pingAnswerMs = 10_000
