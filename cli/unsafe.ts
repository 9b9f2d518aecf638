/** Running agents without isolation is asked for by name, said at every start, and never for people beyond this machine. */
import { Effect, Schema } from "effect"

export class Exposed extends Schema.TaggedError<Exposed>()("Exposed", { message: Schema.String }) {}

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)

export const requireLoopback = (isolation: string | undefined, host: string) =>
  isolation !== "unsafe" || isLoopback(host)
    ? Effect.void
    : Effect.fail(
        new Exposed({
          message: `without isolation whoever reaches this server has this machine, so it listens on the loopback alone, not on ${host}. Unset PROLIFERATE_HOST, or PROLIFERATE_ISOLATION=unsafe.`
        })
      )

export const isolationText = (isolation: string): string =>
  isolation === "unsafe" ? "NONE (unsafe): agents do on this machine whatever your user may do" : isolation
