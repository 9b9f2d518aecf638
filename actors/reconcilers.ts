/**
 * What can come apart between sessions and their sandboxes. Each is put right by a fact that the session's machine answers, at the
 * revision that was looked at; only a sandbox whose session nobody knows is destroyed by a call, and only when a person says so.
 *
 *   session.sandbox-gone   it runs, and its provider says twice that its sandbox does not exist
 *   session.silent         it believes to be linked, and its daemon answers nobody; or its sandbox has stopped, and nobody told it
 *   sandbox.stray          a sandbox that its session does not hold, is not waiting for and is not about to destroy: whatever
 *                          state that session is in, ended ones above all
 */
import { Effect, Option } from "effect"
import type { SessionContext } from "../machines/session/context.ts"
import type { SessionFact } from "../machines/session/events.ts"
import type { Address } from "../runtime/address.ts"
import { nameOf } from "../runtime/address.ts"
import type { Observation, Unknown } from "../runtime/drift.ts"
import { Feeds } from "../runtime/feeds.ts"
import { Oversight } from "../runtime/oversight.ts"
import type { Mendable, Reconciler } from "../runtime/reconcile.ts"
import { reconcileCallsMax, reconcileLooksMax } from "../runtime/reconcile-limits.ts"
import { applied, failed, outcomeOf, overParts } from "../runtime/reconcilers.ts"
import { Router, type View } from "../runtime/router.ts"
import { Daemons } from "./ports/daemons.ts"
import { Sandboxes, type SandboxInfo } from "./ports/sandboxes.ts"
import { sandboxGoneGraceMs, sandboxStrayGraceMs, sessionSilentGraceMs } from "./reconcile-limits.ts"

/** What one look at one thing found. */
type Sight =
  | { readonly _tag: "Fine"; readonly subject: string }
  | { readonly _tag: "Found"; readonly found: Mendable }
  | { readonly _tag: "Unknown"; readonly unknown: Unknown }

const fine = (subject: string): Sight => ({ _tag: "Fine", subject })
const unknown = (org: string | null, subject: string, why: string): Sight => ({ _tag: "Unknown", unknown: { org, subject, why } })

const gathered = (sights: ReadonlyArray<Sight>, isWhole: boolean): Observation<Mendable> => ({
  isWhole,
  judged: sights.flatMap((sight) =>
    sight._tag === "Unknown" ? [] : [sight._tag === "Fine" ? sight.subject : sight.found.subject]
  ),
  found: sights.flatMap((sight) => (sight._tag === "Found" ? [sight.found] : [])),
  unknown: sights.flatMap((sight) => (sight._tag === "Unknown" ? [sight.unknown] : []))
})

const contextOf = ({ context }: View): SessionContext => context as unknown as SessionContext
const sessionAddress = (org: string, id: string): Address => ({ org, kind: "session", id, home: id })

