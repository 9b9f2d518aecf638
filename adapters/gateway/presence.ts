/**
 * Who watches which session, on all servers. Joining and leaving is told to everyone who watches it, at most once in 50 ms, however
 * many come at once. Each server says for itself who watches there, again every 10 s; of one that died it is forgotten after 30.
 * Watching wakes no session: this knows sockets and nothing else.
 */

import { Effect } from "effect"
import { encodeWatchers, watchersOf, watchersRoom } from "../../actors/watchers.ts"
import { newId } from "../../runtime/address.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { unending } from "../../runtime/unending.ts"
import { encode } from "./frames.ts"
import { tellWatchersAfterMs, watchersAgainMs, watchersForMs } from "./limits.ts"

interface Watcher {
  /** Null: not a person, so not shown; told all the same. */
  readonly user: string | null
  readonly tell: (frame: Uint8Array) => void
}

interface Room {
  readonly watchers: Set<Watcher>
  isDue: boolean
  /** Somebody came or left here, which the other servers do not know yet. */
  isNews: boolean
  /** The list as it was told last. */
  told: string
}

const countsOf = ({ watchers }: Room): Record<string, number> => {
  const sockets: Record<string, number> = {}
  for (const { user } of watchers) if (user !== null) sockets[user] = (sockets[user] ?? 0) + 1
  return sockets
}

export interface Presence {
  /** Returns how to leave. `session` is `org/id`. */
  readonly join: (session: string, watcher: Watcher) => () => void
}

export const makePresence = Effect.fnUntraced(function* (fork: (effect: Effect.Effect<void>) => void) {
  const coordination = yield* Coordination
  const server = yield* newId("srv")
  const rooms = new Map<string, Room>()

  /** Sessions that the others know to be watched here. */
  const known = new Set<string>()

  const publish = (session: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      // The room of now: the one that was left empty may have been entered anew.
      const room = rooms.get(session)
      if (room === undefined) return known.delete(session) ? coordination.leave(watchersRoom(session), server) : Effect.void
      known.add(session)
      return coordination.enter(watchersRoom(session), { who: server, says: encodeWatchers(countsOf(room)) }, watchersForMs)
    })
  yield* Effect.addFinalizer(() =>
    Effect.forEach([...known], (session) => coordination.leave(watchersRoom(session), server), { concurrency: 16, discard: true })
  )

  const tell = Effect.fnUntraced(function* (session: string, room: Room) {
    room.isDue = false
    const { isNews } = room
    room.isNews = false
    if (isNews) {
      yield* publish(session)
      yield* coordination.publish("watchers", session)
    }
    if (room.watchers.size === 0) return
    const sockets = new Map<string, number>()
    const count = (counts: Readonly<Record<string, number>>) => {
      for (const [user, n] of Object.entries(counts)) sockets.set(user, (sockets.get(user) ?? 0) + n)
    }
    // Of this server what is so now, not what it said.
    const others = (yield* watchersOf(coordination, session)).filter((other) => other.server !== server)
    count(countsOf(room))
    for (const { watchers } of others) count(watchers)
    const watchers = [...sockets].map(([user, n]) => ({ user, sockets: n }))
    const list = JSON.stringify(watchers)
    if (!isNews && list === room.told) return
    room.told = list
    const frame = encode({ type: "presence", watchers })
    for (const watcher of room.watchers) watcher.tell(frame)
  })

  const announce = (session: string, room: Room, isNews: boolean): void => {
    room.isNews ||= isNews
    if (room.isDue) return
    room.isDue = true
    fork(Effect.delay(tell(session, room), tellWatchersAfterMs))
  }

  const announceAll = Effect.sync(() => {
    for (const [session, room] of rooms) announce(session, room, false)
  })

  yield* coordination.subscribe("watchers", (session) => {
    if (session === null) return fork(announceAll)
    const room = rooms.get(session)
    if (room !== undefined) announce(session, room, false)
  })

  // A server that was flushed has it again, and one that died is noticed. Alone, it is said for whoever asks in this process.
  const again = Effect.gen(function* () {
    for (const session of [...rooms.keys()]) yield* publish(session)
    if (coordination.isShared) yield* announceAll
  })
  yield* Effect.forkScoped(unending("saying who watches", Effect.delay(again, watchersAgainMs)))

  return {
    join: (session, watcher) => {
      const room = rooms.get(session) ?? { watchers: new Set(), isDue: false, isNews: false, told: "" }
      rooms.set(session, room)
      room.watchers.add(watcher)
      announce(session, room, true)
      return () => {
        room.watchers.delete(watcher)
        if (room.watchers.size === 0 && rooms.get(session) === room) rooms.delete(session)
        announce(session, room, true)
      }
    }
  } satisfies Presence as Presence
})
