/**
 * Who watches a session, as each server says it to all in a room of the coordination: users, and how many sockets each has there.
 * Known a moment after somebody came, and of a server that died for half a minute too long.
 */
import { Effect, Schema } from "effect"
import type { Coordination } from "../runtime/coordination.ts"

/** `session` is `org/id`. */
export const watchersRoom = (session: string): string => `watchers/${session}`

export type Watchers = Readonly<Record<string, number>>
const decodeWatchers = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Int)))
export const encodeWatchers = (watchers: Watchers): string => JSON.stringify(watchers)

/** Of each server by its name. What is no list of watchers is left out. */
export const watchersOf = (
  coordination: Coordination["Service"],
  session: string
): Effect.Effect<ReadonlyArray<{ readonly server: string; readonly watchers: Watchers }>> =>
  Effect.map(coordination.present(watchersRoom(session)), (said) =>
    said.flatMap(({ who, says }) => {
      const decoded = decodeWatchers(says)
      return decoded._tag === "Some" ? [{ server: who, watchers: decoded.value }] : []
    })
  )
