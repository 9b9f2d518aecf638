/** Why a fact is of no use in a state, by machine. The first that fits is the reason. */

export interface Reason {
  readonly facts: RegExp
  readonly states: RegExp
  readonly because: string
}

export const ofSession: ReadonlyArray<Reason> = [
  {
    facts: /^(sandbox|link)\./,
    states: /^(pending|paused|stopped)$|\.booting$|^(provisioning|restoring)\.waiting$/,
    because: "no sandbox is its own"
  },
  { facts: /^sandbox\.(failed|expiring)$/, states: /^stopping$/, because: "it is being stopped, whatever comes" },
  { facts: /^(sandbox\.failed|workspace\.|agent\.(ready|failed))/, states: /./, because: "no boot waits for this leg" },
  { facts: /^sandbox\.destroyed$/, states: /./, because: "it was let go: nobody waits for that" },
  { facts: /^sandbox\.expiring$/, states: /^(pausing|migrating)/, because: "it is being left already" },
  {
    facts: /^sandbox\.expiring$/,
    states: /^(provisioning|restoring|recovering|failed)/,
    because: "nothing runs in it yet; should it expire, it is replaced"
  },
  {
    facts: /^sandbox\.(stopped|gone)$/,
    states: /^(provisioning|restoring|recovering)/,
    because: "the leg that needs it fails, or the boot's deadline passes"
  },
  {
    facts: /^sandbox\.(stopped|gone)$/,
    states: /^(pausing|migrating)/,
    because: "the turn or the capture fails, or its deadline passes"
  },
  { facts: /^sandbox\.(stopped|gone)$/, states: /^failed$/, because: "nothing needs it; resuming finds out" },
  { facts: /^sandbox\.(stopped|gone)$/, states: /^stopping$/, because: "it is being destroyed" },
  { facts: /^agent\.exited$/, states: /\.capturing$/, because: "a capture ends the agent" },
  { facts: /^agent\.exited$/, states: /\.(settling|finishing)$/, because: "the end of its turn is a fact of its own" },
  { facts: /^agent\.exited$/, states: /./, because: "no agent of this boot runs" },
  {
    facts: /^question\.asked$/,
    states: /\.(interrupting|settling|finishing)$/,
    because: "nobody can answer any more: its turn is or will be cancelled"
  },
  { facts: /^question\.closed$/, states: /\.(working|interrupting|settling|finishing)$/, because: "no question is open" },
  { facts: /^(turn|question)\./, states: /./, because: "no turn is open" },
  { facts: /^snapshot\.failed$/, states: /./, because: "nothing is being captured" },
  { facts: /^record\.rejected$/, states: /./, because: "claims are made in booting alone" }
]

export const ofApproval: ReadonlyArray<Reason> = [
  { facts: /^weigh/, states: /./, because: "it is not being weighed" },
  { facts: /^(cleared|blocked)$/, states: /./, because: "no attempt waits to be cleared" },
  { facts: /^call\./, states: /^(requested|pending)$/, because: "it has not been dispatched" },
  { facts: /^call\.(failed|unknown)$/, states: /^approved$/, because: "this attempt has not been dispatched" },
  { facts: /^call\.unknown$/, states: /^outcomeUnknown/, because: "that is known" },
  { facts: /^readback\./, states: /./, because: "nobody looks back" },
  { facts: /^call\./, states: /\.(unheard|heard)$/, because: "it has settled" },
  { facts: /^session\.ended$/, states: /\.heard$/, because: "it is over" },
  { facts: /^heard$/, states: /./, because: "there is no outcome to hear, or it was heard" },
  { facts: /^record\.rejected$/, states: /./, because: "nothing is taken here that could be refused" }
]