export const sessionReconcilers = Effect.gen(function* () {
  const [router, feeds] = [yield* Router, yield* Feeds]
  const oversight = yield* Oversight
  const [sandboxes, daemons] = [yield* Sandboxes, yield* Daemons]

  /** A fact at the revision that was seen, from a view that shows why. */
  const telling = (
    view: View,
    fact: SessionFact,
    effect: string,
    said: Pick<Mendable, "reason" | "observed" | "mark">
  ): Sight => ({
    _tag: "Found",
    found: {
      subject: nameOf(view.address),
      org: view.address.org,
      actor: view.address,
      severity: "bad",
      desired: { status: view.status, rev: view.rev, sandboxId: contextOf(view).sandboxId },
      fix: { event: fact.type, effect, mode: "safe", ifRevision: view.rev },
      mend: (id, by) => outcomeOf(router.ask(view.address, { id, event: fact, by, ifRev: view.rev })),
      ...said
    }
  })

  /** Looks at sessions that run, a page a time. */
  const running = (kind: string, judge: (view: View, sandboxId: string) => Effect.Effect<Sight>) =>
    overParts(
      kind,
      Effect.map(Oversight, ({ standing }) => {
        let after: string | null = null
        return Effect.gen(function* () {
          const page = yield* standing(after, reconcileLooksMax)
          const isWhole = after === null && page.length < reconcileLooksMax
          after = page.length < reconcileLooksMax ? null : page.at(-1)!.address.id
          const sights = yield* Effect.forEach(
            page.filter(({ address }) => address.kind === "session"),
            ({ address }) =>
              router.look(address).pipe(
                Effect.flatMap((view) => {
                  const sandboxId = view === null ? null : contextOf(view).sandboxId
                  return view === null || sandboxId === null || view.status !== "running"
                    ? Effect.succeed(fine(nameOf(address)))
                    : judge(view, sandboxId)
                }),
                Effect.catch(({ message }) => Effect.succeed(unknown(address.org, nameOf(address), message)))
              ),
            { concurrency: reconcileCallsMax }
          )
          return gathered(sights, isWhole)
        })
      })
    )

  const statusOf = (sandboxId: string) => Effect.option(sandboxes.status(sandboxId))
  const noAnswer = ({ address }: View) => unknown(address.org, nameOf(address), `${sandboxes.provider} does not answer`)

  const gone: Reconciler = {
    kind: "session.sandbox-gone",
    graceMs: sandboxGoneGraceMs,
    sightings: 2,
    isGuarded: true,
    look: yield* running("session.sandbox-gone", (view, sandboxId) =>
      Effect.map(statusOf(sandboxId), (status) => {
        if (Option.isNone(status)) return noAnswer(view)
        if (status.value !== "gone") return fine(nameOf(view.address))
        return telling(view, { type: "sandbox.gone", sandboxId }, "goes on in another sandbox, from its last snapshot", {
          reason: "its provider says that its sandbox does not exist",
          observed: { sandbox: "gone", provider: sandboxes.provider },
          mark: sandboxId
        })
      })
    )
  }

  /** How far the daemons of a session were heard: what moves is not silent. */
  const heardOf = ({ address }: View) =>
    feeds.head({ org: address.org, id: address.home }).pipe(
      Effect.map(({ sources }) =>
        Object.entries(sources).reduce((sum, [source, seq]) => (source.startsWith("daemon/") ? sum + seq : sum), 0)
      ),
      Effect.option
    )

  const silent: Reconciler = {
    kind: "session.silent",
    graceMs: sessionSilentGraceMs,
    sightings: 3,
    isGuarded: true,
    look: yield* running(
      "session.silent",
      Effect.fnUntraced(function* (view, sandboxId) {
        const name = nameOf(view.address)
        // A link that knows it is lost has its own deadline.
        if (contextOf(view).linkLost) return fine(name)
        if (Option.isSome(yield* Effect.option(daemons.health(sandboxId)))) return fine(name)
        const [status, heard] = [yield* statusOf(sandboxId), yield* heardOf(view)]
        if (Option.isNone(status) || Option.isNone(heard)) return noAnswer(view)
        if (status.value === "gone") return fine(name)
        const said = { observed: { sandbox: status.value, daemon: "no answer" }, mark: `${view.rev}:${heard.value}` }
        return status.value === "stopped"
          ? telling(view, { type: "sandbox.stopped", sandboxId }, "is brought back over its disk", {
              ...said,
              reason: "its sandbox has stopped, and nobody told it"
            })
          : telling(
              view,
              { type: "link.lost", sandboxId, reason: "silent", message: "its daemon answers nobody" },
              "has 45 s to be linked again, and is then recovered",
              { ...said, reason: "it believes to be linked, and its daemon answers nobody" }
            )
      })
    )
  }

  const strayOf = (sandbox: SandboxInfo, said: Omit<Mendable, "subject" | "org" | "severity" | "desired" | "mark">): Sight => ({
    _tag: "Found",
    found: {
      subject: sandbox.sandboxId,
      org: sandbox.org,
      severity: "warn",
      desired: { sandbox: "gone" },
      mark: sandbox.sandboxId,
      ...said
    }
  })

  const judgeSandbox = Effect.fnUntraced(function* (sandbox: SandboxInfo) {
    const { sandboxId, sessionId, org, key } = sandbox
    const address = sessionAddress(org, sessionId)
    // First what is asked for, then who holds what: a boot that ends in between has its sandbox by then.
    const asked = yield* oversight.commandsOf(address)
    const view = yield* router.look(address)
    if (view === null) {
      return strayOf(sandbox, {
        actor: null,
        reason: `it says that it belongs to ${sessionId}, which nobody knows here`,
        observed: { sandbox: "exists", provider: sandboxes.provider, session: null },
        fix: { event: "destroy", effect: "the sandbox and what is in it are gone", mode: "ask", ifRevision: null },
        mend: () =>
          sandboxes.destroy(sandboxId).pipe(
            Effect.as(applied("destroyed")),
            Effect.catch(({ message }) => Effect.succeed(failed(message)))
          )
      })
    }
    if (view.quarantine !== null) return unknown(org, sandboxId, `${sessionId} is set aside`)
    const isExpected =
      contextOf(view).sandboxId === sandboxId ||
      asked.some(
        (command) =>
          command.key === key ||
          (command.name === "destroySandbox" && (command.params as { readonly sandboxId?: string }).sandboxId === sandboxId)
      )
    if (isExpected) return fine(sandboxId)
    // The answer to a boot that nobody remembers: the machine destroys what such a one brings. No boot has the number 0.
    const fact: SessionFact = { type: "sandbox.ready", boot: 0, sandboxId, stateLost: false }
    return strayOf(sandbox, {
      actor: address,
      reason: `${sessionId} is ${view.status} and does not hold it`,
      observed: { sandbox: "exists", provider: sandboxes.provider, session: view.status },
      fix: { event: fact.type, effect: "its session plans its destruction", mode: "safe", ifRevision: view.rev },
      mend: (id, by) => outcomeOf(router.ask(address, { id, event: fact, by, ifRev: view.rev }))
    })
  })

  /** Where the next look at sandboxes goes on. */
  let next = 0
  const stray: Reconciler = {
    kind: "sandbox.stray",
    graceMs: sandboxStrayGraceMs,
    sightings: 2,
    isGuarded: true,
    look: sandboxes.list.pipe(
      Effect.flatMap((list) => {
        const inOrder = list.toSorted((left, right) => (left.sandboxId < right.sandboxId ? -1 : 1))
        const page = inOrder.slice(next, next + reconcileLooksMax)
        next = page.length < reconcileLooksMax ? 0 : next + reconcileLooksMax
        return Effect.forEach(
          page,
          (sandbox) =>
            Effect.catch(judgeSandbox(sandbox), ({ message }) =>
              Effect.succeed(unknown(sandbox.org, sandbox.sandboxId, message))
            ),
          { concurrency: reconcileCallsMax }
        ).pipe(Effect.map((sights) => gathered(sights, page.length === list.length)))
      }),
      Effect.catch(({ message }) =>
        Effect.succeed(gathered([unknown(null, sandboxes.provider, `its sandboxes are not counted: ${message}`)], false))
      )
    )
  }

  return [gone, silent, stray]
})
