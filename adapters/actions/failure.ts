/** A request that was not made, or whose answer is not used: the message says why, and holds nothing that was sent. */
export class WireFailure extends Error {}
