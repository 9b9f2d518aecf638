/** Every bound of looking after actors (runtime/reconcile.ts), with its unit in its name and its reason beside it. */

/** Between two rounds of looking after what is stored and what is there, give or take a fifth: a link notices within seconds by itself. */
export const reconcileEveryMs = 30_000
/** One kind of trouble is looked for no longer than this in a round: a provider may hang, and whoever asks waits for 25 s. */
export const reconcileLookMs = 10_000
/** Of that, what one part of the journal may take: the others are looked at all the same. */
export const reconcilePartMs = 8_000
/** One fix: a commit takes milliseconds; what has no answer by then is seen, or not, by the next look. */
export const reconcileMendMs = 10_000
/** Of a kind so many are looked at in a round, in turn: a provider is asked this often and no more. */
export const reconcileLooksMax = 200
/** Calls to a provider or to daemons at once, for the same reason. */
export const reconcileCallsMax = 8
/** Fixes of one round: what is more waits for the next. */
export const reconcileFixesMax = 32
/** Tries of one fix that change nothing, 30 s apart and doubling; then a person is asked. */
export const reconcileTriesMax = 5
/** More of one kind in trouble at once than either: rather what we see is wrong than they all are. */
export const breakerMax = 20
export const breakerShareMax = 0.1
/** So few are never too many: of three sessions one is a third. */
export const breakerFewMax = 5
/** What was in trouble and is not looked at any more is forgotten. */
export const sightingKeptMs = 3_600_000
/** A plan is applied within this, or made anew: the world goes on. */
export const planMs = 900_000
/** Plans that are kept, each at most the drift of a round. */
export const plansMax = 32
/** A resident is activated at once where all goes well. */
export const unhostedGraceMs = 15_000
/** A due command is claimed within a second, a claim renewed every three: ten times that is nobody's. */
export const commandLateMs = 30_000
/** A timer fires within a second of its time. */
export const timerLateMs = 10_000
/** Whoever asks for a round waits for 25 s; a round may take longer, and is then asked for again. */
export const passWaitMs = 20_000
