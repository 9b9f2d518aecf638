/**
 * Bodies on their way in. A body that is waited for holds none of the places of requests, and has a time to be there; of each
 * principal a few are waited for, and of all strangers together: whoever sends slowly keeps only themselves waiting.
 */
import { Effect } from "effect"
import type { Head } from "./http.ts"
import { bodiesMax, bodyWithinMs, strangersBodiesMax, strangersBodyWithinMs } from "./limits.ts"
import { HttpError } from "./problem.ts"

const stranger = ""

const late = (withinMs: number) =>
  new HttpError({ status: 408, message: `the body did not arrive within ${withinMs / 1000} s`, headers: {} })
const tooMany = (who: string, max: number) =>
  who === stranger
    ? new HttpError({ status: 503, message: "too many bodies are on their way; try again", headers: {} })
    : new HttpError({ status: 429, message: `more than ${max} bodies of yours are on their way; send them sooner`, headers: {} })

const bringsBody = ({ headers }: Head): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0

export class Arrivals {
  readonly #waiting = new Map<string, number>()
  #count = 0

  /** Of all. */
  get count(): number {
    return this.#count
  }

  /** `who`: null for a stranger. */
  wait(who: string | null, head: Head, body: Effect.Effect<Uint8Array>): Effect.Effect<Uint8Array, HttpError> {
    const [name, max, withinMs] =
      who === null ? [stranger, strangersBodiesMax, strangersBodyWithinMs] : [who, bodiesMax, bodyWithinMs]
    const inTime = Effect.timeoutOrElse(body, { duration: withinMs, orElse: () => Effect.fail(late(withinMs)) })
    // There at once.
    if (!bringsBody(head)) return inTime
    return Effect.suspend(() => {
      const waiting = this.#waiting.get(name) ?? 0
      if (waiting >= max) return Effect.fail(tooMany(name, max))
      this.#waiting.set(name, waiting + 1)
      this.#count += 1
      return Effect.ensuring(
        inTime,
        Effect.sync(() => this.#over(name))
      )
    })
  }

  #over(name: string): void {
    const left = this.#waiting.get(name)! - 1
    if (left === 0) this.#waiting.delete(name)
    else this.#waiting.set(name, left)
    this.#count -= 1
  }
}
