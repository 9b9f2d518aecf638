/** Every bound of the local sandboxes, with its unit in its name and its reason beside it. */

const second = 1_000
const MiB = 1024 * 1024
const GiB = 1024 * MiB

/** Whole operations: below the session's own deadlines (120 s to boot, 180 s to capture), so that it hears why. */
export const provisionMs = 110 * second
export const captureMs = 170 * second
/** Longer than a running boot, which a destroy waits for. */
export const destroyMs = 45 * second
/** From start to the daemon's first answer: measured 0.1 s; a loaded laptop needs a few. One silent for longer is hung. */
export const healthMs = 20 * second
/** One question to the daemon of a running sandbox. */
export const healthTryMs = 2 * second
/** SIGKILL to a whole process namespace takes 8 ms; only a process stuck in the kernel takes longer. */
export const killMs = 10 * second
/** `git`, `cp`, `sync` and the like that are asked for a fact, not for work. */
export const probeMs = 15 * second

/** Processes and threads of one sandbox. */
export const processesMax = 4_096
export const memoryBytesMax = 4 * GiB
/** One file, so that a runaway log does not fill the host's disk in one go. */
export const fileBytesMax = 8 * GiB
/** With less left on the disk nothing is started: the server's own database needs what is there. */
export const freeBytesMin = 512 * MiB
/** Clamped to what this process may have itself. */
export const filesOpenMax = 16_384
/**
 * Each of /tmp, /var/tmp and /dev/shm, which lie in memory and are counted with it: a quarter, so that all three full leave the
 * processes enough, and who fills them hears that they are full instead of being killed.
 */
export const tmpBytesMax = (memoryBytesMax: number) => Math.floor(memoryBytesMax / 4)
/** The same where no control group counts it. */
export const tmpUncountedBytesMax = 256 * MiB
/** Processor time of one sandbox: with more than two processors one stays free of it, for the server. */
export const cpusMax = (processors: number) => (processors > 2 ? processors - 1 : processors)
/** Its weight against the server's 100 (or 1024, the same in version 1) when both want the same processor. */
export const cpuWeight = 50
/** What a sandbox's own processes write on their standard output; the beginning is kept, the rest thrown away. */
export const logBytesMax = 1 * MiB
/** Of that, what an error quotes. */
export const logQuotedBytesMax = 2_048

/** A stack this high is flattened at its next capture: each layer costs a look-up per file and 30 bytes of mount options. */
export const layersMax = 20
/** Mount options end at 4 KB. Only flattening that failed again and again gets near. */
export const layersTallestMax = 100
/** A unix socket's path is at most 107 bytes. */
export const socketPathBytesMax = 107
/** A layer that nobody names may have been made a moment ago by another server, which names it within a second. */
export const layerYoungMs = 600_000
