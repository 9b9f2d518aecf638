/** Every bound of installing agents, with its unit in its name and its reason beside it. */

const second = 1_000
const minute = 60 * second

/** The largest agent is 460 MB; a slow line takes minutes for it, a hung one does not end. */
export const installMs = 15 * minute
/** How far it is is told this often. */
export const progressMs = 1 * second
/** What npm said last, kept to say why it failed. */
export const outputCharactersMax = 16_384
/** Of that, what an error quotes. */
export const quotedCharactersMax = 600
