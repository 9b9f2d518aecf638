/** Of the mutants, those that a scenario shows, and others that came with them. */
import type { Mutant } from "./mutant.ts"

export const mutantsOfScenarios: ReadonlyArray<Mutant> = [
  {
    law: "J2 G4",
    name: "an old owner is let in",
    file: "adapters/memory/journal.ts",
    find: "actor?.stored.rev === base && actor.stored.epoch === transition.epoch",
    replace: "actor !== undefined",
    by: "old owner wakes after a long pause and writes"
  },
  {
    law: "G4",
    name: "PostgreSQL compares neither revision nor epoch",
    file: "sql/commit.sql",
    find: "t.org = a.org and t.rev = a.base and t.epoch = a.epoch\n",
    replace: "t.org = a.org\n",
    by: "old owner wakes after a long pause and writes",
    isOnPostgres: true
  },
  {
    law: "G3",
    name: "PostgreSQL appends to a feed wherever it stands",
    file: "adapters/postgres/feed.ts",
    find: "where h.epoch = ${known.epoch} and h.seq = ${known.seq}\n",
    replace: "where true\n",
    by: "two nodes believe to own one session",
    isOnPostgres: true
  },
  {
    law: "M4",
    name: "who lost a race goes on from what it remembers",
    file: "runtime/activation.ts",
    find: 'case "Fenced":\n          this.forget()\n',
    replace: 'case "Fenced":\n',
    by: "two nodes believe to own one session"
  },
  {
    law: "J3",
    name: "a message that comes twice is taken twice",
    file: "adapters/memory/journal.ts",
    find: "if (first !== undefined) {",
    replace: "if (first === -1) {",
    by: "a message between nodes is lost, late, or there twice"
  },
  {
    law: "F4",
    name: "who watches looks at what others store only when a word comes",
    file: "runtime/local-feeds.ts",
    find: "Effect.suspend(() => lookFor(hubs.values())),",
    replace: "Effect.void,",
    by: "Redis flushed in the middle"
  },
  {
    law: "K4",
    name: "no word goes to other nodes",
    file: "runtime/local-feeds.ts",
    find: "if (coordination.isShared) tellOthers(home)",
    replace: "void tellOthers",
    by: "Redis flushed in the middle"
  },
  {
    law: "R2",
    name: "a link believes one answer that its sandbox is gone",
    file: "actors/link.ts",
    find: "if ((yield* steadyMs) - goneSinceMs >= surelyGoneMs) yield*",
    replace: "yield*",
    by: "a provider says once of a sandbox that there is none"
  },
  {
    law: "R2",
    name: "a recovery believes one answer that its sandbox is gone",
    file: "actors/session.ts",
    find: 'onSuccess: (status) => status === "gone", onFailure',
    replace: "onSuccess: () => true, onFailure"
  },
  {
    law: "S5 I5",
    name: "a claim is anybody's",
    file: "adapters/memory/journal.ts",
    find: "if (holder !== undefined && holder !== name)",
    replace: 'if (holder === "")',
    by: "a provider names another session's sandbox"
  },
  {
    law: "L2",
    name: "a broken link is a stopped sandbox",
    file: "actors/link.ts",
    find: 'if (Option.contains(status, "stopped"))',
    replace: "if (Option.isSome(status))",
    by: "clean socket close kills a healthy sandbox"
  },
  {
    law: "G5",
    name: "a link may be lost for ever",
    file: "machines/limits.ts",
    find: "export const linkMs = 45 * second",
    replace: "export const linkMs = 45_000 * second",
    by: 'VM paused mid-run leaves "running" for ever'
  },
  {
    law: "G5",
    name: "boots are tried without end",
    file: "machines/session/setup.ts",
    find: "mayTryAgain: ({ context }) => context.attempts < limits.provisionAttemptsMax && context.recoveries <= limits.recoveriesMax",
    replace: "mayTryAgain: () => true",
    by: "boot slower than the watchdog respawns without end"
  },
  {
    law: "S6",
    name: "a prompt that came while it paused waits for another",
    file: "machines/session.ts",
    find: '      always: { guard: "isWanted", target: "restoring" },\n',
    replace: "",
    by: "capture stops its source and the follow-up is lost"
  },
  {
    law: "S5",
    name: "a sandbox that is let go stays claimed",
    file: "machines/session/setup.ts",
    find: '      enqueue({ type: "release", params: { name: "sandbox", key: context.sandboxId } })\n',
    replace: "",
    by: "resume returns a new sandbox id"
  },
  {
    law: "I5",
    name: "what a failed boot may have made is left to itself",
    file: "actors/session.ts",
    find: 'return reason === "unreachable" ? undone(key, failed) : Effect.succeed(failed)',
    replace: "return Effect.succeed(failed)",
    by: "two sandboxes adopted by one session"
  },
  {
    law: "F3",
    name: "a stale cursor goes on without a word",
    file: "runtime/local-feeds.ts",
    find: "gap: first > after + 1 ? { from: after + 1, through: first - 1 } : null",
    replace: "gap: null",
    by: "stale cursor replays the whole session"
  },
  {
    law: "R2",
    name: "silence is an answer",
    file: "actors/reconcilers.ts",
    find: 'if (Option.isNone(status)) return noAnswer(view)\n        if (status.value !== "gone")',
    replace: 'if (Option.isSome(status) && status.value !== "gone")',
    by: 'provider outage read as "everything is gone"'
  },
  {
    law: "K2",
    name: "a refused batch is not halved",
    file: "runtime/committer.ts",
    find: 'if (reason === "refused" && batch.length > 1) {',
    replace: "if (batch.length > 1_000) {",
    by: "one poison event stops its neighbours"
  },
  {
    law: "G5",
    name: "timers that came due while nobody looked are passed over",
    file: "runtime/timers.ts",
    find: "      .map((timer) => ({ timer, name: nameOfTimer(timer), atMs: nowMs + timer.inMs }))\n",
    replace:
      "      .filter(({ inMs }) => inMs > -60_000)\n      .map((timer) => ({ timer, name: nameOfTimer(timer), atMs: nowMs + timer.inMs }))\n",
    by: "a timer due while the process was down"
  },
  {
    law: "N1",
    name: "whose snapshot it is does not matter",
    file: "machines/snapshots.ts",
    find: "if (provider !== host) return",
    replace: "if (provider === host + host) return",
    by: "snapshot of another provider restored"
  },
  {
    law: "the router wakes nobody",
    name: "looking activates",
    file: "runtime/homes.ts",
    find: "const stored = definition && (yield* journal.load(address).pipe(Effect.mapError(unavailable)))\n",
    replace:
      "if (definition) hostOf(address).actor(definition, address)\n    const stored = definition && (yield* journal.load(address).pipe(Effect.mapError(unavailable)))\n",
    by: "viewing a session wakes it"
  },
  {
    law: "R3 I5",
    name: "only what runs is looked after",
    file: "actors/reconcilers.ts",
    find: "if (isExpected) return fine(sandboxId)",
    replace: 'if (isExpected || view.status !== "running") return fine(sandboxId)',
    by: "finalizer that sees only `running`"
  },
  {
    law: "I5",
    name: "a capture that a provider denies is given up at once",
    file: "actors/session.ts",
    find: "if (isAbsent(captured)) {",
    replace: "if (captured === null) {",
    by: "a provider takes a snapshot, does not say so, and then denies the sandbox"
  },
  {
    law: "I5",
    name: "a sandbox that is gone has left no snapshot",
    file: "actors/session.ts",
    find: "        captured = yield* capture\n",
    replace: "",
    by: "a provider takes a snapshot, does not say so, and then the sandbox is gone"
  },
  {
    law: "S6",
    name: "the open turn is forgotten by a stop",
    file: "machines/session.ts",
    find: '        { type: "endTurn", params: { stopReason: "stopped" } },\n',
    replace: ""
  },
  {
    law: "S4",
    name: "a late answer ends another turn",
    file: "machines/session/setup.ts",
    find: 'isThisBoot: ({ context, event }) => "boot" in event && context.boot === event.boot',
    replace: 'isThisBoot: ({ event }) => "boot" in event'
  },
  {
    law: "O1 G2",
    name: "a command's fact does not end it",
    file: "adapters/memory/journal.ts",
    find: "    complete(completes)\n",
    replace: "    void completes\n"
  },
  {
    law: "I9",
    name: "a key says another command",
    file: "adapters/memory/journal.ts",
    find: "const key = `${address.kind}:${address.id}:${rev}:${index}`",
    replace: "const key = `${address.kind}:${address.id}:${rev + 1}:${index}`"
  }
]
