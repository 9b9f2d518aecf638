/** What operators do with commands that are not settled, over the API. Nobody claims a command here, or ends one that was begun. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { sessionAddress } from "../../actors/services/sessions.ts"
import { Journal } from "../../runtime/journal.ts"
import { Oversight } from "../../runtime/oversight.ts"
import { Router } from "../../runtime/router.ts"
import { startGateway } from "../support/gateway.ts"

const withoutHands = startGateway({
  sandboxesAreMade: false,
  disturb: (operation) => Effect.succeed(operation === "claim" ? "unavailable" : null)
})
/** As if whoever runs them had died. */
const abandon = Journal.use((journal) => journal.reclaim)

describe("an operator", () => {
  it.live("sees commands, has buried ones run again by what they are, and discards one: its actor is told", () =>
    Effect.gen(function* () {
      const its = yield* withoutHands
      const { ask, must, owner } = its
      const { id } = yield* its.session({ start: true })
      yield* its.its(abandon)
      const list = (query = "") => must(owner.token, "GET", `/v1/operations/commands${query}`)
      const { commands, isCut } = yield* list()
      assert.isFalse(isCut)
      const [waiting] = commands
      assert.deepInclude(waiting, {
        kind: "session",
        actor: id,
        name: "provisionSandbox",
        state: "waiting",
        attempt: 1,
        error: null
      })
      const { key } = waiting

      yield* its.its(
        Effect.gen(function* () {
          const [oversight, journal] = [yield* Oversight, yield* Journal]
          const seized = yield* oversight.seize(its.organisation.id, key, 60_000)
          if (seized === null || seized === "running") throw new Error("nobody else is there")
          yield* journal.bury(seized, "no answer; token=abcdefgh12345678")
        })
      )
      const [dead] = (yield* list("?dead=true")).commands
      assert.deepInclude(dead, { key, state: "dead", attempt: 2, error: "no answer; token=[redacted]" })
      assert.deepEqual((yield* list()).commands, [])

      const retry = (body: unknown) => must(owner.token, "POST", "/v1/operations/commands/retry", body)
      const found = { keys: [key], isCut: false }
      assert.deepEqual(yield* retry({ query: { error: "quota" }, dryRun: true }), { keys: [], isCut: false })
      assert.deepEqual(yield* retry({ query: { name: "provisionSandbox", error: "no answer" }, dryRun: true }), found)
      assert.lengthOf((yield* list("?dead=true")).commands, 1)
      const reasonless = yield* ask(owner.token, "POST", "/v1/operations/commands/retry", { query: {}, dryRun: false })
      assert.strictEqual(reasonless.status, 400)
      assert.deepEqual(yield* retry({ query: { actor: id }, dryRun: false, why: "it is back" }), found)
      assert.deepEqual(yield* retry({ keys: [key], why: "again" }), { keys: [], isCut: false })
      assert.lengthOf((yield* list()).commands, 1)

      const other = yield* must(owner.token, "POST", "/v1/organisations", {
        name: "Second",
        owner: { name: "Bo", email: "bo@example.org" }
      })
      const theirs = other.token.secret
      assert.deepEqual((yield* must(theirs, "GET", "/v1/operations/commands")).commands, [])
      const discard = (token: string) => ask(token, "POST", `/v1/operations/commands/${key}/discard`, { why: "for good" })
      assert.strictEqual((yield* discard(theirs)).status, 404)
      assert.strictEqual((yield* discard(owner.token)).status, 204)
      const { rows } = yield* must(owner.token, "GET", `/v1/actors/session/${id}/history`)
      const told = rows.find(({ messageId }: any) => messageId === `buried:${key}`)
      assert.deepInclude(told.event, { type: "sandbox.failed", reason: "crashed", message: `discarded by ${owner.id}: for good` })
      assert.isNotEmpty(told.taken)
      assert.strictEqual((yield* discard(owner.token)).status, 404)
      assert.isFalse((yield* list()).commands.some((command: any) => command.key === key))
      const { notes } = yield* must(owner.token, "GET", "/v1/operations/audit")
      assert.deepEqual(
        notes.map(({ fix, subject, why, outcome }: any) => [fix, subject, why, outcome]),
        [
          ["discard", key, "for good", "provisionSandbox is no more; its actor was told sandbox.failed"],
          ["retry", key, "it is back", "it is due again"]
        ]
      )
    })
  )

  it.live("does not end a command that runs, nor one whose actor is set aside", () =>
    Effect.gen(function* () {
      const its = yield* withoutHands
      const { ask, must, organisation, owner } = its
      const discardOf = Effect.fnUntraced(function* (id: string) {
        const { commands } = yield* must(owner.token, "GET", "/v1/operations/commands")
        const { key } = commands.find(({ actor }: any) => actor === id)
        return [key, ask(owner.token, "POST", `/v1/operations/commands/${key}/discard`, { why: "x" })] as const
      })
      const [, discardRuns] = yield* discardOf((yield* its.session({ start: true })).id)
      assert.deepInclude((yield* discardRuns).body, { status: 409, code: "refused" })

      const { id } = yield* its.session({ start: true })
      const [, discardAside] = yield* discardOf(id)
      const address = sessionAddress(organisation.id, id)
      yield* its.its(abandon)
      yield* its.its(Journal.use((journal) => journal.quarantine(address, { reason: "five crashes", event: null })))
      yield* its.its(Router.use((router) => router.wake(address)))
      assert.strictEqual((yield* discardAside).status, 423)
      const { commands } = yield* must(owner.token, "GET", "/v1/operations/commands")
      assert.deepInclude(
        commands.find(({ actor }: any) => actor === id),
        { isAside: true }
      )
    })
  )
})
