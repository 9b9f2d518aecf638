/** Of the mutants, those of action calls, each with the scenario that shows it. */
import type { Mutant } from "./mutant.ts"

const machine = "machines/approval.ts"
const words = "machines/approval/setup.ts"
const hands = "actors/approval.ts"
const executing = "actors/approval/executing.ts"

export const mutantsOfActions: ReadonlyArray<Mutant> = [
  {
    law: "I1",
    name: "a dangerous call is like any other",
    file: "machines/policy.ts",
    find: 'if (risk === "danger") {',
    replace: 'if (risk === ("dangerous" as string)) {',
    by: "an agent grants itself"
  },
  {
    law: "I1 A2",
    name: "an approval of a dangerous call lends a grant",
    file: words,
    find: 'args.event.as === "grant" && args.context.risk !== "danger" && isGrantFor(args)',
    replace: 'args.event.as === "grant" && isGrantFor(args)',
    by: "a dangerous call is approved once, each time"
  },
  {
    law: "I2",
    name: "a write that nobody asks about runs",
    file: "machines/policy.ts",
    find: 'const writes = verdictAt("default", "ask"',
    replace: 'const writes = verdictAt("default", "run"',
    by: "two administrators approve at once"
  },
  {
    law: "I2",
    name: "a budget has no end",
    file: "adapters/memory/records.ts",
    find: "const isSpent = record.type",
    replace: "const isSpent = nowMs < 0 && record.type",
    by: "budget overspent by parallel calls"
  },
  {
    law: "A6",
    name: "what is given back stays taken in PostgreSQL",
    file: "sql/0002_directory.sql",
    find: "set used = used - 1 where",
    replace: "set used = used - 0 where",
    by: "revoked grant still dispatched",
    isOnPostgres: true
  },
  {
    law: "I2 A6",
    name: "a call runs under a grant and takes nothing of it",
    file: words,
    find: 'if (grantId !== null) enqueue({ type: "reserve", params: { budgetId: grantId } })',
    replace: "void grantId",
    by: "budget overspent by parallel calls"
  },
  {
    law: "I3 A6",
    name: "what is dispatched does not make sure of its grant",
    file: words,
    find: 'if (context.grantId !== null) enqueue({ type: "ensure", params: { budgetId: context.grantId } })',
    replace: "void [context, enqueue]",
    by: "budget overspent by parallel calls"
  },
  {
    law: "I3",
    name: "a rule that let it run lets it run for ever",
    file: words,
    find: 'if (decidedBy === "policy") return verdict === "run" && by === "policy"',
    replace: 'if (decidedBy === "policy") return verdict !== "deny"',
    by: "the rules change between its approval and its turn"
  },
  {
    law: "A6",
    name: "what was revoked keeps its use of a grant",
    file: machine,
    find: '{ guard: "isThisAttempt", target: "revoked", actions: ["giveBack", "explainPolicy"] }',
    replace: '{ guard: "isThisAttempt", target: "revoked", actions: ["explainPolicy"] }',
    by: "revoked grant still dispatched"
  },
  {
    law: "I3",
    name: "a person's approval outlives a rule that denies",
    file: words,
    find: 'if (decidedBy === "person") return verdict !== "deny"',
    replace: 'if (decidedBy === "person") return true',
    by: "the rules change between its approval and its turn"
  },
  {
    law: "I3",
    name: "a denial approves",
    file: machine,
    find: 'deny: { target: "denied", actions: "denyAsTold" }',
    replace: 'deny: { target: "approved", actions: "denyAsTold" }',
    by: "what is denied, revoked or withdrawn never runs"
  },
  {
    law: "I3",
    name: "what nobody decides is asked about again and again",
    file: machine,
    find: 'pendingDeadline: { target: "expired"',
    replace: 'pendingDeadline: { target: "requested"',
    by: "approval timeout loops the agent"
  },
  {
    law: "G5",
    name: "what nobody decides waits for ever",
    file: "machines/limits.ts",
    find: "export const pendingAttendedMs = 5 * minute",
    replace: "export const pendingAttendedMs = 5_000 * minute",
    by: "approval timeout loops the agent"
  },
  {
    law: "I4",
    name: "what people were shown is sent",
    file: executing,
    find: "const call = { action: action.name, params: fits.success, key: approvalId, credential: usable.success }\n",
    replace:
      "const call = { action: action.name, params: displayed(fits.success).value as never, key: approvalId, credential: usable.success }\n",
    by: "approved call runs with redacted arguments"
  },
  {
    law: "I8",
    name: "whatever a service answers is shown",
    file: executing,
    find: 'Object.values(secrets).filter((secret) => typeof secret === "string")\n',
    replace: 'Object.values(secrets).filter((secret) => secret === "")\n',
    by: "two administrators approve at once"
  },
  {
    law: "A9",
    name: "arguments are kept when the call has settled",
    file: hands,
    find: "SealedArguments.use((sealed) => sealed.wipe(org, approvalId))",
    replace: "Effect.as(SealedArguments, void [org, approvalId])",
    by: "approved call runs with redacted arguments"
  },
  {
    law: "I9 A1",
    name: "it is sent when it is approved, and looked at later",
    file: machine,
    find: 'entry: ["forgetReason", "tryAnew"],',
    replace: 'entry: ["forgetReason", "tryAnew", "dispatch"],',
    by: "two administrators approve at once"
  },
  {
    law: "G2",
    name: "whoever comes second sends it again",
    file: "adapters/memory/calls.ts",
    find: "if (dispatches.has(name)) return false\n",
    replace: "",
    by: "restart repeats a provider write"
  },
  {
    law: "G2",
    name: "whoever comes second sends it again, in PostgreSQL",
    file: "adapters/postgres/calls.ts",
    find: "return count > 0",
    replace: "return count >= 0",
    by: "restart repeats a provider write",
    isOnPostgres: true
  },
  {
    law: "G2",
    name: "what cannot be found out did not happen",
    file: executing,
    find: 'case "Unclear":\n        return unclear(looked.success.message)',
    replace: 'case "Unclear":\n        return { type: "readback.absent" as const, attempt }',
    by: "an outcome that nobody can find out is a person's to settle, and the call is not made again"
  },
  {
    law: "G2",
    name: "a silence is a failure",
    file: executing,
    find: "return sent && !isRead ? unknown(message) : failed(reason, message)",
    replace: "return sent && isRead ? unknown(message) : failed(reason, message)",
    by: "a success recorded as failed"
  },
  {
    law: "H1 G2",
    name: "what is said to be a read by now was one when it was sent",
    file: executing,
    find: 'const isRead = risk === "read" && action.risk === "read"',
    replace: 'const isRead = action.risk === "read"',
    by: "a success recorded as failed by whoever comes second"
  },
  {
    law: "I2 G2",
    name: "whoever cannot send it says that nobody has",
    file: executing,
    find: "won ? failed(reason, message)",
    replace: "won || message !== null ? failed(reason, message)",
    by: "a success recorded as failed by whoever comes second"
  },
  {
    law: "G2",
    name: "an absence is proven, and nothing follows from it",
    file: words,
    find: "mayTryAgain: ({ context }) => context.attempt < limits.attemptsMax",
    replace: "mayTryAgain: ({ context }) => context.attempt < 0",
    by: "a silence that hid no effect is proven, and only then is the call made again"
  },
  {
    law: "A5",
    name: "what waits no more keeps its place",
    file: machine,
    find: '      exit: "waitNoMore",\n',
    replace: "",
    by: "more calls than a person can look at"
  },
  {
    law: "A5",
    name: "a room has no walls",
    file: "adapters/memory/records.ts",
    find: "occupants.length >= record.max",
    replace: "occupants.length < 0",
    by: "more calls than a person can look at"
  },
  {
    law: "I3",
    name: "what a session asked for outlives it",
    file: "actors/session.ts",
    find: "for (const { id } of open) {",
    replace: "for (const { id } of open.slice(0, 0)) {",
    by: "a session ends, and what it asked for ends with it"
  },
  {
    law: "I3",
    name: "a session that has ended asks on",
    file: hands,
    find: 'if (yield* hasSessionEnded(org, home)) return { type: "session.ended" as const }\n',
    replace: "",
    by: "a session ends, and what it asked for ends with it"
  },
  {
    law: "I1",
    name: "how dangerous an action is by now does not matter",
    file: hands,
    find: "if (action.risk !== risk)\n",
    replace: 'if (action.risk === ("harmless" as string))\n',
    by: "an action is another one when its turn comes"
  },
  {
    law: "I2",
    name: "an allow is for whatever the action has become",
    file: "machines/policy.ts",
    find: '(rule.mode !== "allow" || call.drifted !== true) &&\n',
    replace: "",
    by: "an action is another one when its turn comes"
  },
  {
    law: "G7",
    name: "a credential that is refused stays in use",
    file: executing,
    find: 'if (reason === "needs-reauth")',
    replace: 'if (reason === ("never" as string))',
    by: "a service takes the credential no more"
  },
  {
    law: "G5",
    name: "nobody tells the agent what came of its call",
    file: "machines/approval/settled.ts",
    find: 'hearDeadline: { target: "heard", actions: { type: "tellOutcome", params: { status } } }',
    replace: 'hearDeadline: { target: "heard" }',
    by: "a session is paused while its call waits, and woken by what came of it"
  },
  {
    law: "G3",
    name: "who cannot look at the journal twice gives up looking",
    file: "runtime/live-actor.ts",
    find: "if (!this.#mailbox.offer(null)) this.#looksAgain = false",
    replace: "this.#looksAgain = this.#mailbox.offer(null)",
    by: "an outcome that was written unknown is told though nobody asks"
  }
]
