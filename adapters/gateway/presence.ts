/**
 * Who watches which session, in this process. Joining and leaving is told to everyone who watches it, at most once in 50 ms, however
 * many come at once. Watching wakes no session: this knows sockets and nothing else.
 */
import { Effect } from "effect"
import { encode } from "./frames.ts"

const tellAfterMs = 50

interface Watcher {
  /** Null: not a person, so not shown; told all the same. */
  readonly user: string | null
  readonly tell: (frame: Uint8Array) => void
}

interface Room {
  readonly watchers: Set<Watcher>
  isDue: boolean
}

const watchersIn = ({ watchers }: Room) => {
  const sockets = new Map<string, number>()
  for (const { user } of watchers) if (user !== null) sockets.set(user, (sockets.get(user) ?? 0) + 1)
  return [...sockets].map(([user, count]) => ({ user, sockets: count }))
}

export class Presence {
  readonly #rooms = new Map<string, Room>()
  readonly #fork: (effect: Effect.Effect<void>) => void

  constructor(fork: (effect: Effect.Effect<void>) => void) {
    this.#fork = fork
  }

  /** Returns how to leave. */
  join(session: string, watcher: Watcher): () => void {
    const room = this.#rooms.get(session) ?? { watchers: new Set(), isDue: false }
    this.#rooms.set(session, room)
    room.watchers.add(watcher)
    this.#announce(room)
    return () => {
      room.watchers.delete(watcher)
      if (room.watchers.size === 0) this.#rooms.delete(session)
      else this.#announce(room)
    }
  }

  #announce(room: Room): void {
    if (room.isDue) return
    room.isDue = true
    const tell = Effect.sync(() => {
      room.isDue = false
      const frame = encode({ type: "presence", watchers: watchersIn(room) })
      for (const watcher of room.watchers) watcher.tell(frame)
    })
    this.#fork(Effect.delay(tell, tellAfterMs))
  }
}
