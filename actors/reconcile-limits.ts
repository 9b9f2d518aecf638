/** Every bound of looking after sessions (actors/reconcilers.ts), with its unit in its name and its reason beside it. */

/** Said to be gone twice, so far apart: one wrong answer of a provider costs nobody a disk. */
export const sandboxGoneGraceMs = 30_000
/** A link notices within 15 s and tries for 45 s to get back; twice that, with nobody hearing anything, is nobody's link. */
export const sessionSilentGraceMs = 105_000
/** A sandbox that no session holds: its boot, its session's next step and its planned end are all over by then. */
export const sandboxStrayGraceMs = 600_000
