/** What can go wrong with a request, for tests to ask for. A route is written as the SDK's types have it: `POST /v2/sandboxes`. */

export type Fault =
  /** Refused, nothing was done. */
  | { readonly status: number; readonly message?: string; readonly retryAfterSeconds?: number }
  /** The connection breaks, before or after it was done. */
  | "cut-before"
  | "cut-after"
  /** Done twice: the request arrived again. */
  | "twice"
  /** Answered with something else than what the types say. */
  | "nonsense"

export class Faults {
  readonly #planned: Array<{ readonly route: string; readonly fault: Fault; left: number }> = []

  plan(route: string, fault: Fault, times = 1): void {
    this.#planned.push({ route, fault, left: times })
  }

  next(route: string): Fault | null {
    const found = this.#planned.find((each) => each.route === route && each.left > 0)
    if (found === undefined) return null
    found.left -= 1
    return found.fault
  }

  get left(): number {
    return this.#planned.reduce((sum, { left }) => sum + left, 0)
  }
}
