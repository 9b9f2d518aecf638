/** The program broken on purpose in one place each, with the promise that should break and, where one does, the scenario that shows it. */
import type { Mutant } from "./mutant.ts"
import { mutantsOfActions } from "./mutant-actions.ts"
import { mutantsOfScenarios } from "./mutant-scenarios.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    law: "J2 G4",
    name: "the journal compares neither revision nor epoch",
    file: "adapters/memory/journal.ts",
    find: "actor?.stored.rev === base && actor.stored.epoch === transition.epoch",
    replace: "actor !== undefined"
  },
  {
    law: "J3",
    name: "the journal takes a message twice",
    file: "adapters/memory/journal.ts",
    find: "if (first !== undefined) {",
    replace: "if (first === -1) {"
  },
  {
    law: "M1 G1",
    name: "an answer comes before its commit",
    file: "runtime/live-actor.ts",
    find: "this.current = envelope.delivery\n",
    replace: "this.current = envelope.delivery\n    envelope.resume(Effect.succeed({ rev: 1, duplicate: false }))\n"
  },
  {
    law: "J1",
    name: "steps that are not taken together are taken to be",
    file: "runtime/activation.ts",
    find: 'if (verdict._tag !== "Won") {',
    replace: 'if (verdict._tag === "Unstorable") {'
  },
  {
    law: "S",
    name: "what is decided together is not what it would be one after another",
    file: "runtime/fold.ts",
    find: "memory = remembered(memory, delivery, decision, memory.rev + 1, memory.epoch)",
    replace: "memory = { ...memory, rev: memory.rev + 1 }"
  },
  {
    law: "G3",
    name: "what a crash kept from the feed is not told at the next activation",
    file: "runtime/notices.ts",
    find: "for (let after = Math.max(0, told - 1); after < rev; ) {",
    replace: "for (let after = rev; after < rev; ) {"
  },
  {
    law: "V1",
    name: "a crashed child is not started again",
    file: "runtime/supervisor.ts",
    find: "        this.#run(again)\n",
    replace: ""
  },
  {
    law: "F1",
    name: "the feed's store appends whatever it holds",
    file: "adapters/memory/feed.ts",
    find: "if (head.seq !== known.seq || head.epoch !== known.epoch)",
    replace: "if (head.seq < 0)"
  },
  {
    law: "F2",
    name: "the feed drops no repeats",
    file: "runtime/local-feeds.ts",
    find: "if (sourceSeq <= (reached.get(source) ?? -1)) return false",
    replace: ""
  },
  {
    law: "F3",
    name: "a gap in the feed is not told",
    file: "runtime/local-feeds.ts",
    find: "gap: first > after + 1 ? { from: after + 1, through: first - 1 } : null",
    replace: "gap: null"
  },
  {
    law: "L1",
    name: "an event is acknowledged to the daemon before it is stored",
    file: "actors/link.ts",
    find: "yield* voice.publish(",
    replace: "yield* Effect.ignore(daemons.ack(sandboxId, daemonId, last.seq))\n          yield* voice.publish("
  },
  {
    law: "L1",
    name: "an event is acknowledged to the daemon before its fact is committed",
    file: "actors/link.ts",
    find: ":${event.seq}`, fact)",
    replace: ":${event.seq}`, fact).pipe(Effect.forkDetach)"
  },
  {
    law: "S5",
    name: "a sandbox that is heard of too late is not destroyed",
    file: "machines/session.ts",
    find: 'guard: "isStraySandbox"',
    replace: 'guard: "isOurs"'
  },
  {
    law: "I5",
    name: "a boot of unknown outcome is told to have failed",
    file: "actors/session.ts",
    find: 'return reason === "unreachable" ? undone(key, failed) : Effect.succeed(failed)',
    replace: "return Effect.succeed(failed)"
  },
  {
    law: "I5",
    name: "a destruction is given up when the provider does not answer",
    file: "actors/session.ts",
    find: "error.isTransient ? Effect.succeed(new NotYet(error.message)) : Effect.die(error)",
    replace: "Effect.die(error)"
  },
  {
    law: "R2",
    name: "a provider that does not answer is taken to say gone",
    file: "actors/reconcilers.ts",
    find: 'if (Option.isNone(status)) return noAnswer(view)\n        if (status.value !== "gone")',
    replace: 'if (Option.isSome(status) && status.value !== "gone")'
  },
  {
    law: "R3",
    name: "however much is in trouble at once, it is put right",
    file: "runtime/drift.ts",
    find: "this.held = isGuarded && isTooMuch",
    replace: "this.held = isGuarded && found.length < 0"
  },
  {
    law: "R2",
    name: "what is in trouble is given no time to come right by itself",
    file: "runtime/drift.ts",
    find: "Math.max(firstMs + graceMs, nextMs)",
    replace: "nextMs"
  },
  {
    law: "R1",
    name: "a fix is taken at any revision",
    file: "runtime/activation.ts",
    find: "ifRev !== undefined && ifRev !== memory.rev",
    replace: "ifRev === -1"
  },
  {
    law: "G5",
    name: "the residents of a lost host are left alone",
    file: "runtime/reconcilers.ts",
    find: "Effect.as(router.wake(address), ",
    replace: "Effect.succeed("
  },
  {
    law: "I5",
    name: "a sandbox at work is taken for one that is astray",
    file: "actors/reconcilers.ts",
    find: "contextOf(view).sandboxId === sandboxId ||",
    replace: ""
  },
  {
    law: "R2",
    name: "what is seen once and then not any more stays in trouble",
    file: "runtime/drift.ts",
    find: "isWhole && !isOpen.has(subject) && !isSilentOn(org)",
    replace: "false"
  },
  ...mutantsOfScenarios,
  ...mutantsOfActions
]
