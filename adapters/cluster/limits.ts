/** Every bound of the cluster, with its unit in its name and its reason beside it. */

/** Shards of the homes: moved one by one between nodes; 300 spread evenly over tens of nodes. */
export const shards = 300
/** Between two renewals of a node's lease (nodeLeaseMs): it may miss three. */
export const renewEveryMs = 1_000
/** Between two looks at which nodes are there: what a home waits, beside the lease, for its next owner. */
export const lookEveryMs = 500
/** Between two questions whether a node answers its peers. */
export const healthEveryMs = 1_000
/** One question. A node that does not answer three is unwell: its homes go to those that do. */
export const pingMs = 1_000
export const pingsMax = 3
/** Between two tries to reach a home that has no owner at the moment. */
export const sendAgainMs = 100
/** One try: a commit takes milliseconds, and what is said twice is taken once. */
export const tryMs = 2_000
/** All tries of one message: a lost owner is replaced within 8 s, a frozen one too. Then the caller is told, and may ask again. */
export const patienceMs = 20_000
/** Whether something stands beside an actor elsewhere: no answer means unknown. */
export const attendedMs = 2_000
/** Between two looks at which shards are held: homes of those that went are stopped, those of new ones are woken. */
export const sweepEveryMs = 250
/** A timer this late is fired from anywhere: the node that holds its home did not. */
export const timerOthersMs = 3_000
/** Homes that were asked for by other nodes, in this node's memory: 15 KB each. Our own directory of homes has no such bound. */
export const residentsMax = 100_000
/** After which such a home needs no place in it; the actors stay as they are. */
export const residentIdleMs = 300_000
/** The longest message between nodes: a prompt of 1 MB with room for what is around it. */
export const messageBytesMax = 8_388_608
/** A host without a living node for longer is gone, and what was in its sandboxes with it: a server that is started anew is back sooner. */
export const hostGoneMs = 15_000
/** A question about a sandbox of another host: what its own hands wait for it, and the way. */
export const sandboxAskMs = 12_000
/** The same, where it takes as long as a disk does. */
export const sandboxWorkMs = 180_000
/** What a node that stops waits for the questions of others that it still has: they are asked again elsewhere. */
export const farewellMs = 2_000
/** How often it is looked which homes are held, for people; each is said again this often, and believed for three times that. */
export const leasesEveryMs = 2_000
export const leaseSaidEveryMs = 30_000
/** So that of a node that died its homes are not shown for long. */
export const leaseSaidForMs = 90_000
/** Homes of a node that are shown one by one: 66 words a second to Redis. */
export const leasesMax = 2_000
export const leasesAtOnce = 8
