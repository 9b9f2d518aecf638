/** Bounds of what one may ask of the gateway, with their reasons. Those that a client must know stand in protocol.ts. */

/**
 * Requests and frames of one principal, a person or a sandbox, whatever they come through: a program that works on a hundred
 * sessions at once gets through, a loop gone wild costs its neighbours nothing.
 */
export const requestRate = { burst: 1_000, perSecond: 200 }
/** Who watches a session is told at most this often, however many come and go. */
export const tellWatchersAfterMs = 50
/** A server that dies leaves its watchers in the lists of the others for this long. */
export const watchersForMs = 30_000
/** So often a server says again who watches there: three times in that time. */
export const watchersAgainMs = 10_000
/**
 * From a request's head to the last byte of its body: of whoever is known, and of a stranger, who sends no more than a signed message
 * of some kilobytes.
 */
export const bodyWithinMs = 20_000
export const strangersBodyWithinMs = 5_000
/** Bodies on their way in of one principal, who sends files piece by piece, and of all strangers together. */
export const bodiesMax = 64
export const strangersBodiesMax = 256
