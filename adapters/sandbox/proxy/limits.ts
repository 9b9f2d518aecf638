/** Every bound of what a sandbox may ask of its host, with its unit in its name and its reason beside it. */

const second = 1_000
const minute = 60 * second
const MiB = 1024 * 1024
const GiB = 1024 * MiB

/** Connections to one sandbox's proxy socket. */
export const connectionsMax = 64
/** `git http-backend` processes at once for one sandbox. */
export const gitProcessesMax = 8
/** One clone, fetch or push, of a large repository over a slow line. */
export const gitRequestMs = 10 * minute
/** A git transfer that has not moved for this long is cut. */
export const gitSilenceMs = 60 * second
/** To a remote host, TLS included. */
export const gitConnectMs = 10 * second
/** One push. */
export const gitRequestBytesMax = 2 * GiB
/** Requests to the gateway are small; files go through git. */
export const apiBodyBytesMax = 1 * MiB
/** Read of a body that is too large, and thrown away, before its connection is cut. */
export const bodyReadBytesMax = 64 * MiB
/** Above the 100 s for which the command line inside waits at most. */
export const apiRequestMs = 120 * second
/** A piece of a model's answer that the sandbox does not take. */
export const modelUnreadMs = 120 * second
