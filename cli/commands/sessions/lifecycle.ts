import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { call, ownConnection } from "../../api.ts"
import { Failed } from "../../failure.ts"
import { endedInstead, follow } from "../../follow.ts"
import { answer, Json } from "../../output.ts"
import { isOver, type View } from "../../view.ts"
import { pathOf, sessionId } from "./session.ts"

const Accepted = Schema.Struct({ rev: Schema.Int, duplicate: Schema.Boolean })

/** A request of a person to a session; `isDone` is what `--wait` waits for. */
const request = <const Name extends string>(
  name: Name,
  {
    short,
    long,
    isDone,
    said
  }: { readonly short: string; readonly long: string; readonly isDone: (view: View) => boolean; readonly said: string }
) =>
  Command.make(
    name,
    {
      id: sessionId,
      wait: Flag.Boolean("wait").pipe(
        Flag.withAlias("w"),
        Flag.withDescription("Show what happens and leave when it is done"),
        Flag.withDefault(false)
      ),
      timeout: Flag.Int("timeout").pipe(
        Flag.withDescription("With --wait: seconds to wait at most, then it leaves with 7"),
        Flag.withDefault(600)
      ),
      idempotencyKey: Flag.String("idempotency-key").pipe(
        Flag.withDescription("The same key again is one request"),
        Flag.optional
      )
    },
    Effect.fn(`cli.sessions.${name}`)(function* ({ id, wait, timeout, idempotencyKey }) {
      const [connection, json] = [yield* ownConnection, yield* Json]
      const post = call(connection, "POST", pathOf(id, `/${name}`), Accepted, {
        body: {},
        headers: Option.isSome(idempotencyKey) ? { "idempotency-key": idempotencyKey.value } : {}
      })
      if (!wait) {
        const reply = yield* post
        return yield* answer(reply.json, () => said)
      }
      let asked: number | null = null
      const { view, detached } = yield* follow(connection, id, {
        from: "now",
        json,
        first: Effect.map(post, ({ value }) => {
          asked = value.rev
        }),
        until: (view) => asked !== null && view.isLive && (isDone(view) || isOver(view, asked))
      }).pipe(
        Effect.timeoutOrElse({
          duration: timeout * 1000,
          orElse: () =>
            Effect.fail(
              new Failed({
                exit: "pending",
                what: `\`${name}\` is not done after ${timeout} s`,
                todo: `\`proliferate sessions show ${id}\` says how far it is.`
              })
            )
        })
      )
      if (detached !== null) return yield* Effect.interrupt
      if (!isDone(view)) return yield* endedInstead(id, view)
    })
  ).pipe(Command.withShortDescription(short), Command.withDescription(long))

export const start = request("start", {
  short: "Boot a session that was created with --no-start",
  long: "Boots the sandbox, clones the repositories and starts the agent.",
  isDone: ({ status }) => status === "running",
  said: "It starts."
})

export const interrupt = request("interrupt", {
  short: "Stop the turn that runs, not the session",
  long: "Asks the agent to stop what it does now. The session stays, with everything done so far; prompts that wait are next.",
  isDone: ({ turnId }) => turnId === null,
  said: "The agent is asked to stop."
})

export const pause = request("pause", {
  short: "Save a session and free its sandbox",
  long: "Ends the turn, saves the disk as a snapshot and gives the sandbox back. `resume`, or a prompt, brings it all back.",
  isDone: ({ status }) => status === "paused",
  said: "It pauses: its disk is being saved."
})

export const resume = request("resume", {
  short: "Bring a paused or failed session back",
  long: "Boots from the last snapshot: files and, where the agent can, the conversation are there again.",
  isDone: ({ status }) => status === "running",
  said: "It resumes."
})

export const stop = request("stop", {
  short: "End a session for good",
  long: "Ends the turn, drops what waits and destroys sandbox and snapshot. What was not pushed is gone; what was said stays readable.",
  isDone: ({ status }) => status === "stopped",
  said: "It stops."
})
